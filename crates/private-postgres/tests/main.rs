//! Private servers, really started, stopped and killed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod crashes;
mod start_and_stop;
mod support;
mod test_databases;
