//! The program that libFuzzer drives: one build for all targets, `CAUSEWAY_FUZZ_TARGET` names the one to run.
#![no_main]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex, Once};

use causeway_fuzz::{TARGETS, Target, target};

/// Names the target.
const VARIABLE: &str = "CAUSEWAY_FUZZ_TARGET";

static CHOSEN: LazyLock<Option<&'static Target>> =
    LazyLock::new(|| std::env::var(VARIABLE).ok().and_then(|name| target(&name)));

/// The words of the last panic.
static LAST: Mutex<String> = Mutex::new(String::new());
static HOOK: Once = Once::new();

/// Where our own sources are, in the places that panics name.
const OURS: &str = "crates/";

/// A panic of ours is a finding wherever it is caught. A foreign decoder may give up by one, which its caller catches;
/// the engine's own hook would end the process over it.
fn listen_to_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let ours = panic.location().is_some_and(|place| place.file().starts_with(OURS));
        if ours {
            report(&panic.to_string());
        }
        if let Ok(mut last) = LAST.lock() {
            *last = panic.to_string();
        }
    }));
}

#[expect(clippy::print_stderr, reason = "what libFuzzer's user reads")]
fn report(words: &str) {
    eprintln!("{words}");
    std::process::abort();
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    HOOK.call_once(listen_to_panics);
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert!(CHOSEN.is_some(), "{VARIABLE} is to name one of {names:?}");
    if let Some(target) = *CHOSEN
        && catch_unwind(AssertUnwindSafe(|| (target.run)(data))).is_err()
    {
        report(&LAST.lock().map(|last| last.clone()).unwrap_or_default());
    }
});
