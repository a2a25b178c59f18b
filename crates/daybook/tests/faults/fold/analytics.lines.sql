select l.order_id, l.line, e.occurred_at as at, l.product_id, l.currency, l.quantity,
    l.quantity * l.unit_price as amount_minor
from lines l
join events e on e.aggregate_type = 'order' and e.aggregate_id = l.order_id::text and e.sequence = 1
