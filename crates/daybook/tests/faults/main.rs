//! Real servers that are really killed: what was acknowledged stays, and nothing happens twice.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod bucket;
mod crashes;
mod crowds;
mod evidence;
mod fold;
mod full_disk;
mod gate;
mod journal;
mod load;
mod poison;
mod pooler;
#[path = "../process/mod.rs"]
mod process;
mod projectors;
mod rebuilds;
mod restored;
mod restored_elsewhere;
mod sealing;
mod set_back;
mod silence;
mod site;
mod small_disk;
mod standstill;
mod two_servers;
mod worker;
