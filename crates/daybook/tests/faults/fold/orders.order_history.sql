select aggregate_id::uuid as order_id, sequence as seq,
    case event_type when 'order.placed' then 'pending' when 'order.processed' then 'processing'
        else split_part(event_type, '.', 2) end as status,
    occurred_at as at, metadata->>'actor' as actor,
    jsonb_strip_nulls(case event_type
        when 'order.imported' then
            jsonb_build_object('source', payload->>'source', 'number', payload->>'number')
        when 'order.shipped' then
            jsonb_build_object('carrier', payload->>'carrier', 'trackingNumber', payload->>'trackingNumber')
        when 'order.cancelled' then jsonb_build_object('reason', payload->>'reason')
        else '{}' end) as details
from events where aggregate_type = 'order' and event_type <> 'order.line_imported'
