//! The table of contents: every resource of the door (PS3.18 §10.1) and the file that answers for it.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, any, get};
use causeway_archive::Archive;

use crate::config::Config;
use crate::door::Door;
use crate::problem::{method_not_allowed, no_such_resource};
use crate::{delete, front, qido, stow, wado};

/// Where the door's resources begin, below the node's root.
pub const BASE: &str = "/dicom-web";

type Routes = MethodRouter<Arc<Door>>;

/// The door: all its resources, below [`BASE`]. The caller's address is expected as `ConnectInfo<SocketAddr>`,
/// which [`crate::serve`] provides.
pub fn router(archive: Archive, config: Config) -> Router {
    let door = Door::new(archive, config);
    let study = "/studies/{study}";
    let series = "/studies/{study}/series/{series}";
    let instance = "/studies/{study}/series/{series}/instances/{instance}";
    let frames = "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}";
    let table: [(String, Routes); 21] = [
        ("/studies".to_owned(), get(qido::studies).post(stow::store).fallback(method_not_allowed)),
        ("/series".to_owned(), get(qido::series).fallback(method_not_allowed)),
        ("/instances".to_owned(), get(qido::instances).fallback(method_not_allowed)),
        (format!("{study}/series"), get(qido::series).fallback(method_not_allowed)),
        (format!("{study}/instances"), get(qido::instances).fallback(method_not_allowed)),
        (format!("{series}/instances"), get(qido::instances).fallback(method_not_allowed)),
        (
            study.to_owned(),
            get(wado::objects).post(stow::store).delete(delete::delete).fallback(method_not_allowed),
        ),
        (series.to_owned(), get(wado::objects).delete(delete::delete).fallback(method_not_allowed)),
        (instance.to_owned(), get(wado::objects).delete(delete::delete).fallback(method_not_allowed)),
        (format!("{study}/metadata"), get(wado::metadata).fallback(method_not_allowed)),
        (format!("{series}/metadata"), get(wado::metadata).fallback(method_not_allowed)),
        (format!("{instance}/metadata"), get(wado::metadata).fallback(method_not_allowed)),
        (format!("{study}/rendered"), get(wado::rendered).fallback(method_not_allowed)),
        (format!("{series}/rendered"), get(wado::rendered).fallback(method_not_allowed)),
        (format!("{instance}/rendered"), get(wado::rendered).fallback(method_not_allowed)),
        (format!("{frames}/rendered"), get(wado::rendered).fallback(method_not_allowed)),
        (format!("{study}/thumbnail"), get(wado::thumbnail).fallback(method_not_allowed)),
        (format!("{series}/thumbnail"), get(wado::thumbnail).fallback(method_not_allowed)),
        (format!("{instance}/thumbnail"), get(wado::thumbnail).fallback(method_not_allowed)),
        (format!("{frames}/thumbnail"), get(wado::thumbnail).fallback(method_not_allowed)),
        ("/{*rest}".to_owned(), any(no_such_resource)),
    ];
    let routes = table
        .into_iter()
        .fold(Router::new(), |routes, (path, methods)| routes.route(&format!("{BASE}{path}"), methods));
    front::before(routes.with_state(door.clone()), door)
}
