select date_trunc('month', at at time zone 'UTC')::date as month, product_id, currency, sum(units) as units,
    sum(revenue) as revenue_minor, sum(returned) as returned, sum(refunded) as refunded_minor
from figures where product_id is not null group by 1, 2, 3
