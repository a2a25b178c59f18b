-- Where the database's clock stepped back. Between two of these positions the events' recorded_at never decreases, so
-- that an instant can be looked for by halving; over the whole log it may, after a failover to a host whose clock is
-- behind, say.
create table log.clock_steps (
    position bigint not null, -- of an event that was recorded at an earlier instant than the event before it
    constraint clock_steps_pkey primary key (position)
);

-- The log so far: the bulk of it while others append, the rest under their lock, which is kept until this migration
-- commits. A position too many would do no harm.
do $$
declare
    looked_at bigint;
begin
    looked_at := coalesce((select max(e.position) from log.events e), 0);
    insert into log.clock_steps (position)
    select e.position
    from (
        select position, recorded_at, lag(recorded_at) over (order by position) as before
        from log.events
        where position <= looked_at
    ) e
    where e.recorded_at < e.before;
    perform pg_advisory_xact_lock(4919011201);
    insert into log.clock_steps (position)
    select e.position
    from (
        select position, recorded_at, lag(recorded_at) over (order by position) as before
        from log.events
        where position >= looked_at
    ) e
    where e.recorded_at < e.before;
end;
$$;

grant select on log.clock_steps to daybook_server;

do $$
begin
    grant create on schema log to daybook_log;
    alter table log.clock_steps owner to daybook_log;
    revoke create on schema log from daybook_log;
end;
$$;

-- As before, and notes where the clock has stepped back: the last event is looked up anyway.
create or replace function log.append_batch(
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
    last_at  timestamptz;
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

    select e.position, e.recorded_at into head, last_at from events e order by e.position desc limit 1;
    head := coalesce(head, 0);

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
        if now_ < last_at then
            insert into clock_steps (position) values (head + 1) on conflict do nothing;
        end if;
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
