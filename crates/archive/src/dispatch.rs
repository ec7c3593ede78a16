//! The seam to `forward`: who decides where an instance goes, without the archive knowing how.

use causeway_core::{InstanceRecord, PlannedDelivery};

/// Names the destinations of an instance as it comes in. Called once per instance before its row is written, and
/// again for the same instance on replay after a crash: it must answer from the record alone.
pub trait Dispatcher: Send + Sync + 'static {
    /// Where this instance is to go. Quick and without waiting.
    fn plan(&self, record: &InstanceRecord) -> Vec<PlannedDelivery>;

    /// Says that deliveries were written. A hint: the catalog is the truth.
    fn nudge(&self);
}

/// Sends nothing anywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDispatcher;

impl Dispatcher for NoDispatcher {
    fn plan(&self, _record: &InstanceRecord) -> Vec<PlannedDelivery> {
        Vec::new()
    }

    fn nudge(&self) {}
}
