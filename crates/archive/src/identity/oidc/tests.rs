//! Tokens of a provider against what can be wrong with them, and keys that come, change, stay away.

use std::collections::VecDeque;
use std::sync::Mutex;

use causeway_core::{ManualClock, PatientKey, Permission, Scope, Sight, Uid};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://id.example.org/realms/x";

/// Ed25519 keys as PKCS #8: a seed behind a fixed head (RFC 8410 §7).
fn key(seed: u8) -> EncodingKey {
    let mut der =
        vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend([seed; 32]);
    EncodingKey::from_ed_der(&der)
}

fn set(seeds: &[u8]) -> String {
    let jwk = |seed: &u8| {
        let mut jwk = Jwk::from_encoding_key(&key(*seed), Algorithm::EdDSA).unwrap();
        jwk.common.key_id = Some(seed.to_string());
        jwk
    };
    serde_json::to_string(&JwkSet { keys: seeds.iter().map(jwk).collect() }).unwrap()
}

fn token(seed: u8, changes: &Value) -> String {
    let mut claims =
        json!({"iss": ISSUER, "aud": "causeway", "sub": "alice", "exp": NOW + 300, "scope": "query"});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let header = Header { kid: Some(seed.to_string()), ..Header::new(Algorithm::EdDSA) };
    encode(&header, &claims, &key(seed)).unwrap()
}

/// Answers in turn, and notes what was asked; the last answer is given again and again.
struct Scripted {
    answers: Mutex<VecDeque<Result<String, String>>>,
    asked: Mutex<Vec<String>>,
}

impl Fetch for Scripted {
    fn fetch<'a>(&'a self, url: &'a str, _: usize) -> Fetching<'a> {
        self.asked.lock().unwrap().push(url.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
        Box::pin(async { answer.map(String::into_bytes).map_err(FetchError) })
    }
}

struct Subject {
    provider: Provider,
    fetch: Arc<Scripted>,
    clock: Arc<ManualClock>,
}

fn subject_with(settings: Value, answers: Vec<Result<String, String>>) -> Subject {
    let mut all = json!({ "issuer": ISSUER, "audience": "causeway" });
    for (key, value) in settings.as_object().unwrap() {
        all[key] = value.clone();
    }
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(NOW).unwrap()));
    let fetch = Arc::new(Scripted { answers: Mutex::new(answers.into()), asked: Mutex::default() });
    let provider = Provider::new(serde_json::from_value(all).unwrap(), fetch.clone(), clock.clone());
    Subject { provider, fetch, clock }
}

fn subject(answers: Vec<Result<String, String>>) -> Subject {
    subject_with(json!({ "jwks_url": "https://id.example.org/keys" }), answers)
}

impl Subject {
    async fn bearer(&self, token: &str) -> Result<Principal, BearerError> {
        self.provider.bearer(token).await
    }

    fn fetches(&self) -> usize {
        self.fetch.asked.lock().unwrap().len()
    }
}

fn broken() -> Result<String, String> {
    Err("no connection".to_owned())
}

#[tokio::test]
async fn a_token_is_believed_with_its_scopes_under_a_name_that_is_no_remotes() {
    let subject = subject(vec![Ok(set(&[1]))]);
    let alice = subject.bearer(&token(1, &json!({ "scope": "openid query retrieve" }))).await.unwrap();
    assert_eq!(alice.name, "oidc:alice");
    let may: Vec<Permission> = alice.permissions.iter().collect();
    assert_eq!(may, [Permission::Query, Permission::Retrieve]);
    let none = subject.bearer(&token(1, &json!({ "scope": null }))).await.unwrap();
    assert_eq!(none.permissions.iter().count(), 0);
    let hostile =
        subject.bearer(&token(1, &json!({ "sub": format!("a\nb{}", "x".repeat(999)) }))).await.unwrap();
    assert!(hostile.name.starts_with("oidc:abx") && hostile.name.len() == 5 + 128, "{}", hostile.name);
}

#[tokio::test]
async fn scopes_of_other_names_and_in_other_claims_are_found() {
    let settings = json!({
        "jwks_url": "https://id.example.org/keys", "scope_claim": "realm_access.roles", "name_claim": "email",
        "scopes": { "reader": ["query", "retrieve"] },
    });
    let subject = subject_with(settings, vec![Ok(set(&[1]))]);
    let claims =
        json!({ "realm_access": { "roles": ["reader", "delete", 7] }, "email": "a@x", "scope": "admin" });
    let alice = subject.bearer(&token(1, &claims)).await.unwrap();
    assert_eq!(alice.name, "oidc:a@x");
    let may: Vec<Permission> = alice.permissions.iter().collect();
    assert_eq!(may, [Permission::Query, Permission::Retrieve], "a scope that is not set allows nothing");
}

#[tokio::test]
async fn what_a_bearer_sees_is_what_the_claims_list_and_nothing_where_they_are_silent() {
    let settings = json!({
        "jwks_url": "https://id.example.org/keys", "studies_claim": "dicom.studies", "patients_claim": "patient",
        "remotes_claim": "sites",
    });
    let subject = subject_with(settings, vec![Ok(set(&[1]))]);
    let sight = async |claims: Value| subject.bearer(&token(1, &claims)).await.unwrap().sight;
    assert_eq!(sight(json!({})).await, Sight::Only(Scope::default()));
    let all = json!({ "dicom": { "studies": ["1.2", "no uid", 7] }, "patient": "P 1^^^H", "sites": ["ct1", "c t"] });
    let scope = Scope {
        studies: vec![Uid::parse("1.2").unwrap()],
        patients: vec![PatientKey::parse("P 1^^^H").unwrap()],
        remotes: vec!["ct1".parse().unwrap()],
    };
    assert_eq!(sight(all).await, Sight::Only(scope));
    assert_eq!(sight(json!({ "sites": ["ct1", "*"] })).await, Sight::Everything);
    let many: Vec<String> = (0..2000).map(|number| format!("P{number}")).collect();
    let Sight::Only(scope) = sight(json!({ "patient": many })).await else { panic!("not confined") };
    assert_eq!(scope.check(), Ok(()));
}

#[tokio::test]
async fn a_token_that_is_wrong_in_any_way_is_not_believed() {
    let subject = subject(vec![Ok(set(&[1]))]);
    for (changes, expected) in [
        (json!({ "aud": "another" }), BearerError::Elsewhere),
        (json!({ "aud": [] }), BearerError::Elsewhere),
        (json!({ "iss": "https://id.example.org" }), BearerError::Elsewhere),
        (json!({ "iss": [ISSUER, "https://evil.example.org"] }), BearerError::Malformed),
        (json!({ "exp": NOW - 60 }), BearerError::Time),
        (json!({ "nbf": NOW + 61 }), BearerError::Time),
        (json!({ "exp": "never" }), BearerError::Malformed),
        (json!({ "sub": 7 }), BearerError::Malformed),
    ] {
        assert_eq!(subject.bearer(&token(1, &changes)).await, Err(expected), "{changes}");
    }
    let several = subject.bearer(&token(1, &json!({ "aud": ["another", "causeway"] }))).await;
    assert!(several.is_ok(), "{several:?}");
    for header in [
        Header { typ: Some("logout+jwt".to_owned()), ..Header::new(Algorithm::EdDSA) },
        Header { crit: Some(vec!["b64".to_owned()]), ..Header::new(Algorithm::EdDSA) },
    ] {
        let claims = json!({"iss": ISSUER, "aud": "causeway", "sub": "alice", "exp": NOW + 300});
        let odd = encode(&header, &claims, &key(1)).unwrap();
        assert_eq!(subject.bearer(&odd).await, Err(BearerError::Malformed), "{header:?}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once_in_a_while_and_an_old_one_goes_with_the_set() {
    let subject = subject(vec![Ok(set(&[1])), Ok(set(&[2]))]);
    assert!(subject.bearer(&token(1, &json!({}))).await.is_ok());
    for _ in 0..5 {
        assert_eq!(subject.bearer(&token(2, &json!({}))).await, Err(BearerError::UnknownKey));
    }
    assert_eq!(subject.fetches(), 1, "not more often than set");
    subject.clock.advance(Duration::from_secs(30));
    assert!(subject.bearer(&token(2, &json!({}))).await.is_ok());
    assert_eq!(subject.bearer(&token(1, &json!({}))).await, Err(BearerError::UnknownKey), "withdrawn");
    assert_eq!(subject.fetches(), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_had_again_stay_in_force_whatever_comes_in_their_place() {
    for bad in [broken(), Ok("<html>".to_owned()), Ok(r#"{"keys":[]}"#.to_owned()), Ok("{}".to_owned())] {
        let subject = subject(vec![Ok(set(&[1])), bad.clone()]);
        assert!(subject.bearer(&token(1, &json!({}))).await.is_ok());
        subject.clock.advance(Duration::from_secs(31));
        assert_eq!(subject.bearer(&token(2, &json!({}))).await, Err(BearerError::UnknownKey));
        assert_eq!(subject.fetches(), 2);
        assert!(subject.bearer(&token(1, &json!({}))).await.is_ok(), "{bad:?}");
        let report = subject.provider.inner.keys.report();
        assert_eq!((report.state, report.count), (KeysState::Kept, 1));
    }
}

#[tokio::test]
async fn without_any_key_it_is_said_that_there_is_none_until_one_comes() {
    let subject = subject(vec![broken(), Ok(set(&[1]))]);
    assert_eq!(subject.bearer(&token(1, &json!({}))).await, Err(BearerError::NoKeys));
    assert_eq!(subject.provider.inner.keys.report().state, KeysState::Unknown);
    subject.clock.advance(Duration::from_secs(30));
    assert!(subject.bearer(&token(1, &json!({}))).await.is_ok());
    assert_eq!(subject.provider.inner.keys.report().state, KeysState::Fresh);
}

#[tokio::test]
async fn keys_are_found_by_discovery_of_this_issuer_only() {
    let document = |issuer: &str, url: &str| Ok(json!({ "issuer": issuer, "jwks_uri": url }).to_string());
    let fine = subject_with(json!({}), vec![document(ISSUER, "https://id.example.org/k"), Ok(set(&[1]))]);
    assert!(fine.bearer(&token(1, &json!({}))).await.is_ok());
    let asked = fine.fetch.asked.lock().unwrap().clone();
    let discovery = format!("{ISSUER}/.well-known/openid-configuration");
    assert_eq!(asked, [discovery, "https://id.example.org/k".to_owned()]);
    for (issuer, url) in
        [("https://id.example.org", "https://id.example.org/k"), (ISSUER, "http://id.example.org/k")]
    {
        let subject = subject_with(json!({}), vec![document(issuer, url), Ok(set(&[1]))]);
        assert_eq!(subject.bearer(&token(1, &json!({}))).await, Err(BearerError::NoKeys), "{issuer} {url}");
        assert_eq!(subject.fetches(), 1);
    }
}

#[tokio::test]
async fn a_set_is_used_for_its_public_keys_alone_and_one_odd_key_spoils_nothing() {
    let mut keys: Value = serde_json::from_str(&set(&[1])).unwrap();
    let secret = json!({ "kty": "oct", "kid": "secret", "k": "c2VjcmV0", "alg": "HS256" });
    let odd = json!({ "kty": "future", "kid": "odd" });
    keys["keys"].as_array_mut().unwrap().extend([secret, odd, json!(7)]);
    let subject = subject(vec![Ok(keys.to_string())]);
    assert!(subject.bearer(&token(1, &json!({}))).await.is_ok());
    let header = Header { kid: Some("secret".to_owned()), ..Header::new(Algorithm::HS256) };
    let claims = json!({"iss": ISSUER, "aud": "causeway", "sub": "alice", "exp": NOW + 300});
    let forged = encode(&header, &claims, &EncodingKey::from_secret(b"secret")).unwrap();
    assert_eq!(subject.bearer(&forged).await, Err(BearerError::UnknownKey));
}
