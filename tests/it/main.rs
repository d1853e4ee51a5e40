//! Everything with a socket, a database or a process.

mod architecture;
mod bad_input;
mod corpus;
mod door;
mod history;
mod metrics;
mod operations;
mod processes;
mod secrets;
mod story;
mod support;
mod traces;
mod watch;
