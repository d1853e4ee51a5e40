//! One process: every station once, in the order of the diagram; its beginning and its end.

mod account;
mod catalog;
mod once;
mod reload;
mod settings;
mod stations;
mod steer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tollgate_domain::clock::Clock;
use tollgate_store::{Store, StoreError};

use crate::api::grpc::auth::Callers;
use crate::api::grpc::health::Health;
use crate::api::grpc::listen;
use crate::api::grpc::listen::tls::Tls;
use crate::api::grpc::service::Service;
use crate::api::{grpc, ops, webhook};
use crate::commands::Commands;
use crate::config::{Config, ConfigError};
use crate::feed::Feed;
use crate::pipeline::Pipeline;
use crate::telemetry::metric::{self, PLAIN};
use crate::telemetry::{self, Recorded};

use stations::Stations;

pub use catalog::{
    Applied, MAX_CATALOG, apply_catalog, catalog_status, diff_catalog, pair_name, read_catalog,
};
pub use once::{log, migrate, new_token};
pub use settings::{caller_list, check, jwt_without_keys, store_settings, stripe};
pub use steer::unix_now;

/// What the stations may take beyond the listeners' deadline.
const GRACE: Duration = Duration::from_secs(5);

/// A service that runs.
pub struct Running {
    pub grpc: SocketAddr,
    pub webhook: SocketAddr,
    pub ops: SocketAddr,
    pub store: Store,
    /// Who may call the gRPC listener; to be replaced while it runs.
    pub callers: Callers,
    /// What the gRPC listener offers; to be reloaded while it runs.
    pub tls: Option<Tls>,
    feed: Feed,
    /// Whether the catalog given has been made active, or is not to be.
    activated: watch::Receiver<bool>,
    health: Health,
    stations: Stations,
    /// Listeners end first, then what they feed.
    listening: CancellationToken,
    working: CancellationToken,
    drain_delay: Duration,
    drain_deadline: Duration,
}

/// Binds, then works. `clock` is given where somebody steers it; else the database's is followed.
///
/// # Errors
/// A setting, the database, the catalog or an address is not usable; the text says what to do.
pub async fn start(config: &Config, clock: Option<Clock>) -> Result<Running> {
    settings::check(config)?;
    let metrics = telemetry::metrics();
    let tls = settings::tls(config)?;
    let jwt = settings::jwt(config).await?;
    let callers = settings::callers(config, jwt.clone())?;
    let webhook_settings = settings::webhook(config)?;
    let stripe = settings::stripe(config)?;
    let grpc_listener = bind(config.grpc_listen, "TOLLGATE_GRPC_LISTEN").await?;
    let webhook_listener = bind(config.webhook_listen, "TOLLGATE_WEBHOOK_LISTEN").await?;
    let ops_listener = bind(config.ops_listen, "TOLLGATE_OPS_LISTEN").await?;
    metric::READY.set(PLAIN, false);

    let store = Store::connect(&store_settings(config)?).await?;
    store.check_schema().await?;
    store.pin(stripe.livemode()).await.map_err(|error| match error {
        StoreError::Schema(text) => anyhow::Error::new(ConfigError(text)),
        error => error.into(),
    })?;
    let accounts = account::Accounts {
        store: store.clone(),
        wanted: config.stripe_account.clone(),
        known: Arc::default(),
    };
    let account_open = accounts.first(&stripe).await?;
    let working = CancellationToken::new();
    let mut stations = Stations::default();
    let clock = match clock {
        Some(clock) => clock,
        None => {
            let (clock, follow) = steer::follow_database(store.clone(), working.clone()).await?;
            stations.add("clock", follow);
            clock
        }
    };
    let catalog = catalog::at_start(config, &store, clock.now()).await?;

    let feed = Feed::new(store.clone(), clock.clone(), settings::feed(config));
    let activated = watch::Sender::new(false);
    let leads = catalog::when_ready(
        config,
        store.clone(),
        catalog,
        clock.clone(),
        (feed.ready(), activated.clone()),
        working.clone(),
    );
    let health = Health::new();
    let livemode = stripe.livemode();
    let pipeline = Pipeline::new(
        store.clone(),
        stripe.clone(),
        clock.clone(),
        settings::pipeline(config, livemode, accounts.known.clone()),
    );
    let users = reload::Users {
        callers: callers.clone(),
        store: store.clone(),
        stripe: stripe.clone(),
        accounts: accounts.clone(),
        webhook_secrets: webhook_settings.secrets.clone(),
    };
    let asked = stripe.clone();
    let account = accounts.later(stripe.clone(), account_open, working.clone());
    let commands = Commands::new(
        store.clone(),
        stripe,
        clock.clone(),
        settings::commands(config, pipeline.nudge()),
    );
    let service = Service::new(feed.clone(), commands, clock, settings::service(config));
    let door = webhook::router(pipeline.inbox(), webhook_settings);

    let mut running = Running {
        grpc: grpc_listener.local_addr()?,
        webhook: webhook_listener.local_addr()?,
        ops: ops_listener.local_addr()?,
        store,
        callers: callers.clone(),
        tls: tls.clone(),
        feed: feed.clone(),
        activated: activated.subscribe(),
        health: health.clone(),
        stations,
        listening: CancellationToken::new(),
        working,
        drain_delay: settings::duration(config.drain_delay),
        drain_deadline: settings::duration(config.drain_deadline),
    };
    let stop = running.working.clone();
    let every = settings::duration(config.reload_interval);
    running
        .stations
        .add("reload", reload::run(config.clone(), users, every, stop.clone()));
    running.stations.add("account", account);
    running.stations.add("catalog", leads);
    running.stations.add("pipeline", pipeline.run(stop.clone()));
    running.stations.add("feed", feed.clone().run(stop.clone()));
    running.stations.add(
        "readiness",
        report_readiness(feed.ready(), health.clone(), stop.clone()),
    );
    let operations = {
        let (metrics, feed) = (metrics.clone(), feed.clone());
        ops::router(
            move || {
                feed.tell();
                settings::tell_budget(&asked);
                metrics.render()
            },
            &health,
        )
    };
    running.stations.add("metrics", upkeep(metrics, stop.clone()));
    let limits = settings::listen(config);
    running.stations.add(
        "ops",
        finished(listen::serve(
            ops_listener,
            None,
            operations,
            limits.clone(),
            stop,
        )),
    );
    let working = running.working.clone();
    if let Some(jwt) = jwt {
        running.stations.add("jwt", followed(jwt.follow(working.clone())));
    }
    if let Some(tls) = tls.clone() {
        running.stations.add(
            "tls",
            followed(tls.follow(settings::duration(config.reload_interval), working)),
        );
    }
    let stop = running.listening.clone();
    running.stations.add(
        "webhook",
        finished(listen::serve(
            webhook_listener,
            None,
            door,
            limits.clone(),
            stop.clone(),
        )),
    );
    let settings = grpc::Settings {
        listen: listen::Settings {
            counted: true,
            ..limits
        },
        tls,
        max_guest_streams: config.max_guest_streams,
        ..grpc::Settings::default()
    };
    running.stations.add(
        "grpc",
        finished(grpc::serve(
            grpc_listener,
            service,
            health,
            callers,
            settings,
            stop,
        )),
    );
    Ok(running)
}

impl Running {
    /// Returns once this replica has caught up and its catalog was dealt with, or why a station ended before.
    ///
    /// # Errors
    /// As for [`Running::failed`].
    pub async fn caught_up(&mut self) -> Result<()> {
        let (mut ready, mut activated) = (self.feed.ready(), self.activated.clone());
        let both = async {
            let _ = ready.wait_for(|ready| *ready).await;
            let _ = activated.wait_for(|activated| *activated).await;
        };
        tokio::select! {
            () = both => Ok(()),
            error = self.failed() => Err(error),
        }
    }

    /// Returns when a station has ended unasked: the process can only end with an error then.
    pub async fn failed(&mut self) -> anyhow::Error {
        self.stations.failed().await
    }

    /// The order of an end: not ready, until balancers have noticed; watchers are told; connections finish what runs;
    /// then the stations stop.
    ///
    /// # Errors
    /// What was still busy at the deadline was cut, or a station failed.
    pub async fn drain(mut self) -> Result<()> {
        self.health.drain();
        metric::READY.set(PLAIN, false);
        tracing::info!(delay = ?self.drain_delay, "draining: not ready any more");
        tokio::time::sleep(self.drain_delay).await;
        self.feed.close();
        self.listening.cancel();
        let deadline = self.drain_deadline + GRACE;
        let ended = tokio::time::timeout(deadline, self.stations.ended(&self.working)).await;
        self.stations.cut();
        // What holds a connection has been cut; a database that does not answer is not waited for.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.store.close()).await;
        telemetry::flush().await;
        ended.unwrap_or_else(|_| Err(anyhow!("not finished after {deadline:?}: the rest was cut")))
    }
}

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: stop what uses that port, or give another address in {setting}")
    })
}

async fn finished(listening: impl Future<Output = usize>) -> Result<()> {
    match listening.await {
        0 => Ok(()),
        cut => bail!("{cut} connections were still busy at the drain deadline and were cut"),
    }
}

async fn followed(files: impl Future<Output = ()>) -> Result<()> {
    files.await;
    Ok(())
}

/// What histograms were given stays beside them until somebody asks for it, or this does.
async fn upkeep(metrics: Recorded, stop: CancellationToken) -> Result<()> {
    let mut often = tokio::time::interval(Duration::from_secs(5));
    while stop.run_until_cancelled(often.tick()).await.is_some() {
        metrics.run_upkeep();
    }
    Ok(())
}

async fn report_readiness(
    mut ready: tokio::sync::watch::Receiver<bool>,
    health: Health,
    stop: CancellationToken,
) -> Result<()> {
    tokio::select! {
        caught_up = ready.wait_for(|ready| *ready) => {
            caught_up.context("the tailer is gone")?;
            if health.ready() {
                metric::READY.set(PLAIN, true);
                tracing::info!("ready: caught up with the feed");
            }
        }
        () = stop.cancelled() => {}
    }
    stop.cancelled().await;
    Ok(())
}
