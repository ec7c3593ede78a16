//! Where a node's own files are, for commands that work on them without it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use causeway_catalog::Origin;
use causeway_core::{Clock, SystemClock};
use causeway_store::carry::Kept;
use causeway_store::sealed::Ring;
use causeway_store::settings::Place;
use clap::Args;

use crate::compose;
use crate::config::{CatalogPlace, Settings};

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

/// Where the node's catalog is.
pub(super) fn catalog(settings: &Settings) -> anyhow::Result<Origin> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(match settings.catalog()? {
        CatalogPlace::File(file) => Origin::File(file),
        CatalogPlace::Server(server) => {
            Origin::Server(Box::new(compose::secured(*server, &settings.catalog, &clock)?))
        }
    })
}

/// Where the node's objects settle.
pub(super) struct Objects {
    pub(super) kept: Kept,
    /// What they are sealed with, if they are.
    pub(super) keys: Option<Ring>,
    /// What people call the place.
    pub(super) name: String,
}

/// Refuses settings that name another store beside: of what lies there these commands would know nothing.
pub(super) fn refuse_also(settings: &Settings) -> anyhow::Result<()> {
    if settings.store.also.is_some() {
        bail!(
            "objects may lie in [store.also] still: have them moved (`causeway store move --remove`), take [store.also] out of \
             the settings, and come again"
        );
    }
    Ok(())
}

/// Where the node's objects settle.
pub(super) fn objects(settings: &Settings) -> anyhow::Result<Objects> {
    refuse_also(settings)?;
    Ok(match settings.place()? {
        Place::Folder(folder) => {
            Objects { name: folder.display().to_string(), kept: Kept::Folder(folder), keys: None }
        }
        Place::Bucket(bucket) => Objects {
            kept: Kept::Bucket(bucket.open()?),
            keys: bucket.keys().cloned(),
            name: bucket.name().to_owned(),
        },
    })
}

/// Keys from a file.
pub(super) fn keys(file: &std::path::Path) -> anyhow::Result<Ring> {
    Ring::open(file).map_err(|words| anyhow!("--keys: the key file {words}"))
}
