//! A small HTTP client, and a place that webhooks are delivered to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sha2::Sha256;
use stripe_simulator::core::{Core, Fault, Version};
use stripe_simulator::{Options, Running, start};
use tokio::sync::watch;

pub const KEY: &str = "sk_test_of_the_tests";
pub const SECRET: &str = "whsec_of_the_tests";

/// Makes a customer one that pays by card, when it is created.
pub const CARD: &str = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";

/// A simulator and a client of it.
pub struct Stripe {
    pub running: Running,
    caller: Caller,
}

/// A client of a simulator, wherever that runs.
pub struct Caller {
    base: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}"))
            .to_str()
            .unwrap()
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    #[track_caller]
    pub fn error(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()["error"].clone()
    }
}

impl Stripe {
    pub async fn start() -> Stripe {
        Stripe::with(Options::default()).await
    }

    /// With another start; seed and key are the tests' own.
    pub async fn with(options: Options) -> Stripe {
        let options = Options {
            seed: 7,
            api_key: Some(KEY.into()),
            ..options
        };
        let running = start(options).await.unwrap();
        let caller = Caller::of(&running.base_url());
        Stripe { running, caller }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "", &[]).await
    }

    pub async fn post(&self, path: &str, form: &str) -> Reply {
        self.send("POST", path, form, &[]).await
    }

    pub async fn post_keyed(&self, path: &str, form: &str, key: &str) -> Reply {
        self.send("POST", path, form, &[("idempotency-key", key)]).await
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let headers = [("content-type", "application/json")];
        self.send(
            "POST",
            &format!("/_simulator/{path}"),
            &body.to_string(),
            &headers,
        )
        .await
        .ok()
    }

    pub async fn send(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        self.try_send(method, path, body, headers).await.unwrap()
    }

    /// An error: no answer came.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, hyper_util::client::legacy::Error> {
        self.caller.try_send(method, path, body, headers).await
    }

    /// A monthly price of 20 dollars and its id.
    pub async fn monthly_price(&self) -> String {
        let form = "currency=usd&unit_amount=2000&recurring[interval]=month&lookup_key=team_monthly\
                    &product_data[name]=Team";
        id(&self.post("/v1/prices", form).await.ok())
    }

    pub async fn customer(&self) -> String {
        id(&self
            .post(
                "/v1/customers",
                "email=a@example.com&metadata[tollgate_customer]=acme",
            )
            .await
            .ok())
    }
}

/// One request to a core, which has to be granted.
#[track_caller]
pub fn call(core: &mut Core, method: &str, path: &str, form: &str) -> Value {
    let answer = stripe_simulator::api::call(core, Version::default(), method, path, form);
    answer.unwrap_or_else(|fault| panic!("{method} {path} {form}: {} {fault}", fault.status))
}

/// One that has to be refused.
#[track_caller]
pub fn refused(core: &mut Core, method: &str, path: &str, form: &str) -> Fault {
    let answer = stripe_simulator::api::call(core, Version::default(), method, path, form);
    answer.map_or_else(|fault| fault, |shown| panic!("{method} {path} {form}: {shown}"))
}

impl Caller {
    pub fn of(base: &str) -> Caller {
        Caller {
            base: base.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub async fn send(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        self.try_send(method, path, body, headers).await.unwrap()
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, hyper_util::client::legacy::Error> {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let mut request = Request::builder().method(method).uri(url);
        if headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if headers.iter().all(|(name, _)| *name != "authorization") {
            request = request.header(header::AUTHORIZATION, format!("Bearer {KEY}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let response = self.http.request(request).await?;
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            text,
        })
    }
}

pub fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// Whether a delivery was signed with this secret.
pub fn verifies(header: &str, body: &[u8], secret: &str) -> bool {
    let (t, signatures) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(t.as_bytes());
    mac.update(b".");
    mac.update(body);
    let wanted = mac.finalize().into_bytes();
    let wanted: String = wanted.iter().map(|byte| format!("{byte:02x}")).collect();
    signatures.split(",v1=").any(|v1| v1 == wanted)
}

/// Receives webhooks; answers what it is told to.
#[derive(Clone)]
pub struct Sink {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct Inner {
    taken: Vec<(String, Bytes)>,
    refuse: usize,
    refused: usize,
}

impl Sink {
    pub async fn start() -> Sink {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let sink = Sink {
            url,
            inner: Arc::default(),
            count: watch::Sender::new(0),
        };
        let router = Router::new().route("/hook", post(take)).with_state(sink.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        sink
    }

    /// The next deliveries are answered 500.
    pub fn refuse(&self, deliveries: usize) {
        self.inner.lock().unwrap().refuse = deliveries;
    }

    /// How many were answered 500 so far.
    pub fn refused(&self) -> usize {
        self.inner.lock().unwrap().refused
    }

    /// Waits until an event of this type has come, and returns the first.
    pub async fn event(&self, kind: &str) -> Value {
        self.event_where(kind, |_| true).await
    }

    /// The same, of those whose object is so.
    pub async fn event_where(&self, kind: &str, is: impl Fn(&Value) -> bool) -> Value {
        let wanted = |event: &Value| event["type"] == kind && is(&event["data"]["object"]);
        let mut count = self.count.subscribe();
        let wait = count.wait_for(|_| self.events().iter().any(wanted));
        tokio::time::timeout(Duration::from_secs(20), async { wait.await.map(|_| ()) })
            .await
            .unwrap_or_else(|_| panic!("no {kind} among {:?}", self.kinds()))
            .unwrap();
        self.events().into_iter().find(wanted).unwrap()
    }

    pub fn events(&self) -> Vec<Value> {
        let inner = self.inner.lock().unwrap();
        inner
            .taken
            .iter()
            .map(|(_, body)| serde_json::from_slice(body).unwrap())
            .collect()
    }

    /// Header and body of everything taken.
    pub fn deliveries(&self) -> Vec<(String, Bytes)> {
        self.inner.lock().unwrap().taken.clone()
    }

    pub fn kinds(&self) -> Vec<String> {
        self.events()
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn clear(&self) {
        self.inner.lock().unwrap().taken.clear();
    }
}

async fn take(State(sink): State<Sink>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
    {
        let mut inner = sink.inner.lock().unwrap();
        if inner.refuse > 0 {
            inner.refuse -= 1;
            inner.refused += 1;
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        inner.taken.push((signature, body));
    }
    sink.count.send_modify(|count| *count += 1);
    StatusCode::OK
}

/// Waits until it is so, for 20 seconds at most.
pub async fn eventually(is: impl AsyncFn() -> bool) {
    let wait = async {
        while !is().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .expect("it never came about");
}
