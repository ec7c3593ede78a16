//! The state transition table (PS3.8 Table 9-10), one function per kind of event.

use super::Action::{
    Aa1, Aa2, Aa3, Aa4, Aa5, Aa6, Aa7, Aa8, Ae1, Ae2, Ae3, Ae4, Ae5, Ae6, Ae7, Ae8, Ar1, Ar2, Ar3, Ar4, Ar5,
    Ar6, Ar7, Ar8, Ar9, Ar10, Dt1, Dt2,
};
use super::State::{Sta1, Sta2, Sta3, Sta4, Sta5, Sta6, Sta7, Sta8, Sta9, Sta10, Sta11, Sta12, Sta13};
use super::{Action, Event, State, Transition};

/// The cell of the table at `state` and `event`; none where the table is blank: what cannot happen there.
#[must_use]
pub fn next(state: State, event: Event) -> Option<Transition> {
    match event {
        Event::AssociateRequest
        | Event::TransportConfirm
        | Event::TransportIndication
        | Event::AssociateAccept
        | Event::AssociateReject
        | Event::DataRequest
        | Event::ReleaseRequest
        | Event::ReleaseResponse
        | Event::AbortRequest => local(state, event),
        Event::TransportClosed | Event::ArtimExpired => transport(state, event),
        Event::AssociateAcPdu
        | Event::AssociateRjPdu
        | Event::AssociateRqPdu
        | Event::DataPdu
        | Event::ReleaseRqPdu
        | Event::ReleaseRpPdu
        | Event::AbortPdu
        | Event::InvalidPdu => received(state, event),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "keeps the cells of the table short")]
const fn to(action: Action, state: State) -> Option<Transition> {
    Some(Transition { action, state, otherwise: None })
}

#[expect(clippy::unnecessary_wraps, reason = "keeps the cells of the table short")]
const fn either(action: Action, state: State, otherwise: State) -> Option<Transition> {
    Some(Transition { action, state, otherwise: Some(otherwise) })
}

/// What we ourselves want.
fn local(state: State, event: Event) -> Option<Transition> {
    match (event, state) {
        (Event::AssociateRequest, Sta1) => to(Ae1, Sta4),
        (Event::TransportConfirm, Sta4) => to(Ae2, Sta5),
        (Event::TransportIndication, Sta1) => to(Ae5, Sta2),
        (Event::AssociateAccept, Sta3) => to(Ae7, Sta6),
        (Event::AssociateReject, Sta3) => to(Ae8, Sta13),
        (Event::DataRequest, Sta6) => to(Dt1, Sta6),
        (Event::DataRequest, Sta8) => to(Ar7, Sta8),
        (Event::ReleaseRequest, Sta6) => to(Ar1, Sta7),
        (Event::ReleaseResponse, Sta8 | Sta12) => to(Ar4, Sta13),
        (Event::ReleaseResponse, Sta9) => to(Ar9, Sta11),
        (Event::AbortRequest, Sta4) => to(Aa2, Sta1),
        (Event::AbortRequest, Sta3 | Sta5 | Sta6 | Sta7 | Sta8 | Sta9 | Sta10 | Sta11 | Sta12) => {
            to(Aa1, Sta13)
        }
        _ => None,
    }
}

/// What the connection and the timer report.
fn transport(state: State, event: Event) -> Option<Transition> {
    match (event, state) {
        (Event::TransportClosed, Sta2) => to(Aa5, Sta1),
        (Event::TransportClosed, Sta13) => to(Ar5, Sta1),
        (Event::TransportClosed, state) if state != Sta1 => to(Aa4, Sta1),
        (Event::ArtimExpired, Sta2 | Sta13) => to(Aa2, Sta1),
        _ => None,
    }
}

/// What the peer sends. Where a PDU has no place, the row's rule for the strange applies.
fn received(state: State, event: Event) -> Option<Transition> {
    match (event, state) {
        (Event::AssociateAcPdu, Sta5) => to(Ae3, Sta6),
        (Event::AssociateRjPdu, Sta5) => to(Ae4, Sta1),
        (Event::AssociateRqPdu, Sta2) => either(Ae6, Sta3, Sta13),
        (Event::DataPdu, Sta6) => to(Dt2, Sta6),
        (Event::DataPdu, Sta7) => to(Ar6, Sta7),
        (Event::ReleaseRqPdu, Sta6) => to(Ar2, Sta8),
        (Event::ReleaseRqPdu, Sta7) => either(Ar8, Sta9, Sta10),
        (Event::ReleaseRpPdu, Sta7 | Sta11) => to(Ar3, Sta1),
        (Event::ReleaseRpPdu, Sta10) => to(Ar10, Sta12),
        (Event::AbortPdu, Sta2 | Sta13) => to(Aa2, Sta1),
        (Event::AbortPdu, Sta1 | Sta4) => None,
        (Event::AbortPdu, _) => to(Aa3, Sta1),
        (Event::AssociateRqPdu | Event::InvalidPdu, Sta13) => to(Aa7, Sta13),
        (_, Sta1 | Sta4) => None,
        (_, Sta2) => to(Aa1, Sta13),
        (_, Sta13) => to(Aa6, Sta13),
        (_, _) => to(Aa8, Sta13),
    }
}

#[cfg(test)]
mod tests;
