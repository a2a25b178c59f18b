-- Where in the log to find what somebody did, what happened of a kind and what one request led to; made from
-- the log by the projection `trail`. It answers positions; the events themselves are in the log.
create schema trail;

-- One row for each event, so it holds nothing but what is searched by, in few bytes that compare fast.
create table trail.events (
    position       bigint  not null,
    actor          uuid    not null, -- the user; for others the first 16 bytes of the SHA-256 of 'system:import'
    correlation_id uuid    not null,
    event_type     integer not null, -- the first 4 bytes of the SHA-256 of 'order.placed'
    constraint events_pkey primary key (event_type, position)
);
create index events_by_actor on trail.events (actor, event_type, position);
create index events_by_correlation on trail.events (correlation_id, position);

-- Like the other read models, it belongs to the servers' group role, which exchanges it for a rebuilt one.
alter schema trail owner to daybook_server;
alter table trail.events owner to daybook_server;
