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

use std::ffi::OsString;
use std::process::ExitCode;

/// Requests allocate many small, short-lived buffers on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match cli::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.line());
            ExitCode::from(cli::status(&arguments, &failure))
        }
    }
}
