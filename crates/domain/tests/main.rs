//! The domain without anything around it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixtures;
mod properties;
mod rejections;
mod sentences;
mod upcasting;
