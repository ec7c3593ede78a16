//! The storage SOP classes: those of PS3.4 (Table B.5-1 and the non-patient ones) and, because objects outlive
//! editions, every retired or industrial one that the registry of UIDs (PS3.6 Annex A) still names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::{paths, run};

/// The crate whose source carries the registry of UIDs.
const DICTIONARY: &str = "dicom-dictionary-std";
/// A DICOMDIR names instances and is none itself (PS3.10 §8).
const MEDIA_STORAGE_DIRECTORY: &str = "1.2.840.10008.1.3.10";
/// Fewer than this, and something was not read.
const FEWEST_CLASSES: usize = 150;

#[derive(Deserialize)]
struct SopClass {
    name: String,
    id: String,
}

/// The text of `sop_class_gen.rs`.
pub(super) fn text(standard: &Path, edition: &str) -> Result<String> {
    let path = standard.join("sops.json");
    let json =
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let (dictionary, version) = dictionary_source()?;
    let registry = std::fs::read_to_string(&dictionary)
        .with_context(|| format!("{} cannot be read", dictionary.display()))?;

    let mut classes: BTreeMap<String, String> = BTreeMap::new();
    classes.extend(registered(&registry));
    for class in serde_json::from_str::<Vec<SopClass>>(&json).context("sops.json")? {
        classes.insert(class.id, class.name);
    }
    classes.remove(MEDIA_STORAGE_DIRECTORY);
    ensure!(classes.len() >= FEWEST_CLASSES, "only {} storage SOP classes were found", classes.len());
    Ok(render(&classes, edition, &version))
}

/// The storage classes among the lines of the registry: a doc comment `SOP Class: <name>` above a constant.
fn registered(source: &str) -> Vec<(String, String)> {
    let mut name: Option<&str> = None;
    let mut found = Vec::new();
    for line in source.lines() {
        if let Some(documented) = line.strip_prefix("/// ") {
            name = documented.strip_prefix("SOP Class: ");
        } else if line.starts_with("pub const ") {
            let uid = line.split('"').nth(1);
            if let (Some(name), Some(uid)) = (name.take().filter(|name| is_storage(name)), uid) {
                found.push((uid.to_owned(), plain(name)));
            }
        }
    }
    found
}

/// A class with *Storage* in its name stores something, unless it asks for commitment.
fn is_storage(name: &str) -> bool {
    name.contains("Storage") && !name.contains("Storage Commitment")
}

/// The name without the words that the registry adds to it.
fn plain(name: &str) -> String {
    let (name, retired) = match name.strip_suffix(" (Retired)") {
        Some(name) => (name, " (Retired)"),
        None => (name, ""),
    };
    format!("{}{retired}", name.strip_suffix(" SOP Class").unwrap_or(name))
}

fn render(classes: &BTreeMap<String, String>, edition: &str, version: &str) -> String {
    let mut text = format!(
        "//! Storage SOP classes by UID: PS3.4 {edition} Table B.5-1 and its sisters; retired ones and those of other\n\
         //! industries as {DICTIONARY} {version} names them. Written by `cargo xtask tables`, not by hand.\n\n\
         #[rustfmt::skip]\n\
         pub(crate) const STORAGE: &[(&str, &str)] = &[\n"
    );
    for (uid, name) in classes {
        let _ = writeln!(text, "    ({uid:?}, {name:?}),");
    }
    text.push_str("];\n");
    text
}

/// Path of the registry's source file, and the version of the crate that carries it.
fn dictionary_source() -> Result<(PathBuf, String)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked"]).current_dir(paths::root());
    let metadata: Value = serde_json::from_str(&run::output_of(&mut cargo)?)?;
    let package = metadata
        .get("packages")
        .and_then(Value::as_array)
        .and_then(|packages| packages.iter().find(|package| package["name"] == DICTIONARY))
        .with_context(|| format!("{DICTIONARY} is not among the workspace's packages"))?;
    let manifest = package.get("manifest_path").and_then(Value::as_str).context("no manifest_path")?;
    let version = package.get("version").and_then(Value::as_str).context("no version")?;
    Ok((Path::new(manifest).with_file_name("src").join("uids.rs"), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stores_an_object_is_taken_from_the_registry() {
        let source = "\
/// SOP Class: Storage Commitment Push Model SOP Class
pub const A: &str = \"1.1\";
/// Service Class: Storage Service Class
pub const C: &str = \"1.3\";
/// SOP Class: Stored Print Storage SOP Class (Retired)
#[deprecated(note = \"Retired DICOM UID\")]
#[rustfmt::skip]
pub const D: &str = \"1.4\";
/// SOP Class: CT Image Storage - For Processing
pub const E: &str = \"1.5\";
";
        let expected = [
            ("1.4".to_owned(), "Stored Print Storage (Retired)".to_owned()),
            ("1.5".to_owned(), "CT Image Storage - For Processing".to_owned()),
        ];
        assert_eq!(registered(source), expected);
    }

    #[test]
    fn the_table_is_in_the_order_of_its_text() {
        let classes = BTreeMap::from([
            ("1.2.10".to_owned(), "Ten".to_owned()),
            ("1.2.9".to_owned(), "Nine".to_owned()),
        ]);
        let text = render(&classes, "2024e", "0.0.0");
        assert!(text.find("1.2.10") < text.find("1.2.9"), "{text}");
        assert!(text.starts_with("//! "));
    }
}
