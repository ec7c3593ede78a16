//! `causeway demo`: two nodes on this machine. A synthetic study is sent by C-STORE to the first, found there by
//! QIDO-RS, forwarded to the second, read back there by WADO-RS, and compared byte for byte. Both go on running.
#![expect(clippy::print_stdout, reason = "it shows what happens")]

mod journey;
mod nodes;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::LogSettings;
use crate::telemetry;

/// Two nodes on this machine: a study is sent to one, forwarded to the other, read back there
#[derive(Debug, Args)]
#[command(after_help = "Example:
  causeway demo            and then open the links it prints; Ctrl-C ends it")]
pub(crate) struct Demo {
    /// Folder for both nodes [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// First DIMSE port to try
    #[arg(long, default_value_t = 11112, value_name = "PORT")]
    dimse_port: u16,
    /// First web port to try
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    web_port: u16,
    /// Stop when the study has arrived
    #[arg(long)]
    exit: bool,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start(&LogSettings { level: "warn".to_owned(), ..LogSettings::default() })?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.show())
    }

    async fn show(self) -> anyhow::Result<ExitCode> {
        let folder = nodes::Folder::new(self.data)?;
        println!("Two nodes: HOSPITAL takes a study and forwards it to READER.\n");
        let (hospital, reader) = nodes::start(folder.path(), self.dimse_port, self.web_port).await?;
        let shown = journey::show(&hospital, &reader).await;
        if shown.is_ok() && !self.exit {
            links(&hospital, &reader);
            tokio::signal::ctrl_c().await?;
            println!("\nstopping");
        }
        hospital.stop().await;
        reader.stop().await;
        shown.map(|()| ExitCode::SUCCESS)
    }
}

fn links(hospital: &crate::compose::Running, reader: &crate::compose::Running) {
    println!("\nBoth nodes are running:");
    for (name, node) in [("HOSPITAL", hospital), ("READER", reader)] {
        println!("  {name:9} http://{0}/   studies: http://{0}/dicom-web/studies", node.web);
    }
    let (dimse, web) = (hospital.dimse.port(), hospital.web);
    println!("\nTry, from another terminal:");
    println!("  storescu -aec HOSPITAL localhost {dimse} some.dcm");
    println!("  causeway queue --url http://{web}");
    println!("\nCtrl-C ends both.");
}
