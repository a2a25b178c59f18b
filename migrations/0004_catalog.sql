-- The catalog: what the shop's visitors browse. A read model, made from the log by the projection
-- `catalog`; nothing in it refers to another table, so that its rows can be written in any order.
create schema catalog;

create table catalog.products (
    id              uuid           not null,
    name            text           not null,
    sort_name       text           not null collate "C", -- the name in lower case: one order everywhere
    description     text           not null,
    price_minor     bigint         not null,
    price           numeric(20, 4) not null, -- the same as a decimal, comparable between currencies' places
    currency        text           not null,
    stock           bigint         not null, -- available: neither reserved nor shipped
    category_id     uuid,
    sku             text,
    created_at      timestamptz    not null,
    updated_at      timestamptz    not null,
    product_version bigint         not null, -- 0 while only the stock's events have been seen
    stock_version   bigint         not null,
    retired         boolean        not null,
    listed          boolean        not null generated always as (product_version > 0 and not retired) stored,
    -- English for its stems; simple for names made of stop words, other languages and prefixes.
    search          tsvector       not null generated always as (
        setweight(to_tsvector('english', translate(name, '/', ' ')), 'A')
        || setweight(to_tsvector('simple', translate(name, '/', ' ')), 'A')
        || setweight(to_tsvector('simple', translate(coalesce(sku, ''), '/-_.', '    ')), 'B')
        || setweight(to_tsvector('english', translate(description, '/', ' ')), 'C')
        || setweight(to_tsvector('simple', translate(description, '/', ' ')), 'D')
    ) stored,
    constraint products_pkey primary key (id)
);
create index products_by_name on catalog.products (sort_name, id) where listed;
create index products_by_price on catalog.products (price, id) where listed;
create index products_by_creation on catalog.products (created_at, id) where listed;
create index products_by_category on catalog.products (category_id) where listed;
create index products_by_search on catalog.products using gin (search) where listed;

create table catalog.categories (
    id          uuid        not null,
    name        text        not null,
    sort_name   text        not null collate "C",
    description text        not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    version     bigint      not null,
    deleted     boolean     not null,
    constraint categories_pkey primary key (id)
);
create index categories_by_name on catalog.categories (sort_name, id) where not deleted;

grant usage on schema catalog to daybook_server;
grant select, insert, update, delete on all tables in schema catalog to daybook_server;
alter default privileges in schema catalog grant select, insert, update, delete on tables to daybook_server;
