//! Who may call: each scope at each method, limits to customers, and streams that end with their credential.

mod certificates;
mod crowd;
mod issuer;
mod jwt;
mod limits;
mod renewed;
mod scopes;
mod tls;
mod unusable;

use sha2::{Digest, Sha256};
use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{
    CloseReason, GetEntitlementRequest, WatchEntitlementsRequest, WatchEntitlementsResponse, WatchFilter,
};
use tollgate::app;
use tollgate::config::Config;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt;

use crate::support::process::{output, tollgate};
use crate::support::{PATIENCE, TestApp};

/// A caller's line for a token.
pub fn line(name: &str, token: &str, rest: &str) -> String {
    let digest: String = Sha256::digest(token)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{name} = sha256:{digest} {rest}")
}

/// Only these may call.
pub fn only(list: impl Into<String>) -> impl FnOnce(&mut Config) {
    |config| {
        config.insecure_no_auth = false;
        config.callers = list.into().into();
    }
}

/// A request with a token.
pub fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

fn sso() -> GetEntitlementRequest {
    GetEntitlementRequest {
        customer: "acme-1".into(),
        feature: "sso".into(),
        ..Default::default()
    }
}

fn everybody() -> WatchEntitlementsRequest {
    WatchEntitlementsRequest {
        filter: Some(WatchFilter {
            all_customers: true,
            ..WatchFilter::default()
        }),
        ..Default::default()
    }
}

/// Its code and its reason.
fn failure(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    (status.code(), details.error_info().unwrap().reason.clone())
}

/// Reads to the end of a stream; why it was closed.
async fn closed(stream: &mut Streaming<WatchEntitlementsResponse>) -> Option<CloseReason> {
    let reading = async {
        let mut reason = None;
        while let Some(frame) = stream.message().await.unwrap() {
            if let Some(Event::Closing(closing)) = frame.event {
                reason = Some(closing.reason());
            }
        }
        reason
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("it ends")
}

#[tokio::test]
async fn a_stream_ends_when_its_caller_is_taken_from_the_list_and_only_then() {
    let all = [line("web", "web", ""), line("reports", "reports", "")].join("\n");
    let app = TestApp::with(only(all)).await;
    let mut client = app.client().await;
    let mut web = client
        .watch_entitlements(with("web", everybody()))
        .await
        .unwrap()
        .into_inner();
    let mut reports = client
        .watch_entitlements(with("reports", everybody()))
        .await
        .unwrap()
        .into_inner();

    let rest = line("web", "web", "read watch");
    app.running.callers.replace(app::caller_list(&rest).unwrap());
    assert_eq!(closed(&mut reports).await, Some(CloseReason::CredentialEnded));
    let gone = client.get_entitlement(with("reports", sso())).await.unwrap_err();
    assert_eq!(failure(&gone), (Code::Unauthenticated, "TOKEN_REFUSED".into()));
    assert_eq!(
        closed(&mut web).await,
        Some(CloseReason::CredentialEnded),
        "its scopes changed"
    );

    let mut web = client
        .watch_entitlements(with("web", everybody()))
        .await
        .unwrap()
        .into_inner();
    app.running.callers.replace(app::caller_list(&rest).unwrap());
    for _ in 0..4 {
        let frame = web.message().await.unwrap().unwrap();
        assert!(!matches!(frame.event, Some(Event::Closing(_))), "{frame:?}");
    }
}

#[tokio::test]
async fn one_caller_cannot_take_all_the_seats() {
    let all = [line("web", "web", ""), line("reports", "reports", "")].join(",");
    let app = TestApp::with(|config| {
        only(all)(config);
        config.max_watches_per_caller = 1;
    })
    .await;
    let mut client = app.client().await;
    let first = client.watch_entitlements(with("web", everybody())).await.unwrap();
    let second = client
        .watch_entitlements(with("web", everybody()))
        .await
        .unwrap_err();
    assert_eq!(failure(&second), (Code::ResourceExhausted, "LIMIT".into()));
    client
        .watch_entitlements(with("reports", everybody()))
        .await
        .unwrap();
    drop(first);
    crate::support::eventually("the seat is given back", async || {
        app.client()
            .await
            .watch_entitlements(with("web", everybody()))
            .await
            .ok()
    })
    .await;
}

#[tokio::test]
async fn a_token_that_the_command_makes_lets_its_bearer_in_as_far_as_it_says() {
    let mut command = tollgate();
    command.args([
        "token",
        "create",
        "web",
        "--scope",
        "read",
        "--customers",
        "acme-",
    ]);
    let made = command.output().await.unwrap();
    assert!(made.status.success());
    let line = String::from_utf8(made.stdout).unwrap();
    let explained = String::from_utf8(made.stderr).unwrap();
    let token = explained.lines().last().unwrap();
    assert!(token.starts_with("tg_") && !line.contains(token), "{explained}");

    let app = TestApp::with(only(line)).await;
    let mut client = app.client().await;
    client.get_entitlement(with(token, sso())).await.unwrap();
    let other = GetEntitlementRequest {
        customer: "beta-1".into(),
        ..sso()
    };
    let outside = client.get_entitlement(with(token, other)).await.unwrap_err();
    assert_eq!(
        failure(&outside),
        (Code::PermissionDenied, "CUSTOMER_NOT_ALLOWED".into())
    );
}

#[tokio::test]
async fn the_command_makes_no_token_for_a_name_or_scope_that_is_none() {
    for (args, says) in [
        (&["we b"][..], "the name of a caller"),
        (
            &["web", "--scope", "write"],
            "the scopes are checkout, read, watch, support, operator",
        ),
        (&["web", "--customers", "_x"], "beginning of a customer's id"),
    ] {
        let (code, text) = output(tollgate().args(["token", "create"]).args(args)).await;
        assert_eq!(code, Some(64), "{text}");
        assert!(text.contains(says) && !text.contains("tg_"), "{text}");
    }
}
