//! Putting the rooms together, and taking them down in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use causeway_admin::{LinkFace, Node};
use causeway_archive::members::{Fellows, Introducing};
use causeway_archive::{Archive, oidc};
use causeway_catalog::{Catalog, Server};
use causeway_core::{Class, Clock, SystemClock};
use causeway_forward::{Forwarder, Router};
use causeway_store::settings::{Place, SettingsError};
use causeway_store::{Disk, ObjectsConfig, Store, Watched};
use causeway_tls::{Role, Tls};
use causeway_web::Viewers;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::config::{
    Acknowledge, CatalogPlace, CatalogSettings, Duplicate, KeepSettings, Settings, WorklistSettings,
};

/// How long a start waits for the server of the catalog.
const WAIT_FOR_SERVER: Duration = Duration::from_secs(60);
/// Between two calls of it.
const BETWEEN_CALLS: Duration = Duration::from_secs(1);

/// A node that runs.
pub(crate) struct Running {
    pub(crate) archive: Archive,
    pub(crate) forwarder: Forwarder,
    /// Where the DIMSE door listens.
    pub(crate) dimse: SocketAddr,
    /// Where it listens with TLS, if at all.
    pub(crate) secure: Option<SocketAddr>,
    /// Where the web doors listen.
    pub(crate) web: SocketAddr,
    /// How an address there begins.
    pub(crate) web_scheme: &'static str,
    node: Node,
    stop_doors: watch::Sender<bool>,
    doors: JoinSet<()>,
    stop_rest: watch::Sender<bool>,
    rest: Vec<JoinHandle<()>>,
    certificates: Vec<causeway_tls::Watch>,
}

/// Opens everything, replays the spool, then opens the doors.
pub(crate) async fn start(settings: Settings) -> anyhow::Result<Running> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let tls = Tls::open(settings.dimse.tls.clone(), Arc::clone(&clock))?;
    let web_tls = open_web_tls(&settings, &clock)?;
    let catalog = open_catalog(&settings, &clock).await?;
    let store = open_store(&settings).await?;
    store.watch(watched(&settings)).await.context("what is free of the disks cannot be known")?;
    take_over(&catalog, &store).await?;
    let router = Arc::new(Router::load(catalog.clone()).await?);
    let ae_title = settings.node.ae_title.clone();
    let config = archive_config(&settings, &clock)?;
    let archive = Archive::open(store, catalog.clone(), Arc::clone(&clock), router.clone(), config).await?;
    archive.look_at_store().await.map_err(|words| anyhow!("[store] url: {words}"))?;
    let replayed = archive.replay().await.context("the spool cannot be read again")?;
    tracing::info!(recorded = replayed.recorded, known = replayed.known, "spool replayed");
    settings.web.check(&archive)?;
    let viewers = Viewers::open(&settings.web)?;
    let forwarder = Forwarder::new(
        archive.clone(),
        catalog,
        router,
        clock,
        ae_title.clone(),
        tls.clone(),
        settings.forward.clone(),
    );

    let dimse = bind(settings.dimse.listen, "[dimse] listen").await?;
    let secure = match tls.listen() {
        Some(address) => Some(bind(address, "[dimse.tls] listen").await?),
        None => None,
    };
    let web = bind(settings.web.listen, "[web] listen").await?;
    let (dimse_address, web_address) = (dimse.local_addr()?, web.local_addr()?);
    let secure_address = secure.as_ref().map(TcpListener::local_addr).transpose()?;
    let holders: Vec<Tls> = std::iter::once(tls.clone()).chain(web_tls.clone()).collect();
    let certificates: std::io::Result<Vec<_>> = holders.iter().map(Tls::watch).collect();
    let certificates = certificates.context("the watch over certificates cannot begin")?;
    let node = Node::new(archive.clone(), forwarder.clone(), holders, ae_title.clone(), dimse_address.port())
        .with_viewers(viewers.names())
        .with_link(link_face(&settings, web_tls.as_ref()));

    let (stop_doors, stopped) = watch::channel(false);
    let mut doors = JoinSet::new();
    let stopping = until(stopped.clone());
    let listeners = causeway_scp::Listeners { plain: dimse, secure };
    doors.spawn(causeway_scp::serve(listeners, archive.clone(), ae_title, tls, settings.dimse, stopping));
    let web_scheme = settings.web.scheme();
    let opening = causeway_web::Opening { listener: web, tls: web_tls, archive: archive.clone() };
    doors.spawn(serve_web(opening, node.clone(), viewers, settings.web, until(stopped)));

    let (stop_rest, stopped) = watch::channel(false);
    let rest = behind_the_doors(&archive, &forwarder, &settings.worklist, &settings.keep, &stopped);
    node.set_ready(true);
    Ok(Running {
        archive,
        forwarder,
        dimse: dimse_address,
        secure: secure_address,
        web: web_address,
        web_scheme,
        node,
        stop_doors,
        doors,
        stop_rest,
        rest,
        certificates,
    })
}

/// Opens the catalog. A server that is away is waited for, for a while.
pub(crate) async fn open_catalog(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Catalog> {
    match settings.catalog()? {
        CatalogPlace::File(file) => {
            let catalog = Catalog::open(&file, Arc::clone(clock)).await;
            catalog.with_context(|| format!("the catalog {} cannot be opened", file.display()))
        }
        CatalogPlace::Server(server) => {
            let server = secured(*server, &settings.catalog, clock)?;
            let catalog = connect(&server, clock).await;
            catalog.with_context(|| format!("the catalog {server} cannot be opened"))
        }
    }
}

/// The server, called with the certificates that are set.
pub(crate) fn secured(
    server: Server,
    settings: &CatalogSettings,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Server> {
    let tls = Tls::for_catalog(settings.tls.clone(), Arc::clone(clock))?;
    Ok(server.with_security(tls.towards_server()))
}

/// Calls the server of the catalog until it is there, or has been away for too long.
async fn connect(server: &Server, clock: &Arc<dyn Clock>) -> Result<Catalog, causeway_catalog::Error> {
    let began = Instant::now();
    loop {
        match Catalog::connect(server.clone(), Arc::clone(clock)).await {
            Err(error) if error.class() == Class::Transient && began.elapsed() < WAIT_FOR_SERVER => {
                tracing::warn!(%error, %server, "the catalog is waited for");
                sleep(BETWEEN_CALLS).await;
            }
            other => return other,
        }
    }
}

/// Has what was under way when the node last ended due at once: its spool is ours alone, so whoever held it is gone.
async fn take_over(catalog: &Catalog, store: &Store) -> anyhow::Result<()> {
    let leases = catalog.end_leases(store.spool_id()).await?;
    if leases > 0 {
        tracing::info!(leases, "what was under way when the node last ended is due again");
    }
    Ok(())
}

/// What goes on behind the doors until they are closed and a while longer.
fn behind_the_doors(
    archive: &Archive,
    forwarder: &Forwarder,
    worklist: &WorklistSettings,
    keeping: &KeepSettings,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    vec![
        tokio::spawn(keep_up(archive.clone(), stopped.clone())),
        tokio::spawn(settle(archive.clone(), stopped.clone())),
        tokio::spawn(prepare(archive.clone(), stopped.clone())),
        tokio::spawn(watch_room(archive.clone(), stopped.clone())),
        tokio::spawn(verify(archive.clone(), stopped.clone())),
        tokio::spawn(move_objects(archive.clone(), stopped.clone())),
        tokio::spawn(keep(archive.clone(), keeping.round.duration(), stopped.clone())),
        tokio::spawn(note_uses(archive.clone(), keeping.round.duration(), stopped.clone())),
        tokio::spawn(bring_back(archive.clone(), stopped.clone())),
        tokio::spawn(keep_incidents(archive.clone(), stopped.clone())),
        tokio::spawn(keep_keys(archive.clone(), stopped.clone())),
        tokio::spawn(sweep(archive.clone(), worklist.keep_days, stopped.clone())),
        tokio::spawn(forward(forwarder.clone(), stopped.clone())),
    ]
}

/// Everything that is served over HTTP.
async fn serve_web(
    opening: causeway_web::Opening,
    node: Node,
    viewers: Viewers,
    config: causeway_web::Config,
    until: impl Future<Output = ()>,
) {
    let archive = opening.archive.clone();
    let routes = causeway_web::router(archive.clone(), config.clone())
        .merge(causeway_web::authenticate(causeway_admin::closed(node.clone()), &archive, &config))
        .merge(causeway_web::link(archive.clone(), config.clone()))
        .merge(causeway_web::members(archive.clone()))
        .merge(causeway_admin::open(node))
        .merge(viewers.routes());
    causeway_web::serve(opening, routes, &config.limits, until).await;
}

/// How others find this node who are invited to a link. A certificate that a CA issued is judged by that; it may change.
fn link_face(settings: &Settings, tls: Option<&Tls>) -> LinkFace {
    let held = tls.map(Tls::held).unwrap_or_default();
    let own = held.iter().find(|held| held.role == Role::Own).map(|held| &held.certificate);
    LinkFace {
        url: settings.web.public_url.as_ref().map(|url| url.as_str().to_owned()),
        certificate: own.filter(|own| own.is_self_issued()).map(|own| own.fingerprint),
    }
}

/// TLS of the web listener, where it is set.
pub(crate) fn open_web_tls(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<Tls>> {
    let config = settings.web.tls.clone();
    Ok(config.map(|config| Tls::for_web(config, Arc::clone(clock))).transpose()?)
}

pub(crate) async fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    let spool = settings.node.data.join("spool");
    let opened = |place| {
        Ok::<_, SettingsError>(match place {
            Place::Folder(folder) => ObjectsConfig::Local(folder),
            Place::Bucket(bucket) => ObjectsConfig::Remote(bucket.open()?),
        })
    };
    let objects = opened(settings.place()?)?;
    let also = settings.also_place()?.map(opened).transpose()?;
    Store::open_beside(causeway_store::Config { spool, objects }, also)
        .await
        .with_context(|| format!("the store in {} cannot be opened", settings.node.data.display()))
}

/// The disks that instances come to, settle on and are recorded on; those of a store or a database elsewhere are not ours
/// to watch.
fn watched(settings: &Settings) -> Vec<Watched> {
    let of_ingest = |disk, path| Watched { disk, path, marks: settings.ingest.marks() };
    let objects = match settings.place() {
        Ok(Place::Folder(path)) => Some(Watched { disk: Disk::Objects, path, marks: settings.store.marks() }),
        Ok(Place::Bucket(_)) | Err(_) => None,
    };
    let catalog = match settings.catalog() {
        Ok(CatalogPlace::File(path)) => Some(of_ingest(Disk::Catalog, path)),
        Ok(CatalogPlace::Server(_)) | Err(_) => None,
    };
    let spool = of_ingest(Disk::Spool, settings.node.data.join("spool"));
    std::iter::once(spool).chain(objects).chain(catalog).collect()
}

pub(crate) fn archive_config(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<causeway_archive::Config> {
    Ok(causeway_archive::Config {
        duplicate: match settings.ingest.duplicate {
            Duplicate::KeepFirst => causeway_archive::Duplicate::KeepFirst,
            Duplicate::Replace => causeway_archive::Duplicate::Replace,
        },
        acknowledge: match settings.ingest.acknowledge {
            Acknowledge::Spool => causeway_archive::Acknowledge::Spool,
            Acknowledge::Store => causeway_archive::Acknowledge::Store,
        },
        ae_title: Some(settings.node.ae_title.clone()),
        identity: settings.dimse.identity.clone(),
        introducing: Introducing {
            name: settings.node.name.clone().unwrap_or_default(),
            address: settings.node.address.as_ref().map(|url| url.as_str().to_owned()),
        },
        fellows: fellows(settings, clock)?,
        zone: settings.node.zone().ok(),
        provider: provider(settings, clock)?,
        grace: settings.keep.grace,
    })
}

/// Who calls the nodes that share the catalog, where there may be any.
pub(crate) fn fellows(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Arc<dyn Fellows>>> {
    let CatalogPlace::Server(_) = settings.catalog()? else { return Ok(None) };
    let calls = causeway_web::Calls::new(Arc::clone(clock)).context("no other node can be called")?;
    Ok(Some(Arc::new(calls)))
}

/// The identity provider that is set, if any.
fn provider(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<oidc::Provider>> {
    let Some(config) = &settings.auth.oidc else { return Ok(None) };
    let fetcher = causeway_web::Fetcher::new().context("[auth.oidc]: no keys can be fetched")?;
    Ok(Some(oidc::Provider::new(config.clone(), Arc::new(fetcher), Arc::clone(clock))))
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key} = \"{address}\": the port cannot be had"))
}

/// Completes when the node is told to stop.
async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone is a node that is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn keep_up(archive: Archive, stopped: watch::Receiver<bool>) {
    archive.keep_up_until(until(stopped)).await;
}

async fn settle(archive: Archive, stopped: watch::Receiver<bool>) {
    archive.settle_until(until(stopped)).await;
}

async fn prepare(archive: Archive, stopped: watch::Receiver<bool>) {
    archive.prepare_until(until(stopped)).await;
}

async fn watch_room(archive: Archive, stopped: watch::Receiver<bool>) {
    archive.watch_room_until(until(stopped)).await;
}

async fn verify(archive: Archive, stopped: watch::Receiver<bool>) {
    archive.by_turns("verification", until(stopped), |end| archive.verify_until(end)).await;
}

async fn move_objects(archive: Archive, stopped: watch::Receiver<bool>) {
    archive.by_turns("store move", until(stopped), |end| archive.move_until(end)).await;
}

async fn note_uses(archive: Archive, round: Duration, stopped: watch::Receiver<bool>) {
    archive.note_uses_until(round, until(stopped)).await;
}

async fn keep(archive: Archive, round: Duration, stopped: watch::Receiver<bool>) {
    archive.by_turns("keeping", until(stopped), |end| archive.keep_until(round, end)).await;
}

async fn bring_back(archive: Archive, stopped: watch::Receiver<bool>) {
    archive.by_turns("the way back", until(stopped), |end| archive.return_until(end)).await;
}

async fn keep_incidents(archive: Archive, stopped: watch::Receiver<bool>) {
    archive.keep_incidents_until(until(stopped)).await;
}

async fn keep_keys(archive: Archive, stopped: watch::Receiver<bool>) {
    archive.keep_keys_until(until(stopped)).await;
}

async fn sweep(archive: Archive, keep_days: u32, stopped: watch::Receiver<bool>) {
    let sweep = |end| archive.sweep_worklist_until(keep_days, end);
    archive.by_turns("sweep of the worklist", until(stopped), sweep).await;
}

async fn forward(forwarder: Forwarder, stopped: watch::Receiver<bool>) {
    forwarder.run_until(until(stopped)).await;
}

impl Running {
    /// Reads the certificates again.
    pub(crate) fn refresh(&self) {
        self.certificates.iter().for_each(causeway_tls::Watch::refresh);
    }

    /// Stops in order: no new callers, no visits and nobody who waits for something to collect, then the doors' last requests, then deliveries and settling.
    pub(crate) async fn stop(mut self) {
        self.node.set_ready(false);
        self.forwarder.stop_visits();
        self.archive.hatch().close();
        let _ = self.stop_doors.send(true);
        while self.doors.join_next().await.is_some() {}
        let _ = self.stop_rest.send(true);
        for task in self.rest {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the node failed");
            }
        }
        self.archive.leave_beginnings();
    }
}
