with first as (
    select aggregate_id::uuid as id, payload->>'userId' as user_id,
        coalesce(payload->>'currency', payload->'total'->>'currency') as currency, occurred_at as created_at
    from events where event_type in ('order.placed', 'order.imported')
), last as (
    select distinct on (aggregate_id) aggregate_id::uuid as id, sequence as version, occurred_at as updated_at
    from events where aggregate_type = 'order' order by aggregate_id, sequence desc
), step as (
    select distinct on (aggregate_id) aggregate_id::uuid as id, split_part(event_type, '.', 2) as name
    from events where aggregate_type = 'order' and event_type <> 'order.line_imported'
    order by aggregate_id, sequence desc
), total as (
    select order_id as id, sum(quantity * unit_price) as minor from lines group by order_id
)
select id, user_id, case step.name when 'placed' then 'pending' when 'processed' then 'processing' else step.name end as status,
    coalesce(total.minor, 0) as total_minor, currency, created_at, updated_at, version
from first join last using (id) join step using (id) left join total using (id)
