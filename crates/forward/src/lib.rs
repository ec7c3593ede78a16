//! Delivery: who gets what, and the proof that it got there.

pub mod condition;
