//! What the core must not do: sockets, real time, pages and deliveries.

mod adversity;
mod authentication;
mod clock;
mod control;
mod delivery;
mod dice;
mod idempotency;
mod pages;
mod rate_limit;
mod record;
mod reply;
mod rights;
mod scenario;
mod socket;
mod v1;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
pub use delivery::Redelivery;
pub use rate_limit::RateLimit;
use record::Record;
pub use scenario::Scenario;
use world::Shared;

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 is any free one.
    pub listen: SocketAddr,
    /// The same seed gives the same ids to the same commands.
    pub seed: u64,
    /// Where events go, and the secret they are signed with.
    pub webhook: Option<(String, String)>,
    /// The only API key that is accepted; `None`: any.
    pub api_key: Option<String>,
    /// The file to which every API request is appended as a line of JSON (method, path, form, version, user agent).
    pub record: Option<PathBuf>,
    /// The simulator's first instant, in unix seconds; `None`: the present. From there on it keeps pace with real time.
    pub start: Option<i64>,
    /// When what an endpoint did not take is delivered again.
    pub redelivery: Redelivery,
    /// What goes wrong from the start on.
    pub scenario: Scenario,
    /// `None`: as many requests as come.
    pub rate_limit: Option<RateLimit>,
}

impl Default for Options {
    /// On any free port of this machine, with any key, and nothing that gets in a test's way.
    fn default() -> Options {
        Options {
            listen: ([127, 0, 0, 1], 0).into(),
            seed: 1,
            webhook: None,
            api_key: None,
            start: None,
            redelivery: Redelivery::Fast,
            scenario: Scenario::default(),
            rate_limit: None,
            record: None,
        }
    }
}

/// A running simulator. Dropping it stops it.
pub struct Running {
    shared: Shared,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What the handlers get.
#[derive(Clone)]
struct Site {
    shared: Shared,
    api_key: Option<String>,
    record: Record,
    stop: CancellationToken,
}

/// Binds, and serves until it is stopped.
///
/// # Errors
/// The address cannot be bound, or the record cannot be written.
pub async fn start(options: Options) -> Result<Running> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("the simulator cannot listen on {}", options.listen))?;
    let address = listener.local_addr()?;
    let shared = Shared::new(&options);
    let running = Running {
        shared: shared.clone(),
        address,
        stop: CancellationToken::new(),
        tasks: JoinSet::new(),
    };
    shared.with(|world| world.core.set_base_url(&running.base_url()));
    if let Some((url, secret)) = &options.webhook {
        running.set_webhook(url, secret);
    }
    let stop = running.stop.clone();
    running.spawn(
        listener,
        Site {
            shared,
            api_key: options.api_key,
            record: Record::open(options.record.as_deref())?,
            stop,
        },
    )
}

fn routes(site: Site) -> Router {
    Router::new()
        .route("/", get(pages::index))
        .route(
            "/pay/{session}",
            get(pages::checkout::show).post(pages::checkout::submit),
        )
        .route(
            "/portal/{session}",
            get(pages::portal::home).post(pages::portal::submit),
        )
        .route("/portal/{session}/{step}/{subject}", get(pages::portal::step))
        .route(
            "/authenticate/{intent}",
            get(pages::authenticate::ask).post(pages::authenticate::answer),
        )
        .route("/invoice/{invoice}", get(pages::invoice))
        .nest("/_simulator", control::routes())
        .route("/v1/{*path}", any(v1::answer))
        .fallback(v1::answer)
        .with_state(site)
}

impl Drop for Running {
    fn drop(&mut self) {
        // Connections are tasks of their own.
        self.stop.cancel();
    }
}

impl Running {
    fn spawn(mut self, listener: TcpListener, site: Site) -> Result<Running> {
        let shared = self.shared.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let serve = axum::serve(
                socket::Listener(listener),
                routes(site).into_make_service_with_connect_info::<socket::Connection>(),
            )
            .with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = serve.await {
                tracing::error!(%error, "the simulator stopped serving");
            }
        });
        self.tasks
            .spawn(until(self.stop.clone(), delivery::deliver_all(shared.clone())));
        self.tasks.spawn(until(self.stop.clone(), async move {
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                shared.tick();
            }
        }));
        Ok(self)
    }

    /// `http://…`, without a slash at the end.
    pub fn base_url(&self) -> String {
        let host = if self.address.ip().is_unspecified() {
            format!("localhost:{}", self.address.port())
        } else {
            self.address.to_string()
        };
        format!("http://{host}")
    }

    /// Events from now on go there, signed with `secret`. Called again, it moves the endpoint: what was not delivered yet
    /// follows.
    pub fn set_webhook(&self, url: &str, secret: &str) {
        self.shared.with(|world| world.set_webhook(url, secret));
    }

    /// Microseconds that the simulator's clock is ahead of real time.
    pub fn clock_offset(&self) -> tokio::sync::watch::Receiver<i64> {
        self.shared.offset()
    }

    /// Commands in-process; their events are delivered. A clock that they move stays moved.
    pub fn with<R>(&self, act: impl FnOnce(&mut Core) -> R) -> R {
        self.shared.with(|world| act(&mut world.core))
    }

    /// Moves the clock: renewals, retries, trial ends, expiries and cancellations happen in order of time.
    pub fn advance(&self, seconds: i64) {
        self.with(|core| core.advance(seconds));
    }

    /// Stops, and waits until the port is free.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // A connection that nobody reads from could hold it up.
        let _ = tokio::time::timeout(Duration::from_secs(2), all).await;
    }
}

async fn until(stop: CancellationToken, task: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = task => {}
    }
}
