//! C-ECHO (PS3.4 §A.4, PS3.7 §9.1.5): yes, we are here.

use causeway_core::Status;
use causeway_dimse::message::CEchoRq;
use causeway_dimse::{Association, Command, Context, Error};

use super::Stream;

pub(super) async fn handle<S: Stream>(
    association: &mut Association<S>,
    context: &Context,
    request: &CEchoRq,
) -> Result<(), Error> {
    association.send(context.id, &Command::CEchoRsp(request.answer(Status::SUCCESS)), None).await
}
