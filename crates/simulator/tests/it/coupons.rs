//! Coupons, promotion codes, and what they take off sessions, subscriptions and invoices.

use proptest::prelude::*;
use serde_json::{Value, json};
use stripe_simulator::core::{
    Core, Duration, Interval, NewCoupon, NewCustomer, NewPrice, NewSubscription, Off, Redeem,
};

use crate::support::{CARD, Stripe, id};

const DAY: i64 = 86_400;

async fn coupon(stripe: &Stripe, form: &str) -> String {
    id(&stripe.post("/v1/coupons", form).await.ok())
}

async fn payer(stripe: &Stripe) -> String {
    id(&stripe.post("/v1/customers", CARD).await.ok())
}

async fn kinds(stripe: &Stripe, pattern: &str) -> Vec<String> {
    let events = stripe
        .get(&format!("/v1/events?types[]={pattern}&limit=100"))
        .await
        .ok();
    let mut kinds: Vec<String> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["type"].as_str().unwrap().into())
        .collect();
    kinds.reverse();
    kinds
}

async fn invoices(stripe: &Stripe, subscription: &str) -> Vec<Value> {
    let list = stripe
        .get(&format!("/v1/invoices?subscription={subscription}"))
        .await
        .ok();
    let mut invoices = list["data"].as_array().unwrap().clone();
    invoices.reverse();
    invoices
}

#[tokio::test]
async fn a_coupon_is_made_renamed_and_deleted() {
    let stripe = Stripe::start().await;
    let form =
        "id=SPRING&percent_off=12.5&duration=repeating&duration_in_months=3&max_redemptions=2&name=Spring";
    let made = stripe.post("/v1/coupons", form).await.ok();
    assert_eq!(
        (&made["id"], &made["percent_off"]),
        (&json!("SPRING"), &json!(12.5))
    );
    assert_eq!(
        (&made["duration"], &made["duration_in_months"]),
        (&json!("repeating"), &json!(3))
    );
    assert_eq!(
        (&made["valid"], &made["times_redeemed"]),
        (&json!(true), &json!(0))
    );
    stripe.post("/v1/coupons", form).await.error(400);
    let renamed = stripe
        .post("/v1/coupons/SPRING", "name=Summer&metadata[a]=b")
        .await
        .ok();
    assert_eq!(
        (&renamed["name"], &renamed["metadata"]["a"]),
        (&json!("Summer"), &json!("b"))
    );
    assert_eq!(stripe.get("/v1/coupons/SPRING").await.ok(), renamed);
    stripe.send("DELETE", "/v1/coupons/SPRING", "", &[]).await.ok();
    stripe.get("/v1/coupons/SPRING").await.error(404);
    assert_eq!(stripe.get("/v1/coupons").await.ok()["data"], json!([]));
    let wanted = ["coupon.created", "coupon.updated", "coupon.deleted"];
    assert_eq!(kinds(&stripe, "coupon.*").await, wanted);
    for (bad, param) in [
        ("percent_off=101", "percent_off"),
        ("percent_off=0", "percent_off"),
        ("percent_off=ten", "percent_off"),
        ("amount_off=5", "currency"),
        ("amount_off=5&currency=usd&percent_off=5", "percent_off"),
        ("percent_off=5&duration=repeating", "duration_in_months"),
        (
            "percent_off=5&duration=once&duration_in_months=2",
            "duration_in_months",
        ),
        ("percent_off=5&max_redemptions=0", "max_redemptions"),
        (
            "percent_off=5&applies_to[products][0]=prod_none",
            "applies_to[products][0]",
        ),
    ] {
        assert_eq!(
            stripe.post("/v1/coupons", bad).await.error(400)["param"],
            param,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_coupon_for_ever_takes_its_percentage_off_every_invoice() {
    let stripe = Stripe::start().await;
    let (price, customer) = (stripe.monthly_price().await, payer(&stripe).await);
    let coupon = coupon(&stripe, "percent_off=25&duration=forever").await;
    let form = format!(
        "customer={customer}&items[0][price]={price}&discounts[0][coupon]={coupon}&expand[]=discounts"
    );
    let made = stripe.post("/v1/subscriptions", &form).await.ok();
    let discount = &made["discounts"][0];
    assert_eq!(discount["source"], json!({ "coupon": coupon, "type": "coupon" }));
    assert_eq!(
        (&discount["subscription"], &discount["end"]),
        (&made["id"], &Value::Null)
    );
    stripe.running.advance(32 * DAY);
    let invoices = invoices(&stripe, &id(&made)).await;
    assert_eq!(invoices.len(), 2);
    for invoice in invoices {
        assert_eq!(
            (&invoice["subtotal"], &invoice["total"]),
            (&json!(2_000), &json!(1_500))
        );
        assert_eq!(
            (&invoice["amount_due"], &invoice["amount_paid"]),
            (&json!(1_500), &json!(1_500))
        );
        let off = json!([{ "amount": 500, "discount": discount["id"] }]);
        assert_eq!(invoice["total_discount_amounts"], off);
        assert_eq!(invoice["discounts"], json!([discount["id"]]));
        assert_eq!(invoice["lines"]["data"][0]["discount_amounts"], off);
        assert_eq!(invoice["lines"]["data"][0]["amount"], 2_000);
    }
    let redeemed = stripe.get(&format!("/v1/coupons/{coupon}")).await.ok();
    assert_eq!(redeemed["times_redeemed"], 1);
}

#[tokio::test]
async fn once_is_one_invoice_and_repeating_is_so_many_months() {
    let stripe = Stripe::start().await;
    let (price, customer) = (stripe.monthly_price().await, payer(&stripe).await);
    let once = coupon(&stripe, "amount_off=700&currency=usd&duration=once").await;
    let months = coupon(&stripe, "percent_off=50&duration=repeating&duration_in_months=2").await;
    let form = format!(
        "customer={customer}&items[0][price]={price}&discounts[0][coupon]={once}&discounts[1][coupon]={months}"
    );
    let made = stripe.post("/v1/subscriptions", &form).await.ok();
    assert_eq!(
        made["discounts"].as_array().unwrap().len(),
        1,
        "what is good once is used up"
    );
    let [first, second] = ["customer.discount.created", "customer.discount.deleted"];
    assert_eq!(
        kinds(&stripe, "customer.discount.*").await,
        [first, first, second]
    );
    stripe.running.advance(62 * DAY);
    assert_eq!(kinds(&stripe, "customer.discount.*").await, [second]);
    stripe.running.advance(33 * DAY);
    let totals: Vec<i64> = invoices(&stripe, &id(&made))
        .await
        .iter()
        .map(|it| it["total"].as_i64().unwrap())
        .collect();
    // In the order in which they were given: half of what the first one leaves.
    assert_eq!(totals, [650, 1_000, 2_000, 2_000]);
    let after = stripe.get(&format!("/v1/subscriptions/{}", id(&made))).await.ok();
    assert_eq!(after["discounts"], json!([]));
}

#[tokio::test]
async fn a_trial_does_not_use_up_what_is_good_for_one_invoice() {
    let stripe = Stripe::start().await;
    let (price, customer) = (stripe.monthly_price().await, payer(&stripe).await);
    let once = coupon(&stripe, "percent_off=100").await;
    let form = format!(
        "customer={customer}&items[0][price]={price}&trial_period_days=7&discounts[0][coupon]={once}"
    );
    let made = stripe.post("/v1/subscriptions", &form).await.ok();
    assert_eq!(made["discounts"].as_array().unwrap().len(), 1);
    stripe.running.advance(45 * DAY);
    let totals: Vec<i64> = invoices(&stripe, &id(&made))
        .await
        .iter()
        .map(|it| it["total"].as_i64().unwrap())
        .collect();
    assert_eq!(
        totals,
        [0, 0, 2_000],
        "the trial, the free month, the month after"
    );
}

#[tokio::test]
async fn discounts_are_replaced_kept_and_taken_away() {
    let stripe = Stripe::start().await;
    let (price, customer) = (stripe.monthly_price().await, payer(&stripe).await);
    let ten = coupon(&stripe, "percent_off=10&duration=forever").await;
    let twenty = coupon(&stripe, "percent_off=20&duration=forever").await;
    let form = format!("customer={customer}&items[0][price]={price}&discounts[0][coupon]={ten}");
    let made = stripe.post("/v1/subscriptions", &form).await.ok();
    let path = format!("/v1/subscriptions/{}", id(&made));
    let kept = made["discounts"][0].as_str().unwrap().to_owned();
    let form = format!("discounts[0][discount]={kept}&discounts[1][coupon]={twenty}");
    let both = stripe.post(&path, &form).await.ok();
    assert_eq!(both["discounts"][0], kept);
    assert_eq!(both["discounts"].as_array().unwrap().len(), 2);
    // It is this subscription's, and no new one's.
    let other = format!("customer={customer}&items[0][price]={price}&discounts[0][discount]={kept}");
    let error = stripe.post("/v1/subscriptions", &other).await.error(400);
    assert_eq!(error["param"], "discounts[0][discount]");
    let none = stripe.post(&path, "discounts=").await.ok();
    assert_eq!(none["discounts"], json!([]));
    let error = stripe
        .post(&path, &format!("discounts[0][discount]={kept}"))
        .await
        .error(400);
    assert_eq!(error["param"], "discounts[0][discount]");
    stripe
        .post(&path, &format!("discounts[0][coupon]={ten}"))
        .await
        .ok();
    let gone = stripe
        .send("DELETE", &format!("{path}/discount"), "", &[])
        .await
        .ok();
    assert_eq!(
        (&gone["object"], &gone["deleted"]),
        (&json!("discount"), &json!(true))
    );
    assert_eq!(stripe.get(&path).await.ok()["discounts"], json!([]));
    let told = kinds(&stripe, "customer.discount.*").await;
    let deleted = told.iter().filter(|kind| kind.ends_with("deleted")).count();
    assert_eq!((told.len(), deleted), (6, 3));
}

#[tokio::test]
async fn a_promotion_code_has_conditions() {
    let stripe = Stripe::start().await;
    let (price, customer) = (stripe.monthly_price().await, payer(&stripe).await);
    let coupon = coupon(&stripe, "percent_off=10&duration=forever").await;
    let made = |form: &str| {
        let (stripe, form) = (
            &stripe,
            format!("promotion[type]=coupon&promotion[coupon]={coupon}&{form}"),
        );
        async move { stripe.post("/v1/promotion_codes", &form).await.ok() }
    };
    let subscribe = |code: &Value| {
        let code = id(code);
        let form = format!("customer={customer}&items[0][price]={price}&discounts[0][promotion_code]={code}");
        let stripe = &stripe;
        async move { stripe.post("/v1/subscriptions", &form).await }
    };
    let first = made("code=WELCOME&restrictions[first_time_transaction]=true").await;
    assert_eq!(
        (&first["code"], &first["active"]),
        (&json!("WELCOME"), &json!(true))
    );
    assert_eq!(first["promotion"]["coupon"], coupon);
    let error = stripe
        .post(
            "/v1/promotion_codes",
            &format!("promotion[type]=coupon&promotion[coupon]={coupon}&code=welcome"),
        )
        .await
        .error(400);
    assert_eq!(error["param"], "code", "letters of either case are the same");
    let subscribed = subscribe(&first).await.ok();
    let discount = subscribed["discounts"][0].as_str().unwrap();
    let shown = stripe
        .get(&format!(
            "/v1/subscriptions/{}?expand[]=discounts.promotion_code",
            id(&subscribed)
        ))
        .await
        .ok();
    assert_eq!(shown["discounts"][0]["id"], discount);
    assert_eq!(shown["discounts"][0]["promotion_code"]["times_redeemed"], 1);
    let error = subscribe(&first).await.error(400);
    assert!(
        error["message"].as_str().unwrap().contains("prior transactions"),
        "{error}"
    );
    assert_eq!(error["param"], "discounts[0][promotion_code]");
    let big = made("restrictions[minimum_amount]=2001&restrictions[minimum_amount_currency]=usd").await;
    assert!(
        subscribe(&big).await.error(400)["message"]
            .as_str()
            .unwrap()
            .contains("minimum")
    );
    let other = id(&stripe.post("/v1/customers", "").await.ok());
    assert!(
        subscribe(&made(&format!("customer={other}")).await)
            .await
            .error(400)["message"]
            .as_str()
            .unwrap()
            .contains("another customer")
    );
    let single = made("max_redemptions=1").await;
    subscribe(&single).await.ok();
    subscribe(&single).await.error(400);
    let used = stripe
        .get(&format!("/v1/promotion_codes/{}", id(&single)))
        .await
        .ok();
    assert_eq!(used["active"], false);
    let off = stripe
        .post(&format!("/v1/promotion_codes/{}", id(&big)), "active=false")
        .await
        .ok();
    assert_eq!(off["active"], false);
    let found = stripe
        .get("/v1/promotion_codes?code=welcome&active=true")
        .await
        .ok();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    stripe
        .send("DELETE", &format!("/v1/coupons/{coupon}"), "", &[])
        .await
        .ok();
    let dead = stripe
        .get(&format!("/v1/promotion_codes/{}", id(&first)))
        .await
        .ok();
    assert_eq!(dead["active"], false, "its coupon is gone");
}

#[tokio::test]
async fn a_session_shows_and_takes_its_discount() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let coupon = coupon(&stripe, "amount_off=500&currency=usd&duration=once").await;
    let form = format!(
        "mode=subscription&success_url=http://a.test&line_items[0][price]={price}&discounts[0][coupon]={coupon}\
         &expand[]=line_items"
    );
    let session = stripe.post("/v1/checkout/sessions", &form).await.ok();
    assert_eq!(
        (&session["amount_subtotal"], &session["amount_total"]),
        (&json!(2_000), &json!(1_500))
    );
    assert_eq!(session["total_details"]["amount_discount"], 500);
    assert_eq!(
        session["discounts"],
        json!([{ "coupon": coupon, "promotion_code": null }])
    );
    let item = &session["line_items"]["data"][0];
    assert_eq!(
        (&item["amount_discount"], &item["amount_total"]),
        (&json!(500), &json!(1_500))
    );
    let paid = stripe
        .running
        .with(|core| core.pay_session(&id(&session)))
        .unwrap();
    assert_eq!(paid["payment_status"], "paid");
    let invoice = stripe
        .get(&format!("/v1/invoices/{}", paid["invoice"].as_str().unwrap()))
        .await
        .ok();
    assert_eq!(invoice["amount_paid"], 1_500);
    let both = format!("{form}&allow_promotion_codes=true");
    stripe.post("/v1/checkout/sessions", &both).await.error(400);
    let euros = id(&stripe
        .post("/v1/coupons", "amount_off=500&currency=eur")
        .await
        .ok());
    let error = stripe
        .post("/v1/checkout/sessions", &form.replace(&coupon, &euros))
        .await
        .error(400);
    assert_eq!(error["param"], "discounts[0][coupon]");
}

#[tokio::test]
async fn a_code_typed_on_the_page_can_make_a_session_free_and_then_no_card_is_asked_for() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let coupon = coupon(&stripe, "percent_off=100&duration=forever").await;
    let code = format!("promotion[type]=coupon&promotion[coupon]={coupon}&code=FRIEND");
    let code = id(&stripe.post("/v1/promotion_codes", &code).await.ok());
    let form = format!(
        "mode=subscription&success_url=http://a.test&line_items[0][price]={price}&allow_promotion_codes=true\
         &payment_method_collection=if_required"
    );
    let session = id(&stripe.post("/v1/checkout/sessions", &form).await.ok());
    let paid = stripe.running.with(|core| {
        assert!(core.enter_promotion_code(&session, "FOE").is_err());
        let entered = core.enter_promotion_code(&session, " friend ").unwrap();
        assert_eq!(entered["amount_total"], 0);
        assert_eq!(entered["discounts"][0]["promotion_code"], code);
        assert_eq!(
            core.enter_promotion_code(&session, "").unwrap()["amount_total"],
            2_000
        );
        core.enter_promotion_code(&session, "FRIEND").unwrap();
        core.pay_session(&session).unwrap()
    });
    assert_eq!(paid["payment_status"], "no_payment_required");
    stripe.running.advance(40 * DAY);
    let subscription = stripe
        .get(&format!(
            "/v1/subscriptions/{}",
            paid["subscription"].as_str().unwrap()
        ))
        .await
        .ok();
    assert_eq!(
        (&subscription["status"], &subscription["default_payment_method"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(stripe.get("/v1/charges").await.ok()["data"], json!([]));
}

fn off() -> impl Strategy<Value = Off> {
    prop_oneof![
        (1..=10_000_i64).prop_map(Off::Percent),
        (1..9_000_i64).prop_map(|amount| Off::Amount {
            amount,
            currency: "usd".into()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_redeemed_the_invoice_adds_up_and_nobody_is_paid_for_buying(
        amounts in proptest::collection::vec((0..5_000_i64, 1..5_u64), 1..5),
        coupons in proptest::collection::vec((off(), any::<bool>()), 0..4),
    ) {
        let mut core = Core::new(3, 1_767_225_600);
        let mut items = Vec::new();
        let mut products = Vec::new();
        for (unit_amount, quantity) in amounts {
            let product = id(&core.create_product("P").unwrap());
            let price = NewPrice {
                product: product.clone(),
                unit_amount,
                recurring: Some((Interval::Month, 1)),
                ..NewPrice::default()
            };
            items.push((id(&core.create_price(price).unwrap()), quantity));
            products.push(product);
        }
        let mut discounts = Vec::new();
        for (off, first_only) in coupons {
            let new = NewCoupon {
                id: None,
                off,
                duration: Duration::Forever,
                max_redemptions: None,
                redeem_by: None,
                applies_to: if first_only { products[..1].to_vec() } else { Vec::new() },
                name: None,
                metadata: Default::default(),
            };
            discounts.push(Redeem::Coupon(id(&core.create_coupon(new).unwrap())));
        }
        let customer = NewCustomer {
            payment_method: Some("pm_card_visa".into()),
            default_payment_method: Some("pm_card_visa".into()),
            ..NewCustomer::default()
        };
        let customer = id(&core.create_customer(customer).unwrap());
        let new = NewSubscription { customer, items, discounts, ..NewSubscription::default() };
        let subscription = core.create_subscription(new).unwrap();
        let invoice = core.get(subscription["latest_invoice"].as_str().unwrap()).unwrap();
        let number = |value: &Value| value.as_i64().unwrap();
        let off = |of: &Value| of.as_array().unwrap().iter().map(|it| number(&it["amount"])).sum::<i64>();
        let lines = invoice["lines"]["data"].as_array().unwrap();
        prop_assert_eq!(number(&invoice["subtotal"]), lines.iter().map(|it| number(&it["amount"])).sum::<i64>());
        let of_lines: i64 = lines.iter().map(|it| off(&it["discount_amounts"])).sum();
        prop_assert_eq!(off(&invoice["total_discount_amounts"]), of_lines);
        prop_assert_eq!(number(&invoice["total"]), number(&invoice["subtotal"]) - of_lines);
        for line in lines {
            prop_assert!((0..=number(&line["amount"])).contains(&off(&line["discount_amounts"])));
        }
        prop_assert_eq!(&invoice["status"], "paid");
        prop_assert_eq!(&subscription["status"], "active");
    }
}
