-- Accounts that are deactivated, addresses that are verified, and what is sent to people about both.

alter table users.users
    add column email_verified boolean not null default false,
    add column deactivated_at timestamptz;

-- What was sent to somebody to prove that they read it: of 256 random bits the SHA-256. Rows of tokens that no longer
-- count stay for an hour, since they tell how many were issued of late.
create table auth.one_time_tokens (
    token_hash bytea       not null,
    user_id    uuid        not null,
    purpose    text        not null,
    -- SHA-256 of the token and the e-mail address that it was sent to.
    sent_to    bytea       not null,
    issued_at  timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    void       boolean     not null default false,
    constraint one_time_tokens_pkey primary key (token_hash)
);
create index one_time_tokens_user on auth.one_time_tokens (user_id, purpose);
create index one_time_tokens_issued on auth.one_time_tokens (issued_at);

grant select, insert, update, delete on auth.one_time_tokens to daybook_server;

-- Messages to people that wait to be sent.
create schema outbox;

create table outbox.messages (
    id         uuid        not null,
    person_id  uuid        not null,
    channel    text        not null,
    template   text        not null,
    -- Address and values, sealed with the person's key.
    content    bytea       not null,
    created_at timestamptz not null default clock_timestamp(),
    sent_at    timestamptz,
    constraint messages_pkey primary key (id)
);
create index messages_unsent on outbox.messages (created_at, id) where sent_at is null;
create index messages_of_person on outbox.messages (person_id);

grant usage on schema outbox to daybook_server;
grant select, insert, update, delete on outbox.messages to daybook_server;

-- Erasing a person takes these too, at once and again for what was on its way.
grant usage on schema outbox to daybook_log;
grant select, delete on auth.one_time_tokens, outbox.messages to daybook_log;

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
    -- In the order in which a password is reset, so that neither waits for the other for ever.
    delete from auth.one_time_tokens where user_id = any(persons);
    delete from auth.credentials where user_id = any(persons);
    delete from auth.refresh_tokens where user_id = any(persons);
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
    delete from auth.one_time_tokens where user_id = person;
    delete from auth.credentials where user_id = person;
    delete from auth.refresh_tokens where user_id = person;
    delete from outbox.messages where person_id = person;
    -- The person's own, and those of orders, whose states name their customer.
    delete from commands.snapshots
    where strpos(state, person::text) > 0 or aggregate_id = person::text;
end;
$$;
