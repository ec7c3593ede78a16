//! SOP Class Extended Negotiation as this door answers it: queries and retrievals (PS3.4 §C.5.1.1, §C.5.2.1, §C.5.3.1)
//! and Storage (PS3.4 §B.3.1).
//!
//! Pure: bytes in, bytes out, and what a granted answer means for a service. Never here: when it is asked.

use causeway_core::{Uid, sop_class};

use crate::identifier::Hierarchy;

/// Sub-fields of a query, in their order: relational queries, combined matching of dates and times, fuzzy matching of
/// names, time zone, conversion to and from Enhanced Multi-Frame, empty values, several values. True: it is done
/// where it is asked for.
const QUERY: [bool; 7] = [true, true, true, true, false, true, true];
/// Sub-fields of a retrieval: relational retrieval, conversion to and from Enhanced Multi-Frame.
const RETRIEVAL: [bool; 2] = [true, false];
/// What we are to Storage, with its reserved bytes: level 2, all that comes is kept; signature level 3, its integrity
/// included; nothing is coerced.
const STORAGE: [u8; 6] = [2, 0, 3, 0, 0, 0];

/// What is answered to `offered` for `sop_class`; none where the class has no extended negotiation, or nothing was
/// offered.
pub(crate) fn answer(sop_class: &Uid, offered: &[u8]) -> Option<Vec<u8>> {
    if offered.is_empty() {
        return None;
    }
    match sop_class.as_str() {
        sop_class::PATIENT_ROOT_FIND | sop_class::STUDY_ROOT_FIND => Some(granted(offered, &QUERY)),
        sop_class::PATIENT_ROOT_MOVE
        | sop_class::STUDY_ROOT_MOVE
        | sop_class::PATIENT_ROOT_GET
        | sop_class::STUDY_ROOT_GET => Some(granted(offered, &RETRIEVAL)),
        _ if sop_class::is_storage(sop_class) => Some(STORAGE.to_vec()),
        _ => None,
    }
}

/// 1 for what is asked for and done, else 0; never longer than what was offered, since older peers expect one byte
/// where they sent one, and never longer than what there are sub-fields for: what is left out is 0.
fn granted(offered: &[u8], done: &[bool]) -> Vec<u8> {
    offered.iter().zip(done).map(|(asked, done)| u8::from(*asked == 1 && *done)).collect()
}

/// What was granted to a retrieval: whether its identifier may leave out the levels above.
pub(crate) fn retrieval(answered: Option<&[u8]>) -> Hierarchy {
    match answered.and_then(<[u8]>::first) {
        Some(1) => Hierarchy::Relational,
        _ => Hierarchy::Strict,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

    #[test]
    fn a_query_is_granted_what_it_asks_for_and_we_do() {
        let all = [1; 7];
        let expected: Vec<u8> = QUERY.iter().map(|done| u8::from(*done)).collect();
        assert_eq!(answer(&uid(sop_class::STUDY_ROOT_FIND), &all).unwrap(), expected);
        assert_eq!(answer(&uid(sop_class::PATIENT_ROOT_FIND), &[0, 0, 0]).unwrap(), [0, 0, 0]);
        assert_eq!(answer(&uid(sop_class::STUDY_ROOT_FIND), &[2, 255]).unwrap(), [0, 0]);
    }

    #[test]
    fn a_single_byte_is_answered_with_one_and_a_long_field_with_those_that_have_a_meaning() {
        assert_eq!(answer(&uid(sop_class::STUDY_ROOT_FIND), &[1]).unwrap(), [1]);
        assert_eq!(answer(&uid(sop_class::STUDY_ROOT_FIND), &[1; 300]).unwrap().len(), 7);
        assert_eq!(answer(&uid(sop_class::STUDY_ROOT_MOVE), &[1]).unwrap(), [1]);
        assert_eq!(answer(&uid(sop_class::PATIENT_ROOT_GET), &[1; 9]).unwrap(), [1, 0]);
    }

    #[test]
    fn storage_is_told_what_we_are_whatever_it_says_of_itself() {
        for said in [&[3, 0, 0, 0, 2, 0][..], &[0], &[9; 40]] {
            assert_eq!(answer(&uid(CT), said).unwrap(), [2, 0, 3, 0, 0, 0]);
        }
    }

    #[test]
    fn nothing_is_answered_to_nothing_and_to_other_services() {
        assert_eq!(answer(&uid(sop_class::STUDY_ROOT_FIND), &[]), None);
        assert_eq!(answer(&uid(sop_class::VERIFICATION), &[1]), None);
        assert_eq!(answer(&uid("1.2.3"), &[1]), None);
    }

    #[test]
    fn without_an_answer_the_defaults_hold() {
        assert_eq!(retrieval(None), Hierarchy::Strict);
        assert_eq!(retrieval(Some(&[0, 1])), Hierarchy::Strict);
        assert_eq!(retrieval(Some(&[1])), Hierarchy::Relational);
    }

    proptest! {
        #[test]
        fn an_answer_to_a_query_is_never_longer_than_the_question_and_never_grants_what_was_not_asked(
            offered in prop::collection::vec(any::<u8>(), 1..20)
        ) {
            let answered = answer(&uid(sop_class::STUDY_ROOT_FIND), &offered).unwrap();
            prop_assert!(answered.len() <= offered.len());
            for (answer, offer) in answered.iter().zip(&offered) {
                prop_assert!(*answer == 0 || (*answer == 1 && *offer == 1));
            }
        }
    }
}
