with named as (
    select distinct on (aggregate_id) aggregate_id, payload->>'name' as name, payload->>'description' as description
    from events where event_type in ('category.created', 'category.changed') order by aggregate_id, sequence desc
), counted as (
    select aggregate_id, (array_agg(occurred_at order by sequence))[1] as first_at,
        (array_agg(occurred_at order by sequence desc))[1] as last_at, count(*) as version,
        bool_or(event_type = 'category.deleted') as deleted
    from events where aggregate_type = 'category' group by aggregate_id
)
select aggregate_id::uuid as id, name, lower(name) as sort_name, description, first_at as created_at,
    last_at as updated_at, version, deleted
from named join counted using (aggregate_id)
