//! Metrics in the OpenMetrics text form, gathered when they are asked for.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use causeway_archive::settle::SettlingReport;
use causeway_core::Principal;
use causeway_core::space::Level;
use causeway_forward::admin::DestinationReport;
use causeway_forward::errand::{ErrandCount, ErrandKind, ErrandState};
use causeway_tls::Tls;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::problem::Problem;
use crate::state::Node;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    remote: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrandLabels {
    kind: &'static str,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DiskLabels {
    disk: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RemoteLabels {
    remote: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CertificateLabels {
    /// The table of settings: `dimse.tls` or `web.tls`.
    table: &'static str,
    /// The setting that names its file.
    setting: &'static str,
    subject: String,
    fingerprint: String,
}

/// Everything that is counted.
pub(crate) async fn show(
    State(node): State<Node>,
    Extension(principal): Extension<Arc<Principal>>,
) -> Result<Response, Problem> {
    let report = node.forwarder.report(&principal).await?;
    let mut registry = Registry::with_prefix("causeway");
    queues(&mut registry, &report);
    errands(&mut registry, &node.forwarder.errand_counts(&principal).await?);
    taken(&mut registry, &node);
    certificates(&mut registry, &node);
    present(&mut registry, &node);
    disks(&mut registry, &node);
    settling(&mut registry, &node.archive.settling(&principal).await?);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|_| Problem::not_found("the metrics cannot be written"))?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, content_type)], text).into_response())
}

fn queues(registry: &mut Registry, report: &[DestinationReport]) {
    let jobs = Family::<QueueLabels, Gauge>::default();
    let held = Family::<RemoteLabels, Gauge>::default();
    let committed = Family::<RemoteLabels, Gauge>::default();
    for destination in report {
        let of = &destination.jobs;
        let states = [
            ("waiting", of.waiting),
            ("sending", of.sending),
            ("delivered", of.delivered),
            ("parked", of.parked),
            ("cancelled", of.cancelled),
        ];
        for (state, count) in states {
            let labels = QueueLabels { remote: of.remote.to_string(), state };
            jobs.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let labels = RemoteLabels { remote: of.remote.to_string() };
        committed.get_or_create(&labels).set(i64::try_from(of.committed).unwrap_or(i64::MAX));
        held.get_or_create(&labels).set(i64::from(destination.held_until.is_some()));
    }
    registry.register("delivery_jobs", "Instances to be delivered, by remote and state", jobs);
    registry.register(
        "delivery_committed",
        "Delivered instances that the remote has committed to",
        committed,
    );
    registry.register("delivery_held", "Whether a remote is left alone after a failure", held);
}

/// Also those of which there are none: what is watched for must be there to be watched.
fn errands(registry: &mut Registry, counts: &[ErrandCount]) {
    let kept = Family::<ErrandLabels, Gauge>::default();
    for kind in ErrandKind::ALL {
        for state in ErrandState::ALL {
            let found = counts.iter().find(|it| it.kind == kind && it.state == state);
            let count = found.map_or(0, |it| i64::try_from(it.count).unwrap_or(i64::MAX));
            let labels = ErrandLabels { kind: kind.as_str(), state: state.as_str() };
            kept.get_or_create(&labels).set(count);
        }
    }
    let help = "Storage commitments asked of us and by us and notices of availability, by state; of the past, those kept";
    registry.register("errands", help, kept);
}

fn taken(registry: &mut Registry, node: &Node) {
    let counters = node.archive.counters();
    let all = [
        ("instances_taken", "Instances taken in since the start", counters.taken),
        (
            "instances_repeated",
            "Instances that were kept already, byte for byte, since the start",
            counters.repeated,
        ),
        ("instances_refused", "Instances not taken since the start", counters.refused),
    ];
    for (name, help, count) in all {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    }
}

fn certificates(registry: &mut Registry, node: &Node) {
    let ends = Family::<CertificateLabels, Gauge>::default();
    for held in node.holders.iter().flat_map(Tls::held) {
        let labels = CertificateLabels {
            table: held.setting().table.name(),
            setting: held.setting().key,
            subject: held.certificate.subject,
            fingerprint: held.certificate.fingerprint.to_string(),
        };
        ends.get_or_create(&labels).set(held.certificate.not_after.as_second());
    }
    let help = "When a certificate that the node holds expires, in seconds since 1970";
    registry.register("certificate_expiry_timestamp_seconds", help, ends);
}

/// The disks that are watched: what is free, what there is, and whether that is enough.
fn disks(registry: &mut Registry, node: &Node) {
    let (free, total) = (Family::<DiskLabels, Gauge>::default(), Family::<DiskLabels, Gauge>::default());
    let level = Family::<DiskLabels, Gauge>::default();
    for state in node.archive.disks() {
        let labels = DiskLabels { disk: state.disk.as_str() };
        free.get_or_create(&labels).set(i64::try_from(state.space.free).unwrap_or(i64::MAX));
        total.get_or_create(&labels).set(i64::try_from(state.space.total).unwrap_or(i64::MAX));
        level.get_or_create(&labels).set(match state.level {
            Level::Ample => 0,
            Level::Low => 1,
            Level::Full => 2,
        });
    }
    registry.register("disk_free_bytes", "What is free of a disk, in bytes", free);
    registry.register("disk_total_bytes", "All there is of a disk, in bytes", total);
    let help = "0: there is room; 1: there is little; 2: nothing more is taken in until there is room";
    registry.register("disk_level", help, level);
}

/// What waits in the spool to settle, and whether it does.
fn settling(registry: &mut Registry, report: &SettlingReport) {
    let damaged = report.damaged.len() as u64;
    let all = [
        ("settling_objects", "Objects that wait in the spool for their place in the store", report.objects),
        ("settling_bytes", "Bytes that wait in the spool for their place in the store", report.bytes),
        ("settling_damaged", "Spooled objects that are not what came, and do not settle", damaged),
        (
            "settling_idle_seconds",
            "Seconds since an object settled last; 0: none did since the start",
            report.idle_seconds.unwrap_or_default(),
        ),
        ("store_away", "Whether the object store is away", u64::from(report.away.is_some())),
    ];
    for (name, help, count) in all {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    }
}

/// What is going on now, and must come back to where it was.
fn present(registry: &mut Registry, node: &Node) {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let all = [
        ("associations", "DIMSE associations that are open", node.archive.counters().associations),
        ("tasks", "Tasks of the runtime: connections, associations, workers", tasks as u64),
    ];
    for (name, help, count) in all {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    }
}
