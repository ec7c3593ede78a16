//! Where log lines go, and how they look.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Libraries that talk of every image they decode, or of every request they make again. What is wrong is in the error that they
/// give.
const SILENT: &[&str] = &["jpeg2k=off", "openjp2=off", "object_store=warn"];

/// Begins logging to standard error. `CAUSEWAY_LOG` beats the configured level.
pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let level = std::env::var("CAUSEWAY_LOG").unwrap_or_else(|_| settings.level.clone());
    let mut filter = EnvFilter::try_new(&level).with_context(|| format!("[log] level = \"{level}\""))?;
    for directive in SILENT {
        filter = filter.add_directive(directive.parse().context("a directive of ours")?);
    }
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that cannot be written, since the log lies on a full disk, is lost. Told of by `eprintln!`, as it would be,
        // that panics in whatever was about to log: an association, an ingest.
        .log_internal_errors(false);
    let started = match settings.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging could not begin: {error}"))
}
