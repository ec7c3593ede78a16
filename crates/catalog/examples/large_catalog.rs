//! Fills a catalog with very many instances, as a node would, and asks it: `large_catalog WHERE STUDIES`. WHERE is a file or
//! the URL of an empty database of PostgreSQL. Each study has 4 series of 25 instances. Says what an insert costs when it is
//! empty and when it is full, how large it gets, and how long questions take that are asked as QIDO-RS asks them: the first
//! hundred answers, and how many there are beyond. The instances have rows, and no bytes. Begun anew in the same place it
//! goes on where it was.
//!
//! What it says is for whoever reads it, and for `cargo xtask bench --only scale`: one line of JSON for each figure.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_catalog::{Catalog, OnConflict, Server};
use causeway_core::query::{Key, Matching, Returned};
use causeway_core::{
    Attributes, Digest, Door, Envelope, Identifiers, InstanceRecord, Level, ObjectKey, PatientKey, Query,
    SystemClock, Tag, Uid, Vr,
};
use jiff::Timestamp;
use tokio::task::JoinSet;

const SERIES_PER_STUDY: u64 = 4;
const INSTANCES_PER_SERIES: u64 = 25;
const INSTANCES_PER_STUDY: u64 = SERIES_PER_STUDY * INSTANCES_PER_SERIES;
/// Inserts under way at once, so that they share commits.
const INSERTS_AT_ONCE: u64 = 512;
/// Instances by which the speed of an empty catalog and of a full one are told.
const MEASURED: u64 = 50_000;
/// How often each question is asked, each time about something else.
const ASKED: u64 = 200;
/// Answers that are read of each.
const ANSWERS: u32 = 100;
/// How far those beyond are counted.
const COUNTED: u64 = 1_000;
/// How often the speed of an empty catalog and of the full one are told, in turns.
const TURNS: u64 = 3;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [place, studies] = arguments.as_slice() else {
        return Err("usage: large_catalog FILE|postgres://USER@HOST/DATABASE STUDIES".into());
    };
    let (place, studies) = (Place::of(place), studies.parse::<u64>()?);
    let catalog = place.open().await?;
    let there = there(&catalog).await?;
    let all = studies * INSTANCES_PER_STUDY;
    if there < all {
        let first = (there + MEASURED).min(all);
        let speed = fill(&catalog, there..first).await?;
        say("insert", &format!("after {there}"), "per second", speed);
        fill(&catalog, first..all).await?;
    }
    catalog.sync().await?;
    say("size", "of an instance", "bytes", place.bytes().await? as f64 / all.max(there) as f64);
    for question in questions(studies) {
        ask(&catalog, &question).await?;
    }
    // What else the machine does tells in both.
    for turn in 0..TURNS {
        if let Place::File(file) = &place {
            let folder = tempfile::tempdir_in(std::path::absolute(file)?.parent().unwrap_or(file))?;
            let empty = Catalog::open(&folder.path().join("catalog.db"), Arc::new(SystemClock)).await?;
            say("insert", "beside, after 0", "per second", fill(&empty, 0..MEASURED).await?);
        }
        let first = all.max(there) + (turn + 1) * MEASURED;
        let speed = fill(&catalog, first..first + MEASURED).await?;
        say("insert", &format!("after {first}"), "per second", speed);
    }
    Ok(())
}

/// Asks it many times, each time about something else.
async fn ask(catalog: &Catalog, question: &Question) -> Result<()> {
    let mut took = Vec::new();
    for number in 0..ASKED {
        let query = Query { limit: Some(ANSWERS), returned: Returned::All, ..question.query(number)? };
        let start = Instant::now();
        let mut answers = catalog.search(query).await?;
        let mut count = 0;
        while answers.next().await?.is_some() {
            count += 1;
        }
        if count == ANSWERS {
            answers.behind(COUNTED).await?;
        }
        took.push(start.elapsed());
    }
    took.sort();
    let at = |percent: usize| took.get((took.len() - 1) * percent / 100).map_or(0.0, millis);
    say(question.level.as_str(), question.name, "ms at the median", at(50));
    say(question.level.as_str(), question.name, "ms at the 99th percentile", at(99));
    Ok(())
}

/// Where the catalog is.
enum Place {
    File(PathBuf),
    Server(String),
}

impl Place {
    fn of(text: &str) -> Self {
        if text.starts_with("postgres") { Self::Server(text.to_owned()) } else { Self::File(text.into()) }
    }

    async fn open(&self) -> Result<Catalog> {
        Ok(match self {
            Self::File(file) => Catalog::open(file, Arc::new(SystemClock)).await?,
            Self::Server(url) => Catalog::connect(Server::parse(url)?, Arc::new(SystemClock)).await?,
        })
    }

    /// Its size. A server is asked once it has looked through its tables, as it does by itself now and then.
    async fn bytes(&self) -> Result<u64> {
        let url = match self {
            Self::File(file) => return Ok(std::fs::metadata(file)?.len()),
            Self::Server(url) => url,
        };
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let driver = tokio::spawn(connection);
        client.batch_execute("VACUUM (ANALYZE)").await?;
        let row = client.query_one("SELECT pg_database_size(current_database())", &[]).await?;
        drop(client);
        driver.await??;
        Ok(u64::try_from(row.get::<_, i64>(0))?)
    }
}

fn millis(duration: &Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::print_stdout, reason = "it is what it was asked for")]
fn say(what: &str, of: &str, unit: &str, value: f64) {
    println!("{}", serde_json::json!({ "what": what, "of": of, "unit": unit, "value": value }));
}

/// How many instances are there of those that this makes: whole studies.
async fn there(catalog: &Catalog) -> Result<u64> {
    let mut query = Query::all(Level::Study);
    query.limit = Some(1);
    let newest = catalog.search(query).await?.next().await?;
    let number = newest.and_then(|it| it.first(Tag::STUDY_ID).and_then(|id| id.parse::<u64>().ok()));
    // The last one may not be whole: it is filled again, to the same effect.
    Ok(number.map_or(0, |number| number * INSTANCES_PER_STUDY))
}

/// Inserts the instances of these numbers; how many a second.
async fn fill(catalog: &Catalog, numbers: std::ops::Range<u64>) -> Result<f64> {
    let (start, count) = (Instant::now(), numbers.end - numbers.start);
    let mut inserts = JoinSet::new();
    let mut objects = Vec::new();
    for number in numbers {
        let (writer, record) = (catalog.clone(), record(number)?);
        objects.push(record.object.clone());
        inserts.spawn(async move { writer.insert(record, Vec::new(), OnConflict::KeepFirst).await });
        if inserts.len() as u64 == INSERTS_AT_ONCE {
            inserts.join_next().await.transpose()?.transpose()?;
        }
        if objects.len() as u64 == INSERTS_AT_ONCE {
            while let Some(done) = inserts.join_next().await {
                done??;
            }
            catalog.mark_settled(std::mem::take(&mut objects)).await?;
        }
    }
    while let Some(done) = inserts.join_next().await {
        done??;
    }
    catalog.mark_settled(objects).await?;
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

// What there is.

/// A number that looks drawn, the same for the same two.
fn drawn(of: u64, which: u64, below: u64) -> u64 {
    let mut bits = of.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ which.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits ^= bits >> 31;
    bits = bits.wrapping_mul(0x94D0_49BB_1331_11EB);
    (bits ^ (bits >> 29)) % below
}

fn patient_of(study: u64) -> u64 {
    study / 3
}

fn family(patient: u64) -> String {
    format!("Family{}", drawn(patient, 1, 20_000))
}

fn date(study: u64) -> String {
    // Ten years, the newest last.
    format!("20{:02}{:02}{:02}", 15 + study / 36 % 10, drawn(study, 2, 12) + 1, drawn(study, 3, 28) + 1)
}

fn accession(study: u64) -> String {
    format!("A{:08}", study)
}

fn modality(study: u64, series: u64) -> &'static str {
    let all = ["CT", "MR", "CR", "US", "PT", "DX", "MG", "XA"];
    usize::try_from(drawn(study, 10 + series / 3, 8)).ok().and_then(|at| all.get(at).copied()).unwrap_or("OT")
}

fn doctor(study: u64) -> String {
    format!("Doctor{}^Refers", drawn(study, 4, 800))
}

fn study_uid(study: u64) -> String {
    format!("1.2.826.0.1.3680043.10.1.{study}")
}

fn record(number: u64) -> Result<InstanceRecord> {
    let study = number / INSTANCES_PER_STUDY;
    let (series, instance) =
        (number % INSTANCES_PER_STUDY / INSTANCES_PER_SERIES, number % INSTANCES_PER_SERIES);
    let ids = Identifiers {
        study: Uid::parse(&study_uid(study))?,
        series: Uid::parse(&format!("{}.{series}", study_uid(study)))?,
        instance: Uid::parse(&format!("{}.{series}.{instance}", study_uid(study)))?,
    };
    let ct = Uid::parse("1.2.840.10008.5.1.4.1.1.2")?;
    let patient = PatientKey { id: format!("P{:07}", patient_of(study)), issuer: String::new() };
    let mut digest = [0; 32];
    digest.iter_mut().zip(number.to_be_bytes()).for_each(|(place, byte)| *place = byte);
    Ok(InstanceRecord {
        attributes: attributes(study, series, instance, &ids, &patient),
        patient,
        ids,
        sop_class: ct,
        transfer_syntax: Uid::parse("1.2.840.10008.1.2.1")?,
        object: ObjectKey::parse(&format!("{number:032x}"))?,
        object_bytes: 525_000,
        data_set_offset: 1024,
        digest: Digest(digest),
        envelope: Envelope {
            door: Door::Dimse,
            received_at: Timestamp::from_second(1_700_000_000)?,
            calling_ae: "SCANNER".parse().ok(),
            remote: None,
            source_address: None,
            came_back: None,
            via: causeway_core::Via::default(),
        },
    })
}

/// What an image of a CT or so has of what searches need.
fn attributes(study: u64, series: u64, instance: u64, ids: &Identifiers, patient: &PatientKey) -> Attributes {
    let whose = patient_of(study);
    let mut attributes = Attributes::new();
    let mut put = |tag, vr, text: String| attributes.put_text(tag, vr, text);
    put(Tag::PATIENT_ID, Vr::LO, patient.id.clone());
    put(Tag::PATIENT_NAME, Vr::PN, format!("{}^Given{}", family(whose), drawn(whose, 5, 900)));
    put(
        Tag::PATIENT_BIRTH_DATE,
        Vr::DA,
        format!("19{:02}{:02}01", drawn(whose, 6, 100), drawn(whose, 7, 12) + 1),
    );
    put(Tag::PATIENT_SEX, Vr::CS, if whose.is_multiple_of(2) { "F" } else { "M" }.to_owned());
    put(Tag::STUDY_INSTANCE_UID, Vr::UI, ids.study.to_string());
    put(Tag::SERIES_INSTANCE_UID, Vr::UI, ids.series.to_string());
    put(Tag::SOP_INSTANCE_UID, Vr::UI, ids.instance.to_string());
    put(Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2".to_owned());
    put(Tag::MODALITY, Vr::CS, modality(study, series).to_owned());
    put(Tag::ACCESSION_NUMBER, Vr::SH, accession(study));
    put(Tag::STUDY_ID, Vr::SH, study.to_string());
    put(Tag::STUDY_DESCRIPTION, Vr::LO, format!("Thorax and abdomen, protocol {}", drawn(study, 8, 300)));
    put(Tag::REFERRING_PHYSICIAN_NAME, Vr::PN, doctor(study));
    put(Tag::STUDY_DATE, Vr::DA, date(study));
    put(Tag::STUDY_TIME, Vr::TM, format!("{:02}{:02}00", drawn(study, 9, 24), drawn(study, 10, 60)));
    put(Tag::SERIES_NUMBER, Vr::IS, series.to_string());
    put(Tag::SERIES_DESCRIPTION, Vr::LO, format!("Axial {series}"));
    put(Tag::INSTANCE_NUMBER, Vr::IS, (instance + 1).to_string());
    put(Tag::NUMBER_OF_FRAMES, Vr::IS, "1".to_owned());
    attributes
}

// What is asked.

/// Attributes and what is sought in them.
type Keys = Vec<(Tag, Vr, String)>;

/// A question of which the values differ from time to time.
struct Question {
    level: Level,
    name: &'static str,
    keys: fn(u64) -> Keys,
    studies: u64,
}

impl Question {
    /// About something else for each number.
    fn query(&self, number: u64) -> Result<Query> {
        let mut query = Query::all(self.level);
        for (tag, vr, text) in (self.keys)(drawn(number, 77, self.studies)) {
            query = query.with(Key { tag, vr, matching: Matching::parse(vr, &text)? });
        }
        Ok(query)
    }
}

/// Every key of Tables 10.6.1-5 and C.6-1 to C.6-4 that the catalog has, at each level that shows it, alone, and some
/// together.
fn questions(studies: u64) -> Vec<Question> {
    let mut all = Vec::new();
    let mut add = |level, name, keys: fn(u64) -> Keys| {
        all.push(Question { level, name, keys, studies });
    };
    for level in [Level::Study, Level::Series, Level::Instance] {
        add(level, "nothing", |_| Vec::new());
        add(level, "StudyInstanceUID", |at| vec![(Tag::STUDY_INSTANCE_UID, Vr::UI, study_uid(at))]);
        add(level, "PatientID", |at| vec![(Tag::PATIENT_ID, Vr::LO, format!("P{:07}", patient_of(at)))]);
        add(level, "PatientID*", |at| {
            vec![(Tag::PATIENT_ID, Vr::LO, format!("P{:05}*", patient_of(at) / 100))]
        });
        add(level, "PatientName*", |at| {
            vec![(Tag::PATIENT_NAME, Vr::PN, format!("{}^*", family(patient_of(at))))]
        });
        add(level, "*PatientName", |at| {
            vec![(Tag::PATIENT_NAME, Vr::PN, format!("*^Given{}", drawn(patient_of(at), 5, 900)))]
        });
        add(level, "PatientBirthDate", |at| {
            let whose = patient_of(at);
            vec![(
                Tag::PATIENT_BIRTH_DATE,
                Vr::DA,
                format!("19{:02}{:02}01", drawn(whose, 6, 100), drawn(whose, 7, 12) + 1),
            )]
        });
        add(level, "PatientSex", |_| vec![(Tag::PATIENT_SEX, Vr::CS, "F".to_owned())]);
        add(level, "AccessionNumber", |at| vec![(Tag::ACCESSION_NUMBER, Vr::SH, accession(at))]);
        add(level, "StudyID", |at| vec![(Tag::STUDY_ID, Vr::SH, at.to_string())]);
        add(level, "StudyDate", |at| vec![(Tag::STUDY_DATE, Vr::DA, date(at))]);
        add(level, "StudyDate of a year", |at| {
            let year: String = date(at).chars().take(4).collect();
            vec![(Tag::STUDY_DATE, Vr::DA, format!("{year}0101-{year}1231"))]
        });
        add(level, "StudyTime", |at| {
            vec![(Tag::STUDY_TIME, Vr::TM, format!("{:02}00-{:02}59", drawn(at, 9, 24), drawn(at, 9, 24)))]
        });
        add(level, "StudyDescription*", |at| {
            vec![(
                Tag::STUDY_DESCRIPTION,
                Vr::LO,
                format!("Thorax and abdomen, protocol {}*", drawn(at, 8, 300)),
            )]
        });
        add(level, "ReferringPhysicianName", |at| vec![(Tag::REFERRING_PHYSICIAN_NAME, Vr::PN, doctor(at))]);
        add(level, "ModalitiesInStudy", |at| {
            vec![(Tag::MODALITIES_IN_STUDY, Vr::CS, modality(at, 0).to_owned())]
        });
        add(level, "ModalitiesInStudy and StudyDate", |at| {
            vec![
                (Tag::MODALITIES_IN_STUDY, Vr::CS, modality(at, 0).to_owned()),
                (Tag::STUDY_DATE, Vr::DA, date(at)),
            ]
        });
        add(level, "PatientSex that there is not", |_| vec![(Tag::PATIENT_SEX, Vr::CS, "O".to_owned())]);
        add(level, "StudyTime of a minute", |at| {
            vec![(Tag::STUDY_TIME, Vr::TM, format!("{:02}{:02}", drawn(at, 9, 24), drawn(at, 10, 60)))]
        });
        add(level, "*StudyDescription*", |at| {
            vec![(Tag::STUDY_DESCRIPTION, Vr::LO, format!("*protocol {}*", drawn(at, 8, 300)))]
        });
        add(level, "PatientName* and PatientSex", |at| {
            vec![
                (Tag::PATIENT_NAME, Vr::PN, format!("{}^*", family(patient_of(at)))),
                (Tag::PATIENT_SEX, Vr::CS, "F".to_owned()),
            ]
        });
        add(level, "a modality that there is not", |_| {
            vec![(Tag::MODALITIES_IN_STUDY, Vr::CS, "SM".to_owned())]
        });
    }
    for level in [Level::Series, Level::Instance] {
        add(level, "SeriesInstanceUID", |at| {
            vec![(Tag::SERIES_INSTANCE_UID, Vr::UI, format!("{}.1", study_uid(at)))]
        });
        add(level, "Modality", |at| vec![(Tag::MODALITY, Vr::CS, modality(at, 0).to_owned())]);
        add(level, "Modality and StudyDate", |at| {
            vec![(Tag::MODALITY, Vr::CS, modality(at, 0).to_owned()), (Tag::STUDY_DATE, Vr::DA, date(at))]
        });
        add(level, "SeriesNumber", |_| vec![(Tag::SERIES_NUMBER, Vr::IS, "2".to_owned())]);
        add(level, "a SeriesNumber that there is not", |_| {
            vec![(Tag::SERIES_NUMBER, Vr::IS, "77".to_owned())]
        });
        add(level, "a SeriesDescription that there is not", |_| {
            vec![(Tag::SERIES_DESCRIPTION, Vr::LO, "Sagittal".to_owned())]
        });
        add(level, "SeriesDescription", |_| vec![(Tag::SERIES_DESCRIPTION, Vr::LO, "Axial 3".to_owned())]);
    }
    add(Level::Instance, "SOPInstanceUID", |at| {
        vec![(Tag::SOP_INSTANCE_UID, Vr::UI, format!("{}.1.3", study_uid(at)))]
    });
    add(Level::Instance, "SOPClassUID", |_| {
        vec![(Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2".to_owned())]
    });
    add(Level::Instance, "a SOP class that there is not", |_| {
        vec![(Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.4".to_owned())]
    });
    add(Level::Instance, "a SOP class and a StudyDate", |at| {
        vec![
            (Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2".to_owned()),
            (Tag::STUDY_DATE, Vr::DA, date(at)),
        ]
    });
    add(Level::Instance, "InstanceNumber", |_| vec![(Tag::INSTANCE_NUMBER, Vr::IS, "7".to_owned())]);
    add(Level::Instance, "InstanceNumber in a study", |at| {
        vec![(Tag::STUDY_INSTANCE_UID, Vr::UI, study_uid(at)), (Tag::INSTANCE_NUMBER, Vr::IS, "7".to_owned())]
    });
    all
}
