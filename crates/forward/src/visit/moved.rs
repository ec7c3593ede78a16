//! Retrieval by C-MOVE to ourselves (PS3.4 §C.4.2.2): the remote is asked to send to our AE title; the instances come in
//! by the door, as any others do.

use std::time::Duration;

use causeway_core::transfer_syntax::Layout;
use causeway_core::{AeTitle, Attributes, Uid, sop_class};
use causeway_dataset::identifier;
use causeway_dimse::message::Progress;
use causeway_dimse::scu::{Call, MoveRequest, Watcher, Wish};
use causeway_dimse::{Error, Settings, Timeouts};

use super::find::open;
use super::retrieve::{Final, Telling};

/// How long the remote may say nothing while it sends: it need not tell how far it is (PS3.4 §C.4.2.3.1).
const SILENCE: Duration = Duration::from_secs(30 * 60);

/// Has what `keys` name moved to `ours`.
pub(super) async fn move_here(
    call: &Call,
    ours: &AeTitle,
    keys: &Attributes,
    telling: &mut Telling,
) -> Result<Final, Error> {
    let model =
        Uid::parse(sop_class::STUDY_ROOT_MOVE).map_err(|_| Error::Misuse("the SOP class of C-MOVE"))?;
    let timeouts = Timeouts { idle: SILENCE, ..call.settings.timeouts };
    let call = Call { settings: Settings { timeouts, ..call.settings }, ..call.clone() };
    let (mut requestor, context) = open(&call, &model).await?;
    let layout = Layout::of(&context.transfer_syntax);
    let identifier = identifier::encode(keys, layout);
    let request = MoveRequest { sop_class: model, destination: ours.clone(), identifier };
    let retrieved = requestor.move_(context.id, request, Watching(telling)).await?;
    // All is answered; how the remote takes the goodbye does not matter.
    let _ = requestor.release().await;
    Ok(Final { retrieved, layout })
}

struct Watching<'a>(&'a mut Telling);

impl Watcher for Watching<'_> {
    fn hear(&mut self, progress: &Progress) -> Wish {
        self.0.heard(progress);
        self.0.wish()
    }

    async fn stopped(&mut self) {
        self.0.closed().await;
    }
}
