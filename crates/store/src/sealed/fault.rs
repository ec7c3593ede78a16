//! What can be wrong with a sealed object. The words name keys by their ids, and say what to do.

use object_store::Error;

use super::keys::KeyId;

/// Why an object is not opened, or not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The key file lacks the key.
    #[error(
        "it is sealed with key {0}, which is not in the file of [store.encryption] keys: put the line of {0} back into it"
    )]
    NoKey(KeyId),
    /// The key file says that the key is lost.
    #[error("it is sealed with key {0}, which the file of [store.encryption] keys calls lost")]
    Lost(KeyId),
    /// It is no sealed object, where only such are taken.
    #[error(
        "it is not sealed; if it was stored before encryption was switched on, set [store.encryption] plain = \"read\"; \
         else somebody else put it there"
    )]
    Plain,
    /// The store was used with encryption, and now it is not.
    #[error("it is sealed, and no keys are given: set [store.encryption] keys to the file that holds them")]
    NotSealing,
    /// It is none of what was sealed under this name with this key.
    #[error(
        "it does not open with key {0}: its bytes were changed, or it was put in the place of another, or the key file \
         has other bytes for {0}"
    )]
    Changed(KeyId),
    /// It begins like a sealed object, and is none.
    #[error("it is no whole sealed object: {0}")]
    Form(&'static str),
    /// The caller broke the contract of an upload.
    #[error("an upload of {expected} bytes was given {given}")]
    Length {
        /// Bytes announced.
        expected: u64,
        /// Bytes given so far.
        given: u64,
    },
    /// An object opens under its own name alone.
    #[error("a sealed object cannot be copied to another name: it would not open there")]
    Name,
    /// The library of cryptography failed, for reasons of its own.
    #[error("the cryptography failed at {0}")]
    Cryptography(&'static str),
}

impl Fault {
    /// Whether the settings decide, and not the object: it is what it was, and opens as soon as they are put right.
    pub(crate) const fn is_of_settings(&self) -> bool {
        matches!(self, Self::NoKey(_) | Self::Plain | Self::NotSealing)
    }

    /// The fault that an object store told of, where it is one.
    pub(crate) fn of(error: &Error) -> Option<&Self> {
        match error {
            Error::Generic { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Generic { store: "sealed", source: Box::new(fault) }
    }
}
