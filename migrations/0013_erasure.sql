-- Forgetting people, and changing the master key.

-- Who was erased, and when everything beside the log had forgotten them too. Kept for good: it holds an
-- id and nothing personal.
create table log.erasures (
    person_id uuid        not null,
    position  bigint      not null, -- of the event that says so
    erased_at timestamptz not null,
    swept_at  timestamptz,          -- null while something may be left: see sweep_person
    constraint erasures_pkey primary key (person_id)
);
create index erasures_unswept on log.erasures (position) where swept_at is null;

-- Destroys persons' keys, so that nothing that was sealed with them can be read by anybody from the commit
-- on, and with the keys whatever the persons could sign in with. Announces each on `daybook_erasure`.
create function log.erase_persons(persons uuid[], positions bigint[]) returns void
language plpgsql volatile security definer
set search_path = log, pg_temp
as $$
begin
    insert into erasures (person_id, position, erased_at)
    select e.person_id, e.position, clock_timestamp()
    from unnest(persons, positions) as e (person_id, position)
    on conflict (person_id) do nothing;
    delete from person_keys where person_id = any(persons);
    delete from claims where kind = 'email' and owner = any(persons::text[]);
    delete from auth.credentials where user_id = any(persons);
    delete from auth.refresh_tokens where user_id = any(persons);
    delete from commands.snapshots where aggregate_type = 'user' and aggregate_id = any(persons::text[]);
    perform pg_notify('daybook_erasure', p.person_id::text) from unnest(persons) as p (person_id);
end;
$$;

-- Appends a batch as the function of this name without the last two parameters does, which stays for servers
-- that were started before there was this one, and erases persons in the same transaction.
create function log.append_batch(
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

-- Clears away what is left of an erased person beside the log and would take too long under its lock.
-- Nothing of it can be read any more, since it is sealed; but it need not lie about. What was on its way when
-- the key was destroyed (a sign-in, a snapshot) may come after, so this is done again a little later.
create function log.sweep_person(person uuid) returns void
language plpgsql volatile security definer
set search_path = log, pg_temp
as $$
begin
    if not exists (select from erasures where person_id = person) then
        raise exception 'the person % was not erased', person;
    end if;
    update idempotency_records set headers = '[]', body = ''
    where person_id = person and (headers <> '[]' or body <> '');
    delete from auth.credentials where user_id = person;
    delete from auth.refresh_tokens where user_id = person;
    -- The person's own, and those of orders, whose states name their customer.
    delete from commands.snapshots where strpos(state, person::text) > 0 or aggregate_id = person::text;
end;
$$;

-- Remembers that nothing is left of an erased person.
create function log.settle_erasure(person uuid) returns void
language sql volatile security definer
set search_path = log, pg_temp
as $$
    update erasures set swept_at = clock_timestamp() where person_id = person and swept_at is null;
$$;

-- What is remembered under a name, if anything.
create function log.setting(setting text) returns bytea
language sql stable security definer
set search_path = log, pg_temp
as $$
    select s.value from settings s where s.name = setting;
$$;

-- Whose usage events are kept no longer.
create table usage.forgotten (
    user_id uuid not null,
    constraint forgotten_pkey primary key (user_id)
);
create index events_by_user on usage.events (user_id) where user_id is not null;

-- Deletes a person's usage events, with those of their sessions that name nobody, and keeps those away that
-- come late.
create function usage.forget(person uuid) returns void
language plpgsql volatile security definer
set search_path = usage, pg_temp
as $$
begin
    insert into forgotten (user_id) values (person) on conflict do nothing;
    delete from events e
    where e.user_id is null
        and e.session_id in (select s.session_id from events s where s.user_id = person);
    delete from events where user_id = person;
end;
$$;

grant select on log.erasures to daybook_server;
grant select on usage.forgotten to daybook_server;

do $$
declare
    handed text;
begin
    grant create on schema log to daybook_log;
    alter table log.erasures owner to daybook_log;
    alter table usage.forgotten owner to daybook_log;
    for handed in
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace in ('log'::regnamespace, 'usage'::regnamespace) and p.proowner = current_user::regrole
            and p.proname in ('append_batch', 'erase_persons', 'sweep_person', 'settle_erasure', 'setting', 'forget')
    loop
        execute format('revoke execute on function %s from public', handed);
        -- Only append_batch erases: an erasure without its event would be one that nobody knows of.
        if handed not like 'log.erase_persons(%' then
            execute format('grant execute on function %s to daybook_server', handed);
        end if;
        execute format('alter function %s owner to daybook_log', handed);
    end loop;
    revoke create on schema log from daybook_log;
end;
$$;

-- What its functions take away beside the log.
grant usage on schema auth, commands to daybook_log;
grant select, delete on auth.credentials, auth.refresh_tokens, commands.snapshots to daybook_log;
