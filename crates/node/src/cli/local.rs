//! Where a node's own files are, for commands that work on them without it.

use std::path::PathBuf;

use causeway_store::carry::Places;
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
    Ok(Places { spool: settings.node.data.join("spool"), objects: settings.objects()? })
}
