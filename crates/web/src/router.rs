//! The table of contents: every resource of the door (PS3.18 §10.1) and the file that answers for it.
//!
//! A new resource is one row: `row(path, [retrieve("ItsOwnName", OFFERS, handler)])`, the offers those that its handler
//! chooses among. HEAD, OPTIONS, `Allow`, 405 and its place in the capabilities description (PS3.18 §8.9) follow from
//! the row.

use axum::Router;
use axum::routing::{any, get};
use causeway_archive::Archive;
use causeway_core::Level;

use crate::accept::{
    FOR_BULK, FOR_DATA_SETS, FOR_INSTANCE, FOR_INSTANCES, FOR_PICTURE, FOR_PICTURES, FOR_THUMBNAIL,
};
use crate::capabilities::about::{Row, described, remove, retrieve, row, search, store};
use crate::config::Config;
use crate::door::Door;
use crate::problem::{method_not_allowed, no_such_resource};
use crate::{delete, front, qido, stow, wado};

/// Where the door's resources begin, below the node's root.
pub const BASE: &str = "/dicom-web";
/// Where the URI service is, which is no RESTful service and has no part in their description.
const URI_SERVICE: &str = "/wado";

/// The door: all its resources, below [`BASE`]. The caller's address is expected as `ConnectInfo<SocketAddr>`,
/// which [`crate::serve`] provides.
pub fn router(archive: Archive, config: Config) -> Router {
    let door = Door::new(archive, config);
    let table = table();
    let resources = described(&table);
    let routes = table.into_iter().fold(Router::new(), |routes, row| {
        let (path, methods) = row.into_routes(&resources);
        let routes =
            if path.is_empty() { routes.route(&format!("{BASE}/"), methods.clone()) } else { routes };
        routes.route(&format!("{BASE}{path}"), methods)
    });
    let routes = routes
        .route(&format!("{BASE}/{{*rest}}"), any(no_such_resource))
        .route(URI_SERVICE, get(wado::uri).fallback(method_not_allowed));
    front::before(routes.with_state(door.clone()), door)
}

fn table() -> Vec<Row> {
    let study = "/studies/{study}";
    let series = "/studies/{study}/series/{series}";
    let instance = "/studies/{study}/series/{series}/instances/{instance}";
    let frames = "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}";
    vec![
        row("", []),
        row(
            "/studies",
            [search("SearchForStudies", Level::Study, qido::studies), store("StoreInstances", stow::store)],
        ),
        row("/series", [search("SearchForSeries", Level::Series, qido::series)]),
        row("/instances", [search("SearchForInstances", Level::Instance, qido::instances)]),
        row(format!("{study}/series"), [search("SearchForStudySeries", Level::Series, qido::series)]),
        row(
            format!("{study}/instances"),
            [search("SearchForStudyInstances", Level::Instance, qido::instances)],
        ),
        row(
            format!("{series}/instances"),
            [search("SearchForStudySeriesInstances", Level::Instance, qido::instances)],
        ),
        row(
            study,
            [
                retrieve("RetrieveStudy", FOR_INSTANCES, wado::objects),
                store("StoreStudyInstances", stow::store),
                remove("DeleteStudy", delete::delete),
            ],
        ),
        row(
            series,
            [
                retrieve("RetrieveSeries", FOR_INSTANCES, wado::objects),
                remove("DeleteSeries", delete::delete),
            ],
        ),
        row(
            instance,
            [
                retrieve("RetrieveInstance", FOR_INSTANCE, wado::objects),
                remove("DeleteInstance", delete::delete),
            ],
        ),
        row(format!("{study}/metadata"), [retrieve("RetrieveStudyMetadata", FOR_DATA_SETS, wado::metadata)]),
        row(
            format!("{series}/metadata"),
            [retrieve("RetrieveSeriesMetadata", FOR_DATA_SETS, wado::metadata)],
        ),
        row(
            format!("{instance}/metadata"),
            [retrieve("RetrieveInstanceMetadata", FOR_DATA_SETS, wado::metadata)],
        ),
        row(frames, [retrieve("RetrieveFrames", FOR_BULK, wado::frames)]),
        row(
            format!("{instance}/bulkdata/{{*attribute}}"),
            [retrieve("RetrieveBulkdata", FOR_BULK, wado::bulkdata)],
        ),
        row(
            format!("{instance}/pixeldata"),
            [retrieve("RetrieveInstancePixelData", FOR_BULK, wado::pixeldata)],
        ),
        row(
            format!("{study}/rendered"),
            [retrieve("RenderStudy", FOR_PICTURES, wado::rendered).with(wado::OF_A_PICTURE)],
        ),
        row(
            format!("{series}/rendered"),
            [retrieve("RenderSeries", FOR_PICTURES, wado::rendered).with(wado::OF_A_PICTURE)],
        ),
        row(
            format!("{instance}/rendered"),
            [retrieve("RenderInstance", FOR_PICTURE, wado::rendered).with(wado::OF_A_PICTURE)],
        ),
        row(
            format!("{frames}/rendered"),
            [retrieve("RenderFrames", FOR_PICTURE, wado::rendered).with(wado::OF_A_PICTURE)],
        ),
        row(
            format!("{study}/thumbnail"),
            [retrieve("StudyThumbnail", FOR_THUMBNAIL, wado::thumbnail).with(wado::OF_A_THUMBNAIL)],
        ),
        row(
            format!("{series}/thumbnail"),
            [retrieve("SeriesThumbnail", FOR_THUMBNAIL, wado::thumbnail).with(wado::OF_A_THUMBNAIL)],
        ),
        row(
            format!("{instance}/thumbnail"),
            [retrieve("InstanceThumbnail", FOR_THUMBNAIL, wado::thumbnail).with(wado::OF_A_THUMBNAIL)],
        ),
        row(
            format!("{frames}/thumbnail"),
            [retrieve("FrameThumbnail", FOR_THUMBNAIL, wado::thumbnail).with(wado::OF_A_THUMBNAIL)],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_methods_have_the_same_name_and_no_two_rows_the_same_path() {
        let resources = described(&table());
        let ids: Vec<&str> =
            resources.iter().flat_map(|resource| resource.methods.iter().map(|about| about.id)).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        let paths: BTreeSet<&str> = resources.iter().map(|resource| resource.path.as_str()).collect();
        assert_eq!(paths.len(), resources.len());
    }

    #[test]
    fn what_a_resource_allows_is_what_it_has_methods_for() {
        let resources = described(&table());
        let allow = |path: &str| resources.iter().find(|resource| resource.path == path).unwrap().allow();
        assert_eq!(allow(""), "OPTIONS");
        assert_eq!(allow("/studies"), "GET,HEAD,POST,OPTIONS");
        assert_eq!(allow("/studies/{study}"), "GET,HEAD,POST,DELETE,OPTIONS");
        assert_eq!(allow("/series"), "GET,HEAD,OPTIONS");
    }
}
