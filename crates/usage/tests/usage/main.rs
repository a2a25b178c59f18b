//! Usage events on a real PostgreSQL: what is kept of them, and what is answered from them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod days;
mod forgetting;
mod funnel;
mod keeping;
mod person;
mod room;
mod site;
