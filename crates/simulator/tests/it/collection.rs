//! How subscriptions are collected: first periods that a date cuts, invoices that are sent, pauses.

use stripe_simulator::core::Core;

use crate::proration::{HALF, START, get, kinds, lines, pays_with, shop, subscribe, text};
use crate::support::{call, refused};

const DAY: i64 = 86_400;

fn latest(core: &Core, subscription: &str) -> serde_json::Value {
    get(core, &text(&get(core, subscription)["latest_invoice"]))
}

#[test]
fn a_given_anchor_makes_the_first_period_short_and_prorated() {
    let (mut core, customer, [ten, ..]) = shop();
    let anchor = START + 31 * DAY;
    core.advance(HALF);
    let form = format!("customer={customer}&items[0][price]={ten}&billing_cycle_anchor={anchor}");
    let made = subscribe(&mut core, &form);
    assert_eq!(
        (&made["status"], &made["billing_cycle_anchor"]),
        (&"active".into(), &anchor.into())
    );
    assert_eq!(made["items"]["data"][0]["current_period_end"], anchor);
    assert_eq!(lines(&latest(&core, &text(&made["id"]))), [(500, true)]);
    let free = subscribe(&mut core, &format!("{form}&proration_behavior=none"));
    assert_eq!(
        (&free["status"], &free["latest_invoice"]),
        (&"active".into(), &().into())
    );
    core.advance(HALF + 7_200);
    for made in [made, free] {
        let id = text(&made["id"]);
        assert_eq!(lines(&latest(&core, &id)), [(1000, false)]);
        assert_eq!(
            get(&core, &id)["items"]["data"][0]["current_period_end"],
            anchor + 28 * DAY
        );
    }
    let late = format!(
        "customer={customer}&items[0][price]={ten}&billing_cycle_anchor={}",
        anchor + 40 * DAY
    );
    let fault = refused(&mut core, "POST", "/v1/subscriptions", &late);
    assert_eq!(fault.param.as_deref(), Some("billing_cycle_anchor"));
}

#[test]
fn an_invoice_that_is_sent_is_overdue_after_its_days() {
    let (mut core, customer, [ten, ..]) = shop();
    let form = format!("customer={customer}&items[0][price]={ten}&collection_method=send_invoice");
    assert_eq!(
        refused(&mut core, "POST", "/v1/subscriptions", &form)
            .param
            .as_deref(),
        Some("days_until_due")
    );
    let made = subscribe(&mut core, &format!("{form}&days_until_due=7"));
    let id = text(&made["id"]);
    assert_eq!(
        (&made["status"], &made["days_until_due"]),
        (&"active".into(), &7.into())
    );
    assert_eq!(latest(&core, &id)["status"], "draft");
    let before = core.events(0).len();
    core.advance(3_600);
    let invoice = latest(&core, &id);
    assert_eq!(
        (&invoice["status"], &invoice["due_date"]),
        (&"open".into(), &(START + 7 * DAY).into())
    );
    assert_eq!(invoice["attempted"], false);
    assert!(kinds(&core, before).contains(&"invoice.sent"));
    let before = core.events(0).len();
    core.advance(7 * DAY);
    assert_eq!(
        kinds(&core, before),
        ["invoice.overdue", "customer.subscription.updated"]
    );
    assert_eq!(get(&core, &id)["status"], "past_due");
    call(
        &mut core,
        "POST",
        &format!("/v1/invoices/{}/pay", text(&invoice["id"])),
        "",
    );
    assert_eq!(get(&core, &id)["status"], "active");
}

#[test]
fn an_invoice_that_a_request_finalizes_or_sends_is_overdue_too() {
    for action in ["finalize", "send"] {
        let (mut core, customer, [ten, ..]) = shop();
        let form = format!(
            "customer={customer}&items[0][price]={ten}&collection_method=send_invoice&days_until_due=7"
        );
        let made = subscribe(&mut core, &form);
        let id = text(&made["id"]);
        let invoice = text(&latest(&core, &id)["id"]);
        call(&mut core, "POST", &format!("/v1/invoices/{invoice}/{action}"), "");
        let before = core.events(0).len();
        core.advance(8 * DAY);
        assert!(kinds(&core, before).contains(&"invoice.overdue"), "{action}");
        assert_eq!(get(&core, &id)["status"], "past_due", "{action}");
    }
}

#[test]
fn while_collection_is_paused_drafts_stay_or_invoices_are_void() {
    let (mut core, customer, [ten, ..]) = shop();
    let form = format!("customer={customer}&items[0][price]={ten}");
    let (kept, void) = (subscribe(&mut core, &form), subscribe(&mut core, &form));
    let (kept, void) = (text(&kept["id"]), text(&void["id"]));
    let resumes = START + 40 * DAY;
    let form = format!("pause_collection[behavior]=keep_as_draft&pause_collection[resumes_at]={resumes}");
    let shown = call(&mut core, "POST", &format!("/v1/subscriptions/{kept}"), &form);
    assert_eq!(shown["pause_collection"]["resumes_at"], resumes);
    call(
        &mut core,
        "POST",
        &format!("/v1/subscriptions/{void}"),
        "pause_collection[behavior]=void",
    );
    core.advance(32 * DAY);
    let draft = latest(&core, &kept);
    assert_eq!(
        (&draft["status"], &draft["auto_advance"]),
        (&"draft".into(), &false.into())
    );
    assert_eq!(latest(&core, &void)["status"], "void");
    assert_eq!(
        (&get(&core, &kept)["status"], &get(&core, &void)["status"]),
        (&"active".into(), &"active".into())
    );
    call(
        &mut core,
        "POST",
        &format!("/v1/subscriptions/{void}"),
        "pause_collection=",
    );
    core.advance(28 * DAY);
    assert_eq!(get(&core, &kept)["pause_collection"], serde_json::Value::Null);
    assert_eq!(
        get(&core, &text(&draft["id"]))["status"],
        "draft",
        "what was kept is left to a person"
    );
    assert_eq!(
        (&latest(&core, &kept)["status"], &latest(&core, &void)["status"]),
        (&"paid".into(), &"paid".into())
    );
}

#[test]
fn a_subscription_that_its_trials_end_paused_resumes_with_an_invoice() {
    let (mut core, _, [ten, ..]) = shop();
    let customer = text(&call(&mut core, "POST", "/v1/customers", "")["id"]);
    let form = format!(
        "customer={customer}&items[0][price]={ten}&trial_period_days=5\
         &trial_settings[end_behavior][missing_payment_method]=pause"
    );
    let id = text(&subscribe(&mut core, &form)["id"]);
    core.advance(40 * DAY);
    assert_eq!(get(&core, &id)["status"], "paused");
    pays_with(&mut core, &customer, "pm_card_visa");
    let before = core.events(0).len();
    let shown = call(&mut core, "POST", &format!("/v1/subscriptions/{id}/resume"), "");
    assert_eq!(
        (&shown["status"], &shown["billing_cycle_anchor"]),
        (&"active".into(), &core.now().into())
    );
    assert_eq!(latest(&core, &id)["amount_paid"], 1000);
    assert_eq!(
        kinds(&core, before).last(),
        Some(&"customer.subscription.resumed")
    );
    let fault = refused(&mut core, "POST", &format!("/v1/subscriptions/{id}/resume"), "");
    assert_eq!(fault.status, 400);
}

#[test]
fn items_of_different_intervals_renew_each_in_its_time() {
    let (mut core, customer, [ten, _, year]) = shop();
    let items = format!("customer={customer}&items[0][price]={year}&items[1][price]={ten}");
    let fault = refused(
        &mut core,
        "POST",
        "/v1/subscriptions",
        &format!("{items}&billing_mode[type]=classic"),
    );
    assert_eq!(fault.status, 400);
    let made = subscribe(&mut core, &items);
    let id = text(&made["id"]);
    assert_eq!(made["billing_mode"]["type"], "flexible");
    assert_eq!(lines(&latest(&core, &id)), [(10_000, false), (1000, false)]);
    core.advance(31 * DAY + 7_200);
    assert_eq!(lines(&latest(&core, &id)), [(1000, false)]);
    core.advance(334 * DAY);
    assert_eq!(
        lines(&latest(&core, &id)),
        [(10_000, false), (1000, false)],
        "together where their periods meet"
    );
    let other = format!("subscription={id}&price={ten}");
    assert!(
        refused(&mut core, "POST", "/v1/subscription_items", &other)
            .message
            .contains("same plan")
    );
}

#[test]
fn a_pause_can_mark_what_falls_due_as_uncollectible() {
    let (mut core, customer, [ten, ..]) = shop();
    let id = text(&subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"))["id"]);
    let path = format!("/v1/subscriptions/{id}");
    call(
        &mut core,
        "POST",
        &path,
        "pause_collection[behavior]=mark_uncollectible",
    );
    core.advance(32 * DAY);
    assert_eq!(latest(&core, &id)["status"], "uncollectible");
    assert_eq!(get(&core, &id)["status"], "active");
}
