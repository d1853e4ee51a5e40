//! Requests that Stripe would refuse are refused in Stripe's words.

use crate::support::{CARD, Stripe, id};

#[tokio::test]
async fn an_unknown_parameter_is_refused_by_name() {
    let stripe = Stripe::start().await;
    let error = stripe.post("/v1/customers", "nmae=Ann").await.error(400);
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["code"], "parameter_unknown");
    assert_eq!(error["param"], "nmae");
    assert_eq!(error["message"], "Received unknown parameter: nmae");
    let price = stripe.monthly_price().await;
    let form = format!(
        "mode=subscription&success_url=http://a.test&line_items[0][price]={price}&line_items[0][qty]=1"
    );
    let error = stripe.post("/v1/checkout/sessions", &form).await.error(400);
    assert_eq!(error["param"], "line_items[0][qty]");
}

#[tokio::test]
async fn what_stripe_has_and_the_simulator_has_not_is_501() {
    let stripe = Stripe::start().await;
    let error = stripe.get("/v1/quotes").await.error(501);
    assert_eq!(error["code"], "not_simulated");
    let error = stripe.post("/v1/customers", "source=tok_visa").await.error(501);
    assert_eq!(error["param"], "source");
    let error = stripe.get("/v1/nonsense").await.error(404);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("Unrecognized request URL (GET: /v1/nonsense)")
    );
}

#[tokio::test]
async fn a_wrong_key_is_401_and_is_not_repeated_in_the_answer() {
    let stripe = Stripe::start().await;
    let wrong = stripe
        .send(
            "GET",
            "/v1/customers",
            "",
            &[("authorization", "Bearer sk_live_secret")],
        )
        .await;
    assert!(!wrong.text.contains("sk_live_secret"));
    wrong.error(401);
    // `curl -u sk_test_of_the_tests:`
    let basic = ("authorization", "Basic c2tfdGVzdF9vZl90aGVfdGVzdHM6");
    stripe.send("GET", "/v1/customers", "", &[basic]).await.ok();
    stripe
        .send("GET", "/v1/customers", "", &[("authorization", "")])
        .await
        .error(401);
}

#[tokio::test]
async fn headers_tell_the_simulators_time_the_request_and_the_version() {
    let stripe = Stripe::start().await;
    stripe.running.with(|core| core.advance_to(4_102_444_800));
    let reply = stripe
        .send(
            "GET",
            "/v1/account",
            "",
            &[("stripe-version", "2026-09-30.endive")],
        )
        .await;
    assert!(
        reply.header("date").starts_with("Fri, 01 Jan 2100 00:"),
        "{}",
        reply.header("date")
    );
    assert_eq!(reply.header("stripe-version"), "2026-09-30.endive");
    assert!(reply.header("request-id").starts_with("req_"));
    let old = stripe
        .send("GET", "/v1/account", "", &[("stripe-version", "2014-09-08")])
        .await;
    old.error(501);
    let unknown = stripe
        .send(
            "GET",
            "/v1/account",
            "",
            &[("stripe-version", "2025-01-02.basil")],
        )
        .await;
    unknown.error(400);
}

#[tokio::test]
async fn sessions_are_refused_when_prices_and_mode_do_not_go_together() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let form = format!("mode=payment&success_url=http://a.test&line_items[0][price]={price}");
    let error = stripe.post("/v1/checkout/sessions", &form).await.error(400);
    assert_eq!(error["param"], "line_items[0][price]");
    stripe
        .post(&format!("/v1/prices/{price}"), "active=false")
        .await
        .ok();
    let form = format!("mode=subscription&success_url=http://a.test&line_items[0][price]={price}");
    let error = stripe.post("/v1/checkout/sessions", &form).await.error(400);
    assert!(error["message"].as_str().unwrap().contains("inactive"));
    let form = "mode=payment&success_url=http://a.test&line_items[0][price]=price_none";
    let error = stripe.post("/v1/checkout/sessions", form).await.error(400);
    assert_eq!(error["code"], "resource_missing");
    let error = stripe
        .post("/v1/checkout/sessions", "mode=payment&success_url=nonsense")
        .await
        .error(400);
    assert_eq!(error["param"], "success_url");
}

#[tokio::test]
async fn prices_are_found_by_lookup_key_and_a_key_moves_only_on_demand() {
    let stripe = Stripe::start().await;
    let first = stripe.monthly_price().await;
    let form = "currency=usd&unit_amount=2500&recurring[interval]=month&lookup_key=team_monthly\
                &product_data[name]=Team";
    stripe.post("/v1/prices", form).await.error(400);
    let second = id(&stripe
        .post("/v1/prices", &format!("{form}&transfer_lookup_key=true"))
        .await
        .ok());
    let found = stripe
        .get("/v1/prices?lookup_keys[]=team_monthly&lookup_keys[]=other&active=true")
        .await
        .ok();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(found["data"][0]["id"], second);
    let old = stripe
        .get(&format!("/v1/prices/{first}?expand[]=product"))
        .await
        .ok();
    assert!(old["lookup_key"].is_null());
    assert_eq!(old["product"]["name"], "Team");
}

#[tokio::test]
async fn lists_have_pages_and_cursors_in_both_directions() {
    let stripe = Stripe::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(stripe.customer().await);
    }
    made.reverse();
    let first = stripe.get("/v1/customers?limit=2").await.ok();
    assert_eq!(
        (id(&first["data"][0]), first["has_more"].as_bool()),
        (made[0].clone(), Some(true))
    );
    let after = stripe
        .get(&format!("/v1/customers?limit=3&starting_after={}", made[1]))
        .await
        .ok();
    let ids: Vec<_> = after["data"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(
        (ids.as_slice(), after["has_more"].as_bool()),
        (&made[2..], Some(false))
    );
    let before = stripe
        .get(&format!("/v1/customers?limit=2&ending_before={}", made[4]))
        .await
        .ok();
    let ids: Vec<_> = before["data"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(
        (ids.as_slice(), before["has_more"].as_bool()),
        (&made[2..4], Some(true))
    );
    stripe
        .get("/v1/customers?starting_after=cus_none")
        .await
        .error(400);
    stripe.get("/v1/customers?limit=0").await.error(400);
}

#[tokio::test]
async fn events_are_read_page_by_page_and_by_type() {
    let stripe = Stripe::start().await;
    for _ in 0..3 {
        stripe.customer().await;
    }
    stripe.monthly_price().await;
    let mut seen = 0;
    let mut after = String::new();
    loop {
        let page = stripe.get(&format!("/v1/events?limit=2{after}")).await.ok();
        let data = page["data"].as_array().unwrap();
        seen += data.len();
        if page["has_more"] == false {
            break;
        }
        after = format!("&starting_after={}", id(data.last().unwrap()));
    }
    assert_eq!(seen, 5, "three customers, a product, a price");
    let customers = stripe.get("/v1/events?types[]=customer.*&limit=100").await.ok();
    assert_eq!(customers["data"].as_array().unwrap().len(), 3);
    let one = stripe
        .get(&format!("/v1/events/{}", id(&customers["data"][0])))
        .await
        .ok();
    assert_eq!(one, customers["data"][0]);
    stripe.running.advance(31 * 86_400);
    let later = stripe.get("/v1/events").await.ok();
    assert!(
        later["data"].as_array().unwrap().is_empty(),
        "Stripe keeps 30 days"
    );
}

#[tokio::test]
async fn metadata_is_merged_by_key_and_emptied_by_nothing() {
    let stripe = Stripe::start().await;
    let customer = id(&stripe
        .post("/v1/customers", "metadata[a]=1&metadata[b]=2")
        .await
        .ok());
    let path = format!("/v1/customers/{customer}");
    let changed = stripe.post(&path, "metadata[a]=&metadata[c]=3").await.ok();
    assert_eq!(changed["metadata"], serde_json::json!({ "b": "2", "c": "3" }));
    let emptied = stripe.post(&path, "metadata=").await.ok();
    assert_eq!(emptied["metadata"], serde_json::json!({}));
}

#[tokio::test]
async fn a_deleted_customer_is_shown_as_deleted_and_its_subscriptions_have_ended() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let customer = id(&stripe.post("/v1/customers", CARD).await.ok());
    let form = format!("customer={customer}&items[0][price]={price}");
    let subscription = stripe.post("/v1/subscriptions", &form).await.ok();
    assert_eq!(subscription["status"], "active");
    let path = format!("/v1/customers/{customer}");
    stripe.send("DELETE", &path, "", &[]).await.ok();
    assert_eq!(stripe.get(&path).await.ok()["deleted"], true);
    let ended = stripe
        .get(&format!("/v1/subscriptions/{}", id(&subscription)))
        .await
        .ok();
    assert_eq!(ended["status"], "canceled");
    stripe.send("DELETE", &path, "", &[]).await.error(404);
}

#[tokio::test]
async fn a_planted_object_is_served_as_it_is() {
    let stripe = Stripe::start().await;
    let recorded = serde_json::json!({ "id": "sub_recorded", "object": "subscription", "status": "active" });
    stripe.get("/v1/subscriptions/sub_recorded").await.error(404);
    stripe.running.with(|core| core.plant(recorded.clone()));
    assert_eq!(stripe.get("/v1/subscriptions/sub_recorded").await.ok(), recorded);
    let session =
        serde_json::json!({ "id": "cs_live_recorded", "object": "checkout.session", "line_items": {} });
    stripe.running.with(|core| core.plant(session.clone()));
    assert_eq!(
        stripe
            .get("/v1/checkout/sessions/cs_live_recorded?expand[]=line_items")
            .await
            .ok(),
        session
    );
}
