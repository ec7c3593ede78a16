//! `causeway queue show`: the story of a study.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use causeway_core::Uid;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::table::{self, text};
use crate::client::Client;

/// Jobs that are asked for at a time.
const JOBS_TOGETHER: usize = 5000;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway queue show 1.2.840.113619.2.55.3.1
  causeway queue show 1.2.840.113619.2.55.3.1 --instances --json > receipt.json")]
pub(super) struct Show {
    /// Study Instance UID
    study: Uid,
    /// Tell of each instance as well
    #[arg(long)]
    instances: bool,
}

impl Show {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let mut story: Value = client.get(&format!("/api/v1/studies/{}/story", self.study)).await?;
        let jobs = if self.instances { jobs(client, &self.study).await? } else { Vec::new() };
        if client.is_json() {
            if let (true, Some(story)) = (self.instances, story.as_object_mut()) {
                story.insert("jobs".to_owned(), json!(jobs));
            }
            println!("{story}");
            return Ok(());
        }
        origin(&story);
        for delivery in list(&story, "deliveries") {
            tell(delivery);
        }
        if self.instances {
            let paths = ["/id", "/remote", "/state", "/attempts", "/changed_at", "/instance", "/last/words"];
            let rows: Vec<[String; 7]> = jobs.iter().map(|job| paths.map(|path| text(job, path))).collect();
            println!();
            table::print(["JOB", "REMOTE", "STATE", "ATTEMPTS", "CHANGED", "INSTANCE", "LAST ANSWER"], &rows);
        }
        Ok(())
    }
}

async fn jobs(client: &Client, study: &Uid) -> anyhow::Result<Vec<Value>> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let after = all.last().and_then(|job| job.get("id")?.as_i64()).unwrap_or_default();
        let query = [
            ("study", study.to_string()),
            ("after", after.to_string()),
            ("limit", JOBS_TOGETHER.to_string()),
        ];
        let request = client.request(Method::GET, "/api/v1/queue/jobs").query(&query);
        let page: Vec<Value> = client.ask(request).await?;
        let is_last = page.len() < JOBS_TOGETHER;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn origin(story: &Value) {
    let [study, instances, series] = ["/study", "/instances", "/series"].map(|path| text(story, path));
    println!("Study {study}: {instances} instances in {series} series are here");
    for source in list(story, "sources") {
        let who = [("/remote", "remote"), ("/calling_ae", "AE title")]
            .into_iter()
            .filter(|(path, _)| !text(source, path).is_empty())
            .map(|(path, what)| format!("{what} {}", text(source, path)));
        let who = who.collect::<Vec<_>>().join(", ");
        let who = if who.is_empty() { "a caller without a name".to_owned() } else { who };
        let [door, instances, first, last] =
            ["/door", "/instances", "/first_at", "/last_at"].map(|path| text(source, path));
        println!("  {instances} from {who} ({door}), {first} to {last}");
        acknowledged(source);
    }
}

/// Of how many instances that went over a link both ends know that the receipt is known.
fn acknowledged(told: &Value) {
    let [count, at] = ["/acknowledged", "/last_acknowledged_at"].map(|path| text(told, path));
    if !at.is_empty() {
        println!("  receipts of {count} acknowledged, the last at {at}");
    }
}

fn tell(delivery: &Value) {
    let [route, remote, state, why, priority] =
        ["/route", "/remote", "/state", "/why", "/priority"].map(|path| text(delivery, path));
    println!();
    println!("{route} -> {remote}, {priority}: {state}: {why}");
    let series = text(delivery, "/series");
    if !series.is_empty() {
        println!("  series {series}");
    }
    let [released, revision, at, words] =
        ["/released", "/revision", "/released_at", "/evidence/words"].map(|path| text(delivery, path));
    if !at.is_empty() {
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        println!("  part {released} of {revision} let go {at}{words}");
    }
    acknowledged(delivery);
    let priors = text(delivery, "/priors");
    if !priors.is_empty() {
        println!("  earlier studies: {priors}");
    }
    let paths = ["/instances", "/state", "/attempts", "/last_at", "/words"];
    let rows: Vec<[String; 5]> =
        list(delivery, "answers").map(|answer| paths.map(|path| text(answer, path))).collect();
    if !rows.is_empty() {
        table::print(["INSTANCES", "STATE", "ATTEMPTS", "LAST", "ANSWER"], &rows);
    }
}
