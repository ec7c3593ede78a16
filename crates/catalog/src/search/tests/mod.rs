//! What needs a database to be told of a search: in which order what is found is numbered (`orders`), and how the databases go
//! about it (`plans`).

mod orders;
mod plans;
