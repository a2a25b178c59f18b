-- How far each read model has got, and which process is at work on it.
create schema projections;

-- One row for each read model. `position` is that of the last event whose effects are in the schema
-- `schema_name`; it moves in the same transaction as they do, and never back.
create table projections.checkpoints (
    name        text        not null,
    version     integer     not null,
    schema_name text        not null,
    position    bigint      not null default 0 check (position >= 0),
    state       text        not null default 'live' check (state in ('live', 'halted')),
    error       jsonb, -- the event that a halted projector could not get past, and why
    updated_at  timestamptz not null default now(),
    constraint checkpoints_pkey primary key (name),
    constraint checkpoints_error check ((state = 'halted') = (error is not null))
);

-- Who may write to a read model. `fencing` counts the takeovers: a worker whose number is no longer
-- the current one has been replaced and must not commit. Rows stay, so that the number only grows.
-- The session is the holder's connection: when that is gone, so is the holder, before the lease expires.
create table projections.leases (
    name            text        not null,
    holder          text        not null,
    fencing         bigint      not null,
    expires_at      timestamptz not null,
    session_pid     integer     not null,
    session_started timestamptz not null,
    constraint leases_pkey primary key (name)
);

grant usage on schema projections to daybook_server;
grant select, insert, update, delete on all tables in schema projections to daybook_server;
alter default privileges in schema projections grant select, insert, update, delete on tables to daybook_server;
