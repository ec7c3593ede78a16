//! What a token's claims say of its bearer: a name for the trail, what it may do, and what it sees. Pure.

use causeway_core::sight::MAX_SCOPE_ITEMS;
use causeway_core::{Credential, PatientKey, Permission, Permissions, Principal, Scope, Sight, Uid};
use serde_json::Value;

use super::Config;
use crate::identity::jwt::Claims;

/// Where scopes are when no setting says (RFC 9068 §2.2.3; `scp` is that of some providers).
const SCOPE_CLAIMS: [&str; 2] = ["scope", "scp"];
/// Most scopes of a token that are looked at.
const MAX_SCOPES: usize = 500;
/// Longest name that is kept, in characters.
const MAX_NAME_CHARS: usize = 128;
/// What says in a list of studies, patients or remotes that all of them are seen.
const EVERYTHING: &str = "*";
/// What names of bearers begin with, so that none is taken for a remote, for a token of ours or for this machine.
const NAME_PREFIX: &str = "oidc:";

/// The bearer.
pub(super) fn principal(config: &Config, claims: &Claims) -> Principal {
    Principal {
        name: name(config, claims),
        credential: Credential::Provider,
        permissions: permissions(config, claims),
        sight: sight(config, claims),
    }
}

fn name(config: &Config, claims: &Claims) -> String {
    let named = find(claims, &config.name_claim).and_then(Value::as_str).unwrap_or(&claims.sub);
    let printable = named.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS);
    NAME_PREFIX.chars().chain(printable).collect()
}

fn permissions(config: &Config, claims: &Claims) -> Permissions {
    let said = match &config.scope_claim {
        Some(path) => find(claims, path),
        None => SCOPE_CLAIMS.iter().find_map(|name| claims.others.get(*name)),
    };
    let scopes = said.map(texts).unwrap_or_default();
    let allowed = |scope: &str| -> Vec<Permission> {
        if config.scopes.is_empty() {
            return Permission::parse(scope).into_iter().collect();
        }
        config.scopes.get(scope).map(|permissions| permissions.iter().collect()).unwrap_or_default()
    };
    scopes.into_iter().take(MAX_SCOPES).flat_map(allowed).collect()
}

/// What the claims list. Whatever cannot be read is not seen.
fn sight(config: &Config, claims: &Claims) -> Sight {
    let Config { studies_claim, patients_claim, remotes_claim, .. } = config;
    let sources = [studies_claim, patients_claim, remotes_claim];
    if sources.iter().all(|source| source.is_none()) {
        return Sight::Everything;
    }
    let [studies, patients, remotes] = sources
        .map(|source| source.as_deref().and_then(|path| find(claims, path)).map(listed).unwrap_or_default());
    if [&studies, &patients, &remotes].into_iter().any(|list| list.contains(&EVERYTHING)) {
        return Sight::Everything;
    }
    Sight::Only(Scope {
        studies: studies.iter().filter_map(|text| Uid::parse(text).ok()).take(MAX_SCOPE_ITEMS).collect(),
        patients: patients
            .iter()
            .filter_map(|text| PatientKey::parse(text).ok())
            .take(MAX_SCOPE_ITEMS)
            .collect(),
        remotes: remotes.iter().filter_map(|text| text.parse().ok()).take(MAX_SCOPE_ITEMS).collect(),
    })
}

/// The texts of a claim: a list of them, or one; an ID may have spaces.
fn listed(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// A claim by its name, or else by names inside one another, with dots between.
pub(super) fn find<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.others.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    rest.split('.').try_fold(claims.others.get(first)?, |value, name| value.get(name))
}

/// The texts of a claim: a list of them, or one with spaces between.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => text.split_ascii_whitespace().collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}
