//! Nodes that share one catalog read of one another what has not settled: `door` gives it, `call` asks for it. Neither is
//! part of DICOMweb, and a node whose catalog is its own knows no such callers.

mod call;
mod door;

pub use call::Calls;
pub use door::router;

/// Where objects are, below the root of the listener.
const OBJECTS: &str = "/members/objects";
/// How a caller says that it is one of them (RFC 9110 §11.6.2).
const SCHEME: &str = "Causeway-Member";
