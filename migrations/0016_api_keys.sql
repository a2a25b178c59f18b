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
