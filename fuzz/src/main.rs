//! One target of `ringbook_fuzz_targets` under libFuzzer; `fuzz/run` builds and runs this.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use ringbook_fuzz_targets::{TARGETS, Target};

fn target() -> &'static Target {
    static TARGET: OnceLock<&Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("RINGBOOK_FUZZ").unwrap_or_default();
        let found = TARGETS.iter().find(|target| target.name == name);
        found.unwrap_or_else(|| {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            panic!("RINGBOOK_FUZZ is `{name}`; it must be one of {}", names.join(", "))
        })
    })
}

fuzz_target!(|data: &[u8]| (target().run)(data));
