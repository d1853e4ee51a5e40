//! Random histories of payments: with whatever is paid and whatever banks say, money adds up and events tell all.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use stripe_simulator::core::{
    Core, Decision, Interval, InvoicePayment, Mode, NewCustomer, NewPrice, NewSession,
};

use crate::support::id;

const HOUR: i64 = 3_600;

const METHODS: &[&str] = &[
    "pm_card_visa",
    "pm_card_chargeCustomerFail",
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_authenticationRequired",
    "pm_card_authenticationRequiredOnSetup",
    "pm_card_threeDSecureRequiredChargeDeclined",
    "pm_card_createDispute",
    "pm_card_createDisputeInquiry",
    "pm_card_pendingRefund",
    "pm_card_refundFail",
    "pm_success_de",
    "pm_failedDelayed_de",
    "pm_disputed_de",
];

#[derive(Clone, Debug)]
enum Step {
    Open {
        mode: Mode,
        trial: bool,
    },
    Pay {
        which: usize,
        method: usize,
    },
    Authenticate {
        which: usize,
        passed: bool,
    },
    AuthenticateIntent {
        which: usize,
        passed: bool,
    },
    Advance {
        hours: i64,
    },
    Refund {
        which: usize,
        amount: Option<i64>,
    },
    Dispute {
        which: usize,
        inquiry: bool,
    },
    Decide {
        which: usize,
        decision: Decision,
    },
    PayInvoice {
        which: usize,
        method: Option<usize>,
        out_of_band: bool,
    },
    GiveUp {
        which: usize,
        void: bool,
    },
    Detach {
        which: usize,
    },
    Cancel {
        which: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let one = 0..64_usize;
    let mode = prop_oneof![Just(Mode::Payment), Just(Mode::Subscription), Just(Mode::Setup)];
    let decision = prop_oneof![
        Just(Decision::Won),
        Just(Decision::Lost),
        Just(Decision::Escalated),
        Just(Decision::Closed)
    ];
    prop_oneof![
        4 => (mode, any::<bool>()).prop_map(|(mode, trial)| Step::Open { mode, trial }),
        6 => (one.clone(), one.clone()).prop_map(|(which, method)| Step::Pay { which, method }),
        3 => (one.clone(), any::<bool>()).prop_map(|(which, passed)| Step::Authenticate { which, passed }),
        2 => (one.clone(), any::<bool>()).prop_map(|(which, passed)| Step::AuthenticateIntent { which, passed }),
        6 => (0..1_000_i64).prop_map(|hours| Step::Advance { hours }),
        2 => (one.clone(), proptest::option::of(1..2_000_i64)).prop_map(|(which, amount)| Step::Refund { which, amount }),
        1 => (one.clone(), any::<bool>()).prop_map(|(which, inquiry)| Step::Dispute { which, inquiry }),
        2 => (one.clone(), decision).prop_map(|(which, decision)| Step::Decide { which, decision }),
        2 => (one.clone(), proptest::option::of(one.clone()), any::<bool>())
            .prop_map(|(which, method, out_of_band)| Step::PayInvoice { which, method, out_of_band }),
        1 => (one.clone(), any::<bool>()).prop_map(|(which, void)| Step::GiveUp { which, void }),
        1 => one.clone().prop_map(|which| Step::Detach { which }),
        1 => one.prop_map(|which| Step::Cancel { which }),
    ]
}

struct History {
    core: Core,
    customer: String,
    prices: [String; 2],
    sessions: Vec<String>,
    read: usize,
    /// By kind, in order of first mention, and every object as its last event showed it.
    told: BTreeMap<String, Vec<String>>,
    last: BTreeMap<String, Value>,
}

impl History {
    fn new() -> History {
        let mut core = Core::new(9, 1_767_225_600);
        let product = id(&core.create_product("Team").unwrap());
        let prices = [None, Some((Interval::Month, 1))].map(|recurring| {
            let new = NewPrice {
                product: product.clone(),
                unit_amount: 1_900,
                currency: "eur".into(),
                recurring,
                ..NewPrice::default()
            };
            id(&core.create_price(new).unwrap())
        });
        let customer = id(&core.create_customer(NewCustomer::default()).unwrap());
        History {
            core,
            customer,
            prices,
            sessions: Vec::new(),
            read: 0,
            told: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    fn pick(&self, kind: &str, which: usize) -> String {
        let ids = self.told.get(kind).map_or(&[][..], Vec::as_slice);
        ids.get(which % ids.len().max(1)).cloned().unwrap_or_default()
    }

    fn session(&self, which: usize) -> String {
        let count = self.sessions.len().max(1);
        self.sessions.get(which % count).cloned().unwrap_or_default()
    }

    fn open(&mut self, mode: Mode, trial: bool) {
        let price = match mode {
            Mode::Payment => Some(&self.prices[0]),
            Mode::Subscription => Some(&self.prices[1]),
            Mode::Setup => None,
        };
        let new = NewSession {
            mode,
            customer: Some(self.customer.clone()),
            line_items: price.into_iter().map(|price| (price.clone(), 1)).collect(),
            payment_method_types: vec!["card", "sepa_debit"],
            trial_days: (trial && mode == Mode::Subscription).then_some(5),
            ..NewSession::default()
        };
        self.sessions
            .push(id(&self.core.create_checkout_session(new).unwrap()));
    }

    /// Refusals are fine: Stripe refuses too.
    fn take(&mut self, step: &Step) {
        let (charge, invoice) = (
            |it: &History, n| it.pick("charge", n),
            |it: &History, n| it.pick("invoice", n),
        );
        match *step {
            Step::Open { mode, trial } => self.open(mode, trial),
            Step::Pay { which, method } => {
                let method = METHODS[method % METHODS.len()];
                drop(self.core.pay_session_with(&self.session(which), method));
            }
            Step::Authenticate { which, passed } => {
                drop(self.core.authenticate_session(&self.session(which), passed));
            }
            Step::AuthenticateIntent { which, passed } => {
                let intent = self.pick("payment_intent", which);
                // A session's own is its page's to ask about.
                let invoiced = self.all("invoice").iter().any(|it| {
                    let shown = self.core.get_expanded(&id(it), &["payments"]).unwrap();
                    shown["payments"]["data"][0]["payment"]["payment_intent"] == intent.as_str()
                });
                if invoiced {
                    drop(self.core.authenticate_intent(&intent, passed));
                }
            }
            Step::Advance { hours } => self.core.advance(hours * HOUR),
            Step::Refund { which, amount } => drop(self.core.refund(&charge(self, which), amount)),
            Step::Dispute { which, inquiry } => {
                drop(self.core.dispute(&charge(self, which), "general", inquiry));
            }
            Step::Decide { which, decision } => {
                drop(self.core.decide_dispute(&self.pick("dispute", which), decision));
            }
            Step::PayInvoice {
                which,
                method,
                out_of_band,
            } => {
                let how = InvoicePayment {
                    payment_method: method.map(|it| METHODS[it % METHODS.len()].to_owned()),
                    out_of_band: out_of_band && method.is_none(),
                };
                drop(self.core.pay_invoice_with(&invoice(self, which), how));
            }
            Step::GiveUp { which, void } => {
                let invoice = invoice(self, which);
                drop(if void {
                    self.core.void_open_invoice(&invoice)
                } else {
                    self.core.mark_invoice_uncollectible(&invoice)
                });
            }
            Step::Detach { which } => drop(
                self.core
                    .detach_payment_method(&self.pick("payment_method", which)),
            ),
            Step::Cancel { which } => drop(self.core.cancel_subscription(&self.pick("subscription", which))),
        }
        for event in self.core.events(self.read) {
            let object = event.to_json()["data"]["object"].take();
            let kind = object["object"].as_str().unwrap().to_owned();
            if self.last.insert(id(&object), object.clone()).is_none() {
                self.told.entry(kind).or_default().push(id(&object));
            }
        }
        self.read = self.core.events(0).len();
    }

    fn all(&self, kind: &str) -> Vec<Value> {
        let ids = self.told.get(kind).into_iter().flatten();
        ids.map(|id| self.core.get(id).unwrap()).collect()
    }

    fn money_adds_up(&self) {
        let (charges, refunds) = (self.all("charge"), self.all("refund"));
        for charge in &charges {
            let of = refunds
                .iter()
                .filter(|it| it["charge"] == charge["id"] && it["status"] != "failed");
            let back: i64 = of.map(|it| number(&it["amount"])).sum();
            assert_eq!(back, number(&charge["amount_refunded"]));
            assert!(
                back <= number(&charge["amount"]),
                "nobody is given back more than they paid"
            );
        }
        for intent in self.all("payment_intent") {
            let on_it = charges.iter().filter(|it| it["payment_intent"] == intent["id"]);
            let paid = on_it.filter(|it| it["status"] == "succeeded");
            let taken: i64 = paid.map(|it| number(&it["amount"])).sum();
            assert_eq!(taken, number(&intent["amount_received"]), "{intent}");
        }
        for invoice in self.all("invoice") {
            let [due, paid, left] =
                ["amount_due", "amount_paid", "amount_remaining"].map(|field| number(&invoice[field]));
            assert_eq!(due, paid + left);
            let shown = self.core.get_expanded(&id(&invoice), &["payments"]).unwrap();
            for payment in shown["payments"]["data"].as_array().unwrap() {
                let intent = self
                    .core
                    .get(payment["payment"]["payment_intent"].as_str().unwrap())
                    .unwrap();
                let received = number(&intent["amount_received"]);
                let by_intent = payment["status"] == "paid";
                assert_eq!(received, if by_intent { due } else { 0 }, "{invoice} {intent}");
            }
        }
    }

    /// But for what Stripe changes in silence.
    fn events_show_their_objects(&self) {
        for (id, shown) in &self.last {
            let (mut now, mut shown) = (self.core.get(id).unwrap(), shown.clone());
            for object in [&mut now, &mut shown] {
                let fields = object.as_object_mut().unwrap();
                fields.remove("next_invoice_sequence");
                fields.remove("disputed");
            }
            assert_eq!(now, shown, "{id}");
        }
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("not a number: {value}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_paid_with_money_adds_up_and_events_tell_all(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut history = History::new();
        for step in &steps {
            history.take(step);
            history.money_adds_up();
            history.events_show_their_objects();
        }
    }
}
