//! Tollgate: what may this customer use right now, why, and what will the clock change?
//!
//! In the order in which data passes:
//! [`config`] the settings · [`telemetry`] logs, spans and metrics · [`app`] wires the stations ·
//! [`api`] the ways in: webhook, gRPC, operations · [`commands`] what callers ask to be done at Stripe ·
//! [`pipeline`] from a stored event to an appended answer · [`feed`] from the append to memory and watchers ·
//! [`doctor`] looks whether all around is as it has to be, [`setup`] makes Stripe's side so ·
//! [`cli`] the commands, `demo` the story in one terminal.

pub mod api;
pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
#[cfg(feature = "dev")]
pub mod demo;
pub mod doctor;
pub mod feed;
pub mod pipeline;
pub mod setup;
pub mod telemetry;
