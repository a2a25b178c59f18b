-- What visitors do in the shop, as their browsers and apps tell it. No part of the log and no read
-- model: nothing can make it anew, so the server's role may add to it and read it, and that is all.
create schema usage;

create table usage.events (
    event_id    uuid        not null,
    at          timestamptz not null, -- by the visitor's clock
    session_id  text        not null,
    user_id     uuid,
    event_type  text        not null,
    event       json        not null, -- text as it came
    received_at timestamptz not null default now()
) partition by range (at);
-- All that the funnel asks for, so that it is answered from the index.
create index events_by_type on usage.events (event_type, at, session_id);

-- Which events are there already, whatever their day: a key over partitions by `at` would have to
-- contain `at`, and an event sent again with another instant would be another event.
create table usage.event_ids (
    event_id uuid not null,
    day      date not null, -- the partition that holds it, in UTC
    constraint event_ids_pkey primary key (event_id)
);

-- Makes the partitions of days in UTC that are missing. Each is made aside and then attached, which
-- unlike `create table … partition of` neither waits for inserts and reports nor keeps them waiting.
create function usage.ensure_days(days date[]) returns void
language plpgsql volatile security definer
set search_path = usage, pg_temp
as $$
declare
    missing   date;
    partition text;
begin
    if not exists (
        select from unnest(days) as d (day)
        where to_regclass('usage.events_' || to_char(d.day, 'YYYYMMDD')) is null
    ) then
        return;
    end if;
    perform pg_advisory_xact_lock(4919011202);
    -- Whoever held the lock before may have made them. Asked of the table, since to_regclass goes by a
    -- cache that taking this lock does not refresh.
    for missing in
        select distinct d.day
        from unnest(days) as d (day)
        where not exists (
            select from pg_class c
            where c.relnamespace = 'usage'::regnamespace and c.relname = 'events_' || to_char(d.day, 'YYYYMMDD'))
    loop
        partition := 'events_' || to_char(missing, 'YYYYMMDD');
        execute format('create table usage.%I (like usage.events including defaults)', partition);
        execute format(
            'alter table usage.events attach partition usage.%I for values from (%L) to (%L)',
            partition, missing::timestamp at time zone 'UTC', (missing + 1)::timestamp at time zone 'UTC');
    end loop;
end;
$$;

grant usage on schema usage to daybook_server;
grant select, insert on usage.events, usage.event_ids to daybook_server;
revoke execute on function usage.ensure_days from public;
grant execute on function usage.ensure_days to daybook_server;

-- Like the log, it belongs to the role that nobody logs in as; the function makes partitions as that.
grant usage, create on schema usage to daybook_log;
alter table usage.events owner to daybook_log;
alter table usage.event_ids owner to daybook_log;
alter function usage.ensure_days owner to daybook_log;
