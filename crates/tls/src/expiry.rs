//! When the certificates that this node holds run out: told in time, in logs, metrics and to whoever asks. Pure.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::refusal::day;
use crate::setting::{Setting, Table};

/// How many days ahead a certificate's end is warned of.
pub const WARNING_DAYS: i64 = 30;
/// Seconds of a day.
const DAY_SECONDS: i64 = 24 * 3600;
/// How often it is warned again.
pub(crate) const AGAIN: Duration = Duration::from_secs(24 * 3600);

/// What the node holds a certificate for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// What it presents to callers, and to those it calls where it has no other: its own, and the CAs behind it.
    Own,
    /// What it presents to those it calls.
    Client,
    /// A CA that callers' certificates are judged by.
    ClientCa,
    /// A CA that the certificates of those it calls are judged by.
    Ca,
}

impl Role {
    /// The key of the setting that names the file.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Own => "certificate",
            Self::Client => "client_certificate",
            Self::ClientCa => "client_ca",
            Self::Ca => "ca",
        }
    }
}

/// A certificate that the node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// For which door.
    pub table: Table,
    /// What for.
    pub role: Role,
    /// The certificate.
    pub certificate: Certificate,
}

/// How pressing a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nothing is to be done.
    None,
    /// It works, and should be put right: a certificate ends within [`WARNING_DAYS`], others can read a key.
    Soon,
    /// It does not work: a certificate's time is over, or has not come.
    OutOfTime,
}

/// What an administrator should know of the certificates and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Of what.
    pub subject: String,
    /// How pressing it is.
    pub urgency: Urgency,
    /// How it is.
    pub words: String,
    /// What would change it; none where nothing needs to change.
    pub remedy: Option<&'static str>,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.words)?;
        self.remedy.map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}

impl Certificate {
    pub(crate) fn urgency(&self, now: Timestamp) -> Urgency {
        if now > self.not_after || now < self.not_before {
            Urgency::OutOfTime
        } else if self.days_left(now) < WARNING_DAYS {
            Urgency::Soon
        } else {
            Urgency::None
        }
    }

    /// Whole days until it ends; negative when it has ended.
    pub(crate) fn days_left(&self, now: Timestamp) -> i64 {
        (self.not_after.as_second() - now.as_second()).div_euclid(DAY_SECONDS)
    }
}

impl Expiry {
    /// How the certificate is now.
    #[must_use]
    pub fn notice(&self, now: Timestamp) -> Notice {
        let Self { certificate, .. } = self;
        let urgency = certificate.urgency(now);
        let end = day(certificate.not_after);
        let days = certificate.days_left(now);
        let (words, remedy) = match urgency {
            Urgency::None => (format!("{certificate} is valid until {end}"), None),
            Urgency::Soon => (
                format!("{certificate} expires in {days} days, on {end}"),
                Some("replace the file in time; no restart is needed"),
            ),
            Urgency::OutOfTime if now < certificate.not_before => (
                format!("{certificate} is not valid before {}", day(certificate.not_before)),
                Some("is this machine's clock right?"),
            ),
            Urgency::OutOfTime => (
                format!("{certificate} expired on {end}, and what it vouches for is refused"),
                Some("replace the file; no restart is needed"),
            ),
        };
        Notice { subject: self.setting().to_string(), urgency, words, remedy }
    }

    /// The setting that names the file.
    #[must_use]
    pub const fn setting(&self) -> Setting {
        self.table.key(self.role.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Leaf, days_from_now};

    #[test]
    fn the_end_is_warned_of_from_thirty_days_ahead() {
        let now = days_from_now(0);
        let held = |from, to| {
            let der = Leaf { days: (from, to), ..Leaf::named("own") }.alone().der;
            Expiry { table: Table::Dimse, role: Role::Own, certificate: Certificate::of(&der).unwrap() }
        };
        let notice = |from, to| held(from, to).notice(now);
        assert_eq!((notice(-1, 30).urgency, notice(-1, 30).remedy), (Urgency::None, None));
        let soon = notice(-1, 29);
        assert_eq!(soon.urgency, Urgency::Soon);
        assert!(
            soon.to_string().starts_with("[dimse.tls] certificate: CN=own expires in 29 days, on 2"),
            "{soon}"
        );
        assert!(notice(-1, 0).words.contains("expires in 0 days"));
        for (notice, words) in [(notice(-9, -1), "expired on"), (notice(2, 99), "not valid before")] {
            assert_eq!(notice.urgency, Urgency::OutOfTime);
            assert!(notice.words.contains(words), "{notice}");
        }
    }
}
