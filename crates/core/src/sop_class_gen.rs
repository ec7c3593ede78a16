//! Stub.
pub(crate) const STORAGE: &[(&str, &str)] = &[];
