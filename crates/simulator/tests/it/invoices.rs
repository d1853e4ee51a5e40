//! What requests do to invoices, and what a draft waits for.

use serde_json::json;
use stripe_simulator::core::{Core, NewEndpoint};

use crate::proration::{get, pays_with, shop, subscribe, text};
use crate::support::{call, refused};

const DAY: i64 = 86_400;

/// A subscription whose renewal has just been drafted, and that draft.
fn renewed(core: &mut Core, customer: &str, price: &str) -> (String, String) {
    let made = subscribe(core, &format!("customer={customer}&items[0][price]={price}"));
    let end = made["items"]["data"][0]["current_period_end"].as_i64().unwrap();
    core.advance_to(end);
    let id = text(&made["id"]);
    let draft = text(&get(core, &id)["latest_invoice"]);
    assert_eq!(get(core, &draft)["status"], "draft");
    (id, draft)
}

fn post(core: &mut Core, invoice: &str, action: &str, form: &str) -> serde_json::Value {
    call(core, "POST", &format!("/v1/invoices/{invoice}{action}"), form)
}

#[test]
fn an_invoice_is_changed_finalized_given_up_and_paid_after_all() {
    let (mut core, customer, [ten, ..]) = shop();
    let (subscription, invoice) = renewed(&mut core, &customer, &ten);
    let changed = post(&mut core, &invoice, "", "description=March&metadata[a]=b");
    assert_eq!(
        (&changed["description"], &changed["metadata"]["a"]),
        (&json!("March"), &json!("b"))
    );
    let path = format!("/v1/invoices/{invoice}");
    refused(&mut core, "POST", &format!("{path}/void"), "");
    let open = post(&mut core, &invoice, "/finalize", "auto_advance=false");
    assert_eq!(
        (&open["status"], &open["auto_advance"]),
        (&json!("open"), &json!(false))
    );
    refused(&mut core, "POST", &format!("{path}/finalize"), "");
    refused(&mut core, "POST", &format!("{path}/send"), "");
    core.advance(30);
    assert_eq!(get(&core, &invoice)["status"], "open", "nobody collects it");
    let given_up = post(&mut core, &invoice, "/mark_uncollectible", "");
    assert!(given_up["status_transitions"]["marked_uncollectible_at"].is_i64());
    let card = text(
        &call(
            &mut core,
            "POST",
            "/v1/payment_methods",
            "type=card&card[token]=tok_mastercard",
        )["id"],
    );
    let paid = post(&mut core, &invoice, "/pay", &format!("payment_method={card}"));
    assert_eq!(
        (&paid["status"], &paid["amount_remaining"]),
        (&json!("paid"), &json!(0))
    );
    let listed = call(
        &mut core,
        "GET",
        "/v1/invoice_payments",
        &format!("invoice={invoice}"),
    );
    assert_eq!(
        (&listed["data"][0]["status"], &listed["data"][0]["amount_paid"]),
        (&json!("paid"), &paid["amount_due"])
    );
    let one = format!("/v1/invoice_payments/{}", text(&listed["data"][0]["id"]));
    assert_eq!(call(&mut core, "GET", &one, ""), listed["data"][0]);
    assert_eq!(get(&core, &subscription)["status"], "active");
}

#[test]
fn a_void_invoice_is_owed_no_more_and_its_payment_is_canceled() {
    let (mut core, customer, [ten, ..]) = shop();
    let (subscription, invoice) = renewed(&mut core, &customer, &ten);
    pays_with(&mut core, &customer, "pm_card_chargeCustomerFail");
    core.advance(2 * 3_600);
    assert_eq!(get(&core, &subscription)["status"], "past_due");
    let voided = post(&mut core, &invoice, "/void", "");
    assert_eq!(voided["status"], "void");
    assert_eq!(get(&core, &subscription)["status"], "active");
    let payment = call(
        &mut core,
        "GET",
        "/v1/invoice_payments",
        &format!("invoice={invoice}"),
    );
    let intent = get(
        &core,
        payment["data"][0]["payment"]["payment_intent"].as_str().unwrap(),
    );
    assert_eq!(
        (&intent["status"], &intent["cancellation_reason"]),
        (&json!("canceled"), &json!("void_invoice"))
    );
    core.advance(20 * DAY);
    assert_eq!(
        get(&core, &subscription)["status"],
        "active",
        "nobody tries any more"
    );
}

#[test]
fn money_that_came_another_way_pays_an_invoice_without_a_charge() {
    let (mut core, customer, [ten, ..]) = shop();
    let (_, invoice) = renewed(&mut core, &customer, &ten);
    let from = core.events(0).len();
    let paid = post(&mut core, &invoice, "/pay", "paid_out_of_band=true");
    assert_eq!(
        (&paid["status"], &paid["amount_paid"]),
        (&json!("paid"), &json!(1_000))
    );
    let kinds: Vec<_> = core.events(from).iter().map(|event| event.kind).collect();
    assert!(kinds.contains(&"payment_intent.canceled") && kinds.contains(&"invoice.paid"));
    assert!(!kinds.iter().any(|kind| kind.starts_with("charge.")), "{kinds:?}");
}

#[test]
fn a_draft_waits_three_days_at_most_for_invoice_created_to_be_taken() {
    for taken in [true, false] {
        let (mut core, customer, [ten, ..]) = shop();
        core.settings_mut().invoice_created_holds = true;
        let endpoint = core.create_webhook_endpoint(NewEndpoint {
            url: "http://app.test/hook".into(),
            enabled_events: vec!["invoice.created".into()],
            ..NewEndpoint::default()
        });
        let (_, invoice) = renewed(&mut core, &customer, &ten);
        let created = core.now();
        core.advance(5 * 3_600);
        assert_eq!(get(&core, &invoice)["status"], "draft");
        if taken {
            let event = core
                .events(0)
                .iter()
                .rev()
                .find(|event| event.kind == "invoice.created")
                .unwrap()
                .id
                .clone();
            core.acknowledge(&event, &text(&endpoint["id"]));
        }
        core.advance(DAY * 4);
        let waited = get(&core, &invoice)["status_transitions"]["finalized_at"]
            .as_i64()
            .unwrap()
            - created;
        assert_eq!(waited, 3_600 * if taken { 6 } else { 72 });
        assert_eq!(get(&core, &invoice)["status"], "paid");
    }
}
