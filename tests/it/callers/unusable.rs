//! What cannot work is said where it is set, and what was wrongly called where it is called.

use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;

use super::certificates::{Authority, Folder};
use super::{line, sso, with};
use crate::support::process::{Place, Process, output, tollgate};
use crate::support::{TestApp, eventually};

const FIVE: [(&str, &str); 4] = [
    ("TOLLGATE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
    ("TOLLGATE_STRIPE_SECRET_KEY", "sk_test_1"),
    ("TOLLGATE_STRIPE_WEBHOOK_SECRETS", "whsec_1"),
    (
        "TOLLGATE_CALLERS",
        "reports = jwt:shop/reports\nedge = cert:edge.svc",
    ),
];

#[tokio::test]
async fn a_caller_who_could_never_prove_who_it_is_is_refused_with_what_is_missing() {
    for command in ["config", "serve"] {
        let (code, text) = output(tollgate().arg(command).envs(FIVE)).await;
        assert_eq!(code, Some(64), "{text}");
        for says in [
            "caller `reports`",
            "TOLLGATE_JWT_JWKS",
            "caller `edge`",
            "TOLLGATE_TLS_CLIENT_CA_FILE",
        ] {
            assert!(text.contains(says), "{says}: {text}");
        }
    }
}

#[tokio::test]
async fn a_setting_that_would_do_nothing_or_harm_is_named() {
    let folder = Folder::new(&Authority::new().server());
    let other = Folder::new(&Authority::new().server());
    let path = |folder: &Folder, name: &str| folder.path().join(name).display().to_string();
    let (crt, key) = (path(&folder, "tls.crt"), path(&folder, "tls.key"));
    for (settings, says) in [
        (
            vec![("TLS_CERTIFICATE_FILE", &*crt), ("TLS_KEY_FILE", "/nowhere")],
            "TOLLGATE_TLS_KEY_FILE: /nowhere",
        ),
        (
            vec![("TLS_CERTIFICATE_FILE", &*key), ("TLS_KEY_FILE", &*key)],
            "TOLLGATE_TLS_CERTIFICATE_FILE: ",
        ),
        (
            vec![
                ("TLS_CERTIFICATE_FILE", &*crt),
                ("TLS_KEY_FILE", &*key),
                ("TLS_CLIENT_CA_FILE", &*key),
            ],
            "TOLLGATE_TLS_CLIENT_CA_FILE: ",
        ),
        (
            vec![
                ("TLS_CERTIFICATE_FILE", &*crt),
                ("TLS_KEY_FILE", &path(&other, "tls.key")),
            ],
            "does not go with the key",
        ),
        (
            vec![("RETURN_URLS", "https://a.example,b.example")],
            "TOLLGATE_RETURN_URLS: ",
        ),
        (vec![("RETURN_URLS", "http://a.example/")], "https://"),
        (vec![("DEPLOYMENT", "my shop")], "TOLLGATE_DEPLOYMENT "),
        (vec![("CATALOG_GENERATION", "-1")], "TOLLGATE_CATALOG_GENERATION "),
    ] {
        let mut command = tollgate();
        command
            .arg("config")
            .envs(FIVE)
            .env("TOLLGATE_CALLERS", line("web", "web", ""));
        for (name, value) in settings {
            command.env(format!("TOLLGATE_{name}"), value);
        }
        let (code, text) = output(&mut command).await;
        assert_eq!(code, Some(64), "{says}: {text}");
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_such_a_caller_is_not_taken_while_it_runs() {
    let place = Place::new().await;
    let folder = Folder::new(&Authority::new().server());
    let list = folder.write("callers", &line("web", "web", ""));
    let (database, stripe) = (&place.database, &place.simulator.base_url());
    let mut command = Process::command(database, stripe, place.catalog.path());
    command
        .env("TOLLGATE_CALLERS_FILE", &list)
        .env("TOLLGATE_RELOAD_INTERVAL", "50ms");
    let process = Process::start(command).await;
    folder.write("callers", "edge = cert:edge.svc");
    eventually("it is told", async || {
        let log = std::fs::read_to_string(&process.log).unwrap();
        (log.contains("not rotated") && log.contains("`edge`")).then_some(())
    })
    .await;
    let mut client = BillingServiceClient::connect(format!("http://{}", process.grpc))
        .await
        .unwrap();
    client.get_entitlement(with("web", sso())).await.unwrap();
}

#[tokio::test]
async fn plaintext_to_tls_and_tls_to_plaintext_are_told_apart_from_nobody() {
    let ca = Authority::new();
    let folder = Folder::new(&ca.server());
    let trusted = folder.write("ca.crt", &ca.pem());
    let secure = TestApp::with(|config| {
        config.tls_certificate_file = Some(folder.path().join("tls.crt"));
        config.tls_key_file = Some(folder.path().join("tls.key"));
    })
    .await;
    let plain = TestApp::start().await;
    let (secure, plain) = (secure.running.grpc.port(), plain.running.grpc.port());
    for (command, says) in [
        (
            vec!["get", "acme", "--address", &format!("http://localhost:{secure}")],
            format!("write https://localhost:{secure}"),
        ),
        (
            vec!["watch", "acme", "--address", &format!("localhost:{secure}")],
            format!("write https://localhost:{secure}"),
        ),
        (
            vec!["health", "--address", &format!("http://localhost:{secure}")],
            "not gRPC in plaintext".to_owned(),
        ),
        (
            vec![
                "get",
                "acme",
                "--address",
                &format!("https://localhost:{plain}"),
                "--tls-ca",
                trusted.to_str().unwrap(),
            ],
            format!("write http://localhost:{plain}"),
        ),
    ] {
        let (code, text) = output(tollgate().args(&command)).await;
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&says), "{command:?}: {text}");
    }
}
