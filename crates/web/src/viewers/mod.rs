//! Viewers: programs that run in a browser and read this node's DICOMweb, served from folders that `[web] viewers`
//! names, each below `/viewers/<name>/`. Asked without a token: a viewer's files say nothing of any patient, and
//! what it reads of this node it asks for as its user.
//!
//! [`name`] is what a viewer may be called, [`folder`] finds a file and lets no one out of the folder, [`moved`]
//! makes a viewer that was built for the root of a server run below its own path, [`ohif`] tells OHIF where this
//! node is, [`keeper`] does the reading and packing on its thread, [`answer`] is HTTP.

mod answer;
mod folder;
mod keeper;
mod kinds;
mod moved;
mod name;
mod ohif;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;

pub use folder::FolderError;
pub use name::{ViewerName, ViewerNameError};

use crate::config::Config;
use crate::problem::method_not_allowed;
use answer::Shelf;
use folder::Folder;
use keeper::Keeper;

/// Where the viewers are, below the node's root.
pub const VIEWERS: &str = "/viewers";

/// The viewers of a node, their folders looked at. Cheap to clone.
#[derive(Clone)]
pub struct Viewers {
    shelf: Arc<Shelf>,
}

impl Viewers {
    /// Looks at each folder, and starts the thread that reads them.
    ///
    /// # Errors
    /// Says which folder is no viewer and what to set; or that the system has no thread to give.
    pub fn open(config: &Config) -> Result<Self, FolderError> {
        let mut keepers = BTreeMap::new();
        for (name, path) in &config.viewers {
            keepers.insert(name.clone(), Keeper::start(Folder::open(name, path)?)?);
        }
        let own_origin = config.public_url.as_ref().map(|url| url.origin().to_owned());
        Ok(Self { shelf: Arc::new(Shelf::new(keepers, own_origin.as_deref())) })
    }

    /// What they are called, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.shelf.names().map(ToString::to_string).collect()
    }

    /// Their files, for anyone who asks.
    pub fn routes(&self) -> Router {
        Router::new()
            .route(&format!("{VIEWERS}/{{name}}"), get(answer::to_its_folder).fallback(method_not_allowed))
            .route(&format!("{VIEWERS}/{{name}}/"), get(answer::file).fallback(method_not_allowed))
            .route(&format!("{VIEWERS}/{{name}}/{{*path}}"), get(answer::file).fallback(method_not_allowed))
            .with_state(Arc::clone(&self.shelf))
    }
}
