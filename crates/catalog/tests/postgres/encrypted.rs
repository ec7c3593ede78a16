//! TLS on the way to a server: its certificate is judged, and ours where it asks for one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_catalog::{Catalog, Error, Server};
use causeway_core::{Class, SystemClock};
use causeway_testkit::database::{Cluster, Database};
use causeway_tls::{CatalogConfig, Tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// A CA of the test.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // Another name than that of what it issues, which would seem to be issued by itself.
        params.distinguished_name.push(DnType::CommonName, "a CA");
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for a name, and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn save(&self, folder: &Path, name: &str) -> PathBuf {
        save(folder, name, &self.certificate.pem())
    }
}

fn save(folder: &Path, name: &str, text: &str) -> PathBuf {
    std::fs::write(folder.join(name), text).unwrap();
    folder.join(name)
}

async fn open(database: &Database, query: &str, config: CatalogConfig) -> Result<Catalog, Error> {
    let url = format!("{}{query}", database.url().replace("127.0.0.1", "localhost"));
    let tls = Tls::for_catalog(config, Arc::new(SystemClock)).unwrap();
    let server = Server::parse(&url).unwrap().with_security(tls.towards_server());
    Catalog::connect(server, Arc::new(SystemClock)).await
}

fn refused(opened: Result<Catalog, Error>) -> (Class, String) {
    let error = opened.err().unwrap();
    (error.class(), error.to_string())
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate_and_we_by_ours() {
    causeway_tls::install();
    let folder = tempfile::tempdir().unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let Some(cluster) = Cluster::start(&folder.path().join("cluster"), listen).unwrap() else {
        return;
    };
    let database = cluster.database().unwrap();
    let plain = refused(open(&database, "?sslmode=require", CatalogConfig::default()).await);
    assert_eq!(plain.0, Class::Caller, "a server without TLS: {}", plain.1);

    let (ours, theirs) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.issue("localhost");
    cluster.require_tls(&certificate, &key, None).unwrap();
    let ca = Some(ours.save(folder.path(), "ca.pem"));
    let trusting = CatalogConfig { ca, ..CatalogConfig::default() };
    for mode in ["require", "prefer", "verify-full"] {
        let catalog = open(&database, &format!("?sslmode={mode}"), trusting.clone()).await.unwrap();
        catalog.ask().await.unwrap();
    }
    let (class, words) = refused(open(&database, "?sslmode=disable", trusting.clone()).await);
    assert_eq!(class, Class::Caller, "the server takes nobody without: {words}");
    let other = Some(theirs.save(folder.path(), "other.pem"));
    let mistrusting = CatalogConfig { ca: other, ..CatalogConfig::default() };
    let (_, words) = refused(open(&database, "?sslmode=verify-full", mistrusting).await);
    assert!(words.contains("TLS") && words.contains("[catalog.tls]"), "{words}");

    let (certificate, key) = ours.issue("elsewhere.example");
    cluster.require_tls(&certificate, &key, None).unwrap();
    let (_, words) = refused(open(&database, "?sslmode=verify-full", trusting.clone()).await);
    assert!(words.contains("localhost"), "{words}");

    let (certificate, key) = ours.issue("localhost");
    cluster.require_tls(&certificate, &key, Some(&theirs.certificate.pem())).unwrap();
    assert_eq!(refused(open(&database, "?sslmode=require", trusting.clone()).await).0, Class::Caller);
    let (certificate, key) = theirs.issue("node");
    let known = CatalogConfig {
        client_certificate: Some(save(folder.path(), "node.pem", &certificate)),
        client_key: Some(save(folder.path(), "node.key", &key)),
        ..trusting
    };
    open(&database, "?sslmode=require", known).await.unwrap().ask().await.unwrap();
}
