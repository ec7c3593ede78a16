//! A query with very many matches, through a whole node and a client of another make (DCMTK's findscu): every study
//! is told once, in one order however it is asked for, and the node's memory does not grow with their number.
//!
//! `CAUSEWAY_TEST_STUDIES` says how many; 20,000 by default. Skipped where findscu is not installed.

#![expect(clippy::print_stderr, reason = "a test tells what it measured")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_catalog::{Catalog, OnConflict};
use causeway_core::{
    Attributes, Digest, Door, Envelope, Identifiers, InstanceRecord, ObjectKey, PatientKey, SystemClock, Tag,
    Uid, Vr,
};
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

const STUDIES: u32 = 20_000;
/// Inserts under way at once, so that they share commits.
const INSERTS_AT_ONCE: u32 = 500;
/// What a query may cost beyond what the node holds before it, however many matches it has: 32 MiB of its own, and the
/// pages of the catalog that each of its four readers and the writer keep, 16 MiB each.
const MOST_GROWTH_KB: u64 = (32 + 5 * 16) * 1024;

fn studies() -> u32 {
    std::env::var("CAUSEWAY_TEST_STUDIES").ok().map_or(STUDIES, |text| text.parse().unwrap())
}

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

/// One study of one instance.
fn record(number: u32) -> InstanceRecord {
    let ids = Identifiers {
        study: uid(&format!("1.2.826.0.1.3680043.10.1.{number}")),
        series: uid(&format!("1.2.826.0.1.3680043.10.1.{number}.1")),
        instance: uid(&format!("1.2.826.0.1.3680043.10.1.{number}.1.1")),
    };
    let ct = uid("1.2.840.10008.5.1.4.1.1.2");
    let patient = PatientKey { id: format!("P{}", number / 3), issuer: String::new() };
    let mut attributes = Attributes::new();
    attributes.put_text(Tag::PATIENT_ID, Vr::LO, &patient.id);
    attributes.put_text(
        Tag::PATIENT_NAME,
        Vr::PN,
        format!("Family{}^Given{}", number / 3 % 5000, number / 3),
    );
    attributes.put_text(Tag::PATIENT_BIRTH_DATE, Vr::DA, format!("19{:02}0101", number / 3 % 100));
    attributes.put_text(Tag::PATIENT_SEX, Vr::CS, "O");
    attributes.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, ids.study.as_str());
    attributes.put_text(Tag::SERIES_INSTANCE_UID, Vr::UI, ids.series.as_str());
    attributes.put_text(Tag::SOP_INSTANCE_UID, Vr::UI, ids.instance.as_str());
    attributes.put_text(Tag::SOP_CLASS_UID, Vr::UI, ct.as_str());
    attributes.put_text(Tag::MODALITY, Vr::CS, if number.is_multiple_of(2) { "CT" } else { "MR" });
    attributes.put_text(Tag::ACCESSION_NUMBER, Vr::SH, format!("A{number}"));
    attributes.put_text(Tag::STUDY_ID, Vr::SH, number.to_string());
    attributes.put_text(Tag::STUDY_DESCRIPTION, Vr::LO, "Thorax and abdomen, native and with contrast");
    attributes.put_text(Tag::REFERRING_PHYSICIAN_NAME, Vr::PN, format!("Doctor{}^Refers", number % 200));
    attributes.put_text(Tag::STUDY_DATE, Vr::DA, format!("20{:02}{:02}15", number % 25, number % 12 + 1));
    attributes.put_text(Tag::STUDY_TIME, Vr::TM, format!("{:02}1500", number % 24));
    attributes.put_text(Tag::SERIES_NUMBER, Vr::IS, "1");
    attributes.put_text(Tag::INSTANCE_NUMBER, Vr::IS, "1");
    let mut digest = [0; 32];
    digest.iter_mut().zip(number.to_be_bytes()).for_each(|(place, byte)| *place = byte);
    InstanceRecord {
        patient,
        ids,
        sop_class: ct,
        transfer_syntax: uid("1.2.840.10008.1.2.1"),
        object: ObjectKey::parse(&format!("{number:032x}")).unwrap(),
        object_bytes: 1000,
        data_set_offset: 400,
        digest: Digest(digest),
        envelope: Envelope {
            door: Door::Dimse,
            received_at: Timestamp::from_second(1_700_000_000).unwrap(),
            calling_ae: None,
            remote: None,
            source_address: None,
            came_back: None,
            via: causeway_core::Via::default(),
        },
        attributes,
    }
}

/// Fills a catalog as a node would. The instances are said to be in their place, where nobody will look for them.
async fn fill(path: &Path, count: u32) {
    let catalog = Catalog::open(path, Arc::new(SystemClock)).await.unwrap();
    for first in (1..=count).step_by(INSERTS_AT_ONCE as usize) {
        let mut inserts = tokio::task::JoinSet::new();
        let numbers = first..(first + INSERTS_AT_ONCE).min(count + 1);
        let objects = numbers.clone().map(|number| record(number).object).collect();
        for number in numbers {
            let catalog = catalog.clone();
            inserts.spawn(async move {
                catalog.insert(record(number), Vec::new(), OnConflict::KeepFirst).await.unwrap()
            });
        }
        while let Some(done) = inserts.join_next().await {
            done.unwrap();
        }
        catalog.mark_settled(objects).await.unwrap();
    }
    catalog.sync().await.unwrap();
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

async fn node(data: &Path, port: u16) -> Child {
    let web = free_port().await;
    let node = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["serve", "--dimse-listen", &format!("127.0.0.1:{port}")])
        .args(["--web-listen", &format!("127.0.0.1:{web}"), "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return node;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the node does not listen");
}

/// A number of a process's status, in KB.
fn status_kb(process: &Child, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// What a query came to.
struct Found {
    /// The Accession Numbers in the order of the answers.
    numbers: Vec<u32>,
    /// The last status.
    status: String,
    /// The most memory that the node was seen to hold meanwhile.
    peak_kb: u64,
}

/// Asks for studies.
async fn find(node: &Child, port: u16, keys: &[&str]) -> Found {
    let mut findscu = Command::new("findscu");
    findscu.args(["-v", "-S", "-aec", "CAUSEWAY", "127.0.0.1", &port.to_string()]);
    for key in ["QueryRetrieveLevel=STUDY", "AccessionNumber", "PatientName", "StudyInstanceUID", "StudyDate"]
    {
        findscu.args(["-k", key]);
    }
    for key in keys {
        findscu.args(["-k", key]);
    }
    let mut child = findscu
        .env("TCP_NODELAY", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut found = Found { numbers: Vec::new(), status: String::new(), peak_kb: 0 };
    let mut is_answer = false;
    while let Some(line) = lines.next_line().await.unwrap() {
        // What it asks is told before, in the same form.
        is_answer |= line.contains("(Pending)");
        if is_answer && line.contains("(0008,0050) SH [A") {
            let number = line.split_once("[A").unwrap().1.split_once(']').unwrap().0;
            found.numbers.push(number.trim().parse().unwrap());
            if found.numbers.len() % 1000 == 1 {
                found.peak_kb = found.peak_kb.max(status_kb(node, "VmRSS:"));
            }
        } else if let Some((_, status)) = line.split_once("Received Final Find Response (") {
            found.status = status.trim_end_matches(')').to_owned();
        }
    }
    assert!(child.wait().await.unwrap().success());
    found
}

fn is_installed(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_for_everything_is_answered_in_bounded_memory() {
    if !is_installed("findscu") {
        eprintln!("skipped: findscu is not installed");
        return;
    }
    let count = studies();
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    fill(&folder.path().join("catalog.db"), count).await;
    eprintln!("{count} studies recorded in {:?}", began.elapsed());
    let port = free_port().await;
    let mut node = node(folder.path(), port).await;

    // Once through what a query touches, whatever its size.
    let one = find(&node, port, &["AccessionNumber=A7"]).await;
    assert_eq!((one.numbers, one.status.as_str()), (vec![7], "Success"));
    let before = status_kb(&node, "VmRSS:");

    let all: Vec<u32> = (1..=count).collect();
    let mut order = Vec::new();
    for keys in [&[][..], &["StudyDate=20000101-"], &["PatientName=family*"], &["ModalitiesInStudy=CT"]] {
        let began = Instant::now();
        let Found { mut numbers, status, peak_kb } = find(&node, port, keys).await;
        let took = began.elapsed();
        eprintln!(
            "{keys:?}: {} answers in {took:?}; {before} KB before, {peak_kb} KB at most",
            numbers.len()
        );
        assert_eq!(status, "Success");
        assert!(peak_kb.saturating_sub(before) < MOST_GROWTH_KB, "{peak_kb} KB");
        if order.is_empty() {
            order.clone_from(&numbers);
            numbers.sort_unstable();
            assert!(numbers == all, "every study once");
        } else if keys == ["ModalitiesInStudy=CT"] {
            assert!(
                numbers.iter().eq(order.iter().filter(|number| number.is_multiple_of(2))),
                "the same order"
            );
        } else {
            assert!(numbers == order, "the same order, however it is asked for");
        }
    }
    node.kill().await.unwrap();
}
