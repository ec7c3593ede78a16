//! In which transfer syntax an instance goes out (PS3.18 §8.7.3.4, §8.7.8.2). Pure.
//!
//! The stored one wherever it will do, since it costs nothing; else explicit VR little endian where it can be made,
//! by laying elements out anew or by decoding pixels. Implicit VR and big endian never leave (PS3.18 §8.7.3). Who
//! names no transfer syntax gets what may be lossy as it is, which the standard allows: it would only grow. Who
//! names explicit VR little endian gets that.

use causeway_core::Uid;
use causeway_core::transfer_syntax::{
    Compression, EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, Plain,
    TransferSyntax,
};

use crate::accept::{Syntax, Wish};

/// The transfer syntax for an instance stored in `stored`; `None` where none of `wishes` (best first) can be met.
pub(super) fn choose(stored: &Uid, wishes: &[Wish]) -> Option<Uid> {
    wishes.chunk_by(|a, b| a.q == b.q).find_map(|equal| {
        if equal.iter().any(|wish| takes_as_stored(&wish.syntax, stored)) {
            return Some(stored.clone());
        }
        let is_made = equal.iter().any(|wish| takes_explicit(&wish.syntax)) && Plain::of(stored).is_some();
        is_made.then(|| Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN).ok()).flatten()
    })
}

/// Whether the stored bytes are what is wished for.
fn takes_as_stored(wish: &Syntax, stored: &Uid) -> bool {
    may_leave(stored)
        && match wish {
            Syntax::Any => true,
            Syntax::Exactly(uid) => uid == stored,
            Syntax::Unsaid => stored.as_str() == EXPLICIT_VR_LITTLE_ENDIAN || may_be_lossy(stored),
        }
}

fn takes_explicit(wish: &Syntax) -> bool {
    match wish {
        Syntax::Any | Syntax::Unsaid => true,
        Syntax::Exactly(uid) => uid.as_str() == EXPLICIT_VR_LITTLE_ENDIAN,
    }
}

fn may_leave(uid: &Uid) -> bool {
    !matches!(uid.as_str(), IMPLICIT_VR_LITTLE_ENDIAN | EXPLICIT_VR_BIG_ENDIAN)
}

fn may_be_lossy(uid: &Uid) -> bool {
    let known = TransferSyntax::of(uid.as_str());
    known.is_some_and(|syntax| matches!(syntax.compression, Compression::Lossy | Compression::Unsaid))
}

#[cfg(test)]
mod tests {
    use causeway_core::transfer_syntax::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;

    use super::*;

    const VIDEO: &str = "1.2.840.10008.1.2.4.102";
    const JPEG_BASELINE: &str = "1.2.840.10008.1.2.4.50";
    const JPEG_LS_LOSSLESS: &str = "1.2.840.10008.1.2.4.80";
    const JPEG_2000: &str = "1.2.840.10008.1.2.4.91";
    const PRIVATE: &str = "1.2.3.4";

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    fn ask(stored: &str, syntaxes: &[(Syntax, u16)]) -> Option<String> {
        let wishes: Vec<Wish> =
            syntaxes.iter().map(|(syntax, q)| Wish { syntax: syntax.clone(), q: *q }).collect();
        choose(&uid(stored), &wishes).map(|uid| uid.as_str().to_owned())
    }

    #[test]
    fn any_means_as_stored_but_never_implicit_nor_big_endian() {
        for (stored, sent) in [
            (EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN),
            (DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
            (JPEG_LS_LOSSLESS, JPEG_LS_LOSSLESS),
            (JPEG_BASELINE, JPEG_BASELINE),
            (PRIVATE, PRIVATE),
            (IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN),
            (EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN),
        ] {
            assert_eq!(ask(stored, &[(Syntax::Any, 1000)]).as_deref(), Some(sent), "{stored}");
        }
    }

    #[test]
    fn who_names_none_gets_explicit_little_endian_or_what_cannot_be_undone() {
        for (stored, sent) in [
            (EXPLICIT_VR_LITTLE_ENDIAN, Some(EXPLICIT_VR_LITTLE_ENDIAN)),
            (DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, Some(EXPLICIT_VR_LITTLE_ENDIAN)),
            (IMPLICIT_VR_LITTLE_ENDIAN, Some(EXPLICIT_VR_LITTLE_ENDIAN)),
            (EXPLICIT_VR_BIG_ENDIAN, Some(EXPLICIT_VR_LITTLE_ENDIAN)),
            (JPEG_BASELINE, Some(JPEG_BASELINE)),
            (JPEG_2000, Some(JPEG_2000)),
            (JPEG_LS_LOSSLESS, Some(EXPLICIT_VR_LITTLE_ENDIAN)),
            (VIDEO, Some(VIDEO)),
            (PRIVATE, None),
        ] {
            assert_eq!(ask(stored, &[(Syntax::Unsaid, 1000)]).as_deref(), sent, "{stored}");
        }
    }

    #[test]
    fn a_named_syntax_is_given_or_nothing() {
        let exactly = |text| [(Syntax::Exactly(uid(text)), 1000)];
        assert_eq!(ask(JPEG_BASELINE, &exactly(JPEG_BASELINE)).as_deref(), Some(JPEG_BASELINE));
        for stored in [JPEG_BASELINE, JPEG_LS_LOSSLESS, JPEG_2000] {
            let given = ask(stored, &exactly(EXPLICIT_VR_LITTLE_ENDIAN));
            assert_eq!(given.as_deref(), Some(EXPLICIT_VR_LITTLE_ENDIAN), "{stored}");
        }
        assert_eq!(ask(VIDEO, &exactly(EXPLICIT_VR_LITTLE_ENDIAN)), None);
        assert_eq!(ask(EXPLICIT_VR_LITTLE_ENDIAN, &exactly(JPEG_BASELINE)), None);
        assert_eq!(ask(IMPLICIT_VR_LITTLE_ENDIAN, &exactly(IMPLICIT_VR_LITTLE_ENDIAN)), None);
        assert_eq!(
            ask(IMPLICIT_VR_LITTLE_ENDIAN, &exactly(EXPLICIT_VR_LITTLE_ENDIAN)).as_deref(),
            Some(EXPLICIT_VR_LITTLE_ENDIAN)
        );
    }

    #[test]
    fn among_equals_the_stored_one_is_given_and_the_better_liked_comes_first() {
        let explicit = Syntax::Exactly(uid(EXPLICIT_VR_LITTLE_ENDIAN));
        let deflated = Syntax::Exactly(uid(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN));
        let stored = DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
        let equal = [(explicit.clone(), 1000), (deflated.clone(), 1000)];
        assert_eq!(ask(stored, &equal).as_deref(), Some(stored));
        let liked = [(explicit, 1000), (deflated, 500)];
        assert_eq!(ask(stored, &liked).as_deref(), Some(EXPLICIT_VR_LITTLE_ENDIAN));
        let fallback = [(Syntax::Exactly(uid(JPEG_BASELINE)), 1000), (Syntax::Any, 100)];
        assert_eq!(ask(stored, &fallback).as_deref(), Some(stored));
    }
}
