//! What a route does: declared where it is added. How the gateway counts requests for it and what the OpenAPI
//! document promises of its answers follow from it.

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Type;

use crate::gateway::{Class, Counting};
use crate::operation::{add_header, has_parameter};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Shows something and changes nothing.
    Reads,
    /// Appends events to the log. Its answer tells their position.
    Appends,
    /// Changes something that is not in the log: sessions, API keys, the state of read models.
    Changes,
    /// Like [`Effect::Appends`], and as limited as signing in, since it tries a secret or has a message sent.
    AppendsGuarded,
    /// Like [`Effect::Changes`], and as limited as signing in, since it tries a secret or has a message sent.
    ChangesGuarded,
    /// Starts or continues a session, for whoever proves who they are. Only failures count against the limit.
    SignsIn,
    /// Stores usage events, which are not in the log.
    CollectsUsage,
}

impl Effect {
    pub const fn counting(self) -> Counting {
        match self {
            Effect::Reads => Counting::each(Class::Query),
            Effect::Appends | Effect::Changes => Counting::each(Class::Command),
            Effect::AppendsGuarded | Effect::ChangesGuarded => Counting::each(Class::SignIn),
            Effect::SignsIn => Counting::failures(Class::SignIn),
            Effect::CollectsUsage => Counting::each(Class::Usage),
        }
    }

    const fn appends(self) -> bool {
        match self {
            Effect::Appends | Effect::AppendsGuarded => true,
            Effect::Reads
            | Effect::Changes
            | Effect::ChangesGuarded
            | Effect::SignsIn
            | Effect::CollectsUsage => false,
        }
    }

    pub(super) fn describe(self, operation: &mut Operation) {
        if !self.appends() {
            return;
        }
        for status in ["200", "201", "204"] {
            add_header(
                operation,
                status,
                "Daybook-Position",
                "For a later `Daybook-Min-Position`",
                Type::Integer,
            );
            if has_parameter(operation, "Idempotency-Key") {
                add_header(
                    operation,
                    status,
                    "Idempotency-Replayed",
                    "`true` where the first answer is repeated",
                    Type::String,
                );
            }
        }
    }
}
