//! What operators see, who may call, and what a read may ask of a replica.

use http::uri::PathAndQuery;
use sha2::{Digest, Sha256};
use tollgate::api::grpc::health::list::{self, HealthListRequest, HealthListResponse};
use tollgate::api::grpc::proto::GetEntitlementRequest;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate_domain::revision::{Revision, Token};
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use crate::support::TestApp;

fn ask(at_least_revision: &str) -> GetEntitlementRequest {
    GetEntitlementRequest {
        customer: "acme".into(),
        feature: "sso".into(),
        at_least_revision: at_least_revision.into(),
        ..GetEntitlementRequest::default()
    }
}

#[tokio::test]
async fn health_is_the_same_on_both_listeners_and_metrics_are_on_one() {
    let app = TestApp::start().await;
    for address in [app.running.grpc, app.running.ops] {
        let channel = Channel::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await
            .unwrap();
        let mut anything = tonic::client::Grpc::new(channel.clone());
        anything.ready().await.unwrap();
        let listed: HealthListResponse = anything
            .unary(
                Request::new(HealthListRequest {}),
                PathAndQuery::from_static(list::PATH),
                ProstCodec::default(),
            )
            .await
            .unwrap()
            .into_inner();
        let mut statuses: Vec<_> = listed
            .statuses
            .iter()
            .map(|(name, it)| (name.as_str(), it.status()))
            .collect();
        statuses.sort_unstable();
        let serving = |name| (name, ServingStatus::Serving);
        assert_eq!(statuses, ["", "tollgate.v1.BillingService"].map(serving));
        let mut health = HealthClient::new(channel);
        for service in ["", "tollgate.v1.BillingService"] {
            let answer = health
                .check(HealthCheckRequest {
                    service: service.into(),
                })
                .await
                .unwrap();
            assert_eq!(
                answer.into_inner().status(),
                ServingStatus::Serving,
                "{service} at {address}"
            );
        }
        let unknown = health
            .check(HealthCheckRequest {
                service: "else".into(),
            })
            .await
            .unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound);
    }
    let answer = app.http.get(&app.webhook_url()).await;
    assert_eq!(answer.status(), 405);
    let metrics = app.http.get(&format!("http://{}/metrics", app.running.ops)).await;
    assert_eq!(metrics.status(), 200);
    assert!(metrics.body().contains("# TYPE"), "{}", metrics.body());
}

#[tokio::test]
async fn a_token_is_required_and_only_its_digest_is_configured() {
    let digest: String = Sha256::digest("let-me-in")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let app = TestApp::with(|config| {
        config.insecure_no_auth = false;
        config.callers = format!("web={digest}").into();
    })
    .await;
    let mut client: BillingServiceClient<_> = app.client().await;
    let missing = client.get_entitlement(ask("")).await.unwrap_err();
    assert_eq!(missing.code(), Code::Unauthenticated);
    for (token, admitted) in [("Bearer let-me-out", false), ("Bearer let-me-in", true)] {
        let mut request = Request::new(ask(""));
        request
            .metadata_mut()
            .insert("authorization", token.parse().unwrap());
        assert_eq!(client.get_entitlement(request).await.is_ok(), admitted, "{token}");
    }
}

#[tokio::test]
async fn a_revision_is_held_to_also_when_it_cannot_be() {
    let app = TestApp::start().await;
    let mut client = app.client().await;
    let now = client.get_entitlement(ask("")).await.unwrap().into_inner();
    let again = client
        .get_entitlement(ask(&now.revision))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.revision, now.revision);
    assert!(!again.revision_lost);
    let Revision { epoch, number } = Token::decode(&now.revision).unwrap().revision;
    let future = Token::read(Revision {
        epoch,
        number: number + 1_000,
    })
    .encode();
    let refused = client.get_entitlement(ask(&future)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let elsewhere = Token::read(Revision {
        epoch: epoch ^ 1,
        number,
    })
    .encode();
    let answer = client
        .get_entitlement(ask(&elsewhere))
        .await
        .unwrap()
        .into_inner();
    assert!(answer.revision_lost, "served fully current, and said so");
    let current = GetEntitlementRequest {
        fully_current: true,
        ..ask("")
    };
    assert!(
        !client
            .get_entitlement(current)
            .await
            .unwrap()
            .into_inner()
            .revision_lost
    );
}
