//! Against programs that others wrote: DCMTK's echoscu, storescu, findscu, storescp. Skipped where they are not
//! installed.

use std::process::Stdio;
use std::time::Duration;

use causeway_core::Status;
use causeway_dimse::scu::{Requestor, StoreRequest, Whole, connect};
use causeway_dimse::{Error, Settings};
use causeway_tls::Line;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::common::{CT, Served, call, serve, uid};

/// The program, ready to run; none, with a word about it, when it is not installed.
fn program(name: &str) -> Option<Command> {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    if !found {
        eprintln!("skipped: {name} is not installed");
        return None;
    }
    let mut command = Command::new(name);
    // Without it DCMTK waits 40 ms per message for a delayed acknowledgement.
    command.env("TCP_NODELAY", "1").kill_on_drop(true).stdin(Stdio::null());
    Some(command)
}

async fn server() -> (String, JoinHandle<Result<Served, Error>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        serve(stream, Settings::default()).await
    });
    (port, served)
}

async fn run(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

/// A CT instance in explicit VR little endian: File Meta, a few identifiers, `pixel_bytes` of pixels.
fn instance(pixel_bytes: usize) -> (Vec<u8>, Vec<u8>) {
    fn element(out: &mut Vec<u8>, group: u16, element: u16, vr: &[u8; 2], value: &[u8]) {
        out.extend(group.to_le_bytes());
        out.extend(element.to_le_bytes());
        out.extend(vr);
        let padded = value.len() + value.len() % 2;
        if matches!(vr, b"OW" | b"OB") {
            out.extend([0, 0]);
            out.extend(u32::try_from(padded).unwrap().to_le_bytes());
        } else {
            out.extend(u16::try_from(padded).unwrap().to_le_bytes());
        }
        out.extend(value);
        out.resize(out.len() + value.len() % 2, if vr == b"UI" { 0 } else { b' ' });
    }
    let mut meta = Vec::new();
    element(&mut meta, 2, 1, b"OB", &[0, 1]);
    element(&mut meta, 2, 2, b"UI", CT.as_bytes());
    element(&mut meta, 2, 3, b"UI", b"1.2.3.4.5");
    element(&mut meta, 2, 0x10, b"UI", b"1.2.840.10008.1.2.1");
    element(&mut meta, 2, 0x12, b"UI", b"1.2.3");
    let mut data = Vec::new();
    element(&mut data, 8, 0x16, b"UI", CT.as_bytes());
    element(&mut data, 8, 0x18, b"UI", b"1.2.3.4.5");
    element(&mut data, 0x10, 0x10, b"PN", b"Nobody");
    element(&mut data, 0x20, 0x0D, b"UI", b"1.2.3.4");
    element(&mut data, 0x7FE0, 0x10, b"OW", &vec![7; pixel_bytes]);
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    element(&mut file, 2, 0, b"UL", &u32::try_from(meta.len()).unwrap().to_le_bytes());
    file.extend(meta);
    file.extend(&data);
    (file, data)
}

#[tokio::test]
async fn echoscu_gets_its_echo() {
    let Some(mut echoscu) = program("echoscu") else { return };
    let (port, served) = server().await;
    run(echoscu.args(["-v", "--repeat", "3", "127.0.0.1", &port])).await;
    assert_eq!(served.await.unwrap().unwrap().echoes, 3);
}

#[tokio::test]
async fn echoscu_is_told_why_it_is_rejected_and_that_it_may_abort() {
    let Some(mut echoscu) = program("echoscu") else { return };
    let (port, served) = server().await;
    let output = echoscu.args(["-v", "-aet", "STRANGER", "127.0.0.1", &port]).output().await.unwrap();
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(text.contains("Calling AE Title Not Recognized"), "{text}");
    assert!(matches!(served.await.unwrap(), Err(Error::Refused { .. })));
    let Some(mut echoscu) = program("echoscu") else { return };
    let (port, served) = server().await;
    run(echoscu.args(["--abort", "127.0.0.1", &port])).await;
    assert!(matches!(served.await.unwrap(), Err(Error::Aborted(_))));
}

#[tokio::test]
async fn storescu_stores_what_it_has() {
    let Some(mut storescu) = program("storescu") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ct.dcm");
    let (file, data) = instance(3_000_000);
    std::fs::write(&path, file).unwrap();
    let (port, served) = server().await;
    run(storescu.args(["-v", "-xe", "127.0.0.1", &port]).arg(&path).arg(&path)).await;
    let stored = served.await.unwrap().unwrap().stored;
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|(length, _)| *length == data.len()), "{stored:?} {}", data.len());
}

#[tokio::test]
async fn findscu_sees_each_match() {
    let Some(mut findscu) = program("findscu") else { return };
    let (port, served) = server().await;
    // (0008,0005) first: its group number, 8, is how often the door answers.
    let keys = ["-k", "SpecificCharacterSet=ISO_IR 100", "-k", "QueryRetrieveLevel=STUDY"];
    let text = run(findscu.args(["-v", "-S"]).args(keys).args(["127.0.0.1", &port])).await;
    assert_eq!(text.matches("(Pending)").count(), 8, "{text}");
    served.await.unwrap().unwrap();
}

/// `storescp` with these options and a folder for what it keeps, and an association with it.
async fn storescp(options: &[&str]) -> Option<(tempfile::TempDir, Child, Requestor<Line>)> {
    let mut storescp = program("storescp")?;
    let folder = tempfile::tempdir().unwrap();
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let child = storescp
        .args(options)
        .arg("--output-directory")
        .arg(folder.path())
        .arg(port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (explicit, implicit) = (["1.2.840.10008.1.2.1"], ["1.2.840.10008.1.2"]);
    let call = call(port, &[("1.2.840.10008.1.1", &implicit), (CT, &explicit)]);
    for _ in 0..200 {
        match connect(&call).await {
            Ok(requestor) => return Some((folder, child, requestor)),
            Err(Error::Connect { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("storescp does not listen");
}

#[tokio::test]
async fn our_requestor_stores_into_storescp() {
    for options in [&["--max-pdu", "4096"][..], &["--max-pdu", "131072"]] {
        let Some((folder, mut child, mut requestor)) = storescp(options).await else { return };
        assert_eq!(requestor.echo().await.unwrap(), Status::SUCCESS);
        let (_, data) = instance(1_000_000);
        let context = requestor.accepted(&uid(CT), &uid("1.2.840.10008.1.2.1")).unwrap();
        let request = StoreRequest::new(uid(CT), uid("1.2.3.4.5"));
        let response = requestor.store(context, request, Whole::new(data.clone())).await.unwrap();
        assert_eq!(response.status, Status::SUCCESS);
        requestor.release().await.unwrap();
        child.kill().await.unwrap();
        let entry = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let kept = std::fs::read(entry.path()).unwrap();
        assert!(kept.ends_with(&data), "the data set arrived byte for byte");
    }
}

#[tokio::test]
async fn an_abort_by_storescp_is_known_as_one() {
    for option in ["--abort-during", "--abort-after"] {
        let Some((_folder, mut child, mut requestor)) = storescp(&[option]).await else { return };
        let (_, data) = instance(20_000_000);
        let context = requestor.accepted(&uid(CT), &uid("1.2.840.10008.1.2.1")).unwrap();
        let request = StoreRequest::new(uid(CT), uid("1.2.3.4.5"));
        let failed = requestor.store(context, request, Whole::new(data)).await;
        assert!(matches!(failed, Err(Error::Aborted(_))), "{option}: {failed:?}");
        child.kill().await.unwrap();
    }
}
