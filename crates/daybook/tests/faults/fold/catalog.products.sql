with described as (
    select distinct on (aggregate_id) aggregate_id, payload->>'name' as name, payload->>'description' as description
    from events where event_type in ('product.created', 'product.described') order by aggregate_id, sequence desc
), priced as (
    select distinct on (aggregate_id) aggregate_id, coalesce(payload->'to', payload->'price') as price
    from events where event_type in ('product.created', 'product.repriced') order by aggregate_id, sequence desc
), categorised as (
    select distinct on (aggregate_id) aggregate_id, payload->>'categoryId' as category_id
    from events where event_type in ('product.created', 'product.categorised') order by aggregate_id, sequence desc
), created as (
    select aggregate_id, occurred_at, payload->>'sku' as sku from events where event_type = 'product.created'
), counted as (
    select aggregate_id, max(occurred_at) as last_at, bool_or(event_type = 'product.retired') as retired,
        count(*) filter (where aggregate_type = 'product') as product_version,
        count(*) filter (where aggregate_type = 'stock') as stock_version,
        coalesce(sum((payload->>'quantity')::bigint * case
            when event_type in ('stock.received', 'stock.released') then 1
            when event_type in ('stock.reserved', 'stock.written_off') then -1
            else 0 end) filter (where aggregate_type = 'stock'), 0) as stock
    from events where aggregate_type in ('product', 'stock') group by aggregate_id
)
select aggregate_id::uuid as id, name, lower(name) as sort_name, description,
    (price->>'minor')::bigint as price_minor,
    (price->>'minor')::numeric / 100 as price, -- of currencies with two places
    price->>'currency' as currency, stock, category_id, sku, occurred_at as created_at, last_at as updated_at,
    product_version, stock_version, retired, not retired as listed
from counted join created using (aggregate_id) join described using (aggregate_id)
    join priced using (aggregate_id) join categorised using (aggregate_id)
