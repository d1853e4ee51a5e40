//! Every metric, in one table: what is not in it cannot be counted, and docs/metrics.md is made of it.
//!
//! Whoever counts names a constant and gives as many values as it has labels. A value is one of few that are known
//! beforehand, never a customer, a caller or anything else that comes from outside.

use metrics::{Label, SharedString, Unit};

/// One row of the table.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    pub labels: &'static [&'static str],
    /// Lines of the constant's comment.
    pub help: &'static [&'static str],
}

/// How it is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Is what it is now.
    Gauge,
    /// How many were at most so large.
    Histogram(&'static [f64]),
}

/// A counter with so many labels.
pub struct Counter<const LABELS: usize>(&'static str, [&'static str; LABELS]);
/// A gauge with so many labels.
pub struct Gauge<const LABELS: usize>(&'static str, [&'static str; LABELS]);
/// A histogram with so many labels.
pub struct Histogram<const LABELS: usize>(&'static str, [&'static str; LABELS]);

/// A counter whose labels have values: for places where they are not looked up again for each call.
#[derive(Clone, Debug)]
pub struct Counting(metrics::Counter);
/// As [`Counting`].
#[derive(Clone, Debug)]
pub struct Measuring(metrics::Histogram);

fn labels<const N: usize, V: Into<SharedString>>(names: [&'static str; N], values: [V; N]) -> Vec<Label> {
    names
        .into_iter()
        .zip(values)
        .map(|(name, value)| Label::new(name, value))
        .collect()
}

impl<const N: usize> Counter<N> {
    /// One with these values.
    pub fn of<V: Into<SharedString>>(&self, values: [V; N]) -> Counting {
        Counting(metrics::counter!(self.0, labels(self.1, values)))
    }

    /// One more.
    pub fn count<V: Into<SharedString>>(&self, values: [V; N]) {
        self.of(values).count();
    }
}

impl Counting {
    /// One more.
    pub fn count(&self) {
        self.0.increment(1);
    }

    /// So many more.
    pub fn add(&self, more: usize) {
        self.0.increment(more as u64);
    }
}

impl<const N: usize> Gauge<N> {
    /// It is so now.
    pub fn set<V: Into<SharedString>>(&self, values: [V; N], now: impl IntoNumber) {
        metrics::gauge!(self.0, labels(self.1, values)).set(now.number());
    }
}

impl Gauge<0> {
    /// One more until what is returned is dropped.
    pub fn hold(&self) -> Held {
        let gauge = metrics::gauge!(self.0);
        gauge.increment(1);
        Held(gauge)
    }
}

/// Counts in a gauge while it exists.
pub struct Held(metrics::Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

impl<const N: usize> Histogram<N> {
    /// One with these values.
    pub fn of<V: Into<SharedString>>(&self, values: [V; N]) -> Measuring {
        Measuring(metrics::histogram!(self.0, labels(self.1, values)))
    }

    /// One of this size.
    pub fn record<V: Into<SharedString>>(&self, values: [V; N], size: impl IntoNumber) {
        self.of(values).record(size);
    }
}

impl Measuring {
    /// One of this size.
    pub fn record(&self, size: impl IntoNumber) {
        self.0.record(size.number());
    }
}

/// What can be shown as a metric's value; spans are seconds.
pub trait IntoNumber {
    /// As Prometheus has it.
    fn number(self) -> f64;
}

impl IntoNumber for f64 {
    fn number(self) -> f64 {
        self
    }
}

impl IntoNumber for i64 {
    fn number(self) -> f64 {
        self as f64
    }
}

impl IntoNumber for usize {
    fn number(self) -> f64 {
        self as f64
    }
}

impl IntoNumber for bool {
    fn number(self) -> f64 {
        f64::from(u8::from(self))
    }
}

impl IntoNumber for std::time::Duration {
    fn number(self) -> f64 {
        self.as_secs_f64()
    }
}

impl IntoNumber for tollgate_domain::time::Span {
    fn number(self) -> f64 {
        self.0 as f64 / 1_000_000.0
    }
}

/// No labels.
pub const PLAIN: [&str; 0] = [];

const FAST: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
const SLOW: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];
const BATCH: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

macro_rules! table {
    ($($(#[doc = $help:literal])+ $kind:ident $(<= $buckets:ident)? $constant:ident = $name:literal in $unit:ident by [$($label:literal),*];)*) => {
        $(
            $(#[doc = $help])+
            pub const $constant: $kind<{ <[&str]>::len(&[$($label),*]) }> = $kind($name, [$($label),*]);
        )*
        /// All of them.
        pub const TABLE: &[Metric] = &[$(Metric {
            name: $name,
            kind: Kind::$kind $(($buckets))?,
            unit: Unit::$unit,
            labels: &[$($label),*],
            help: &[$($help),+],
        }),*];
    };
}

table! {
    /// Calls that were answered, by method and gRPC code as far as the head of the answer says it. A method that does not
    /// exist is `-`.
    Counter GRPC_REQUESTS = "tollgate_grpc_requests_total" in Count by ["method", "code"];
    /// From a call's head until the head of its answer; of methods that answer once.
    Histogram <= FAST GRPC_DURATION = "tollgate_grpc_request_duration_seconds" in Seconds by ["method"];
    /// Open connections of the gRPC listener.
    Gauge GRPC_CONNECTIONS = "tollgate_grpc_connections" in Count by [];
    /// Connections of the gRPC listener that were closed at once because there were as many as there may be.
    Counter GRPC_CONNECTIONS_REFUSED = "tollgate_grpc_connections_refused_total" in Count by [];
    /// Connections of the gRPC listener that were not kept, by why: `silent` (it did not say in time what it speaks), `idle` (no
    /// call), `stalled` (an answer waited and the peer took nothing), `withdrawn` (its certificate's authority is trusted no more).
    Counter GRPC_CONNECTIONS_CLOSED = "tollgate_grpc_connections_closed_total" in Count by ["why"];

    /// Open watches.
    Gauge WATCH_STREAMS = "tollgate_watch_streams" in Count by [];
    /// How many revisions the watch that is furthest behind has not been sent, compared with this replica's memory.
    Gauge WATCH_LAG = "tollgate_watch_lag_revisions" in Count by [];
    /// From the moment a webhook was stored, by the database's clock, until the first frame about the change that it
    /// caused was made on this replica. Only of watches that had caught up before.
    Histogram <= SLOW WEBHOOK_TO_WATCH = "tollgate_webhook_to_watch_seconds" in Seconds by [];

    /// Requests at the webhook's door: `stored`, `duplicate`, or the HTTP status of the refusal.
    Counter WEBHOOK_REQUESTS = "tollgate_webhook_requests_total" in Count by ["outcome"];
    /// From a webhook's head until it is answered, which is after the commit.
    Histogram <= FAST WEBHOOK_DURATION = "tollgate_webhook_request_duration_seconds" in Seconds by [];
    /// Events in one commit.
    Histogram <= BATCH INBOX_BATCH = "tollgate_inbox_batch_events" in Count by [];
    /// Observations that are not finished: `received` (whose it is is not known yet), `routed` (known, not applied),
    /// `waiting` (for its customer to become known), `parked` (given up). Counted up to 10000.
    Gauge INBOX_OBSERVATIONS = "tollgate_inbox_observations" in Count by ["state"];
    /// How long ago the oldest of them came; 0: there is none.
    Gauge INBOX_AGE = "tollgate_inbox_oldest_age_seconds" in Seconds by ["state"];
    /// What became of events when they were routed: `customer`, `ignored`, `waiting`, `retry`, `queued`, `parked`.
    Counter ROUTED = "tollgate_routed_total" in Count by ["outcome"];
    /// Events that are kept and ignored because they are none of this deployment's, by what does not fit: `livemode`,
    /// `account`, `deployment`, `erased` (their customer was).
    Counter EVENTS_FOREIGN = "tollgate_events_foreign_total" in Count by ["why"];

    /// Fetches of Stripe's objects, by kind of object: `fetched`, `absent`, `failed` (tried again).
    Counter SETTLE_REQUESTS = "tollgate_settle_requests_total" in Count by ["kind", "outcome"];
    /// Objects whose fetch is due. Counted up to 10000.
    Gauge SETTLE_PENDING = "tollgate_settle_pending" in Count by [];
    /// How long the longest overdue fetch has been due; 0: none is.
    Gauge SETTLE_AGE = "tollgate_settle_oldest_age_seconds" in Seconds by [];
    /// Events that Stripe's log has and that had not come by themselves within a minute.
    Counter RECONCILE_MISSED = "tollgate_reconcile_missed_events_total" in Count by [];
    /// As of which time, in seconds since 1970 by Stripe's clock, its log of events was compared with what came.
    Gauge RECONCILE_LOG = "tollgate_reconcile_event_log_timestamp_seconds" in Seconds by [];
    /// How often the log was compared later than Stripe keeps it, so that events are lost and a walk has to find what they said.
    Counter RECONCILE_GAPS = "tollgate_reconcile_event_log_gaps_total" in Count by [];
    /// Objects that a walk of Stripe's lists found to be otherwise than they were known, and that nothing was on its way about.
    Counter RECONCILE_DRIFT = "tollgate_reconcile_drift_total" in Count by ["kind"];
    /// Pages of Stripe's lists that were compared; `events` is its log.
    Counter RECONCILE_PAGES = "tollgate_reconcile_pages_total" in Count by ["list"];
    /// Requests to Stripe, each attempt, by route and by HTTP status, `unreachable`, `late`, or `abandoned` (who asked went away
    /// within two seconds).
    Counter STRIPE_REQUESTS = "tollgate_stripe_requests_total" in Count by ["endpoint", "outcome"];
    /// Requests that were not sent, by why: `budget` (their turn would have come too late, or who asked went away before it), `breaker` (the endpoint has not
    /// answered for a while). What can wait is tried again later.
    Counter STRIPE_NOT_SENT = "tollgate_stripe_not_sent_total" in Count by ["endpoint", "priority", "why"];
    /// Of each attempt until its whole answer was here or it was given up; not of those that are `abandoned`.
    Histogram <= SLOW STRIPE_DURATION = "tollgate_stripe_request_duration_seconds" in Seconds by ["endpoint"];
    /// How long a request to Stripe waited for its turn, by what it is made for: `checkout` (somebody waits), `route` (whose an
    /// event is), `settle` (what is in doubt or to be confirmed), `reconcile` (a comparison of everything). In this order they come first.
    Histogram <= SLOW STRIPE_BUDGET_WAIT = "tollgate_stripe_budget_wait_seconds" in Seconds by ["priority"];
    /// Requests to Stripe that wait for their turn, likewise.
    Gauge STRIPE_WAITING = "tollgate_stripe_waiting_requests" in Count by ["priority"];
    /// How many requests this replica could make of Stripe at once.
    Gauge STRIPE_BUDGET_REMAINING = "tollgate_stripe_budget_remaining_requests" in Count by [];
    /// Whether an endpoint of Stripe is asked only now and then, since it has not answered for a while: 1 or 0.
    Gauge STRIPE_BREAKER_OPEN = "tollgate_stripe_breaker_open" in Count by ["endpoint"];

    /// Customers in one append.
    Histogram <= BATCH APPLY_BATCH = "tollgate_apply_batch_customers" in Count by [];
    /// What became of customers that were applied: `applied` (a revision), `unchanged`, `stale` (somebody was faster; done
    /// again), `failed` (the database refuses the answer).
    Counter APPLIED = "tollgate_apply_total" in Count by ["outcome"];
    /// Observations that could not be read when they were applied: `retry`, `parked`.
    Counter APPLY_FAILURES = "tollgate_apply_failures_total" in Count by ["outcome"];
    /// Customers to be applied, by why: `learned` (something came), `due` (the clock), `outdated` (an older catalog).
    /// Counted up to 10000.
    Gauge APPLY_DIRTY = "tollgate_apply_dirty_customers" in Count by ["why"];
    /// How long the customer has been dirty that has been longest, by its oldest observation or its overdue instant; 0:
    /// none is. Outdated ones do not count.
    Gauge APPLY_AGE = "tollgate_apply_oldest_dirty_age_seconds" in Seconds by [];
    /// Customers with a subscription whose renewal is overdue and about which Stripe was asked and has not answered: they
    /// keep their access. Counted up to 10000.
    Gauge UNCONFIRMED = "tollgate_unconfirmed_customers" in Count by [];
    /// What a person should look at, as `tollgate admin oddities` lists it: `waiting_event`, `unlinked_payer`, `parked_event`,
    /// `parked_fetch`, `unmatched_price`, `double_subscription`, `past_due`, `unconfirmed`. Counted up to 10000.
    Gauge ODDITIES = "tollgate_oddities" in Count by ["kind"];

    /// The number of the active pair of catalog and rules.
    Gauge ACTIVATION = "tollgate_activation_number" in Count by [];
    /// Whether this process can project the active pair; one that cannot leaves that to those that can, and serves reads.
    Gauge PROJECTS = "tollgate_activation_projected" in Count by [];
    /// Customers by whether they have followed the active pair: `done` or `left`.
    Gauge REPROJECTION = "tollgate_reprojection_customers" in Count by ["state"];
    /// Pairs of catalog and rules that the brake holds.
    Gauge CATALOG_HELD = "tollgate_catalog_held" in Count by [];

    /// The feed's head as the database had it when it was last read.
    Gauge FEED_HEAD = "tollgate_feed_head_revision" in Count by [];
    /// The revision that this replica's memory is at.
    Gauge FEED_REVISION = "tollgate_feed_revision" in Count by [];
    /// How many revisions this replica's memory is behind the head.
    Gauge FEED_LAG = "tollgate_feed_lag_revisions" in Count by [];
    /// How long ago this replica's memory was last known to be all that the database held.
    Gauge FEED_STALENESS = "tollgate_feed_staleness_seconds" in Seconds by [];
    /// How often the memory had to be filled anew, as after a failover that lost commits.
    Counter FEED_RELOADS = "tollgate_feed_reloads_total" in Count by [];
    /// How often the feed could not be read.
    Counter FEED_ERRORS = "tollgate_feed_errors_total" in Count by [];

    /// Files with secrets that changed, by setting: `taken` (the new value holds), `refused` (it cannot be used, the one before
    /// stays), `failed` (the file cannot be read, likewise).
    Counter SECRET_RELOADS = "tollgate_secret_reloads_total" in Count by ["secret", "outcome"];
    /// When the gRPC listener's certificate ends, in seconds since 1970; only with TLS.
    Gauge CERTIFICATE_EXPIRY = "tollgate_certificate_expiry_timestamp_seconds" in Seconds by [];
    /// Rounds of a station that failed and are tried again: `route`, `apply`, `settle`, `reconcile`, `retention`, `figures`.
    Counter STATION_FAILURES = "tollgate_station_failures_total" in Count by ["station"];
    /// Whether the database answered this replica when it was last asked: 1 or 0.
    Gauge DATABASE_UP = "tollgate_database_up" in Count by [];
    /// Whether this replica takes calls, as readiness says: 1 or 0.
    Gauge READY = "tollgate_ready" in Count by [];
    /// 1, with the version of the program.
    Gauge BUILD_INFO = "tollgate_build_info" in Count by ["version"];
    /// Spans given to the collector, or `lost` because it did not take them.
    Counter TRACE_SPANS = "tollgate_trace_spans_total" in Count by ["outcome"];
}

/// A series that begins with its first event shows no increase of it.
pub fn begin_at_zero() {
    for metric in TABLE {
        if metric.kind == Kind::Counter && metric.labels.is_empty() {
            metrics::counter!(metric.name).increment(0);
        }
    }
    for why in ["livemode", "account", "deployment", "erased"] {
        EVENTS_FOREIGN.of([why]).add(0);
    }
}

impl Metric {
    /// The comment in one line.
    pub fn text(&self) -> String {
        self.help
            .iter()
            .map(|line| line.trim())
            .collect::<Vec<_>>()
            .join(" ")
    }
}
