with first as (
    select aggregate_id::uuid as id, payload->>'userId' as user_id, occurred_at as at,
        coalesce(payload->>'currency', payload->'total'->>'currency') as currency
    from events where event_type in ('order.placed', 'order.imported')
), steps as (
    select aggregate_id::uuid as id, max(sequence) as version,
        (array_agg(event_type order by sequence desc) filter (where event_type <> 'order.line_imported'))[1] as last,
        max(occurred_at) filter (where event_type = 'order.processed') as processed_at,
        max(occurred_at) filter (where event_type = 'order.shipped') as shipped_at,
        max(occurred_at) filter (where event_type = 'order.delivered') as delivered_at,
        max(occurred_at) filter (where event_type = 'order.cancelled') as cancelled_at
    from events where aggregate_type = 'order' group by aggregate_id
), amounts as (
    select order_id as id,
        sum(quantity) filter (where quantity > 0) as units,
        sum(quantity * unit_price) filter (where quantity > 0) as revenue,
        -sum(quantity) filter (where quantity < 0) as returned,
        -sum(quantity * unit_price) filter (where quantity < 0) as refunded
    from lines group by order_id
)
select id, version, user_id, at, currency,
    case last when 'order.placed' then 'pending' when 'order.processed' then 'processing'
        else split_part(last, '.', 2) end as status,
    coalesce(units, 0) as units, coalesce(revenue, 0) as revenue_minor, coalesce(returned, 0) as returned,
    coalesce(refunded, 0) as refunded_minor, processed_at, shipped_at, delivered_at, cancelled_at
from first join steps using (id) left join amounts using (id)
