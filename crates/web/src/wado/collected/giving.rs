//! The parts of an answer, one value after the other: one chunk of it, or one frame, is in memory at a time, and of the
//! next few instances what was read on the way to their first value.

use std::sync::Arc;

use bytes::Bytes;
use causeway_archive::{Archive, BulkData, BulkValue, BulkWalk, Listed, RetrieveError};
use causeway_core::StoredInstance;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::Extent;
use super::forms::Forms;
use crate::multipart::write::{Boundary, Part, Place};
use crate::wado::bulkdata::{PIXEL_DATA, all_of};
use crate::wado::location;
use crate::wado::parts::PARTS_AHEAD;
use crate::wado::pixels::Form;
use crate::wado::sending::Run;

/// What all parts have in common.
pub(super) struct Lot {
    pub(super) archive: Archive,
    pub(super) extent: Extent,
    pub(super) forms: Forms,
    /// URL of the service.
    pub(super) base: String,
}

/// A value that is named and has a form, and where it came from.
struct Found {
    walk: BulkWalk,
    next: Option<(Listed, Form)>,
}

impl Lot {
    /// Whether something that is there goes out in no form that was asked for. What has a form is not looked at.
    pub(super) async fn leaves_out(&self, instances: &[StoredInstance]) -> Result<bool, RetrieveError> {
        if self.forms.fit_all() {
            return Ok(false);
        }
        let looks: Vec<_> = instances.iter().map(|instance| self.leaves_out_of(instance.clone())).collect();
        let found = stream::iter(looks).buffered(PARTS_AHEAD).try_filter(|found| std::future::ready(*found));
        Ok(Box::pin(found).try_next().await?.is_some())
    }

    async fn leaves_out_of(&self, instance: StoredInstance) -> Result<bool, RetrieveError> {
        let mut walk = self.archive.bulk_walk(instance).await?;
        while let Some(listed) = walk.next().await? {
            if self.takes_in(&listed) && self.forms.of(walk.instance(), &listed).is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn takes_in(&self, listed: &Listed) -> bool {
        match self.extent {
            Extent::All => true,
            Extent::Pixels => PIXEL_DATA.contains(&listed.path.to_string().as_str()),
        }
    }

    /// The next value of an instance that goes out.
    async fn next(&self, walk: &mut BulkWalk) -> Result<Option<(Listed, Form)>, RetrieveError> {
        while let Some(listed) = walk.next().await? {
            let form = self.forms.of(walk.instance(), &listed).filter(|_| self.takes_in(&listed)).cloned();
            if let Some(form) = form {
                return Ok(Some((listed, form)));
            }
        }
        Ok(None)
    }

    async fn begin(self: Arc<Self>, instance: StoredInstance) -> Result<Found, RetrieveError> {
        let mut walk = self.archive.bulk_walk(instance).await?;
        let next = self.next(&mut walk).await?;
        Ok(Found { walk, next })
    }
}

/// The part that is going out.
enum Now {
    None,
    Value(BulkValue),
    Frames(Box<Run>),
}

/// What is left to give.
pub(super) struct Giving {
    lot: Arc<Lot>,
    boundary: Boundary,
    /// The instances, each with its first value.
    ahead: BoxStream<'static, Result<Found, RetrieveError>>,
    /// The instance at hand.
    found: Option<Found>,
    now: Now,
    /// Media type of the first part.
    root: Option<&'static str>,
    is_closed: bool,
}

impl Giving {
    pub(super) fn new(lot: Arc<Lot>, instances: Vec<StoredInstance>, boundary: Boundary) -> Self {
        let each = Arc::clone(&lot);
        let begin = move |instance| Arc::clone(&each).begin(instance);
        let ahead = stream::iter(instances).map(begin).buffered(PARTS_AHEAD).boxed();
        Self { lot, boundary, ahead, found: None, now: Now::None, root: None, is_closed: false }
    }

    /// Media type of the first part; none where there is no part, which is known once bytes were asked for.
    pub(super) const fn root(&self) -> Option<&'static str> {
        self.root
    }

    /// The next bytes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, RetrieveError> {
        loop {
            let bytes = match &mut self.now {
                Now::None if self.is_closed => return Ok(None),
                Now::None => Some(self.next_part().await?),
                Now::Value(value) => value.chunk().await?,
                Now::Frames(run) => run.next().await?,
            };
            match bytes {
                Some(bytes) if bytes.is_empty() => {}
                Some(bytes) => return Ok(Some(bytes)),
                None => self.end_part(),
            }
        }
    }

    fn end_part(&mut self) {
        let ended = std::mem::replace(&mut self.now, Now::None);
        if let (Now::Value(value), Some(found)) = (ended, &mut self.found) {
            found.walk.close(value);
        }
    }

    /// Begins the next part, and gives what stands before it; at the end, what stands behind the last.
    async fn next_part(&mut self) -> Result<Bytes, RetrieveError> {
        loop {
            let Some(found) = &mut self.found else {
                self.found = self.ahead.try_next().await?;
                if self.found.is_some() {
                    continue;
                }
                self.is_closed = true;
                return Ok(Bytes::from(self.boundary.closing()));
            };
            let Some((listed, form)) = found.next.take() else {
                self.found = None;
                continue;
            };
            let data = found.walk.open(&listed).await?;
            let resource = location(&self.lot.base, &found.walk.instance().ids);
            found.next = self.lot.next(&mut found.walk).await?;
            let Some(data) = data else { continue };
            let place = if self.root.is_none() { Place::First } else { Place::Later };
            self.root.get_or_insert(form.media);
            let name = listed.path.to_string();
            match data {
                BulkData::Frames(frames) => {
                    let run = all_of(frames, form, &resource, &name).among(self.boundary.clone(), place)?;
                    self.now = Now::Frames(Box::new(run));
                    return Ok(Bytes::new());
                }
                BulkData::Value(value) => {
                    let location = format!("{resource}/bulkdata/{name}");
                    let Form { media, transfer_syntax, .. } = &form;
                    let bytes = Some(value.bytes());
                    let head = self
                        .boundary
                        .before(place, &Part { media, transfer_syntax, location: &location, bytes });
                    self.now = Now::Value(value);
                    return Ok(Bytes::from(head));
                }
            }
        }
    }
}
