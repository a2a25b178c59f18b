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
