//! The program: parse what was typed, do it, and say how it went.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringbook::cli::main()
}
