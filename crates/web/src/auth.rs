//! Who is calling: a bearer token (RFC 6750), one of ours or an identity provider's, or a caller from this very machine where the settings let it in
//! without one. What the caller may do is the archive's to say.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use causeway_archive::{Archive, BearerError};
use causeway_core::Principal;

use crate::base_url::{host_of, own_authority};
use crate::config::Config;
use crate::door::Door;
use crate::front;
use crate::problem::Problem;

/// Puts the same question of who is calling before another room's routes on the same listener. Handlers find an
/// `Extension<Arc<Principal>>`.
pub fn authenticate(routes: Router, archive: &Archive, config: &Config) -> Router {
    front::before(routes, Door::new(archive.clone(), config.clone()))
}

/// The caller, or why it is not let in.
pub(crate) async fn identify(door: &Door, parts: &Parts) -> Result<Arc<Principal>, Problem> {
    let exempt = exempt(&door.config, parts);
    let Some(credentials) = credentials(&parts.headers) else {
        return match exempt {
            Exempt::Yes => Ok(door.local.clone()),
            Exempt::No => Err(Problem::unauthorized("a bearer token is needed: Authorization: Bearer …")),
            Exempt::OtherName => Err(other_name()),
        };
    };
    // Where no token can be good, a header that a client sends by habit proves nothing and harms nothing.
    if exempt == Exempt::Yes && !door.archive.takes_tokens() {
        return Ok(door.local.clone());
    }
    let Some(token) = bearer(credentials) else {
        return Err(Problem::unauthorized("the credentials are no bearer token: Authorization: Bearer …"));
    };
    match door.archive.bearer(token).await {
        Ok(principal) => Ok(Arc::new(principal)),
        Err(error @ BearerError::NoKeys) => Err(Problem::busy(error.to_string())),
        Err(error) => Err(Problem::invalid_token(error)),
    }
}

/// Whether a request needs no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exempt {
    Yes,
    No,
    /// It comes from this machine but calls us by a name that is not ours: a web page elsewhere whose name was
    /// pointed at this machine (DNS rebinding) would read patient data through the user's own browser.
    OtherName,
}

fn exempt(config: &Config, parts: &Parts) -> Exempt {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let local = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    if !local || !config.exempts_loopback() {
        return Exempt::No;
    }
    let own =
        own_authority(&parts.uri, &parts.headers).is_none_or(|authority| is_own_name(config, authority));
    if own { Exempt::Yes } else { Exempt::OtherName }
}

fn is_own_name(config: &Config, authority: &str) -> bool {
    let host = host_of(authority);
    host == "localhost"
        || host.parse::<IpAddr>().is_ok()
        || config.public_url.as_ref().is_some_and(|url| url.host() == host)
}

fn other_name() -> Problem {
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "callers from this machine need no token only when they call it localhost, by an address, or by the \
         name in [web] public_url; set that, or use a token",
    )
}

fn credentials(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default())
}

fn bearer(credentials: &str) -> Option<&str> {
    let (scheme, token) = credentials.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Authentication, PublicUrl};
    use axum::http::Request;
    use proptest::prelude::*;

    fn parts(peer: Option<&str>, host: &str) -> Parts {
        let (mut parts, ()) = Request::builder().uri("/").header("host", host).body(()).unwrap().into_parts();
        if let Some(peer) = peer {
            parts.extensions.insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        }
        parts
    }

    #[test]
    fn only_callers_from_this_machine_are_exempt() {
        let config = Config::default();
        for (peer, wanted) in [
            (Some("127.0.0.1:5"), Exempt::Yes),
            (Some("[::1]:5"), Exempt::Yes),
            (Some("[::ffff:127.0.0.1]:5"), Exempt::Yes),
            (Some("10.0.0.7:5"), Exempt::No),
            (None, Exempt::No),
        ] {
            assert_eq!(exempt(&config, &parts(peer, "localhost:8080")), wanted, "{peer:?}");
        }
    }

    #[test]
    fn no_one_is_exempt_where_a_token_is_required_or_others_can_reach_the_listener() {
        let caller = parts(Some("127.0.0.1:5"), "localhost");
        let required = Config { authentication: Authentication::Required, ..Config::default() };
        assert_eq!(exempt(&required, &caller), Exempt::No);
        let open = Config { listen: "0.0.0.0:8080".parse().unwrap(), ..Config::default() };
        assert_eq!(exempt(&open, &caller), Exempt::No);
    }

    #[test]
    fn a_page_under_another_name_is_not_let_in() {
        let config = Config::default();
        assert_eq!(exempt(&config, &parts(Some("127.0.0.1:5"), "evil.example:8080")), Exempt::OtherName);
        let public_url = Some(PublicUrl::parse("https://pacs.example.org").unwrap());
        let named = Config { public_url, ..Config::default() };
        assert_eq!(exempt(&named, &parts(Some("127.0.0.1:5"), "Pacs.Example.org")), Exempt::Yes);
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_others_are_not() {
        assert_eq!(bearer("bEaReR abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer"), None);
    }

    proptest! {
        #[test]
        fn any_host_is_judged_without_panic(host in "[!-~]{0,40}") {
            let _ = is_own_name(&Config::default(), &host);
        }
    }
}
