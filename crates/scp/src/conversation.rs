//! One connection from its first byte to its last: the association on it, and what the log says of it.

use std::net::SocketAddr;

use causeway_archive::access::Connection;
use causeway_dimse::{Abort, Association, Error, accept};
use causeway_tls::{Certificate, Line};
use tokio::sync::watch;

use crate::door::{Door, Visitor};
use crate::gate::Gate;
use crate::report;
use crate::services::{self, End};

/// A caller's connection, the handshake done where there is one.
pub(crate) struct Call {
    pub(crate) line: Line,
    /// What it presented over TLS.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) from: SocketAddr,
    /// Whether as many associations as are allowed are open.
    pub(crate) is_full: bool,
}

/// Converses until the caller leaves, fails, or the node stops.
pub(crate) async fn converse(door: &Door, call: Call, stopped: watch::Receiver<bool>) {
    let Call { line, certificate, from, is_full } = call;
    let address = from.ip().to_canonical();
    let (connection, suite) = match &line {
        Line::Plain(_) => (Connection::Plain, None),
        Line::Tls(_) => (Connection::Tls(certificate.as_ref().map(|it| it.fingerprint)), line.suite()),
    };
    let gate = Gate::new(door, is_full, connection);
    let accepted = accept(line, address, &door.config.settings(), &gate).await;
    let mut association = match accepted {
        Ok(association) => association,
        Err(error) => return tell_refusal(&error, from),
    };
    let Some(caller) = gate.into_caller() else { return };
    let _present = door.archive.association();
    let visitor = Visitor { caller, ae_title: association.proposal().calling.clone(), address };
    tell_accepted(&visitor, &association, certificate.as_ref(), suite);
    report::contexts(&door.archive, &visitor, association.proposal(), association.agreement());
    let ended = services::serve(door, &visitor, &mut association, stopped).await;
    match ended {
        Ok(End::Released) => tracing::debug!(calling = %visitor.ae_title, %address, "association released"),
        Ok(End::Stopped) => association.abort(Abort::BY_USER).await,
        Err(error) => {
            report::broken(&door.archive, &visitor, &error);
            tracing::info!(calling = %visitor.ae_title, %address, %error, "association ended");
        }
    }
}

fn tell_refusal(error: &Error, from: SocketAddr) {
    match error {
        // The gate said why, with the remedy.
        Error::Refused { .. } => tracing::info!(address = %from.ip(), %error, "association refused"),
        _ => tracing::info!(address = %from.ip(), %error, "no association came of a connection"),
    }
}

fn tell_accepted(
    visitor: &Visitor,
    association: &Association<Line>,
    certificate: Option<&Certificate>,
    suite: Option<&str>,
) {
    let answers = &association.agreement().answers;
    tracing::info!(
        calling = %visitor.ae_title, address = %visitor.address, who = visitor.caller.principal.name,
        contexts = answers.len(), tls = suite, certificate = certificate.map(tracing::field::display),
        "association accepted"
    );
    for answer in answers {
        if let (Err(refusal), Some(service)) = (&answer.result, &answer.abstract_syntax) {
            let name = causeway_core::sop_class::name(service).unwrap_or_default();
            tracing::info!(calling = %visitor.ae_title, %service, name, %refusal, "a presentation context was refused");
        }
    }
}
