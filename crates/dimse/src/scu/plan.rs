//! Which presentation contexts to propose for what is to be sent.

use causeway_core::Uid;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, Plain};

use super::WantedContext;

/// Most contexts of one association: as many as there are odd ids (PS3.8 §9.3.2.2).
pub const MAX_CONTEXTS: usize = 128;

/// Contexts for pairs of SOP class and transfer syntax: one context for each pair, so that the peer answers each
/// encoding by itself and the choice among those it takes is ours.
///
/// Every peer takes implicit VR little endian (PS3.5 §10.1), and whatever is stored without compression, or can be
/// decoded here, can be written so; explicit VR little endian keeps the VR of private attributes besides. Each SOP
/// class with such a pair gets a context for each of the two. The pairs themselves come first, in the order given;
/// what exceeds [`MAX_CONTEXTS`] is left out and needs another association.
#[must_use]
pub fn plan(pairs: &[(Uid, Uid)]) -> Vec<WantedContext> {
    let mut contexts: Vec<WantedContext> = Vec::new();
    let mut add = |sop_class: &Uid, transfer_syntax: &Uid| {
        let wanted = WantedContext {
            abstract_syntax: sop_class.clone(),
            transfer_syntaxes: vec![transfer_syntax.clone()],
        };
        if contexts.len() < MAX_CONTEXTS && !contexts.contains(&wanted) {
            contexts.push(wanted);
        }
    };
    for (sop_class, transfer_syntax) in pairs {
        add(sop_class, transfer_syntax);
    }
    for plain in [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN] {
        let Ok(plain) = Uid::parse(plain) else { continue };
        for (sop_class, transfer_syntax) in pairs {
            if Plain::of(transfer_syntax).is_some() {
                add(sop_class, &plain);
            }
        }
    }
    contexts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    fn shown(contexts: &[WantedContext]) -> Vec<(&str, &str)> {
        contexts
            .iter()
            .map(|context| (context.abstract_syntax.as_str(), context.transfer_syntaxes[0].as_str()))
            .collect()
    }

    #[test]
    fn each_pair_once_and_plain_ones_behind_those_that_can_be_made_plain() {
        let (jpeg, video) = ("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.102");
        let pairs = [
            (uid("1.1"), uid(EXPLICIT_VR_LITTLE_ENDIAN)),
            (uid("1.1"), uid(EXPLICIT_VR_LITTLE_ENDIAN)),
            (uid("1.2"), uid(jpeg)),
            (uid("1.3"), uid(video)),
        ];
        assert_eq!(
            shown(&plan(&pairs)),
            [
                ("1.1", EXPLICIT_VR_LITTLE_ENDIAN),
                ("1.2", jpeg),
                ("1.3", video),
                ("1.2", EXPLICIT_VR_LITTLE_ENDIAN),
                ("1.1", IMPLICIT_VR_LITTLE_ENDIAN),
                ("1.2", IMPLICIT_VR_LITTLE_ENDIAN),
            ]
        );
    }

    #[test]
    fn there_are_never_more_contexts_than_ids_and_the_pairs_come_first() {
        for (count, expected) in [(63, 126), (64, 128), (65, 128), (200, 128)] {
            let pairs: Vec<_> =
                (0..count).map(|n| (uid(&format!("1.{n}")), uid(EXPLICIT_VR_LITTLE_ENDIAN))).collect();
            let contexts = plan(&pairs);
            assert_eq!(contexts.len(), expected, "{count}");
            for (context, (sop_class, _)) in contexts.iter().zip(&pairs) {
                assert_eq!(&context.abstract_syntax, sop_class);
            }
        }
    }
}
