//! The first page: where everything is.

use axum::extract::State;
use axum::response::Html;

use crate::state::Node;

/// Links to what the node offers.
pub(crate) async fn first(State(node): State<Node>) -> Html<String> {
    let ae_title = escape(node.ae_title.as_str());
    let port = node.dimse_port;
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Causeway {ae_title}</title>\
         <style>body{{font:16px/1.6 system-ui;max-width:42rem;margin:4rem auto;padding:0 1rem}}</style>\
         <h1>Causeway</h1><p>A DICOM network node. AE title <b>{ae_title}</b>, DIMSE port <b>{port}</b>.</p><ul>\
         <li><a href=dicom-web/studies>Studies</a> (QIDO-RS)</li>\
         <li><a href=api/v1/remotes>Remotes</a>, <a href=api/v1/routes>routes</a>, <a href=api/v1/queue>queues</a></li>\
         <li><a href=api/v1/worklist>Worklist</a>, <a href=api/v1/procedure-steps>performed steps</a></li>\
         <li><a href=health/ready>Health</a>, <a href=metrics>metrics</a></li></ul></html>"
    ))
}

/// An AE title may hold any printable character.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
