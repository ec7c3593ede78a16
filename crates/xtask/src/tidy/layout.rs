//! What lies in the checkout: the top level holds what is on the list and nothing else, and no file speaks of the
//! machine it was written on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Finding;

/// Everything that may stand at the top level.
const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "conformance",
    "crates",
    "deny.toml",
    "deploy",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "testdata",
];

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &[".git", "target", "__pycache__", ".pytest_cache", "causeway-data"];

/// A file larger than this is data, and data does not belong in the history.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Every file of ours, relative to `root`, in order.
pub(super) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if SKIPPED.iter().any(|skipped| name == *skipped) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if let Ok(path) = entry.path().strip_prefix(root) {
                found.push(path.to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<Finding>> {
    let mut findings = strays(files);
    for file in files {
        let path = root.join(file);
        let name = file.to_string_lossy();
        if std::fs::metadata(&path)?.len() > FILE_BYTES_MAX {
            findings.push(Finding::new(name, 0, "larger than 1 MiB: make it in the test, or fetch it"));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            findings.extend(machine_words(&name, &text));
        }
    }
    Ok(findings)
}

/// Files and folders at the top level that are not on the list.
fn strays(files: &[PathBuf]) -> Vec<Finding> {
    let mut tops: Vec<String> = files
        .iter()
        .filter_map(|file| file.components().next())
        .map(|top| top.as_os_str().to_string_lossy().into_owned())
        .filter(|top| !TOP_LEVEL.contains(&top.as_str()))
        .collect();
    tops.dedup();
    let words = "stands at the top level and is not on the list: move it into a room";
    tops.into_iter().map(|top| Finding::new(top, 0, words)).collect()
}

/// Homes and workplaces of one machine, and package sources other than the public ones.
fn machine_words(name: &str, text: &str) -> Vec<Finding> {
    let homes = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
    let hosts = [
        concat!("index", "-url"),
        concat!("find", "-links"),
        concat!("[regis", "tries"),
        concat!("[sour", "ce."),
        concat!("trusted", "-host"),
        concat!("sparse", "+http"),
    ];
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if homes.iter().any(|home| names_folder(line, home)) {
            findings.push(Finding::new(name, index + 1, "names a folder of one machine: make it relative"));
        }
        if hosts.iter().any(|host| line.contains(host)) {
            findings.push(Finding::new(name, index + 1, "names a package source: leave that to the machine"));
        }
    }
    findings
}

/// Whether `line` has `home` as the start of a path, not as its middle.
fn names_folder(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line.get(..at).and_then(|part| part.chars().next_back());
        !before.is_some_and(|letter| {
            letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | '/' | '}' | ')')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_at_the_top_is_found_once() {
        let files = ["notes/a.txt", "notes/b.txt", "crates/core/src/lib.rs", "Cargo.toml"].map(PathBuf::from);
        let findings = strays(&files);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].to_string().starts_with("notes: stands at the top level"));
    }

    #[test]
    fn a_path_of_one_machine_is_found_and_a_relative_one_is_not() {
        let home = concat!("/ho", "me/ann/data");
        assert_eq!(machine_words("a.md", &format!("see {home}")).len(), 1);
        assert_eq!(machine_words("a.md", &format!("see ..{home} and x{home}")), []);
    }

    #[test]
    fn a_package_source_is_found() {
        let line = concat!("--index", "-url https://packages.example/simple");
        assert_eq!(machine_words("requirements.txt", line)[0].line, 1);
    }
}
