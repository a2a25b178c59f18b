//! Formats and the store: what is documented, what other implementations accept, what a folder keeps.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod documented;
mod foreign;
mod store;
