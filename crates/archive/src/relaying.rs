//! Data sets whose elements are laid out anew on their way out, whatever they come from: the store, or a file that only
//! passes through.

use std::ops::ControlFlow;

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::Error;
use causeway_dataset::transcode::Transcoder;

/// One data set on its way; empty after its end.
pub(crate) struct Relaying(Option<Box<Transcoder>>);

impl Relaying {
    pub(crate) fn new(from: Layout, to: Layout) -> Self {
        Self(Some(Box::new(Transcoder::new(from, to))))
    }

    /// Takes the next chunk that came, `None` at the end. Breaks with what goes out next, `None` at its end; goes on
    /// when more has to come first.
    ///
    /// # Errors
    /// When what came is no data set.
    pub(crate) fn take(&mut self, chunk: Option<Bytes>) -> Result<ControlFlow<Option<Bytes>>, Error> {
        let out = match chunk {
            None => {
                let rest = self.0.take().map(|transcoder| transcoder.finish()).transpose()?;
                return Ok(ControlFlow::Break(rest.filter(|rest| !rest.is_empty())));
            }
            Some(chunk) => match &mut self.0 {
                Some(transcoder) => transcoder.feed(&chunk)?,
                None => return Ok(ControlFlow::Break(None)),
            },
        };
        Ok(if out.is_empty() { ControlFlow::Continue(()) } else { ControlFlow::Break(Some(out)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_relaid_goes_out_once_and_then_nothing_more() {
        let mut relaying = Relaying::new(Layout::ExplicitLittleEndian, Layout::ImplicitLittleEndian);
        let element = Bytes::from_static(b"\x10\x00\x20\x00LO\x02\x007 ");
        let mut out = Vec::new();
        for byte in 0..element.len() {
            match relaying.take(Some(element.slice(byte..=byte))).unwrap() {
                ControlFlow::Break(Some(piece)) => out.extend_from_slice(&piece),
                ControlFlow::Break(None) => panic!("it ended in the middle"),
                ControlFlow::Continue(()) => {}
            }
        }
        if let ControlFlow::Break(Some(rest)) = relaying.take(None).unwrap() {
            out.extend_from_slice(&rest);
        }
        assert_eq!(out, b"\x10\x00\x20\x00\x02\x00\x00\x007 ");
        assert_eq!(relaying.take(None).unwrap(), ControlFlow::Break(None));
        assert_eq!(relaying.take(Some(element)).unwrap(), ControlFlow::Break(None));
    }
}
