//! Retention: what administrators do with rules, and the round that keeps them. A study goes whole, by the one path of all
//! removals, and is judged again as it goes.

use causeway_catalog::{JudgedStudy, RetentionRule, Retired, Standing};
use causeway_core::keeping::retention::{Rule, RuleError, Verdict};
use causeway_core::keeping::{Reason, Removal};
use causeway_core::{Permission, Principal, RemoteName};
use serde::Serialize;

use crate::error::{IngestError, SearchError};
use crate::{Archive, access};

/// Studies that a round looks at for a rule, and a page of a preview.
const SCANNED: u32 = 500;
/// Most studies that a round removes.
const MAX_GONE: usize = 50;
/// Most rules.
const MAX_RULES: usize = 200;

/// Why a rule was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// It says nothing that could be kept.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// There are enough.
    #[error("there are {MAX_RULES} rules, and no more can be kept")]
    TooMany,
    /// It was not allowed, or the catalog failed.
    #[error(transparent)]
    Search(#[from] SearchError),
}

impl From<causeway_catalog::Error> for RetentionError {
    fn from(error: causeway_catalog::Error) -> Self {
        Self::Search(error.into())
    }
}

/// What rules would do with a study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Previewed {
    /// Study Instance UID.
    pub study: causeway_core::Uid,
    /// By this rule.
    pub rule: RemoteName,
    /// Its instances.
    pub instances: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When its newest instance came, or it was last brought back.
    pub arrived_at: jiff::Timestamp,
    /// Whether it would go.
    pub goes: bool,
    /// What keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_by: Option<String>,
}

/// Some of what rules would do, and where to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// Studies that are old enough.
    pub studies: Vec<Previewed>,
    /// What to ask for next; none: that was all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// Where the walk over studies is, for each rule.
pub(crate) type Positions = std::collections::BTreeMap<RemoteName, i64>;

impl Archive {
    /// Adds a rule, or changes the one of its name.
    ///
    /// # Errors
    /// When the caller is no administrator, the rule says nothing that could be kept, or the catalog fails.
    pub async fn put_rule(
        &self,
        principal: &Principal,
        name: RemoteName,
        rule: Rule,
        standing: Standing,
    ) -> Result<(), RetentionError> {
        access::allow(principal, Permission::Admin).map_err(SearchError::from)?;
        rule.check()?;
        let known = self.inner.catalog.rules().await?;
        if known.len() >= MAX_RULES && known.iter().all(|it| it.name != name) {
            return Err(RetentionError::TooMany);
        }
        let rule = RetentionRule { name, rule, standing, changed_at: self.inner.clock.now() };
        Ok(self.inner.catalog.put_rule(rule, &principal.name).await?)
    }

    /// Has a rule be kept, or only previewed; says whether there is one of this name.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn enable_rule(
        &self,
        principal: &Principal,
        name: RemoteName,
        standing: Standing,
    ) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.enable_rule(name, standing, &principal.name).await?)
    }

    /// Removes a rule; says whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn remove_rule(&self, principal: &Principal, name: RemoteName) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.remove_rule(name, &principal.name).await?)
    }

    /// All rules, by name.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn rules(&self, principal: &Principal) -> Result<Vec<RetentionRule>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.rules().await?)
    }

    /// What all rules, or the one of a name, would do with some of the studies beyond `after`; none: there is no such rule.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn preview(
        &self,
        principal: &Principal,
        only: Option<RemoteName>,
        after: i64,
    ) -> Result<Option<Preview>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let mut rules = self.inner.catalog.rules().await?;
        if let Some(only) = only {
            rules.retain(|rule| rule.name == only);
            if rules.is_empty() {
                return Ok(None);
            }
        }
        let mut preview = Preview::default();
        for RetentionRule { name, rule, .. } in rules {
            let judged = self.inner.catalog.judged(rule, after, SCANNED).await?;
            preview.studies.extend(judged.studies.into_iter().map(|study| previewed(study, &name)));
            preview.next = preview.next.max(judged.next);
        }
        Ok(Some(preview))
    }

    /// Keeps the rules on some of the studies; says how many went.
    ///
    /// # Errors
    /// When the catalog fails.
    pub(super) async fn retain(&self, positions: &mut Positions) -> Result<usize, IngestError> {
        let mut gone = 0;
        for RetentionRule { name, rule, standing, .. } in self.inner.catalog.rules().await? {
            if !standing.is_enabled() || gone >= MAX_GONE {
                continue;
            }
            let after = positions.get(&name).copied().unwrap_or_default();
            let judged = self.inner.catalog.judged(rule.clone(), after, SCANNED).await?;
            let due = judged.studies.iter().filter(|study| study.verdict == Verdict::Go);
            let due: Vec<_> = due.map(|study| study.study.clone()).collect();
            let is_whole = due.len() <= MAX_GONE - gone;
            for study in due.into_iter().take(MAX_GONE - gone) {
                gone += usize::from(self.retire(study, &name, rule.clone()).await?);
            }
            // What was more than a round removes is looked at again.
            if is_whole {
                positions.insert(name, judged.next.unwrap_or_default());
            }
        }
        Ok(gone)
    }

    /// Says whether the study went.
    async fn retire(
        &self,
        study: causeway_core::Uid,
        name: &RemoteName,
        rule: Rule,
    ) -> Result<bool, IngestError> {
        let removal = Removal::by_itself(Reason::Rule(name.clone()), self.inner.config.grace);
        let retired = {
            let _turn = self.inner.turns.all().await;
            let retired = self.inner.catalog.retire(study.clone(), rule, removal).await?;
            tokio::time::sleep(crate::delete::MOMENT).await;
            retired
        };
        match retired {
            Retired::Gone(instances) => {
                tracing::info!(study.uid = %study, rule = %name, instances = instances.len(), "a study went by a retention rule");
                Ok(true)
            }
            Retired::Kept(why) => {
                tracing::debug!(study.uid = %study, rule = %name, %why, "a study stays");
                Ok(false)
            }
            Retired::Unknown => Ok(false),
        }
    }
}

fn previewed(judged: JudgedStudy, rule: &RemoteName) -> Previewed {
    let JudgedStudy { study, instances, bytes, arrived_at, verdict } = judged;
    let kept_by = match &verdict {
        Verdict::Go => None,
        Verdict::Keep(why) => Some(why.to_string()),
    };
    let goes = verdict == Verdict::Go;
    Previewed { study, rule: rule.clone(), instances, bytes, arrived_at, goes, kept_by }
}
