//! The battery on SQLite.

mod battery;

const DATABASE: battery::Kind = battery::Kind::Sqlite;
