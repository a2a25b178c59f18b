-- The orders and their history, made from the log by the projection `orders`. Addresses stay sealed
-- in the log: nothing here is personal but the customer's id.
create schema orders;

create table orders.orders (
    id          uuid        not null,
    user_id     uuid        not null,
    status      text        not null,
    total_minor bigint      not null,
    currency    text        not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    version     bigint      not null,
    constraint orders_pkey primary key (id)
);
create index orders_by_creation on orders.orders (created_at, id);
create index orders_by_user on orders.orders (user_id, created_at, id);
create index orders_by_status on orders.orders (status, created_at, id);

create table orders.order_lines (
    order_id         uuid   not null,
    line             int    not null, -- 1, 2, 3 … as the customer sent them
    product_id       uuid   not null,
    name             text   not null,
    quantity         bigint not null,
    unit_price_minor bigint not null,
    constraint order_lines_pkey primary key (order_id, line)
);

-- What happened to an order: one row for each of its events, numbered as in its stream.
create table orders.order_history (
    order_id uuid        not null,
    seq      bigint      not null,
    status   text        not null,
    at       timestamptz not null,
    actor    text        not null,
    details  jsonb       not null,
    constraint order_history_pkey primary key (order_id, seq)
);

grant usage on schema orders to daybook_server;
grant select, insert, update, delete on all tables in schema orders to daybook_server;
alter default privileges in schema orders grant select, insert, update, delete on tables to daybook_server;
