//! `causeway certificate`: makes and shows certificates for TLS. Works on files; no node need run.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use causeway_core::SystemClock;
use causeway_tls::make::{KeyKind, Wanted, self_signed};
use causeway_tls::{Certificate as Told, Tls};
use clap::{Args, Subcommand, ValueEnum};

/// Who may read a certificate, and who its key.
const CERTIFICATE_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;

/// Certificates for TLS
#[derive(Debug, Args)]
pub(crate) struct Certificate {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a certificate of this node's own, signed by itself, and its key
    #[command(after_help = "Example:
  causeway certificate new --name pacs.example.org --name 192.0.2.7 --out /etc/causeway
Remotes that list its fingerprint know the node by it, without a CA.")]
    New(New),
    /// What a file of certificates holds: whose, from whom, until when, and the fingerprints
    Show {
        /// A file in PEM
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct New {
    /// Name or address of this host, as those who call it know it; several: give it again
    #[arg(long, value_name = "HOST", required = true)]
    name: Vec<String>,
    /// Folder for node.pem and node.key; what is there already is not overwritten
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How long it is to be valid
    #[arg(long, default_value_t = 730)]
    days: u32,
    /// What kind of key: rsa, which every peer takes, or ecdsa
    #[arg(long, value_enum, default_value_t = Kind::Rsa)]
    key: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Rsa,
    Ecdsa,
}

impl Certificate {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::New(new) => new.run(),
            Verb::Show { file } => show(&file),
        }
    }
}

impl New {
    fn run(self) -> anyhow::Result<ExitCode> {
        let key = match self.key {
            Kind::Rsa => KeyKind::Rsa,
            Kind::Ecdsa => KeyKind::Ecdsa,
        };
        let made = self_signed(&Wanted { names: self.name, days: self.days, key }, &SystemClock)?;
        let (certificate_file, key_file) = (self.out.join("node.pem"), self.out.join("node.key"));
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("the folder {} cannot be made", self.out.display()))?;
        write(&key_file, &made.key, KEY_MODE)?;
        write(&certificate_file, &made.certificate, CERTIFICATE_MODE)?;
        println!("[dimse.tls]  # and [web.tls], without the line for listen");
        println!("listen = \"0.0.0.0:{}\"", Tls::REGISTERED_PORT);
        println!("certificate = \"{}\"", certificate_file.display());
        println!("key = \"{}\"", key_file.display());
        println!();
        println!("fingerprint: {}", made.fingerprint);
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn show(file: &Path) -> anyhow::Result<ExitCode> {
    for told in Told::in_file(file)? {
        println!("{}", if told.subject.is_empty() { "(no subject)" } else { told.subject.as_str() });
        println!("  issued by    {}", told.issuer);
        if !told.names.is_empty() {
            println!("  for          {}", told.names.join(", "));
        }
        println!("  valid from   {}", told.not_before);
        println!("  valid until  {}", told.not_after);
        println!("  fingerprint  {}", told.fingerprint);
    }
    Ok(ExitCode::SUCCESS)
}
