//! The normalized services (PS3.7 §10): which file answers for which SOP class.

use causeway_core::{Status, sop_class};
use causeway_dimse::message::NRq;
use causeway_dimse::{Association, Command, Context, Error};

use super::commitment::{self, Results};
use super::{Stream, performed};
use crate::door::{Door, Visitor};

/// A request as it came.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) context: &'a Context,
    pub(super) asked: &'a NRq,
    pub(super) has_data_set: bool,
}

pub(super) async fn handle<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    results: &mut Results<'_>,
    request: Request<'_>,
) -> Result<(), Error> {
    let Request { context, asked, .. } = request;
    let refused = match context.abstract_syntax.as_str() {
        // What was agreed upon for the context is what the caller may do on it.
        agreed if agreed != asked.sop_class.as_str() => Status::NO_SUCH_SOP_CLASS,
        sop_class::MODALITY_PERFORMED_PROCEDURE_STEP
        | sop_class::MODALITY_PERFORMED_PROCEDURE_STEP_RETRIEVE => {
            return performed::handle(door, visitor, association, request).await;
        }
        sop_class::STORAGE_COMMITMENT_PUSH => {
            return commitment::handle(door, visitor, association, results, request).await;
        }
        _ => Status::UNRECOGNIZED_OPERATION,
    };
    association.send(context.id, &Command::NRsp(asked.answer(refused)), None).await
}
