//! When the certificates that this node holds run out: told in time, in logs, metrics and to whoever asks. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::refusal::day;

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
    /// The setting of `[dimse.tls]` that names the file.
    #[must_use]
    pub const fn setting(self) -> &'static str {
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
    /// What for.
    pub role: Role,
    /// The certificate.
    pub certificate: Certificate,
}

/// How near the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Far.
    None,
    /// Within [`WARNING_DAYS`].
    Soon,
    /// Past, or the certificate's time has not come.
    OutOfTime,
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
    /// What an administrator should know of it now; nothing while its end is far.
    #[must_use]
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let Self { role, certificate } = self;
        let setting = role.setting();
        let end = day(certificate.not_after);
        match certificate.urgency(now) {
            Urgency::None => None,
            Urgency::Soon => Some(format!(
                "the certificate {certificate} of [dimse.tls] {setting} expires in {} days, on {end}: replace the file \
                 in time; no restart is needed",
                certificate.days_left(now)
            )),
            Urgency::OutOfTime if now < certificate.not_before => Some(format!(
                "the certificate {certificate} of [dimse.tls] {setting} is not valid before {}: is this machine's \
                 clock right?",
                day(certificate.not_before)
            )),
            Urgency::OutOfTime => Some(format!(
                "the certificate {certificate} of [dimse.tls] {setting} expired on {end}, and peers will refuse it: \
                 replace the file; no restart is needed"
            )),
        }
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
            Expiry { role: Role::Own, certificate: Certificate::of(&der).unwrap() }
        };
        assert_eq!(held(-1, 30).warning(now), None);
        let soon = held(-1, 29).warning(now).unwrap();
        assert!(soon.contains("CN=own") && soon.contains("expires in 29 days"), "{soon}");
        assert!(held(-1, 0).warning(now).unwrap().contains("expires in 0 days"));
        assert!(held(-9, -1).warning(now).unwrap().contains("expired on"));
        assert!(held(2, 99).warning(now).unwrap().contains("not valid before"));
    }
}
