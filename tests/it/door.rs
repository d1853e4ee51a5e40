//! The webhook's door: what is let in, what is stored, what is answered.

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use crate::support::http::signature;
use crate::support::{SECRET, TestApp};

fn event(id: &str) -> Bytes {
    let object = json!({"id": "prod_1", "object": "product"});
    json!({
        "id": id, "object": "event", "type": "product.created", "created": 1_700_000_000, "livemode": false,
        "api_version": "2022-11-15", "data": {"object": object}
    })
    .to_string()
    .into()
}

async fn stored(app: &TestApp) -> i64 {
    app.store().inbox_counts().await.unwrap().total
}

#[tokio::test]
async fn an_event_is_stored_once_however_often_it_comes() {
    let app = TestApp::start().await;
    let url = app.webhook_url();
    let posts = (0..3).map(|_| app.http.event(&url, SECRET, event("evt_1")));
    for status in futures::future::join_all(posts).await {
        assert_eq!(status, Ok(StatusCode::OK));
    }
    assert_eq!(stored(&app).await, 1);
}

#[tokio::test]
async fn what_stripe_did_not_sign_is_refused_and_not_stored() {
    let app = TestApp::start().await;
    let (url, body) = (app.webhook_url(), event("evt_1"));
    let good = signature(SECRET, &body);
    let old = tollgate_stripe::signature::sign(SECRET, 1_000_000_000, &body);
    for header in [
        "",
        "t=1,v1=00",
        &signature("whsec_other", &body),
        &old,
        &good.replace("v1=", "v0="),
    ] {
        let answer = app.http.signed(&url, header, body.clone()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{header}");
        assert!(!answer.body().contains(SECRET));
    }
    assert_eq!(stored(&app).await, 0);
}

#[tokio::test]
async fn signed_text_that_is_no_event_is_refused_and_not_stored() {
    let app = TestApp::start().await;
    for body in ["not json", "[]", "{}", "{\"id\": 7}", ""] {
        let status = app
            .http
            .event(&app.webhook_url(), SECRET, Bytes::from(body))
            .await;
        assert_eq!(status, Ok(StatusCode::BAD_REQUEST), "{body}");
    }
    assert_eq!(stored(&app).await, 0);
}

#[tokio::test]
async fn a_body_of_five_mebibytes_is_too_large() {
    let app = TestApp::start().await;
    let body = Bytes::from(vec![b' '; 5 << 20]);
    match app.http.event(&app.webhook_url(), SECRET, body).await {
        Ok(status) => assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE),
        // The answer came and the rest of the body was not read any more.
        Err(broken) => assert!(
            broken.contains("SendRequest") || broken.contains("Body"),
            "{broken}"
        ),
    }
    assert_eq!(stored(&app).await, 0);
}

#[tokio::test]
async fn a_row_that_cannot_be_stored_fails_alone() {
    let app = TestApp::start().await;
    let url = app.webhook_url();
    let bodies = (0..40).map(|n| {
        if n == 20 {
            event("evt_\u{0}bad")
        } else {
            event(&format!("evt_{n}"))
        }
    });
    let answers = futures::future::join_all(bodies.map(|body| app.http.event(&url, SECRET, body))).await;
    for (n, status) in answers.into_iter().enumerate() {
        assert_eq!(status.unwrap().is_success(), n != 20, "{n}");
    }
    assert_eq!(stored(&app).await, 39);
}

#[tokio::test]
async fn thin_events_and_unknown_types_are_kept() {
    let app = TestApp::start().await;
    let thin = json!({
        "id": "evt_thin", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
        "created": "2024-09-17T06:20:52.246Z", "livemode": false,
        "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"}
    });
    let unknown = json!({"id": "evt_new", "object": "event", "type": "moon.landed", "created": 1_700_000_000,
        "data": {"object": {"id": "moon_1", "object": "moon"}}});
    for body in [thin, unknown] {
        let status = app
            .http
            .event(&app.webhook_url(), SECRET, body.to_string().into())
            .await;
        assert_eq!(status, Ok(StatusCode::OK));
    }
    assert_eq!(stored(&app).await, 2);
}

#[tokio::test]
async fn without_its_database_the_door_asks_stripe_to_come_again() {
    let app = TestApp::start().await;
    app.store().close().await;
    let answer = app
        .http
        .signed(
            &app.webhook_url(),
            &signature(SECRET, &event("evt_1")),
            event("evt_1"),
        )
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn only_post_and_only_its_path() {
    let app = TestApp::start().await;
    assert_eq!(
        app.http.get(&app.webhook_url()).await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    let root = format!("http://{}/", app.running.webhook);
    assert_eq!(app.http.get(&root).await.status(), StatusCode::NOT_FOUND);
}
