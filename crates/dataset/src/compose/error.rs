//! What is wrong with a data set in its form on the web. The words name attributes and no values.

use causeway_core::limits::MAX_SEQUENCE_DEPTH;
use causeway_core::{Tag, Vr};

/// Why no data set can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// Not the grammar of the form.
    #[error("the metadata are no {form}: {words}")]
    Syntax {
        /// JSON or XML.
        form: &'static str,
        /// What is wrong, and where.
        words: String,
    },
    /// More data sets than are read.
    #[error("the metadata hold more than {limit} instances")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// Well-formed, but not what the form asks for.
    #[error("the metadata are not as {form} has them: {words}")]
    Form {
        /// The form.
        form: &'static str,
        /// What is wrong.
        words: &'static str,
    },
    /// A document type, which could name other files or unfold without end.
    #[error("a document type declaration is not read")]
    DocumentType,
    /// Sequences nest deeper than is read.
    #[error("sequences nest deeper than {MAX_SEQUENCE_DEPTH} levels")]
    TooDeep,
    /// The data set would be larger than is made.
    #[error("the metadata make more than {limit} bytes of data set")]
    TooLong {
        /// The bound.
        limit: usize,
    },
    /// A name of an attribute that is none.
    #[error("an attribute is not named by eight hexadecimal digits")]
    NotATag,
    /// A tag that no data set holds (PS3.5 §7.1).
    #[error("{0} is no attribute of a data set")]
    Misplaced(Tag),
    /// An attribute that is there twice.
    #[error("{0} is there twice")]
    Twice(Tag),
    /// No value representation, or one that there is not.
    #[error("{0} has no value representation that is known")]
    Vr(Tag),
    /// A value that is none of its VR.
    #[error("{tag} is no {}: {words}", vr.as_str())]
    Value {
        /// The attribute.
        tag: Tag,
        /// Its VR.
        vr: Vr,
        /// What is wrong.
        words: &'static str,
    },
    /// More than one of value, inline bytes and bulk data (PS3.18 §F.2.2).
    #[error("{0} has more than one of a value, bytes and bulk data")]
    Ambiguous(Tag),
    /// A private attribute in a group that has no block left (PS3.5 §7.8.1).
    #[error("no block is left for the private attribute {0}")]
    NoBlock(Tag),
    /// A value longer than a data set can hold.
    #[error("{0} is longer than a data set can hold (4 GiB)")]
    ValueTooLong(Tag),
}
