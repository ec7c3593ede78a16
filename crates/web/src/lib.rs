//! The DICOMweb door (PS3.18): QIDO-RS, WADO-RS, STOW-RS and storage commitment over HTTP/1.1 and HTTP/2.
//!
//! Lives here: everything that knows HTTP. [`router`] is the table of contents; each verb has a folder (`qido`,
//! `wado`, `stow`, `delete`, `commitment`), `link` is the door for other nodes, `members` for those that share the catalog, and `viewers` serves the programs that read them in a browser; what they share (media types, multipart, problems, capabilities, who is calling, the
//! listener) stands beside them. Never here: DIMSE, SQL, where bytes are kept. Every request becomes a call of the
//! archive.
//!
//! Invariant: no URL query, no value of a data set and no path of this machine leaves in a log line at info or
//! above, or in an error's body.

mod accept;
mod auth;
mod base_url;
mod body;
mod capabilities;
mod commitment;
mod config;
mod cors;
mod data_set;
mod delete;
mod door;
mod fetch;
mod front;
mod gzip;
mod link;
mod media;
mod members;
mod multipart;
mod percent;
mod problem;
mod qido;
mod range;
mod rates;
mod router;
mod serve;
mod stow;
mod streamed;
mod target;
mod threads;
mod under_way;
mod viewers;
mod wado;

pub use auth::authenticate;
pub use config::{Authentication, Config, ConfigError, Limits, MissingAccept, PublicUrl};
pub use fetch::Fetcher;
pub use link::router as link;
pub use members::{Calls, router as members};
pub use problem::Problem;
pub use router::{BASE, router};
pub use serve::{Opening, serve};
pub use viewers::{FolderError, VIEWERS, ViewerName, ViewerNameError, Viewers};
