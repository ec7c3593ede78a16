//! The first page: where everything is.

use axum::extract::State;
use axum::response::Html;

use crate::state::Node;

/// Links to what the node offers.
pub(crate) async fn first(State(node): State<Node>) -> Html<String> {
    let ae_title = escape(node.ae_title.as_str());
    let port = node.dimse_port;
    let viewers = viewers(&node.viewers);
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Causeway {ae_title}</title>\
         <style>body{{font:16px/1.6 system-ui;max-width:42rem;margin:4rem auto;padding:0 1rem}}</style>\
         <h1>Causeway</h1><p>A DICOM network node. AE title <b>{ae_title}</b>, DIMSE port <b>{port}</b>.</p><ul>\
         {viewers}<li><a href=dicom-web/studies>Studies</a> (QIDO-RS)</li>\
         <li><a href=api/v1/remotes>Remotes</a>, <a href=api/v1/routes>routes</a>, <a href=api/v1/queue>queues</a></li>\
         <li><a href=api/v1/worklist>Worklist</a>, <a href=api/v1/procedure-steps>performed steps</a></li>\
         <li><a href=health/ready>Health</a>, <a href=metrics>metrics</a></li></ul></html>"
    ))
}

/// A line with a link to each viewer, if there is one.
fn viewers(names: &[String]) -> String {
    let links: Vec<String> = names.iter().map(|name| format!("<a href=viewers/{name}/>{name}</a>")).collect();
    if links.is_empty() { String::new() } else { format!("<li>Viewers: {}</li>", links.join(", ")) }
}

/// An AE title may hold any printable character.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_viewer_has_its_link_and_where_there_is_none_there_is_no_line() {
        assert_eq!(viewers(&[]), "");
        assert_eq!(
            viewers(&["dwv".to_owned(), "ohif".to_owned()]),
            "<li>Viewers: <a href=viewers/dwv/>dwv</a>, <a href=viewers/ohif/>ohif</a></li>"
        );
    }
}
