//! How a role is written.

use utoipa::ToSchema;

#[derive(ToSchema)]
#[schema(as = Role, rename_all = "lowercase")]
#[allow(dead_code, reason = "only describes the domain's type")]
pub enum RoleName {
    User,
    Admin,
}
