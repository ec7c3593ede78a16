//! What is seen, as a condition of SQL on a study's row. Every statement that answers a principal has it.

use causeway_core::sight::Scope;
use causeway_core::{Identifiers, Sight};
use serde_json::json;

use crate::Catalog;
use crate::engine::{Value, params_from_iter};
use crate::error::Error;
use crate::instances;

/// The condition that a row of `study`, a table or its alias, is seen; none where everything is.
pub(crate) fn condition(sight: &Sight, study: &str) -> Option<(String, Vec<Value>)> {
    let Scope { studies, patients, remotes } = sight.scope()?;
    let mut ways = Vec::new();
    let mut values = Vec::new();
    if !studies.is_empty() {
        ways.push(format!("{study}.uid IN (SELECT value FROM json_each(?))"));
        values.push(Value::Text(instances::json(studies)));
    }
    if !patients.is_empty() {
        // An alias of its own: `patient` may be a table of the statement around it.
        ways.push(format!(
            "{study}.patient IN (SELECT seen.id FROM json_each(?) AS named JOIN patient AS seen
             ON seen.patient_id = json_extract(named.value, '$[0]') AND seen.issuer = json_extract(named.value, '$[1]')
             WHERE seen.patient_id <> '')"
        ));
        let pairs: Vec<_> = patients.iter().map(|patient| json!([patient.id, patient.issuer])).collect();
        values.push(Value::Text(json!(pairs).to_string()));
    }
    if !remotes.is_empty() {
        ways.push(format!("{study}.origin IN (SELECT value FROM json_each(?))"));
        values.push(Value::Text(json!(remotes).to_string()));
    }
    let sql = if ways.is_empty() { "false".to_owned() } else { format!("({})", ways.join(" OR ")) };
    Some((sql, values))
}

impl Catalog {
    /// Whether anything under these identifiers is kept that is not seen: the study, or an instance of this UID in
    /// another.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_hidden(&self, ids: Identifiers, sight: Sight) -> Result<bool, Error> {
        let Some((seen, values)) = condition(&sight, "study") else { return Ok(false) };
        self.engine
            .read(move |connection| {
                let sql = format!(
                    "SELECT 1 FROM study WHERE uid = ? AND NOT {seen} UNION ALL
                     SELECT 1 FROM instance JOIN series ON series.id = instance.series
                     JOIN study ON study.id = series.study WHERE instance.uid = ? AND NOT {seen}"
                );
                let text = |uid: &causeway_core::Uid| Value::Text(uid.as_str().to_owned());
                let study = [text(&ids.study)].into_iter().chain(values.clone());
                let all = study.chain([text(&ids.instance)]).chain(values);
                Ok(connection.prepare_cached(&sql)?.exists(params_from_iter(all))?)
            })
            .await
    }
}
