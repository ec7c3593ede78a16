//! The seeds of each target, whole, cut short and with single bytes changed: a quick look at what `cargo xtask fuzz`
//! looks at for long.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use causeway_fuzz::TARGETS;

/// Largest seed: the engine works best from small ones.
const MAX_SEED_BYTES: usize = 10 * 1024;
/// Changed copies made of each seed.
const CHANGES: usize = 16;

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn each_target_has_its_folder_and_each_folder_its_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(&seeds()), targets);
}

#[test]
fn seeds_and_what_is_near_them_are_read_without_a_finding() {
    for target in TARGETS {
        let folder = seeds().join(target.name);
        assert!(!names(&folder).is_empty(), "{} has no seed", target.name);
        for name in names(&folder) {
            let seed = std::fs::read(folder.join(&name)).unwrap();
            assert!(seed.len() <= MAX_SEED_BYTES, "{}/{name} has {} bytes", target.name, seed.len());
            (target.run)(&seed);
            for change in 0..CHANGES.min(seed.len()) {
                let at = change * seed.len() / CHANGES.min(seed.len());
                (target.run)(&seed[..at]);
                let mut changed = seed.clone();
                changed[at] = changed[at].wrapping_mul(31).wrapping_add(0x80);
                (target.run)(&changed);
            }
        }
    }
}
