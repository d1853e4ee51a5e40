//! Secrets that change while the service works: nobody is refused who is in the right, and nothing restarts.

use http::StatusCode;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;

use crate::support::http::Http;
use crate::support::process::Place;
use crate::support::{SECRET, event, eventually, order, postgres, sell};

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_secret_is_rolled_under_load_and_nothing_that_stripe_signed_is_refused() {
    let place = Place::new().await;
    let secrets = file("whsec_one");
    let process = place
        .serve_with(|command| {
            command
                .env_remove("TOLLGATE_STRIPE_WEBHOOK_SECRETS")
                .env("TOLLGATE_STRIPE_WEBHOOK_SECRETS_FILE", secrets.path())
                .env("TOLLGATE_RELOAD_INTERVAL", "50ms");
        })
        .await;
    let (http, url) = (Http::new(), process.webhook_url());
    let post = async |n, secret: &str| http.event(&url, secret, event(n)).await.unwrap();
    let mut n = 0;
    let mut taken = async |secret: &str, until: &str| {
        // Stripe goes on signing with the old one until the new one is known here.
        let mut there = false;
        while !there {
            assert_eq!(post(n, secret).await, StatusCode::OK, "{n}");
            there = post(n + 1, until).await == StatusCode::OK;
            n += 2;
        }
    };
    std::fs::write(secrets.path(), "whsec_one\nwhsec_two\n").unwrap();
    taken("whsec_one", "whsec_two").await;
    std::fs::write(secrets.path(), "whsec_two\n").unwrap();
    eventually("the old secret is out", async || {
        assert_eq!(post(9_998, "whsec_two").await, StatusCode::OK);
        (post(9_999, "whsec_one").await == StatusCode::BAD_REQUEST).then_some(())
    })
    .await;
    // What cannot be read changes nothing.
    std::fs::write(secrets.path(), "").unwrap();
    eventually("the failure is counted", async || {
        let page = http
            .get(&format!("http://{}/metrics", process.ops))
            .await
            .into_body();
        page.lines()
            .any(|line| line.contains("tollgate_secret_reloads_total") && line.contains("failed"))
            .then_some(())
    })
    .await;
    assert_eq!(post(10_000, "whsec_two").await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_databases_password_is_rotated_without_a_restart() {
    let place = Place::new().await;
    let role = place.database.rsplit('/').next().unwrap().replace("test", "role");
    let as_role = |password: &str| {
        let (scheme, rest) = place.database.split_once("://").unwrap();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{role}:{password}@{host}")
    };
    let sql = format!("create role {role} superuser login password 'one'");
    postgres::execute(&place.database, &sql).await;
    let url = file(&as_role("one"));
    let process = place
        .serve_with(|command| {
            command
                .env_remove("TOLLGATE_DATABASE_URL")
                .env("TOLLGATE_DATABASE_URL_FILE", url.path())
                .env("TOLLGATE_RELOAD_INTERVAL", "50ms");
        })
        .await;
    let (http, door) = (Http::new(), process.webhook_url());
    let post = async |n| http.event(&door, SECRET, event(n)).await.unwrap();
    assert_eq!(post(1).await, StatusCode::OK);
    // The file knows it before the database does: the old one stays in use, and the new one is tried again.
    std::fs::write(url.path(), as_role("two")).unwrap();
    eventually("the refusal is counted", async || {
        let metrics = http
            .get(&format!("http://{}/metrics", process.ops))
            .await
            .into_body();
        let refused = r#"tollgate_secret_reloads_total{secret="database_url",outcome="refused"} 1"#;
        metrics.contains(refused).then_some(())
    })
    .await;
    let cut = format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'");
    postgres::execute(&place.database, &cut).await;
    eventually("the old password is used", async || {
        (post(2).await == StatusCode::OK).then_some(())
    })
    .await;
    postgres::execute(
        &place.database,
        &format!("alter role {role} password 'two'; {cut}"),
    )
    .await;
    eventually("the new password is used", async || {
        (post(3).await == StatusCode::OK).then_some(())
    })
    .await;
    postgres::execute(&place.database, &format!("alter role {role} nosuperuser nologin")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stripes_key_is_rotated_without_a_restart() {
    let place = Place::new().await;
    place.simulator.with(sell);
    let key = file("sk_test_wrong");
    let process = place
        .serve_with(|command| {
            command
                .env_remove("TOLLGATE_STRIPE_SECRET_KEY")
                .env("TOLLGATE_STRIPE_SECRET_KEY_FILE", key.path())
                .env("TOLLGATE_RELOAD_INTERVAL", "50ms");
        })
        .await;
    let mut client = BillingServiceClient::connect(format!("http://{}", process.grpc))
        .await
        .unwrap();
    let request = order("acme", "order-1");
    let refused = client.create_checkout(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Internal, "{refused:?}");
    std::fs::write(key.path(), "sk_live_other_mode").unwrap();
    let http = Http::new();
    eventually("a key of the other mode is refused", async || {
        let page = http
            .get(&format!("http://{}/metrics", process.ops))
            .await
            .into_body();
        page.lines()
            .any(|line| line.contains("tollgate_secret_reloads_total") && line.contains("refused"))
            .then_some(())
    })
    .await;
    std::fs::write(key.path(), "sk_test_simulator").unwrap();
    let page = eventually("the new key is used", async || {
        client.clone().create_checkout(request.clone()).await.ok()
    })
    .await;
    assert!(page.into_inner().checkout.unwrap().url.starts_with("http"));
}
