-- Guessing, and what happened to accounts.

-- How often the password of an account was guessed wrong, from where nobody of theirs was seen, and apart from that
-- from each network where somebody was. Accounts and networks are HMACs: there are rows also of addresses that
-- nobody has, and none of them says whose it is.
create table auth.sign_in_failures (
    account      bytea       not null,
    network      bytea       not null, -- empty for all that are not known
    user_id      uuid,                 -- to forget it with; null where nobody has the address
    failures     integer     not null,
    failed_at    timestamptz not null,
    trying_until timestamptz not null, -- a guess is being checked, or was given up with its process by then
    constraint sign_in_failures_pkey primary key (account, network)
);
create index sign_in_failures_failed on auth.sign_in_failures (failed_at);
create index sign_in_failures_user on auth.sign_in_failures (user_id) where user_id is not null;

-- Where somebody signed in with the right password.
create table auth.known_networks (
    account bytea       not null,
    network bytea       not null,
    user_id uuid        not null,
    seen_at timestamptz not null,
    constraint known_networks_pkey primary key (account, network)
);
create index known_networks_seen on auth.known_networks (seen_at);
create index known_networks_user on auth.known_networks (user_id);

grant select, insert, update, delete on auth.sign_in_failures, auth.known_networks to daybook_server;

-- How long after so many failures the next guess has to wait.
create function auth.sign_in_delay(failures integer) returns interval
language sql immutable
as $$
    select case when failures < 5 then interval '0'
                else make_interval(secs => least(2 ^ least(failures - 5, 10), 900)) end;
$$;

-- What concerns the safety of accounts. Beside the log, because it is kept for a while and not for ever, and holds
-- addresses of the network, which are personal data. No part of a server may change it.
create table auth.security_events (
    id         bigint      generated always as identity,
    at         timestamptz not null,
    kind       text        not null,
    outcome    text        not null,
    user_id    uuid,    -- whom it concerns
    actor_id   uuid,    -- who did it to them; null where that was they themselves, or nobody knows
    session_id uuid,
    api_key_id uuid,
    address    inet,
    route      text,
    request_id text,
    detail     jsonb       not null default '{}',
    minute     timestamptz, -- of what is counted instead of told one by one
    times      integer     not null default 1,
    constraint security_events_pkey primary key (id)
);
create unique index security_events_counted on auth.security_events (minute, kind, user_id, address, route)
    nulls not distinct where minute is not null;
create index security_events_at on auth.security_events (at);
create index security_events_user on auth.security_events (user_id, id) where user_id is not null;
create index security_events_actor on auth.security_events (actor_id) where actor_id is not null;

-- Appends a batch; of what is counted, one row for each minute, person or address, and route.
create function auth.record_security_events(events jsonb) returns void
language sql volatile security definer
set search_path = auth, pg_temp
as $$
    insert into security_events as known
        (at, kind, outcome, user_id, address, route, request_id, minute, times)
    select min(e.at), e.kind, min(e.outcome), e.user_id, e.address, e.route, min(e.request_id),
           date_trunc('minute', e.at), count(*)
    from jsonb_to_recordset(events) as e (
        at timestamptz, kind text, outcome text, user_id uuid, address inet, route text, request_id text,
        counted boolean)
    where e.counted
    group by date_trunc('minute', e.at), e.kind, e.user_id, e.address, e.route
    -- Always in the same order, so that two servers cannot wait for each other in a circle.
    order by date_trunc('minute', e.at), e.kind, e.user_id, e.address, e.route
    on conflict (minute, kind, user_id, address, route) where minute is not null
    do update set times = known.times + excluded.times;

    insert into security_events
        (at, kind, outcome, user_id, actor_id, session_id, api_key_id, address, route, request_id, detail)
    select e.at, e.kind, e.outcome, e.user_id, e.actor_id, e.session_id, e.api_key_id, e.address, e.route,
           e.request_id, e.detail
    from jsonb_to_recordset(events) as e (
        at timestamptz, kind text, outcome text, user_id uuid, actor_id uuid, session_id uuid, api_key_id uuid,
        address inet, route text, request_id text, detail jsonb, counted boolean)
    where not e.counted;
$$;

-- Takes away what is older than a time that nobody may shorten below a month; answers how many that were.
create function auth.expire_security_events(older_than interval) returns bigint
language sql volatile security definer
set search_path = auth, pg_temp
as $$
    with expired as (
        delete from security_events
        where at < clock_timestamp() - greatest(older_than, interval '30 days') returning 1
    )
    select count(*) from expired;
$$;

grant select on auth.security_events to daybook_server;

do $$
declare
    handed text;
begin
    grant create on schema auth to daybook_log;
    alter table auth.security_events owner to daybook_log;
    for handed in
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace = 'auth'::regnamespace
            and p.proname in ('record_security_events', 'expire_security_events')
    loop
        execute format('revoke execute on function %s from public', handed);
        execute format('grant execute on function %s to daybook_server', handed);
        execute format('alter function %s owner to daybook_log', handed);
    end loop;
    revoke create on schema auth from daybook_log;
end;
$$;
