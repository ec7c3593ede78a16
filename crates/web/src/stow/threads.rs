//! Threads for work that would hold up others: reading of large metadata, unpacking. One request has one at a time, and
//! requests that store are counted, so that they are few.

use std::thread;

use causeway_core::Class;
use tokio::sync::oneshot;

use super::broken::Broken;

/// Runs `job` on a thread called `name`. When the caller goes away, the job runs all the same.
///
/// # Errors
/// When there is no thread to be had, or the job panicked.
pub(super) async fn run<T: Send + 'static>(
    name: &str,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Broken> {
    let (answer, answered) = oneshot::channel();
    let thread = thread::Builder::new().name(name.to_owned());
    let spawned = thread.spawn(move || drop(answer.send(job())));
    spawned.map_err(|_| Broken::NotPutAside(Class::Exhausted))?;
    answered.await.map_err(|_| Broken::NotPutAside(Class::Bug))
}
