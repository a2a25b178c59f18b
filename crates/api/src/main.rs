//! The one binary. What it can do is in [`daybook_api::cli`].

use std::ffi::OsString;
use std::process::ExitCode;

/// Requests allocate many small, short-lived buffers on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match daybook_api::cli::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.line());
            ExitCode::from(daybook_api::cli::status(&arguments, &failure))
        }
    }
}
