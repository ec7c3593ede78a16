//! The program that libFuzzer drives: one build for all targets, `CAUSEWAY_FUZZ_TARGET` names the one to run.
#![no_main]

use std::sync::LazyLock;

use causeway_fuzz::{TARGETS, Target, target};

/// Names the target.
const VARIABLE: &str = "CAUSEWAY_FUZZ_TARGET";

static CHOSEN: LazyLock<Option<&'static Target>> =
    LazyLock::new(|| std::env::var(VARIABLE).ok().and_then(|name| target(&name)));

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert!(CHOSEN.is_some(), "{VARIABLE} is to name one of {names:?}");
    if let Some(target) = *CHOSEN {
        (target.run)(data);
    }
});
