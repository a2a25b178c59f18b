-- Where in the log to find what somebody did, what happened of a kind and what one request led to; made from
-- the log by the projection `trail`. It answers positions, in whose order the log has the events themselves.
create schema trail;

-- One row for each event, so it holds nothing but what is searched by. An event has either a user who acted or
-- another actor. Its stream's type is how its own type begins.
create table trail.events (
    position       bigint           not null,
    user_id        uuid,
    other_actor    text collate "C", -- 'anonymous', 'system:import'
    event_type     text collate "C" not null,
    correlation_id uuid             not null,
    constraint events_pkey primary key (position),
    constraint events_actor check ((user_id is null) <> (other_actor is null))
);
create index events_by_type on trail.events (event_type, position);
create index events_by_user on trail.events (user_id, event_type, position) where user_id is not null;
create index events_by_other_actor on trail.events (other_actor, event_type, position) where other_actor is not null;
create index events_by_correlation on trail.events (correlation_id, position);

-- Like the other read models, it belongs to the servers' group role, which exchanges it for a rebuilt one.
alter schema trail owner to daybook_server;
alter table trail.events owner to daybook_server;
