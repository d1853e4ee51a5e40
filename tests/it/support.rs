//! A whole service with its own database and its own Stripe, over real sockets.

pub mod collector;
pub mod http;
pub mod logs;
pub mod map;
pub mod postgres;
pub mod process;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use stripe_simulator::core::{Core, Interval, NewPrice};
use tollgate::api::grpc::proto::billing_admin_service_client::BillingAdminServiceClient;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::line_item::Price;
use tollgate::api::grpc::proto::{CreateCheckoutRequest, LineItem, WatchFilter};
use tollgate::app::{self, Running};
use tollgate::config::{Config, Secret};
use tollgate::pipeline::catalog::activate::Activator;
use tollgate_domain::brake::Brake;
use tollgate_domain::catalog::Value;
use tollgate_domain::clock::Clock;
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::overrides::Override;
use tollgate_store::{By, Store};
use tonic::transport::Channel;

use http::Http;

pub const SECRET: &str = "whsec_of_the_tests";

/// What everything that is waited for may take: only a defect takes longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const CATALOG: &str = "
features:
  sso: {type: boolean}
  seats: {type: limit, combine: sum}
  support: {type: enum, order: [community, email, priority]}
defaults: {seats: 1, support: community}
plans:
  team:
    match: {lookup_key: [team_monthly, team_yearly]}
    grants: {sso: true, seats: {per_unit: 1}, support: email}
    grace: 7d
  report:
    match: {lookup_key: report}
    grants: {support: priority}
";

pub struct TestApp {
    pub running: Running,
    pub simulator: stripe_simulator::Running,
    pub http: Http,
    /// There as long as the service may read it.
    _catalog: tempfile::NamedTempFile,
}

impl TestApp {
    pub async fn start() -> TestApp {
        TestApp::with(|_| {}).await
    }

    /// With other settings than the usual ones.
    pub async fn with(change: impl FnOnce(&mut Config)) -> TestApp {
        TestApp::build(None, change).await
    }

    /// By a clock that the test steers, not the simulator.
    pub async fn at(clock: Clock, change: impl FnOnce(&mut Config)) -> TestApp {
        TestApp::build(Some(clock), change).await
    }

    async fn build(clock: Option<Clock>, change: impl FnOnce(&mut Config)) -> TestApp {
        logs::begin();
        let simulator = simulator_with(None).await;
        let catalog = catalog(CATALOG);
        let mut config = config(&postgres::database().await, &simulator.base_url(), catalog.path());
        change(&mut config);
        migrate(&config).await;
        let clock = clock.unwrap_or_else(|| Clock::new(simulator.clock_offset()));
        let mut running = app::start(&config, Some(clock)).await.unwrap();
        running.caught_up().await.unwrap();
        simulator.set_webhook(&format!("http://{}/webhooks/stripe", running.webhook), SECRET);
        TestApp {
            running,
            simulator,
            http: Http::new(),
            _catalog: catalog,
        }
    }

    pub fn webhook_url(&self) -> String {
        format!("http://{}/webhooks/stripe", self.running.webhook)
    }

    pub fn store(&self) -> &Store {
        &self.running.store
    }

    pub async fn client(&self) -> BillingServiceClient<Channel> {
        BillingServiceClient::connect(format!("http://{}", self.running.grpc))
            .await
            .unwrap()
    }

    pub async fn admin(&self) -> BillingAdminServiceClient<Channel> {
        BillingAdminServiceClient::connect(format!("http://{}", self.running.grpc))
            .await
            .unwrap()
    }

    pub fn stripe<R>(&self, act: impl FnOnce(&mut Core) -> R) -> R {
        self.simulator.with(act)
    }
}

/// The prices of [`CATALOG`].
pub fn sell(stripe: &mut Core) {
    let product = stripe.create_product("Team").unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let price = |lookup_key: &str, unit_amount, recurring| NewPrice {
        product: product.clone(),
        currency: "eur".into(),
        unit_amount,
        recurring,
        lookup_key: Some(lookup_key.into()),
        ..NewPrice::default()
    };
    stripe
        .create_price(price("team_monthly", 2_000, Some((Interval::Month, 1))))
        .unwrap();
    stripe.create_price(price("report", 5_000, None)).unwrap();
}

/// Everybody, with all features.
pub fn everybody() -> WatchFilter {
    WatchFilter {
        all_customers: true,
        ..WatchFilter::default()
    }
}

/// An event about nothing that grants anything.
pub fn event(n: usize) -> Bytes {
    let object = json!({"id": format!("prod_{n}"), "object": "product"});
    json!({"id": format!("evt_{n}"), "object": "event", "type": "product.created", "created": 1_700_000_000 + n,
        "livemode": false, "data": {"object": object}})
    .to_string()
    .into()
}

/// Allows so much of a feature by hand: a change for watchers, without Stripe.
pub async fn allow(store: &Store, customer: &str, feature: &str, value: Value) {
    let wanted = Override {
        feature: FeatureId::parse(feature).unwrap(),
        allow: Some(value),
        expires_at: None,
    };
    let customer = CustomerId::parse(customer).unwrap();
    store.set_override(&customer, &wanted, &by_hand()).await.unwrap();
}

/// Who decides in tests.
pub fn by_hand() -> By {
    By {
        actor: "test".into(),
        caller: String::new(),
        note: "a change without Stripe".into(),
    }
}

/// One checkout of one `team_monthly`.
pub fn order(customer: &str, request_id: &str) -> CreateCheckoutRequest {
    CreateCheckoutRequest {
        customer: customer.into(),
        request_id: request_id.into(),
        line_items: vec![LineItem {
            price: Some(Price::LookupKey("team_monthly".into())),
            quantity: Some(1),
        }],
        success_url: "https://shop.example/back".into(),
        ..CreateCheckoutRequest::default()
    }
}

pub async fn simulator() -> stripe_simulator::Running {
    simulator_with(Some("sk_test_simulator")).await
}

/// One that takes this key only, or any. STRIPE_REQUESTS names the file that keeps what it is asked, for `.ci/stripe-mock`.
pub async fn simulator_with(key: Option<&str>) -> stripe_simulator::Running {
    let options = stripe_simulator::Options {
        listen: ([127, 0, 0, 1], 0).into(),
        seed: 7,
        webhook: None,
        api_key: key.map(str::to_owned),
        record: std::env::var_os("STRIPE_REQUESTS").map(Into::into),
        ..stripe_simulator::Options::default()
    };
    stripe_simulator::start(options).await.unwrap()
}

/// Stripe's time is not ours to steer.
pub fn real_time() -> std::time::Duration {
    #[allow(clippy::disallowed_methods, reason = "signatures are judged by real time")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap()
}

pub fn catalog(yaml: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), yaml).unwrap();
    file
}

/// Short spans, loopback, any port.
pub fn config(database_url: &str, stripe_url: &str, catalog: &Path) -> Config {
    use tollgate_domain::time::Span;
    let any = ([127, 0, 0, 1], 0).into();
    Config {
        database_url: Some(Secret::from(database_url.to_owned())),
        database_direct_url: postgres::direct(database_url).map(Secret::from),
        stripe_secret_key: Some(Secret::from("sk_test_simulator".to_owned())),
        stripe_webhook_secrets: vec![Secret::from(SECRET.to_owned())],
        catalog: Some(catalog.to_owned()),
        insecure_no_auth: true,
        grpc_listen: any,
        webhook_listen: any,
        ops_listen: any,
        stripe_base_url: stripe_url.to_owned(),
        stripe_requests_per_second: Some(1_000),
        confirm_after: Span::seconds(1),
        reconcile_events_interval: Span::ZERO,
        reconcile_walk_interval: Span::ZERO,
        checkpoint_interval: Span::seconds(1),
        drain_delay: Span::ZERO,
        drain_deadline: Span::seconds(10),
        database_connections: 5,
        ..Config::default()
    }
}

pub async fn migrate(config: &Config) {
    let store = Store::connect(&app::store_settings(config).unwrap())
        .await
        .unwrap();
    store.migrate().await.unwrap();
    store.close().await;
}

/// Who makes catalogs the active ones, as a process that is ready.
pub fn activator(store: &Store) -> Activator<'_> {
    Activator {
        store,
        brake: Brake {
            percent: 5,
            at_least: 20,
        },
        generation: None,
        ready: true,
    }
}

/// Asks again until the answer is one, or the test has failed.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("not after {PATIENCE:?}: {what}"))
}
