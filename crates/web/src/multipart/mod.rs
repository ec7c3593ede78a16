//! `multipart/related` in both directions (RFC 2046 §5.1, RFC 2387, PS3.18 §8.6.1.2): [`read`] for what comes in,
//! [`write`] for what goes out. Pure, over chunks of bytes; who reads or sends them stands elsewhere.

pub(crate) mod read;
pub(crate) mod write;
