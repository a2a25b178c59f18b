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
        (array_agg(occurred_at order by sequence desc))[1] as last_at, count(*) as version,
        bool_or(event_type = 'user.email_verified') and not bool_or(event_type = 'user.erased') as email_verified,
        case when not bool_or(event_type = 'user.erased') then
            (array_agg(case when event_type = 'user.deactivated' then occurred_at end order by sequence desc)
                filter (where event_type in ('user.deactivated', 'user.reactivated')))[1]
        end as deactivated_at
    from events where aggregate_type = 'user' group by aggregate_id
)
select aggregate_id::uuid as id, roles, first_at as created_at, last_at as updated_at, version, email_verified, deactivated_at
from roles join counted using (aggregate_id)
