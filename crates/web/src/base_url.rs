//! The URL of this service as the caller sees it, behind whatever proxies stand in between: from
//! `[web] public_url`, else from `Forwarded` (RFC 7239), `X-Forwarded-*` or the Host header (PS3.18 §10.6.3.3).
//!
//! What a caller claims here shapes only the answer to that caller; still, a name that is no host is dropped, so
//! that nothing but a host can get into an answer's links.

use std::net::Ipv6Addr;

use axum::http::header::{FORWARDED, HOST};
use axum::http::{HeaderMap, Uri, Version};

use crate::config::Config;
use crate::router::BASE;

/// What links begin with when no one says better.
const FALLBACK_AUTHORITY: &str = "localhost";
/// Longest authority that is believed, in bytes: a DNS name, a colon and a port.
const MAX_AUTHORITY_BYTES: usize = 253 + 1 + 5;
/// Longest path prefix of a proxy that is believed, in bytes.
const MAX_PREFIX_BYTES: usize = 256;

/// The base of all links: `https://host/dicom-web`, without a trailing slash.
pub(crate) fn base_url(config: &Config, uri: &Uri, headers: &HeaderMap) -> String {
    if let Some(url) = &config.public_url {
        return format!("{}{BASE}", url.as_str());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(first_of_list);
    let forwarded = headers.get(FORWARDED).and_then(|value| value.to_str().ok()).map(first_of_list);
    let pair = |name: &str| forwarded.and_then(|element| forwarded_pair(element, name));
    let scheme = pair("proto")
        .or_else(|| text("x-forwarded-proto"))
        .filter(|scheme| matches!(*scheme, "http" | "https"))
        .unwrap_or(config.scheme());
    let authority = pair("host")
        .or_else(|| text("x-forwarded-host"))
        .filter(|host| is_authority(host))
        .or_else(|| own_authority(uri, headers))
        .unwrap_or(FALLBACK_AUTHORITY);
    let port = text("x-forwarded-port").filter(|port| needs_port(scheme, authority, port));
    let prefix = text("x-forwarded-prefix").filter(|prefix| is_prefix(prefix)).unwrap_or_default();
    match port {
        Some(port) => format!("{scheme}://{authority}:{port}{}{BASE}", prefix.trim_end_matches('/')),
        None => format!("{scheme}://{authority}{}{BASE}", prefix.trim_end_matches('/')),
    }
}

/// The authority that the request itself names: `:authority` of HTTP/2, or the Host header.
pub(crate) fn own_authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    host.or_else(|| uri.authority().map(axum::http::uri::Authority::as_str)).filter(|host| is_authority(host))
}

/// The host of an authority, without port and brackets, in lower case.
pub(crate) fn host_of(authority: &str) -> String {
    let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let host = match bracketed {
        Some((address, _)) => address,
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    host.to_ascii_lowercase()
}

/// The element that the proxy nearest to the caller wrote.
fn first_of_list(value: &str) -> &str {
    value.split(',').next().unwrap_or_default().trim()
}

fn forwarded_pair<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let found = pairs.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().trim_matches('"'))
}

/// A name or an IPv4 address, or an IPv6 address in brackets; then perhaps a port (RFC 9112 §3.2).
fn is_authority(text: &str) -> bool {
    if !(1..=MAX_AUTHORITY_BYTES).contains(&text.len()) {
        return false;
    }
    let (is_host, rest) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, rest))) => (address.parse::<Ipv6Addr>().is_ok(), rest),
        Some(None) => return false,
        None => {
            let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            (!name.is_empty() && name.bytes().all(fits), rest)
        }
    };
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    is_host && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

/// Whether the Host that RFC 9112 §3.2 asks for is there, once, and names a host. HTTP/1.0 and HTTP/2 need none.
pub(crate) fn has_fitting_host(version: Version, headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(HOST).iter();
    match (given.next(), given.next()) {
        (None, _) => version != Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(|host| host.is_empty() || is_authority(host)),
        (Some(_), Some(_)) => false,
    }
}

fn is_prefix(text: &str) -> bool {
    text.len() <= MAX_PREFIX_BYTES
        && text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b'~'))
}

/// Whether a port that a proxy names adds anything to what is there.
fn needs_port(scheme: &str, authority: &str, port: &str) -> bool {
    let usual = matches!((scheme, port), ("http", "80") | ("https", "443"));
    let has_port = authority.rsplit_once(':').is_some_and(|(_, tail)| !tail.contains(']'));
    port.parse::<u16>().is_ok() && !usual && !has_port
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PublicUrl;

    fn base(pairs: &[(&'static str, &'static str)]) -> String {
        let headers =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        base_url(&Config::default(), &Uri::from_static("/dicom-web/studies"), &headers)
    }

    #[test]
    fn the_host_header_names_the_service_when_no_proxy_does() {
        assert_eq!(base(&[("host", "10.0.0.1:8080")]), "http://10.0.0.1:8080/dicom-web");
        assert_eq!(base(&[]), "http://localhost/dicom-web");
    }

    #[test]
    fn a_host_without_a_port_is_at_the_port_of_its_scheme() {
        // RFC 9110 §7.2 has the port in Host unless it is the scheme's own (§4.2.1). A port of this listener put in its
        // place would lead past the proxy or the translated address that such a Host comes through as a rule.
        assert_eq!(base(&[("host", "node.example")]), "http://node.example/dicom-web");
        assert_eq!(base(&[("host", "[::1]")]), "http://[::1]/dicom-web");
    }

    #[test]
    fn a_proxy_s_headers_come_first_and_the_standard_one_before_the_others() {
        let forwarded =
            ("forwarded", "for=1.2.3.4;proto=https;host=\"pacs.example.org\", for=5.6.7.8;host=inner");
        assert_eq!(base(&[("host", "inner:1"), forwarded]), "https://pacs.example.org/dicom-web");
        let other = [
            ("host", "inner:1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "p.example.org"),
            ("x-forwarded-port", "8443"),
            ("x-forwarded-prefix", "/imaging/"),
        ];
        assert_eq!(base(&other), "https://p.example.org:8443/imaging/dicom-web");
    }

    #[test]
    fn the_usual_port_is_not_repeated() {
        let headers =
            [("x-forwarded-proto", "https"), ("x-forwarded-host", "p"), ("x-forwarded-port", "443")];
        assert_eq!(base(&headers), "https://p/dicom-web");
    }

    #[test]
    fn a_host_that_is_none_is_dropped() {
        for host in [
            "evil.example/\"><script>",
            "a b",
            "a\u{e9}",
            "",
            "[::1",
            "::1",
            "a:b",
            "a:1:2",
            "a:99999",
            "a:+80",
            "[::1]x",
            "[a]",
            ":80",
            "a@b",
        ] {
            let headers: HeaderMap = [
                ("host".parse().unwrap(), "real:1".parse().unwrap()),
                (
                    "x-forwarded-host".parse().unwrap(),
                    axum::http::HeaderValue::from_bytes(host.as_bytes()).unwrap(),
                ),
            ]
            .into_iter()
            .collect();
            let base = base_url(&Config::default(), &Uri::from_static("/"), &headers);
            assert_eq!(base, "http://real:1/dicom-web", "{host}");
        }
    }

    #[test]
    fn hosts_with_and_without_a_port_are_taken_and_a_request_of_http_1_1_has_one() {
        for host in ["a", "a-b_c.example:80", "10.0.0.1:65535", "[::1]", "[fe80::1]:8080", ""] {
            let headers: HeaderMap = [(HOST, host.parse().unwrap())].into_iter().collect();
            assert!(has_fitting_host(Version::HTTP_11, &headers), "{host}");
        }
        let mut headers = HeaderMap::new();
        assert!(!has_fitting_host(Version::HTTP_11, &headers));
        assert!(has_fitting_host(Version::HTTP_10, &headers) && has_fitting_host(Version::HTTP_2, &headers));
        for host in ["a", "b"] {
            headers.append(HOST, host.parse().unwrap());
        }
        assert!(
            !has_fitting_host(Version::HTTP_11, &headers) && !has_fitting_host(Version::HTTP_10, &headers)
        );
    }

    #[test]
    fn a_set_public_url_is_the_last_word() {
        let public_url = Some(PublicUrl::parse("https://pacs.example.org/node/").unwrap());
        let config = Config { public_url, ..Config::default() };
        let base = base_url(&config, &Uri::from_static("/"), &HeaderMap::new());
        assert_eq!(base, "https://pacs.example.org/node/dicom-web");
    }

    #[test]
    fn links_are_https_where_the_listener_speaks_tls() {
        let tls = causeway_tls::WebConfig {
            certificate: "node.pem".into(),
            key: "node.key".into(),
            client_ca: None,
            handshake_seconds: 10,
        };
        let config = Config { tls: Some(tls), ..Config::default() };
        let headers: HeaderMap =
            [("host".parse().unwrap(), "node:8443".parse().unwrap())].into_iter().collect();
        assert_eq!(base_url(&config, &Uri::from_static("/"), &headers), "https://node:8443/dicom-web");
    }

    #[test]
    fn a_host_is_told_from_its_port() {
        for (authority, host) in
            [("LocalHost:8080", "localhost"), ("[::1]:80", "::1"), ("127.0.0.1", "127.0.0.1")]
        {
            assert_eq!(host_of(authority), host);
        }
    }
}
