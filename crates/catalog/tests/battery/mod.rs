//! What the catalog must do, through its public face only, whichever database it has.

mod acceptances;
pub(crate) mod common;
mod counts;
mod deliveries;
mod errands;
mod inquiries;
mod keeping;
mod members;
mod quotas;
mod receipts;
mod removed;
mod retention;
mod search;
mod sight;
mod store_moves;
mod transforms;
mod verifications;
mod worklist;
