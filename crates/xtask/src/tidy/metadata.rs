//! What `cargo metadata` says about the workspace: its packages, and what each of them names.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::run;

#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Package {
    id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) license: Option<String>,
    pub(super) license_file: Option<String>,
    pub(super) manifest_path: PathBuf,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    kind: Option<String>,
}

impl Metadata {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--format-version", "1"]).current_dir(root);
        serde_json::from_str(&run::output_of(&mut cargo)?).context("cargo metadata")
    }

    /// The workspace's own packages.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}

impl Package {
    /// The room's name: the package's without the project's.
    pub(super) fn room(&self) -> &str {
        self.name.strip_prefix("causeway-").unwrap_or(if self.name == "causeway" {
            "node"
        } else {
            &self.name
        })
    }

    /// The manifest, as named from the top folder.
    pub(super) fn manifest(&self) -> String {
        crate::paths::shown(&self.manifest_path)
    }
}

impl Dependency {
    pub(super) fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}
