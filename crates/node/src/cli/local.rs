//! Where a node's own files are, for commands that work on them without it.

use std::path::PathBuf;

use anyhow::bail;
use causeway_store::carry::Places;
use causeway_store::settings::Place;
use clap::Args;

use crate::config::Settings;

/// The settings of the node, as `causeway serve` reads them.
#[derive(Debug, Args)]
pub(crate) struct Local {
    /// Configuration file of the node
    #[arg(long, env = "CAUSEWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for everything the node keeps [default: causeway-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Local {
    /// The settings: file, environment, flags.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let data = self.data.iter().map(|path| ("node", "data", path.display().to_string()));
        Settings::read(self.config.as_deref(), std::env::vars(), &data.collect::<Vec<_>>())
    }
}

/// Where the node's objects are; its store must be a folder.
pub(super) fn places(settings: &Settings) -> anyhow::Result<Places> {
    Ok(Places { spool: settings.node.data.join("spool"), objects: objects_folder(settings)? })
}

/// The folder that objects settle in; of an object store the objects are not ours to carry.
pub(super) fn objects_folder(settings: &Settings) -> anyhow::Result<PathBuf> {
    match settings.place()? {
        Place::Folder(folder) => Ok(folder),
        Place::Bucket(bucket) => bail!(
            "the objects are in {}: this command carries objects of a folder alone; have the bucket replicated or \
             versioned by its provider",
            bucket.name()
        ),
    }
}
