//! Webhooks: signed, in order, again and again until they are taken.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::Sha256;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::clock::unix_micros;
use super::world::{Shared, World};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(10);

type Http = Client<HttpConnector, Full<Bytes>>;

/// Starts a courier for every endpoint, as they appear; never returns.
pub async fn deliver_all(shared: Shared) {
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let mut couriers = JoinSet::new();
    let mut known: HashMap<String, ()> = HashMap::new();
    let mut changed = shared.changed();
    loop {
        changed.borrow_and_update();
        let endpoints: Vec<(String, usize)> = shared.read(|world| {
            world
                .core
                .webhook_endpoints()
                .map(|endpoint| (endpoint.id.clone(), endpoint.from))
                .collect()
        });
        for (id, from) in endpoints {
            if known.insert(id.clone(), ()).is_none() {
                couriers.spawn(deliver(shared.clone(), http.clone(), id, from));
            }
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// What is to be done next for an endpoint.
enum Next {
    Send {
        url: String,
        secret: String,
        body: Bytes,
        id: String,
    },
    Skip,
    Wait,
    Stop,
}

fn next(world: &World, endpoint: &str, at: usize) -> Next {
    let Some(endpoint) = world.core.webhook_endpoints().find(|it| it.id == endpoint) else {
        return Next::Stop;
    };
    let Some(event) = world.core.events(at).first().filter(|_| !world.held) else {
        return Next::Wait;
    };
    if endpoint.disabled || !event.wanted_by.contains(&endpoint.id) {
        return Next::Skip;
    }
    let version = endpoint.api_version.unwrap_or(world.core.settings().api_version);
    let body = serde_json::to_vec_pretty(&event.in_version(version)).unwrap_or_default();
    Next::Send {
        url: endpoint.url.clone(),
        secret: endpoint.secret.clone(),
        body: body.into(),
        id: event.id.clone(),
    }
}

async fn deliver(shared: Shared, http: Http, endpoint: String, from: usize) {
    let mut changed = shared.changed();
    let mut at = from;
    let mut pause = FIRST_PAUSE;
    loop {
        changed.borrow_and_update();
        match shared.read(|world| next(world, &endpoint, at)) {
            Next::Stop => return,
            Next::Skip => at += 1,
            Next::Wait => {
                if changed.changed().await.is_err() {
                    return;
                }
            }
            Next::Send {
                url,
                secret,
                body,
                id,
            } => match post(&http, &url, &secret, body).await {
                Ok(()) => {
                    at += 1;
                    pause = FIRST_PAUSE;
                }
                Err(error) => {
                    tracing::info!(event = id, %error, "not delivered, will be tried again");
                    wait(&shared, &endpoint, &url, pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            },
        }
    }
}

/// Until it is time to try again, or the endpoint has moved.
async fn wait(shared: &Shared, endpoint: &str, url: &str, pause: Duration) {
    let mut changed = shared.changed();
    let moved = async {
        loop {
            let same = shared.read(|world| {
                world
                    .core
                    .webhook_endpoints()
                    .any(|it| it.id == endpoint && it.url == url && !it.disabled)
            });
            if !same || changed.changed().await.is_err() {
                return;
            }
        }
    };
    let _ = timeout(pause, moved).await;
}

async fn post(http: &Http, url: &str, secret: &str, body: Bytes) -> Result<()> {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, "Stripe/1.0 (simulator)")
        .header("stripe-signature", sign(secret, unix_micros() / 1_000_000, &body))
        .body(Full::new(body))?;
    let exchange = async {
        let response = http.request(request).await.context("cannot reach the endpoint")?;
        let status = response.status();
        response.into_body().collect().await?;
        ensure!(status.is_success(), "answered {status}");
        Ok(())
    };
    timeout(DEADLINE, exchange).await.context("no answer in time")?
}

/// The `Stripe-Signature` header; `t` is real time, which receivers compare with their own.
fn sign(secret: &str, t: i64, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!("any length"));
    mac.update(format!("{t}.").as_bytes());
    mac.update(body);
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={t},v1={hex}")
}
