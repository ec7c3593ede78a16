//! A transform tried on a file that is not kept: what it would become.

use bytes::{Bytes, BytesMut};
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Layout};
use causeway_core::{Principal, RemoteName, Uid};
use causeway_dataset::file_meta::{self, Parsed, Part10Reader, Step};
use causeway_dataset::transform::{Difference, Transformer, differences};

use crate::Archive;
use crate::error::{RetrieveError, SearchError, unreadable};
use crate::passage::not_transformed;

/// Largest file that is tried, in bytes.
pub const MAX_TRIED_BYTES: usize = 256 * 1024 * 1024;

/// What a file becomes.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The changed file (PS3.10 §7).
    pub file: Bytes,
    /// What is different in it.
    pub differences: Vec<Difference>,
}

impl Archive {
    /// What the transform of this name makes of a file; none when there is no such transform.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub fn try_transform(
        &self,
        principal: &Principal,
        name: &RemoteName,
        file: Bytes,
    ) -> Result<Option<Result<Tried, RetrieveError>>, SearchError> {
        let plan = self.plan(principal, name)?;
        let now = self.inner.clock.now().strftime("%Y%m%d%H%M%S+0000").to_string();
        Ok(plan.map(|plan| tried(&plan, file, &now)))
    }
}

fn tried(plan: &causeway_dataset::transform::Plan, file: Bytes, now: &str) -> Result<Tried, RetrieveError> {
    let mut reader = Part10Reader::new();
    let Parsed { meta, rest, .. } = match reader.feed(file).map_err(unreadable)? {
        Step::Done(parsed) => parsed,
        Step::More => reader.finish().map_err(unreadable)?,
    };
    let from = Layout::of(&meta.transfer_syntax);
    let (to, transfer_syntax) = match from {
        Layout::ImplicitLittleEndian | Layout::ExplicitLittleEndian => (from, meta.transfer_syntax),
        Layout::ExplicitBigEndian | Layout::DeflatedExplicitLittleEndian => {
            (Layout::ExplicitLittleEndian, Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN).map_err(unreadable)?)
        }
    };
    let mut surveyor = plan.surveyor(from);
    let _ = surveyor.feed(&rest).map_err(unreadable)?;
    let decision = plan.decide(&surveyor.finish(), now).map_err(not_transformed)?;
    let mut transformer = Transformer::new(from, to, decision);
    let mut data_set = BytesMut::from(transformer.feed(&rest).map_err(not_transformed)?);
    data_set.extend_from_slice(&transformer.finish().map_err(not_transformed)?);
    let differences = differences((&rest, from), (&data_set, to)).map_err(unreadable)?;
    let head = file_meta::write(&file_meta::FileMeta {
        sop_class: meta.sop_class.ok_or_else(|| unreadable("it does not say its SOP class"))?,
        sop_instance: plan.uid(&meta.sop_instance.ok_or_else(|| unreadable("it does not say its UID"))?),
        transfer_syntax,
        receiving_ae: None,
        envelope: None,
    });
    let mut out = BytesMut::from(head.as_slice());
    out.extend_from_slice(&data_set);
    Ok(Tried { file: out.freeze(), differences })
}
