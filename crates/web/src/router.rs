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
    FOR_ALL_BULK, FOR_BULK, FOR_DATA_SETS, FOR_INSTANCE, FOR_INSTANCES, FOR_PICTURE, FOR_PICTURES,
    FOR_THUMBNAIL,
};
use crate::capabilities::about::{Row, ask, check, described, remove, retrieve, row, search, store};
use crate::config::Config;
use crate::door::Door;
use crate::problem::{method_not_allowed, no_such_resource};
use crate::{commitment, delete, front, qido, stow, wado};

/// Where the door's resources begin, below the node's root.
pub const BASE: &str = "/dicom-web";
/// Where the URI service is, which is no RESTful service and has no part in their description.
const URI_SERVICE: &str = "/wado";

/// The door: all its resources, below [`BASE`], and the answer for whatever no room has. The caller's address is expected as `ConnectInfo<SocketAddr>`,
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
        .route(URI_SERVICE, get(wado::uri).fallback(method_not_allowed))
        .fallback(no_such_resource);
    front::before(routes.with_state(door.clone()), door)
}

const STUDY: &str = "/studies/{study}";
const SERIES: &str = "/studies/{study}/series/{series}";
const INSTANCE: &str = "/studies/{study}/series/{series}/instances/{instance}";
const FRAMES: &str = "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}";

fn table() -> Vec<Row> {
    [found(), kept(), metadata(), in_pieces(), shown(), committed()].into_iter().flatten().collect()
}

/// The base, and what is searched (PS3.18 §10.6) and stored (PS3.18 §10.5).
fn found() -> Vec<Row> {
    vec![
        row("", []),
        row(
            "/studies",
            [search("SearchForStudies", Level::Study, qido::studies), store("StoreInstances", stow::store)],
        ),
        row("/series", [search("SearchForSeries", Level::Series, qido::series)]),
        row("/instances", [search("SearchForInstances", Level::Instance, qido::instances)]),
        row(format!("{STUDY}/series"), [search("SearchForStudySeries", Level::Series, qido::series)]),
        row(
            format!("{STUDY}/instances"),
            [search("SearchForStudyInstances", Level::Instance, qido::instances)],
        ),
        row(
            format!("{SERIES}/instances"),
            [search("SearchForStudySeriesInstances", Level::Instance, qido::instances)],
        ),
    ]
}

/// Instances as files (PS3.18 §10.4.1.1.1).
fn kept() -> Vec<Row> {
    vec![
        row(
            STUDY,
            [
                retrieve("RetrieveStudy", FOR_INSTANCES, wado::objects).with(wado::OF_AN_ARCHIVE),
                store("StoreStudyInstances", stow::store),
                remove("DeleteStudy", delete::delete),
            ],
        ),
        row(
            SERIES,
            [
                retrieve("RetrieveSeries", FOR_INSTANCES, wado::objects).with(wado::OF_AN_ARCHIVE),
                remove("DeleteSeries", delete::delete),
            ],
        ),
        row(
            INSTANCE,
            [
                retrieve("RetrieveInstance", FOR_INSTANCE, wado::objects).with(wado::OF_AN_ARCHIVE),
                remove("DeleteInstance", delete::delete),
            ],
        ),
    ]
}

/// Metadata (PS3.18 §10.4.1.1.2).
fn metadata() -> Vec<Row> {
    let row = |path, id| row(format!("{path}/metadata"), [retrieve(id, FOR_DATA_SETS, wado::metadata)]);
    vec![
        row(STUDY, "RetrieveStudyMetadata"),
        row(SERIES, "RetrieveSeriesMetadata"),
        row(INSTANCE, "RetrieveInstanceMetadata"),
    ]
}

/// Frames and bulk data (PS3.18 §10.4.1.1.5, §10.4.1.1.6).
fn in_pieces() -> Vec<Row> {
    vec![
        row(FRAMES, [retrieve("RetrieveFrames", FOR_BULK, wado::frames)]),
        row(
            format!("{INSTANCE}/bulkdata/{{*attribute}}"),
            [retrieve("RetrieveBulkdata", FOR_BULK, wado::bulkdata)],
        ),
        row(
            format!("{INSTANCE}/pixeldata"),
            [retrieve("RetrieveInstancePixelData", FOR_BULK, wado::pixeldata)],
        ),
        row(
            format!("{STUDY}/bulkdata"),
            [retrieve("RetrieveStudyBulkdata", FOR_ALL_BULK, wado::all_bulkdata)],
        ),
        row(
            format!("{SERIES}/bulkdata"),
            [retrieve("RetrieveSeriesBulkdata", FOR_ALL_BULK, wado::all_bulkdata)],
        ),
        row(
            format!("{INSTANCE}/bulkdata"),
            [retrieve("RetrieveInstanceBulkdata", FOR_ALL_BULK, wado::all_bulkdata)],
        ),
        row(
            format!("{STUDY}/pixeldata"),
            [retrieve("RetrieveStudyPixelData", FOR_ALL_BULK, wado::all_pixeldata)],
        ),
        row(
            format!("{SERIES}/pixeldata"),
            [retrieve("RetrieveSeriesPixelData", FOR_ALL_BULK, wado::all_pixeldata)],
        ),
    ]
}

/// Pictures (PS3.18 §10.4.1.1.3, §10.4.1.1.4).
fn shown() -> Vec<Row> {
    let picture = |path, id, offers| {
        let method = retrieve(id, offers, wado::rendered).with(wado::OF_A_PICTURE);
        row(format!("{path}/rendered"), [method])
    };
    let small = |path, id| {
        let method = retrieve(id, FOR_THUMBNAIL, wado::thumbnail).with(wado::OF_A_THUMBNAIL);
        row(format!("{path}/thumbnail"), [method])
    };
    vec![
        picture(STUDY, "RetrieveRenderedStudy", FOR_PICTURES),
        picture(SERIES, "RetrieveRenderedSeries", FOR_PICTURES),
        picture(INSTANCE, "RetrieveRenderedInstance", FOR_PICTURE),
        picture(FRAMES, "RetrieveRenderedFrames", FOR_PICTURE),
        small(STUDY, "RetrieveStudyThumbnail"),
        small(SERIES, "RetrieveSeriesThumbnail"),
        small(INSTANCE, "RetrieveInstanceThumbnail"),
        small(FRAMES, "RetrieveFrameThumbnail"),
    ]
}

/// Requests for storage commitment (PS3.18 §13.1.1).
fn committed() -> Vec<Row> {
    vec![row(
        "/commitment-requests/{transaction}",
        [
            check("CheckStorageCommitment", commitment::check),
            ask("RequestStorageCommitment", commitment::ask),
        ],
    )]
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
        assert_eq!(allow("/commitment-requests/{transaction}"), "GET,HEAD,POST,OPTIONS");
    }
}
