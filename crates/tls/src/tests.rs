//! Handshakes over real connections: who is let in, who is not, and what is said of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use causeway_core::{Fingerprint, ManualClock, SystemClock};
use rcgen::ExtendedKeyUsagePurpose;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::certificate::fingerprint;
use crate::testing::{Authority, Leaf, Made, days_from_now};
use crate::{
    Certificate, ClientCertificates, Config, HandshakeError, Line, LoadError, Reason, Security, Setting,
    Table, Tls, Urgency, WebConfig,
};

/// A folder of certificates.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A configuration that presents `own`.
    fn with(&self, own: &Made) -> Config {
        let (certificate, key) = own.save(self.0.path(), "own");
        Config { certificate: Some(certificate), key: Some(key), ..Config::default() }
    }

    fn trusting_callers_of(&self, authority: &Authority, own: &Made) -> Config {
        let client_ca = Some(self.put("client-ca.pem", &authority.pem()));
        Config { client_ca, ..self.with(own) }
    }
}

fn open(config: Config) -> Tls {
    Tls::open(config, Arc::new(SystemClock)).unwrap()
}

fn node(own: &Made) -> Tls {
    open(Folder::new().with(own))
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (called, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (called.unwrap(), accepted.unwrap().0)
}

type Taken = Result<(Line, Option<Certificate>), HandshakeError>;

/// What the server and the client make of a handshake.
async fn shake(server: &Tls, client: &Security, host: &str) -> (Taken, Result<Line, HandshakeError>) {
    let (called, accepted) = connected().await;
    tokio::join!(server.accept(accepted), client.secure(called, host))
}

/// A client that judges by `pins`, or by its CAs when there are none.
fn client(config: Config, pins: &[Fingerprint]) -> Security {
    Security::tls(open(config), pins.to_vec())
}

fn trusting(folder: &Folder, authority: &Authority) -> Config {
    Config { ca: Some(folder.put("ca.pem", &authority.pem())), ..Config::default() }
}

/// The reason for which a certificate was refused, and the words.
fn refused<T: std::fmt::Debug>(verdict: Result<T, HandshakeError>) -> (Reason, String) {
    match verdict {
        Err(HandshakeError::Certificate(refused)) => (refused.reason.clone(), refused.to_string()),
        other => panic!("{other:?}"),
    }
}

async fn speaks(mut one: Line, mut other: Line) {
    one.write_all(b"echo").await.unwrap();
    one.flush().await.unwrap();
    let mut heard = [0; 4];
    other.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"echo");
}

#[tokio::test]
async fn a_caller_whom_the_ca_vouches_for_is_known_by_his_certificate() {
    let (folder, authority) = (Folder::new(), Authority::new("Hospital CA"));
    let server = open(folder.trusting_callers_of(&authority, &authority.issue(&Leaf::named("node"))));
    let callers = Folder::new();
    let caller = authority.issue(&Leaf::named("ct1"));
    let config = Config { ca: trusting(&callers, &authority).ca, ..callers.with(&caller) };
    let (taken, called) = shake(&server, &client(config, &[]), "127.0.0.1").await;
    let (line, presented) = taken.unwrap();
    assert_eq!(presented.unwrap().fingerprint, fingerprint(&caller.der));
    assert_eq!(line.suite(), Some("TLS_AES_256_GCM_SHA384"));
    speaks(called.unwrap(), line).await;
}

#[tokio::test]
async fn a_caller_of_another_ca_is_refused_and_hears_why() {
    let (folder, authority, other) = (Folder::new(), Authority::new("Ours"), Authority::new("Theirs"));
    let server = open(folder.trusting_callers_of(&authority, &authority.issue(&Leaf::named("node"))));
    let callers = Folder::new();
    let caller = other.issue(&Leaf::named("ct1"));
    let config = Config { ca: trusting(&callers, &authority).ca, ..callers.with(&caller) };
    let (taken, called) = shake(&server, &client(config, &[]), "127.0.0.1").await;
    let (reason, words) = refused(taken);
    assert_eq!(reason, Reason::UnknownIssuer);
    assert!(words.contains("CN=Theirs") && words.contains("client_ca"), "{words}");
    // In version 1.3 the caller learns of it with the first thing it reads.
    let heard = called.unwrap().read(&mut [0; 1]).await.unwrap_err().to_string();
    assert!(heard.contains("does not trust who issued our certificate"), "{heard}");
}

#[tokio::test]
async fn a_ca_of_the_same_name_is_another_ca() {
    let (folder, authority, double) = (Folder::new(), Authority::new("Ours"), Authority::new("Ours"));
    let server = open(folder.trusting_callers_of(&authority, &authority.issue(&Leaf::named("node"))));
    let callers = Folder::new();
    let pins = [server.held()[0].certificate.fingerprint];
    let caller = client(callers.with(&double.issue(&Leaf::named("ct1"))), &pins);
    let (reason, words) = refused(shake(&server, &caller, "x").await.0);
    assert_eq!(reason, Reason::OtherIssuer, "{words}");
}

#[tokio::test]
async fn a_caller_out_of_his_time_is_refused_whoever_judges() {
    let authority = Authority::new("Hospital CA");
    let own = authority.issue(&Leaf::named("node"));
    let by_ca = Folder::new();
    let by_ca = open(by_ca.trusting_callers_of(&authority, &own));
    let by_nobody = node(&own);
    for (days, expected) in [((-90, -30), Reason::Expired), ((3, 90), Reason::NotYetValid)] {
        let leaf = Leaf { days, ..Leaf::named("ct1") };
        for (server, caller) in [(&by_ca, authority.issue(&leaf)), (&by_nobody, leaf.alone())] {
            let folder = Folder::new();
            let caller = client(folder.with(&caller), &[fingerprint(&own.der)]);
            let (taken, _) = shake(server, &caller, "127.0.0.1").await;
            let (reason, words) = refused(taken);
            assert_eq!(reason, expected, "{words}");
            let day = if expected == Reason::Expired { days_from_now(-30) } else { days_from_now(3) };
            assert!(words.contains(&day.to_string()[..10]), "{words}");
        }
    }
}

#[tokio::test]
async fn a_caller_without_a_certificate_is_let_in_where_none_is_required() {
    let own = Leaf::named("node").alone();
    let pin = [fingerprint(&own.der)];
    for (asked, fine) in [
        (ClientCertificates::Required, false),
        (ClientCertificates::Requested, true),
        (ClientCertificates::None, true),
    ] {
        let folder = Folder::new();
        let server = open(Config { client_certificates: Some(asked), ..folder.with(&own) });
        let (taken, _) = shake(&server, &client(Config::default(), &pin), "127.0.0.1").await;
        match taken {
            Ok((_, presented)) => assert!(fine && presented.is_none(), "{asked:?}"),
            Err(error) => {
                assert_eq!(error, HandshakeError::NoCertificate(Table::Dimse));
                assert!(!fine && error.to_string().contains("client_certificates"), "{asked:?}");
            }
        }
    }
}

#[tokio::test]
async fn without_a_ca_any_caller_is_taken_for_the_certificate_he_can_sign_with() {
    let own = Leaf::named("node").alone();
    let caller = Leaf::named("ct1").alone();
    let folder = Folder::new();
    let calling = client(folder.with(&caller), &[fingerprint(&own.der)]);
    let (taken, called) = shake(&node(&own), &calling, "127.0.0.1").await;
    let (line, presented) = taken.unwrap();
    assert_eq!(presented.unwrap().fingerprint, fingerprint(&caller.der));
    speaks(line, called.unwrap()).await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    let own = Leaf::named("node").alone();
    let (victim, thief) = (Leaf::named("ct1").alone(), Leaf::named("thief").alone());
    let server = node(&own);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (called, accepted) = connected().await;
        let stealing = stealing(&victim, &thief, &own, version);
        let (taken, _) = tokio::join!(server.accept(accepted), async {
            let mut stream = stealing.connect("127.0.0.1".try_into().unwrap(), called).await?;
            stream.read(&mut [0; 1]).await
        });
        let (reason, words) = refused(taken);
        assert_eq!(reason, Reason::Key, "{words}");
    }
}

/// A client that presents another's certificate and signs with a key of its own.
fn stealing(
    victim: &Made,
    thief: &Made,
    server: &Made,
    version: &'static rustls::SupportedProtocolVersion,
) -> tokio_rustls::TlsConnector {
    use rustls::pki_types::pem::PemObject as _;
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(thief.key.as_bytes()).unwrap();
    let key = crate::suites::provider().key_provider.load_private_key(key).unwrap();
    let identity = CertifiedKey::new(vec![victim.der.clone().into()], key);
    let standard = crate::trust::Standard::Pinned(vec![fingerprint(&server.der)]);
    let config = rustls::ClientConfig::builder_with_provider(crate::suites::provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(crate::trust::OfCalled {
            standard,
            notes: crate::trust::Notes::default(),
        }))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    tokio_rustls::TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn the_called_peer_is_judged_by_its_ca_and_the_name_that_was_called() {
    let (authority, other) = (Authority::new("Ours"), Authority::new("Theirs"));
    let folder = Folder::new();
    let ours = client(trusting(&folder, &authority), &[]);
    let fine = authority.issue(&Leaf::named("pacs"));
    assert!(shake(&node(&fine), &ours, "127.0.0.1").await.1.is_ok());
    assert!(shake(&node(&fine), &ours, "localhost").await.1.is_ok());
    for (made, host, expected) in [
        (fine, "pacs.example.org", Reason::Name { expected: "pacs.example.org".to_owned() }),
        (other.issue(&Leaf::named("pacs")), "127.0.0.1", Reason::UnknownIssuer),
        (Leaf::named("pacs").alone(), "127.0.0.1", Reason::SelfSigned),
        (authority.issue(&Leaf { days: (-9, -1), ..Leaf::named("pacs") }), "127.0.0.1", Reason::Expired),
        (authority.issue(&Leaf { days: (2, 9), ..Leaf::named("pacs") }), "127.0.0.1", Reason::NotYetValid),
        (
            authority
                .issue(&Leaf { purposes: &[ExtendedKeyUsagePurpose::ClientAuth], ..Leaf::named("pacs") }),
            "127.0.0.1",
            Reason::Purpose,
        ),
        (authority.issue(&Leaf { is_ca: true, ..Leaf::named("pacs") }), "127.0.0.1", Reason::IsCa),
    ] {
        let (reason, words) = refused(shake(&node(&made), &ours, host).await.1);
        assert_eq!(reason, expected, "{words}");
        assert!(words.starts_with("the peer's certificate (CN=pacs)"), "{words}");
    }
}

#[tokio::test]
async fn a_pinned_peer_is_judged_by_its_certificate_alone_within_its_time() {
    let made = Leaf { names: &[], is_ca: true, ..Leaf::named("pacs") }.alone();
    let pinned = client(Config::default(), &[Fingerprint([7; 32]), fingerprint(&made.der)]);
    assert!(shake(&node(&made), &pinned, "10.0.0.7").await.1.is_ok());
    let double = Leaf { names: &[], ..Leaf::named("pacs") }.alone();
    let (reason, words) = refused(shake(&node(&double), &pinned, "10.0.0.7").await.1);
    assert_eq!(reason, Reason::NotPinned);
    assert!(words.contains(&fingerprint(&double.der).to_string()), "{words}");
    let over = Leaf { days: (-9, -1), ..Leaf::named("pacs") }.alone();
    let pinned = client(Config::default(), &[fingerprint(&over.der)]);
    assert_eq!(refused(shake(&node(&over), &pinned, "10.0.0.7").await.1).0, Reason::Expired);
}

#[tokio::test]
async fn who_does_not_speak_tls_is_told_apart() {
    let server = node(&Leaf::named("node").alone());
    for (said, expected) in [
        (&[1, 0, 0, 0, 0, 205, 0, 1, 0, 0, b'N', b'O'][..], "DICOM without TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (&[0xFE; 64], "none of TLS"),
    ] {
        let (mut called, accepted) = connected().await;
        let (taken, ()) = tokio::join!(server.accept(accepted), async {
            called.write_all(said).await.unwrap();
            let _ = called.read(&mut [0; 64]).await;
            drop(called);
        });
        let words = taken.unwrap_err().to_string();
        assert!(words.contains(expected), "{words}");
    }
    let (called, accepted) = connected().await;
    drop(called);
    assert_eq!(server.accept(accepted).await.unwrap_err(), HandshakeError::Silent);
}

#[tokio::test]
async fn a_peer_that_answers_without_tls_is_told_apart() {
    let (called, mut accepted) = connected().await;
    let calling = client(Config::default(), &[Fingerprint([1; 32])]);
    let (shaken, ()) = tokio::join!(calling.secure(called, "10.0.0.7"), async {
        let _ = accepted.read(&mut [0; 4096]).await;
        accepted.write_all(&[7, 0, 0, 0, 0, 4, 0, 0, 2, 1]).await.unwrap();
        let _ = accepted.read(&mut [0; 64]).await;
    });
    let words = shaken.unwrap_err().to_string();
    assert!(words.contains("answers in DICOM without TLS"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_handshake_ends_by_its_timer_on_either_side() {
    let folder = Folder::new();
    let config = Config { handshake_seconds: 3, ..folder.with(&Leaf::named("node").alone()) };
    let server = open(config.clone());
    let (mut called, accepted) = connected().await;
    called.write_all(&[0x16, 3, 1]).await.unwrap();
    assert_eq!(server.accept(accepted).await.unwrap_err(), HandshakeError::Timeout { seconds: 3 });
    let (called, _accepted) = connected().await;
    let calling = client(config, &[Fingerprint([1; 32])]);
    assert_eq!(calling.secure(called, "10.0.0.7").await.unwrap_err(), HandshakeError::Timeout { seconds: 3 });
}

#[tokio::test]
async fn what_cannot_be_called_is_said() {
    let calling = client(Config::default(), &[Fingerprint([1; 32])]);
    let (called, accepted) = connected().await;
    assert!(matches!(calling.secure(called, "no host").await, Err(HandshakeError::Host(_))));
    assert_eq!(open(Config::default()).accept(accepted).await.unwrap_err(), HandshakeError::NoIdentity);
}

#[tokio::test]
async fn new_files_are_in_force_from_the_next_handshake_on_and_broken_ones_never() {
    let folder = Folder::new();
    let (first, second) = (Leaf::named("first").alone(), Leaf::named("second").alone());
    let server = open(folder.with(&first));
    let pins = [fingerprint(&first.der), fingerprint(&second.der)];
    let calling = client(Config::default(), &pins);
    let (taken, called) = shake(&server, &calling, "x").await;
    second.save(folder.0.path(), "own");
    server.reload().unwrap();
    assert_eq!(server.held()[0].certificate.subject, "CN=second");
    speaks(called.unwrap(), taken.unwrap().0).await;
    assert!(shake(&server, &client(Config::default(), &pins[1..]), "x").await.1.is_ok());
    folder.put("own.pem", &first.pem);
    let error = server.reload().unwrap_err().to_string();
    assert!(error.contains("is not the key of the first certificate"), "{error}");
    assert!(shake(&server, &client(Config::default(), &pins[1..]), "x").await.1.is_ok());
}

#[test]
fn the_watch_reads_again_when_it_is_told_to() {
    let folder = Folder::new();
    let (first, second) = (Leaf::named("first").alone(), Leaf::named("second").alone());
    let server = open(folder.with(&first));
    let watch = server.watch().unwrap();
    second.save(folder.0.path(), "own");
    watch.refresh();
    while server.held()[0].certificate.subject != "CN=second" {
        std::thread::yield_now();
    }
}

#[test]
fn files_that_cannot_be_used_are_refused_and_an_expired_certificate_is_not() {
    let folder = Folder::new();
    let (one, other) = (Leaf::named("one").alone(), Leaf::named("other").alone());
    let fine = folder.with(&one);
    let strange = Config { key: Some(folder.put("other.key", &other.key)), ..fine.clone() };
    let error = Tls::open(strange, Arc::new(SystemClock)).err().unwrap();
    assert!(
        matches!(&error, LoadError::Content { setting: Some(Setting { key: "key", .. }), .. }),
        "{error}"
    );
    let absent = Config { ca: Some(folder.0.path().join("absent.pem")), ..fine };
    let error = Tls::open(absent, Arc::new(SystemClock)).err().unwrap();
    assert!(matches!(&error, LoadError::Read { setting: Some(Setting { key: "ca", .. }), .. }), "{error}");
    let over = folder.with(&Leaf { days: (-9, -1), ..Leaf::named("old") }.alone());
    let remarks = open(over).remarks();
    assert!(
        remarks.iter().any(|remark| remark.contains("CN=old") && remark.contains("expired")),
        "{remarks:?}"
    );
}

#[test]
fn a_key_that_everybody_can_read_is_remarked_upon() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let config = folder.with(&Leaf::named("node").alone());
    for (mode, remarked) in [(0o644, true), (0o640, false), (0o600, false)] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(config.key.as_ref().unwrap(), permissions).unwrap();
        let remarks = open(config.clone()).remarks();
        assert_eq!(remarks.iter().any(|remark| remark.contains("private key")), remarked, "{mode:o}");
    }
}

#[test]
fn each_certificate_has_a_notice_and_what_presses_is_a_remark_too() {
    let folder = Folder::new();
    let told = |days| {
        let tls = open(folder.with(&Leaf { days: (-1, days), ..Leaf::named("node") }.alone()));
        let notice = tls.notices().into_iter().find(|it| it.subject == "[dimse.tls] certificate").unwrap();
        let is_remarked = tls.remarks().contains(&notice.to_string());
        assert!(notice.words.contains("CN=node"), "{notice}");
        (notice.urgency, notice.remedy.is_some(), is_remarked)
    };
    assert_eq!(told(90), (Urgency::None, false, false));
    assert_eq!(told(10), (Urgency::Soon, true, true));
    assert_eq!(told(0), (Urgency::OutOfTime, true, true));
}

#[tokio::test]
async fn the_time_of_a_certificate_is_told_by_the_nodes_clock() {
    let own = Leaf::named("node").alone();
    let folder = Folder::new();
    let clock = Arc::new(ManualClock::at(days_from_now(200)));
    let config = Config { ca: None, ..Config::default() };
    let late = Security::tls(Tls::open(config, clock).unwrap(), vec![fingerprint(&own.der)]);
    assert_eq!(refused(shake(&open(folder.with(&own)), &late, "x").await.1).0, Reason::Expired);
}

/// Settings of the web listener that presents `own`.
fn for_web(folder: &Folder, own: &Made, client_ca: Option<&Authority>) -> Tls {
    let (certificate, key) = own.save(folder.0.path(), "web");
    let client_ca = client_ca.map(|authority| folder.put("web-ca.pem", &authority.pem()));
    let config = WebConfig { certificate, key, client_ca, handshake_seconds: 3 };
    Tls::for_web(config, Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn a_caller_of_the_web_listener_without_tls_is_told_so_in_http() {
    let server = for_web(&Folder::new(), &Leaf::named("node").alone(), None);
    let (mut called, accepted) = connected().await;
    let caller = async {
        called.write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        called.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (taken, answer) = tokio::join!(server.accept(accepted), caller);
    assert!(matches!(taken, Err(HandshakeError::NotTls(_))), "{taken:?}");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"), "{answer}");
}

#[tokio::test]
async fn a_certificate_is_asked_for_on_the_web_only_where_a_ca_judges_it() {
    let (folder, authority) = (Folder::new(), Authority::new("Hospital CA"));
    let own = authority.issue(&Leaf::named("node"));
    let callers = Folder::new();
    let nobody = Config { ca: trusting(&callers, &authority).ca, ..Config::default() };
    let somebody = Config { ca: nobody.ca.clone(), ..callers.with(&authority.issue(&Leaf::named("viewer"))) };
    let (open, closed) = (for_web(&folder, &own, None), for_web(&Folder::new(), &own, Some(&authority)));
    let (taken, _) = shake(&open, &client(somebody.clone(), &[]), "localhost").await;
    assert_eq!(taken.unwrap().1, None);
    let (taken, _) = shake(&closed, &client(somebody, &[]), "localhost").await;
    assert!(taken.unwrap().1.is_some_and(|certificate| certificate.subject.contains("viewer")));
    let (taken, _) = shake(&closed, &client(nobody, &[]), "localhost").await;
    let error = taken.unwrap_err();
    assert_eq!(error, HandshakeError::NoCertificate(Table::Web));
    assert!(error.to_string().contains("[web.tls] client_ca"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_of_the_web_listener_that_says_nothing_is_left() {
    let server = for_web(&Folder::new(), &Leaf::named("node").alone(), None);
    let (called, accepted) = connected().await;
    assert_eq!(server.accept(accepted).await.unwrap_err(), HandshakeError::Timeout { seconds: 3 });
    drop(called);
}
