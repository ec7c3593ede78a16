//! Mending: what a verification found lost or damaged is asked for where it came from. It comes in as any other instance,
//! and the archive has its bytes take the place of those that are lacking.
//!
//! One instance after the other: what is lacking is rare, and a remote that is asked is asked by someone else too.

use std::time::Duration;

use causeway_archive::{Finding, IngestError};

use crate::worker::Inner;

/// How often it is looked for what is to be mended, without being told.
const IDLE: Duration = Duration::from_secs(10);

/// Mends what is to be mended. Never ends; dropped, it leaves what it has not finished to the next start.
pub(crate) async fn run(inner: &Inner) {
    loop {
        match mend_next(inner).await {
            Ok(true) => {}
            Ok(false) => {
                // Cancel-safe: a nudge that is lost to the timer is made good by the timer.
                tokio::select! {
                    () = inner.archive.mending_rung() => {}
                    () = tokio::time::sleep(IDLE) => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "what a verification found cannot be mended; it is tried again");
                tokio::time::sleep(IDLE).await;
            }
        }
    }
}

/// Gives whether there was anything to mend.
async fn mend_next(inner: &Inner) -> Result<bool, IngestError> {
    let Some((verification, finding)) = inner.archive.next_to_mend().await? else { return Ok(false) };
    let words = ask(inner, &finding).await;
    inner.archive.tried_to_mend(verification, &finding, words).await?;
    Ok(true)
}

/// Asks for the instance of a finding; gives how that went, should it have brought nothing.
async fn ask(inner: &Inner, finding: &Finding) -> String {
    let (Some(ids), Some(name)) = (&finding.ids, &finding.remote) else {
        return format!(
            "{}; it came from no remote that could be asked: send it again from where it came",
            finding.words
        );
    };
    let Some(remote) = inner.archive.remote(name) else {
        return format!("{}; it came from '{name}', which is no remote any more", finding.words);
    };
    let words = inner.fetch_instance(&remote, ids).await;
    format!("{}; '{name}' was asked for it: {words}", finding.words)
}
