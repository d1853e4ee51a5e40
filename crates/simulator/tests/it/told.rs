//! What the events told of every object, and what has to be true of it in every history.

mod order;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stripe_simulator::api;
use stripe_simulator::core::{Core, Version};

use order::in_order;

/// What changes without an event at Stripe too: the number of a customer's next invoice; that a charge is disputed and
/// that a coupon was redeemed, of which events of the dispute and the discount tell; on which invoice an item went and how it
/// was changed by hand (docs.stripe.com/api/events/types has no `invoiceitem.updated`).
const SILENT: [(&str, &str); 15] = [
    ("customer", "next_invoice_sequence"),
    ("charge", "disputed"),
    ("coupon", "times_redeemed"),
    ("coupon", "valid"),
    ("promotion_code", "times_redeemed"),
    ("promotion_code", "active"),
    ("invoiceitem", "amount"),
    ("invoiceitem", "description"),
    ("invoiceitem", "discountable"),
    ("invoiceitem", "invoice"),
    ("invoiceitem", "net_amount"),
    ("invoiceitem", "period"),
    ("invoiceitem", "pricing"),
    ("invoiceitem", "quantity"),
    ("invoiceitem", "quantity_decimal"),
];

/// An object as two events showed it.
#[derive(Clone)]
struct Shown {
    now: Value,
    /// As it was before its last change.
    before: Option<Value>,
}

#[derive(Clone, Default)]
pub struct Told {
    read: usize,
    time: i64,
    events: BTreeSet<String>,
    objects: BTreeMap<String, Shown>,
    /// The kinds of each object's events, in their order.
    kinds: BTreeMap<String, Vec<&'static str>>,
    /// By kind of object, in order of first mention.
    ids: BTreeMap<String, Vec<String>>,
    /// The current period of every subscription item.
    periods: BTreeMap<String, (i64, i64)>,
}

impl Told {
    /// Reads on, and checks each event against those before it.
    pub fn read(&mut self, core: &Core) {
        for event in core.events(self.read) {
            assert!(self.time <= event.created, "events come in order of time");
            self.time = event.created;
            assert!(
                self.events.insert(event.id.clone()),
                "every event has an id of its own"
            );
            let mut data = event.to_json()["data"].take();
            let (mut object, previous) = (data["object"].take(), data["previous_attributes"].take());
            // A deleted object and a discount's end are told of once more, and never again.
            let id = match &object["id"] {
                Value::String(id) => id.clone(),
                // A summary has none: it is its customer's.
                _ => format!("{} of {}", object["object"], object["customer"]),
            };
            self.periods_follow(&object, event.created, event.kind);
            let kinds = self.kinds.entry(id.clone()).or_default();
            kinds.push(event.kind);
            in_order(kinds, &id);
            quiet(&mut object);
            let Some(shown) = self.objects.get_mut(&id) else {
                let kind = text(&object["object"]);
                self.ids.entry(kind).or_default().push(id.clone());
                self.objects.insert(
                    id,
                    Shown {
                        now: object,
                        before: None,
                    },
                );
                continue;
            };
            if previous.is_object() {
                let mut undone = object.clone();
                undo(&mut undone, &previous);
                quiet(&mut undone);
                bare(&mut undone);
                // Whatever else tells of a change (`invoice.paid`) comes before the update does.
                let told = if shown.now == object {
                    &shown.before
                } else {
                    &Some(shown.now.clone())
                };
                let mut before = told.clone().unwrap_or_default();
                bare(&mut before);
                assert_eq!(undone, before, "{}: {previous} of {id}", event.kind);
            }
            if shown.now != object {
                shown.before = Some(std::mem::replace(&mut shown.now, object));
            }
        }
        self.read = core.events(0).len();
    }

    /// Of those of this kind that fit, the one that a number picks.
    pub fn pick(&self, kind: &str, which: usize, fits: impl Fn(&Value) -> bool) -> Option<String> {
        let fitting: Vec<&Value> = self.all(kind).filter(|it| fits(it)).collect();
        let picked = fitting.get(which % fitting.len().max(1))?;
        Some(text(&picked["id"]))
    }

    pub fn all<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> {
        let ids = self.ids.get(kind).into_iter().flatten();
        // What was on a deleted draft counts nowhere.
        let stands = |id: &&String| self.kinds[*id].last() != Some(&"invoice.deleted");
        ids.filter(stands).map(|id| &self.objects[id].now)
    }

    /// A period follows the one before it, or begins in it at that instant and cuts it; after a pause it begins anew.
    fn periods_follow(&mut self, object: &Value, at: i64, kind: &str) {
        if object["object"] != "subscription" {
            return;
        }
        let told = self.objects.get(&text(&object["id"]));
        let paused = told.is_some_and(|it| it.now["status"] == "paused");
        // One that was held back begins when it was asked for, once it is paid.
        let waited = told.is_some_and(|it| it.now["pending_update"].is_object());
        for item in object["items"]["data"].as_array().unwrap() {
            let (start, end) = (
                number(&item["current_period_start"]),
                number(&item["current_period_end"]),
            );
            assert!(start < end, "{item}");
            // What an event says of when it was is the account's time, not the clock's.
            let at = if object["test_clock"].is_string() {
                start
            } else {
                at
            };
            let before = self.periods.insert(text(&item["id"]), (start, end));
            let follows = |(began, ended): (i64, i64)| {
                (start, end) == (began, ended)
                    || start == ended
                    || ((start == at || waited) && began <= start && start <= ended)
                    || (paused && start == at && start > ended)
            };
            assert!(
                before.is_none_or(follows),
                "{before:?} then {item} in {kind} of {object}"
            );
        }
    }

    /// Nothing changes untold.
    pub fn events_tell_all(&self, core: &Core) {
        for (id, Shown { now: told, .. }) in &self.objects {
            let Some(mut now) = core.get(id) else {
                continue;
            };
            quiet(&mut now);
            if now["deleted"] != true {
                assert_eq!(&now, told, "{id}");
            }
        }
    }

    pub fn invoices_add_up(&self) {
        for invoice in self.all("invoice") {
            let [subtotal, total, due, paid, remaining, start] = [
                "subtotal",
                "total",
                "amount_due",
                "amount_paid",
                "amount_remaining",
                "starting_balance",
            ]
            .map(|name| number(&invoice[name]));
            let lines = invoice["lines"]["data"].as_array().unwrap();
            let (mut gross, mut off) = (0, 0);
            for line in lines {
                let taken = sum(&line["discount_amounts"]);
                gross += number(&line["amount"]);
                off += taken;
                assert!(
                    taken == 0 || (0..=number(&line["amount"])).contains(&taken),
                    "{line}"
                );
            }
            assert_eq!((subtotal, total), (gross, gross - off), "{invoice}");
            assert_eq!(sum(&invoice["total_discount_amounts"]), off);
            assert_eq!(due, (total + start).max(0), "{invoice}");
            assert_eq!(due, paid + remaining);
            match &invoice["status"] {
                status if status == "draft" => assert_eq!(invoice["ending_balance"], Value::Null),
                _ => assert_eq!(invoice["ending_balance"], start + total - due),
            }
            assert!(invoice["status"] != "paid" || remaining == 0);
            assert!(invoice["status"] != "open" || due > 0, "{invoice}");
        }
    }

    /// What a customer has or owes is what moved it, and what invoices moved is what they say.
    pub fn balances_add_up(&self, core: &mut Core) {
        let mut moved: BTreeMap<String, i64> = BTreeMap::new();
        let deleted = |core: &Core, id: &Value| core.get(&text(id)).unwrap()["deleted"] == true;
        let customers = self.all("customer").map(|it| &it["id"]);
        let living: Vec<&Value> = customers.filter(|id| !deleted(core, id)).collect();
        for customer in living.iter().map(|id| text(id)) {
            let path = format!("/v1/customers/{customer}/balance_transactions");
            let moves = every(core, &path);
            let mut balance = 0;
            for transaction in moves.iter().rev() {
                balance += number(&transaction["amount"]);
                assert_eq!(transaction["ending_balance"], balance);
                if let Some(invoice) = transaction["invoice"].as_str() {
                    *moved.entry(invoice.to_owned()).or_default() += number(&transaction["amount"]);
                }
            }
            assert_eq!(core.get(&customer).unwrap()["balance"], balance);
        }
        for invoice in self.all("invoice").filter(|it| living.contains(&&it["customer"])) {
            let change = number(&invoice["total"]) - number(&invoice["amount_due"]);
            let status = invoice["status"].as_str().unwrap();
            let stays = if ["draft", "void"].contains(&status) {
                0
            } else {
                change
            };
            let moved = moved.get(&text(&invoice["id"])).copied().unwrap_or_default();
            assert_eq!(moved, stays, "{invoice}");
        }
    }

    /// Every cent taken was owed, once, and no more goes back than came.
    pub fn charges_add_up(&self, paid_otherwise: &[String]) {
        let mut taken = 0;
        for charge in self.all("charge") {
            let of = |it: &&Value| it["charge"] == charge["id"];
            let counts = |it: &&Value| !["failed", "canceled"].contains(&it["status"].as_str().unwrap());
            let back: i64 = self
                .all("refund")
                .filter(of)
                .filter(counts)
                .map(|it| number(&it["amount"]))
                .sum();
            assert_eq!(charge["amount_refunded"], back, "{charge}");
            assert!(back <= number(&charge["amount"]));
            assert_eq!(charge["refunded"], back > 0 && charge["amount"] == back);
            let disputed: i64 = self
                .all("dispute")
                .filter(of)
                .map(|it| number(&it["amount"]))
                .sum();
            assert!(disputed <= number(&charge["amount"]));
            if charge["status"] == "succeeded" {
                taken += number(&charge["amount"]);
            }
        }
        let by_charge = |it: &&Value| it["status"] == "paid" && !paid_otherwise.contains(&text(&it["id"]));
        let invoiced: i64 = self
            .all("invoice")
            .filter(by_charge)
            .map(|it| number(&it["amount_paid"]))
            .sum();
        let bought = |it: &&Value| it["mode"] == "payment" && it["payment_status"] == "paid";
        let bought: i64 = self
            .all("checkout.session")
            .filter(bought)
            .map(|it| number(&it["amount_total"]))
            .sum();
        let by_hand = self
            .all("payment_intent")
            .filter(|it| it["metadata"]["by"] == "hand");
        let by_hand: i64 = by_hand.map(|it| number(&it["amount_received"])).sum();
        assert_eq!(taken, invoiced + bought + by_hand);
    }

    /// docs.stripe.com/billing/entitlements: a customer has what the products of their living subscriptions grant, and
    /// the newest summary says so.
    pub fn entitlements_follow(&self, core: &mut Core) {
        let grants = |it: &&Value| {
            ["active", "trialing", "past_due", "paused"].contains(&it["status"].as_str().unwrap())
        };
        let mut due: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for subscription in self.all("subscription").filter(grants) {
            let of = due.entry(text(&subscription["customer"])).or_default();
            for item in subscription["items"]["data"].as_array().unwrap() {
                let path = format!("/v1/products/{}/features", text(&item["price"]["product"]));
                let keys = every(core, &path);
                of.extend(
                    keys.iter()
                        .map(|it| text(&it["entitlement_feature"]["lookup_key"])),
                );
            }
        }
        for summary in self.all("entitlements.active_entitlement_summary") {
            due.entry(text(&summary["customer"])).or_default();
        }
        for (customer, due) in due {
            let path = "/v1/entitlements/active_entitlements";
            let form = format!("customer={customer}&limit=100");
            let keys = |of: &Value| -> BTreeSet<String> {
                let all = of["data"].as_array().into_iter().flatten();
                all.map(|it| text(&it["lookup_key"])).collect()
            };
            // A deleted customer is asked about no more.
            if core.get(&customer).unwrap()["deleted"] != true {
                let has = api::call(core, Version::default(), "GET", path, &form).unwrap();
                assert_eq!(keys(&has), due, "{customer}");
            }
            let told = self
                .all("entitlements.active_entitlement_summary")
                .find(|it| it["customer"] == *customer);
            assert_eq!(
                told.map_or_else(BTreeSet::new, |it| keys(&it["entitlements"])),
                due,
                "{customer}"
            );
        }
    }

    /// A proration or a charge by hand is on one invoice, with its own amount.
    pub fn invoice_items_are_billed_once(&self, core: &Core) {
        let mut lines: BTreeMap<String, i64> = BTreeMap::new();
        for invoice in self.all("invoice") {
            for line in invoice["lines"]["data"].as_array().unwrap() {
                let parent = &line["parent"];
                if let Some(item) = parent[text(&parent["type"])]["invoice_item"].as_str() {
                    assert_eq!(lines.insert(item.to_owned(), number(&line["amount"])), None);
                    assert_eq!(core.get(item).unwrap()["invoice"], invoice["id"]);
                }
            }
        }
        for item in self.all("invoiceitem") {
            let id = text(&item["id"]);
            match core.get(&id) {
                Some(now) if now["invoice"].is_string() => assert_eq!(lines[&id], number(&now["amount"])),
                _ => assert!(!lines.contains_key(&id)),
            }
        }
    }
}

/// Without what nobody is told of.
fn quiet(object: &mut Value) {
    for (kind, field) in SILENT {
        if object["object"] == kind {
            object.as_object_mut().unwrap().remove(field);
        }
    }
    if object["object"] == "subscription" {
        object
            .as_object_mut()
            .unwrap()
            .values_mut()
            .for_each(forget_changes);
    }
}

/// Of the prices inside: an event of the price tells that it is not sold any more or found otherwise.
fn forget_changes(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields
                .get("object")
                .is_some_and(|it| it == "price" || it == "plan")
            {
                fields.remove("active");
                fields.remove("lookup_key");
            }
            fields.values_mut().for_each(forget_changes);
        }
        Value::Array(all) => all.iter_mut().for_each(forget_changes),
        _ => {}
    }
}

/// Puts back what `previous_attributes` says of an update: nested objects key by key, lists whole.
fn undo(object: &mut Value, previous: &Value) {
    for (key, old) in previous.as_object().unwrap() {
        match (&mut object[key], old) {
            (now @ Value::Object(_), Value::Object(_)) => undo(now, old),
            (now, old) => *now = old.clone(),
        }
    }
}

/// Without what is null: an object that has no such field was told of as one whose field is null.
fn bare(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, it| !it.is_null());
            fields.values_mut().for_each(bare);
        }
        Value::Array(all) => all.iter_mut().for_each(bare),
        _ => {}
    }
}

/// All pages of a list, as the API orders them.
fn every(core: &mut Core, path: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let after = all
            .last()
            .map(|it| format!("&starting_after={}", text(&it["id"])));
        let form = format!("limit=100{}", after.unwrap_or_default());
        let mut page = api::call(core, Version::default(), "GET", path, &form).unwrap();
        all.extend(page["data"].as_array().unwrap().clone());
        if page["has_more"].take() != true {
            return all;
        }
    }
}

pub fn sum(amounts: &Value) -> i64 {
    amounts
        .as_array()
        .unwrap()
        .iter()
        .map(|it| number(&it["amount"]))
        .sum()
}

pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

pub fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("not a number: {value}"))
}
