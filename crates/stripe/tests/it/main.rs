//! The crate from outside: the client against a fake Stripe on a real socket, and the readers against recorded payloads.

mod client;
mod corpus;
mod docs;
mod encode;
mod fake;
