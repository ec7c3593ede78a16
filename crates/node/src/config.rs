//! `causeway.toml`: one table per room, each owned by its room; below it the environment
//! (`CAUSEWAY_<TABLE>__<KEY>`), below that the flags of the command line. Unknown keys are refused.

mod catalog;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use causeway_core::AeTitle;
use causeway_core::keeping::Age;
use causeway_core::query::moments;
use causeway_core::space::{Amount, Marks};
use causeway_store::settings::Place;
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::{Table, Value};

pub(crate) use catalog::{CatalogPlace, CatalogSettings};

/// Everything that can be set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) node: NodeSettings,
    pub(crate) dimse: causeway_scp::Config,
    pub(crate) web: causeway_web::Config,
    pub(crate) store: causeway_store::settings::Settings,
    pub(crate) catalog: CatalogSettings,
    pub(crate) ingest: IngestSettings,
    pub(crate) auth: AuthSettings,
    pub(crate) forward: causeway_forward::Config,
    pub(crate) worklist: WorklistSettings,
    pub(crate) keep: KeepSettings,
    pub(crate) log: LogSettings,
}

/// `[node]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NodeSettings {
    /// What the node calls itself.
    pub(crate) ae_title: AeTitle,
    /// Folder of spool, objects and catalog.
    pub(crate) data: PathBuf,
    /// What people call it among those that share its catalog.
    pub(crate) name: Option<String>,
    /// Where those reach it over the web, such as `http://10.0.0.7:8080`.
    pub(crate) address: Option<causeway_web::PublicUrl>,
    /// The zone of dates and times of which a data set says none: a name such as `Europe/Vienna`, or an offset such
    /// as `+0100`. Not given: the machine's.
    pub(crate) timezone: Option<String>,
}

impl NodeSettings {
    /// The zone.
    pub(crate) fn zone(&self) -> anyhow::Result<TimeZone> {
        let Some(name) = &self.timezone else { return Ok(TimeZone::system()) };
        if let Some(offset) = moments::Offset::parse(name) {
            let seconds = i32::from(offset.minutes()) * 60;
            return Ok(TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds)?));
        }
        TimeZone::get(name).with_context(|| {
            format!(
                "[node] timezone = \"{name}\": neither a name like Europe/Vienna nor an offset like +0100"
            )
        })
    }
}

/// `[ingest]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IngestSettings {
    pub(crate) acknowledge: Acknowledge,
    pub(crate) duplicate: Duplicate,
    /// Below so much free on the disks of spool and catalog a warning comes.
    pub(crate) warn_free: Option<Amount>,
    /// Below so much nothing more is taken in: the rest is the node's own.
    pub(crate) stop_free: Option<Amount>,
}

impl IngestSettings {
    /// What of the disks of spool and catalog is to stay free.
    pub(crate) const fn marks(&self) -> Marks {
        Marks { warn: self.warn_free, stop: self.stop_free }
    }
}

/// `[auth]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuthSettings {
    /// An identity provider whose bearer tokens are believed over the web.
    pub(crate) oidc: Option<causeway_archive::oidc::Config>,
}

/// `[worklist]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorklistSettings {
    /// Days that an entry stays after it was scheduled for and last changed, and a performed step after it was last
    /// changed.
    pub(crate) keep_days: u32,
}

/// `[keep]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeepSettings {
    /// How long the bytes of what is removed stay, so that it can be brought back: `7d`; `0`: they go at once.
    pub(crate) grace: Age,
    /// How often retention rules are kept on some of the studies: `1m`.
    pub(crate) round: Age,
}

/// Most days of `[worklist] keep_days`: ten years.
const MAX_KEEP_DAYS: u32 = 3650;

/// When a sender is told Success.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Acknowledge {
    #[default]
    Spool,
    Store,
}

/// What happens to a second instance with other bytes.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Duplicate {
    #[default]
    KeepFirst,
    Replace,
}

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// What is told: `info`, or a list such as `info,causeway_scp=debug`.
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// To read.
    #[default]
    Text,
    /// To collect.
    Json,
}

impl Default for NodeSettings {
    fn default() -> Self {
        // The literal is an AE title; its own test says so.
        let ae_title = AeTitle::parse("CAUSEWAY").unwrap_or_else(|_| unreachable!());
        Self { ae_title, data: PathBuf::from("causeway-data"), name: None, address: None, timezone: None }
    }
}

impl Default for WorklistSettings {
    fn default() -> Self {
        Self { keep_days: 90 }
    }
}

impl Default for KeepSettings {
    /// A week: who deletes the wrong study, or writes the wrong rule, hears of it within days, and not over a weekend.
    fn default() -> Self {
        Self { grace: Age::WEEK, round: Age::MINUTE }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::default() }
    }
}

/// Prefix of the environment's settings. Names without `__` are others: `CAUSEWAY_URL`, `CAUSEWAY_TOKEN`.
const PREFIX: &str = "CAUSEWAY_";

impl Settings {
    /// Reads the file, if one is named, then the environment, then `flags` (table, key, value).
    pub(crate) fn read(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&str, &str, String)],
    ) -> anyhow::Result<Self> {
        let settings = Self::read_unchecked(file, environment, flags)?;
        settings.check()?;
        Ok(settings)
    }

    /// The same where they need not hold together: for what makes a file that they name.
    pub(crate) fn read_unchecked(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&str, &str, String)],
    ) -> anyhow::Result<Self> {
        let mut table = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("the configuration {} cannot be read", path.display()))?;
                // Read once by itself, so that an error shows its line.
                toml::from_str::<Self>(&text).with_context(|| format!("in {}", path.display()))?;
                text.parse::<Table>().with_context(|| format!("in {}", path.display()))?
            }
            None => Table::new(),
        };
        for (name, text) in environment {
            let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__"))
            else {
                continue;
            };
            put(&mut table, &section.to_lowercase(), &key.to_lowercase(), value(&text))?;
        }
        for (section, key, text) in flags {
            put(&mut table, section, key, Value::String(text.clone()))?;
        }
        Value::Table(table).try_into().context("in the configuration")
    }

    fn check(&self) -> anyhow::Result<()> {
        self.dimse.check()?;
        self.forward.check()?;
        self.web.check_limits()?;
        if let Some(oidc) = &self.auth.oidc {
            oidc.check()?;
        }
        if !(1..=MAX_KEEP_DAYS).contains(&self.worklist.keep_days) {
            bail!("[worklist] keep_days is {}; it must be 1 to {MAX_KEEP_DAYS}", self.worklist.keep_days);
        }
        if self.keep.round.is_zero() {
            bail!("[keep] round is 0; it must be a second at least");
        }
        tracing_subscriber::EnvFilter::try_new(&self.log.level).context("[log] level")?;
        self.node.zone()?;
        self.place()?;
        self.also_place()?;
        self.catalog()?;
        Ok(())
    }

    /// Where objects settle.
    pub(crate) fn place(&self) -> anyhow::Result<Place> {
        Ok(self.store.place(self.node.data.join("objects"), &|name| std::env::var(name).ok())?)
    }

    /// Where objects settled before.
    pub(crate) fn also_place(&self) -> anyhow::Result<Option<Place>> {
        Ok(self.store.also_place(&|name| std::env::var(name).ok())?)
    }

    /// Where the catalog is.
    pub(crate) fn catalog(&self) -> anyhow::Result<CatalogPlace> {
        self.catalog.place(&self.node.data)
    }

    /// The catalog's file, for what is done with files alone; `instead` says what is done with a server.
    pub(crate) fn catalog_file(&self, instead: &str) -> anyhow::Result<PathBuf> {
        match self.catalog()? {
            CatalogPlace::File(file) => Ok(file),
            CatalogPlace::Server(server) => bail!("the catalog is on a server, {server}: {instead}"),
        }
    }
}

fn local(url: &str, scheme: &str, key: &str) -> anyhow::Result<PathBuf> {
    match url.strip_prefix(scheme) {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => bail!("{key} = \"{url}\": this version knows {scheme}/absolute/path only"),
    }
}

/// Nested keys are parted by two more underscores: `CAUSEWAY_WEB__LIMITS__CONNECTIONS`.
fn put(table: &mut Table, section: &str, key: &str, value: Value) -> anyhow::Result<()> {
    let mut place = table;
    for part in std::iter::once(section).chain(key.split("__").take(key.split("__").count() - 1)) {
        let entry = place.entry(part).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = entry else { bail!("'{part}' is a value and a table at once") };
        place = inner;
    }
    let last = key.rsplit("__").next().unwrap_or(key);
    place.insert(last.to_owned(), value);
    Ok(())
}

/// A value as TOML writes it, where it is one; else the text itself.
fn value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)], flags: &[(&str, &str, String)]) -> anyhow::Result<Settings> {
        let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Settings::read(None, environment, flags)
    }

    #[test]
    fn without_anything_the_defaults_hold() {
        let settings = read(&[], &[]).unwrap();
        assert_eq!(settings.node.ae_title.as_str(), "CAUSEWAY");
        assert_eq!(settings.web.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.dimse.listen.to_string(), "0.0.0.0:11112");
    }

    #[test]
    fn a_zone_is_a_name_or_an_offset() {
        let zone =
            |name: &str| read(&[("CAUSEWAY_NODE__TIMEZONE", name)], &[]).map(|s| s.node.zone().unwrap());
        assert_eq!(
            zone("\"+0530\"").unwrap(),
            TimeZone::fixed(jiff::tz::Offset::from_seconds(19_800).unwrap())
        );
        assert_eq!(zone("UTC").unwrap(), TimeZone::UTC);
        assert!(zone("Nowhere/At_All").is_err());
    }

    #[test]
    fn a_flag_beats_the_environment() {
        let environment =
            [("CAUSEWAY_NODE__AE_TITLE", "FROM_ENV"), ("CAUSEWAY_URL", "http://x"), ("HOME", "/root")];
        assert_eq!(read(&environment, &[]).unwrap().node.ae_title.as_str(), "FROM_ENV");
        let flags = [("node", "ae_title", "FROM_FLAG".to_owned())];
        assert_eq!(read(&environment, &flags).unwrap().node.ae_title.as_str(), "FROM_FLAG");
    }

    #[test]
    fn the_environment_reaches_nested_keys_with_their_types() {
        let environment =
            [("CAUSEWAY_WEB__LIMITS__CONNECTIONS", "7"), ("CAUSEWAY_DIMSE__CHECK_CALLED_AE_TITLE", "true")];
        let settings = read(&environment, &[]).unwrap();
        assert_eq!(settings.web.limits.connections, 7);
        assert!(settings.dimse.check_called_ae_title);
    }

    #[test]
    fn an_unknown_key_and_an_unknown_store_are_refused() {
        assert!(read(&[("CAUSEWAY_NODE__AE_TITEL", "X")], &[]).is_err());
        let error = read(&[("CAUSEWAY_STORE__URL", "ftp://bucket")], &[]).unwrap_err();
        assert!(error.to_string().contains("file://"), "{error}");
        let bucket = ("CAUSEWAY_STORE__URL", "s3://bucket");
        let error = read(&[bucket, ("CAUSEWAY_STORE__ACCOUNT", "x")], &[]).unwrap_err();
        assert!(error.to_string().contains("[store] account is for az://"), "{error}");
        let place = read(&[bucket, ("CAUSEWAY_STORE__REGION", "eu-central-1")], &[]).unwrap().place();
        assert!(matches!(place.unwrap(), Place::Bucket(_)));
        assert!(read(&[("CAUSEWAY_DIMSE__ASSOCIATIONS", "0")], &[]).is_err());
    }

    #[test]
    fn what_is_removed_stays_for_a_week_where_nothing_else_is_said() {
        assert_eq!(read(&[], &[]).unwrap().keep.grace, Age::WEEK);
        for none in ["0", "\"0\"", "0d"] {
            assert!(read(&[("CAUSEWAY_KEEP__GRACE", none)], &[]).unwrap().keep.grace.is_zero(), "{none}");
        }
        let error = read(&[("CAUSEWAY_KEEP__GRACE", "soon")], &[]).unwrap_err();
        assert!(format!("{error:#}").contains("'soon'"), "{error:#}");
    }

    #[test]
    fn what_is_to_stay_free_is_a_share_or_bytes() {
        let set = |text| read(&[("CAUSEWAY_INGEST__STOP_FREE", text)], &[]).map(|it| it.ingest.marks().stop);
        assert_eq!(set("3%").unwrap(), Some(Amount::Percent(3)));
        assert_eq!(set("1048576").unwrap(), Some(Amount::Bytes(1 << 20)));
        assert!(format!("{:#}", set("lots").unwrap_err()).contains("'lots'"));
        let of_store = read(&[("CAUSEWAY_STORE__WARN_FREE", "10 GiB")], &[]).unwrap().store.marks();
        assert_eq!(of_store, Marks { warn: Some(Amount::Bytes(10 << 30)), stop: None });
    }

    #[test]
    fn an_identity_provider_is_set_by_its_table_and_checked() {
        let issuer = ("CAUSEWAY_AUTH__OIDC__ISSUER", "https://id.example.org");
        let audience = ("CAUSEWAY_AUTH__OIDC__AUDIENCE", "causeway");
        assert!(read(&[], &[]).unwrap().auth.oidc.is_none());
        let scopes = ("CAUSEWAY_AUTH__OIDC__SCOPES", r#"{ "pacs.read" = ["query", "retrieve"] }"#);
        assert!(read(&[issuer, audience, scopes], &[]).unwrap().auth.oidc.is_some());
        let error = read(&[issuer], &[]).unwrap_err();
        assert!(format!("{error:#}").contains("audience"), "{error:#}");
        let insecure = ("CAUSEWAY_AUTH__OIDC__JWKS_URL", "http://id.example.org/keys");
        let error = read(&[issuer, audience, insecure], &[]).unwrap_err();
        assert!(error.to_string().contains("https"), "{error}");
    }

    #[test]
    fn the_days_that_the_worklist_is_kept_are_held_below_at_and_above_their_bounds() {
        for (days, fine) in [("0", false), ("1", true), ("3650", true), ("3651", false)] {
            assert_eq!(read(&[("CAUSEWAY_WORKLIST__KEEP_DAYS", days)], &[]).is_ok(), fine, "{days}");
        }
    }

    #[test]
    fn an_error_in_the_file_shows_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("causeway.toml");
        std::fs::write(&path, "[node]\nae_title = \"A\"\n\n[dimse]\nlistne = \"x\"\n").unwrap();
        let error = Settings::read(Some(&path), std::iter::empty(), &[]).unwrap_err();
        assert!(format!("{error:#}").contains("line 5"), "{error:#}");
    }
}
