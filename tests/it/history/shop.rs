//! Stripe, with a shop that sells what the catalog knows and some things that it does not, and its customers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use stripe_simulator::api;
use stripe_simulator::core::{Core, DunningEnd, Event, Version};
use tollgate_domain::object::{Kind, Object};
use tollgate_domain::time::Timestamp;

use super::act::{Act, Step};

pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 24 * HOUR;
const START: i64 = 1_800_000_000;

/// An event has the shape of one of these: before 2020, before basil, basil to dahlia, and the newest.
pub const VERSIONS: [&str; 5] = [
    "2019-03-14",
    "2024-06-20",
    "2025-03-31.basil",
    "2025-09-30.clover",
    "2026-09-30.endive",
];

pub const CATALOG: &str = "
features:
  sso: {type: boolean}
  seats: {type: limit, combine: sum}
  support: {type: enum, order: [email, priority]}
  export: {type: boolean}
plans:
  team:
    match: {lookup_key: [team_monthly, team_yearly, team_free]}
    grants: {sso: true, seats: {per_unit: 1}, support: email}
    grace: 7d
  pro:
    match: {lookup_key: pro_monthly}
    grants: {sso: true, seats: {per_unit: 2}, support: priority}
    while_processing: deny
  addon:
    match: {product: prod_addon}
    grants: {seats: 1}
  report:
    match: {lookup_key: report}
    grants: {export: true, seats: 1}
    duration: 30d
  lifetime:
    match: {product: prod_lifetime}
    grants: {export: true, support: email}
    while_processing: grant
  recorded:
    match:
      price: [price_1M3wjkE0b6fckueSKPgfRMSG, price_1STCAmRXJPGSddcmMnBtV8P8, price_1IDQm5JDPojXS6LNM31hxKzp]
    grants: {sso: true, seats: {per_unit: 1}}
";

/// Product, lookup key, amount, and every so often.
const SOLD: [(&str, &str, i64, &str); 8] = [
    ("prod_team", "team_monthly", 2_000, "month"),
    ("prod_team", "team_yearly", 20_000, "year"),
    ("prod_pro", "pro_monthly", 5_000, "month"),
    ("prod_addon", "addon_weekly", 500, "week"),
    ("prod_team", "team_free", 0, "month"),
    ("prod_outside", "other_monthly", 700, "month"),
    ("prod_report", "report", 1_500, ""),
    ("prod_lifetime", "lifetime", 9_000, ""),
];

/// Events of these types are of objects that access can depend on.
const ABOUT: [&str; 5] = ["customer.", "checkout.", "invoice.", "charge.", "refund."];

/// What an object names that is of the same customer as it is.
const OWNED: [&str; 6] = [
    "id",
    "customer",
    "subscription",
    "payment_intent",
    "invoice",
    "charge",
];

/// The first of [`SOLD`] are paid again and again.
pub const RECURRING: usize = 6;

/// An event, and what a webhook would bring of it.
#[derive(Clone)]
pub struct Told {
    /// `None`: it was recorded at Stripe.
    pub event: Option<Arc<Event>>,
    pub body: Value,
}

/// Stripe, and what is known of it from outside.
pub struct Shop {
    pub core: Core,
    /// By the order of [`SOLD`]: what is sold now.
    pub prices: Vec<String>,
    /// Stripe's id of a customer or session → whose it is.
    pub owners: BTreeMap<String, String>,
    /// Said by hand, and not told the service yet.
    pub links: Vec<(String, String)>,
    /// A price got a key that an older look at it does not show, which no event of what it is in tells.
    pub rekeyed: bool,
    /// How often each act was carried out.
    pub done: BTreeMap<Act, usize>,
    /// By Stripe's word for the kind, in order of first mention.
    ids: BTreeMap<String, Vec<String>>,
    /// Of which nobody's is known yet.
    nobodys: Vec<Vec<String>>,
    told: usize,
}

pub fn id(object: &Value) -> String {
    object["id"].as_str().unwrap_or_default().to_owned()
}

impl Shop {
    /// One that sells nothing.
    pub fn at(now: i64) -> Shop {
        Shop {
            core: Core::new(23, now),
            prices: vec![],
            owners: BTreeMap::new(),
            links: vec![],
            rekeyed: false,
            done: BTreeMap::new(),
            ids: BTreeMap::new(),
            nobodys: vec![],
            told: 0,
        }
    }

    pub fn open(dunning_end: DunningEnd) -> Shop {
        let mut shop = Shop::at(START);
        shop.core.settings_mut().dunning_end = dunning_end;
        for (product, key, amount, interval) in SOLD {
            // The second of a product is refused, since it is there.
            shop.post("/v1/products", &format!("id={product}&name={product}"));
            let every = if interval.is_empty() {
                String::new()
            } else {
                format!("&recurring[interval]={interval}")
            };
            let form = format!("currency=usd&unit_amount={amount}&product={product}&lookup_key={key}{every}");
            let price = shop.post("/v1/prices", &form).expect(key);
            shop.prices.push(id(&price));
        }
        for ours in ["acme", "beta"] {
            shop.customer(ours, true, true).expect(ours);
        }
        shop
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.core.now())
    }

    /// Refusals are fine: Stripe refuses too.
    pub fn send(&mut self, method: &str, path: &str, form: &str) -> Option<Value> {
        api::call(&mut self.core, Version::default(), method, path, form).ok()
    }

    pub fn post(&mut self, path: &str, form: &str) -> Option<Value> {
        self.send("POST", path, form)
    }

    /// Does it, in the shapes of a version that the step picks.
    pub fn obey(&mut self, step: &Step) {
        let version = VERSIONS[(step.which + step.how[0] + step.how[4]) % VERSIONS.len()];
        self.core.settings_mut().api_version = Version::parse(version).expect(version);
        if self.take(step).is_some() {
            *self.done.entry(step.act).or_default() += 1;
        }
    }

    /// The events since the last call; of those that access does not depend on one in sixteen.
    pub fn tell(&mut self) -> Vec<Told> {
        let events = self.core.events(self.told).to_vec();
        let first = self.told;
        self.told += events.len();
        let matters = |kind: &str| ABOUT.iter().any(|prefix| kind.starts_with(prefix));
        let told: Vec<Told> = (first..)
            .zip(events)
            .filter(|(at, event)| matters(event.kind) || at.is_multiple_of(16))
            .map(|(_, event)| Told {
                body: event.to_json(),
                event: Some(event),
            })
            .collect();
        for object in told.iter().map(|told| &told.body["data"]["object"]) {
            self.know(object);
            let named = OWNED.map(|field| object[field].as_str().map(str::to_owned));
            self.nobodys.push(named.into_iter().flatten().collect());
        }
        self.find_owners();
        told
    }

    /// Serves an object that was recorded at Stripe.
    pub fn plant(&mut self, object: &Value) {
        self.core.plant(object.clone());
        self.know(object);
    }

    /// What belongs together is of one customer.
    fn find_owners(&mut self) {
        loop {
            let (owners, before) = (&mut self.owners, self.nobodys.len());
            self.nobodys.retain(|ids| {
                let Some(owner) = ids.iter().find_map(|id| owners.get(id)).cloned() else {
                    return true;
                };
                for id in ids {
                    owners.entry(id.clone()).or_insert_with(|| owner.clone());
                }
                false
            });
            if self.nobodys.len() == before {
                return;
            }
        }
    }

    pub(super) fn know(&mut self, object: &Value) {
        let kind = object["object"].as_str().unwrap_or_default();
        let known = self.ids.entry(kind.to_owned()).or_default();
        let id = id(object);
        if !known.contains(&id) {
            known.push(id);
        }
    }

    /// Of those of this kind that fit now, the first from where a number points, the newest at 0.
    pub fn pick(&self, kind: &str, which: usize, fits: impl Fn(&Value) -> bool) -> Option<String> {
        let ids = self.ids.get(kind)?;
        let from_newest =
            (0..ids.len()).map(|at| &ids[(2 * ids.len() - 1 - at - which % ids.len()) % ids.len()]);
        let mut fitting = from_newest.filter(|id| self.core.get(id).is_some_and(|shown| fits(&shown)));
        fitting.next().cloned()
    }

    /// Everything that access can depend on, as Tollgate's client would be shown it now.
    pub fn shown(&self) -> Vec<Object> {
        let kinds = Kind::ALL.iter().filter_map(|kind| self.ids.get(kind.as_str()));
        kinds.flatten().filter_map(|id| self.show(id)).collect()
    }

    /// An object as Tollgate's client asks for it.
    pub fn show(&self, id: &str) -> Option<Object> {
        let shown = self.body(id)?;
        tollgate_stripe::object(shown.as_bytes()).unwrap()
    }

    /// The same as text.
    pub fn body(&self, id: &str) -> Option<String> {
        let expand: &[&str] = match id.split_once('_')?.0 {
            "cs" => &["line_items"],
            "in" => &["payments"],
            _ => &[],
        };
        let shown = self.core.get_expanded(id, expand).ok()?;
        Some(shown.to_string())
    }

    /// A customer of ours at Stripe; without our mark until somebody says whose it is.
    pub fn customer(&mut self, ours: &str, marked: bool, card: bool) -> Option<String> {
        let mut form = String::new();
        if marked {
            form += &format!("metadata[tollgate_customer]={ours}&metadata[tollgate_deployment]=default&");
        }
        if card {
            form += "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
        }
        let made = id(&self.post("/v1/customers", &form)?);
        if marked {
            self.owners.insert(made.clone(), ours.to_owned());
        }
        Some(made)
    }
}
