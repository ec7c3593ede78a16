//! The words of the table of contents: a resource, its methods, and what each is for its callers. The router is
//! built from them, and so is what a capabilities description tells.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::Method as Verb;
use axum::routing::{self, MethodRouter};
use causeway_core::Level;

use super::Described;
use crate::accept::{FOR_COMMITMENT, FOR_DATA_SETS, FOR_REPORT, Offer};
use crate::commitment;
use crate::door::Door;
use crate::problem::method_not_allowed;
use crate::stow::TAKEN;

/// Handlers of one resource.
pub(crate) type Routes = MethodRouter<Arc<Door>>;

/// What a method is for its callers.
#[derive(Debug, Clone)]
pub(crate) struct About {
    /// Its name, which no other method of the table has.
    pub(crate) id: &'static str,
    pub(crate) verb: Verb,
    /// Media types of the request's body.
    pub(crate) takes: &'static [&'static str],
    /// Media types of the answer, the default first.
    pub(crate) offers: &'static [Offer],
    pub(crate) query: Parameters,
    /// Statuses of success, and those of failure, as numbers parted by spaces.
    pub(crate) statuses: [&'static str; 2],
}

/// The query parameters that a method takes beside `accept` and `charset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// None, nor those two.
    Nothing,
    /// These.
    Named(&'static [Parameter]),
    /// Those of a search that answers at this level.
    Search(Level),
}

/// A query parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// Its type in XML Schema.
    pub(crate) kind: &'static str,
    /// Values that it takes; any when there are none here.
    pub(crate) options: &'static [&'static str],
    /// What it does, in a few words.
    pub(crate) words: &'static str,
}

/// A method with its handler.
pub(crate) struct Method {
    about: About,
    routes: Routes,
}

impl Method {
    /// The same, with query parameters of its own.
    pub(crate) fn with(mut self, parameters: &'static [Parameter]) -> Self {
        self.about.query = Parameters::Named(parameters);
        self
    }
}

/// GET of something that is there, in one of `offers`. HEAD comes with it.
pub(crate) fn retrieve<H, T>(id: &'static str, offers: &'static [Offer], handler: H) -> Method
where
    H: Handler<T, Arc<Door>>,
    T: 'static,
{
    let statuses = ["200 206 304", "400 401 403 404 406 410 500 503"];
    let query = Parameters::Named(&[]);
    let about = About { id, verb: Verb::GET, takes: &[], offers, query, statuses };
    Method { about, routes: routing::get(handler) }
}

/// GET of what is found at `level`. HEAD comes with it.
pub(crate) fn search<H, T>(id: &'static str, level: Level, handler: H) -> Method
where
    H: Handler<T, Arc<Door>>,
    T: 'static,
{
    let statuses = ["200 204 304", "400 401 403 406 500 503"];
    let query = Parameters::Search(level);
    let about = About { id, verb: Verb::GET, takes: &[], offers: FOR_DATA_SETS, query, statuses };
    Method { about, routes: routing::get(handler) }
}

/// POST of instances.
pub(crate) fn store<H, T>(id: &'static str, handler: H) -> Method
where
    H: Handler<T, Arc<Door>>,
    T: 'static,
{
    let statuses = ["200 202 409", "400 401 403 406 408 413 415 500 503"];
    let query = Parameters::Named(&[]);
    let about = About { id, verb: Verb::POST, takes: TAKEN, offers: FOR_REPORT, query, statuses };
    Method { about, routes: routing::post(handler) }
}

/// POST of a request that is worked on.
pub(crate) fn ask<H, T>(id: &'static str, handler: H) -> Method
where
    H: Handler<T, Arc<Door>>,
    T: 'static,
{
    let statuses = ["200 202", "400 401 403 406 408 409 413 415 500 503"];
    let (takes, query) = (commitment::TAKEN, Parameters::Named(&[]));
    let about = About { id, verb: Verb::POST, takes, offers: FOR_COMMITMENT, query, statuses };
    Method { about, routes: routing::post(handler) }
}

/// GET of what came of it. HEAD comes with it.
pub(crate) fn check<H, T>(id: &'static str, handler: H) -> Method
where
    H: Handler<T, Arc<Door>>,
    T: 'static,
{
    let statuses = ["200 202", "400 401 403 404 406 410 500 503"];
    let query = Parameters::Named(&[]);
    let about = About { id, verb: Verb::GET, takes: &[], offers: FOR_COMMITMENT, query, statuses };
    Method { about, routes: routing::get(handler) }
}

/// DELETE of what the path names.
pub(crate) fn remove<H, T>(id: &'static str, handler: H) -> Method
where
    H: Handler<T, Arc<Door>>,
    T: 'static,
{
    let statuses = ["204", "400 401 403 404 410 500 503"];
    let query = Parameters::Nothing;
    let about = About { id, verb: Verb::DELETE, takes: &[], offers: &[], query, statuses };
    Method { about, routes: routing::delete(handler) }
}

/// A resource, with its methods and their handlers.
pub(crate) struct Row {
    path: String,
    methods: Vec<Method>,
}

/// The resource at `path` below the base. OPTIONS, and 405 for what has no handler, come with it.
pub(crate) fn row<const N: usize>(path: impl Into<String>, methods: [Method; N]) -> Row {
    Row { path: path.into(), methods: methods.into() }
}

/// A resource as it is described.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// Below the base, beginning with a slash; empty for the base itself.
    pub(crate) path: String,
    pub(crate) methods: Vec<About>,
}

impl Resource {
    /// The methods that it answers, as `Allow` tells them.
    pub(crate) fn allow(&self) -> String {
        let mut names = Vec::with_capacity(self.methods.len() + 2);
        for About { verb, .. } in &self.methods {
            names.push(verb.as_str());
            if *verb == Verb::GET {
                names.push("HEAD");
            }
        }
        names.push("OPTIONS");
        names.join(",")
    }
}

/// The rows as they are described.
pub(crate) fn described(table: &[Row]) -> Arc<[Resource]> {
    let one = |row: &Row| Resource {
        path: row.template(),
        methods: row.methods.iter().map(|method| method.about.clone()).collect(),
    };
    table.iter().map(one).collect()
}

impl Row {
    /// The path as a URI Template: that a variable takes in slashes is the router's affair.
    fn template(&self) -> String {
        self.path.replace("{*", "{")
    }

    /// The path, and what answers there.
    pub(crate) fn into_routes(self, resources: &Arc<[Resource]>) -> (String, Routes) {
        let described = Described { resources: Arc::clone(resources), path: self.template().into() };
        let options = routing::options(move |State(door): State<Arc<Door>>, request: Request| {
            let described = described.clone();
            async move { described.answer(&door, &request) }
        });
        let routes = self.methods.into_iter().fold(options, |all, method| all.merge(method.routes));
        (self.path, routes.fallback(method_not_allowed))
    }
}
