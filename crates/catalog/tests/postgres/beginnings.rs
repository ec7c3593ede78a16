//! Nodes that begin on one database: at once, and with tables that others have brought further.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use causeway_catalog::{Catalog, Error, Server};
use causeway_core::SystemClock;
use causeway_testkit::database::Database;

async fn open(database: &Database) -> Result<Catalog, Error> {
    Catalog::connect(Server::parse(&database.url()).unwrap(), Arc::new(SystemClock)).await
}

#[tokio::test]
async fn of_many_that_begin_at_once_one_makes_the_tables() {
    let Some(database) = Database::fresh().unwrap() else { return };
    let (a, b, c, d) = tokio::join!(open(&database), open(&database), open(&database), open(&database));
    for catalog in [a, b, c, d] {
        catalog.unwrap().ask().await.unwrap();
    }
}

#[tokio::test]
async fn an_older_node_goes_on_with_newer_tables_as_long_as_they_let_it() {
    let Some(database) = Database::fresh().unwrap() else { return };
    drop(open(&database).await.unwrap());
    database.run("UPDATE schema_version SET version = version + 5").unwrap();
    open(&database).await.unwrap().ask().await.unwrap();
    database.run("UPDATE schema_version SET oldest = version").unwrap();
    assert!(matches!(open(&database).await, Err(Error::Newer { found, known }) if found == known + 5));
}

#[tokio::test]
async fn a_database_in_another_alphabet_is_refused_with_words() {
    let Some(database) = Database::fresh().unwrap() else { return };
    database.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'").unwrap();
    let latin = Database { name: "latin".to_owned(), ..database };
    let error = open(&latin).await.err().unwrap();
    assert!(error.to_string().contains("UTF8"), "{error}");
}
