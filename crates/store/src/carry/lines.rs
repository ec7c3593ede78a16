//! A text that is written line by line, and is there whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::files;

/// A text on its way.
pub struct Lines {
    file: BufWriter<File>,
    part: PathBuf,
    path: PathBuf,
}

impl Lines {
    /// Begins one that will be `path`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(path: &Path) -> Result<Self, Error> {
        let part = path.with_extension("part");
        let file = BufWriter::new(File::create(&part).map_err(Error::disk("creating", &part))?);
        Ok(Self { file, part, path: path.to_owned() })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.file, "{line}").map_err(Error::disk("writing", &self.part))
    }

    /// Has it there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), Error> {
        let Self { file, part, path } = self;
        let file = file.into_inner().map_err(|error| Error::disk("writing", &part)(error.into_error()))?;
        file.sync_all().map_err(Error::disk("syncing", &part))?;
        files::rename(&part, &path).map_err(Error::disk("renaming", &part))?;
        path.parent().map_or(Ok(()), files::sync_folder)
    }
}
