-- API keys: how machines prove for whom they act.

create table auth.api_keys (
    id           uuid        not null, -- UUIDv7: the newer the greater
    secret_hash  bytea       not null, -- SHA-256 of 256 random bits
    name         text        not null,
    roles        text[]      not null, -- what its owner has lost since, it has lost too
    user_id      uuid        not null, -- who made it, and for whom it acts
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    revoked_at   timestamptz,
    last_used_at timestamptz,          -- written once a minute at most
    constraint api_keys_pkey primary key (id)
);
create index api_keys_by_user on auth.api_keys (user_id);
create index api_keys_revoked on auth.api_keys (revoked_at) where revoked_at is not null;

grant select, insert, update, delete on auth.api_keys to daybook_server;

-- Deletes whatever proves that somebody is one of these persons. What an erasure takes away, here and for what comes
-- late, is listed in this one place.
create function auth.forget(persons uuid[]) returns void
language plpgsql volatile
set search_path = auth, pg_temp
as $$
begin
    delete from credentials where user_id = any(persons);
    delete from refresh_tokens where user_id = any(persons);
    delete from api_keys where user_id = any(persons);
end;
$$;

revoke execute on function auth.forget(uuid[]) from public;
grant execute on function auth.forget(uuid[]) to daybook_log;
grant select, delete on auth.api_keys to daybook_log;

-- Like those before them, but for what they leave to auth.forget.
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
    -- The person's own, and those of orders, whose states name their customer.
    delete from commands.snapshots where strpos(state, person::text) > 0 or aggregate_id = person::text;
end;
$$;
