//! Threads for work that would hold up others: reading of large data sets, unpacking. One request has one at a time, and
//! requests that need them are counted, so that they are few.

use std::thread;

use causeway_core::Class;
use tokio::sync::oneshot;

/// Runs `job` on a thread called `name`. When the caller goes away, the job runs all the same.
///
/// # Errors
/// When there is no thread to be had, or the job panicked.
pub(crate) async fn run<T: Send + 'static>(
    name: &str,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Class> {
    let (answer, answered) = oneshot::channel();
    let thread = thread::Builder::new().name(name.to_owned());
    let spawned = thread.spawn(move || drop(answer.send(job())));
    spawned.map_err(|_| Class::Exhausted)?;
    answered.await.map_err(|_| Class::Bug)
}
