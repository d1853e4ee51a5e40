//! Everything on this machine: a private Postgres, a simulated Stripe (or a real account), and the service on both.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use embedded_postgres::{Server, Source};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tollgate_domain::time::Span;
use tollgate_store::scratch;
use tonic::transport::Channel;

use super::say::Narrator;
use super::stripe::Stripe;
use crate::api::grpc::proto::billing_service_client::BillingServiceClient;
use crate::config::{Config, Secret, this_program};
use crate::{app, setup};

const CATALOG: &str = include_str!("catalog.yaml");
const WEBHOOK_SECRET: &str = "whsec_of_the_simulator";
const SECRET_KEY: &str = "sk_test_of_the_simulator";
/// In a second: the simulator takes what it gets.
const REQUESTS: u32 = 1_000;
const START: Duration = Duration::from_secs(30);

/// Which ports of the loopback device are used; 0: any free one.
#[derive(Clone, Copy, Default)]
pub struct Ports {
    pub grpc: u16,
    pub webhook: u16,
    pub ops: u16,
    pub simulator: u16,
}

/// What runs beside Postgres.
pub struct Stack<S = Stripe> {
    pub service: app::Running,
    pub stripe: S,
}

/// Whom the service speaks to, and what is left of it to be stopped.
pub trait Counterpart {
    async fn stop(self);
}

impl Counterpart for Stripe {
    async fn stop(self) {
        Stripe::stop(self).await;
    }
}

/// A real account goes on without us.
impl Counterpart for () {
    async fn stop(self) {}
}

const READY: &str = "the service was not ready in time";

/// Starts a Postgres, then the rest of everything, does `work`, and stops and removes everything, however it went. `None`:
/// SIGINT or SIGTERM came first.
///
/// # Errors
/// Something did not start or stop, the work failed, or the service failed during it.
pub async fn with<S: Counterpart, T>(
    mut config: Config,
    source: Source,
    say: &Narrator,
    start: impl AsyncFnOnce(Config) -> Result<Stack<S>>,
    work: impl AsyncFnOnce(&mut Stack<S>) -> Result<T>,
) -> Result<Option<T>> {
    let mut interrupted = std::pin::pin!(asked_to_end()?);
    let postgres = tokio::select! {
        postgres = Postgres::start(&mut config, source, say) => postgres?,
        () = &mut interrupted => return Ok(None),
    };
    let done = async {
        let mut stack = start(config).await?;
        let outcome = tokio::select! {
            outcome = work(&mut stack) => outcome.map(Some),
            () = &mut interrupted => Ok(None),
        };
        let outcome = match outcome {
            // If the service is gone, that is the cause.
            Err(error) => match timeout(Duration::ZERO, stack.service.failed()).await {
                Ok(cause) => Err(error.context(cause)),
                Err(_) => Err(error),
            },
            fine => fine,
        };
        say.heading("everything is stopped and removed");
        let stopped = stack.stop().await;
        outcome.and_then(|outcome| stopped.map(|()| outcome))
    };
    let done = done.await;
    let removed = postgres.stop().await;
    done.and_then(|done| removed.map(|()| done))
}

impl Stack {
    /// In the order in which one needs the other; returns when the service is ready.
    ///
    /// # Errors
    /// Something did not start.
    pub async fn simulated(mut config: Config, ports: Ports, say: &Narrator) -> Result<Stack> {
        let mut stripe = Stripe::start(loopback(ports.simulator), SECRET_KEY).await?;
        say.note(&format!("Stripe: simulated at {}", stripe.base_url()));
        config.stripe_base_url = stripe.base_url();
        config.stripe_secret_key = Some(SECRET_KEY.to_owned().into());
        config.stripe_webhook_secrets = vec![Secret::from(WEBHOOK_SECRET.to_owned())];
        config.stripe_requests_per_second.get_or_insert(REQUESTS);
        at_home(&mut config, ports);
        app::migrate(&config).await?;
        if config.catalog.is_none() {
            app::apply_catalog(&config, CATALOG, None, None).await?;
        }
        let mut service = app::start(&config, Some(stripe.clock())).await?;
        stripe.deliver_to(
            &format!("http://{}/webhooks/stripe", service.webhook),
            WEBHOOK_SECRET,
        );
        timeout(START, service.caught_up()).await.context(READY)??;
        told(say, &service);
        Ok(Stack { service, stripe })
    }

    /// A client over a socket of its own.
    pub async fn client(&self) -> Result<BillingServiceClient<Channel>> {
        Ok(BillingServiceClient::connect(format!("http://{}", self.service.grpc)).await?)
    }
}

impl Stack<()> {
    /// On the account of the configured key, with a catalog that is drafted from it unless one is configured.
    ///
    /// # Errors
    /// Something did not start, or the account cannot be read.
    pub async fn real(mut config: Config, ports: Ports, say: &Narrator) -> Result<Stack<()>> {
        at_home(&mut config, ports);
        app::migrate(&config).await?;
        if config.catalog.is_none() {
            let stripe = app::stripe(&config)?;
            let yaml = setup::draft(&stripe)
                .await
                .context("the account cannot be read")?;
            say.note(match app::apply_catalog(&config, &yaml, None, None).await? {
                app::Applied::Active(_) => {
                    "catalog: drafted from the account, as `tollgate catalog init` prints it"
                }
                app::Applied::Held { .. } => {
                    "catalog: the one of the last time; the account's new draft would take too much"
                }
            });
        }
        let mut service = app::start(&config, None).await?;
        timeout(START, service.caught_up()).await.context(READY)??;
        told(say, &service);
        Ok(Stack { service, stripe: () })
    }
}

impl<S: Counterpart> Stack<S> {
    async fn stop(self) -> Result<()> {
        let drained = self.service.drain().await;
        self.stripe.stop().await;
        drained
    }
}

fn told(say: &Narrator, service: &app::Running) {
    say.note(&format!(
        "Tollgate: gRPC at {}, webhooks at http://{}",
        service.grpc, service.webhook
    ));
}

/// Only this machine, and nobody is asked who he is.
fn at_home(config: &mut Config, ports: Ports) {
    config.grpc_listen = loopback(ports.grpc);
    config.webhook_listen = loopback(ports.webhook);
    config.ops_listen = loopback(ports.ops);
    config.insecure_no_auth = true;
    config.drain_delay = Span::ZERO;
    config.drain_deadline = Span::seconds(5);
}

/// Where the data is while everything runs.
enum Postgres {
    Private(Server),
    /// A database of our own on the server that was configured.
    Configured {
        url: String,
        number: u32,
    },
}

impl Postgres {
    async fn start(config: &mut Config, source: Source, say: &Narrator) -> Result<Postgres> {
        if let Some(url) = config.database_url.as_ref().map(|url| url.expose().to_owned()) {
            let number = std::process::id();
            let own = scratch::create(&url, number)
                .await
                .context("no database of our own on the configured server")?;
            say.note("Postgres: a new database on the configured server");
            config.database_url = Some(own.into());
            return Ok(Postgres::Configured { url, number });
        }
        let mut supervisor = Command::new(this_program().context("cannot find this program's own file")?);
        supervisor.args(["postgres-supervisor", &source.to_string()]);
        let server = Server::start(supervisor).await?;
        say.note("Postgres: a private one");
        config.database_url = Some(server.url().to_owned().into());
        Ok(Postgres::Private(server))
    }

    async fn stop(self) -> Result<()> {
        match self {
            Postgres::Private(server) => server.stop().await,
            Postgres::Configured { url, number } => Ok(scratch::remove(&url, number).await?),
        }
    }
}

/// Returns at the first SIGINT or SIGTERM. Listens from the call on.
fn asked_to_end() -> Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
