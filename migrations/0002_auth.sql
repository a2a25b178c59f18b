-- What proves who someone is. Outside the log: a password's hash can be replaced and destroyed.

create schema auth;

create table auth.credentials (
    user_id uuid primary key,
    password_hash text not null,
    updated_at timestamptz not null default now()
);

-- A token is good for one use and followed by the next of its family. Only its hash is kept.
create table auth.refresh_tokens (
    token_hash bytea primary key,
    family uuid not null,
    user_id uuid not null,
    issued_at timestamptz not null default now(),
    expires_at timestamptz not null,
    spent_at timestamptz
);

create index refresh_tokens_family on auth.refresh_tokens (family);
create index refresh_tokens_user on auth.refresh_tokens (user_id, expires_at);

grant usage on schema auth to daybook_server;
grant select, insert, update, delete on auth.credentials, auth.refresh_tokens to daybook_server;
