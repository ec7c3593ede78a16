//! Filling in what a migration could not say in SQL, a batch of rows in a transaction, so that a large archive needs
//! no large transaction and one that is stopped goes on where it was.

use causeway_core::Attributes;

use super::connection::Connection;
use super::failure::OptionalExtension;
use super::migrations::in_transaction;
use crate::error::Error;
use crate::people::Words;

/// Rows filled in one transaction.
const BATCH_ROWS: u32 = 5_000;
/// Rows between two words about it, and two moves of the database's log into its file.
const ROWS_PER_STEP: u64 = 100_000;

/// Fills what is left to be filled. Rows that come from now on are written whole.
pub(super) fn fill(connection: &Connection) -> Result<(), Error> {
    for words in [Words::PATIENT, Words::STUDY] {
        let mut rows = 0_u64;
        while let Some(after) = place(connection, words.table)? {
            let filled = in_transaction(connection, || batch(connection, words, after))?;
            rows += filled;
            if filled > 0 && rows.is_multiple_of(ROWS_PER_STEP) {
                tracing::info!(rows, table = words.table, "the names of older rows are being indexed, once");
                // So that the log does not grow to the size of the index.
                connection.prepare_cached("PRAGMA wal_checkpoint(TRUNCATE)")?.query_row([], |_| Ok(()))?;
            }
        }
    }
    Ok(())
}

/// The row after which it goes on; none when all is done.
fn place(connection: &Connection, what: &str) -> Result<Option<i64>, Error> {
    let mut statement = connection.prepare_cached("SELECT after FROM unfilled WHERE what = ?1")?;
    Ok(statement.query_row([what], |row| row.get(0)).optional()?)
}

/// Fills the next rows; says how many.
fn batch(connection: &Connection, words: Words, after: i64) -> Result<u64, Error> {
    let (mut last, mut count) = (after, 0);
    {
        let sql = format!("SELECT id, attributes FROM {} WHERE id > ?1 ORDER BY id LIMIT ?2", words.owner);
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query((after, BATCH_ROWS))?;
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            let json = row.get_ref(1)?.as_str().map_err(|_| Error::Corrupt("attributes"))?;
            let only = Attributes::from_json_only(json, |tag| tag == words.name);
            words.add(connection, last, &only.map_err(|_| Error::Corrupt("attributes"))?)?;
            count += 1;
        }
    }
    if count == 0 {
        connection.prepare_cached("DELETE FROM unfilled WHERE what = ?1")?.execute([words.table])?;
    } else {
        let mut statement = connection.prepare_cached("UPDATE unfilled SET after = ?2 WHERE what = ?1")?;
        statement.execute((words.table, last))?;
    }
    Ok(count)
}
