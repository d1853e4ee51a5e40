//! A server that answers as a test scripts it, and remembers what it was asked.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, Response};
use tollgate_stripe::{Client, Settings};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    from: SocketAddr,
}

pub struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// What a script gives back. `None`: never an answer.
pub type Reply = Option<Response<Body>>;

impl Fake {
    /// `script` gets the request's number, from 0, and the request.
    pub async fn start(script: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Fake {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(vec![]));
        let (script, remember) = (Arc::new(script), asked.clone());
        let app = axum::Router::new().fallback(
            move |ConnectInfo(from): ConnectInfo<SocketAddr>, request: Request<Body>| {
                let (script, remember) = (script.clone(), remember.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let asked = Asked {
                        method: head.method.to_string(),
                        path: head.uri.to_string(),
                        headers: head.headers,
                        body: to_bytes(body, usize::MAX).await.unwrap(),
                        from,
                    };
                    let number = {
                        let mut all = remember.lock().unwrap();
                        all.push(asked.clone());
                        all.len() - 1
                    };
                    match script(number, &asked) {
                        Some(response) => response,
                        None => std::future::pending().await,
                    }
                }
            },
        );
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Fake { address, asked }
    }

    pub fn client(&self, deadline: Duration) -> Client {
        let base_url = format!("http://{}", self.address);
        Client::new(Settings {
            base_url,
            secret_key: "sk_test_hidden".into(),
            deadline,
            requests_per_second: None,
            observe: |_| {},
        })
        .unwrap()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.asked()
            .iter()
            .map(|asked| asked.from)
            .collect::<HashSet<_>>()
            .len()
    }
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
    let response = Response::builder().status(status);
    let response = headers
        .iter()
        .fold(response, |response, (name, value)| response.header(*name, *value));
    Some(response.body(body.into()).unwrap())
}
