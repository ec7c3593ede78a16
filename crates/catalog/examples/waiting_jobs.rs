//! Fills a catalog with instances that wait for a remote that is not there: `waiting_jobs FILE REMOTE COUNT`. For
//! measuring what a long queue costs those who come in meanwhile. The instances have rows, and no bytes.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use causeway_catalog::Catalog;
use causeway_core::SystemClock;
use rusqlite::Connection;

/// Instances of one study.
const STUDY_INSTANCES: i64 = 250;
/// Rows of one transaction.
const ROWS_TOGETHER: i64 = 50_000;

/// Attributes as long as those of an image.
const ATTRIBUTES: &str = r#"{"00080008":{"vr":"CS","Value":["ORIGINAL","PRIMARY","AXIAL"]},"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.4"]},"00080023":{"vr":"DA","Value":["20240115"]},"00080033":{"vr":"TM","Value":["101500"]},"00200013":{"vr":"IS","Value":[1]},"00280010":{"vr":"US","Value":[128]},"00280011":{"vr":"US","Value":[128]},"00280100":{"vr":"US","Value":[16]}}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, remote, count] = arguments.as_slice() else {
        return Err("usage: waiting_jobs FILE REMOTE COUNT".into());
    };
    let (file, count) = (Path::new(file), count.parse()?);
    // Makes the file, or brings it up to date.
    drop(Catalog::open(file, Arc::new(SystemClock)).await?);
    let mut connection = Connection::open(file)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    let mut done = 0;
    while done < count {
        let more = ROWS_TOGETHER.min(count - done);
        fill(&mut connection, remote, done, more)?;
        done += more;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Instances `from` and after, each with a job; those of one study have one delivery.
fn fill(connection: &mut Connection, remote: &str, from: i64, count: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for at in from..from + count {
        let study = 1_000_000 + at / STUDY_INSTANCES;
        if at % STUDY_INSTANCES == 0 {
            let uid = format!("1.2.826.0.1.3680043.8.498.7.{study}");
            transaction
                .prepare_cached(
                    "INSERT INTO patient (id, patient_id, issuer, attributes) VALUES (?1, ?1, '', '{}')",
                )?
                .execute([study])?;
            transaction
                .prepare_cached(
                    "INSERT INTO study (id, patient, uid, study_date, modalities, sop_classes, series_count,
                     instance_count, changed_at, attributes) VALUES (?1, ?1, ?2, '20240115', 'MR', '', 1, ?3, 0, '{}')",
                )?
                .execute((study, &uid, STUDY_INSTANCES))?;
            transaction
                .prepare_cached(
                    "INSERT INTO series (id, study, uid, modality, instance_count, changed_at, attributes)
                     VALUES (?1, ?1, ?2 || '.1', 'MR', ?3, 0, '{}')",
                )?
                .execute((study, &uid, STUDY_INSTANCES))?;
            transaction
                .prepare_cached(
                    "INSERT INTO delivery (id, route, remote, study_uid, scope_uid, due_at, created_at, since, released,
                     released_at, next_at) VALUES (?1, 'waiting', ?2, ?3, ?3, 0, 0, 0, 1, 0, 0)",
                )?
                .execute((study, remote, &uid))?;
        }
        let (instance, object) = (1_000_000 + at, format!("{at:032x}"));
        transaction
            .prepare_cached(
                "INSERT INTO instance (id, series, uid, sop_class, transfer_syntax, number, object, object_bytes,
                 data_set_offset, digest, received_at, settled, envelope, attributes)
                 VALUES (?1, ?2, '1.2.826.0.1.3680043.8.498.8.' || ?1, '1.2.840.10008.5.1.4.1.1.4', '1.2.840.10008.1.2.1',
                 ?3, ?4, 33000, 400, zeroblob(32), 0, 1, '{\"door\":\"dimse\",\"received_at\":\"1970-01-01T00:00:00Z\"}', ?5)",
            )?
            .execute((instance, study, at % STUDY_INSTANCES, object, ATTRIBUTES))?;
        transaction
            .prepare_cached(
                "INSERT INTO job (delivery, instance, remote, state, attempt, next_at, created_at, changed_at)
                 VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0)",
            )?
            .execute((study, instance, remote))?;
    }
    transaction.commit()
}
