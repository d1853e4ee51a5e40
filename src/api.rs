//! The ways in.

pub mod grpc;
pub mod ops;
pub mod webhook;
