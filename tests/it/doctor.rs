//! What doctor says of each thing that can be wrong, and what to do about it.

use serde_json::json;
use stripe_simulator::core::EndpointChange;
use tokio::process::Command;
use tollgate_stripe::wanted::EVENTS;

use crate::stripe_side::{URL, an_event_came, command, key, place, setup};
use crate::support::process::{Place, output};
use crate::support::{catalog, postgres};

/// Doctor with a change of its settings.
async fn doctor(place: &Place, change: impl FnOnce(&mut Command)) -> (Option<i32>, String) {
    let mut doctor = command(place, &["doctor", "--webhook-url", URL]);
    change(&mut doctor);
    output(&mut doctor).await
}

#[track_caller]
fn wrong(said: &(Option<i32>, String), code: i32, line: &str, mend: &str) {
    let mut lines = said.1.lines();
    assert_eq!(said.0, Some(code), "{}", said.1);
    assert!(lines.any(|it| it.contains(line)), "no `{line}` in {}", said.1);
    let next = lines.next().unwrap_or_default();
    assert!(
        next.contains('→') && next.contains(mend),
        "no `{mend}` after it in {}",
        said.1
    );
}

#[tokio::test]
async fn doctor_says_what_is_wrong_with_settings_database_and_key() {
    let place = place().await;
    place.store.pin(false).await.unwrap();
    place.store.pin_account("acct_1Simulated").await.unwrap();
    setup(&place, URL, &[]).await;
    let said = doctor(&place, |it| {
        it.env_remove("TOLLGATE_CALLERS");
    })
    .await;
    wrong(
        &said,
        64,
        "fail  settings          TOLLGATE_CALLERS is not set",
        "who may call",
    );
    let empty = postgres::database().await;
    let said = doctor(&place, |it| {
        it.env("TOLLGATE_DATABASE_URL", &empty);
    })
    .await;
    wrong(&said, 1, "fail  schema", "run `tollgate migrate`");
    let said = doctor(&place, |it| {
        it.env("TOLLGATE_DATABASE_URL", "postgres://u:hidden@127.0.0.1:1/none");
    })
    .await;
    wrong(&said, 1, "fail  database", "start Postgres there");
    assert!(!said.1.contains("hidden"), "{}", said.1);
    let (front, _) = place.database.rsplit_once('/').unwrap();
    let said = doctor(&place, |it| {
        it.env("TOLLGATE_DATABASE_URL", format!("{front}/no_such"));
    })
    .await;
    wrong(&said, 1, "fail  database", "create that database");
    let said = doctor(&place, |it| {
        it.env("TOLLGATE_DATABASE_URL", format!("{front}/?dbname=no;+such"));
    })
    .await;
    let whole = "fail  database          the database is not available: database \"no; such\" does not exist (3D000)\n";
    wrong(&said, 1, whole.trim_end(), "create that database");
    let said = doctor(&place, |it| {
        it.env("TOLLGATE_STRIPE_BASE_URL", "http://127.0.0.1:1");
    })
    .await;
    wrong(
        &said,
        1,
        "fail  stripe",
        "let this machine reach http://127.0.0.1:1",
    );
    let with_key = async |name: &str| {
        doctor(&place, |it| {
            it.env("TOLLGATE_STRIPE_SECRET_KEY", name);
        })
        .await
    };
    wrong(&with_key("sk_test_wrong").await, 1, "fail  stripe", "copy a key");
    key(&place, json!({"key": "sk_live_ours"})).await;
    let said = with_key("sk_live_ours").await;
    wrong(&said, 1, "fail  mode", "use a key of that mode");
    key(&place, json!({"key": "sk_test_theirs", "account": "acct_theirs"})).await;
    let said = with_key("sk_test_theirs").await;
    wrong(
        &said,
        1,
        "the key is of acct_theirs, and held is acct_1Simulated",
        "use a key of acct_1Simulated",
    );
    let said = doctor(&place, |it| {
        it.env("TOLLGATE_STRIPE_ACCOUNT", "acct_wanted");
    })
    .await;
    wrong(
        &said,
        1,
        "fail  account           TOLLGATE_STRIPE_ACCOUNT is acct_wanted, and this database holds acct_1Simulated",
        "set TOLLGATE_STRIPE_ACCOUNT to acct_1Simulated",
    );
    let few = [
        "customers:write",
        "checkout_sessions:read",
        "prices:read",
        "portal:write",
    ];
    key(&place, json!({"key": "rk_test_few", "permissions": few})).await;
    let said = with_key("rk_test_few").await;
    wrong(
        &said,
        1,
        "the key lacks rak_checkout_session_write, rak_subscription_read",
        "set Checkout Sessions: Write, Subscriptions: Read, Invoices: Read",
    );
    wrong(&said, 1, "warn  webhook endpoint", "Webhook Endpoints: Read");
    // Who may not ask for the account is told by the refusal.
    assert!(
        said.1
            .contains("ok    account           acct_1Simulated, as pinned"),
        "{}",
        said.1
    );
    let read_only = "do $$ begin execute format('alter database %I set default_transaction_read_only = on', \
                     current_database()); end $$";
    postgres::execute(&place.database, read_only).await;
    let said = doctor(&place, |_| {}).await;
    wrong(&said, 1, "is read-only", "default_transaction_read_only");
}

#[tokio::test]
async fn doctor_says_whose_a_key_is_before_anything_is_pinned() {
    let place = place().await;
    let said = doctor(&place, |it| {
        it.env("TOLLGATE_STRIPE_ACCOUNT", "acct_wanted");
    })
    .await;
    wrong(
        &said,
        1,
        "fail  account           TOLLGATE_STRIPE_ACCOUNT is acct_wanted, and the key is of acct_1Simulated",
        "set TOLLGATE_STRIPE_ACCOUNT to acct_1Simulated",
    );
}

#[tokio::test]
async fn doctor_says_when_the_issuers_keys_or_the_collector_cannot_be_reached() {
    let place = place().await;
    setup(&place, URL, &[]).await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = format!("http://{}", taken.local_addr().unwrap());
    let said = doctor(&place, |it| {
        it.env("TOLLGATE_OTLP_ENDPOINT", "http://127.0.0.1:1");
    })
    .await;
    wrong(
        &said,
        0,
        "warn  otlp collector    http://127.0.0.1:1 cannot be reached",
        "mend TOLLGATE_OTLP_ENDPOINT",
    );
    let said = doctor(&place, |it| {
        it.env("TOLLGATE_OTLP_ENDPOINT", &there)
            .env("TOLLGATE_JWT_JWKS", "http://127.0.0.1:1/jwks.json")
            .env("TOLLGATE_JWT_ISSUER", "https://issuer.example")
            .env("TOLLGATE_JWT_AUDIENCE", "tollgate");
    })
    .await;
    assert!(said.1.contains("ok    otlp collector"), "{}", said.1);
    wrong(
        &said,
        1,
        "fail  jwt keys          the keys at http://127.0.0.1:1/jwks.json cannot be used",
        "mend TOLLGATE_JWT_JWKS",
    );
}

#[tokio::test]
async fn doctor_says_what_is_wrong_with_endpoint_prices_catalog_portal_and_clock() {
    let place = place().await;
    let said = doctor(&place, |_| {}).await;
    let setup_again = format!("run `tollgate stripe setup --webhook-url {URL}`");
    wrong(&said, 1, "fail  webhook endpoint", &setup_again);
    wrong(&said, 1, "warn  customer portal", "run `tollgate stripe setup`");
    setup(&place, URL, &[]).await;
    let id = place
        .simulator
        .with(|core| core.webhook_endpoints().next().unwrap().id.clone());
    let ours = || EVENTS.iter().map(|(event, _)| (*event).to_owned());
    for (change, line) in [
        (
            EndpointChange {
                disabled: Some(true),
                ..EndpointChange::default()
            },
            "it is disabled",
        ),
        (
            EndpointChange {
                enabled_events: Some(ours().filter(|it| it != "invoice.paid").collect()),
                ..EndpointChange::default()
            },
            "it does not send invoice.paid",
        ),
        (
            EndpointChange {
                enabled_events: Some(ours().chain(["invoice.created".to_owned()]).collect()),
                ..EndpointChange::default()
            },
            "it sends invoice.created",
        ),
        (
            EndpointChange {
                enabled_events: Some(vec!["*".into()]),
                ..EndpointChange::default()
            },
            "it sends invoice.created",
        ),
    ] {
        place
            .simulator
            .with(|core| core.update_webhook_endpoint(&id, change).unwrap());
        wrong(&doctor(&place, |_| {}).await, 1, line, &setup_again);
        let (code, printed, told) = setup(&place, URL, &[]).await;
        assert_eq!((code, printed.as_str()), (Some(0), ""), "{told}");
        assert!(told.contains("changed the webhook endpoint"), "{told}");
    }
    let said = doctor(&place, |_| {}).await;
    wrong(
        &said,
        0,
        "warn  webhook secret    1 configured; no event has ever come",
        "`stripe trigger",
    );
    an_event_came(&place).await;
    let (code, said) = doctor(&place, |_| {}).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("ok    webhook secret    1 configured; the last event was let in within the last hour"),
        "{said}"
    );

    let with_catalog = async |yaml: &str| {
        let file = catalog(yaml);
        doctor(&place, |it| {
            it.env("TOLLGATE_CATALOG", file.path());
        })
        .await
    };
    let plan = |names: &str| {
        format!(
            "features: {{sso: {{type: boolean}}}}\nplans:\n  team:\n    match: {{{names}}}\n    grants: {{sso: true}}\n"
        )
    };
    let said = with_catalog(&plan("lookup_key: [team_monthly, team_montly]")).await;
    wrong(
        &said,
        1,
        "Stripe has no price `team_montly`",
        "give a price this lookup key",
    );
    let said = with_catalog(&plan("product: prod_none")).await;
    wrong(&said, 1, "Stripe has no product `prod_none`", "name a product");
    let said = with_catalog("features: {}\nplans: {team: {}}\n").await;
    wrong(
        &said,
        1,
        "fail  catalog           ",
        "`tollgate catalog check FILE`",
    );
    let said = with_catalog(&(plan("lookup_key: team_monthly") + "    duration: 30d\n")).await;
    wrong(
        &said,
        0,
        "has a duration and only recurring prices",
        "name a one-time price",
    );
    let said = doctor(&place, |it| {
        it.env_remove("TOLLGATE_CATALOG");
    })
    .await;
    wrong(
        &said,
        1,
        "fail  active catalog",
        "run `tollgate catalog apply FILE`",
    );

    let archive = |key: &str| {
        place.simulator.with(|core| {
            let id = core.price_with_lookup_key(key).unwrap();
            core.archive_price(&id).unwrap();
        });
    };
    archive("team_yearly");
    let said = doctor(&place, |_| {}).await;
    wrong(
        &said,
        0,
        "warn  catalog prices    plan team: the price `team_yearly` is archived",
        "leave it",
    );
    archive("report");
    let said = doctor(&place, |_| {}).await;
    wrong(
        &said,
        1,
        "the price `report` is archived, so nobody can buy the plan",
        "activate the price",
    );

    place.simulator.advance(400);
    wrong(&doctor(&place, |_| {}).await, 1, "fail  clock", "follow NTP");
}
