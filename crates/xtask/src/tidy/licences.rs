//! Licences: ours is stated in each manifest, and everything we build upon allows what `deny.toml` lists.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::Finding;
use super::metadata::{Metadata, Package};

/// The licence of every package of the workspace.
const OURS: &str = "MIT OR Apache-2.0";

pub(super) fn check(root: &Path, metadata: &Metadata) -> Result<Vec<Finding>> {
    let text = std::fs::read_to_string(root.join("deny.toml")).context("deny.toml cannot be read")?;
    let policy: toml::Table = text.parse().context("deny.toml")?;
    let allowed: Vec<&str> = policy
        .get("licenses")
        .and_then(|table| table.get("allow"))
        .and_then(toml::Value::as_array)
        .context("deny.toml has no list licenses.allow")?
        .iter()
        .filter_map(toml::Value::as_str)
        .collect();
    let mut findings: Vec<Finding> = metadata
        .members()
        .filter(|package| package.license.as_deref() != Some(OURS))
        .map(|package| Finding::new(package.manifest(), 0, "no licence: write license.workspace = true"))
        .collect();
    findings.extend(metadata.packages.iter().filter_map(|package| refused(package, &allowed)));
    Ok(findings)
}

fn refused(package: &Package, allowed: &[&str]) -> Option<Finding> {
    let Package { name, version, license, license_file, .. } = package;
    let words = match license {
        Some(expression) if permits(expression, allowed) => return None,
        Some(expression) => format!("{name} {version} is under {expression}, which deny.toml does not allow"),
        None if license_file.is_some() => return None,
        None => format!("{name} {version} states no licence"),
    };
    Some(Finding::new("Cargo.lock", 0, format!("{words}: replace it, or allow that licence with a reason")))
}

/// Whether an SPDX expression can be met with the allowed licences: one alternative of each `OR`, all of each `AND`.
fn permits(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    words.reverse();
    alternatives(&mut words, allowed)
}

fn alternatives(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut met = conjunction(words, allowed);
    while words.last() == Some(&"OR") {
        words.pop();
        met |= conjunction(words, allowed);
    }
    met
}

fn conjunction(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut met = licence(words, allowed);
    while words.last() == Some(&"AND") {
        words.pop();
        met &= licence(words, allowed);
    }
    met
}

fn licence(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    match words.pop() {
        Some("(") => {
            let met = alternatives(words, allowed);
            words.pop();
            met
        }
        Some(name) => {
            let mut whole = name.to_owned();
            if words.last() == Some(&"WITH") {
                words.pop();
                whole = format!("{name} WITH {}", words.pop().unwrap_or_default());
            }
            // An exception only adds permissions, so the licence itself suffices.
            allowed.contains(&whole.as_str()) || allowed.contains(&name)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alternative_suffices_and_every_part_is_needed() {
        let allowed = ["MIT", "Unicode-3.0"];
        for expression in ["MIT", "MIT OR GPL-3.0", "MIT/Apache-2.0", "(GPL-2.0 OR MIT) AND Unicode-3.0"] {
            assert!(permits(expression, &allowed), "{expression}");
        }
        for expression in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND GPL-2.0", "", "()"] {
            assert!(!permits(expression, &allowed), "{expression}");
        }
    }

    #[test]
    fn an_exception_takes_nothing_away() {
        assert!(permits("MIT WITH LLVM-exception", &["MIT"]));
        assert!(!permits("GPL-3.0 WITH LLVM-exception", &["MIT"]));
    }
}
