//! Viewers over HTTP, each answer whole: status, headers, body.

use axum::Router;
use axum::http::{Method, Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::config::{Config, PublicUrl};
use crate::viewers::Viewers;

fn viewer() -> (tempfile::TempDir, Router) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    for (path, text) in [
        ("index.html", "<script src=\"/app.0f6159c501addfe9.js\"></script>"),
        ("app.0f6159c501addfe9.js", "r.p=\"/\";"),
        ("assets/a.png", "not really a picture"),
    ] {
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    let viewers = [(ViewerName::parse("v").unwrap(), folder.path().to_path_buf())].into_iter().collect();
    let public_url = Some(PublicUrl::parse("https://pacs.example.org/x").unwrap());
    let config = Config { viewers, public_url, ..Config::default() };
    let routes = Viewers::open(&config).unwrap().routes();
    (folder, routes)
}

async fn ask(
    routes: &Router,
    method: Method,
    path: &str,
    headers: &[(HeaderName, &str)],
) -> (Response, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let response = routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, Body::empty()), String::from_utf8_lossy(&body).into_owned())
}

async fn get(routes: &Router, path: &str) -> (Response, String) {
    ask(routes, Method::GET, path, &[]).await
}

fn header(response: &Response, name: HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_page_comes_isolated_and_is_asked_for_each_time() {
    let (_keep, routes) = viewer();
    let (response, body) = get(&routes, "/viewers/v/").await;
    assert_eq!(
        (response.status(), body.as_str()),
        (StatusCode::OK, "<script src=\"./app.0f6159c501addfe9.js\"></script>")
    );
    assert_eq!(header(&response, CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(&response, CACHE_CONTROL), "public, no-cache");
    assert_eq!(header(&response, CROSS_ORIGIN_OPENER_POLICY), "same-origin");
    assert_eq!(header(&response, CROSS_ORIGIN_EMBEDDER_POLICY), "require-corp");
    assert_eq!(header(&response, X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert!(
        header(&response, CONTENT_SECURITY_POLICY)
            .contains("connect-src 'self' data: blob: https://pacs.example.org;")
    );
}

#[tokio::test]
async fn a_path_that_only_the_page_knows_gets_the_page_and_a_missing_file_does_not() {
    let (_keep, routes) = viewer();
    let (response, body) = get(&routes, "/viewers/v/viewer/1.2.3?a=b").await;
    assert_eq!(
        (response.status(), body.as_str()),
        (StatusCode::OK, "<script src=\"../app.0f6159c501addfe9.js\"></script>")
    );
    for path in ["/viewers/v/none.js", "/viewers/v/assets/b.png", "/viewers/w/", "/viewers/w", "/viewers/V/"]
    {
        assert_eq!(get(&routes, path).await.0.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn nothing_outside_and_nothing_hidden_is_given() {
    let (keep, routes) = viewer();
    std::fs::write(keep.path().join(".env"), "secret").unwrap();
    for path in [
        "/viewers/v/.env",
        "/viewers/v/%2eenv",
        "/viewers/v/../v/index.html",
        "/viewers/v/%2e%2e/%2e%2e/etc/passwd",
        "/viewers/v/assets/..%2f..%2fx",
        "/viewers/v//etc/passwd",
        "/viewers/v/%00",
        "/viewers/v/a%5c..%5cb",
        "/viewers/v/%ff",
    ] {
        let (response, body) = get(&routes, path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!body.contains(keep.path().to_str().unwrap()), "{body}");
    }
}

#[tokio::test]
async fn a_name_with_a_hash_is_kept_for_a_year_and_comes_packed_to_those_who_take_it() {
    let (_keep, routes) = viewer();
    let path = "/viewers/v/app.0f6159c501addfe9.js";
    let (plain, _) = get(&routes, path).await;
    assert_eq!(header(&plain, CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(header(&plain, CONTENT_ENCODING), "");
    let (packed, _) = ask(&routes, Method::GET, path, &[(ACCEPT_ENCODING, "br, gzip;q=0.5")]).await;
    assert_eq!(header(&packed, CONTENT_ENCODING), "gzip");
    assert_ne!(header(&packed, ETAG), header(&plain, ETAG));
    let (refused, _) = ask(&routes, Method::GET, path, &[(ACCEPT_ENCODING, "gzip;q=0")]).await;
    assert_eq!(header(&refused, CONTENT_ENCODING), "");
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let (_keep, routes) = viewer();
    for path in ["/viewers/v/", "/viewers/v/assets/a.png"] {
        let (response, _) = get(&routes, path).await;
        let tag = header(&response, ETAG).to_owned();
        let (again, body) =
            ask(&routes, Method::GET, path, &[(axum::http::header::IF_NONE_MATCH, &tag)]).await;
        assert_eq!((again.status(), body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
        assert_eq!(header(&again, ETAG), tag);
    }
}

#[tokio::test]
async fn a_picture_is_read_from_disk_and_head_tells_its_length() {
    let (_keep, routes) = viewer();
    let (response, body) = get(&routes, "/viewers/v/assets/a.png").await;
    assert_eq!((header(&response, CONTENT_TYPE), body.as_str()), ("image/png", "not really a picture"));
    let (response, body) = ask(&routes, Method::HEAD, "/viewers/v/assets/a.png", &[]).await;
    assert_eq!((header(&response, CONTENT_LENGTH), body.as_str()), ("20", ""));
    let (response, _) = ask(&routes, Method::POST, "/viewers/v/", &[]).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_viewer_s_name_alone_leads_to_its_folder() {
    let (_keep, routes) = viewer();
    let (response, _) = get(&routes, "/viewers/v?StudyInstanceUIDs=1.2").await;
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(header(&response, LOCATION), "v/?StudyInstanceUIDs=1.2");
}
