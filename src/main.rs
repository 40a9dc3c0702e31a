//! The start of the program, and its end with an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    brandintel::start(std::env::args_os()).into()
}
