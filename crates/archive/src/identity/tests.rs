//! Each proof against each kind of identity, tokens signed and not, and a thread that is not overrun.

use argon2::password_hash::PasswordHasher as _;
use argon2::{Argon2, Params, Version};
use causeway_core::ManualClock;
use causeway_core::identity::{PasscodeHash, UserName};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_700_000_000;

fn identity(proof: Proof) -> Identity {
    Identity { user: "alice".parse::<UserName>().unwrap(), proof }
}

fn name(user: &str) -> Offered {
    Offered::Name(user.into())
}

fn with_passcode(user: &str, passcode: &str) -> Offered {
    Offered::Passcode { user: user.into(), passcode: passcode.into() }
}

fn held(proof: Proof, offered: &Offered) -> Result<Identified, Wrong> {
    compare(&mut Keys::new(Config::default()), &identity(proof), offered, NOW)
}

#[test]
fn a_name_alone_is_shown_by_itself_and_a_passcode_with_it_is_not_vouched_for() {
    assert_eq!(held(Proof::Name, &name("alice")), Ok(Identified::Confirmed));
    assert_eq!(held(Proof::Name, &with_passcode("alice", "any")), Ok(Identified::NotLookedAt));
    for wrong in [name("alicf"), name("alice "), name(""), with_passcode("bob", "any")] {
        assert_eq!(held(Proof::Name, &wrong), Err(Wrong::Name));
    }
    for other in [Offered::Nothing, Offered::Token(b"alice".to_vec()), Offered::Other(3), Offered::Other(9)] {
        assert_eq!(held(Proof::Name, &other), Err(Wrong::Kind));
    }
}

#[test]
fn a_passcode_needs_both_to_be_right() {
    let proof = || Proof::Passcode(hash(b"sesame").unwrap());
    assert_eq!(held(proof(), &with_passcode("alice", "sesame")), Ok(Identified::Confirmed));
    for (user, passcode) in [("alice", "sesamf"), ("bob", "sesame"), ("alice", ""), ("", "")] {
        assert_eq!(held(proof(), &with_passcode(user, passcode)), Err(Wrong::Passcode), "{user} {passcode}");
    }
    for other in [Offered::Nothing, name("alice"), Offered::Token(b"sesame".to_vec()), Offered::Other(4)] {
        assert_eq!(held(proof(), &other), Err(Wrong::Kind));
    }
}

#[test]
fn what_is_offered_is_told_in_words_and_its_secrets_are_not() {
    let told = format!("{:?} {:?}", with_passcode("alice", "sesame"), Offered::Token(b"abc".to_vec()));
    assert!(!told.contains("alice") && !told.contains("sesame") && !told.contains("abc"), "{told}");
}

/// Ed25519 keys as PKCS #8: a seed behind a fixed head (RFC 8410 §7).
fn key(seed: u8) -> EncodingKey {
    let mut der =
        vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend([seed; 32]);
    EncodingKey::from_ed_der(&der)
}

struct Issuer {
    _folder: tempfile::TempDir,
    keys: Keys,
}

/// An issuer whose set has the keys 1 and 2, called so.
fn issuer() -> Issuer {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let jwk = |seed: u8| {
        let mut jwk = Jwk::from_encoding_key(&key(seed), Algorithm::EdDSA).unwrap();
        jwk.common.key_id = Some(seed.to_string());
        jwk
    };
    let set = JwkSet { keys: vec![jwk(1), jwk(2)] };
    std::fs::write(&file, serde_json::to_string(&set).unwrap()).unwrap();
    let keys = Keys::new(Config {
        issuer: Some("https://id.example.org".to_owned()),
        audience: Some("causeway".to_owned()),
        jwks_file: Some(file),
    });
    Issuer { _folder: folder, keys }
}

fn claims() -> Value {
    json!({"iss": "https://id.example.org", "aud": "causeway", "sub": "alice", "exp": NOW + 300})
}

fn token(claims: &Value, seed: u8, id: Option<&str>) -> String {
    let header = Header { kid: id.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
    encode(&header, claims, &key(seed)).unwrap()
}

#[test]
fn a_token_of_the_issuer_for_us_and_for_the_user_is_believed() {
    let mut issuer = issuer();
    for seed in [1, 2] {
        let token = token(&claims(), seed, Some(&seed.to_string()));
        assert_eq!(issuer.keys.verify(token.as_bytes(), "alice", NOW), Ok(()));
        assert_eq!(issuer.keys.verify(token.as_bytes(), "bob", NOW), Err(Wrong::Subject));
    }
}

#[test]
fn a_token_that_lacks_anything_is_not() {
    let mut issuer = issuer();
    for (key, value, expected) in [
        ("iss", json!("https://other.example.org"), Wrong::Issuer),
        ("aud", json!("another"), Wrong::Issuer),
        ("exp", json!(NOW - 61), Wrong::Time),
        ("nbf", json!(NOW + 62), Wrong::Time),
        ("sub", json!("bob"), Wrong::Subject),
        ("iss", Value::Null, Wrong::Token),
        ("aud", Value::Null, Wrong::Token),
        ("exp", Value::Null, Wrong::Token),
        ("sub", Value::Null, Wrong::Token),
    ] {
        let mut changed = claims();
        match value {
            Value::Null => drop(changed.as_object_mut().unwrap().remove(key)),
            ref value => changed[key] = value.clone(),
        }
        let token = token(&changed, 1, Some("1"));
        assert_eq!(issuer.keys.verify(token.as_bytes(), "alice", NOW), Err(expected), "{key}: {value}");
    }
    let late = token(&claims(), 1, Some("1"));
    assert_eq!(issuer.keys.verify(late.as_bytes(), "alice", NOW + 359), Ok(()));
    assert_eq!(issuer.keys.verify(late.as_bytes(), "alice", NOW + 360), Err(Wrong::Time));
}

#[test]
fn a_token_that_another_key_signed_or_none_is_not_believed() {
    let mut issuer = issuer();
    let mut wrong = |token: &str| issuer.keys.verify(token.as_bytes(), "alice", NOW).unwrap_err();
    assert_eq!(wrong(&token(&claims(), 3, Some("1"))), Wrong::Token);
    assert_eq!(wrong(&token(&claims(), 1, Some("3"))), Wrong::UnknownKey);
    assert_eq!(wrong(&token(&claims(), 1, None)), Wrong::UnknownKey, "two keys could be meant");
    let mine = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::HS256) };
    let forged = encode(&mine, &claims(), &EncodingKey::from_secret(b"public key")).unwrap();
    assert_eq!(wrong(&forged), Wrong::UnknownKey);
    for none in ["", "a.b", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."] {
        assert_eq!(wrong(none), Wrong::Token, "{none}");
    }
}

#[test]
fn keys_are_read_again_when_their_file_changes_and_missing_ones_are_said_to_be() {
    let mut issuer = issuer();
    let token = token(&claims(), 1, Some("1"));
    assert_eq!(issuer.keys.verify(token.as_bytes(), "alice", NOW), Ok(()));
    let file = issuer._folder.path().join("keys.json");
    std::fs::write(&file, r#"{"keys":[]}"#).unwrap();
    assert_eq!(issuer.keys.verify(token.as_bytes(), "alice", NOW), Err(Wrong::UnknownKey));
    std::fs::write(&file, "no json").unwrap();
    assert_eq!(issuer.keys.verify(token.as_bytes(), "alice", NOW), Err(Wrong::Keys));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(issuer.keys.verify(token.as_bytes(), "alice", NOW), Err(Wrong::Keys));
    let mut none = Keys::new(Config::default());
    assert_eq!(none.verify(token.as_bytes(), "alice", NOW), Err(Wrong::NoKeys));
}

#[test]
fn the_settings_of_tokens_go_together() {
    assert_eq!(Config::default().check(), Ok(()));
    assert_eq!(Config { issuer: Some("x".to_owned()), ..Config::default() }.check(), Err(ConfigError));
}

#[tokio::test]
async fn the_examiner_answers_from_its_own_thread() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(NOW).unwrap()));
    let examiner = Examiner::new(Config::default(), clock);
    let proof = Proof::Passcode(hash(b"sesame").unwrap());
    let found = examiner.examine(&identity(proof), with_passcode("alice", "sesame")).await;
    assert_eq!(found, Ok(Identified::Confirmed));
}

/// A hash that takes some milliseconds.
fn cheaper(passcode: &[u8]) -> PasscodeHash {
    let costs = Params::new(8 * 1024, 1, 1, None).unwrap();
    let function = Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, costs);
    let hashed = function.hash_password_with_salt(passcode, b"salt of its own!").unwrap();
    PasscodeHash::try_from(hashed.to_string()).unwrap()
}

#[tokio::test]
async fn more_than_may_wait_are_sent_away_at_once() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(NOW).unwrap()));
    let examiner = Examiner::new(Config::default(), clock);
    let slow = identity(Proof::Passcode(cheaper(b"sesame")));
    let all = (0..4 * MAX_WAITING).map(|_| examiner.examine(&slow, with_passcode("alice", "no")));
    let found = futures_util::future::join_all(all).await;
    let sent_away = found.iter().filter(|found| **found == Err(Wrong::Busy)).count();
    assert!(sent_away >= 2 * MAX_WAITING, "{sent_away}");
    assert!(found.contains(&Err(Wrong::Passcode)), "those who waited are answered");
}
