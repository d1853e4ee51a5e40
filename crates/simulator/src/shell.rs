//! HTTP around the core. (being filled)
#![allow(clippy::unimplemented, unused_variables)]
use std::net::SocketAddr;
use crate::core::Core;
/// How to start.
pub struct Options { pub listen: SocketAddr, pub seed: u64, pub webhook: Option<(String, String)>, pub api_key: Option<String> }
/// A running simulator.
pub struct Running;
/// Binds and serves.
pub async fn start(options: Options) -> anyhow::Result<Running> { unimplemented!() }
impl Running {
    pub fn base_url(&self) -> String { unimplemented!() }
    pub fn set_webhook(&self, url: &str, secret: &str) { unimplemented!() }
    pub fn clock_offset(&self) -> tokio::sync::watch::Receiver<i64> { unimplemented!() }
    pub fn with<R>(&self, act: impl FnOnce(&mut Core) -> R) -> R { unimplemented!() }
    pub fn advance(&self, seconds: i64) { unimplemented!() }
    pub async fn shutdown(self) { unimplemented!() }
}
