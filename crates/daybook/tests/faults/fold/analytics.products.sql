with described as (
    select distinct on (aggregate_id) aggregate_id, payload->>'name' as name
    from events where event_type in ('product.created', 'product.described') order by aggregate_id, sequence desc
)
select c.aggregate_id::uuid as id, d.name, c.payload->>'sku' as sku,
    (select count(*) from events e where e.aggregate_type = 'product' and e.aggregate_id = c.aggregate_id) as version
from events c join described d using (aggregate_id) where c.event_type = 'product.created'
