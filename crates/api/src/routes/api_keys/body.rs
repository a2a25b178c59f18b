//! The body of a request for a new key.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_contract::RoleName;
use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_identity::api_key::NewApiKey;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::ObjectBuilder;

use crate::bounds::line;
use crate::problem::{ApiResult, Problem};

const NAME_MAX_CHARS: usize = 100;
const USUAL_DAYS: i64 = 90;
const MOST_DAYS: i64 = 366;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ApiKeyBody {
    #[schema(schema_with = key_name)]
    name: String,
    /// Those of the caller's that it is to have.
    #[schema(value_type = Vec<RoleName>, min_items = 1)]
    roles: BTreeSet<Role>,
    /// At most 366 days ahead. By default the key expires after 90 days.
    expires_at: Option<DateTime<Utc>>,
    /// The same in days from now.
    #[schema(minimum = 1, maximum = 366)]
    expires_in_days: Option<u16>,
}

fn key_name() -> ObjectBuilder {
    line::<NAME_MAX_CHARS>().description(Some("What it is for, to tell it from others."))
}

impl ApiKeyBody {
    /// The key that `maker`, who has the roles `held`, asks for.
    pub(super) fn into_key(
        self,
        maker: UserId,
        held: &BTreeSet<Role>,
        now: DateTime<Utc>,
    ) -> ApiResult<NewApiKey> {
        let expires_at = self.expiry(now)?;
        check_name(&self.name)?;
        if self.roles.is_empty() {
            let detail = "Give at least one role.";
            return Err(Problem::invalid_field("/roles", "required", detail));
        }
        if !self.roles.is_subset(held) {
            let detail = "Give only roles that you have yourself.";
            return Err(Problem::invalid_field("/roles", "invalid-value", detail));
        }
        Ok(NewApiKey {
            name: self.name,
            roles: self.roles.into_iter().collect(),
            user_id: maker,
            created_at: now,
            expires_at,
        })
    }

    fn expiry(&self, now: DateTime<Utc>) -> ApiResult<DateTime<Utc>> {
        let latest = now + TimeDelta::days(MOST_DAYS);
        match (self.expires_at, self.expires_in_days) {
            (Some(_), Some(_)) => {
                let detail = "Give expiresAt or expiresInDays, not both.";
                Err(Problem::invalid_field(
                    "/expiresInDays",
                    "invalid-value",
                    detail,
                ))
            }
            (None, Some(days)) if !(1..=MOST_DAYS).contains(&i64::from(days)) => {
                let detail = format!("A key is valid for 1 to {MOST_DAYS} days.");
                Err(Problem::invalid_field(
                    "/expiresInDays",
                    "out-of-range",
                    detail,
                ))
            }
            (Some(at), None) if at <= now || at > latest => {
                let detail = format!(
                    "A key expires in the future, {MOST_DAYS} days from now at the latest."
                );
                Err(Problem::invalid_field("/expiresAt", "out-of-range", detail))
            }
            (Some(at), None) => Ok(at),
            (None, days) => Ok(now + TimeDelta::days(days.map_or(USUAL_DAYS, i64::from))),
        }
    }
}

fn check_name(name: &str) -> ApiResult<()> {
    let wrong = if name.trim().is_empty() {
        ("required", "Give it a name.".to_owned())
    } else if name.chars().any(char::is_control) {
        (
            "control-character",
            "Leave out control characters.".to_owned(),
        )
    } else if name.chars().nth(NAME_MAX_CHARS).is_some() {
        (
            "too-long",
            format!("Give it at most {NAME_MAX_CHARS} characters."),
        )
    } else {
        return Ok(());
    };
    Err(Problem::invalid_field("/name", wrong.0, wrong.1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_documents_bounds_are_those_that_are_checked() {
        let schema = serde_json::to_value(ApiKeyBody::schema()).unwrap();
        let days = &schema["properties"]["expiresInDays"];
        assert_eq!(days["maximum"], json!(MOST_DAYS));
    }
}
