//! Subscription schedules: a downgrade at the period's end, as the portal makes it.

use serde_json::Value;
use stripe_simulator::core::Core;

use crate::proration::{HALF, START, get, kinds, lines, shop, subscribe, text};
use crate::support::{call, refused};

const MONTH: i64 = 31 * 86_400;

/// A subscription at 20 dollars whose schedule takes it to 10 dollars when its period ends.
fn downgrade() -> (Core, [String; 3], Value, Value) {
    let (mut core, customer, prices) = shop();
    let made = subscribe(
        &mut core,
        &format!("customer={customer}&items[0][price]={}", prices[1]),
    );
    core.advance(HALF);
    let form = format!("from_subscription={}", text(&made["id"]));
    let schedule = call(&mut core, "POST", "/v1/subscription_schedules", &form);
    let phases = format!(
        "phases[0][items][0][price]={twenty}&phases[0][start_date]={START}&phases[0][end_date]={end}\
         &phases[1][items][0][price]={ten}&phases[1][duration][interval]=month&metadata[by]=portal",
        twenty = prices[1],
        ten = prices[0],
        end = START + MONTH,
    );
    let path = format!("/v1/subscription_schedules/{}", text(&schedule["id"]));
    let updated = call(&mut core, "POST", &path, &phases);
    (core, prices, made, updated)
}

#[test]
fn a_schedule_from_a_subscription_begins_with_its_period() {
    let (mut core, customer, [ten, ..]) = shop();
    let made = subscribe(
        &mut core,
        &format!("customer={customer}&items[0][price]={ten}&items[0][quantity]=2"),
    );
    let before = core.events(0).len();
    let form = format!("from_subscription={}", text(&made["id"]));
    let schedule = call(&mut core, "POST", "/v1/subscription_schedules", &form);
    assert_eq!(
        kinds(&core, before),
        ["subscription_schedule.created", "customer.subscription.updated"]
    );
    assert_eq!(
        (&schedule["status"], &schedule["end_behavior"]),
        (&"active".into(), &"release".into())
    );
    let phase = &schedule["phases"][0];
    assert_eq!(
        (&phase["start_date"], &phase["end_date"]),
        (&START.into(), &(START + MONTH).into())
    );
    assert_eq!(
        (&phase["items"][0]["price"], &phase["items"][0]["quantity"]),
        (&ten.as_str().into(), &2.into())
    );
    let shown = get(&core, &text(&made["id"]));
    assert_eq!(shown["schedule"], schedule["id"]);
    let list = call(
        &mut core,
        "GET",
        "/v1/subscription_schedules",
        &format!("customer={customer}"),
    );
    assert_eq!(list["data"][0], schedule);
    assert_eq!(
        refused(&mut core, "POST", "/v1/subscription_schedules", &form).status,
        400
    );
    let path = format!("/v1/subscriptions/{}", text(&made["id"]));
    assert_eq!(
        refused(&mut core, "POST", &path, "cancel_at_period_end=true").status,
        400
    );
}

#[test]
fn a_scheduled_downgrade_happens_at_the_period_end_without_proration() {
    let (mut core, [ten, ..], made, schedule) = downgrade();
    let id = text(&made["id"]);
    assert_eq!(get(&core, &id)["items"], made["items"], "nothing changes before");
    assert_eq!(schedule["phases"][1]["end_date"], START + MONTH + 28 * 86_400);
    let before = core.events(0).len();
    core.advance(HALF);
    assert_eq!(
        kinds(&core, before),
        [
            "subscription_schedule.updated",
            "customer.subscription.updated",
            "invoice.created"
        ]
    );
    core.advance(7_200);
    let shown = get(&core, &id);
    assert_eq!(shown["items"]["data"][0]["price"]["id"], ten.as_str());
    assert_eq!(shown["items"]["data"][0]["current_period_start"], START + MONTH);
    assert_eq!(
        lines(&get(&core, &text(&shown["latest_invoice"]))),
        [(1000, false)]
    );
    let current = get(&core, &text(&schedule["id"]))["current_phase"].take();
    assert_eq!(current["start_date"], START + MONTH);
    let before = core.events(0).len();
    core.advance(28 * 86_400);
    assert!(kinds(&core, before).contains(&"subscription_schedule.completed"));
    assert_eq!(get(&core, &text(&schedule["id"]))["status"], "completed");
    let shown = get(&core, &id);
    assert_eq!(
        (&shown["status"], &shown["schedule"]),
        (&"active".into(), &Value::Null)
    );
    assert_eq!(shown["items"]["data"][0]["price"]["id"], ten.as_str());
}

#[test]
fn a_released_schedule_leaves_the_subscription_as_it_is() {
    let (mut core, [_, twenty, _], made, schedule) = downgrade();
    let (id, path) = (
        text(&made["id"]),
        format!("/v1/subscription_schedules/{}", text(&schedule["id"])),
    );
    let released = call(&mut core, "POST", &format!("{path}/release"), "");
    assert_eq!(
        (&released["status"], &released["subscription"]),
        (&"released".into(), &Value::Null)
    );
    assert_eq!(released["released_subscription"], id.as_str());
    core.advance(MONTH);
    let shown = get(&core, &id);
    assert_eq!(
        (&shown["schedule"], &shown["items"]["data"][0]["price"]["id"]),
        (&Value::Null, &twenty.as_str().into())
    );
    assert_eq!(
        refused(&mut core, "POST", &format!("{path}/release"), "").status,
        400
    );
}

#[test]
fn a_canceled_schedule_ends_its_subscription_and_the_other_way_round() {
    let (mut core, _, made, schedule) = downgrade();
    let path = format!("/v1/subscription_schedules/{}", text(&schedule["id"]));
    let mut other = core.clone();
    let canceled = call(&mut core, "POST", &format!("{path}/cancel"), "");
    assert_eq!(canceled["status"], "canceled");
    let ended = get(&core, &text(&made["id"]));
    assert_eq!(ended["status"], "canceled");
    assert_eq!(
        lines(&get(&core, &text(&ended["latest_invoice"]))),
        [(-1000, true)]
    );
    call(
        &mut other,
        "DELETE",
        &format!("/v1/subscriptions/{}", text(&made["id"])),
        "",
    );
    assert_eq!(get(&other, &text(&schedule["id"]))["status"], "canceled");
}

#[test]
fn a_change_to_the_current_phase_happens_at_once() {
    let (mut core, [_, twenty, _], made, schedule) = downgrade();
    let path = format!("/v1/subscription_schedules/{}", text(&schedule["id"]));
    let form = format!(
        "phases[0][items][0][price]={twenty}&phases[0][items][0][quantity]=2&phases[0][end_date]={}\
         &proration_behavior=always_invoice&end_behavior=cancel",
        START + MONTH
    );
    call(&mut core, "POST", &path, &form);
    let shown = get(&core, &text(&made["id"]));
    assert_eq!(shown["items"]["data"][0]["quantity"], 2);
    assert_eq!(
        lines(&get(&core, &text(&shown["latest_invoice"]))),
        [(2000, true), (-1000, true)]
    );
    core.advance(HALF);
    assert_eq!(get(&core, &text(&made["id"]))["status"], "canceled");
    assert_eq!(get(&core, &text(&schedule["id"]))["status"], "completed");
}

#[test]
fn a_phase_ends_within_the_calendar() {
    let (mut core, _, _, schedule) = downgrade();
    let path = format!("/v1/subscription_schedules/{}", text(&schedule["id"]));
    let price = text(&schedule["phases"][0]["items"][0]["price"]);
    let phase = format!("phases[0][items][0][price]={price}");
    let count = "phases[0][duration][interval_count]";
    for (how_long, param) in [
        (
            format!("phases[0][duration][interval]=year&{count}={}", i64::MAX),
            count,
        ),
        (format!("phases[0][duration][interval]=day&{count}=0"), count),
        (
            format!("phases[0][duration][interval]=year&{count}=8000"),
            "phases[0][end_date]",
        ),
    ] {
        let fault = refused(&mut core, "POST", &path, &format!("{phase}&{how_long}"));
        assert_eq!((fault.status, fault.param.as_deref()), (400, Some(param)));
    }
    let two_years = format!("{phase}&phases[0][duration][interval]=year&{count}=2");
    let updated = call(&mut core, "POST", &path, &two_years);
    assert_eq!(updated["phases"][0]["end_date"], START + 731 * 86_400 - 86_400);
}

/// What a schedule of its own asks for: two months at 10 dollars, then one at 20.
fn form(customer: &str, [ten, twenty, ..]: &[String; 3], start: &str) -> String {
    format!(
        "customer={customer}&start_date={start}&end_behavior=cancel&metadata[a]=b&phases[0][items][0][price]={ten}\
         &phases[0][duration][interval]=month&phases[0][duration][interval_count]=2&phases[0][metadata][plan]=small\
         &phases[1][items][0][price]={twenty}"
    )
}

#[test]
fn a_schedule_of_its_own_begins_its_subscription_and_ends_it() {
    let (mut core, customer, prices) = shop();
    let path = "/v1/subscription_schedules";
    let schedule = call(&mut core, "POST", path, &form(&customer, &prices, "now"));
    assert_eq!(
        (&schedule["status"], &schedule["metadata"]["a"]),
        (&"active".into(), &"b".into())
    );
    let id = text(&schedule["subscription"]);
    let made = get(&core, &id);
    assert_eq!(
        (&made["status"], &made["schedule"]),
        (&"active".into(), &schedule["id"])
    );
    assert_eq!(made["metadata"]["plan"], "small");
    let first = text(&made["latest_invoice"]);
    assert_eq!(get(&core, &first)["status"], "draft");
    core.advance(3_600);
    assert_eq!(get(&core, &first)["amount_paid"], 1_000);
    core.advance(MONTH * 2);
    let second = get(&core, &id);
    assert_eq!(second["items"]["data"][0]["price"]["id"], prices[1].as_str());
    core.advance(MONTH);
    assert_eq!(get(&core, &id)["status"], "canceled");
    assert_eq!(get(&core, &text(&schedule["id"]))["status"], "completed");
}

#[test]
fn a_schedule_waits_for_its_first_day_and_may_be_changed_or_given_up_before() {
    let (mut core, customer, prices) = shop();
    let path = "/v1/subscription_schedules";
    let start = core.now() + MONTH;
    let schedule = call(
        &mut core,
        "POST",
        path,
        &form(&customer, &prices, &start.to_string()),
    );
    let own = format!("{path}/{}", text(&schedule["id"]));
    assert_eq!(
        (&schedule["status"], &schedule["subscription"]),
        (&"not_started".into(), &Value::Null)
    );
    assert_eq!(schedule["current_phase"], Value::Null);
    let later = start + 86_400;
    let change = format!(
        "phases[0][items][0][price]={}&phases[0][items][0][quantity]=3&phases[0][start_date]={later}",
        prices[0]
    );
    let changed = call(&mut core, "POST", &own, &change);
    assert_eq!(
        (&changed["status"], &changed["phases"][0]["start_date"]),
        (&"not_started".into(), &later.into())
    );
    core.advance_to(start);
    assert_eq!(get(&core, &text(&schedule["id"]))["status"], "not_started");
    core.advance_to(later);
    let begun = get(&core, &text(&schedule["id"]));
    assert_eq!(
        (&begun["status"], &begun["current_phase"]["start_date"]),
        (&"active".into(), &later.into())
    );
    assert_eq!(
        get(&core, &text(&begun["subscription"]))["items"]["data"][0]["quantity"],
        3
    );
    for (action, status) in [("cancel", "canceled"), ("release", "released")] {
        let at = (core.now() + MONTH).to_string();
        let waits = text(&call(&mut core, "POST", path, &form(&customer, &prices, &at))["id"]);
        let over = call(&mut core, "POST", &format!("{path}/{waits}/{action}"), "");
        assert_eq!(
            (&over["status"], &over["subscription"]),
            (&status.into(), &Value::Null)
        );
        core.advance(2 * MONTH);
        assert_eq!(get(&core, &waits)["status"], status);
    }
    let past = (core.now() - 1).to_string();
    assert_eq!(
        refused(&mut core, "POST", path, &form(&customer, &prices, &past)).status,
        501
    );
    let both = format!(
        "from_subscription={}&customer={customer}",
        text(&begun["subscription"])
    );
    assert_eq!(
        refused(&mut core, "POST", path, &both).param.as_deref(),
        Some("customer")
    );
}
