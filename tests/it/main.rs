//! Everything with a socket, a database or a process.

mod architecture;
mod bad_input;
mod corpus;
mod door;
mod history;
mod processes;
mod story;
mod support;
mod watch;
