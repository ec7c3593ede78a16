//! The nodes that share this one's catalog: list.

use axum::Json;
use axum::extract::State;
use causeway_archive::members::Member;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Caller;
use super::doctor::{Finding, Verdict};
use crate::problem::Problem;
use crate::state::Node;

/// How long a node may say nothing before it counts as gone, in seconds: it says that it is there every few.
const GONE_AFTER_SECONDS: i64 = 30;

pub(crate) async fn list(State(node): State<Node>, caller: Caller) -> Result<Json<Value>, Problem> {
    let (members, now) = (node.archive.members(&caller).await?, Timestamp::now());
    Ok(Json(members.iter().map(|member| told(member, now)).collect()))
}

fn told(member: &Member, now: Timestamp) -> Value {
    let Member { introduction, seen_at, unsettled, is_self } = member;
    json!({
        "name": introduction.name, "id": introduction.uid, "address": introduction.address, "seen_at": seen_at,
        "there": is_there(member, now), "unsettled": unsettled, "self": is_self,
    })
}

/// Whether it said so lately. The one that is asked is there.
fn is_there(member: &Member, now: Timestamp) -> bool {
    member.is_self || now.as_second() - member.seen_at.as_second() < GONE_AFTER_SECONDS
}

/// What is to be said of nodes that are gone: what only their spools have, nobody can read.
pub(super) fn findings(members: &[Member], now: Timestamp) -> Vec<Finding> {
    let gone = members.iter().filter(|member| !is_there(member, now));
    gone.map(|member| {
        let Member { introduction, seen_at, unsettled, .. } = member;
        let subject = format!("node {}", introduction.name);
        let words = format!("it was last there at {seen_at:.0}; {unsettled} instances are in its spool alone");
        let verdict = if *unsettled > 0 { Verdict::Failure } else { Verdict::Warning };
        let remedy = "start it again with the data that it had; where none may be lost with a node's disk, set \
                      [ingest] acknowledge = \"store\"";
        Finding::new(subject, verdict, words).with_remedy(remedy)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use causeway_archive::members::Introduction;

    use super::*;

    fn member(seconds_ago: i64, unsettled: u64, is_self: bool, now: Timestamp) -> Member {
        let introduction = Introduction { uid: "a".to_owned(), name: "a".to_owned(), address: None };
        let seen_at = Timestamp::from_second(now.as_second() - seconds_ago).unwrap();
        Member { introduction, seen_at, unsettled, is_self }
    }

    #[test]
    fn a_node_that_is_gone_is_told_of_and_worse_when_it_has_what_nobody_else_has() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let members = [
            member(29, 5, false, now),
            member(3_000, 5, true, now),
            member(30, 0, false, now),
            member(31, 5, false, now),
        ];
        let verdicts: Vec<_> = findings(&members, now).into_iter().map(|it| it.verdict).collect();
        assert_eq!(verdicts, [Verdict::Warning, Verdict::Failure]);
    }
}
