//! The projections against a real PostgreSQL, each test with a database of its own, as the restricted
//! role that a server uses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod analytics;
mod fencing;
mod history;
mod operating;
mod oracle;
mod paging;
mod poison;
mod progress;
mod projecting;
mod queries;
mod rebuilding;
mod running;
mod search;
mod shop;
mod skipping;
mod tally;
mod trail;
mod versions;
