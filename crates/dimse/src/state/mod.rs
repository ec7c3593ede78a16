//! The upper layer's state machine, pure (PS3.8 §9.2): states, events, actions, and the table that binds them.
//!
//! Lives here: the words and [`next`]. Never here: sockets, timers, bytes.

mod table;

pub use table::next;

/// A state of an association (PS3.8 §9.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Idle.
    Sta1,
    /// Connection open, awaiting A-ASSOCIATE-RQ.
    Sta2,
    /// Awaiting the local answer to an A-ASSOCIATE-RQ.
    Sta3,
    /// Awaiting the connection that we opened.
    Sta4,
    /// Awaiting A-ASSOCIATE-AC or -RJ.
    Sta5,
    /// Established, ready for data.
    Sta6,
    /// Awaiting A-RELEASE-RP.
    Sta7,
    /// Awaiting the local answer to an A-RELEASE-RQ.
    Sta8,
    /// Release collision, requestor: awaiting the local answer.
    Sta9,
    /// Release collision, acceptor: awaiting A-RELEASE-RP.
    Sta10,
    /// Release collision, requestor: awaiting A-RELEASE-RP.
    Sta11,
    /// Release collision, acceptor: awaiting the local answer.
    Sta12,
    /// Awaiting the close of the connection.
    Sta13,
}

/// Something that happens to an association (PS3.8 Table 9-10, first column).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// We want an association.
    AssociateRequest,
    /// The connection that we opened stands.
    TransportConfirm,
    /// A-ASSOCIATE-AC came.
    AssociateAcPdu,
    /// A-ASSOCIATE-RJ came.
    AssociateRjPdu,
    /// A caller connected.
    TransportIndication,
    /// A-ASSOCIATE-RQ came.
    AssociateRqPdu,
    /// We accept the association.
    AssociateAccept,
    /// We reject the association.
    AssociateReject,
    /// We have data to send.
    DataRequest,
    /// P-DATA-TF came.
    DataPdu,
    /// We want to release.
    ReleaseRequest,
    /// A-RELEASE-RQ came.
    ReleaseRqPdu,
    /// A-RELEASE-RP came.
    ReleaseRpPdu,
    /// We answer a release.
    ReleaseResponse,
    /// We abort.
    AbortRequest,
    /// A-ABORT came.
    AbortPdu,
    /// The connection is closed.
    TransportClosed,
    /// The ARTIM timer ran out.
    ArtimExpired,
    /// A PDU came that is unrecognized or invalid.
    InvalidPdu,
}

/// What is to be done (PS3.8 §9.2.2, Tables 9-6 to 9-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Open the connection.
    Ae1,
    /// Send A-ASSOCIATE-RQ.
    Ae2,
    /// Report the acceptance.
    Ae3,
    /// Report the rejection and close.
    Ae4,
    /// Take the connection, start ARTIM.
    Ae5,
    /// Stop ARTIM; report the request, or send A-ASSOCIATE-RJ and start ARTIM.
    Ae6,
    /// Send A-ASSOCIATE-AC.
    Ae7,
    /// Send A-ASSOCIATE-RJ and start ARTIM.
    Ae8,
    /// Send P-DATA-TF.
    Dt1,
    /// Report data.
    Dt2,
    /// Send A-RELEASE-RQ.
    Ar1,
    /// Report the wish to release.
    Ar2,
    /// Report the release and close.
    Ar3,
    /// Send A-RELEASE-RP and start ARTIM.
    Ar4,
    /// Stop ARTIM.
    Ar5,
    /// Report data.
    Ar6,
    /// Send P-DATA-TF.
    Ar7,
    /// Report the release collision.
    Ar8,
    /// Send A-RELEASE-RP.
    Ar9,
    /// Report the release.
    Ar10,
    /// Send A-ABORT and start ARTIM anew.
    Aa1,
    /// Stop ARTIM and close.
    Aa2,
    /// Report the abort and close.
    Aa3,
    /// Report that the connection broke.
    Aa4,
    /// Stop ARTIM.
    Aa5,
    /// Ignore the PDU.
    Aa6,
    /// Send A-ABORT.
    Aa7,
    /// Send A-ABORT, report it, start ARTIM.
    Aa8,
}

/// A cell of the table: what is to be done, and where that leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transition {
    /// What is to be done.
    pub action: Action,
    /// The next state: of AE-6 when the request is acceptable, of AR-8 when we are the requestor.
    pub state: State,
    /// The next state otherwise; only AE-6 and AR-8 have one.
    pub otherwise: Option<State>,
}
