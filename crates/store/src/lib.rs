//! The only crate that speaks SQL. Each operation is named, is one statement, and is safe to run again: transactions are
//! never handed out, and no lock outlives a call.
//!
//! In flow order: [`inbox`] keeps what came · [`route`] says whose it is · [`apply`] reads what an applier needs ·
//! [`append`] writes its result · [`settle`] queues what is to be fetched · [`poll`] reads the feed ·
//! [`figures`] counts what is unfinished · [`deployment`] whose all this is · [`catalog`] versions and activations ·
//! [`customer`] one customer · [`checkout`] what was asked to be sold · [`overrides`] what was decided by hand ·
//! [`audit`] what people did · [`links`] whose Stripe's objects are by hand ·
//! [`oddities`] what a person should look at · [`events`] Stripe's events one by one · [`reconcile`] how far Stripe's side was
//! compared with ours · `retention` forgets.

pub mod append;
pub mod apply;
pub mod audit;
pub mod catalog;
mod cause;
pub mod checkout;
pub mod customer;
pub mod deployment;
mod error;
pub mod events;
pub mod figures;
pub mod inbox;
mod intent;
pub mod links;
pub mod oddities;
pub mod overrides;
pub mod poll;
mod pool;
pub mod reconcile;
mod retention;
pub mod route;
pub mod scratch;
mod served;
pub mod settle;

pub use append::{Append, Appended};
pub use apply::{Loaded, Observed};
pub use audit::{AuditEntry, By};
pub use catalog::{Activation, Ended, Hold, Reprojection, Wanted};
pub use cause::Cause;
pub use checkout::{Checkout, NewCheckout, StripeCustomer};
pub use customer::CustomerRow;
pub use deployment::{Deployment, Server};
pub use error::StoreError;
pub use events::{EventFilter, StoredEvent};
pub use figures::{Figures, Pile};
pub use inbox::{Accepted, InboxCounts, NewEvent, Outcome};
pub use links::{Linked, Unlink};
pub use oddities::{Oddity, OddityKind};
pub use overrides::Decided;
pub use poll::{Change, FeedRow, Hints, Position, SnapshotRow};
pub use pool::{Settings, Store};
pub use reconcile::{EventLog, OnTheWay, Reconcile, Walk};
pub use route::{Parked, Routing, Unrouted, Waiting};
pub use served::Served;
pub use settle::Due;
