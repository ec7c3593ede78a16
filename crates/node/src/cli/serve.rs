//! `causeway serve`: the node, until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use causeway_core::{Clock, SystemClock};
use causeway_tls::Tls;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::compose;
use crate::config::Settings;
use crate::telemetry;

/// Run the node
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway serve
  causeway serve --data /var/lib/causeway --ae-title HOSPITAL
  causeway serve --config /etc/causeway.toml --check

Every setting of the file can be given as CAUSEWAY_<TABLE>__<KEY>, such as CAUSEWAY_DIMSE__LISTEN.
New certificates are noticed by themselves within seconds, and at once on SIGHUP.
What the node logs is chosen by [log] level or CAUSEWAY_LOG, such as CAUSEWAY_LOG=info,causeway_scp=debug.")]
pub(crate) struct Serve {
    /// Configuration file
    #[arg(long, env = "CAUSEWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for everything the node keeps [default: causeway-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What the node calls itself [default: CAUSEWAY]
    #[arg(long, value_name = "AET")]
    ae_title: Option<String>,
    /// Where DIMSE peers call [default: 0.0.0.0:11112]
    #[arg(long, value_name = "ADDR:PORT")]
    dimse_listen: Option<String>,
    /// Where browsers and viewers call [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    web_listen: Option<String>,
    /// Log lines as JSON
    #[arg(long)]
    log_json: bool,
    /// Read the settings, say whether they are sound, and stop
    #[arg(long)]
    check: bool,
}

impl Serve {
    #[expect(clippy::print_stdout, reason = "--check answers on standard output")]
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.settings()?;
        if self.check {
            for remark in remarks(&settings)? {
                println!("warning: {remark}");
            }
            println!("the settings are sound");
            return Ok(ExitCode::SUCCESS);
        }
        telemetry::start(&settings.log)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serve(settings))
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let mut flags = Vec::new();
        let mut flag = |table, key, value: &Option<String>| {
            if let Some(value) = value {
                flags.push((table, key, value.clone()));
            }
        };
        flag("node", "data", &self.data.as_ref().map(|path| path.display().to_string()));
        flag("node", "ae_title", &self.ae_title);
        flag("dimse", "listen", &self.dimse_listen);
        flag("web", "listen", &self.web_listen);
        flag("log", "format", &self.log_json.then(|| "json".to_owned()));
        Settings::read(self.config.as_deref(), std::env::vars(), &flags)
    }
}

/// What should be put right and does not stand in the way.
fn remarks(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let dimse = Tls::open(settings.dimse.tls.clone(), Arc::clone(&clock))?;
    let web = compose::open_web_tls(settings, &clock)?;
    Ok(std::iter::once(dimse).chain(web).flat_map(|tls| tls.remarks()).collect())
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let ae_title = settings.node.ae_title.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let running = compose::start(settings).await?;
    tracing::info!(
        %ae_title, dimse = %running.dimse, dimse_tls = running.secure.map(tracing::field::display),
        web = %format!("{}://{}", running.web_scheme, running.web), "ready"
    );
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => running.refresh(),
        }
    }
    tracing::info!("stopping: no new callers; what is under way may finish; a second signal stops at once");
    tokio::select! {
        () = running.stop() => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::FAILURE),
        _ = interrupt.recv() => Ok(ExitCode::FAILURE),
    }
}
