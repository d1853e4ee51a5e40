//! The crate from outside: the client against a fake Stripe on a real socket, the readers against
//! recorded payloads, and async-stripe's parser against the simulator.

mod client;
mod corpus;
mod docs;
mod encode;
mod fake;
mod strict;
