//! Verification against real databases: an honest log causes no finding, and every harm is found and named.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod honest;
mod outside;
mod rows;
mod site;
mod tree;
