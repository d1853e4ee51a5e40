//! Stripe's side as people set it up: `stripe setup`, `catalog init`, and `dev` on an account.

use std::process::Stdio;

use serde_json::{Value, json};
use stripe_simulator::core::{Interval, NewPrice};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::{CheckEntitlementRequest, CreatePortalSessionRequest};
use tollgate_domain::time::Timestamp;
use tollgate_store::NewEvent;
use tollgate_stripe::wanted::{EVENTS, PERMISSIONS};
use tonic::transport::Channel;

use crate::support::http::Http;
use crate::support::process::{Place, output, tollgate};
use crate::support::{PATIENCE, SECRET, catalog, event, eventually, order, sell};

pub const URL: &str = "https://billing.example.com/webhooks/stripe";

/// `tollgate` with settings that leave nothing to be wished for.
pub fn command(place: &Place, args: &[&str]) -> Command {
    let mut command = tollgate();
    command
        .args(args)
        .env("TOLLGATE_DATABASE_URL", &place.database)
        .env("TOLLGATE_STRIPE_SECRET_KEY", "sk_test_simulator")
        .env("TOLLGATE_STRIPE_BASE_URL", place.simulator.base_url())
        .env("TOLLGATE_STRIPE_WEBHOOK_SECRETS", SECRET)
        .env("TOLLGATE_STRIPE_DEADLINE", "5s")
        .env("TOLLGATE_CATALOG", place.catalog.path())
        .env("TOLLGATE_CALLERS", format!("web={}", "0".repeat(64)));
    command
}

/// Everything that the catalog names is on sale.
pub async fn place() -> Place {
    let place = Place::new().await;
    place.simulator.with(|core| {
        sell(core);
        let product = core.create_product("Team, yearly").unwrap();
        core.create_price(NewPrice {
            product: product["id"].as_str().unwrap().to_owned(),
            currency: "eur".into(),
            unit_amount: 20_000,
            recurring: Some((Interval::Year, 1)),
            lookup_key: Some("team_yearly".into()),
            ..NewPrice::default()
        })
        .unwrap();
    });
    place
}

/// Runs setup; its exit code, what it printed and what it told.
pub async fn setup(place: &Place, url: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let args = [&["stripe", "setup", "--webhook-url", url], more].concat();
    let out = command(place, &args).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

pub async fn key(place: &Place, key: Value) {
    place.control("keys", key).await;
}

fn endpoint(place: &Place) -> (String, Vec<String>) {
    place.simulator.with(|core| {
        let all: Vec<_> = core.webhook_endpoints().collect();
        assert_eq!(all.len(), 1);
        (all[0].url.clone(), all[0].enabled_events.clone())
    })
}

/// As the door has let it in.
pub async fn an_event_came(place: &Place) {
    let event = NewEvent {
        id: "evt_1".into(),
        event_type: "product.created".into(),
        created: Timestamp(0),
        livemode: Some(false),
        account: None,
        object_kind: None,
        object_id: None,
        body: event(1),
        traceparent: None,
    };
    place.store.accept(&[event]).await.unwrap();
}

#[tokio::test]
async fn setup_makes_what_is_missing_once_and_then_doctor_finds_nothing_wrong() {
    let place = place().await;
    let (code, printed, told) = setup(&place, URL, &["--dry-run"]).await;
    assert_eq!((code, printed.as_str()), (Some(0), ""), "{told}");
    assert!(
        told.contains("would create the webhook endpoint") && told.contains("would create a portal"),
        "{told}"
    );
    assert_eq!(place.simulator.with(|core| core.webhook_endpoints().count()), 0);

    let (code, printed, told) = setup(&place, URL, &[]).await;
    assert_eq!(code, Some(0), "{told}");
    let secret = printed.trim();
    assert!(
        secret.starts_with("whsec_") && !secret.contains(char::is_whitespace),
        "{printed}"
    );
    assert!(
        !told.contains(secret) && told.contains("TOLLGATE_STRIPE_WEBHOOK_SECRETS"),
        "{told}"
    );
    for permission in PERMISSIONS {
        let row = format!("{}: {}", permission.name, permission.access.as_str());
        assert!(told.contains(&row), "{row} in {told}");
    }
    let (url, events) = endpoint(&place);
    assert_eq!(url, URL);
    assert_eq!(events, EVENTS.iter().map(|(event, _)| *event).collect::<Vec<_>>());

    let (code, printed, told) = setup(&place, URL, &[]).await;
    assert_eq!((code, printed.as_str()), (Some(0), ""), "{told}");
    assert!(
        told.contains("nothing is changed") && !told.contains("whsec_"),
        "{told}"
    );

    // The key as people should use it: it may do what the list says and no more.
    let permissions: Vec<String> = PERMISSIONS
        .iter()
        .flat_map(|it| {
            let access = it.access.as_str().to_lowercase();
            simulated(it.word).map(move |resource| format!("{resource}:{access}"))
        })
        .collect();
    key(
        &place,
        json!({"key": "rk_test_listed", "permissions": permissions}),
    )
    .await;
    an_event_came(&place).await;
    for stripe_key in ["sk_test_simulator", "rk_test_listed"] {
        let mut doctor = command(&place, &["doctor"]);
        doctor
            .env("TOLLGATE_STRIPE_WEBHOOK_SECRETS", secret)
            .env("TOLLGATE_STRIPE_SECRET_KEY", stripe_key);
        let (code, said) = output(&mut doctor).await;
        assert_eq!(code, Some(0), "{said}");
        assert!(said.lines().all(|line| line.starts_with("ok ")), "{said}");
        assert!(!said.contains(secret) && said.lines().count() >= 13, "{said}");
    }
}

/// What the simulator calls a permission.
fn simulated(word: &'static str) -> impl Iterator<Item = &'static str> {
    let resource = match word {
        "accounts_kyc_basic" => "account",
        "charge" => "charges",
        "checkout_session" => "checkout_sessions",
        "customer" => "customers",
        "customer_portal" => "portal",
        "dispute" => "disputes",
        "event" => "events",
        "invoice" => "invoices",
        "payment_intent" => "payment_intents",
        "plan" => "prices",
        "product" => "products",
        "subscription" => "subscriptions",
        "webhook" => "webhook_endpoints",
        other => panic!("{other}"),
    };
    std::iter::once(resource)
}

/// The events of the list, delivered to the endpoint that setup has made, are enough.
#[tokio::test(flavor = "multi_thread")]
async fn what_setup_made_brings_a_purchase_and_moves_with_its_url() {
    let place = place().await;
    let (_, secret, _) = setup(&place, URL, &[]).await;
    let process = place
        .serve_with(|serve| {
            serve.env("TOLLGATE_STRIPE_WEBHOOK_SECRETS", secret.trim());
        })
        .await;
    let (code, printed, told) = setup(&place, &process.webhook_url(), &[]).await;
    assert_eq!((code, printed.as_str()), (Some(0), ""), "{told}");
    assert!(
        told.contains("changed the webhook endpoint") && told.contains("URL"),
        "{told}"
    );
    assert_eq!(endpoint(&place).0, process.webhook_url());
    let mut client = BillingServiceClient::connect(format!("http://{}", process.grpc))
        .await
        .unwrap();
    buy(&place, &mut client, "acme").await;
    granted(&client, "acme", "sso").await;
    // The portal is the one that setup has made.
    let portal = client
        .create_portal_session(CreatePortalSessionRequest {
            customer: "acme".into(),
            return_url: "https://shop.example/account".into(),
        })
        .await
        .unwrap()
        .into_inner();
    let page = Http::new().get(&portal.url).await.into_body();
    assert!(page.contains("Change plan"), "{page}");
}

/// Opens a checkout and pays it.
pub async fn buy(place: &Place, client: &mut BillingServiceClient<Channel>, customer: &str) {
    let order = order(customer, &format!("order-{customer}"));
    let page = client.create_checkout(order).await.unwrap();
    let url = page.into_inner().checkout.unwrap().url;
    let session = url.rsplit('/').next().unwrap();
    place
        .simulator
        .with(|core| core.pay_session(session).map(|_| ()))
        .unwrap();
}

pub async fn granted(client: &BillingServiceClient<Channel>, customer: &str, feature: &str) {
    let request = || CheckEntitlementRequest {
        customer: customer.into(),
        feature: feature.into(),
        ..CheckEntitlementRequest::default()
    };
    eventually("access", async || {
        let answer = client.clone().check_entitlement(request()).await;
        answer.unwrap().into_inner().allowed.then_some(())
    })
    .await;
}

#[tokio::test]
async fn setup_takes_only_a_url_at_which_events_arrive_and_nobody_reads_them_on_the_way() {
    let place = place().await;
    for (url, why) in [
        ("billing.example.com/webhooks/stripe", "is no URL"),
        ("http://billing.example.com/webhooks/stripe", "is not https"),
        ("ftp://127.0.0.1/webhooks/stripe", "is not https"),
        ("https://billing.example.com/", "has another path"),
        ("https://billing.example.com/webhook", "has another path"),
    ] {
        let (code, printed, told) = setup(&place, url, &[]).await;
        assert_eq!((code, printed.as_str()), (Some(64), ""), "{url}: {told}");
        assert!(
            told.contains(why) && told.contains("write https://your-host/webhooks/stripe"),
            "{told}"
        );
        assert_eq!(told.trim().lines().count(), 1, "{told}");
    }
    assert_eq!(place.simulator.with(|core| core.webhook_endpoints().count()), 0);
    for url in [
        "http://127.0.0.1:8080/webhooks/stripe",
        "https://example.com/billing/webhooks/stripe",
    ] {
        let (code, _, told) = setup(&place, url, &["--dry-run"]).await;
        assert_eq!(code, Some(0), "{url}: {told}");
    }
}

#[tokio::test]
async fn a_command_that_stripe_fails_says_in_one_line_what_to_do() {
    let place = place().await;
    for (name, value, mend) in [
        (
            "TOLLGATE_STRIPE_BASE_URL",
            "http://127.0.0.1:1",
            "; let this machine reach",
        ),
        ("TOLLGATE_STRIPE_SECRET_KEY", "sk_test_wrong", "; copy a key"),
    ] {
        for args in [
            &["stripe", "setup", "--webhook-url", URL][..],
            &["catalog", "init"],
        ] {
            let (code, said) = output(command(&place, args).env(name, value)).await;
            assert_eq!(code, Some(1), "{said}");
            assert!(said.trim().lines().count() == 1 && said.contains(mend), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_configuration_that_setup_makes_later_is_used_and_one_that_is_put_away_is_not() {
    let place = place().await;
    let process = place.serve().await;
    let mut client = BillingServiceClient::connect(format!("http://{}", process.grpc))
        .await
        .unwrap();
    buy(&place, &mut client, "acme").await;
    let mut offers_a_change = async || {
        let request = CreatePortalSessionRequest {
            customer: "acme".into(),
            return_url: "https://shop.example/account".into(),
        };
        let portal = client.create_portal_session(request).await.unwrap().into_inner();
        let page = Http::new().get(&portal.url).await.into_body();
        page.contains("Change plan")
    };
    let stripe = async |path: &str, form: &'static str| {
        let method = if form.is_empty() {
            http::Method::GET
        } else {
            http::Method::POST
        };
        let request = http::Request::builder()
            .method(method)
            .uri(format!(
                "{}/v1/billing_portal/configurations{path}",
                place.simulator.base_url()
            ))
            .header("authorization", "Bearer sk_test_simulator")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.into())
            .unwrap();
        let answer = Http::new().send(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.body());
        serde_json::from_str::<Value>(answer.body()).unwrap()
    };
    assert!(!offers_a_change().await, "the account's default");
    assert_eq!(setup(&place, URL, &[]).await.0, Some(0));
    assert!(offers_a_change().await, "made after the start");
    let all = stripe("", "").await;
    let ours = |it: &&Value| it["metadata"]["tollgate_deployment"] == "default";
    let first = all["data"].as_array().unwrap().iter().find(ours).unwrap()["id"].clone();
    let first = format!("/{}", first.as_str().unwrap());
    stripe(&first, "active=false").await;
    assert!(!offers_a_change().await, "put away, and there is no other");
    assert_eq!(setup(&place, URL, &[]).await.0, Some(0));
    assert!(offers_a_change().await, "made once more");
}

#[tokio::test]
async fn a_drafted_catalog_passes_the_check_and_is_what_is_sold() {
    let place = place().await;
    place.simulator.with(|core| {
        let team = core.price_with_lookup_key("team_monthly").unwrap();
        let product = core.get(&team).unwrap()["product"].as_str().unwrap().to_owned();
        let feature = core.create_feature("sso", "Single sign-on").unwrap();
        core.attach_feature(&product, feature["id"].as_str().unwrap())
            .unwrap();
    });
    let out = command(&place, &["catalog", "init"]).output().await.unwrap();
    assert_eq!(
        out.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let yaml = String::from_utf8(out.stdout).unwrap();
    let file = catalog(&yaml);
    let name = file.path().to_str().unwrap();
    let (code, said) = output(&mut command(&place, &["catalog", "check", name])).await;
    assert_eq!(code, Some(0), "{said}\n{yaml}");
    let drafted = tollgate_domain::catalog::parse(&yaml).unwrap();
    let team = drafted
        .plans
        .iter()
        .find(|(id, _)| id.as_str() == "team")
        .unwrap()
        .1;
    assert_eq!(team.matches.lookup_key.len(), 2, "{yaml}");
    assert!(yaml.contains("sso: {type: boolean}  # Single sign-on"), "{yaml}");
    assert!(
        drafted.plans.keys().any(|id| id.as_str() == "team_yearly"),
        "{yaml}"
    );
}

#[tokio::test]
async fn dev_on_an_account_prints_how_events_come_and_answers() {
    let place = place().await;
    let dev = |key: &str| {
        let url = place.simulator.base_url();
        let mut dev = command(&place, &["dev", "--stripe-key", key, "--stripe-base-url", &url]);
        dev.args(["--webhook-secret", SECRET])
            .env_remove("TOLLGATE_CATALOG")
            .env("TOLLGATE_GRPC_LISTEN", "127.0.0.1:0")
            .env("TOLLGATE_WEBHOOK_LISTEN", "127.0.0.1:0")
            .env("TOLLGATE_OPS_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped());
        dev
    };
    let (code, said) = output(&mut dev("sk_live_real_money")).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("test mode only") && !said.contains("real_money"),
        "{said}"
    );

    let mut running = dev("sk_test_simulator").spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let (mut forward, mut address) = (None, None);
    let read = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let line = line.trim().to_owned();
            if line.starts_with("stripe listen ") {
                forward = Some(line);
            } else if let Some((_, at)) = line.split_once("--address ") {
                address = Some(at.to_owned());
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    let forward = forward.unwrap();
    let words: Vec<&str> = forward.split(' ').collect();
    let ["stripe", "listen", "--forward-to", url, "--events", events] = words[..] else {
        panic!("{forward}");
    };
    assert!(url.ends_with("/webhooks/stripe"), "{url}");
    assert_eq!(events.split(',').count(), EVENTS.len());
    place.simulator.set_webhook(url, SECRET);
    let mut client = BillingServiceClient::connect(address.unwrap()).await.unwrap();
    let page = client.create_checkout(order("acme", "order-1")).await.unwrap();
    let page = page.into_inner().checkout.unwrap().url;
    let session = page.rsplit('/').next().unwrap();
    place
        .simulator
        .with(|core| core.pay_session(session).map(|_| ()))
        .unwrap();
    // As the drafted catalog calls it.
    granted(&client, "acme", "team").await;
    let pid = i32::try_from(running.id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = tokio::time::timeout(PATIENCE, running.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(ended.success());
}
