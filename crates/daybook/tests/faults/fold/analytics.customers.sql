select user_id, currency, count(distinct sold_in) as orders, sum(units) as units, sum(revenue) as revenue_minor,
    sum(cancellations) as cancellations, sum(cancelled) as cancelled_minor, sum(returned) as returned,
    sum(refunded) as refunded_minor, min(at) filter (where sold_in is not null) as first_order_at,
    max(at) filter (where sold_in is not null) as last_order_at
from figures where user_id is not null group by 1, 2
