select date_bin('15 minutes', at, '1972-01-01Z') as quarter, currency, count(distinct sold_in) as orders,
    sum(units) as units, sum(revenue) as revenue_minor, sum(cancellations) as cancellations,
    sum(cancelled) as cancelled_minor, sum(returned) as returned, sum(refunded) as refunded_minor
from figures group by 1, 2
