//! Updates that wait for their payment, and trials.

use serde_json::json;
use stripe_simulator::core::Core;

use crate::proration::{HALF, get, kinds, lines, pays_with, shop, subscribe, text};
use crate::support::{call, refused};

const DAY: i64 = 86_400;
const FAILS: &str = "pm_card_chargeCustomerFail";
const WORKS: &str = "pm_card_visa";

/// A subscription half through its month whose customer's card declines from now on, and a form that adds a seat.
fn declining() -> (Core, String, String, String) {
    let (mut core, customer, [ten, ..]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    core.advance(HALF);
    pays_with(&mut core, &customer, FAILS);
    let item = text(&made["items"]["data"][0]["id"]);
    let form = format!(
        "items[0][id]={item}&items[0][quantity]=3&proration_behavior=always_invoice\
         &payment_behavior=pending_if_incomplete"
    );
    (core, customer, text(&made["id"]), form)
}

#[test]
fn an_update_that_cannot_be_paid_waits_and_is_applied_once_it_is() {
    let (mut core, customer, id, form) = declining();
    let shown = call(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &form);
    assert_eq!(
        (&shown["status"], &shown["items"]["data"][0]["quantity"]),
        (&"active".into(), &1.into())
    );
    assert_eq!(shown["pending_update"]["expires_at"], core.now() + 23 * 3600);
    assert_eq!(shown["pending_update"]["subscription_items"][0]["quantity"], 3);
    let invoice = text(&shown["latest_invoice"]);
    assert_eq!(
        (&get(&core, &invoice)["status"], lines(&get(&core, &invoice))),
        (&"open".into(), vec![(1500, true), (-500, true)])
    );
    pays_with(&mut core, &customer, WORKS);
    let before = core.events(0).len();
    call(&mut core, "POST", &format!("/v1/invoices/{invoice}/pay"), "");
    let shown = get(&core, &id);
    assert_eq!(
        (&shown["pending_update"], &shown["items"]["data"][0]["quantity"]),
        (&().into(), &3.into())
    );
    let told = kinds(&core, before);
    assert!(
        told.ends_with(&[
            "customer.subscription.updated",
            "customer.subscription.pending_update_applied"
        ]),
        "{told:?}"
    );
}

#[test]
fn an_update_that_is_not_paid_in_time_expires_with_its_invoice() {
    let (mut core, _, id, form) = declining();
    let shown = call(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &form);
    let before = core.events(0).len();
    core.advance(23 * 3600);
    let after = get(&core, &id);
    assert_eq!(
        (&after["pending_update"], &after["items"]["data"][0]["quantity"]),
        (&().into(), &1.into())
    );
    assert_eq!(
        (
            &after["status"],
            &get(&core, &text(&shown["latest_invoice"]))["status"]
        ),
        (&"active".into(), &"void".into())
    );
    let told = kinds(&core, before);
    assert_eq!(told.last(), Some(&"customer.subscription.pending_update_expired"));
}

#[test]
fn a_pending_update_takes_only_what_stripe_says_it_takes() {
    let (mut core, _, id, form) = declining();
    for (with, status, param) in [
        ("description=Ours", 400, "description"),
        ("cancel_at=1999999999", 400, "cancel_at"),
        ("discounts=", 501, "discounts"),
    ] {
        let form = format!("{form}&{with}");
        let fault = refused(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &form);
        assert_eq!((fault.status, fault.param.as_deref()), (status, Some(param)));
    }
}

#[test]
fn a_pending_updates_metadata_and_end_are_applied_with_it() {
    let (mut core, customer, id, form) = declining();
    let path = format!("/v1/subscriptions/{id}");
    call(&mut core, "POST", &path, "metadata[kept]=yes&metadata[a]=old");
    let with = format!("{form}&metadata[a]=b&cancel_at_period_end=true");
    let shown = call(&mut core, "POST", &path, &with);
    assert_eq!(shown["metadata"], json!({ "kept": "yes", "a": "old" }));
    assert_eq!(
        (&shown["cancel_at_period_end"], &shown["cancel_at"]),
        (&json!(false), &json!(null))
    );
    let waits = &shown["pending_update"];
    assert_eq!(
        (&waits["metadata"], &waits["cancel_at_period_end"]),
        (&json!({ "a": "b" }), &json!(true))
    );
    pays_with(&mut core, &customer, WORKS);
    call(
        &mut core,
        "POST",
        &format!("/v1/invoices/{}/pay", text(&shown["latest_invoice"])),
        "",
    );
    let shown = get(&core, &id);
    assert_eq!(shown["metadata"], json!({ "kept": "yes", "a": "b" }));
    assert_eq!(
        (
            &shown["cancel_at_period_end"],
            &shown["cancel_at"],
            &shown["canceled_at"]
        ),
        (
            &json!(true),
            &shown["items"]["data"][0]["current_period_end"],
            &json!(core.now())
        )
    );
}

#[test]
fn another_end_takes_the_place_of_a_pending_update_that_ends_otherwise() {
    let (mut core, _, id, form) = declining();
    let path = format!("/v1/subscriptions/{id}");
    let waits = call(
        &mut core,
        "POST",
        &path,
        &format!("{form}&cancel_at_period_end=true"),
    );
    let same = call(&mut core, "POST", &path, "metadata[a]=b");
    assert_eq!(same["pending_update"]["cancel_at_period_end"], true);
    let gone = call(&mut core, "POST", &path, "cancel_at_period_end=false");
    assert_eq!(gone["pending_update"], json!(null));
    assert_eq!(get(&core, &text(&waits["latest_invoice"]))["status"], "void");
}

#[test]
fn another_change_takes_the_place_of_a_pending_one() {
    let (mut core, _, id, form) = declining();
    let path = format!("/v1/subscriptions/{id}");
    let first = call(&mut core, "POST", &path, &form);
    let again = form.replace("[quantity]=3", "[quantity]=4");
    let second = call(&mut core, "POST", &path, &again);
    assert_eq!(get(&core, &text(&first["latest_invoice"]))["status"], "void");
    assert_eq!(second["pending_update"]["subscription_items"][0]["quantity"], 4);
    call(&mut core, "DELETE", &path, "");
    assert_eq!(get(&core, &text(&second["latest_invoice"]))["status"], "void");
    assert_eq!(get(&core, &id)["pending_update"], serde_json::Value::Null);
}

#[test]
fn a_trials_end_is_announced_three_days_before() {
    let (mut core, customer, [ten, ..]) = shop();
    let made = subscribe(
        &mut core,
        &format!("customer={customer}&items[0][price]={ten}&trial_period_days=10"),
    );
    assert_eq!(made["status"], "trialing");
    let before = core.events(0).len();
    core.advance(7 * DAY - 1);
    assert_eq!(kinds(&core, before), [""; 0]);
    core.advance(1);
    assert_eq!(kinds(&core, before), ["customer.subscription.trial_will_end"]);
    let before = core.events(0).len();
    subscribe(
        &mut core,
        &format!("customer={customer}&items[0][price]={ten}&trial_period_days=2"),
    );
    assert_eq!(
        kinds(&core, before)[..2],
        [
            "customer.subscription.created",
            "customer.subscription.trial_will_end"
        ]
    );
}

#[test]
fn a_trial_can_be_ended_now_and_moved() {
    let (mut core, customer, [ten, ..]) = shop();
    let end = core.now() + 10 * DAY;
    let made = subscribe(
        &mut core,
        &format!("customer={customer}&items[0][price]={ten}&trial_end={end}"),
    );
    let path = format!("/v1/subscriptions/{}", text(&made["id"]));
    assert_eq!(
        (&made["trial_end"], &made["billing_cycle_anchor"]),
        (&end.into(), &end.into())
    );
    core.advance(DAY);
    let moved = call(&mut core, "POST", &path, &format!("trial_end={}", end + DAY));
    assert_eq!(moved["items"]["data"][0]["current_period_end"], end + DAY);
    assert_eq!(
        (&moved["trial_start"], &moved["status"]),
        (&made["trial_start"], &"trialing".into())
    );
    core.advance(DAY);
    let before = core.events(0).len();
    let ended = call(&mut core, "POST", &path, "trial_end=now");
    assert_eq!(
        (&ended["status"], &ended["trial_end"]),
        (&"active".into(), &core.now().into())
    );
    assert_eq!(get(&core, &text(&ended["latest_invoice"]))["amount_paid"], 1000);
    assert!(kinds(&core, before).contains(&"customer.subscription.trial_will_end"));
    let past = refused(&mut core, "POST", &path, "trial_end=1");
    assert_eq!(past.param.as_deref(), Some("trial_end"));
}

#[test]
fn to_void_its_invoice_is_to_give_a_pending_update_up() {
    let (mut core, _, id, form) = declining();
    let shown = call(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &form);
    let void = format!("/v1/invoices/{}/void", text(&shown["latest_invoice"]));
    call(&mut core, "POST", &void, "");
    let after = get(&core, &id);
    assert_eq!(
        (&after["pending_update"], &after["items"]["data"][0]["quantity"]),
        (&().into(), &1.into())
    );
}

#[test]
fn an_update_that_may_wait_cannot_change_the_description() {
    let (mut core, _, id, form) = declining();
    let form = format!("{form}&description=Ours");
    let fault = refused(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &form);
    assert_eq!(fault.param.as_deref(), Some("description"));
}
