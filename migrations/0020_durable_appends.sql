-- Appends are durable whatever was set for the role, the database or the server since the session began: what can
-- be set for one commit is set, and where it cannot be, nothing is appended.

create or replace function log.append_batch(
    event_aggregate_types text[], event_aggregate_ids text[], event_sequences bigint[],
    event_types text[], event_versions text[], event_payloads text[], event_metadata text[],
    event_ids uuid[], event_occurred_at timestamptz[],
    read_aggregate_types text[], read_aggregate_ids text[], read_versions bigint[],
    released_kinds text[], released_values bytea[], released_owners text[],
    taken_kinds text[], taken_values bytea[], taken_owners text[],
    vacant_kinds text[], vacant_owners text[],
    record_key_hashes bytea[], record_fingerprints bytea[], record_append_ids uuid[],
    record_offsets bigint[], record_statuses smallint[], record_headers text[], record_bodies bytea[],
    record_person_ids uuid[],
    person_ids uuid[], person_wrapped_keys bytea[],
    -- persons who are erased; `erased_offsets` counts the batch's events up to the one that says so
    erased_person_ids uuid[], erased_offsets bigint[]
) returns bigint
language plpgsql volatile security definer
set search_path = log, pg_temp
as $$
declare
    head bigint;
begin
    -- As this session's commit will take them: a reload is noticed between statements only.
    if current_setting('fsync') = 'off' or current_setting('full_page_writes') = 'off' then
        raise exception 'PostgreSQL runs with % = off, so that a crash loses what is acknowledged',
                case current_setting('fsync') when 'off' then 'fsync' else 'full_page_writes' end
            using errcode = 'system_error', constraint = 'log_is_durable',
                hint = 'Switch it on in postgresql.conf and reload PostgreSQL.';
    end if;
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    head := append_batch(
        event_aggregate_types, event_aggregate_ids, event_sequences, event_types, event_versions,
        event_payloads, event_metadata, event_ids, event_occurred_at,
        read_aggregate_types, read_aggregate_ids, read_versions,
        released_kinds, released_values, released_owners, taken_kinds, taken_values, taken_owners,
        vacant_kinds, vacant_owners,
        record_key_hashes, record_fingerprints, record_append_ids, record_offsets, record_statuses,
        record_headers, record_bodies, record_person_ids,
        person_ids, person_wrapped_keys);
    if cardinality(erased_person_ids) > 0 then
        perform erase_persons(erased_person_ids, array(
            select head + o.n from unnest(erased_offsets) with ordinality as o (n, nth) order by o.nth));
    end if;
    return head;
end;
$$;
