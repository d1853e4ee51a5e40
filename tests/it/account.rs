//! The account of a database: pinned at the first contact, and no key of another one is taken afterwards.

use serde_json::json;
use tokio::process::Command;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;

use crate::support::http::Http;
use crate::support::process::{Place, output, tollgate};
use crate::support::{PATIENCE, SECRET, eventually, order, sell};

const OURS: &str = "acct_1Simulated";

fn serve(place: &Place, stripe_key: &str) -> Command {
    let mut command = tollgate();
    command
        .args(["serve", "--insecure-no-auth"])
        .env("TOLLGATE_DATABASE_URL", &place.database)
        .env("TOLLGATE_STRIPE_SECRET_KEY", stripe_key)
        .env("TOLLGATE_STRIPE_BASE_URL", place.simulator.base_url())
        .env("TOLLGATE_STRIPE_WEBHOOK_SECRETS", SECRET)
        .env("TOLLGATE_GRPC_LISTEN", "127.0.0.1:0")
        .env("TOLLGATE_WEBHOOK_LISTEN", "127.0.0.1:0")
        .env("TOLLGATE_OPS_LISTEN", "127.0.0.1:0");
    command
}

async fn pinned(place: &Place) -> Option<String> {
    place.store.deployment().await.unwrap().and_then(|it| it.account)
}

#[tokio::test]
async fn a_key_of_another_account_does_not_start_and_both_are_named() {
    let place = Place::new().await;
    drop(place.serve().await);
    assert_eq!(pinned(&place).await.as_deref(), Some(OURS));
    // It may not ask for its account; the refusal names it.
    for permissions in [json!(null), json!(["customers:write"])] {
        let key = json!({"key": "rk_test_theirs", "account": "acct_theirs", "permissions": permissions});
        place.control("keys", key).await;
        let (code, said) = output(&mut serve(&place, "rk_test_theirs")).await;
        assert_eq!(code, Some(64), "{said}");
        assert!(
            said.contains("acct_theirs") && said.contains(OURS) && said.contains("or a new database"),
            "{said}"
        );
    }
    let mut command = serve(&place, "sk_test_simulator");
    let (code, said) = output(command.env("TOLLGATE_STRIPE_ACCOUNT", "acct_wanted")).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("acct_wanted") && said.contains(OURS), "{said}");
}

#[tokio::test]
async fn the_account_that_is_wanted_is_held_to_before_anything_is_pinned() {
    let place = Place::new().await;
    let mut command = serve(&place, "sk_test_simulator");
    let (code, said) = output(command.env("TOLLGATE_STRIPE_ACCOUNT", "acct_wanted")).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("acct_wanted") && said.contains(OURS), "{said}");
    assert_eq!(pinned(&place).await, None);
}

#[tokio::test]
async fn a_stripe_that_is_away_keeps_nobody_from_starting_and_is_asked_later() {
    let place = Place::new().await;
    // One call, and its retries.
    let away = json!({"requests": 4, "status": 503, "path": "/v1/account"});
    place.control("adversity", away.clone()).await;
    let process = place.serve().await;
    eventually("the account is pinned", async || pinned(&place).await).await;
    drop(process);

    let place = Place::new().await;
    place.store.pin(false).await.unwrap();
    place.store.pin_account("acct_before").await.unwrap();
    place.control("adversity", away).await;
    let run = serve(&place, "sk_test_simulator").output();
    let ended = tokio::time::timeout(PATIENCE, run)
        .await
        .expect("it ends")
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(64), "{said}");
    assert!(said.contains("acct_before") && said.contains(OURS), "{said}");
    assert!(
        String::from_utf8_lossy(&ended.stdout).contains("grpc "),
        "it had started"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_names_our_account_waits_until_that_is_known_and_is_not_ignored() {
    let place = Place::new().await;
    let away = json!({"requests": 1_000_000, "status": 503, "path": "/v1/account"});
    place.control("adversity", away).await;
    let process = place.serve().await;
    let http = Http::new();
    let url = process.webhook_url();
    let stamp = json!({"tollgate_customer": "acme", "tollgate_deployment": "default"});
    let post = async |n: u32, account: &str| {
        let object = json!({"id": format!("cus_{n}"), "object": "customer", "metadata": stamp});
        let event = json!({"id": format!("evt_{n}"), "object": "event", "type": "customer.updated", "created": 1_700_000_000,
            "livemode": false, "account": account, "data": {"object": object}});
        let answer = http.event(&url, SECRET, event.to_string().into()).await;
        assert_eq!(answer.unwrap(), http::StatusCode::OK);
    };
    post(1, OURS).await;
    post(2, "acct_theirs").await;
    let known = async |id: &str| {
        place
            .store
            .links(&[id.to_owned()])
            .await
            .unwrap()
            .into_values()
            .next()
    };
    eventually("both were looked at", async || {
        let page = http
            .get(&format!("http://{}/metrics", process.ops))
            .await
            .into_body();
        let retried = |line: &str| line.starts_with("tollgate_routed_total{outcome=\"retry\"}");
        page.lines().any(retried).then_some(())
    })
    .await;
    assert_eq!((pinned(&place).await, known("cus_1").await), (None, None));
    place.calm().await;
    let customer = eventually("ours has its effect", async || known("cus_1").await).await;
    assert_eq!(customer.as_str(), "acme");
    assert_eq!(pinned(&place).await.as_deref(), Some(OURS));
    eventually("theirs is ignored", async || {
        let counts = place.store.inbox_counts().await.unwrap();
        (counts.ignored == 1 && counts.received == 0).then_some(())
    })
    .await;
    assert_eq!(known("cus_2").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_of_another_account_is_refused_and_the_one_before_stays() {
    let place = Place::new().await;
    place.simulator.with(sell);
    let theirs = json!({"key": "sk_test_theirs", "account": "acct_theirs"});
    place.control("keys", theirs).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "sk_test_simulator").unwrap();
    let process = place
        .serve_with(|command| {
            command
                .env_remove("TOLLGATE_STRIPE_SECRET_KEY")
                .env("TOLLGATE_STRIPE_SECRET_KEY_FILE", file.path())
                .env("TOLLGATE_RELOAD_INTERVAL", "50ms");
        })
        .await;
    let http = Http::new();
    let counted = async |outcome: &str| {
        let page = http
            .get(&format!("http://{}/metrics", process.ops))
            .await
            .into_body();
        page.lines()
            .any(|line| line.contains("stripe_secret_key") && line.contains(outcome))
            .then_some(())
    };
    std::fs::write(file.path(), "sk_test_theirs").unwrap();
    eventually("it is refused", async || counted("refused").await).await;
    let mut client = BillingServiceClient::connect(format!("http://{}", process.grpc))
        .await
        .unwrap();
    let theirs = json!({"key": "sk_test_theirs", "permissions": []});
    place.control("keys", theirs).await;
    client.create_checkout(order("acme", "order-1")).await.unwrap();

    // Whether a key is ours cannot be asked just now: it is taken as soon as it can.
    place.control("keys", json!({"key": "sk_test_next"})).await;
    let away = json!({"requests": 4, "status": 503, "path": "/v1/account"});
    place.control("adversity", away).await;
    std::fs::write(file.path(), "sk_test_next").unwrap();
    eventually("it is taken", async || counted("taken").await).await;
}
