-- What the folds beside this read, as tables of the session so that they are counted before they are joined: the
-- events that the projection {projection} was not made to skip, the orders' lines, and what the analytics sum up.
-- Where a stream's first event was skipped, the rest of the stream says nothing either.
drop table if exists pg_temp.events, pg_temp.lines, pg_temp.figures;

create temp table events as
select e.* from log.events e
where not exists (
    select from projections.dead_letters d
    where d.name = '{projection}' and (
        d.position = e.position
        or d.sequence = 1 and d.stream = e.aggregate_type || '/' || e.aggregate_id));

create temp table lines as
select e.aggregate_id::uuid as order_id, l.line::int as line, l.of->>'productId' as product_id,
    l.of->>'name' as name, (l.of->>'quantity')::bigint as quantity,
    (l.of->'unitPrice'->>'minor')::bigint as unit_price, l.of->'unitPrice'->>'currency' as currency
from events e,
    json_array_elements(case when e.event_type = 'order.placed' then e.payload->'lines' end)
        with ordinality as l (of, line)
union all
select aggregate_id::uuid, (payload->>'line')::int, payload->>'productId', payload->>'name',
    (payload->>'quantity')::bigint, (payload->'unitPrice'->>'minor')::bigint, payload->'unitPrice'->>'currency'
from events where event_type = 'order.line_imported';

analyze events, lines;

-- Lines count when their order was placed, cancellations when they came.
create temp table figures as
select l.order_id, e.occurred_at as at, e.payload->>'userId' as user_id, l.currency, l.product_id,
    case when l.quantity > 0 then l.order_id end as sold_in,
    greatest(l.quantity, 0) as units, greatest(l.quantity * l.unit_price, 0) as revenue,
    greatest(-l.quantity, 0) as returned, greatest(-l.quantity * l.unit_price, 0) as refunded,
    0 as cancellations, 0 as cancelled
from lines l
join events e on e.aggregate_type = 'order' and e.aggregate_id = l.order_id::text and e.sequence = 1
union all
select l.order_id, c.occurred_at, e.payload->>'userId', l.currency, null, null, 0, 0, 0, 0, 1,
    sum(l.quantity * l.unit_price) filter (where l.quantity > 0)
from events c
join events e on e.aggregate_type = 'order' and e.aggregate_id = c.aggregate_id and e.sequence = 1
join lines l on l.order_id::text = c.aggregate_id
where c.event_type = 'order.cancelled'
group by l.order_id, c.occurred_at, e.payload->>'userId', l.currency;
