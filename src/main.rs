//! The program: parse what was typed, do it, and say how it went.

mod cli;

use std::process::ExitCode;

// A sync allocates on several threads by turns; the system's allocator keeps what each of them once
// needed, this one gives it back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
