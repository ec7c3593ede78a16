//! The watch over the files: a change on disk is in force for the next handshake, without a restart; what is about to
//! run out is warned of once a day.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use crate::expiry::AGAIN;
use crate::files::Stamp;
use crate::tls::Tls;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// The watch, on a thread of its own since it reads files. Dropped, it ends.
pub struct Watch {
    bell: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Tls {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn watch(&self) -> io::Result<Watch> {
        let (bell, rung) = mpsc::sync_channel(1);
        let mut guard = Guard { seen: self.stamps(), warned: None, tls: self.clone() };
        guard.warn();
        let thread =
            std::thread::Builder::new().name("tls-watch".to_owned()).spawn(move || guard.stand(&rung))?;
        Ok(Watch { bell: Some(bell), thread: Some(thread) })
    }
}

impl Watch {
    /// Reads the files now, changed or not. Rung while it reads them, it reads them once more.
    pub fn refresh(&self) {
        if let Some(bell) = &self.bell {
            // A bell that is rung already will be heard.
            let _ = bell.try_send(());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            // It fails only when the thread did, which has told of itself.
            let _ = thread.join();
        }
    }
}

struct Guard {
    tls: Tls,
    /// The files as they were read last, or tried.
    seen: Vec<Option<Stamp>>,
    warned: Option<Timestamp>,
}

impl Guard {
    fn stand(&mut self, rung: &Receiver<()>) {
        loop {
            match rung.recv_timeout(LOOK) {
                Ok(()) => self.read(),
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Reads the files when they have changed; warns when a day has gone.
    fn look(&mut self) {
        if self.tls.stamps() != self.seen {
            self.read();
        }
        let now = self.tls.now();
        if self.warned.is_none_or(|last| now.duration_since(last).unsigned_abs() >= AGAIN) {
            self.warn();
        }
    }

    fn read(&mut self) {
        // Taken first: what changes while it is read is read again.
        self.seen = self.tls.stamps();
        match self.tls.reload() {
            Ok(()) => {
                tracing::info!("certificates were read again, and are in force from the next handshake on");
                self.warn();
            }
            // Of a certificate and its key one is written first: the other ends this within seconds.
            Err(error) => {
                tracing::error!(%error, "certificates were changed and cannot be used; the former stay")
            }
        }
    }

    fn warn(&mut self) {
        self.warned = Some(self.tls.now());
        for remark in self.tls.remarks() {
            tracing::warn!("{remark}");
        }
    }
}
