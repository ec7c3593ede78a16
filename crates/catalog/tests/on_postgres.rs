//! The battery on PostgreSQL: a cluster of this process, an empty database for each test; and what only a server can do.

mod battery;
#[path = "postgres/beginnings.rs"]
mod beginnings;
#[path = "postgres/encrypted.rs"]
mod encrypted;
#[path = "postgres/lost_server.rs"]
mod lost_server;
#[path = "postgres/moving.rs"]
mod moving;
#[path = "postgres/sharing.rs"]
mod sharing;

const ON_A_SERVER: bool = true;
