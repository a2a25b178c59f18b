-- Stands in for the real migrations: the group roles, a table with an owner who cannot log in.
do $$
begin
    create role daybook_log nologin;
exception when duplicate_object or unique_violation then null;
end
$$;
do $$
begin
    create role daybook_server nologin;
exception when duplicate_object or unique_violation then null;
end
$$;
create schema log;
create table log.events (position bigint primary key, payload text not null);
grant usage on schema log to daybook_server;
grant select on log.events to daybook_server;
