//! TLS on the gRPC listener: certificates that are replaced under way, and clients that prove themselves by theirs.

use tokio::net::TcpStream;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::config::{ClientCertificate, Config};
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::certificates::{Authority, Folder, Pair};
use super::{everybody, failure, line, only, sso, with};
use crate::support::TestApp;
use crate::support::process::{output, tollgate};

fn tls(folder: &Folder) -> impl FnOnce(&mut Config) {
    |config| {
        config.tls_certificate_file = Some(folder.path().join("tls.crt"));
        config.tls_key_file = Some(folder.path().join("tls.key"));
    }
}

fn clients(folder: &Folder, ca: &Authority, how: ClientCertificate) -> impl FnOnce(&mut Config) {
    let ca = folder.write("clients.crt", &ca.pem());
    move |config| {
        config.tls_client_ca_file = Some(ca);
        config.tls_client_certificate = how;
    }
}

/// A connection of its own, which trusts one authority.
async fn connect(
    app: &TestApp,
    trusts: &Authority,
    identity: Option<&Pair>,
) -> Result<BillingServiceClient<Channel>, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusts.pem()));
    if let Some(pair) = identity {
        tls = tls.identity(Identity::from_pem(&pair.certificate, &pair.key));
    }
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", app.running.grpc.port())).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect().await?;
    Ok(BillingServiceClient::new(channel))
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_a_bad_one_for_none() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = Folder::new(&old.server());
    let app = TestApp::with(tls(&folder)).await;
    let handle = app.running.tls.as_ref().unwrap();
    let mut first = connect(&app, &old, None).await.unwrap();
    first.get_entitlement(sso()).await.unwrap();
    let mut watch = first.watch_entitlements(everybody()).await.unwrap().into_inner();
    assert!(!handle.reload().unwrap(), "nothing has changed");

    let pair = new.server();
    folder.write("tls.crt", &pair.certificate);
    let text = handle.reload().unwrap_err().to_string();
    assert!(text.contains("tls.crt") && text.contains("tls.key"), "{text}");
    connect(&app, &old, None).await.unwrap();

    folder.put(&pair);
    assert!(handle.reload().unwrap());
    assert!(connect(&app, &old, None).await.is_err());
    connect(&app, &new, None)
        .await
        .unwrap()
        .get_entitlement(sso())
        .await
        .unwrap();
    // It could not connect again.
    first.get_entitlement(sso()).await.unwrap();
    for _ in 0..4 {
        watch.message().await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_files_are_read_again_without_being_asked() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = Folder::new(&old.server());
    let app = TestApp::with(tls(&folder)).await;
    folder.put(&new.server());
    crate::support::eventually("the new certificate is offered", async || {
        connect(&app, &new, None).await.ok()
    })
    .await;
}

#[tokio::test]
async fn only_the_grpc_listener_speaks_tls_and_nothing_else() {
    let ca = Authority::new();
    let folder = Folder::new(&ca.server());
    let app = TestApp::with(tls(&folder)).await;
    // Nobody waits for who is silent.
    let _silent = TcpStream::connect(app.running.grpc).await.unwrap();
    connect(&app, &ca, None)
        .await
        .unwrap()
        .get_entitlement(sso())
        .await
        .unwrap();
    let plain = BillingServiceClient::connect(format!("http://{}", app.running.grpc)).await;
    assert!(match plain {
        Ok(mut client) => client.get_entitlement(sso()).await.is_err(),
        Err(_) => true,
    });
    let metrics = app.http.get(&format!("http://{}/metrics", app.running.ops)).await;
    assert!(
        metrics
            .body()
            .contains("tollgate_certificate_expiry_timestamp_seconds")
    );
    assert_eq!(app.http.get(&app.webhook_url()).await.status(), 405);
}

#[tokio::test]
async fn a_client_certificate_takes_the_place_of_a_token() {
    let (server, ours, theirs) = (Authority::new(), Authority::new(), Authority::new());
    let folder = Folder::new(&server.server());
    let list = [
        "edge = cert:edge.svc read".to_owned(),
        "spiffe = cert:spiffe://shop/web watch".to_owned(),
        line("web", "web", ""),
    ];
    let app = TestApp::with(|config| {
        only(list.join("\n"))(config);
        tls(&folder)(config);
        clients(&folder, &ours, ClientCertificate::Optional)(config);
    })
    .await;
    let mut edge = connect(&app, &server, Some(&ours.client("edge.svc", None)))
        .await
        .unwrap();
    edge.get_entitlement(sso()).await.unwrap();
    let lacks = edge.watch_entitlements(everybody()).await.unwrap_err();
    assert_eq!(failure(&lacks), (Code::PermissionDenied, "SCOPE_MISSING".into()));
    assert!(lacks.message().contains("`edge`"), "{}", lacks.message());
    edge.watch_entitlements(with("web", everybody())).await.unwrap();

    // The URI counts, and then the common name does not.
    let named = ours.client("edge.svc", Some("spiffe://shop/web"));
    let mut spiffe = connect(&app, &server, Some(&named)).await.unwrap();
    spiffe.watch_entitlements(everybody()).await.unwrap();
    assert_eq!(
        spiffe.get_entitlement(sso()).await.unwrap_err().code(),
        Code::PermissionDenied
    );

    let mut stranger = connect(&app, &server, Some(&ours.client("else.svc", None)))
        .await
        .unwrap();
    let refused = stranger.get_entitlement(sso()).await.unwrap_err();
    assert_eq!(failure(&refused), (Code::Unauthenticated, "TOKEN_REFUSED".into()));
    assert!(
        refused.message().contains("cert:else.svc"),
        "{}",
        refused.message()
    );

    let mut nobody = connect(&app, &server, None).await.unwrap();
    let missing = nobody.get_entitlement(sso()).await.unwrap_err();
    assert_eq!(failure(&missing), (Code::Unauthenticated, "TOKEN_MISSING".into()));
    nobody.get_entitlement(with("web", sso())).await.unwrap();

    let forged = theirs.client("edge.svc", None);
    assert!(!gets_in(&app, &server, Some(&forged)).await);
    folder.write("clients.crt", &theirs.pem());
    assert!(app.running.tls.as_ref().unwrap().reload().unwrap());
    assert!(gets_in(&app, &server, Some(&forged)).await);
    assert!(!gets_in(&app, &server, Some(&ours.client("edge.svc", None))).await);
}

#[tokio::test]
async fn where_a_client_certificate_is_required_a_token_alone_is_not_enough() {
    let ca = Authority::new();
    let folder = Folder::new(&ca.server());
    let app = TestApp::with(|config| {
        tls(&folder)(config);
        clients(&folder, &ca, ClientCertificate::Required)(config);
    })
    .await;
    assert!(!gets_in(&app, &ca, None).await);
    assert!(gets_in(&app, &ca, Some(&ca.client("any", None))).await);
}

#[tokio::test]
async fn the_commands_speak_tls_too() {
    let ca = Authority::new();
    let folder = Folder::new(&ca.server());
    let app = TestApp::with(|config| {
        only("edge = cert:edge.svc")(config);
        tls(&folder)(config);
        clients(&folder, &ca, ClientCertificate::Optional)(config);
    })
    .await;
    let pair = ca.client("edge.svc", None);
    let (certificate, key) = (
        folder.write("me.crt", &pair.certificate),
        folder.write("me.key", &pair.key),
    );
    let trusted = folder.write("ca.crt", &ca.pem());
    let get = |address: &str| {
        let mut command = tollgate();
        command.args(["get", "acme", "sso", "--address", address]);
        command
    };
    let address = format!("https://localhost:{}", app.running.grpc.port());
    let (code, text) = output(
        get(&address)
            .arg("--tls-ca")
            .arg(&trusted)
            .arg("--tls-cert")
            .arg(certificate)
            .arg("--tls-key")
            .arg(key),
    )
    .await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = output(get(&address).arg("--tls-ca").arg(&trusted)).await;
    assert!(code == Some(1) && text.contains("TOKEN_MISSING"), "{text}");
    let (code, text) = output(&mut get(&address)).await;
    assert!(code == Some(1) && text.contains("certificate"), "{text}");
    let (code, text) = output(get("http://localhost:1").arg("--tls-ca").arg(&trusted)).await;
    assert!(code == Some(64) && text.contains("https://"), "{text}");
}

/// With TLS 1.3 a refused client learns of it when it reads.
async fn gets_in(app: &TestApp, trusts: &Authority, identity: Option<&Pair>) -> bool {
    match connect(app, trusts, identity).await {
        Ok(mut client) => client.get_entitlement(sso()).await.is_ok(),
        Err(_) => false,
    }
}
