//! The door over real sockets, with a service behind it that answers or is silent.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http::{Method, Request as HttpRequest};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Request, Response};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::auth::caller::Caller;
use super::auth::entry;
use super::proto::billing_service_client::BillingServiceClient;
use super::proto::*;
use super::*;

mod kept;

/// Answers `GetEntitlement` with the feature's name, is silent on `CheckEntitlement`, and watches for ever: in silence, or
/// without a pause if asked with [`FLOOD`].
#[derive(Clone)]
struct Stub;

const FLOOD: &str = "flood";

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl BillingService for Stub {
    type WatchEntitlementsStream = BoxStream<'static, Result<WatchEntitlementsResponse, Status>>;

    async fn get_entitlement(
        &self,
        request: Request<GetEntitlementRequest>,
    ) -> Answer<GetEntitlementResponse> {
        let caller = Caller::of(request.extensions())?;
        let entitlement = Entitlement {
            feature: request.into_inner().feature,
            plans: caller.name().iter().map(ToString::to_string).collect(),
            ..Entitlement::default()
        };
        Ok(Response::new(GetEntitlementResponse {
            entitlement: Some(entitlement),
            ..Default::default()
        }))
    }

    async fn check_entitlement(
        &self,
        _: Request<CheckEntitlementRequest>,
    ) -> Answer<CheckEntitlementResponse> {
        std::future::pending().await
    }

    async fn watch_entitlements(
        &self,
        request: Request<WatchEntitlementsRequest>,
    ) -> Answer<Self::WatchEntitlementsStream> {
        if request.get_ref().revision == FLOOD {
            let frame = WatchEntitlementsResponse {
                revision: "x".repeat(10_000),
                ..Default::default()
            };
            return Ok(Response::new(stream::repeat(frame).map(Ok).boxed()));
        }
        let first = stream::iter([Ok(WatchEntitlementsResponse::default())]);
        Ok(Response::new(first.chain(stream::pending()).boxed()))
    }

    async fn create_checkout(&self, _: Request<CreateCheckoutRequest>) -> Answer<CreateCheckoutResponse> {
        Err(Status::unimplemented(""))
    }

    async fn get_checkout(&self, _: Request<GetCheckoutRequest>) -> Answer<GetCheckoutResponse> {
        Err(Status::unimplemented(""))
    }

    async fn create_portal_session(
        &self,
        _: Request<CreatePortalSessionRequest>,
    ) -> Answer<CreatePortalSessionResponse> {
        Err(Status::unimplemented(""))
    }

    async fn list_entitlements(
        &self,
        _: Request<ListEntitlementsRequest>,
    ) -> Answer<ListEntitlementsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn batch_get_entitlements(
        &self,
        _: Request<BatchGetEntitlementsRequest>,
    ) -> Answer<BatchGetEntitlementsResponse> {
        Err(Status::unimplemented(""))
    }
}

macro_rules! none_of {
    ($($method:ident($request:ident) -> $response:ident)*) => {
        #[tonic::async_trait]
        impl BillingAdminService for Stub {
            $(async fn $method(&self, _: Request<$request>) -> Answer<$response> {
                Err(Status::unimplemented(""))
            })*
        }
    };
}

none_of! {
    explain_entitlement(ExplainEntitlementRequest) -> ExplainEntitlementResponse
    set_override(SetOverrideRequest) -> SetOverrideResponse
    delete_override(DeleteOverrideRequest) -> DeleteOverrideResponse
    list_overrides(ListOverridesRequest) -> ListOverridesResponse
    list_audit_entries(ListAuditEntriesRequest) -> ListAuditEntriesResponse
    link_customer(LinkCustomerRequest) -> LinkCustomerResponse
    unlink_customer(UnlinkCustomerRequest) -> UnlinkCustomerResponse
    erase_customer(EraseCustomerRequest) -> EraseCustomerResponse
    find_customers(FindCustomersRequest) -> FindCustomersResponse
    list_oddities(ListOdditiesRequest) -> ListOdditiesResponse
    list_events(ListEventsRequest) -> ListEventsResponse
    get_event(GetEventRequest) -> GetEventResponse
    replay_events(ReplayEventsRequest) -> ReplayEventsResponse
}

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    cut: JoinHandle<usize>,
}

impl Served {
    async fn with(callers: Callers, settings: Settings) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let cut = tokio::spawn(serve(
            listener,
            Stub,
            Health::new(),
            callers,
            settings,
            stop.clone(),
        ));
        Served { address, stop, cut }
    }

    async fn open_to_all() -> Served {
        Served::with(Callers::everybody(), Settings::default()).await
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address))
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    async fn browse(
        &self,
        method: &str,
        message: &impl Message,
        timeout: &str,
    ) -> http::Response<hyper::body::Incoming> {
        let request = HttpRequest::builder()
            .method(Method::POST)
            .uri(format!(
                "http://{}/tollgate.v1.BillingService/{method}",
                self.address
            ))
            .header("content-type", "application/grpc-web+proto")
            .header("grpc-timeout", timeout)
            .body(Full::new(enveloped(message)))
            .unwrap();
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        client.request(request).await.unwrap()
    }

    async fn client(&self) -> BillingServiceClient<Channel> {
        BillingServiceClient::new(self.channel().await)
    }
}

/// As it is sent.
fn enveloped(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, &message].concat().into()
}

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

fn sso() -> GetEntitlementRequest {
    GetEntitlementRequest {
        feature: "sso".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_token_is_needed_for_calls_but_not_for_health_and_names_the_caller() {
    let digest: String = Sha256::digest("let-me-in")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let callers = Callers::only(entry::parse(&format!("web={digest}")).unwrap(), None, || 0);
    let served = Served::with(callers, Settings::default()).await;
    let mut client = served.client().await;
    let refused = client.get_entitlement(sso()).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Unauthenticated, "TOKEN_MISSING".into())
    );

    let mut request = Request::new(sso());
    request
        .metadata_mut()
        .insert("authorization", "Bearer let-me-in".parse().unwrap());
    let answer = client.get_entitlement(request).await.unwrap().into_inner();
    assert_eq!(answer.entitlement.unwrap().plans, ["web"]);

    let mut health = HealthClient::new(served.channel().await);
    assert!(health.check(HealthCheckRequest::default()).await.is_ok());
}

#[tokio::test]
async fn a_call_ends_at_the_callers_deadline() {
    // Not with a client of the library: that would give up by itself and never show our answer.
    let served = Served::open_to_all().await;
    let late = served
        .browse("CheckEntitlement", &CheckEntitlementRequest::default(), "20m")
        .await;
    assert_eq!(late.headers()["grpc-status"], "4");
    let status = Status::from_header_map(late.headers()).unwrap();
    assert_eq!(reason(&status), "DEADLINE");

    let stream = served
        .browse("WatchEntitlements", &WatchEntitlementsRequest::default(), "50m")
        .await;
    let body = stream.into_body().collect().await.unwrap().to_bytes();
    assert!(
        String::from_utf8_lossy(&body).contains("grpc-status:4"),
        "{body:?}"
    );
}

#[tokio::test]
async fn what_is_too_large_or_unknown_is_refused_with_a_reason() {
    let served = Served::with(
        Callers::everybody(),
        Settings {
            max_message: 100,
            ..Settings::default()
        },
    )
    .await;
    let large = GetEntitlementRequest {
        customer: "x".repeat(200),
        ..Default::default()
    };
    let refused = served.client().await.get_entitlement(large).await.unwrap_err();
    assert_eq!(reason(&refused), "LIMIT");
    let unknown = served
        .client()
        .await
        .list_entitlements(ListEntitlementsRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (unknown.code(), reason(&unknown)),
        (Code::Unimplemented, "UNKNOWN_METHOD".into())
    );
}

#[tokio::test]
async fn gzip_is_spoken_both_ways() {
    let served = Served::open_to_all().await;
    let mut client = served
        .client()
        .await
        .send_compressed(Gzip)
        .accept_compressed(Gzip);
    let answer = client.get_entitlement(sso()).await.unwrap();
    assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), "gzip");
    assert_eq!(answer.into_inner().entitlement.unwrap().feature, "sso");
    let mut health = HealthClient::new(served.channel().await)
        .send_compressed(Gzip)
        .accept_compressed(Gzip);
    health.check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_browser_calls_over_http_1_on_the_same_port() {
    let served = Served::open_to_all().await;
    let response = served.browse("GetEntitlement", &sso(), "5S").await;
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let length = usize::from(body[4]);
    let answer = GetEntitlementResponse::decode(&body[5..5 + length]).unwrap();
    assert_eq!(answer.entitlement.unwrap().feature, "sso");
    assert!(body.ends_with(b"grpc-status:0\r\n"));
}

#[tokio::test]
async fn reflection_describes_the_service_in_both_versions() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient as V1;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient as V1Alpha;
    use tonic_reflection::pb::{v1, v1alpha};
    let served = Served::open_to_all().await;
    let request = v1::ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut client = V1::new(served.channel().await);
    let mut answers = client
        .server_reflection_info(stream::iter([request.clone()]))
        .await
        .unwrap()
        .into_inner();
    let text = format!("{:?}", answers.message().await.unwrap());
    assert!(
        text.contains("tollgate.v1.BillingService") && text.contains("grpc.health.v1.Health"),
        "{text}"
    );

    let of_list = v1::ServerReflectionRequest {
        message_request: Some(MessageRequest::FileContainingSymbol(
            "grpc.health.v1.Health.List".into(),
        )),
        ..Default::default()
    };
    let mut answers = client
        .server_reflection_info(stream::iter([of_list]))
        .await
        .unwrap()
        .into_inner();
    let text = format!("{:?}", answers.message().await.unwrap());
    assert!(text.contains("FileDescriptorResponse"), "{text}");

    let request = v1alpha::ServerReflectionRequest::decode(request.encode_to_vec().as_slice()).unwrap();
    let mut client = V1Alpha::new(served.channel().await);
    let mut answers = client
        .server_reflection_info(stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    assert!(format!("{:?}", answers.message().await.unwrap()).contains("tollgate.v1.BillingService"));
}

#[tokio::test]
async fn a_stop_lets_calls_finish_and_cuts_only_what_is_busy_at_the_deadline() {
    let served = Served::open_to_all().await;
    let mut client = served.client().await;
    client.get_entitlement(sso()).await.unwrap();
    let silent = TcpStream::connect(served.address).await.unwrap();
    served.stop.cancel();
    assert_eq!(served.cut.await.unwrap(), 0);
    drop(silent);

    let listen = listen::Settings {
        drain_deadline: Duration::from_millis(50),
        ..Default::default()
    };
    let served = Served::with(
        Callers::everybody(),
        Settings {
            listen,
            ..Settings::default()
        },
    )
    .await;
    let mut client = served.client().await;
    let mut stream = client
        .watch_entitlements(WatchEntitlementsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert!(stream.message().await.unwrap().is_some());
    served.stop.cancel();
    assert_eq!(served.cut.await.unwrap(), 1);
    assert!(stream.message().await.is_err());
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let listen = listen::Settings {
        max_connections: 1,
        ..Default::default()
    };
    let served = Served::with(
        Callers::everybody(),
        Settings {
            listen,
            ..Settings::default()
        },
    )
    .await;
    let mut client = served.client().await;
    client.get_entitlement(sso()).await.unwrap();
    let refused = TcpStream::connect(served.address).await.unwrap();
    refused.readable().await.unwrap();
    assert!(matches!(refused.try_read(&mut [0]), Ok(0) | Err(_)));
    client.get_entitlement(sso()).await.unwrap();
}

#[tokio::test]
async fn who_is_silent_is_let_go_with_tls_and_without() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = listen::tls::Files {
        certificate: folder.path().join("tls.crt"),
        key: folder.path().join("tls.key"),
        clients: None,
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    for tls in [None, Some(Tls::load(files).unwrap())] {
        let settings = Settings {
            tls,
            listen: listen::Settings {
                patience: Duration::from_millis(50),
                ..Default::default()
            },
            ..Settings::default()
        };
        let served = Served::with(Callers::everybody(), settings).await;
        let silent = TcpStream::connect(served.address).await.unwrap();
        silent.readable().await.unwrap();
        assert!(matches!(silent.try_read(&mut [0]), Ok(0) | Err(_)));
    }
}
