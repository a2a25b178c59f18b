-- Sessions that end, and tokens that count no longer.

-- A session lives as long as its tokens are refreshed in time, and no longer than this.
alter table auth.refresh_tokens add column session_expires_at timestamptz;
update auth.refresh_tokens set session_expires_at = expires_at;
alter table auth.refresh_tokens alter column session_expires_at set not null;

-- Access tokens are checked without a look-up. Each says of which generation of its account's tokens it is; a new
-- generation revokes all before it.
create table auth.generations (
    user_id uuid primary key,
    generation bigint not null,
    changed_at timestamptz not null default clock_timestamp()
);

create index generations_changed on auth.generations (changed_at);

-- Sessions that were ended before their time. Access tokens outlive them by minutes.
create table auth.ended_sessions (
    session_id uuid primary key,
    ended_at timestamptz not null default clock_timestamp()
);

create index ended_sessions_ended on auth.ended_sessions (ended_at);

grant select, insert, update, delete on auth.generations, auth.ended_sessions to daybook_server;
