//! How requests are read and answers are cut: nested parameters, expansions, pages.

use serde_json::{Value, json};

use crate::support::{CARD, Stripe, id};

#[tokio::test]
async fn lists_of_objects_are_read_in_every_spelling_that_clients_use() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let head = "mode=subscription&success_url=http://a.test";
    for items in [
        format!("line_items[0][price]={price}&line_items[0][quantity]=3"),
        format!("line_items[][price]={price}&line_items[][quantity]=3"),
        format!("line_items%5B0%5D%5Bprice%5D={price}&line_items%5B0%5D%5Bquantity%5D=3"),
    ] {
        let session = stripe
            .post(
                "/v1/checkout/sessions",
                &format!("{head}&{items}&expand[]=line_items"),
            )
            .await
            .ok();
        let shown = session["line_items"]["data"].as_array().unwrap();
        assert_eq!((shown.len(), &shown[0]["quantity"]), (1, &json!(3)), "{items}");
    }
    let two = format!("{head}&line_items[][price]={price}&line_items[][price]={price}&expand[0]=line_items");
    let session = stripe.post("/v1/checkout/sessions", &two).await.ok();
    assert_eq!(session["line_items"]["data"].as_array().unwrap().len(), 2);
    let both = format!("{head}&line_items=1&line_items[0][price]={price}");
    stripe.post("/v1/checkout/sessions", &both).await.error(400);
}

#[tokio::test]
async fn parameters_may_be_nested_and_instants_far_but_not_without_end() {
    let stripe = Stripe::start().await;
    let deep = format!("metadata{}=1", "[a]".repeat(100_000));
    stripe.post("/v1/customers", &deep).await.error(400);
    let far = format!("frozen_time={}", i64::MAX);
    let error = stripe.post("/v1/test_helpers/test_clocks", &far).await.error(400);
    assert_eq!(error["param"], "frozen_time");
    let customer = stripe.customer().await;
    let path = format!("/v1/customers/{customer}");
    for balance in [i64::MAX, i64::MIN] {
        stripe.post(&path, &format!("balance={balance}")).await.error(400);
    }
    assert_eq!(stripe.get(&path).await.ok()["balance"], 0);
}

#[tokio::test]
async fn an_empty_text_unsets_what_can_be_unset_and_is_refused_elsewhere() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    let path = format!("/v1/customers/{customer}");
    assert_eq!(stripe.post(&path, "email=").await.ok()["email"], Value::Null);
    let error = stripe.post("/v1/products", "name=").await.error(400);
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("parameter_invalid_empty"), &json!("name"))
    );
    let price = "currency=usd&unit_amount=1&product_data[name]=Team&recurring[interval]=";
    let error = stripe.post("/v1/prices", price).await.error(400);
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("parameter_invalid_empty"), &json!("recurring[interval]"))
    );
    let error = stripe
        .post("/v1/prices", &format!("{price}fortnight"))
        .await
        .error(400);
    assert_eq!(
        error["message"],
        "Invalid recurring[interval]: must be one of day, week, month, or year"
    );
    let long = format!("name={}", "a".repeat(5_001));
    stripe.post(&path, &long).await.error(400);
}

#[tokio::test]
async fn metadata_has_limits_and_says_which_was_passed() {
    let stripe = Stripe::start().await;
    for (form, words) in [
        (format!("metadata[{}]=1", "k".repeat(41)), "up to 40 characters"),
        (format!("metadata[k]={}", "v".repeat(501)), "up to 500 characters"),
        (
            (0..51)
                .map(|at| format!("metadata[{at}]=1"))
                .collect::<Vec<_>>()
                .join("&"),
            "up to 50 keys",
        ),
    ] {
        let error = stripe.post("/v1/customers", &form).await.error(400);
        assert_eq!(error["param"], "metadata");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_error_says_where_it_is_explained() {
    let stripe = Stripe::start().await;
    let error = stripe.get("/v1/customers/cus_none").await.error(404);
    assert_eq!(
        error["doc_url"],
        "https://stripe.com/docs/error-codes/resource-missing"
    );
    assert_eq!(error["message"], "No such customer: 'cus_none'");
    let customer = stripe.customer().await;
    let error = stripe.get(&format!("/v1/invoices/{customer}")).await.error(404);
    assert_eq!(error["message"], format!("No such invoice: '{customer}'"));
    let error = stripe.send("PUT", "/v1/customers", "", &[]).await.error(404);
    assert_eq!(error["message"], "Unrecognized request URL (PUT: /v1/customers).");
    let error = stripe.get("/v1/customers/").await.error(404);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("remove the trailing slash")
    );
}

#[tokio::test]
async fn references_are_put_in_full_to_four_levels_and_through_lists() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let customer = id(&stripe.post("/v1/customers", CARD).await.ok());
    let form =
        format!("customer={customer}&items[0][price]={price}&expand[]=customer&expand[]=latest_invoice");
    let subscription = stripe.post("/v1/subscriptions", &form).await.ok();
    assert_eq!(subscription["customer"]["object"], "customer");
    assert_eq!(subscription["latest_invoice"]["object"], "invoice");
    let path =
        "/v1/subscriptions?expand[]=data.latest_invoice.customer&expand[]=data.items.data.price.product";
    let error = stripe.get(path).await.error(400);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("You cannot expand more than 4 levels"),
        "{error}"
    );
    let listed = stripe
        .get("/v1/subscriptions?expand[]=data.latest_invoice.customer")
        .await
        .ok();
    assert_eq!(listed["data"][0]["latest_invoice"]["customer"]["id"], customer);
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    let full = stripe
        .get(&format!("{path}?expand[]=items.data.price.product"))
        .await
        .ok();
    assert_eq!(full["items"]["data"][0]["price"]["product"]["name"], "Team");
    for (path, property) in [(path.as_str(), "status"), (&path, "metadata"), (&path, "nothing")] {
        let error = stripe
            .get(&format!("{path}?expand[]={property}"))
            .await
            .error(400);
        assert_eq!(
            error["message"],
            format!("This property cannot be expanded ({property}).")
        );
    }
    let error = stripe.get("/v1/subscriptions?expand[]=customer").await.error(400);
    assert_eq!(
        error["message"],
        "This property cannot be expanded (customer). You may want to try expanding 'data.customer' instead."
    );
}

#[tokio::test]
async fn what_cannot_be_expanded_is_refused_before_anything_happens() {
    let stripe = Stripe::start().await;
    stripe
        .post_keyed("/v1/customers", "expand[]=email", "k")
        .await
        .error(400);
    assert_eq!(stripe.get("/v1/customers").await.ok()["data"], json!([]));
    stripe.post_keyed("/v1/customers", "name=Ann", "k").await.ok();
}

#[tokio::test]
async fn a_page_goes_on_where_an_object_was_that_has_left_the_list() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let customer = id(&stripe.post("/v1/customers", CARD).await.ok());
    let mut made = Vec::new();
    for _ in 0..4 {
        let form = format!("customer={customer}&items[0][price]={price}");
        made.push(id(&stripe.post("/v1/subscriptions", &form).await.ok()));
    }
    let first = stripe.get("/v1/subscriptions?status=active&limit=2").await.ok();
    let last = id(&first["data"][1]);
    assert_eq!(last, made[2]);
    stripe
        .send("DELETE", &format!("/v1/subscriptions/{last}"), "", &[])
        .await
        .ok();
    let ids = |page: &Value| {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(id)
            .collect::<Vec<_>>()
    };
    let rest = stripe
        .get(&format!(
            "/v1/subscriptions?status=active&limit=2&starting_after={last}"
        ))
        .await
        .ok();
    assert_eq!(ids(&rest), [made[1].clone(), made[0].clone()]);
    assert_eq!(rest["has_more"], false);
    let newer = stripe
        .get(&format!("/v1/subscriptions?status=active&ending_before={last}"))
        .await
        .ok();
    assert_eq!(ids(&newer), [made[3].clone()]);
}

#[tokio::test]
async fn pages_are_refused_outside_their_limits_and_with_two_cursors() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    for (limit, bound) in [
        ("0", "greater than or equal to 1"),
        ("101", "less than or equal to 100"),
    ] {
        let error = stripe
            .get(&format!("/v1/customers?limit={limit}"))
            .await
            .error(400);
        assert_eq!(error["message"], format!("This value must be {bound}."));
    }
    assert_eq!(
        stripe.get("/v1/customers?limit=x").await.error(400)["message"],
        "Invalid integer: x"
    );
    stripe
        .get(&format!(
            "/v1/customers?starting_after={customer}&ending_before={customer}"
        ))
        .await
        .error(400);
}

#[tokio::test]
async fn lists_are_filtered_by_when_things_were_created() {
    let stripe = Stripe::start().await;
    let first = stripe.customer().await;
    stripe.running.advance(100);
    let second = stripe.customer().await;
    let at = stripe.get(&format!("/v1/customers/{second}")).await.ok()["created"]
        .as_i64()
        .unwrap();
    for (query, wanted) in [
        (format!("created[gte]={at}"), vec![&second]),
        (format!("created[gt]={}", at - 1), vec![&second]),
        (format!("created[lt]={at}"), vec![&first]),
        (format!("created[lte]={at}"), vec![&second, &first]),
        (format!("created={at}"), vec![&second]),
    ] {
        let page = stripe.get(&format!("/v1/customers?{query}")).await.ok();
        let ids: Vec<String> = page["data"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), wanted, "{query}");
    }
    let error = stripe.get("/v1/customers?created[since]=1").await.error(400);
    assert_eq!(error["param"], "created[since]");
}

#[tokio::test]
async fn lists_inside_objects_have_pages_too() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let form = format!(
        "mode=subscription&success_url=http://a.test&line_items[0][price]={price}&line_items[1][price]={price}\
         &line_items[2][price]={price}"
    );
    let session = id(&stripe.post("/v1/checkout/sessions", &form).await.ok());
    let path = format!("/v1/checkout/sessions/{session}/line_items?limit=2");
    let first = stripe.get(&path).await.ok();
    assert_eq!(first["has_more"], true);
    let last = id(&first["data"][1]);
    let rest = stripe.get(&format!("{path}&starting_after={last}")).await.ok();
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["has_more"]),
        (1, &json!(false))
    );
}

#[tokio::test]
async fn a_list_is_asked_for_a_status_that_there_is_and_a_preview_is_not_an_invoice() {
    let stripe = Stripe::start().await;
    for path in [
        "/v1/subscriptions",
        "/v1/invoices",
        "/v1/invoice_payments",
        "/v1/checkout/sessions",
    ] {
        let error = stripe.get(&format!("{path}?status=live")).await.error(400);
        assert_eq!(error["param"], "status", "{path}");
    }
    let preview = stripe
        .post("/v1/invoices/create_preview", "customer=cus_any")
        .await;
    assert_eq!(preview.error(501)["code"], "not_simulated");
}
