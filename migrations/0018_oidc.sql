-- Signing in at an OpenID Connect provider.

-- Sign-ins that were begun. What is sent to the provider derives from a secret that only the client keeps; this is its
-- hash, so that each is finished once.
create table auth.oidc_attempts (
    attempt_hash bytea primary key,
    expires_at timestamptz not null
);

create index oidc_attempts_expiry on auth.oidc_attempts (expires_at);

-- Who somebody is to a provider: its subject, which stays when an e-mail address changes.
create table auth.oidc_subjects (
    issuer text not null,
    subject text not null,
    user_id uuid not null,
    linked_at timestamptz not null default now(),
    primary key (issuer, subject)
);

create index oidc_subjects_user on auth.oidc_subjects (user_id);

grant select, insert, delete on auth.oidc_attempts, auth.oidc_subjects to daybook_server;
