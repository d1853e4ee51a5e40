//! The server, and what the tests say often.

use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use embedded_postgres::{Options, Server, supervise};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tollgate_domain::catalog::Value;
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::schedule::{Answer, Reason, Schedule, Timeline};
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Activation, Append, Cause, Loaded, NewEvent, Settings, Store, StoreError, Wanted};

const SUPERVISOR: &str = "TOLLGATE_STORE_TEST_SUPERVISOR";

/// This program once more, as the supervisor. Only its line `ready …` may reach the parent; the rest is the test
/// harness's own.
const ONLY_READY: &str = r#""$0" --exact fixture::the_server_of_the_other_tests --nocapture |
    while read -r word rest; do case $word in ready) echo "$word $rest" ;; esac; done"#;

#[test]
fn the_server_of_the_other_tests() {
    if std::env::var_os(SUPERVISOR).is_some() {
        supervise(Options::default()).unwrap();
    }
}

/// `TOLLGATE_TEST_DATABASE_URL` wins; else one of our own, which ends with this process.
static SERVER: LazyLock<(Option<Server>, String)> = LazyLock::new(|| {
    if let Ok(url) = std::env::var("TOLLGATE_TEST_DATABASE_URL") {
        return (None, url);
    }
    let mut supervisor = Command::new("sh");
    supervisor
        .arg("-c")
        .arg(ONLY_READY)
        .arg(std::env::current_exe().unwrap())
        .env(SUPERVISOR, "1");
    let server = Server::start_blocking(supervisor).expect("a Postgres for the tests");
    let url = server.url().to_owned();
    (Some(server), url)
});

/// A migrated database of one's own.
pub struct Place {
    pub store: Store,
    url: String,
}

impl Place {
    pub async fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = tokio::task::spawn_blocking(|| SERVER.1.clone()).await.unwrap();
        let name = format!(
            "store_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let mut connection = PgConnection::connect(&server).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}")))
            .execute(&mut connection)
            .await
            .unwrap();
        let (front, _) = server.rsplit_once('/').unwrap();
        let url = format!("{front}/{name}");
        let store = Store::connect(&Settings {
            url: url.clone(),
            direct_url: None,
            max_connections: 8,
        })
        .await
        .unwrap();
        store.migrate().await.unwrap();
        Place { store, url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a catalog the active one, with the first rules.
    pub async fn activate(
        &self,
        source: &str,
        hash: &str,
        generation: Option<i64>,
    ) -> Result<Activation, StoreError> {
        let wanted = Wanted {
            source,
            hash,
            generation,
            projection: 1,
            ready: false,
            confirmed: None,
        };
        let active = self.store.activate(&wanted, None).await?;
        Ok(active.expect("nothing is compared"))
    }

    /// A session beside the store's, for what only a stopped or foreign process does.
    pub async fn session(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    pub async fn sql(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut self.session().await)
            .await
            .unwrap();
    }

    /// Stores an event about an object and routes it.
    pub async fn observed(&self, event_id: &str, customer: &str) -> i64 {
        let seq = self.received(event_id).await;
        let to = tollgate_store::Routing::Customer {
            customer: id(customer),
            ids: vec![],
        };
        self.store.route(&[(seq, to)]).await.unwrap();
        seq
    }

    /// Stores an event about an object.
    pub async fn received(&self, event_id: &str) -> i64 {
        self.store.accept(&[event(event_id)]).await.unwrap();
        let unrouted = self.store.unrouted(1, 1, NOW).await.unwrap();
        unrouted.first().expect("the event is there to be routed").seq
    }

    /// The one customer that is dirty.
    pub async fn dirty_one(&self) -> Loaded {
        let mut dirty = self.store.dirty(10, NOW).await.unwrap();
        assert_eq!(dirty.len(), 1, "one is dirty");
        dirty.remove(0)
    }

    /// Whether nobody is dirty.
    pub async fn clean(&self) -> bool {
        self.store.dirty(10, NOW).await.unwrap().is_empty()
    }
}

pub const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

pub fn later(seconds: i64) -> Timestamp {
    NOW + Span::seconds(seconds)
}

pub fn id(customer: &str) -> CustomerId {
    CustomerId::parse(customer).unwrap()
}

pub fn event(id: &str) -> NewEvent {
    NewEvent {
        id: id.to_owned(),
        event_type: "customer.subscription.updated".to_owned(),
        created: NOW,
        livemode: Some(false),
        account: None,
        object_kind: Some("subscription".to_owned()),
        object_id: Some(format!("sub_of_{id}")),
        body: Bytes::from(format!("body of {id}")),
        traceparent: None,
    }
}

/// Access to a number of seats.
pub fn seats(amount: u64) -> Schedule {
    let answer = Answer {
        reason: Reason::Active,
        value: Value::Limit(Some(amount)),
        plans: vec![],
    };
    Schedule([(FeatureId::parse("seats").unwrap(), Timeline::always(answer))].into())
}

/// What applying it came to, if everything observed took effect.
pub fn applied(loaded: &Loaded, schedule: Option<Schedule>) -> Append {
    Append {
        customer: loaded.customer.clone(),
        marks: loaded.marks,
        facts_version: loaded.facts_version,
        facts: loaded.facts.clone(),
        schedule,
        activation: loaded.activation,
        as_of: NOW,
        due_at: None,
        applied: loaded.observed.iter().map(|observed| observed.seq).collect(),
        failed: vec![],
        wants: vec![],
        cause: Cause::default(),
    }
}
