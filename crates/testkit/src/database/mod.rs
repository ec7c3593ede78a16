//! A server of PostgreSQL that a test has to itself: a cluster in a folder, started here, ended with the process that
//! started it, however that ends.
//!
//! Lives here: the cluster, databases on it, and what happens to servers. Never here: SQL of the catalog.
//!
//! PostgreSQL does not run as root: where we are root, it is run as `nobody`. A shell stands between: it ends the server
//! when its own input ends, which it does when this process is gone.

mod shell;

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use shell::Shell;

/// The user of the databases, and what it shows.
const USER: &str = "causeway";
/// Letters of the password.
const PASSWORD: &str = "of-the-tests";
/// User and group that have a server where we are root.
const NOBODY: u32 = 65534;
/// What a server of tests needs to know beyond the defaults. It syncs: tests pull the plug.
const SETTINGS: &str = "
max_connections = 200
shared_buffers = 32MB
unix_socket_directories = '.'
log_min_messages = warning
";

/// A running server. It ends with this value, or with the process.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    shell: Shell,
    address: SocketAddr,
    /// Its input is what keeps the server running.
    keeper: Child,
    databases: AtomicU32,
}

/// A database of its own on the server that all tests of this process share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Where it is.
    pub address: SocketAddr,
    /// Its name.
    pub name: String,
}

impl Database {
    /// An empty one; `None` on a machine without PostgreSQL.
    ///
    /// # Errors
    /// When the server does not start.
    pub fn fresh() -> io::Result<Option<Self>> {
        static SHARED: OnceLock<Result<Option<Cluster>, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            let folder = std::env::temp_dir().join(format!("causeway-database-{}", std::process::id()));
            Cluster::start(&folder, SocketAddr::from(([127, 0, 0, 1], 0))).map_err(|error| error.to_string())
        });
        match shared {
            Ok(cluster) => cluster.as_ref().map(Cluster::database).transpose(),
            Err(words) => Err(io::Error::other(words.clone())),
        }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_by(self.address)
    }

    /// Its URL for who comes to it by another way.
    #[must_use]
    pub fn url_by(&self, address: SocketAddr) -> String {
        format!("postgres://{USER}:{PASSWORD}@{address}/{}", self.name)
    }
}

impl Database {
    /// Runs statements on it.
    ///
    /// # Errors
    /// When there is no PostgreSQL, or one of them fails.
    pub fn run(&self, sql: &str) -> io::Result<()> {
        let shell = Shell::find().ok_or(io::ErrorKind::NotFound)?;
        shell.run("psql", [self.url().as_str(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql])
    }
}

impl Cluster {
    /// Makes a cluster in `folder`, which must not be there, and starts its server; port 0: one that is free. `None` on a
    /// machine without PostgreSQL.
    ///
    /// # Errors
    /// When it cannot be made or does not start.
    pub fn start(folder: &Path, listen: SocketAddr) -> io::Result<Option<Self>> {
        let Some(shell) = Shell::find() else { return Ok(None) };
        fs::create_dir_all(folder)?;
        if fs::metadata(folder)?.uid() == 0 {
            chown(folder, Some(NOBODY), Some(NOBODY))?;
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        let port = if listen.port() == 0 { free_port(listen)? } else { listen.port() };
        let address = SocketAddr::new(listen.ip(), port);
        shell.initialize(folder, USER, PASSWORD)?;
        let mut settings = fs::OpenOptions::new().append(true).open(folder.join("data/postgresql.conf"))?;
        write!(settings, "{SETTINGS}listen_addresses = '{}'\nport = {port}\n", address.ip())?;
        let mut keeper = shell.keep(folder)?;
        let mut first = String::new();
        if let Some(output) = keeper.stdout.take() {
            BufReader::new(output).read_line(&mut first)?;
        }
        if first.trim() != "started" {
            let log = fs::read_to_string(folder.join("data/log")).unwrap_or_default();
            return Err(io::Error::other(format!("PostgreSQL did not start: {log}")));
        }
        let folder = folder.to_owned();
        Ok(Some(Self { folder, shell, address, keeper, databases: AtomicU32::new(0) }))
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that it has its data in.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// When the server does not.
    pub fn database(&self) -> io::Result<Database> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.create(&name)
    }

    /// Makes an empty database of this name.
    ///
    /// # Errors
    /// When the server does not.
    pub fn create(&self, name: &str) -> io::Result<Database> {
        let folder = self.data().display().to_string();
        let port = self.address.port().to_string();
        let of_server = ["-h", &folder, "-p", &port, "-U", USER, "-T", "template0", "-E", "UTF8"];
        self.shell.run("createdb", of_server.into_iter().chain(["--locale", "C", name]))?;
        Ok(Database { address: self.address, name: name.to_owned() })
    }

    /// Ends all of the server at once, as if its power failed, and starts it again.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn crash(&self) -> io::Result<()> {
        self.control(["-m", "immediate", "restart"])
    }

    /// Ends the server at once.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&self) -> io::Result<()> {
        self.control(["-m", "immediate", "stop"])
    }

    /// Starts the server again that was stopped.
    ///
    /// # Errors
    /// When it does not start.
    pub fn resume(&self) -> io::Result<()> {
        self.control(["-w", "start"])
    }

    /// Has the server show this certificate, take nobody over TCP without TLS, and ask for certificates of this CA where one is
    /// named.
    ///
    /// # Errors
    /// When it does not start so.
    pub fn require_tls(&self, certificate: &str, key: &str, client_ca: Option<&str>) -> io::Result<()> {
        let data = self.data();
        let mut settings = fs::OpenOptions::new().append(true).open(data.join("postgresql.conf"))?;
        writeln!(
            settings,
            "ssl = on\nssl_ca_file = '{}'",
            if client_ca.is_some() { "client.pem" } else { "" }
        )?;
        let files =
            [("server.crt", certificate), ("server.key", key), ("client.pem", client_ca.unwrap_or_default())];
        for (name, text) in files {
            self.shell.write(&data.join(name), text)?;
        }
        let judged = if client_ca.is_some() { " clientcert=verify-ca" } else { "" };
        let rules = format!("local all all trust\nhostssl all all all scram-sha-256{judged}\n");
        fs::write(data.join("pg_hba.conf"), rules)?;
        self.control(["-m", "fast", "restart"])
    }

    fn control<const N: usize>(&self, words: [&str; N]) -> io::Result<()> {
        let data = self.data().display().to_string();
        let log = format!("{data}/log");
        self.shell.run("pg_ctl", ["-s", "-D", &data, "-l", &log].into_iter().chain(words))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The end of its input ends the server, and takes its folder.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A port that nobody has at this moment.
fn free_port(listen: SocketAddr) -> io::Result<u16> {
    Ok(TcpListener::bind(listen)?.local_addr()?.port())
}
