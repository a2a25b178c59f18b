-- The people who have an account, made from the log by the projection `users`. The columns that
-- tell who someone is are null once that person has been erased.
create schema users;

create table users.users (
    id         uuid        not null,
    email      text,
    first_name text,
    last_name  text,
    roles      text[]      not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version    bigint      not null,
    constraint users_pkey primary key (id)
);
create index users_by_creation on users.users (created_at, id);

grant usage on schema users to daybook_server;
grant select, insert, update, delete on all tables in schema users to daybook_server;
alter default privileges in schema users grant select, insert, update, delete on tables to daybook_server;
