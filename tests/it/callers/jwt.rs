//! JWTs: good ones, every kind of bad one, keys from a file and from a server.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::hmac;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate::app;
use tollgate::config::Config;
use tonic::Code;

use super::issuer::{AUDIENCE, ISSUER, Signer, claims, now, published, text};
use super::{closed, everybody, failure, only, sso, with};
use crate::support::TestApp;
use tollgate::api::grpc::proto::CloseReason;

const REPORTS: &str = "reports = jwt:system:serviceaccount:shop:reports read watch";

fn jwt(keys: impl Into<String>) -> impl FnOnce(&mut Config) {
    |config| {
        only(REPORTS)(config);
        config.jwt_jwks = Some(keys.into());
        config.jwt_issuer = Some(ISSUER.into());
        config.jwt_audience = Some(AUDIENCE.into());
    }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// The claims with one of them otherwise, or without it.
fn but(claim: &str, value: Value) -> Value {
    let mut claims = claims(600);
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
        value => claims[claim] = value,
    }
    claims
}

#[tokio::test]
async fn a_token_of_the_issuer_lets_its_subject_in_and_no_other_token_does() {
    let (rsa, ec, ed, other) = (
        Signer::rsa("rsa"),
        Signer::ec("ec"),
        Signer::ed("ed"),
        Signer::ec("ec"),
    );
    let unknown = Signer::ed("unknown");
    // A key that nobody here can use, and a secret, are no reason to refuse the rest.
    let mut keys: Value = serde_json::from_str(&published(&[&rsa, &ec, &ed])).unwrap();
    let list = keys["keys"].as_array_mut().unwrap();
    list.push(json!({"kty": "AKP", "kid": "later"}));
    list.push(json!({"kty": "oct", "kid": "secret", "k": text("shared")}));
    let keys = file(&keys.to_string());
    let app = TestApp::with(jwt(keys.path().to_str().unwrap())).await;
    let mut client = app.client().await;

    for signer in [&rsa, &ec, &ed] {
        client
            .get_entitlement(with(&signer.token(&claims(600)), sso()))
            .await
            .unwrap();
    }
    let audience = but("aud", AUDIENCE.into());
    client
        .get_entitlement(with(&ec.token(&audience), sso()))
        .await
        .unwrap();
    client
        .watch_entitlements(with(&ec.token(&claims(600)), everybody()))
        .await
        .unwrap();

    // Signed with what everybody knows, as if it were a secret.
    let message = |header: Value| format!("{}.{}", text(header.to_string()), text(claims(600).to_string()));
    let hmac = |secret: &[u8], id: &str| {
        let message = message(json!({"alg": "HS256", "kid": id}));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", text(tag))
    };
    let unsigned = format!("{}.", message(json!({"alg": "none", "kid": "ec"})));
    let mut altered = ec.token(&claims(600));
    altered.truncate(altered.len() - 4);
    altered += "AAAA";
    for (token, reason, says) in [
        (unsigned, "TOKEN_REFUSED", "cannot be read"),
        (
            hmac(published(&[&ec]).as_bytes(), "ec"),
            "TOKEN_REFUSED",
            "never accepted",
        ),
        (hmac(b"shared", "secret"), "TOKEN_REFUSED", "does not publish"),
        (
            ec.with_header(&json!({"alg": "RS256", "kid": "ec"}), &claims(600)),
            "TOKEN_REFUSED",
            "never accepted",
        ),
        (
            ec.with_header(&json!({"alg": "ES256", "kid": "rsa"}), &claims(600)),
            "TOKEN_REFUSED",
            "never accepted",
        ),
        (
            ec.with_header(&json!({"alg": "ES256"}), &claims(600)),
            "TOKEN_REFUSED",
            "does not publish",
        ),
        (altered, "TOKEN_REFUSED", "signature is wrong"),
        (other.token(&claims(600)), "TOKEN_REFUSED", "signature is wrong"),
        (unknown.token(&claims(600)), "TOKEN_REFUSED", "does not publish"),
        (
            ec.token(&but("iss", "https://else".into())),
            "TOKEN_REFUSED",
            ISSUER,
        ),
        (ec.token(&but("iss", Value::Null)), "TOKEN_REFUSED", "`iss`"),
        (
            ec.token(&but("aud", json!(["else"]))),
            "TOKEN_REFUSED",
            "audience tollgate",
        ),
        (ec.token(&but("aud", Value::Null)), "TOKEN_REFUSED", "`aud`"),
        (ec.token(&but("sub", "else".into())), "TOKEN_REFUSED", "jwt:else"),
        (ec.token(&but("sub", Value::Null)), "TOKEN_REFUSED", "`sub`"),
        (ec.token(&but("exp", Value::Null)), "TOKEN_REFUSED", "`exp`"),
        (ec.token(&but("exp", "later".into())), "TOKEN_REFUSED", "`exp`"),
        (
            ec.token(&but("nbf", (now() + 600).into())),
            "TOKEN_REFUSED",
            "not valid yet",
        ),
        (ec.token(&claims(-60)), "TOKEN_EXPIRED", "has expired"),
        ("a.b.c".into(), "TOKEN_REFUSED", "cannot be read"),
        ("..".into(), "TOKEN_REFUSED", "cannot be read"),
    ] {
        let refused = client.get_entitlement(with(&token, sso())).await.unwrap_err();
        assert_eq!(
            failure(&refused),
            (Code::Unauthenticated, reason.into()),
            "{says}: {refused:?}"
        );
        let message = refused.message();
        assert!(message.contains(says), "{says}: {message}");
        assert!(!message.contains(&*token), "{message}");
    }

    // Another key in the file, and the one before is good no more.
    std::fs::write(keys.path(), published(&[&unknown])).unwrap();
    crate::support::eventually("the file is read again", async || {
        let token = unknown.token(&claims(600));
        app.client().await.get_entitlement(with(&token, sso())).await.ok()
    })
    .await;
    assert!(
        client
            .get_entitlement(with(&ec.token(&claims(600)), sso()))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let signer = Signer::ec("ec");
    let keys = file(&published(&[&signer]));
    let app = TestApp::with(jwt(keys.path().to_str().unwrap())).await;
    let mut client = app.client().await;
    // With the leeway it holds for so many seconds; a busy machine needs more.
    for seconds in [2, 4, 8, 16] {
        let token = signer.token(&claims(seconds - 10));
        let opened = client.watch_entitlements(with(&token, everybody())).await;
        let mut stream = match opened {
            Ok(stream) => stream.into_inner(),
            Err(_) if seconds < 16 => continue,
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(closed(&mut stream).await, Some(CloseReason::CredentialEnded));
        let late = client
            .watch_entitlements(with(&token, everybody()))
            .await
            .unwrap_err();
        assert_eq!(failure(&late), (Code::Unauthenticated, "TOKEN_EXPIRED".into()));
        return;
    }
}

#[tokio::test]
async fn keys_come_from_a_server_on_this_machine_too() {
    let signer = Signer::rsa("rsa");
    let published = Arc::new(Mutex::new(published(&[&signer])));
    let url = serve(published).await;
    let app = TestApp::with(jwt(url)).await;
    app.client()
        .await
        .get_entitlement(with(&signer.token(&claims(600)), sso()))
        .await
        .unwrap();
}

#[tokio::test]
async fn settings_for_jwts_that_would_let_in_others_are_refused() {
    let keys = file(&published(&[&Signer::ec("ec")]));
    let path = keys.path().to_str().unwrap().to_owned();
    let not_keys = file("{}");
    for (change, says) in [
        (("TOLLGATE_JWT_AUDIENCE", ""), "TOLLGATE_JWT_AUDIENCE"),
        (("TOLLGATE_JWT_JWKS", "http://issuer.example/jwks"), "https://"),
        (("TOLLGATE_JWT_JWKS", "/nowhere/jwks.json"), "/nowhere/jwks.json"),
        (("TOLLGATE_JWT_JWKS", not_keys.path().to_str().unwrap()), "`keys`"),
        (("TOLLGATE_TLS_KEY_FILE", "/nowhere/tls.key"), "go together"),
        (
            ("TOLLGATE_TLS_CLIENT_CERTIFICATE", "required"),
            "TOLLGATE_TLS_CLIENT_CA_FILE",
        ),
        (("TOLLGATE_CALLERS", "web=secret"), "TOLLGATE_CALLERS: line 1"),
    ] {
        let mut command = crate::support::process::tollgate();
        command
            .arg("serve")
            .env("TOLLGATE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
            .env("TOLLGATE_STRIPE_SECRET_KEY", "sk_test_1")
            .env("TOLLGATE_STRIPE_WEBHOOK_SECRETS", "whsec_1")
            .env("TOLLGATE_CALLERS", REPORTS)
            .env("TOLLGATE_JWT_JWKS", &path)
            .env("TOLLGATE_JWT_ISSUER", ISSUER)
            .env("TOLLGATE_JWT_AUDIENCE", AUDIENCE)
            .env(change.0, change.1);
        let (code, text) = crate::support::process::output(&mut command).await;
        assert_eq!(code, Some(64), "{text}");
        assert!(text.contains(says) && !text.contains("secret"), "{says}: {text}");
    }
    assert!(app::caller_list(REPORTS).is_ok());
}

/// Answers every request with the text.
async fn serve(text: Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/openid/v1/jwks", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let text = text.clone();
            let answer = service_fn(move |_| {
                let body = Full::new(Bytes::from(text.lock().unwrap().clone()));
                async { Ok::<_, std::convert::Infallible>(http::Response::new(body)) }
            });
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(connection);
        }
    });
    url
}
