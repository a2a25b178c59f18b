//! What holds whatever commands are given: random sequences of commands, accepted and refused.
//!
//! The seed is fixed, so that a failure is the same everywhere and no file of failing cases is needed.

mod category;
mod journey;
mod order;
mod product;
mod stock;
mod user;

use proptest::test_runner::{Config, RngSeed, TestRunner};

fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: 256,
        rng_seed: RngSeed::Fixed(20_260_401),
        failure_persistence: None,
        ..Config::default()
    })
}
