//! Who may import whom. A room is a crate only because it forbids an import; this table is what forbids it.

use super::Finding;
use super::metadata::{Metadata, Package};
use super::source::{Source, has_word};

/// A room and the rooms it may import.
const ROOMS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("dataset", &["core"]),
    ("tls", &["core"]),
    // TLS for the calls that go out: one place opens them, so that none is made without what its remote asks for.
    ("dimse", &["core", "tls"]),
    ("store", &["core"]),
    // TLS towards the server that it may be on.
    ("catalog", &["core", "tls"]),
    ("archive", &["core", "dataset", "store", "catalog"]),
    ("scp", &["core", "dataset", "tls", "dimse", "archive"]),
    ("web", &["core", "dataset", "tls", "archive"]),
    ("forward", &["core", "dataset", "tls", "dimse", "archive", "catalog"]),
    ("admin", &["core", "tls", "archive", "forward"]),
    ("testkit", &["core"]),
    // Nobody imports it: what is fuzzed is what reads foreign bytes.
    ("fuzz", &["core", "dataset", "dimse", "store", "testkit"]),
    // The testkit for the made-up study of `causeway demo`.
    (
        "node",
        &[
            "core", "dataset", "tls", "dimse", "store", "catalog", "archive", "forward", "scp", "web",
            "admin", "testkit",
        ],
    ),
    ("xtask", &["core", "dataset", "testkit"]),
];

/// Rooms that tests of any room may use besides: they open no door.
const FOR_TESTS: &[&str] = &["testkit", "core", "dataset", "dimse", "store", "catalog", "archive"];

/// A library and the one room that may name it.
const OWNED: &[(&str, &str)] = &[
    ("dicom-ul", "dimse"),
    ("rustls", "tls"),
    ("tokio-rustls", "tls"),
    ("rustls-native-certs", "tls"),
    ("x509-cert", "tls"),
    ("rcgen", "tls"),
    ("object_store", "store"),
    ("rusqlite", "catalog"),
    ("tokio-postgres", "catalog"),
    ("dicom-object", "dataset"),
    ("dicom-encoding", "dataset"),
    ("dicom-parser", "dataset"),
    ("dicom-core", "dataset"),
    ("dicom-json", "dataset"),
    ("dicom-pixeldata", "dataset"),
    ("dicom-dictionary-std", "dataset"),
    ("dicom-transfer-syntax-registry", "dataset"),
];

/// A library, and where alone in its room it is named: what lies beside works with either.
const CONFINED: &[(&str, &str)] = &[
    ("rusqlite", "crates/catalog/src/engine/sqlite"),
    ("tokio-postgres", "crates/catalog/src/engine/postgres"),
];

/// How a statement of SQL begins.
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "DELETE FROM ",
    "CREATE TABLE",
    "CREATE INDEX",
    "ALTER TABLE",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
];

/// The imports that the manifests declare.
pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    metadata.members().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let room = package.room();
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        let words = format!("{room} is not a room: give it a row in crates/xtask/src/tidy/directions.rs");
        return vec![Finding::new(package.manifest(), 0, words)];
    };
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let for_tests = dependency.is_for_tests();
        if let Some(other) = dependency.name.strip_prefix("causeway-") {
            let fine = allowed.contains(&other) || (for_tests && FOR_TESTS.contains(&other));
            if !fine {
                let words =
                    format!("{room} may not import {other}: go through one of {allowed:?}, or move the code");
                findings.push(Finding::new(package.manifest(), 0, words));
            }
        }
        let owner = OWNED.iter().find(|(library, _)| *library == dependency.name);
        if let Some((library, owner)) = owner.filter(|(_, owner)| *owner != room && !for_tests) {
            let words = format!("only {owner} names {library}: ask that room for what is needed");
            findings.push(Finding::new(package.manifest(), 0, words));
        }
    }
    findings
}

/// Statements of SQL outside the room that has the database.
pub(super) fn check_source(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(room) = source.room().filter(|room| !matches!(*room, "xtask" | "testkit")) else {
        return findings;
    };
    for (line, code) in source.code_lines() {
        for (library, owner) in OWNED.iter().filter(|(_, owner)| *owner != room) {
            if !source.is_test(line) && has_word(code, &library.replace('-', "_")) {
                let words = format!("only {owner} names {library}: ask that room for what is needed");
                findings.push(Finding::new(&source.name, line, words));
            }
        }
    }
    findings.extend(check_confined(source));
    for (line, text) in
        source.lexed.strings.iter().filter(|(line, _)| room != "catalog" && !source.is_test(*line))
    {
        let statement = text.trim_start();
        if SQL.iter().any(|word| statement.starts_with(word)) {
            findings.push(Finding::new(
                &source.name,
                *line,
                "SQL outside catalog: give catalog a method for it",
            ));
        }
    }
    findings
}

/// Libraries that are named outside of their place in the sources of their room.
fn check_confined(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (library, place) in CONFINED {
        let is_of_room = place.split_once("engine/").is_some_and(|(room, _)| source.name.starts_with(room));
        if !is_of_room || source.name.starts_with(place) {
            continue;
        }
        for (line, _) in source.code_lines().filter(|(_, code)| has_word(code, &library.replace('-', "_"))) {
            let words = format!("only {place} names {library}: use what the engine offers");
            findings.push(Finding::new(&source.name, line, words));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(package: &str, dependency: &str, kind: &str) -> Metadata {
        let text = format!(
            r#"{{"workspace_members": ["x"], "packages": [{{"id": "x", "name": "{package}", "version": "0.1.0",
                "license": "MIT", "license_file": null, "manifest_path": "crates/x/Cargo.toml",
                "dependencies": [{{"name": "{dependency}", "kind": {kind}}}]}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_door_does_not_import_another() {
        let findings = check(&metadata("causeway-web", "causeway-dimse", "null"));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].to_string().starts_with("crates/x/Cargo.toml: web may not import dimse"));
        assert_eq!(check(&metadata("causeway-scp", "causeway-dimse", "null")), []);
    }

    #[test]
    fn a_room_nobody_listed_is_found() {
        assert_eq!(check(&metadata("causeway-cellar", "bytes", "null")).len(), 1);
    }

    #[test]
    fn one_room_names_a_library_and_tests_may() {
        assert_eq!(check(&metadata("causeway-archive", "rusqlite", "null")).len(), 1);
        assert_eq!(check(&metadata("causeway-catalog", "rusqlite", "null")), []);
        assert_eq!(check(&metadata("causeway-web", "dicom-object", "\"dev\"")), []);
        assert_eq!(check(&metadata("causeway-web", "causeway-scp", "\"dev\"")).len(), 1);
    }

    #[test]
    fn only_the_engine_of_a_database_names_its_library() {
        let text = "//! A\nuse rusqlite::Row;\n".to_owned();
        let named_in = |name: &str| check_source(&Source::new(name.to_owned(), text.clone())).len();
        assert_eq!(named_in("crates/catalog/src/events.rs"), 1);
        assert_eq!(named_in("crates/catalog/src/engine/writer.rs"), 1);
        assert_eq!(named_in("crates/catalog/src/engine/sqlite.rs"), 0);
        assert_eq!(named_in("crates/catalog/examples/waiting_jobs.rs"), 0);
        let text = "//! A\nuse tokio_postgres::Row;\n".to_owned();
        let named_in = |name: &str| check_source(&Source::new(name.to_owned(), text.clone())).len();
        assert_eq!(named_in("crates/catalog/src/engine/sqlite.rs"), 1);
        assert_eq!(named_in("crates/catalog/src/engine/postgres/mod.rs"), 0);
    }

    #[test]
    fn sql_lives_in_the_catalog() {
        let text = "//! A\nconst Q: &str = \"SELECT 1\";\n".to_owned();
        let outside = Source::new("crates/archive/src/a.rs".to_owned(), text.clone());
        assert_eq!(check_source(&outside).len(), 1);
        let inside = Source::new("crates/catalog/src/a.rs".to_owned(), text);
        assert_eq!(check_source(&inside), []);
    }

    #[test]
    fn the_table_has_no_way_round() {
        // Each room stands below those that import it, so that no chain of imports comes back.
        let place = |room: &str| ROOMS.iter().position(|(name, _)| *name == room);
        for (room, imports) in ROOMS.iter().filter(|(room, _)| !matches!(*room, "xtask" | "testkit" | "fuzz"))
        {
            for import in *imports {
                assert!(place(import) < place(room), "{room} imports {import}, which stands above it");
            }
        }
    }
}
