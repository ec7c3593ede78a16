//! The move of a catalog from a file to a server: all rows in one transaction, which stays only when both sides hold the
//! same.
//!
//! All of it blocks: it belongs to a command that does nothing else, while no node runs.

use std::path::Path;

use crate::copying::{Moved, Step, copy_all};
use crate::engine::{self, Connection, Durability, Server};
use crate::error::Error;

/// Tables of which one has a row in any catalog that was ever used.
const OF_USE: [&str; 5] = ["patient", "remote", "token", "member", "audit"];

/// Moves the catalog in the file `from` to an empty database on the server `to`, and holds what is there against what was
/// here. `told` hears how far it is.
///
/// # Errors
/// When one of them cannot be opened or fails, when the server has a catalog that was used, or when what is read there is
/// not what was read here. Then nothing stays there but empty tables.
pub fn move_to_server(from: &Path, to: &Server, told: &mut dyn FnMut(Step<'_>)) -> Result<Vec<Moved>, Error> {
    let (source, target) = (engine::of_file(from)?, engine::of_server(to)?);
    target.begin(Durability::Synced)?;
    let moved = refuse_used(&target).and_then(|()| copy_all(&source, &source, &target, told));
    if moved.is_err() {
        target.control("ROLLBACK")?;
        target.flush()?;
        return moved;
    }
    target.control("COMMIT")?;
    // So that it plans for what is there now.
    target.execute_batch("ANALYZE")?;
    moved
}

/// Sees that a catalog could be moved to a server; makes its tables.
///
/// # Errors
/// When the server cannot be reached, or has a catalog that was used.
pub fn check_empty(server: &Server) -> Result<(), Error> {
    refuse_used(&engine::of_server(server)?)
}

fn refuse_used(target: &Connection) -> Result<(), Error> {
    for table in OF_USE {
        if target.prepare_cached(&format!("SELECT 1 FROM {table} LIMIT 1"))?.exists([])? {
            return Err(Error::InUse);
        }
    }
    Ok(())
}
