//! The command line: one file per verb.
#![expect(clippy::print_stderr, reason = "a command line speaks on the terminal")]

mod backup;
mod catalog;
mod certificate;
mod doctor;
mod events;
mod found;
mod health;
mod hold;
mod import;
mod link;
mod local;
mod nodes;
mod progress;
mod queue;
mod quota;
mod remote;
mod removed;
mod restore;
mod retention;
mod route;
mod serve;
mod store;
mod table;
mod token;
mod transform;
mod undertaking;
mod verify;
mod webhook;
mod worklist;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::client::{Client, Target};
use crate::demo;

/// A DICOM network node: takes studies over DIMSE and DICOMweb, keeps them, forwards them to remote readers.
#[derive(Debug, Parser)]
#[command(name = "causeway", version, about, long_about = None, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 not done, 2 wrong usage.\n\nFirst steps:\n  causeway demo\n  causeway serve"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the node
    Serve(Box<serve::Serve>),
    /// Two nodes on this machine: a study is sent to one, forwarded to the other, read back there
    Demo(demo::Demo),
    /// Other systems: add, list, show, remove, echo, find, retrieve, send
    Remote(remote::Remote),
    /// The same as `remote find`
    Find(remote::Alone<remote::Find>),
    /// The same as `remote retrieve`
    Retrieve(remote::Alone<remote::Retrieve>),
    /// Which instances go to which remotes: add, list, move, remove, explain, test
    Route(route::Route),
    /// What is waiting to be delivered, and what was: show, list, retry, park, cancel, pause, resume, reroute
    Queue(queue::Queue),
    /// What happened to instances and deliveries, as it happens
    Events(events::Events),
    /// Who is told of events over HTTP: add, list, remove
    Webhook(webhook::Webhook),
    /// What is changed of instances on their way to a remote: tag edits, de-identification
    Transform(transform::Transform),
    /// Links to other Causeway nodes: invite, invites, revoke, accept
    Link(link::Link),
    /// The nodes that share one catalog
    Nodes(nodes::Nodes),
    /// Bearer tokens for the web: add, list, remove
    Token(token::Token),
    /// Certificates for TLS: make one, show what a file holds
    Certificate(certificate::Certificate),
    /// Read every object again, hold it against its row, and every object against the rows
    Verify(verify::Verify),
    /// Whether the node is ready to be called
    Health(health::Health),
    /// What was removed and can be brought back: list, restore, purge
    Removed(removed::Removed),
    /// Studies of which nothing is removed: add, list, remove
    Hold(hold::Hold),
    /// Rules by which studies go: add, list, preview, enable, disable, remove
    Retention(retention::Retention),
    /// How much is kept of what one remote sends: set, list, remove
    Quota(quota::Quota),
    /// Check the node and explain what it refused lately
    Doctor(doctor::Doctor),
    /// Orders that wait for modalities, and what was performed of them: add, list, show, remove, import, match, steps
    Worklist(worklist::Worklist),
    /// Bring folders, files and zip archives into a running node
    Import(import::Import),
    /// Copy catalog and objects of a node to a folder, also while it serves
    Backup(backup::Backup),
    /// Put a backup back where there is nothing
    Restore(restore::Restore),
    /// The catalog of a node that does not run: make it anew from the store
    Catalog(catalog::Catalog),
    /// Where objects are kept: the keys that seal them, the move to another store
    Store(store::Store),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  causeway completions bash > /etc/bash_completion.d/causeway")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  causeway man > /usr/local/share/man/man1/causeway.1")]
    Man,
}

impl Cli {
    /// Runs the verb; says on standard error what went wrong.
    pub(crate) fn run(self) -> ExitCode {
        match self.verb.run() {
            Ok(code) => code,
            Err(error) => {
                eprintln!("causeway: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

impl Verb {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(verb) => verb.run(),
            Self::Demo(verb) => verb.run(),
            Self::Remote(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Find(verb) => with_client(verb.target, async |client| verb.verb.run(client).await),
            Self::Retrieve(verb) => with_client(verb.target, async |client| verb.verb.run(client).await),
            Self::Transform(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Route(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Queue(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Events(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Webhook(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Link(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Nodes(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Token(verb) => verb.run(),
            Self::Certificate(verb) => verb.run(),
            Self::Verify(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Health(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Removed(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Hold(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Retention(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Quota(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Doctor(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Worklist(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Import(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
            Self::Backup(verb) => verb.run(),
            Self::Restore(verb) => verb.run(),
            Self::Catalog(verb) => verb.run(),
            Self::Store(verb) => verb.run(),
            Self::Completions { shell } => {
                clap_complete::generate(shell, &mut Cli::command(), "causeway", &mut std::io::stdout());
                Ok(ExitCode::SUCCESS)
            }
            Self::Man => {
                clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Runs a verb that talks to a node.
fn with_client(
    target: Target,
    verb: impl AsyncFnOnce(&Client) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Client::new(target)?;
    runtime.block_on(verb(&client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
