//! The viewers that the suite opens in a browser, and what drives the browser: packages of npm, unpacked beside what is
//! built. Their dependencies are bundled in them, so nothing else is fetched; what the tests do not use is left out.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{paths, run};

/// A package, held to the digit and to its content.
#[derive(Deserialize)]
struct Pinned {
    name: String,
    version: String,
    /// Digest of its archive, as `npm pack --json` says it.
    integrity: String,
}

/// What `npm pack --json` says of an archive that it fetched.
#[derive(Deserialize)]
struct Fetched {
    filename: String,
    integrity: String,
}

/// Not unpacked: maps of sources, and models of neural networks, which are most of what OHIF weighs.
const LEFT_OUT: &[&str] = &["--exclude=*.map", "--exclude=package/dist/ort"];

/// Fetches and unpacks what `conformance/viewers/packages.json` lists, each package to a folder of its last name; anew
/// when the list has changed.
pub(super) fn install() -> Result<()> {
    let list = paths::root().join("conformance").join("viewers").join("packages.json");
    let wanted =
        std::fs::read_to_string(&list).with_context(|| format!("{} cannot be read", list.display()))?;
    let to = paths::target().join("viewers");
    let stamp = to.join("installed.json");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!("installing the viewers of {}", paths::shown(&list));
    if to.exists() {
        std::fs::remove_dir_all(&to).with_context(|| format!("{} cannot be emptied", to.display()))?;
    }
    std::fs::create_dir_all(&to).with_context(|| format!("{} cannot be made", to.display()))?;
    let packages: Vec<Pinned> =
        serde_json::from_str(&wanted).with_context(|| format!("in {}", paths::shown(&list)))?;
    for package in &packages {
        fetch(package, &to)?;
    }
    std::fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

fn fetch(package: &Pinned, to: &Path) -> Result<()> {
    let named = format!("{}@{}", package.name, package.version);
    let said = run::output_of(
        Command::new("npm").args(["pack", "--json", "--ignore-scripts", &named]).current_dir(to),
    )?;
    let fetched: Vec<Fetched> =
        serde_json::from_str(&said).with_context(|| format!("what npm says of {named}"))?;
    let Some(fetched) = fetched.first() else { bail!("npm fetched nothing for {named}") };
    if fetched.integrity != package.integrity {
        bail!("{named} is not what it was: {} in place of {}", fetched.integrity, package.integrity);
    }
    let archive = to.join(&fetched.filename);
    let folder = to.join(folder_of(&package.name));
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    run::check(
        Command::new("tar")
            .args(["--extract", "--gzip", "--strip-components=1", "--no-same-owner"])
            .args(LEFT_OUT)
            .arg("--file")
            .arg(&archive)
            .arg("--directory")
            .arg(&folder),
    )?;
    std::fs::remove_file(&archive).with_context(|| format!("{} cannot be removed", archive.display()))
}

/// `@ohif/app` is kept in `ohif`, `dwv` in `dwv`.
fn folder_of(name: &str) -> &str {
    match name.strip_prefix('@').and_then(|scoped| scoped.split_once('/')) {
        Some((scope, _)) => scope,
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scoped_package_is_kept_under_its_scope_and_another_under_its_name() {
        assert_eq!(folder_of("@ohif/app"), "ohif");
        assert_eq!(folder_of("playwright-core"), "playwright-core");
    }

    #[test]
    fn what_is_pinned_can_be_read() {
        let list = paths::root().join("conformance").join("viewers").join("packages.json");
        let packages: Vec<Pinned> = serde_json::from_str(&std::fs::read_to_string(list).unwrap()).unwrap();
        assert!(packages.iter().all(|package| package.integrity.starts_with("sha512-")));
    }
}
