//! The whole acceptor (PS3.8 §9.2): negotiation, state table, fragments, commands, over a stream in memory.
//!
//! Input: mode (bit 0: a good A-ASSOCIATE-RQ goes before it; bit 1: silence behind it), size of the pieces, bytes.

use causeway_testkit::peer::command::{CT_IMAGE, VERIFICATION};
use causeway_testkit::peer::pdu::{self, IMPLICIT};

use crate::door::{Behind, play, serve};

/// C-FIND, C-MOVE and C-GET of the study root.
const QUERIES: [&str; 3] =
    ["1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2", "1.2.840.10008.5.1.4.1.2.2.3"];

pub(crate) fn run(data: &[u8]) {
    let Some(([mode, seed], bytes)) = data.split_first_chunk::<2>() else { return };
    let mut said = Vec::new();
    if mode & 1 != 0 {
        let classes = [VERIFICATION, CT_IMAGE].into_iter().chain(QUERIES);
        let contexts: Vec<u8> = classes
            .zip([1, 3, 5, 7, 9])
            .flat_map(|(class, id)| pdu::proposed_context(id, class, IMPLICIT))
            .collect();
        said = pdu::associate_rq("FUZZ", 1, &contexts);
    }
    said.extend_from_slice(bytes);
    let behind = if mode & 2 == 0 { Behind::End } else { Behind::Silence };
    play(&said, *seed, behind, serve);
}
