//! One history in the shapes of Stripe's API versions: each is read as the same.

use proptest::prelude::*;
use serde_json::Value;
use stripe_simulator::core::{
    Core, Interval, NewCustomer, NewEndpoint, NewPrice, NewSession, NewSubscription, Outcome,
    SubscriptionChange, Version, When,
};
use tollgate_domain::object::Object;
use tollgate_stripe::Unreadable;

const DAY: i64 = 86_400;

/// Before basil (three of them), basil to dahlia, and the newest.
const VERSIONS: [&str; 7] = [
    "2020-03-02",
    "2022-08-01",
    "2024-06-20",
    "2025-03-31.basil",
    "2025-09-30.clover",
    "2026-03-25.dahlia",
    "2026-09-30.endive",
];

#[derive(Clone, Debug)]
enum Step {
    Subscribe { quantity: u64, trial: Option<u32> },
    Buy { quantity: u64 },
    Card { good: bool },
    Advance { days: i64 },
    Cancel { which: usize, now: bool },
    Refund { which: usize, amount: Option<i64> },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1..5_u64, proptest::option::weighted(0.3, 1..20_u32))
            .prop_map(|(quantity, trial)| Step::Subscribe { quantity, trial }),
        1 => (1..5_u64).prop_map(|quantity| Step::Buy { quantity }),
        1 => any::<bool>().prop_map(|good| Step::Card { good }),
        3 => (1..40_i64).prop_map(|days| Step::Advance { days }),
        1 => (0..9_usize, any::<bool>()).prop_map(|(which, now)| Step::Cancel { which, now }),
        1 => (0..9_usize, proptest::option::of(1..900_i64))
            .prop_map(|(which, amount)| Step::Refund { which, amount }),
    ]
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// What the steps made, told to an endpoint of each version.
fn told(steps: &[Step]) -> Core {
    let mut core = Core::new(7, 1_767_225_600);
    for version in VERSIONS {
        core.create_webhook_endpoint(NewEndpoint {
            url: "http://app.test".into(),
            enabled_events: vec!["*".into()],
            api_version: Some(Version::parse(version).unwrap()),
            ..NewEndpoint::default()
        });
    }
    let product = id(&core.create_product("Team").unwrap());
    let mut price = |recurring| {
        let new = NewPrice {
            product: product.clone(),
            unit_amount: 900,
            recurring,
            ..NewPrice::default()
        };
        id(&core.create_price(new).unwrap())
    };
    let (monthly, once) = (price(Some((Interval::Month, 1))), price(None));
    let customer = id(&core
        .create_customer(NewCustomer {
            payment_method: Some("pm_card_visa".into()),
            default_payment_method: Some("pm_card_visa".into()),
            metadata: [("tollgate_customer".to_owned(), "acme".to_owned())].into(),
            ..NewCustomer::default()
        })
        .unwrap());
    let mut subscriptions = Vec::new();
    for step in steps {
        match *step {
            Step::Subscribe { quantity, trial } => {
                let new = NewSubscription {
                    customer: customer.clone(),
                    items: vec![(monthly.clone(), quantity)],
                    trial_days: trial,
                    ..NewSubscription::default()
                };
                subscriptions.extend(core.create_subscription(new).map(|it| id(&it)));
            }
            Step::Buy { quantity } => {
                let new = NewSession {
                    customer: Some(customer.clone()),
                    line_items: vec![(once.clone(), quantity)],
                    ..NewSession::default()
                };
                let session = id(&core.create_checkout_session(new).unwrap());
                core.pay_session(&session).unwrap();
            }
            Step::Card { good } => {
                let outcome = if good { Outcome::Succeed } else { Outcome::Decline };
                core.set_payment_outcome(&customer, outcome).unwrap();
            }
            Step::Advance { days } => core.advance(days * DAY),
            // Refused where there is nothing to cancel or to pay back.
            Step::Cancel { which, now } => {
                let change = SubscriptionChange {
                    end: Some(When::PeriodEnd),
                    ..SubscriptionChange::default()
                };
                let _ = subscriptions.get(which).map(|it| match now {
                    true => core.cancel_subscription(it),
                    false => core.update_subscription(it, change),
                });
            }
            Step::Refund { which, amount } => {
                let charges = core
                    .events(0)
                    .iter()
                    .filter(|event| event.kind == "charge.succeeded");
                let charge = charges
                    .map(|event| id(&event.to_json()["data"]["object"]))
                    .nth(which);
                let _ = charge.map(|it| core.refund(&it, amount));
            }
        }
    }
    core
}

/// Until basil an invoice and its charge named each other; since then who wants to know has to ask.
fn known_to_all(read: Result<Option<Object>, Unreadable>) -> Result<Option<Object>, Unreadable> {
    let mut object = read?;
    match &mut object {
        Some(Object::Invoice(invoice)) => {
            invoice.payment_intents.clear();
            invoice.charge = None;
        }
        Some(Object::Charge(charge)) => charge.invoice = None,
        _ => {}
    }
    Ok(object)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_version_of_an_event_is_read_as_the_same(steps in proptest::collection::vec(step(), 1..15)) {
        let core = told(&steps);
        let newest = Version::default();
        for event in core.events(0).iter().filter(|event| !event.wanted_by.is_empty()) {
            let read = |version: Version| {
                let body = event.in_version(version).to_string();
                (tollgate_stripe::event_object(body.as_bytes()), tollgate_stripe::envelope(body.as_bytes()))
            };
            let (object, envelope) = read(newest);
            for text in VERSIONS {
                let version = Version::parse(text).unwrap();
                let (older, mut outside) = read(version);
                prop_assert_eq!(known_to_all(older), known_to_all(object.clone()), "{} {}", event.kind, text);
                let outside = outside.as_mut().unwrap();
                let said = outside.api_version.take();
                prop_assert_eq!(said.as_deref(), Some(text));
                outside.api_version = Some(newest.as_str().to_owned());
                prop_assert_eq!(Ok(&*outside), envelope.as_ref(), "{} {}", event.kind, text);
            }
            let thin = tollgate_stripe::envelope(event.to_thin().to_string().as_bytes()).unwrap();
            prop_assert!(thin.thin);
            let envelope = envelope.unwrap();
            let names = |it: &tollgate_stripe::Envelope| (it.object_kind.clone(), it.object_id.clone(), it.created);
            prop_assert_eq!(names(&thin), names(&envelope), "{}", event.kind);
        }
    }
}
