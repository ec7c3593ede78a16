//! What may be set, what may not, and what is said then.

use std::collections::HashMap;
use std::path::Path;

use super::*;

const KEYS: &str = "access_key_id = \"id\"\nsecret_access_key = \"confidential\"\n";

fn place_in(text: &str, environment: &[(&str, &str)]) -> Result<Place, SettingsError> {
    let settings: Settings = toml::from_str(text).unwrap();
    let environment: HashMap<String, String> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    settings.place("/own".into(), &|name| environment.get(name).cloned())
}

fn place(text: &str) -> Result<Place, SettingsError> {
    place_in(text, &[])
}

/// What is said of it.
fn refused(text: &str) -> String {
    place(text).unwrap_err().to_string()
}

fn opened(text: &str) -> Remote {
    let Place::Bucket(bucket) = place(text).unwrap() else { panic!("a folder") };
    bucket.open().unwrap()
}

#[test]
fn a_folder_is_given_by_its_url_and_is_the_nodes_own_without() {
    for (text, folder) in [("", "/own"), ("url = \"file:///elsewhere\"", "/elsewhere")] {
        let Place::Folder(found) = place(text).unwrap() else { panic!("{text}") };
        assert_eq!(found, Path::new(folder));
    }
    assert!(refused("url = \"file://relative\"").contains("absolute"));
}

#[test]
fn every_kind_of_store_becomes_a_client() {
    let s3 = format!("url = \"s3://bucket/a/b/\"\nregion = \"eu-central-1\"\n{KEYS}");
    let az = "url = \"az://container/a\"\naccount = \"us\"\naccount_key = \"Y29uZmlkZW50aWFs\"";
    for (text, name) in [(s3.as_str(), "s3://bucket/a/b/"), (az, "az://container/a")] {
        assert_eq!(format!("{:?}", opened(text)), format!("Remote({name})"));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("account.json");
    let account = r#"{"private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": true}"#;
    std::fs::write(&path, account).unwrap();
    let gs = format!("url = \"gs://bucket\"\nservice_account = \"{}\"", path.display());
    assert_eq!(format!("{:?}", opened(&gs)), "Remote(gs://bucket)");
}

#[test]
fn what_cannot_hold_is_refused_with_what_to_do() {
    let s3 = |more: &str| refused(&format!("url = \"s3://b\"\nregion = \"r\"\n{more}"));
    for (said, expected) in [
        (refused("url = \"ftp://host/x\""), "s3://bucket/prefix"),
        (refused("url = \"s3:///x\""), "name of the bucket"),
        (refused("url = \"s3://user:password@bucket\""), "keys and endpoints are keys of [store]"),
        (refused("url = \"s3://b\""), "region is not given"),
        (s3("access_key_id = \"id\""), "give secret_access_key"),
        (s3("secret_access_key = \"x\""), "give access_key_id"),
        (s3("session_token = \"x\""), "goes with access_key_id"),
        (s3("sse = \"aws:kms\""), "needs sse_key"),
        (s3("sse = \"AES256\"\nsse_key = \"k\""), "aws:kms"),
        (s3("account = \"x\""), "account is for az:// alone"),
        (s3("warn_free = \"5%\""), "is for file:// alone"),
        (s3("uploads = 257"), "1 to 256"),
        (s3("allow_http = true"), "goes with an endpoint"),
        (s3("endpoint = \"minio\""), "https://host:port"),
        (s3("endpoint = \"https://me:confidential@host\""), "endpoint holds a password"),
        (s3("endpoint = \"https://10.0.0.1:9000\"\npath_style = false"), "whose host is a name"),
        (s3("ca_file = \"/nowhere\""), "cannot be read"),
        (s3(&format!("{KEYS}access_key_id_file = \"/nowhere\"")), "take one of them out"),
        (s3("[encryption]\nkeys = \"/nowhere\""), "causeway store keys new"),
        (refused("[encryption]\nkeys = \"/nowhere\""), "encryption is for s3://, gs://, az:// alone"),
        (refused("region = \"r\""), "region is for s3:// alone, and url is not given"),
        (
            refused("url = \"file:///x\"\nendpoint = \"https://h\""),
            "endpoint is for s3://, gs://, az:// alone",
        ),
        (refused("url = \"az://c\""), "account is not given"),
        (refused("url = \"gs://b\"\nservice_account = \"/nowhere\""), "cannot be read"),
    ] {
        assert!(said.contains(expected), "{said}");
        assert!(said.starts_with("[store] ") && !said.contains("confidential"), "{said}");
    }
    assert!(toml::from_str::<Settings>("url = \"s3://b\"\nsecret = \"x\"").is_err(), "an unknown key");
}

#[test]
fn without_tls_a_store_is_on_this_very_machine_unless_that_is_asked_for() {
    let with = |endpoint: &str, more: &str| {
        place(&format!("url = \"s3://b\"\nendpoint = \"{endpoint}\"\n{more}\n{KEYS}")).map(drop)
    };
    for endpoint in ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000", "https://host"] {
        assert_eq!(with(endpoint, ""), Ok(()), "{endpoint}");
    }
    let error = with("http://10.0.0.1:9000", "").unwrap_err().to_string();
    assert!(error.contains("allow_http = true"), "{error}");
    assert_eq!(with("http://10.0.0.1:9000", "allow_http = true"), Ok(()));
}

#[test]
fn secrets_come_from_files_too_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (id, key) = (folder.path().join("id"), folder.path().join("key"));
    std::fs::write(&id, "id\n").unwrap();
    std::fs::write(&key, "confidential\n").unwrap();
    let text = format!(
        "url = \"s3://b\"\nregion = \"r\"\naccess_key_id_file = \"{}\"\nsecret_access_key_file = \"{}\"",
        id.display(),
        key.display()
    );
    let shown = format!("{:?} {:?}", place(&text).unwrap(), toml::from_str::<Settings>(KEYS).unwrap());
    assert!(!shown.contains("confidential"), "{shown}");
    std::fs::write(&key, "\n").unwrap();
    assert!(refused(&text).contains("secret_access_key is empty"));
}

#[test]
fn who_we_are_is_taken_from_the_environment_where_no_key_is_given_and_an_endpoint_never_is() {
    let text = "url = \"s3://b\"";
    let environment =
        [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_ENDPOINT_URL", "http://evil")];
    let Place::Bucket(bucket) = place_in(text, &environment).unwrap() else { panic!("a folder") };
    let shown = format!("{bucket:?}");
    assert!(shown.contains("AWS_ACCESS_KEY_ID") && shown.contains("eu-central-1"), "{shown}");
    assert!(!shown.contains("evil"), "{shown}");
    let error = bucket.open().unwrap_err().to_string();
    assert!(error.contains("SecretAccessKey"), "half a key is told: {error}");
}

#[test]
fn a_bucket_stands_in_the_path_where_an_endpoint_is_given_and_before_the_host_where_that_is_asked_for() {
    let shown = |more: &str| {
        format!("{:?}", place(&format!("url = \"s3://b\"\nregion = \"r\"\n{more}\n{KEYS}")).unwrap())
    };
    assert!(shown("endpoint = \"https://minio.example.org\"").contains("virtual_host: None"));
    let hosted = shown("endpoint = \"https://minio.example.org\"\npath_style = false");
    assert!(hosted.contains("https://b.minio.example.org"), "{hosted}");
    assert!(shown("").contains("virtual_host: Some(None)"));
    assert!(shown("path_style = true").contains("virtual_host: None"));
}

fn also(text: &str) -> Result<Option<Place>, SettingsError> {
    let settings: Settings = toml::from_str(text).unwrap();
    settings.also_place(&|_| None)
}

#[test]
fn another_store_may_stand_beside_that_is_only_read() {
    assert!(also("url = \"s3://images\"").unwrap().is_none());
    let found = also(&format!("url = \"s3://images\"\n{KEYS}[also]\nurl = \"file:///before\"")).unwrap();
    let Some(Place::Folder(folder)) = found else { panic!("no folder") };
    assert_eq!(folder, Path::new("/before"));
    let found = also(&format!("[also]\nurl = \"s3://before\"\nregion = \"eu-central-1\"\n{KEYS}")).unwrap();
    assert!(matches!(found, Some(Place::Bucket(bucket)) if bucket.name() == "s3://before"));
    for (text, word) in [
        ("[also]\n", "url is not given"),
        ("url = \"file:///a\"\n[also]\nurl = \"file:///a\"", "that of [store]"),
        ("url = \"s3://a\"\n[also]\nurl = \"s3://a\"", "that of [store]"),
        ("[also]\nurl = \"file:///a\"\nwarn_free = \"5%\"", "written to"),
        ("[also]\nurl = \"s3://a\"\nuploads = 4", "written to"),
        ("[also]\nurl = \"s3://a\"\n[also.also]\nurl = \"s3://b\"", "one move"),
        ("[also]\nurl = \"relative\"", "also: url"),
    ] {
        let said = also(text).unwrap_err().to_string();
        assert!(said.starts_with("[store] also: ") && said.contains(word), "{text}: {said}");
    }
}
