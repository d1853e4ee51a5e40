//! Keys that a server publishes, as they change and as the server fails.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::api::grpc::proto::ErrorReason;

/// What a server answers, and how often it was asked.
#[derive(Clone)]
struct Server(Arc<(Mutex<(StatusCode, String)>, AtomicUsize)>);

impl Server {
    async fn start() -> (Server, Source) {
        let server = Server(Arc::new((
            Mutex::new((StatusCode::OK, String::new())),
            AtomicUsize::new(0),
        )));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let answering = server.clone();
        let router: Router = Router::new().route(
            "/jwks",
            get(async move || {
                answering.0.1.fetch_add(1, Ordering::SeqCst);
                answering.0.0.lock().unwrap().clone()
            }),
        );
        let settings = crate::api::grpc::listen::Settings::default();
        tokio::spawn(crate::api::grpc::listen::serve(
            listener,
            None,
            router,
            settings,
            CancellationToken::new(),
        ));
        let source = Source {
            place: Place::parse(&url).unwrap(),
            ca_file: None,
            token_file: None,
        };
        (server, source)
    }

    fn says(&self, status: StatusCode, text: impl Into<String>) {
        *self.0.0.lock().unwrap() = (status, text.into());
    }

    fn asked(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn published(seed: u8) -> String {
    let x = URL_SAFE_NO_PAD.encode(key(seed).public_key());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": seed.to_string(), "x": x}]}).to_string()
}

fn token(seed: u8) -> Vec<u8> {
    let text = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "us", "aud": "tollgate", "sub": "web", "exp": 9_000_000_000_u64});
    let message = format!(
        "{}.{}",
        text(json!({"alg": "EdDSA", "kid": seed.to_string()})),
        text(claims)
    );
    let signature = key(seed).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()
}

fn of(source: Source, pause: Duration) -> Jwt {
    Jwt::new(Settings {
        source,
        issuer: "us".into(),
        audience: "tollgate".into(),
        pace: Pace {
            pause,
            ..Pace::default()
        },
    })
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_soon_and_not_once_per_token() {
    let (server, source) = Server::start().await;
    server.says(StatusCode::OK, published(1));
    let jwt = of(source, Duration::from_millis(100));
    jwt.refresh().await.unwrap();
    let stop = CancellationToken::new();
    let follows = tokio::spawn(jwt.clone().follow(stop.clone()));
    assert!(jwt.verify(&token(1)).is_ok());
    assert_eq!(server.asked(), 1);

    server.says(StatusCode::OK, published(2));
    for _ in 0..100 {
        let refused = jwt.verify(&token(2)).map(|_| ()).unwrap_err();
        assert_eq!(refused.reason(), ErrorReason::TokenRefused);
    }
    let known = async {
        while jwt.verify(&token(2)).is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), known)
        .await
        .unwrap();
    // One more at most: for those that came while the server was asked.
    assert!((2..=3).contains(&server.asked()), "{}", server.asked());
    stop.cancel();
    follows.await.unwrap();
}

#[tokio::test]
async fn what_a_server_says_that_is_no_keys_changes_nothing() {
    let (server, source) = Server::start().await;
    server.says(StatusCode::OK, published(1));
    let jwt = of(source, Duration::from_secs(30));
    assert!(jwt.refresh().await.unwrap());
    assert!(!jwt.refresh().await.unwrap(), "the same again");
    for (status, text, says) in [
        (StatusCode::INTERNAL_SERVER_ERROR, published(2), "500"),
        (StatusCode::FOUND, published(2), "302"),
        (StatusCode::OK, "<html>".into(), "no JSON"),
        (StatusCode::OK, json!({"keys": []}).to_string(), "no public key"),
        (StatusCode::OK, " ".repeat(300 << 10), "longer than"),
    ] {
        server.says(status, text);
        let error = jwt.refresh().await.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("/jwks"), "{error}");
        assert!(jwt.verify(&token(1)).is_ok() && jwt.verify(&token(2)).is_err());
    }
}
