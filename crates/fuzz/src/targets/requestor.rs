//! The whole requestor (PS3.8 §9.2, PS3.7 §9.1): what a peer that we call may answer.
//!
//! Input: mode (bit 0: a good A-ASSOCIATE-AC goes before it; bit 1: silence behind it; bits 2 and 3: what is asked),
//! size of the pieces, bytes.

use bytes::Bytes;
use causeway_core::{AeTitle, Uid};
use causeway_dimse::Error;
use causeway_dimse::message::{Priority, Progress};
use causeway_dimse::negotiation::{Extended, Role, UserIdentity, Window};
use causeway_dimse::scu::{
    Call, Matches, MoveRequest, Offers, StoreRequest, WantedContext, Whole, Wish, associate,
};
use causeway_testkit::peer::command::{CT_IMAGE, VERIFICATION};
use causeway_testkit::peer::pdu::{self, IMPLICIT};
use tokio::io::DuplexStream;

use crate::door::{Behind, play};

const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
const MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
/// Matches that are taken: fewer than an input can hold, so that a cancel is sent, too.
const MATCHES: usize = 2;
const CLASSES: [&str; 4] = [VERIFICATION, CT_IMAGE, FIND, MOVE];

/// Takes so many matches, then wants no more.
struct Few(usize);

impl Matches for Few {
    async fn take(&mut self, _: Vec<u8>) -> Wish {
        let Some(left) = self.0.checked_sub(1) else { return Wish::Cancel };
        self.0 = left;
        Wish::More
    }
}

pub(crate) fn run(data: &[u8]) {
    let Some(([mode, seed], bytes)) = data.split_first_chunk::<2>() else { return };
    let mut said = Vec::new();
    if mode & 1 != 0 {
        let contexts: Vec<u8> =
            [1, 3, 5, 7].into_iter().flat_map(|id| pdu::answered_context(id, 0, IMPLICIT)).collect();
        said = pdu::associate_ac(&contexts);
    }
    said.extend_from_slice(bytes);
    let behind = if mode & 2 == 0 { Behind::End } else { Behind::Silence };
    let wish = mode >> 2;
    play(&said, *seed, behind, |stream| async move {
        // What it is told is its business; that it ends, and what it sends, is ours.
        let _ = pursue(stream, wish).await;
    });
}

fn uid(text: &str) -> Result<Uid, Error> {
    Uid::parse(text).map_err(|_| Error::Misuse("no UID"))
}

fn title(text: &str) -> Result<AeTitle, Error> {
    AeTitle::parse(text).map_err(|_| Error::Misuse("no AE title"))
}

/// Everything that can be negotiated beside the contexts, so that each answer to it is read.
fn offers() -> Result<Offers, Error> {
    Ok(Offers {
        roles: vec![Role { sop_class: uid(CT_IMAGE)?, user: true, provider: true }],
        extended: vec![Extended { sop_class: uid(FIND)?, information: vec![1; 5] }],
        window: Some(Window { invoked: 3, performed: 2 }),
        identity: Some(UserIdentity {
            kind: 2,
            wants_answer: true,
            primary: b"somebody".to_vec(),
            secondary: b"secret".to_vec(),
        }),
    })
}

async fn pursue(stream: DuplexStream, wish: u8) -> Result<(), Error> {
    let contexts: Result<Vec<WantedContext>, Error> = CLASSES
        .into_iter()
        .map(|class| {
            Ok(WantedContext { abstract_syntax: uid(class)?, transfer_syntaxes: vec![uid(IMPLICIT)?] })
        })
        .collect();
    let call = Call {
        contexts: contexts?,
        offers: offers()?,
        ..Call::plain("", 0, title("CAUSEWAY")?, title("FUZZ")?)
    };
    let mut requestor = associate(stream, &call).await?;
    match wish % 4 {
        0 => drop(requestor.echo().await?),
        1 => {
            let request = StoreRequest {
                sop_class: uid(CT_IMAGE)?,
                sop_instance: uid("1.2.3")?,
                priority: Priority::Medium,
                move_originator: None,
            };
            requestor.store(3, request, Whole::new(Bytes::from_static(&[7; 50]))).await?;
        }
        2 => drop(requestor.find_each(5, &uid(FIND)?, &[0; 20], &mut Few(MATCHES)).await?),
        _ => {
            let request = MoveRequest {
                sop_class: uid(MOVE)?,
                destination: title("ELSEWHERE")?,
                identifier: vec![0; 20],
            };
            requestor.move_(7, request, |_: &Progress| Wish::More).await?;
        }
    }
    requestor.release().await
}
