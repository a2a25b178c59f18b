-- The log: events, the claims that keep values unique, the answers given to idempotency keys and
-- the keys that personal data is sealed with.
--
-- Two roles that nobody logs in as. `daybook_log` owns the log. `daybook_server` is what a server may
-- do: read the log and append through append_batch, nothing else. Roles belong to the whole cluster,
-- so another Daybook database may have made them already.
do $$
declare
    missing text;
begin
    foreach missing in array array['daybook_log', 'daybook_server'] loop
        if not exists (select from pg_roles where rolname = missing) then
            begin
                execute format('create role %I nologin', missing);
            exception when duplicate_object or unique_violation then
                null; -- another database's migration was faster
            end;
        end if;
    end loop;
    -- Handing objects over to daybook_log takes membership in it: since PostgreSQL 16 one that may
    -- also act as the role, which its creator is not.
    if not pg_has_role(current_user, 'daybook_log',
            case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end) then
        execute format('grant daybook_log to %I', current_user);
    end if;
exception when insufficient_privilege then
    raise exception
        'the role % may not create or grant roles; as a superuser, either "alter role % createrole", or '
        '"create role daybook_log nologin; create role daybook_server nologin; '
        'grant daybook_log, daybook_server to % with admin option"',
        current_user, current_user, current_user;
end;
$$;

create schema log;

-- A superset of the table that postgres-es expects: same names and types, then Daybook's own columns.
create table log.events (
    aggregate_type    text        not null,
    aggregate_id      text        not null,
    sequence          bigint      not null check (sequence >= 1),
    event_type        text        not null,
    event_version     text        not null,
    payload           json        not null,
    metadata          json        not null,
    position          bigint      not null,
    event_id          uuid        not null,
    occurred_at       timestamptz not null,
    recorded_at       timestamptz not null,
    previous_sequence bigint generated always as (nullif(sequence - 1, 0)) stored,
    constraint events_pkey primary key (aggregate_type, aggregate_id, sequence),
    constraint events_position_key unique (position),
    -- A stream has no gaps: every event but the first has a predecessor.
    constraint events_gapless foreign key (aggregate_type, aggregate_id, previous_sequence)
        references log.events (aggregate_type, aggregate_id, sequence)
);

-- A value that only one owner may hold (an e-mail, a SKU), or an owner's membership in something
-- (a product in a category: value is the product, owner the category).
create table log.claims (
    kind  text  not null,
    value bytea not null,
    owner text  not null,
    constraint claims_pkey primary key (kind, value)
);
create index claims_owner on log.claims (kind, owner);

-- The first answer to each idempotency key, written in the same append as the events it tells of.
create table log.idempotency_records (
    key_hash    bytea       not null,
    fingerprint bytea       not null,
    append_id   uuid        not null,
    position    bigint      not null,
    status      smallint    not null,
    headers     text        not null,
    body        bytea       not null,
    person_id   uuid,
    recorded_at timestamptz not null,
    constraint idempotency_records_pkey primary key (key_hash)
);
create index idempotency_records_recorded_at on log.idempotency_records using brin (recorded_at);

-- A person's own key, wrapped by the master key. Whoever deletes the row erases the person.
create table log.person_keys (
    person_id   uuid        not null,
    wrapped_key bytea       not null,
    created_at  timestamptz not null default now(),
    constraint person_keys_pkey primary key (person_id)
);

-- What the whole log depends on: a value by which a wrong master key is recognised.
create table log.settings (
    name  text  not null,
    value bytea not null,
    constraint settings_pkey primary key (name)
);

-- Appends a batch, all or nothing, and answers the position that the log had before it.
--
-- Everything is one statement of the caller's: the lock is taken here and let go at the commit that
-- follows, so it is never held across a round trip. It comes first, because each query after it in a
-- volatile function sees a fresh snapshot. Positions come from max(position) under that lock: dense,
-- in commit order, and without a counter row that an old snapshot would keep from being pruned.
create function log.append_batch(
    -- events, in the order of their positions
    event_aggregate_types text[], event_aggregate_ids text[], event_sequences bigint[],
    event_types text[], event_versions text[], event_payloads text[], event_metadata text[],
    event_ids uuid[], event_occurred_at timestamptz[],
    -- streams that were read and must not have grown
    read_aggregate_types text[], read_aggregate_ids text[], read_versions bigint[],
    -- claims: released before taken; then owners that must hold none of a kind
    released_kinds text[], released_values bytea[], released_owners text[],
    taken_kinds text[], taken_values bytea[], taken_owners text[],
    vacant_kinds text[], vacant_owners text[],
    -- answers to idempotency keys; `record_offsets` counts the batch's events up to each one's append
    record_key_hashes bytea[], record_fingerprints bytea[], record_append_ids uuid[],
    record_offsets bigint[], record_statuses smallint[], record_headers text[], record_bodies bytea[],
    record_person_ids uuid[],
    -- keys of persons whose first event is in this batch
    person_ids uuid[], person_wrapped_keys bytea[]
) returns bigint
language plpgsql volatile security definer
set search_path = log, pg_temp
as $$
declare
    head     bigint;
    now_     timestamptz;
    appended bigint := cardinality(event_ids);
begin
    perform pg_advisory_xact_lock(4919011201);
    now_ := clock_timestamp();

    if cardinality(read_versions) > 0 and exists (
        select
        from unnest(read_aggregate_types, read_aggregate_ids, read_versions) as r (aggregate_type, aggregate_id, version)
        join events e
            on e.aggregate_type = r.aggregate_type
            and e.aggregate_id = r.aggregate_id
            and e.sequence = r.version + 1
    ) then
        raise exception 'a stream that was read has grown'
            using errcode = 'integrity_constraint_violation', constraint = 'streams_read_unchanged';
    end if;

    head := coalesce((select e.position from events e order by e.position desc limit 1), 0);

    -- Claims and keys before events: a batch that fails on one of them fails before its bulk is written.
    if cardinality(released_kinds) > 0 then
        delete from claims c
        using unnest(released_kinds, released_values, released_owners) as r (kind, value, owner)
        where c.kind = r.kind and c.value = r.value and c.owner = r.owner;
    end if;
    if cardinality(taken_kinds) > 0 then
        insert into claims (kind, value, owner)
        select t.kind, t.value, t.owner
        from unnest(taken_kinds, taken_values, taken_owners) as t (kind, value, owner);
    end if;
    if cardinality(vacant_kinds) > 0 and exists (
        select
        from unnest(vacant_kinds, vacant_owners) as v (kind, owner)
        join claims c on c.kind = v.kind and c.owner = v.owner
    ) then
        raise exception 'an owner still holds what it must not'
            using errcode = 'integrity_constraint_violation', constraint = 'claims_vacant';
    end if;

    if cardinality(record_key_hashes) > 0 then
        insert into idempotency_records (
            key_hash, fingerprint, append_id, position, status, headers, body, person_id, recorded_at)
        select r.key_hash, r.fingerprint, r.append_id, head + r.after, r.status, r.headers, r.body,
            r.person_id, now_
        from unnest(record_key_hashes, record_fingerprints, record_append_ids, record_offsets,
                record_statuses, record_headers, record_bodies, record_person_ids)
            as r (key_hash, fingerprint, append_id, after, status, headers, body, person_id);
    end if;

    if appended > 0 then
        insert into events (
            aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
            position, event_id, occurred_at, recorded_at)
        select e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
            e.payload::json, e.metadata::json, head + e.n, e.event_id, e.occurred_at, now_
        from unnest(event_aggregate_types, event_aggregate_ids, event_sequences, event_types, event_versions,
                event_payloads, event_metadata, event_ids, event_occurred_at)
            with ordinality as e (aggregate_type, aggregate_id, sequence, event_type, event_version,
                payload, metadata, event_id, occurred_at, n);
        perform pg_notify('daybook_log', (head + appended)::text);
    end if;
    if cardinality(person_ids) > 0 then
        insert into person_keys (person_id, wrapped_key)
        select p.person_id, p.wrapped_key
        from unnest(person_ids, person_wrapped_keys) as p (person_id, wrapped_key);
    end if;

    return head;
end;
$$;

-- Lets go of answers older than the 24 hours for which they are promised; answers how many.
create function log.forget_idempotency_records(older_than interval) returns bigint
language plpgsql volatile security definer
set search_path = log, pg_temp
as $$
declare
    forgotten bigint;
begin
    delete from idempotency_records
    where recorded_at < now() - greatest(older_than, interval '24 hours');
    get diagnostics forgotten = row_count;
    return forgotten;
end;
$$;

-- Remembers a setting the first time and answers what is remembered.
create function log.settle(setting text, proposed bytea) returns bytea
language sql volatile security definer
set search_path = log, pg_temp
as $$
    insert into settings (name, value) values (setting, proposed) on conflict (name) do nothing;
    select s.value from settings s where s.name = setting;
$$;

-- States of long streams, so that loading one does not read it from the beginning. Disposable.
create schema commands;
create table commands.snapshots (
    aggregate_type text        not null,
    aggregate_id   text        not null,
    version        bigint      not null,
    format         text        not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    state          text        not null,
    constraint snapshots_pkey primary key (aggregate_type, aggregate_id)
);

grant usage on schema log, commands to daybook_server;
grant select on log.events, log.claims, log.idempotency_records, log.person_keys to daybook_server;
grant select, insert, update, delete on commands.snapshots to daybook_server;

-- So that a server can tell whether the schema is the one that it knows.
grant select on _sqlx_migrations to daybook_server;

-- Functions are open to everyone by default; the log's are for the server alone.
revoke execute on all functions in schema log from public;
grant execute on all functions in schema log to daybook_server;

do $$
declare
    handed record;
begin
    for handed in
        select format('alter table log.%I owner to daybook_log', tablename) as statement
        from pg_tables where schemaname = 'log'
        union all
        select format('alter function %s owner to daybook_log', p.oid::regprocedure)
        from pg_proc p where p.pronamespace = 'log'::regnamespace
    loop
        -- Taking ownership needs the right to create in the schema, for this moment only.
        execute 'grant usage, create on schema log to daybook_log';
        execute handed.statement;
    end loop;
    revoke create on schema log from daybook_log;
end;
$$;
