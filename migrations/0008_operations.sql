-- Operating the read models: pausing, resetting and rebuilding them, and stepping over events that
-- they cannot take.
--
-- Read models are disposable, so they belong to the servers' group role, which makes, exchanges and
-- drops them at run time. The log stays out of its reach.
do $$
begin
    -- Handing objects over to daybook_server takes membership in it, as with daybook_log.
    if not pg_has_role(current_user, 'daybook_server',
            case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end) then
        execute format('grant daybook_server to %I', current_user);
    end if;
    if not has_database_privilege('daybook_server', current_database(), 'create') then
        execute format('grant create on database %I to daybook_server', current_database());
    end if;
    -- Whoever may grant nothing on the database is only warned.
    if not has_database_privilege('daybook_server', current_database(), 'create') then
        raise insufficient_privilege;
    end if;
exception when insufficient_privilege then
    raise exception
        'the role % may not let daybook_server make schemas; as a superuser, "grant create on database % to daybook_server" '
        'and "grant daybook_server to % with admin option"',
        current_user, quote_ident(current_database()), quote_ident(current_user);
end;
$$;

do $$
declare
    schema_name text;
    table_name  text;
begin
    foreach schema_name in array array['catalog', 'orders', 'users'] loop
        execute format('alter schema %I owner to daybook_server', schema_name);
        for table_name in select tablename from pg_tables where schemaname = schema_name loop
            execute format('alter table %I.%I owner to daybook_server', schema_name, table_name);
        end loop;
    end loop;
end;
$$;

-- A paused read model stays where it is until an operator resumes it.
alter table projections.checkpoints
    drop constraint checkpoints_state_check,
    add constraint checkpoints_state_check check (state in ('live', 'halted', 'paused')),
    -- Events that its worker lately applied in a second of work; stale once updated_at is.
    add column events_per_second double precision not null default 0,
    -- Counts the times that the rows behind a checkpoint were exchanged (switched, rolled back, reset): a
    -- worker that read the checkpoint before, and whose rows went into what was exchanged, must not move it.
    add column generation bigint not null default 0;

-- Events that a projection passes over, live and in every build. A stream whose first event was skipped
-- is passed over whole, and each of its later events is noted here when it comes.
create table projections.dead_letters (
    name       text        not null, -- the projection
    position   bigint      not null,
    stream     text        not null, -- 'order/<id>'
    sequence   bigint      not null,
    event_id   uuid        not null,
    event_type text        not null,
    error      text        not null, -- why it could not be projected
    reason     text        not null, -- why it was skipped all the same
    actor      text        not null,
    at         timestamptz not null default clock_timestamp(),
    constraint dead_letters_pkey primary key (name, position)
);

-- What operators did, with whom to ask about it.
create table projections.operator_actions (
    id     uuid        not null, -- one for all projections that an action concerned
    at     timestamptz not null default clock_timestamp(),
    actor  text        not null, -- 'cli:<user of the system>', 'user:<id>'
    action text        not null,
    name   text        not null, -- the projection
    detail jsonb       not null, -- what this action was about: a position, a reason, a schema, an outcome
    constraint operator_actions_pkey primary key (id, name)
);
create index operator_actions_by_name on projections.operator_actions (name, at, id);

-- Read models in the making. The builder's session holds an advisory lock; a row whose session is gone
-- was left over by a builder that died, and says nothing.
create table projections.builds (
    schema_name       text             not null, -- where it is built
    name              text             not null, -- the projection
    purpose           text             not null check (purpose in ('rebuild', 'verify', 'rollback', 'as-of')),
    version           integer          not null,
    position          bigint           not null check (position >= 0),
    target            bigint           not null, -- how far it goes before it is compared
    phase             text             not null, -- 'building', 'indexing', 'comparing', 'catching-up', 'switching'
    events_per_second double precision not null,
    builder           text             not null,
    started_at        timestamptz      not null,
    updated_at        timestamptz      not null,
    session_pid       integer          not null,
    session_started   timestamptz      not null,
    constraint builds_pkey primary key (schema_name)
);

-- The read model that was last switched out, kept so that it can be switched back.
create table projections.previous (
    name        text        not null,
    version     integer     not null,
    schema_name text        not null,
    position    bigint      not null check (position >= 0),
    replaced_at timestamptz not null,
    constraint previous_pkey primary key (name)
);

-- What was done and what was skipped is not taken back.
revoke update, delete on projections.dead_letters, projections.operator_actions from daybook_server;
