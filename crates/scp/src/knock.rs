//! A caller at the gate: what it says of itself, put to the archive, and the numbers of its answer (PS3.8 Table 9-21,
//! PS3.7 §D.3.3.7.3).

use causeway_archive::Offered;
use causeway_archive::access::{About, Caller, CallerRefused, Evidence, Knock};
use causeway_dimse::negotiation::UserIdentity;
use causeway_dimse::{Proposal, Rejection};

use crate::door::Door;
use crate::report;

/// Who is calling, and whether it may.
pub(crate) async fn knock(door: &Door, proposal: &Proposal, evidence: Evidence) -> Result<Caller, Rejection> {
    let from = evidence.address;
    let offered = offered(proposal.user_identity.as_ref());
    let knock = Knock { ae_title: &proposal.calling, evidence, offered };
    door.archive.admit(knock).await.map_err(|refused| {
        tracing::warn!(calling = %proposal.calling, address = %from, "refused: {refused}");
        report::rejected(&door.archive, proposal, from, refused.to_string(), None);
        rejection(&refused)
    })
}

const fn rejection(refused: &CallerRefused) -> Rejection {
    match refused.about() {
        About::Caller => Rejection::CallingAeNotRecognized,
        About::Identity => Rejection::NotAuthenticated,
        About::Limit => Rejection::LocalLimitExceeded,
        About::Moment => Rejection::TemporaryCongestion,
    }
}

/// What a caller says of its user.
fn offered(identity: Option<&UserIdentity>) -> Offered {
    match identity {
        None => Offered::Nothing,
        Some(UserIdentity { kind: 1, primary, .. }) => Offered::Name(primary.clone()),
        Some(UserIdentity { kind: 2, primary, secondary, .. }) => {
            Offered::Passcode { user: primary.clone(), passcode: secondary.clone() }
        }
        Some(UserIdentity { kind: 5, primary, .. }) => Offered::Token(primary.clone()),
        Some(UserIdentity { kind, .. }) => Offered::Other(*kind),
    }
}
