-- But e-mails, names and ids elsewhere, which only their persons' keys open.
with roles as (
    select distinct on (aggregate_id) aggregate_id,
        case event_type
            when 'user.imported' then '["user"]'::jsonb
            when 'user.erased' then '[]'::jsonb
            else payload::jsonb->'roles'
        end as roles
    from events where event_type in ('user.registered', 'user.imported', 'user.roles_changed', 'user.erased')
    order by aggregate_id, sequence desc
), counted as (
    select aggregate_id, (array_agg(occurred_at order by sequence))[1] as first_at,
        (array_agg(occurred_at order by sequence desc))[1] as last_at, count(*) as version
    from events where aggregate_type = 'user' group by aggregate_id
)
select aggregate_id::uuid as id, roles, first_at as created_at, last_at as updated_at, version
from roles join counted using (aggregate_id)
