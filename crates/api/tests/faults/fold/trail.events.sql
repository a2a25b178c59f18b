select position, case when actor like 'user:%' then substr(actor, 6) end::uuid as user_id,
    case when actor not like 'user:%' then actor end as other_actor, event_type,
    (metadata->>'correlationId')::uuid as correlation_id
from (select *, metadata->>'actor' as actor from events) e
