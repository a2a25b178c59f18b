-- What an erasure takes away of who somebody was and how they proved it, at once and again for what came late.

grant select, delete on
    auth.one_time_tokens, auth.api_keys, auth.oidc_subjects, auth.sign_in_failures, auth.known_networks
to daybook_log;
grant usage on schema outbox to daybook_log;
grant select, delete on outbox.messages to daybook_log;

create function auth.forget(persons uuid[]) returns void
language plpgsql volatile
set search_path = auth, pg_temp
as $$
begin
    -- In the order in which a password is reset, so that neither waits for the other for ever.
    delete from one_time_tokens where user_id = any(persons);
    delete from credentials where user_id = any(persons);
    delete from refresh_tokens where user_id = any(persons);
    delete from api_keys where user_id = any(persons);
    delete from oidc_subjects where user_id = any(persons);
    delete from sign_in_failures where user_id = any(persons);
    delete from known_networks where user_id = any(persons);
    -- What happened and when stays, with the id that the log keeps too.
    update security_events
    set address = null, request_id = null, session_id = null, api_key_id = null, detail = '{}', minute = null
    where (user_id = any(persons) or actor_id = any(persons))
        and (address is not null or request_id is not null or session_id is not null or api_key_id is not null
             or detail <> '{}' or minute is not null);
end;
$$;

revoke execute on function auth.forget(uuid[]) from public;
grant execute on function auth.forget(uuid[]) to daybook_log;

-- Like those before them, but for what they leave to auth.forget, and for messages that wait to be sent.
create or replace function log.erase_persons(persons uuid[], positions bigint[]) returns void
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
    perform auth.forget(persons);
    delete from outbox.messages where person_id = any(persons);
    delete from commands.snapshots where aggregate_type = 'user' and aggregate_id = any(persons::text[]);
    perform pg_notify('daybook_erasure', p.person_id::text) from unnest(persons) as p (person_id);
end;
$$;

create or replace function log.sweep_person(person uuid) returns void
language plpgsql volatile security definer
set search_path = log, pg_temp
as $$
begin
    if not exists (select from erasures where person_id = person) then
        raise exception 'the person % was not erased', person;
    end if;
    update idempotency_records set headers = '[]', body = ''
    where person_id = person and (headers <> '[]' or body <> '');
    perform auth.forget(array[person]);
    delete from outbox.messages where person_id = person;
    -- The person's own, and those of orders, whose states name their customer.
    delete from commands.snapshots where strpos(state, person::text) > 0 or aggregate_id = person::text;
end;
$$;
