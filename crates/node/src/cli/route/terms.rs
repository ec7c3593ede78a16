//! What is said of a route on the command line.

use anyhow::Context as _;
use causeway_core::delivery::{Late, Priority};
use causeway_core::schedule::Window;
use causeway_core::{RemoteName, Schedule, Trigger};
use causeway_forward::{Alike, Ask, Completeness, DEFAULT_WAIT_SECONDS, Priors, Role, RouteRecord, Then};
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

#[derive(Debug, Args)]
pub(super) struct Terms {
    /// What it is called
    name: RemoteName,
    /// The condition, in CEL
    #[arg(long, value_name = "CEL")]
    when: String,
    /// The remote to send to; may be given several times
    #[arg(long, value_name = "REMOTE", required = true)]
    to: Vec<RemoteName>,
    /// Send each instance at once, or the series or study once nothing more of it has come for a while
    #[arg(long, value_enum, default_value_t = On::Study)]
    trigger: On,
    /// Seconds without anything new after which a series or study is looked at
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    quiet: u32,
    /// What it goes before
    #[arg(long, value_enum, default_value_t = Urgency::Routine)]
    priority: Urgency,
    /// Ask no later route of what this one takes
    #[arg(long)]
    stop: bool,
    /// Ask this route only of what no other takes
    #[arg(long)]
    fallback: bool,
    /// Send only in this window of the week, as 'Mon-Fri 20:00-06:00' or 'daily 12:00-13:00'; may be given several times
    #[arg(long, value_name = "WINDOW")]
    during: Vec<Window>,
    /// The time zone of the windows; that of this machine when not given
    #[arg(long, value_name = "ZONE", requires = "during")]
    zone: Option<String>,
    /// Seconds for which what is ready is kept back
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    delay: u32,
    /// What to do with what comes after the series or study was sent: send what is new, all of it once more, or nothing
    #[arg(long, value_enum, default_value_t = Lateness::Delta)]
    late: Lateness,
    /// Whom to ask what there is of a study, so that it goes when it is complete: 'sender', 'nobody', or a remote
    #[arg(long, value_name = "WHOM", default_value = "sender")]
    ask: String,
    /// Seconds for which what is missing is waited for, from when the first came
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_WAIT_SECONDS)]
    wait: u32,
    /// Earlier studies of the patient to send along, the latest ones; what is not here is fetched from whom is asked
    #[arg(long, value_name = "NUMBER")]
    priors: Option<u32>,
    /// Not older than so many years before the study
    #[arg(long, value_name = "YEARS", requires = "priors")]
    priors_years: Option<u32>,
    /// What they have in common with it
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',', requires = "priors")]
    priors_same: Vec<Common>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Common {
    Modality,
    BodyPart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum On {
    Instance,
    Series,
    Study,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Urgency {
    Stat,
    Routine,
    Bulk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lateness {
    Delta,
    Whole,
    Leave,
}

impl Common {
    const fn alike(self) -> Alike {
        match self {
            Self::Modality => Alike::Modality,
            Self::BodyPart => Alike::BodyPart,
        }
    }
}

impl Terms {
    /// The route that is meant.
    pub(super) fn record(self) -> anyhow::Result<RouteRecord> {
        let quiet_seconds = self.quiet;
        let ask = match self.ask.as_str() {
            "sender" => Ask::Sender,
            "nobody" => Ask::Nobody,
            name => Ask::Remote(name.parse()?),
        };
        Ok(RouteRecord {
            name: self.name,
            when: self.when,
            to: self.to,
            trigger: match self.trigger {
                On::Instance => Trigger::Instance,
                On::Series => Trigger::Series { quiet_seconds },
                On::Study => Trigger::Study { quiet_seconds },
            },
            priority: match self.priority {
                Urgency::Stat => Priority::Stat,
                Urgency::Routine => Priority::Routine,
                Urgency::Bulk => Priority::Bulk,
            },
            then: if self.stop { Then::Stop } else { Then::Continue },
            role: if self.fallback { Role::Fallback } else { Role::Ordinary },
            schedule: schedule(self.during, self.zone)?,
            delay_seconds: self.delay,
            late: match self.late {
                Lateness::Delta => Late::Delta,
                Lateness::Whole => Late::Whole,
                Lateness::Leave => Late::Leave,
            },
            completeness: Completeness { ask, wait_seconds: self.wait },
            priors: self.priors.map(|most| Priors {
                most,
                years: self.priors_years,
                same: self.priors_same.into_iter().map(Common::alike).collect(),
            }),
        })
    }
}

fn schedule(windows: Vec<Window>, zone: Option<String>) -> anyhow::Result<Schedule> {
    let zone = match zone {
        Some(zone) => zone,
        None if windows.is_empty() => String::new(),
        None => TimeZone::system()
            .iana_name()
            .context("the time zone of this machine has no name; say which is meant with --zone")?
            .to_owned(),
    };
    Ok(Schedule::new(windows, &zone)?)
}
