//! Everything with a socket, a database or a process.

mod account;
mod architecture;
mod bad_input;
mod breaker;
mod budget;
mod by_hand;
mod callers;
mod corpus;
mod doctor;
mod door;
mod history;
mod metrics;
mod operations;
mod outage;
mod processes;
mod rolling;
mod rotation;
mod sales;
mod secrets;
mod shapes;
mod slow_readers;
mod story;
mod stripe_side;
mod support;
mod traces;
mod watch;
