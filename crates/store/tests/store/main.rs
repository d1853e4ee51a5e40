//! The store against a real Postgres. All tests of this process share one server and have a database each.

mod append;
mod checkout;
mod deployment;
mod feed;
mod figures;
mod fixture;
mod inbox;
mod queue;
mod route;
mod settle;
