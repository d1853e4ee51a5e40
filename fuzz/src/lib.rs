//! The configuration's own source (links): the crate that it is in would bring the servers and the database along.

pub mod config;
