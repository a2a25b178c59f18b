-- What the shop sold, when and to whom, made from the log by the projection `analytics`. Amounts are
-- minor units of the currency beside them; units and amounts that came back count up, too. Nothing
-- here is personal but the customers' ids.
create schema analytics;

create table analytics.orders (
    id             uuid        not null,
    version        bigint      not null,
    user_id        uuid,                 -- null: a guest
    at             timestamptz not null, -- when it was placed
    currency       text        not null,
    status         text        not null,
    units          bigint      not null, -- 0: everything in it came back
    revenue_minor  bigint      not null,
    returned       bigint      not null,
    refunded_minor bigint      not null,
    processed_at   timestamptz,
    shipped_at     timestamptz,
    delivered_at   timestamptz,
    cancelled_at   timestamptz,
    constraint orders_pkey primary key (id)
);
create index orders_by_time on analytics.orders (at);
create index orders_by_cancellation on analytics.orders (cancelled_at) where cancelled_at is not null;

-- What was bought and, with a negative quantity and amount, what came back.
create table analytics.lines (
    order_id     uuid        not null,
    line         int         not null,
    at           timestamptz not null, -- when the order was placed
    product_id   uuid        not null,
    currency     text        not null,
    quantity     bigint      not null,
    amount_minor bigint      not null,
    constraint lines_pkey primary key (order_id, line)
);
create index lines_by_time on analytics.lines (at);

create table analytics.products (
    id      uuid   not null,
    version bigint not null,
    name    text   not null,
    sku     text,
    constraint products_pkey primary key (id)
);

-- By the quarter of an hour (UTC): since 1972 the days of every time zone begin with one. Sales and
-- returns count when the order was placed, cancellations when it was cancelled; revenue keeps what is
-- cancelled later.
create table analytics.sales (
    quarter         timestamptz not null,
    currency        text        not null,
    orders          bigint      not null,
    units           bigint      not null,
    revenue_minor   bigint      not null,
    cancellations   bigint      not null,
    cancelled_minor bigint      not null,
    returned        bigint      not null,
    refunded_minor  bigint      not null,
    constraint sales_pkey primary key (quarter, currency)
);

-- By the month (UTC). Parts of a month are summed from the lines.
create table analytics.product_months (
    month          date   not null,
    product_id     uuid   not null,
    currency       text   not null,
    units          bigint not null,
    revenue_minor  bigint not null,
    returned       bigint not null,
    refunded_minor bigint not null,
    constraint product_months_pkey primary key (month, product_id, currency)
);

create table analytics.customers (
    user_id         uuid   not null,
    currency        text   not null,
    orders          bigint not null,
    units           bigint not null,
    revenue_minor   bigint not null,
    cancellations   bigint not null,
    cancelled_minor bigint not null,
    returned        bigint not null,
    refunded_minor  bigint not null,
    first_order_at  timestamptz, -- null: only returns are known
    last_order_at   timestamptz,
    constraint customers_pkey primary key (user_id, currency)
);

-- Like the other read models, it belongs to the servers' group role, which exchanges it for a rebuilt one.
alter schema analytics owner to daybook_server;
alter table analytics.orders owner to daybook_server;
alter table analytics.lines owner to daybook_server;
alter table analytics.products owner to daybook_server;
alter table analytics.sales owner to daybook_server;
alter table analytics.product_months owner to daybook_server;
alter table analytics.customers owner to daybook_server;
