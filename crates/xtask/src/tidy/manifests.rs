//! The manifests: every dependency of the workspace has its reason, and no crate states a version of its own.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::Finding;
use super::metadata::Metadata;

pub(super) fn check(root: &Path, metadata: &Metadata) -> Result<Vec<Finding>> {
    let workspace = std::fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml cannot be read")?;
    let mut findings = reasons(&workspace);
    for package in metadata.members() {
        let text = std::fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("{} cannot be read", package.manifest()))?;
        findings.extend(own_versions(&package.manifest(), &text));
    }
    Ok(findings)
}

/// Lines of `[workspace.dependencies]` that say no reason. The rooms themselves need none.
fn reasons(text: &str) -> Vec<Finding> {
    dependency_lines(text)
        .filter(|(_, line)| !line.contains("path =") && !line.contains(" # "))
        .map(|(number, line)| {
            let name = line.split_whitespace().next().unwrap_or_default();
            let words = format!("{name} has no reason: end its line with `# why it is needed`");
            Finding::new("Cargo.toml", number, words)
        })
        .collect()
}

/// Dependencies of one crate that do not come from the workspace.
fn own_versions(manifest: &str, text: &str) -> Vec<Finding> {
    dependency_lines(text)
        .filter(|(_, line)| !line.contains("workspace"))
        .map(|(number, _)| {
            let words = "states a version of its own: name it in [workspace.dependencies] and write .workspace = true";
            Finding::new(manifest, number, words)
        })
        .collect()
}

/// The lines, numbered from 1, that name a dependency.
fn dependency_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if let Some(table) = line.strip_prefix('[') {
            inside = table.trim_end().ends_with("dependencies]");
            return None;
        }
        let names_one = line.chars().next().is_some_and(|first| first.is_alphanumeric());
        (inside && names_one).then_some((index + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let text = "[workspace.dependencies]\n# Ours.\ncore = { path = \"a\" }\nbytes = \"1\" # slices\ntoml = \"1\"\n\n[x]\ny = 1\n";
        let findings = reasons(text);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].to_string().starts_with("Cargo.toml:5: toml has no reason"));
    }

    #[test]
    fn versions_stand_in_the_workspace_only() {
        let text = "[dependencies]\nbytes.workspace = true\n[dev-dependencies]\ntoml = \"1\"\n";
        assert_eq!(own_versions("crates/a/Cargo.toml", text)[0].line, 4);
    }
}
