//! Marks beside what was removed (`crate::removed`): small objects of their own.

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::RemoteObjects;
use crate::error::Error;

impl RemoteObjects {
    /// Puts a mark.
    pub(crate) async fn put_mark(&self, name: &str, mark: Bytes) -> Result<(), Error> {
        self.remote.reading.put(&Path::from(name), mark.into()).await?;
        Ok(())
    }

    /// Takes a mark away.
    pub(crate) async fn delete_mark(&self, name: &str) -> Result<(), Error> {
        match self.remote.reading.delete(&Path::from(name)).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of the marks in a folder.
    pub(crate) async fn marks(&self, folder: &str) -> Result<Vec<String>, Error> {
        let folder = Path::from(folder);
        let mut listed = self.remote.reading.list(Some(&folder));
        let mut names = Vec::new();
        while let Some(meta) = listed.next().await {
            names.extend(meta?.location.filename().map(str::to_owned));
        }
        Ok(names)
    }

    /// A mark; none: it is not there, or longer than `most` bytes.
    pub(crate) async fn mark(&self, name: &str, most: u64) -> Result<Option<Bytes>, Error> {
        match self.remote.reading.get(&Path::from(name)).await {
            Ok(found) if found.meta.size <= most => Ok(Some(found.bytes().await?)),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
