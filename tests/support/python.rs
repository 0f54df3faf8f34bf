//! Programs of others that are written in Python.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the programs of a virtual environment are that has these requirements in it. It is made once
/// for each list of them, and kept between test runs.
pub(crate) fn environment(name: &str, requirements: &str, options: &[&str]) -> PathBuf {
    let folder = format!("python-{name}");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(folder);
    let (programs, ready) = (home.join("bin"), home.join("ready.txt"));
    if std::fs::read_to_string(&ready).is_ok_and(|installed| installed == requirements) {
        return programs;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
    let list = home.join("requirements.txt");
    std::fs::write(&list, requirements).unwrap();
    run(Command::new(programs.join("python"))
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(&list)
        .args(options));
    // Only now, so that an installation that broke off is not taken for a whole one.
    std::fs::rename(list, ready).unwrap();
    programs
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("this test needs python3 with venv and pip, but {command:?} failed: {error}")
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "this test needs python3 with venv and pip, and a way to PyPI; {command:?} said: {errors}"
    );
}
