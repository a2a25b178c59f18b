select position, case when actor like 'user:%' then substr(actor, 6)::uuid
        else left(encode(sha256(actor::bytea), 'hex'), 32)::uuid end as actor,
    (metadata->>'correlationId')::uuid as correlation_id,
    ('x' || left(encode(sha256(event_type::bytea), 'hex'), 8))::bit(32)::int as event_type
from (select *, metadata->>'actor' as actor from events) e
