//! The pure core: a seeded state machine. Commands and a clock come in, objects and events go out.
//!
//! Nothing in here reads a clock, a socket or a random source: the same seed and the same commands give the same
//! objects, ids and events, byte for byte, and a [`Core`] can be cloned at any point.

mod balance;
pub mod calendar;
mod catalog;
mod checkout;
mod coupon;
mod customer;
mod delivery;
mod destination;
mod discount;
mod dispute;
mod endpoint;
mod entitlement;
mod event;
mod expand;
mod fault;
mod hosted;
mod ident;
mod invoice;
mod payment;
mod payment_method;
mod promotion_code;
mod refund;
mod rendered;
mod schedule;
mod setup_intent;
mod subscription;
mod table;
mod test_clock;
mod version;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

pub use balance::NewBalanceTransaction;
pub use calendar::Interval;
pub use catalog::{NewPrice, NewProduct, PriceChange, ProductChange};
pub use checkout::{Mode, NewSession};
pub use coupon::{Duration, NewCoupon, Off};
pub use customer::{CustomerChange, NewCustomer, Outcome};
pub use delivery::CreatedSkew;
pub use discount::Redeem;
pub use dispute::Decision;
pub(crate) use dispute::{DISPUTE_EVIDENCE, DISPUTE_FILES};
pub use endpoint::{Endpoint, EndpointChange, NewEndpoint};
pub use event::{Cause, Event};
pub(crate) use expand::EVENTS_KEPT;
pub use fault::Fault;
pub use hosted::{ConfigurationChange, NewPortal};
pub use payment::{Confirm, IntentChange, NewIntent};
pub use payment_method::{Billing, PaymentMethodChange};
pub use promotion_code::NewPromotionCode;
pub use refund::NewRefund;
pub use schedule::{EndBehavior, NewPhase, NewSchedule, PhaseEnd, PhaseItem, ScheduleChange};
pub use setup_intent::NewSetupIntent;
pub use subscription::{
    BillingMode, CycleAnchor, ItemChange, MissingPaymentMethod, NewSubscription, Pause, PauseBehavior,
    PaymentBehavior, Proration, Status, SubscriptionChange, TrialEnd, When,
};
pub use table::Row;
pub use version::Version;

use balance::CustomerBalanceTransaction;
use catalog::{LookupKeys, Price, Product};
use checkout::Session;
use coupon::Coupon;
use customer::Customer;
use discount::Discount;
use dispute::Dispute;
use entitlement::{Entitlements, Feature};
use hosted::{Configuration, Portal};
pub use invoice::{Due, InvoiceChange, InvoiceItemChange, InvoicePayment, NewInvoiceItem, OneOffInvoice};
use invoice::{Invoice, InvoiceItem, InvoiceLine, NewInvoice};
use payment::{Charge, Intent};
use payment_method::PaymentMethod;
use promotion_code::PromotionCode;
use refund::Refund;
use schedule::Schedule;
use setup_intent::SetupIntent;
pub(crate) use subscription::Ending;
use subscription::Subscription;
use table::Table;
use test_clock::TestClock;

/// The API version whose shapes the objects have.
pub const API_VERSION: &str = "2026-09-30.endive";

/// The account, unless a key of another one asks.
pub const ACCOUNT: &str = "acct_1Simulated";

/// Stripe's metadata.
pub type Metadata = BTreeMap<String, String>;

/// The object as a GET would show it, or why not.
pub type Answer = Result<Value, Fault>;

/// What to do to an object's metadata.
#[derive(Clone, Debug, Default)]
pub struct MetadataChange {
    /// First take everything away.
    pub clear: bool,
    /// An empty value takes the key away.
    pub set: Metadata,
}

impl MetadataChange {
    fn apply(self, metadata: &mut Metadata) {
        if self.clear {
            metadata.clear();
        }
        metadata.extend(self.set);
        metadata.retain(|_, value| !value.is_empty());
    }
}

/// What Stripe's dashboard would set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seconds that a renewal's invoice stays a draft.
    pub draft_for: i64,
    /// A draft waits for its `invoice.created` to be taken by whoever subscribed to it, 72 hours at most, as at Stripe.
    /// Off, so that a clock that is moved by months does not wait for deliveries that happen in real time.
    pub invoice_created_holds: bool,
    /// Seconds from a failed attempt to the next one; after the last, `dunning_end`.
    pub retry_after: Vec<i64>,
    pub dunning_end: DunningEnd,
    /// The account's: what requests and webhook endpoints without one of their own get.
    pub api_version: Version,
    /// What checkout sessions take that name nothing themselves (docs.stripe.com/payments/payment-methods/dynamic-payment-methods);
    /// empty: cards.
    pub payment_method_types: Vec<&'static str>,
    /// What is wrong with the `created` of events.
    pub created_skew: CreatedSkew,
}

impl Default for Settings {
    fn default() -> Self {
        let retry_after = [1, 3, 5].map(|days| days * calendar::DAY).into();
        Settings {
            draft_for: invoice::DRAFT_FOR,
            invoice_created_holds: false,
            retry_after,
            dunning_end: DunningEnd::Cancel,
            api_version: Version::default(),
            payment_method_types: vec![],
            created_skew: CreatedSkew::default(),
        }
    }
}

/// What becomes of a subscription when every retry has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DunningEnd {
    Cancel,
    Unpaid,
    LeavePastDue,
}

/// The state machine.
#[derive(Clone, Debug)]
pub struct Core {
    /// The time in force: the account's, or a test clock's while something is done in that one's time.
    now: i64,
    /// The test clock in force, and the account's time meanwhile.
    in_force: Option<(String, i64)>,
    clocks: Table<TestClock>,
    account: String,
    ids: ident::Ids,
    settings: Settings,
    base_url: String,
    customers: Table<Customer>,
    balance_transactions: Table<CustomerBalanceTransaction>,
    methods: Table<PaymentMethod>,
    products: Table<Product>,
    prices: Table<Price>,
    lookup_keys: LookupKeys,
    /// A subscription that may get no further invoice by the request at hand.
    invoice_limited: Option<String>,
    /// The prices of the `price_data` of the request at hand.
    made_inline: Vec<String>,
    coupons: Table<Coupon>,
    promotion_codes: Table<PromotionCode>,
    discounts: Table<Discount>,
    sessions: Table<Session>,
    /// The payment intent of a session that somebody tried to pay.
    session_intents: HashMap<String, String>,
    /// The sessions that completed before their intent was paid.
    unsettled: HashMap<String, String>,
    portals: Table<Portal>,
    configurations: Table<Configuration>,
    features: Table<Feature>,
    /// Product, feature, and the id of what ties them.
    product_features: Vec<(String, String, String)>,
    entitlements: Entitlements,
    subscriptions: Table<Subscription>,
    subscription_of_item: HashMap<String, String>,
    schedules: Table<Schedule>,
    invoices: Table<Invoice>,
    invoice_items: Table<InvoiceItem>,
    intents: Table<Intent>,
    charges: Table<Charge>,
    disputes: Table<Dispute>,
    setup_intents: Table<SetupIntent>,
    refunds: Table<Refund>,
    /// The refunds of a charge, in order of creation.
    refunds_of: HashMap<String, Vec<String>>,
    endpoints: Table<Endpoint>,
    /// The endpoints that have not taken an event yet, by its id.
    undelivered: BTreeMap<String, Vec<String>>,
    planted: BTreeMap<String, Value>,
    events: Vec<Arc<Event>>,
    event_index: HashMap<String, usize>,
    cause: Option<Cause>,
    /// When to look at which object again. One that has nothing due is left alone, so no timer is ever taken back.
    timers: BTreeSet<(i64, String)>,
}

impl Core {
    /// Empty; `start` in unix seconds.
    pub fn new(seed: u64, start: i64) -> Core {
        let mut configurations = Table::default();
        configurations.insert(Configuration::of_the_account(start));
        Core {
            now: start,
            in_force: None,
            clocks: Table::default(),
            account: ACCOUNT.to_owned(),
            ids: ident::Ids::new(seed),
            settings: Settings::default(),
            base_url: "http://localhost".to_owned(),
            customers: Table::default(),
            balance_transactions: Table::default(),
            methods: Table::default(),
            products: Table::default(),
            prices: Table::default(),
            lookup_keys: LookupKeys::default(),
            invoice_limited: None,
            made_inline: Vec::new(),
            coupons: Table::default(),
            promotion_codes: Table::default(),
            discounts: Table::default(),
            sessions: Table::default(),
            session_intents: HashMap::new(),
            unsettled: HashMap::new(),
            portals: Table::default(),
            configurations,
            features: Table::default(),
            product_features: Vec::new(),
            entitlements: Entitlements::default(),
            subscriptions: Table::default(),
            subscription_of_item: HashMap::new(),
            schedules: Table::default(),
            invoices: Table::default(),
            invoice_items: Table::default(),
            intents: Table::default(),
            charges: Table::default(),
            disputes: Table::default(),
            setup_intents: Table::default(),
            refunds: Table::default(),
            refunds_of: HashMap::new(),
            endpoints: Table::default(),
            undelivered: BTreeMap::new(),
            planted: BTreeMap::new(),
            events: Vec::new(),
            event_index: HashMap::new(),
            cause: None,
            timers: BTreeSet::new(),
        }
    }

    /// Whose keys ask from now on: what they see is the same.
    pub fn set_account(&mut self, account: &str) {
        account.clone_into(&mut self.account);
    }

    /// `acct_…`
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Unix seconds: the account's time, or within [`Core::in_time_of`] that of the test clock.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// What Stripe's dashboard would set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What Stripe's dashboard would set.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Where the pages are that URLs in objects point at, without a slash at the end.
    pub fn set_base_url(&mut self, url: &str) {
        url.trim_end_matches('/').clone_into(&mut self.base_url);
    }

    /// Moves the clock: renewals, retries, trial ends, expiries and cancellations happen in order of time.
    pub fn advance(&mut self, seconds: i64) {
        self.advance_to(self.now.saturating_add(seconds));
    }

    /// As [`Core::advance`]; an instant that is past changes nothing.
    pub fn advance_to(&mut self, instant: i64) {
        self.run_timers(instant);
    }

    /// Of the clock in force, up to and including `instant`.
    fn run_timers(&mut self, instant: i64) {
        while let Some((at, id)) = self.timers_in_force().first().cloned() {
            if at > instant {
                break;
            }
            self.timers_in_force().pop_first();
            self.now = self.now.max(at);
            self.due(&id);
        }
        self.now = self.now.max(instant);
    }

    /// Does what is due of this object at `now`, if anything is.
    fn due(&mut self, id: &str) {
        match id.split_once('_') {
            Some(("cs", _)) => self.session_due(id),
            Some(("sub", rest)) if rest.starts_with("sched_") => self.schedule_due(id),
            Some(("sub", _)) => self.subscription_due(id),
            Some(("in", _)) => self.invoice_due(id),
            Some(("pi", _)) => self.intent_due(id),
            Some(("re", _)) => self.refund_due(id),
            Some(("du", _)) => self.dispute_due(id),
            Some(("di", _)) => self.discount_due(id),
            Some(("clock", _)) => self.test_clock_due(id),
            _ => {}
        }
    }

    /// Serves `object` as it is under its id; for recorded objects.
    pub fn plant(&mut self, object: Value) {
        if let Some(id) = object["id"].as_str() {
            self.planted.insert(id.to_owned(), object);
        }
    }

    /// In order of creation, as the next ones.
    pub(crate) fn customers(&self) -> impl DoubleEndedIterator<Item = &Customer> {
        self.customers.all()
    }

    pub(crate) fn prices(&self) -> impl DoubleEndedIterator<Item = &Price> {
        self.prices.all()
    }

    pub(crate) fn setup_intents(&self) -> impl DoubleEndedIterator<Item = &SetupIntent> {
        self.setup_intents.all()
    }

    pub(crate) fn disputes(&self) -> impl DoubleEndedIterator<Item = &Dispute> {
        self.disputes.all()
    }

    pub(crate) fn refunds(&self) -> impl DoubleEndedIterator<Item = &Refund> {
        self.refunds.all()
    }

    pub(crate) fn sessions(&self) -> &Table<Session> {
        &self.sessions
    }

    pub(crate) fn subscriptions(&self) -> &Table<Subscription> {
        &self.subscriptions
    }

    pub(crate) fn invoices(&self) -> &Table<Invoice> {
        &self.invoices
    }

    pub(crate) fn schedules(&self) -> &Table<Schedule> {
        &self.schedules
    }

    pub(crate) fn invoice_items(&self) -> &Table<InvoiceItem> {
        &self.invoice_items
    }

    pub(crate) fn charges(&self) -> &Table<Charge> {
        &self.charges
    }

    pub(crate) fn intents(&self) -> &Table<Intent> {
        &self.intents
    }

    /// By the clock in force.
    fn wake(&mut self, at: i64, id: &str) {
        self.timers_in_force().insert((at, id.to_owned()));
    }

    /// When an id was minted, relative to others; `None`: it was chosen by whoever created the object.
    pub(crate) fn place(&self, id: &str) -> Option<u64> {
        ident::place(id)
    }

    /// A fresh id, for the shell's request ids.
    pub(crate) fn mint(&mut self, prefix: &str) -> String {
        self.ids.mint(prefix)
    }
}
