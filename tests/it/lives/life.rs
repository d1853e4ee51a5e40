//! One customer's subscription at Stripe, and what Tollgate says of it at instants that the story chooses.

use std::collections::BTreeMap;

use http_body_util::Full;
use serde_json::{Value, json};
use stripe_simulator::core::{
    Core, Interval, ItemChange, NewCustomer, NewPrice, NewSubscription, Outcome, SubscriptionChange,
};
use tollgate::api::grpc::proto::{Access, Entitlement, GetEntitlementRequest, Reason, entitlement};
use tollgate_domain::time::Timestamp;

use crate::support::{TestApp, catalog, eventually};

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

const CATALOG: &str = "
features:
  sso: {type: boolean}
  seats: {type: limit, combine: sum}
  storage: {type: boolean}
plans:
  team:
    match: {lookup_key: [team]}
    grants: {sso: true, seats: {per_unit: 1}}
    grace: 7d
  small:
    match: {lookup_key: [small]}
    grants: {seats: {per_unit: 1}}
  base:
    match: {lookup_key: [base]}
    grants: {sso: true}
    grace: 3d
  addon:
    match: {lookup_key: [addon]}
    grants: {storage: true}
    grace: 3d
";

pub struct Life {
    pub app: TestApp,
    /// `cus_…`
    pub stripe_customer: String,
    /// `sub_…`
    pub subscription: String,
    /// There as long as the service may read it.
    _catalog: tempfile::NamedTempFile,
}

/// Every price of [`CATALOG`] by its lookup key, in cents.
fn sell(stripe: &mut Core) {
    let product = id(&stripe.create_product("Team").unwrap());
    for (lookup_key, unit_amount, interval) in [
        ("team", 2_000, Interval::Month),
        ("small", 500, Interval::Month),
        ("base", 50_000, Interval::Year),
        ("addon", 900, Interval::Month),
    ] {
        let price = NewPrice {
            product: product.clone(),
            unit_amount,
            recurring: Some((interval, 1)),
            lookup_key: Some(lookup_key.into()),
            ..NewPrice::default()
        };
        stripe.create_price(price).unwrap();
    }
}

pub fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// Our mark for one of our customers.
pub fn mark(customer: &str) -> BTreeMap<String, String> {
    [
        ("tollgate_customer", customer),
        ("tollgate_deployment", "default"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// So many of the price with this lookup key.
pub fn item(stripe: &Core, lookup_key: &str, quantity: u64) -> (String, u64) {
    (stripe.price_with_lookup_key(lookup_key).unwrap(), quantity)
}

/// A new subscription of one item; the story adds to it.
pub fn new(stripe: &Core, lookup_key: &str, quantity: u64) -> NewSubscription {
    NewSubscription {
        items: vec![item(stripe, lookup_key, quantity)],
        ..NewSubscription::default()
    }
}

impl Life {
    /// acme, with a card, has the subscription that `new` describes.
    pub async fn of(new: impl FnOnce(&Core) -> NewSubscription) -> Life {
        Life::paying_with(Some("pm_card_visa"), new).await
    }

    /// The same, with another payment method, or none.
    pub async fn paying_with(method: Option<&str>, new: impl FnOnce(&Core) -> NewSubscription) -> Life {
        let file = catalog(CATALOG);
        let app = TestApp::with(|config| config.catalog = Some(file.path().to_owned())).await;
        let (stripe_customer, subscription) = app.stripe(|stripe| {
            sell(stripe);
            let customer = stripe.create_customer(NewCustomer {
                payment_method: method.map(str::to_owned),
                default_payment_method: method.map(str::to_owned),
                metadata: mark("acme"),
                ..NewCustomer::default()
            });
            let customer = id(&customer.unwrap());
            let subscription = NewSubscription {
                customer: customer.clone(),
                metadata: mark("acme"),
                ..new(stripe)
            };
            (customer, id(&stripe.create_subscription(subscription).unwrap()))
        });
        let life = Life {
            app,
            stripe_customer,
            subscription,
            _catalog: file,
        };
        life.settled().await;
        life
    }

    /// What Stripe shows of the subscription.
    pub fn shown(&self) -> Value {
        self.app.stripe(|stripe| stripe.get(&self.subscription).unwrap())
    }

    /// When its first item's period ends.
    pub fn period_end(&self) -> i64 {
        self.shown()["items"]["data"][0]["current_period_end"]
            .as_i64()
            .unwrap()
    }

    /// The invoice that it names as its latest.
    pub fn latest_invoice(&self) -> String {
        self.shown()["latest_invoice"].as_str().unwrap().to_owned()
    }

    pub fn now(&self) -> i64 {
        self.app.stripe(|stripe| stripe.now())
    }

    /// Moves every clock to an instant.
    pub fn at(&self, instant: i64) {
        self.app.simulator.advance(instant - self.now());
    }

    pub fn payments(&self, outcome: Outcome) {
        self.app.stripe(|stripe| {
            stripe
                .set_payment_outcome(&self.stripe_customer, outcome)
                .unwrap()
        });
    }

    pub fn change(&self, change: SubscriptionChange) {
        self.app
            .stripe(|stripe| stripe.update_subscription(&self.subscription, change).unwrap());
    }

    /// Its first item with another price or quantity.
    pub fn first_item(&self) -> ItemChange {
        ItemChange {
            id: Some(id(&self.shown()["items"]["data"][0])),
            ..ItemChange::default()
        }
    }

    /// What goes wrong at Stripe from now on.
    pub async fn wrong(&self, what: Value) {
        self.control(http::Method::POST, "adversity", what).await;
    }

    /// No event comes any more.
    pub async fn no_events(&self) {
        self.wrong(json!({"delivery": {"drop": 1.0}})).await;
    }

    /// Events of the next `seconds` come when these are over.
    pub async fn late(&self, seconds: i64) {
        self.wrong(json!({"delivery": {"hold": true, "until": seconds}}))
            .await;
    }

    pub async fn control(&self, method: http::Method, what: &str, body: Value) {
        let url = format!("{}/_simulator/{what}", self.app.simulator.base_url());
        let request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("content-type", "application/json")
            .body(Full::new(bytes::Bytes::from(body.to_string())))
            .unwrap();
        let answer = self.app.http.send(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.body());
    }

    pub async fn get(&self, feature: &str) -> Entitlement {
        self.get_of("acme", feature).await
    }

    pub async fn get_of(&self, customer: &str, feature: &str) -> Entitlement {
        let request = GetEntitlementRequest {
            customer: customer.into(),
            feature: feature.into(),
            fully_current: true,
            ..GetEntitlementRequest::default()
        };
        let answer = self.app.client().await.get_entitlement(request).await;
        answer.unwrap().into_inner().entitlement.unwrap()
    }

    pub async fn reason(&self, feature: &str) -> Reason {
        self.get(feature).await.reason()
    }

    pub async fn seats(&self) -> i64 {
        amount(&self.get("seats").await)
    }

    pub async fn until(&self, feature: &str, reason: Reason) -> Entitlement {
        eventually(&format!("{feature} is {reason:?}"), async || {
            Some(self.get(feature).await).filter(|answer| answer.reason() == reason)
        })
        .await
    }

    /// Walks to an instant, by steps of a day at most: a station that stood still for longer would know nothing any more.
    /// Access is looked at after every step, and is never a no.
    pub async fn never_without(&self, feature: &str, until: i64, step: i64) {
        while self.now() < until {
            self.app.simulator.advance(step.min(until - self.now()));
            let answer = self.get(feature).await;
            assert_eq!(
                answer.access(),
                Access::Granted,
                "{feature} at {}: {answer:?}",
                self.now()
            );
            eventually("the last resort is moved ahead", async || {
                let next = self.get(feature).await.scheduled_changes.into_iter().next();
                let near = next.is_some_and(|change| {
                    change.answer.unwrap().reason() == Reason::Unconfirmed
                        && change.time.unwrap().seconds <= self.now() + step
                });
                (!near).then_some(())
            })
            .await;
        }
    }

    /// Every event that came, and every fetch that is wanted, has had its effect.
    pub async fn settled(&self) {
        let end = Timestamp::from_unix(9_000_000_000);
        eventually("nothing is left to do", async || {
            let told = self.app.stripe(|stripe| stripe.events(0).len());
            let inbox = self.app.store().inbox_counts().await.unwrap();
            let left = self.app.store().figures(end).await.unwrap();
            let came = inbox.total >= i64::try_from(told).unwrap();
            let done = [
                inbox.received,
                inbox.routed,
                left.received.count,
                left.routed.count,
                left.learned,
            ];
            (came && done == [0; 5] && left.settles.count == 0).then_some(())
        })
        .await;
    }
}

/// How much, of a limit.
pub fn amount(answer: &Entitlement) -> i64 {
    match &answer.value {
        Some(entitlement::Value::Limit(limit)) => limit.amount,
        other => panic!("{other:?}"),
    }
}

/// What the clock alone will make of it.
pub fn announced(answer: &Entitlement) -> Vec<Reason> {
    let changes = answer.scheduled_changes.iter();
    changes
        .map(|change| change.answer.as_ref().unwrap().reason())
        .collect()
}
