//! Secrets: given in the settings or in a file, and never shown.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::SettingsError;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A secret that is given by itself or in a file, which ends with a line break or not.
pub(super) fn given(
    key: &str,
    itself: Option<Secret>,
    file: Option<&Path>,
) -> Result<Option<Secret>, SettingsError> {
    let secret = match (itself, file) {
        (Some(_), Some(_)) => {
            let words = format!("{key} and {key}_file are both given: take one of them out");
            return Err(SettingsError::new(words));
        }
        (itself, None) => itself,
        (None, Some(path)) => Some(read(key, path)?),
    };
    match secret {
        Some(secret) if secret.0.is_empty() => Err(SettingsError::new(format!("{key} is empty"))),
        secret => Ok(secret),
    }
}

fn read(key: &str, path: &Path) -> Result<Secret, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        SettingsError::new(format!("{key}_file = \"{}\" cannot be read: {error}", path.display()))
    })?;
    Ok(Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
}
