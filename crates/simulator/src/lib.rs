//! A behavioural Stripe for tests, demos and laptops.
//!
//! In flow order: [`core`] is a pure, seeded state machine (commands and a clock in, objects and events out); `api` reads
//! Stripe's form-encoded requests into commands; `shell` puts HTTP, pages, webhooks and real time around it.

// Stripe's objects have many fields, and `json!` recurses once per field.
#![recursion_limit = "512"]

pub mod api;
pub mod core;
mod shell;

pub use shell::{Options, RateLimit, Redelivery, Running, Scenario, start};
