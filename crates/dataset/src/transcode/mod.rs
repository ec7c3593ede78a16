//! Laying out a data set anew, element by element, pixels untouched.
//!
//! Lives here: [`Transcoder`]; `relay`, the sink that writes as it is told. Sequences and items come out with
//! undefined lengths, so that nothing has to be held back to count it; group lengths are left out, since they would
//! be wrong (PS3.5 §7.2). Never here: compressing or decompressing, which is `decompress`.

mod relay;

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;

use crate::Error;
use crate::scanner::Scanner;
pub(crate) use relay::{Relay, put_explicit_header};

/// Rewrites a data set that arrives in pieces.
#[derive(Debug)]
pub struct Transcoder {
    scanner: Scanner<Relay>,
}

impl Transcoder {
    /// From one layout to another; `to` is explicit or implicit little endian.
    #[must_use]
    pub fn new(from: Layout, to: Layout) -> Self {
        // What was stored may be read whole; what is made of it is handed on piece by piece.
        Self { scanner: Scanner::new(from, u64::MAX, Relay::new(to)) }
    }

    /// Takes the next bytes and gives what they become.
    ///
    /// # Errors
    /// When they are no data set.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Bytes, Error> {
        self.scanner.feed(bytes)?;
        self.scanner.sink_mut().take()
    }

    /// No more bytes come: gives what is left.
    ///
    /// # Errors
    /// When the data set ended in the middle.
    pub fn finish(self) -> Result<Bytes, Error> {
        self.scanner.finish()?.take()
    }
}

#[cfg(test)]
mod tests;
