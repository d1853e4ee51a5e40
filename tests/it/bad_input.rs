//! What a person gets who did something wrong: code 64 for settings, and words that say what to do.

use tollgate::api::grpc::proto::{
    CreateCheckoutRequest, GetEntitlementRequest, LineItem, WatchEntitlementsRequest,
};
use tollgate::api::grpc::proto::{WatchFilter, line_item::Price};
use tonic::Code;

use crate::support::process::{output, tollgate};
use crate::support::{CATALOG, SECRET, TestApp, catalog, postgres};

fn serve() -> tokio::process::Command {
    let mut command = tollgate();
    command
        .args(["serve", "--insecure-no-auth"])
        .env("TOLLGATE_DATABASE_URL", "postgres://u:hidden@127.0.0.1:1/none")
        .env("TOLLGATE_STRIPE_SECRET_KEY", "sk_test_hidden")
        .env("TOLLGATE_STRIPE_WEBHOOK_SECRETS", SECRET)
        .env("TOLLGATE_GRPC_LISTEN", "127.0.0.1:0")
        .env("TOLLGATE_WEBHOOK_LISTEN", "127.0.0.1:0")
        .env("TOLLGATE_OPS_LISTEN", "127.0.0.1:0");
    command
}

#[tokio::test]
async fn an_empty_webhook_secret_refuses_to_start() {
    let (code, said) = output(serve().env("TOLLGATE_STRIPE_WEBHOOK_SECRETS", "")).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("TOLLGATE_STRIPE_WEBHOOK_SECRETS is empty"),
        "{said}"
    );
}

#[tokio::test]
async fn an_unknown_setting_is_named_with_the_one_that_was_meant() {
    let (code, said) = output(serve().env("TOLLGATE_CATALOGUE", "x.yaml")).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("TOLLGATE_CATALOGUE") && said.contains("did you mean TOLLGATE_CATALOG?"),
        "{said}"
    );
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_by_its_setting_and_its_password_is_not_told() {
    let (code, said) = output(&mut serve()).await;
    assert!(code.is_some_and(|code| code != 0), "{said}");
    assert!(
        said.contains("TOLLGATE_DATABASE_URL") && !said.contains("hidden"),
        "{said}"
    );
}

#[tokio::test]
async fn a_database_without_tables_says_to_migrate() {
    let (code, said) = output(serve().env("TOLLGATE_DATABASE_URL", postgres::database().await)).await;
    assert!(code.is_some_and(|code| code != 0), "{said}");
    assert!(said.contains("tollgate migrate"), "{said}");
}

#[tokio::test]
async fn a_port_in_use_is_named_by_its_setting() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = output(serve().env("TOLLGATE_WEBHOOK_LISTEN", &address)).await;
    assert!(code.is_some_and(|code| code != 0), "{said}");
    assert!(
        said.contains(&address) && said.contains("TOLLGATE_WEBHOOK_LISTEN"),
        "{said}"
    );
}

#[tokio::test]
async fn a_broken_catalog_is_shown_by_file_line_and_suggestion() {
    let broken = catalog(
        "features:\n  sso: {type: boolean}\nplans:\n  team:\n    match: {price: p}\n    grants: {ssso: true}\n",
    );
    let (code, said) = output(tollgate().args(["catalog", "check"]).arg(broken.path())).await;
    assert!(code.is_some_and(|code| code != 0), "{said}");
    let place = format!("{}:6", broken.path().display());
    assert!(
        said.contains(&place) && said.contains("did you mean `sso`?"),
        "{said}"
    );
}

#[tokio::test]
async fn a_catalog_comes_by_standard_input_too_and_all_its_faults_are_said_at_once() {
    let broken = catalog("features:\n  sso: {typ: boolean}\nplan:\n  team: {}\n");
    let input = std::fs::File::open(broken.path()).unwrap();
    let (code, said) = output(tollgate().args(["catalog", "check", "-"]).stdin(input)).await;
    assert_eq!(code, Some(1), "{said}");
    for says in ["-:2: ", "did you mean `type`", "-:4: ", "did you mean `plans`"] {
        assert!(said.contains(says), "{says}: {said}");
    }
    let good = std::fs::File::open(catalog(CATALOG).path()).unwrap();
    let (code, said) = output(tollgate().args(["catalog", "check", "-"]).stdin(good)).await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn bad_requests_name_the_field_or_the_reason() {
    let app = TestApp::start().await;
    let mut client = app.client().await;
    let get = |customer: &str, feature: &str, revision: &str| GetEntitlementRequest {
        customer: customer.into(),
        feature: feature.into(),
        at_least_revision: revision.into(),
        ..GetEntitlementRequest::default()
    };
    for (request, code, word) in [
        (get("acme", "ssso", ""), Code::NotFound, "sso"),
        (get("", "sso", ""), Code::InvalidArgument, "customer"),
        (get("a b", "sso", ""), Code::InvalidArgument, "customer"),
        (get("acme", "SSO", ""), Code::InvalidArgument, "feature"),
        (get("acme", "sso", "yesterday"), Code::InvalidArgument, "revision"),
    ] {
        let status = client.get_entitlement(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), code, "{request:?} {status:?}");
        assert!(status.message().contains(word), "{request:?} {status:?}");
        assert!(!status.details().is_empty(), "{request:?} has an ErrorInfo");
    }
    let watch = WatchEntitlementsRequest {
        filter: Some(WatchFilter::default()),
        ..Default::default()
    };
    let status = client.watch_entitlements(watch).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
}

#[tokio::test]
async fn a_checkout_that_cannot_be_is_refused_by_field() {
    let app = TestApp::start().await;
    let mut client = app.client().await;
    let good = CreateCheckoutRequest {
        customer: "acme".into(),
        request_id: "order-1".into(),
        line_items: vec![LineItem {
            price: Some(Price::LookupKey("nothing".into())),
            quantity: None,
        }],
        success_url: "https://shop.example/thanks".into(),
        cancel_url: "https://shop.example/".into(),
        ..CreateCheckoutRequest::default()
    };
    for (request, word) in [
        (
            CreateCheckoutRequest {
                request_id: String::new(),
                ..good.clone()
            },
            "request_id",
        ),
        (
            CreateCheckoutRequest {
                request_id: "x".repeat(65),
                ..good.clone()
            },
            "request_id",
        ),
        (
            CreateCheckoutRequest {
                request_id: "tab\there".into(),
                ..good.clone()
            },
            "request_id",
        ),
        (
            CreateCheckoutRequest {
                line_items: vec![],
                ..good.clone()
            },
            "line_items",
        ),
        (
            CreateCheckoutRequest {
                success_url: "javascript:alert(1)".into(),
                ..good.clone()
            },
            "success_url",
        ),
        (good, "line_items"),
    ] {
        let status = client.create_checkout(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{request:?} {status:?}");
        assert!(status.message().contains(word), "{request:?} {status:?}");
    }
}
