use serde_json::{Value, json};
use tollgate_domain::object::{
    ChargeStatus, CheckoutSession, CollectionMethod, DisputeStatus, Invoice, InvoiceStatus,
    MissingPaymentMethod, Object, PaymentStatus, PriceRef, SessionMode, SessionStatus, Subscription,
    SubscriptionStatus,
};
use tollgate_domain::time::Timestamp;

use super::{event_object, object};

fn read(json: Value) -> Object {
    object(json.to_string().as_bytes()).unwrap().unwrap()
}

fn subscription(json: Value) -> Subscription {
    match read(json) {
        Object::Subscription(it) => it,
        other => panic!("{other:?}"),
    }
}

fn invoice(json: Value) -> Invoice {
    match read(json) {
        Object::Invoice(it) => it,
        other => panic!("{other:?}"),
    }
}

fn session(json: Value) -> CheckoutSession {
    match read(json) {
        Object::CheckoutSession(it) => it,
        other => panic!("{other:?}"),
    }
}

fn event(event_type: &str, object: Value) -> Option<Object> {
    let event = json!({"id": "evt_1", "object": "event", "type": event_type, "data": {"object": object}});
    event_object(event.to_string().as_bytes()).unwrap()
}

fn price(id: &str, product: &str, lookup_key: Option<&str>) -> PriceRef {
    PriceRef {
        id: id.into(),
        product: product.into(),
        lookup_key: lookup_key.map(Into::into),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds)
}

#[test]
fn periods_are_the_subscriptions_before_basil_and_the_items_since() {
    let before = subscription(json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "created": 90,
        "current_period_start": 100, "current_period_end": 200,
        "items": {"object": "list", "has_more": false, "data": [
            {"id": "si_1", "price": {"id": "price_1", "product": "prod_1", "lookup_key": "team"}, "quantity": 5},
        ]},
    }));
    let since = subscription(json!({
        "id": "sub_1", "object": "subscription", "customer": {"id": "cus_1", "object": "customer"},
        "status": "active", "created": 90,
        "items": {"data": [
            {"id": "si_1", "price": {"id": "price_1", "product": {"id": "prod_1"}, "lookup_key": "team"}, "quantity": 5,
             "current_period_start": 100, "current_period_end": 200},
        ]},
    }));
    assert_eq!(before, since);
    let item = &since.items[0];
    assert_eq!(
        (item.period_start, item.period_end, item.quantity),
        (at(100), at(200), 5)
    );
    assert_eq!(item.price, price("price_1", "prod_1", Some("team")));
    assert_eq!(since.missing_payment_method, MissingPaymentMethod::CreateInvoice);
    assert!(!since.items_cut && !since.has_payment_method);
    assert_eq!(since.status, SubscriptionStatus::Active);
    let future =
        json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "hibernating"});
    assert_eq!(
        subscription(future).status,
        SubscriptionStatus::Unknown("hibernating".into())
    );
}

#[test]
fn plans_are_the_prices_of_old_and_metered_items_count_once() {
    let old = subscription(json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "past_due", "billing": "send_invoice",
        "current_period_end": 200, "default_source": "card_1", "cancel_at_period_end": true,
        "items": {"has_more": true, "data": [
            {"id": "si_1", "plan": {"id": "gold", "product": "prod_1"}, "quantity": null},
            {"id": "si_2", "price": null, "plan": null},
        ]},
    }));
    assert_eq!(old.items[0].price, price("gold", "prod_1", None));
    assert_eq!((old.items[0].quantity, old.items[1].price.id.as_str()), (1, ""));
    assert_eq!(old.collection_method, CollectionMethod::SendInvoice);
    assert!(old.items_cut && old.has_payment_method && old.cancel_at_period_end);
    let older = subscription(json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "quantity": 3, "current_period_end": 200,
        "plan": {"id": "gold"},
    }));
    assert_eq!(
        (older.items[0].price.id.as_str(), older.items[0].quantity),
        ("gold", 3)
    );
    assert_eq!(older.items[0].period_end, at(200));
}

#[test]
fn a_subscriptions_ends_and_our_stamp_are_read() {
    let it = subscription(json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "trialing", "trial_end": 300,
        "cancel_at": 400, "ended_at": 500, "cancellation_details": {"reason": "payment_failed"},
        "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}, "test_clock": {"id": "clock_1"},
        "latest_invoice": {"id": "in_1", "object": "invoice"}, "items": {"data": []},
        "metadata": {"tollgate_customer": "acme", "tollgate_deployment": "prod", "other": 1},
    }));
    assert_eq!(
        (it.trial_end, it.cancel_at, it.ended_at),
        (Some(at(300)), Some(at(400)), Some(at(500)))
    );
    assert_eq!(it.cancellation_reason.as_deref(), Some("payment_failed"));
    assert_eq!(it.missing_payment_method, MissingPaymentMethod::Pause);
    assert_eq!(
        (it.latest_invoice.as_deref(), it.test_clock.as_deref()),
        (Some("in_1"), Some("clock_1"))
    );
    assert_eq!(
        (it.stamp.customer.as_deref(), it.stamp.deployment.as_deref()),
        (Some("acme"), Some("prod"))
    );
}

#[test]
fn an_invoice_is_the_same_before_basil_and_since() {
    let before = invoice(json!({
        "id": "in_1", "object": "invoice", "customer": "cus_1", "subscription": {"id": "sub_1"}, "status": "paid",
        "billing_reason": "subscription_cycle", "created": 100, "total": 1000, "due_date": null,
        "payment_intent": {"id": "pi_1"}, "charge": "ch_1",
        "status_transitions": {"finalized_at": 101, "paid_at": 102},
        "lines": {"has_more": false, "data": [{
            "price": {"id": "price_1", "product": "prod_1", "lookup_key": null}, "quantity": 2, "proration": true,
            "period": {"start": 100, "end": 200}, "subscription_item": "si_1",
        }]},
    }));
    let since = invoice(json!({
        "id": "in_1", "object": "invoice", "customer": "cus_1", "status": "paid",
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}},
        "billing_reason": "subscription_cycle", "created": 100, "total": 1000, "due_date": null,
        "payments": {"data": [
            {"payment": {"type": "payment_intent", "payment_intent": "pi_1"}},
            {"payment": {"type": "charge", "charge": {"id": "ch_1"}}},
        ]},
        "status_transitions": {"finalized_at": 101, "paid_at": 102},
        "lines": {"has_more": false, "data": [{
            "pricing": {"type": "price_details", "price_details": {"price": "price_1", "product": "prod_1"}},
            "quantity": 2, "period": {"start": 100, "end": 200},
            "parent": {"type": "subscription_item_details", "invoice_item_details": null,
                       "subscription_item_details": {"subscription_item": "si_1", "proration": true}},
        }]},
    }));
    assert_eq!(before, since);
    assert_eq!(since.lines[0].price, Some(price("price_1", "prod_1", None)));
    assert_eq!(
        (since.payment_intents.as_slice(), since.charge.as_deref()),
        (&["pi_1".to_owned()][..], Some("ch_1"))
    );
    assert_eq!(
        (since.finalized_at, since.paid_at, since.due_date),
        (Some(at(101)), Some(at(102)), None)
    );
}

#[test]
fn invoices_without_a_status_or_lines_degrade() {
    let bare = |extra: Value| {
        let mut json = json!({"id": "in_1", "object": "invoice"});
        json.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        invoice(json)
    };
    assert!(bare(json!({})).lines_cut, "it is fetched");
    assert_eq!(bare(json!({"paid": true})).status, InvoiceStatus::Paid);
    assert_eq!(
        bare(json!({"status": "frozen"})).status,
        InvoiceStatus::Unknown("frozen".into())
    );
    assert_eq!(bare(json!({"lines": {"data": [{}]}})).lines[0].price, None);
    let deleted = bare(json!({"status": "draft", "deleted": true}));
    assert_eq!(
        (deleted.status, deleted.lines_cut),
        (InvoiceStatus::Unknown("deleted".into()), false)
    );
}

#[test]
fn sessions_have_line_items_only_when_they_have_all() {
    let of = |line_items: Value| {
        session(json!({
            "id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete", "created": 100,
            "payment_status": "paid", "customer": "cus_1", "payment_intent": {"id": "pi_1"}, "expires_at": 200,
            "url": "https://pay", "client_reference_id": "acme", "line_items": line_items,
            "metadata": {"tollgate_customer": "acme"},
        }))
    };
    let items = |has_more: bool| json!({"has_more": has_more, "data": [{"price": {"id": "price_1", "product": "prod_1"}, "quantity": 2}]});
    let whole = of(items(false));
    assert_eq!(
        whole.line_items.as_ref().unwrap()[0].price,
        price("price_1", "prod_1", None)
    );
    assert_eq!(
        (of(items(true)).line_items, of(Value::Null).line_items),
        (None, None)
    );
    assert_eq!(
        (whole.mode, whole.status),
        (SessionMode::Payment, Some(SessionStatus::Complete))
    );
    assert_eq!(
        (whole.payment_status, whole.payment_intent.as_deref()),
        (PaymentStatus::Paid, Some("pi_1"))
    );
    assert_eq!(whole.stamp.customer.as_deref(), Some("acme"));
    let oldest =
        session(json!({"id": "cs_1", "object": "checkout.session", "mode": null, "payment_intent": "pi_1"}));
    assert_eq!((oldest.mode, oldest.status), (SessionMode::Payment, None));
    assert_eq!(oldest.payment_status, PaymentStatus::Unknown(String::new()));
}

#[test]
fn charges_refunds_and_disputes_name_each_other() {
    let Object::Charge(charge) = read(json!({
        "id": "ch_1", "object": "charge", "customer": null, "payment_intent": "pi_1", "invoice": {"id": "in_1"},
        "status": "succeeded", "amount": 1000, "amount_refunded": 400, "created": 100,
    })) else {
        panic!()
    };
    assert_eq!(
        (charge.amount, charge.amount_refunded, charge.status),
        (1000, 400, ChargeStatus::Succeeded)
    );
    assert_eq!(
        (charge.stripe_customer, charge.invoice.as_deref()),
        (None, Some("in_1"))
    );
    let Object::Refund(refund) = read(json!({"id": "re_1", "object": "refund", "charge": {"id": "ch_1"}}))
    else {
        panic!()
    };
    assert_eq!(
        (refund.charge.as_deref(), refund.payment_intent),
        (Some("ch_1"), None)
    );
    let Object::Dispute(dispute) = read(json!({
        "id": "dp_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_1", "status": "prevented",
    })) else {
        panic!()
    };
    assert_eq!(dispute.status, DisputeStatus::Unknown("prevented".into()));
}

#[test]
fn that_a_customer_is_deleted_may_be_said_by_the_events_type_alone() {
    let full = json!({"id": "cus_1", "object": "customer", "metadata": {}});
    for (event_type, deleted) in [("customer.deleted", true), ("customer.updated", false)] {
        let Some(Object::Customer(it)) = event(event_type, full.clone()) else {
            panic!()
        };
        assert_eq!(it.deleted, deleted);
    }
    let Object::Customer(fetched) = read(json!({"id": "cus_1", "object": "customer", "deleted": true}))
    else {
        panic!()
    };
    assert!(fetched.deleted);
}

#[test]
fn a_customers_own_payment_method_is_its_default_one_or_its_source_and_may_not_be_said() {
    for (fields, expected) in [
        (
            json!({"invoice_settings": {"default_payment_method": "pm_1"}}),
            Some(true),
        ),
        (
            json!({"invoice_settings": {"default_payment_method": {"id": "pm_1"}}}),
            Some(true),
        ),
        (
            json!({"invoice_settings": {"default_payment_method": null}, "default_source": "card_1"}),
            Some(true),
        ),
        (
            json!({"invoice_settings": {"default_payment_method": null}, "default_source": null}),
            Some(false),
        ),
        (json!({"default_source": null}), Some(false)),
        (json!({"deleted": true}), None),
    ] {
        let mut json = json!({"id": "cus_1", "object": "customer"});
        json.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let Object::Customer(it) = read(json) else {
            panic!()
        };
        assert_eq!(it.has_payment_method, expected, "{fields}");
    }
}

#[test]
fn what_access_does_not_depend_on_is_none() {
    assert_eq!(
        event("price.created", json!({"id": "price_1", "object": "price"})),
        None
    );
    assert_eq!(
        event(
            "invoice.upcoming",
            json!({"object": "invoice", "customer": "cus_1"})
        ),
        None
    );
    assert_eq!(event("x", json!({})), None);
    let thin = json!({"id": "evt_1", "object": "v2.core.event", "related_object": {"id": "sub_1"}});
    assert_eq!(event_object(thin.to_string().as_bytes()), Ok(None));
}

#[test]
fn only_what_has_no_id_is_unreadable() {
    for body in [
        json!({"object": "invoice"}),
        json!({"id": "", "object": "customer"}),
        json!({"id": "sub_1", "object": "subscription", "status": "active"}),
    ] {
        assert!(object(body.to_string().as_bytes()).is_err(), "{body}");
    }
    assert!(object(b"{").is_err());
}

#[test]
fn no_field_of_any_type_makes_it_panic() {
    let odd = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!("x"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"data": 1}),
    ];
    let fields = [
        "customer",
        "status",
        "items",
        "lines",
        "payments",
        "period",
        "price",
        "plan",
        "quantity",
        "created",
        "parent",
        "metadata",
        "trial_settings",
        "status_transitions",
        "total",
        "line_items",
        "amount",
        "pricing",
        "deleted",
    ];
    for kind in [
        "customer",
        "subscription",
        "invoice",
        "checkout.session",
        "charge",
        "refund",
        "dispute",
    ] {
        for value in &odd {
            let mut json = json!({"id": "x", "object": kind});
            for field in fields {
                json[field] = value.clone();
            }
            for list in ["items", "lines", "line_items"] {
                let mut nested = json.clone();
                nested[list] = json!({"data": [json.clone(), value]});
                let _ = object(nested.to_string().as_bytes());
            }
            let _ = object(json.to_string().as_bytes());
        }
    }
}
