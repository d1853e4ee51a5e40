//! Everything with a socket, a database or a process.

mod architecture;
mod bad_input;
mod callers;
mod corpus;
mod door;
mod history;
mod metrics;
mod operations;
mod outage;
mod processes;
mod rolling;
mod rotation;
mod secrets;
mod story;
mod support;
mod traces;
mod watch;
