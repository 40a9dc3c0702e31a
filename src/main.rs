//! Starts the program and ends it with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    brandintel::start(std::env::args_os()).into()
}
