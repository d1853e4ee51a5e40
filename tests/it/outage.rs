//! What callers and Stripe see while Postgres is away, full or read-only; nobody restarts anything.

use std::time::Duration;

use http::StatusCode;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{GetEntitlementRequest, WatchEntitlementsRequest};
use tollgate_domain::catalog::Value;
use tollgate_store::Store;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::http::Http;
use crate::support::process::{Place, Process};
use crate::support::{PATIENCE, SECRET, allow, event, eventually, everybody, postgres};

struct Service {
    process: Process,
    http: Http,
    client: BillingServiceClient<Channel>,
}

impl Service {
    async fn of(place: &Place) -> Service {
        let process = place.serve().await;
        let client = BillingServiceClient::connect(format!("http://{}", process.grpc)).await;
        Service {
            http: Http::new(),
            client: client.unwrap(),
            process,
        }
    }

    async fn post(&self, n: usize) -> StatusCode {
        let url = self.process.webhook_url();
        self.http.event(&url, SECRET, event(n)).await.unwrap()
    }

    /// Whether acme has SSO, and as of when that is known.
    async fn get(&self, fully_current: bool) -> Result<(bool, i64), tonic::Status> {
        let request = GetEntitlementRequest {
            customer: "acme".into(),
            feature: "sso".into(),
            fully_current,
            ..GetEntitlementRequest::default()
        };
        let answer = self.client.clone().get_entitlement(request).await?.into_inner();
        let fresh = answer.fresh_time.unwrap();
        let granted = answer.entitlement.unwrap().access == 1;
        Ok((
            granted,
            fresh.seconds * 1_000 + i64::from(fresh.nanos / 1_000_000),
        ))
    }

    async fn ready(&self) -> bool {
        use tonic_health::pb::HealthCheckRequest;
        use tonic_health::pb::health_client::HealthClient;
        let ops = tonic::transport::Endpoint::from_shared(format!("http://{}", self.process.ops)).unwrap();
        let mut health = HealthClient::new(ops.connect().await.unwrap());
        let service = "tollgate.v1.BillingService".to_owned();
        health
            .check(HealthCheckRequest { service })
            .await
            .unwrap()
            .into_inner()
            .status
            == 1
    }

    async fn works_again(&self, first: usize) {
        eventually("webhooks are taken again", async || {
            (self.post(first).await == StatusCode::OK).then_some(())
        })
        .await;
        eventually("reads are current again", async || self.get(true).await.ok()).await;
    }
}

async fn grant_sso(store: &Store, customer: &str) {
    allow(store, customer, "sso", Value::Enabled(true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_stopped_reads_go_on_with_their_age_and_all_recovers_by_itself() {
    let mut server = postgres::own();
    let place = Place::with(server.url().to_owned()).await;
    grant_sso(&place.store, "acme").await;
    let service = Service::of(&place).await;
    eventually("acme has SSO", async || {
        service.get(true).await.unwrap().0.then_some(())
    })
    .await;
    assert_eq!(service.post(1).await, StatusCode::OK);
    let mut watch = service.client.clone();
    let watch = watch
        .watch_entitlements(WatchEntitlementsRequest {
            filter: Some(everybody()),
            ..WatchEntitlementsRequest::default()
        })
        .await;
    let mut watch = watch.unwrap().into_inner();

    let mut server = tokio::task::spawn_blocking(move || {
        server.pause_blocking().unwrap();
        server
    })
    .await
    .unwrap();
    assert_eq!(service.post(2).await, StatusCode::SERVICE_UNAVAILABLE);
    let (granted, first) = service.get(false).await.unwrap();
    assert!(granted, "who paid is not locked out");
    assert_eq!(service.get(true).await.unwrap_err().code(), Code::Unavailable);
    // Nightly lets it last.
    let lasts = std::env::var("TOLLGATE_TEST_OUTAGE_SECONDS").map_or(0, |seconds| seconds.parse().unwrap());
    tokio::time::sleep(Duration::from_secs(lasts)).await;
    let (granted, later) = service.get(false).await.unwrap();
    assert!(
        granted && later == first,
        "the answer says as of when it is known"
    );
    assert!(service.ready().await, "a replica that answers stays in rotation");

    let resumed = tokio::task::spawn_blocking(move || {
        server.resume_blocking().unwrap();
        server
    });
    let _server = resumed.await.unwrap();
    service.works_again(2).await;
    eventually("answers are fresh again", async || {
        (service.get(false).await.unwrap().1 > first).then_some(())
    })
    .await;
    grant_sso(&place.store, "late").await;
    let seen = async {
        while let Some(frame) = watch.message().await.unwrap() {
            match frame.event.unwrap() {
                Event::CustomerEntitlements(set) if set.customer == "late" => return,
                Event::Closing(closing) => panic!("{closing:?}"),
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, seen)
        .await
        .expect("the open watch goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_postgres_takes_no_webhook_and_answers_reads_and_recovers() {
    let place = Place::new().await;
    let service = Service::of(&place).await;
    let database = place.database.rsplit('/').next().unwrap();
    let cut = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}' and pid <> pg_backend_pid()"
    );
    let read_only = format!("alter database {database} set default_transaction_read_only = on; {cut}");
    postgres::execute(&place.database, &read_only).await;
    eventually("it is read-only", async || {
        (service.post(1).await == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    service.get(false).await.unwrap();
    // Another database's session may write.
    let server = place.database.replace(database, "postgres");
    let writable = format!("alter database {database} reset default_transaction_read_only; {cut}");
    for statement in writable.split(';') {
        postgres::execute(&server, statement).await;
    }
    service.works_again(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_webhooks_and_loses_none_that_was_taken() {
    let place = Place::new().await;
    let service = Service::of(&place).await;
    // As Postgres says it, at the tables that grow.
    let full = "create function no_space() returns trigger language plpgsql as
                $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
                create trigger no_space before insert on feed for each row execute function no_space();";
    postgres::execute(&place.database, full).await;
    grant_sso(&place.store, "acme").await;
    assert_eq!(
        service.post(1).await,
        StatusCode::OK,
        "there is room in the inbox"
    );
    postgres::execute(
        &place.database,
        "create trigger no_space before insert on inbox for each row execute function no_space()",
    )
    .await;
    assert_eq!(service.post(2).await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!service.get(false).await.unwrap().0);
    postgres::execute(&place.database, "drop function no_space cascade").await;
    service.works_again(2).await;
    eventually("what waited is applied", async || {
        service.get(true).await.unwrap().0.then_some(())
    })
    .await;
    assert_eq!(place.store.inbox_counts().await.unwrap().total, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_is_full_asks_stripe_to_come_again_and_keeps_what_it_took() {
    let place = Place::new().await;
    let service = Service::of(&place).await;
    let mut holder = <sqlx::PgConnection as sqlx::Connection>::connect(&place.database)
        .await
        .unwrap();
    sqlx::raw_sql("begin; lock table inbox in exclusive mode")
        .execute(&mut holder)
        .await
        .unwrap();
    let posts = futures::future::join_all((0..400).map(|n| service.post(n)));
    let release = async {
        let sent_away = format!("http://{}/metrics", service.process.ops);
        eventually("the door is full", async || {
            let page = service.http.get(&sent_away).await.into_body();
            page.lines()
                .any(|line| line.starts_with("tollgate_webhook") && line.contains("503"))
                .then_some(())
        })
        .await;
        sqlx::raw_sql("commit").execute(&mut holder).await.unwrap();
    };
    let (answers, ()) = tokio::join!(posts, release);
    let taken = answers.iter().filter(|status| status.is_success()).count();
    assert!(taken > 0 && taken < 400, "{taken}");
    let total = place.store.inbox_counts().await.unwrap().total;
    assert!(total >= i64::try_from(taken).unwrap(), "{total} of {taken}");
    for n in 0..400 {
        assert_eq!(service.post(n).await, StatusCode::OK, "Stripe comes again");
    }
    assert_eq!(place.store.inbox_counts().await.unwrap().total, 400);
}
