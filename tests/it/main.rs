//! Everything with a socket, a database or a process.

mod architecture;
mod bad_input;
mod corpus;
mod door;
mod history;
mod operations;
mod processes;
mod rotation;
mod story;
mod support;
mod watch;
