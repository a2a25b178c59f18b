//! The binary. Its commands are in [`cli`].
//!
//! Only here are settings read, arguments parsed, roles started and parts put together; the parts themselves are in
//! crates of their own.

mod cli;
mod config;
mod failure;
mod progress;
#[cfg(test)]
mod redaction;
mod seed;
mod serve;
mod site;
mod telemetry;

use std::process::ExitCode;

/// Requests allocate many small, short-lived buffers on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.line());
            ExitCode::from(failure.status())
        }
    }
}
