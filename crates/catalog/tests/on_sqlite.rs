//! The battery on SQLite.

mod battery;

const ON_A_SERVER: bool = false;
