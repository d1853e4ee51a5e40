//! What callers ask to be done: at Stripe a page to buy on, its outcome, the customer portal; and what people decide.
//!
//! [`request`] is what may be asked · `returning` where a browser may be sent back to · `sale` finds out what it would
//! sell · `existing` what the customer has already · `stripe_customer` makes the one Stripe customer · [`checkout`] opens the
//! page · [`outcome`] says what became of it · `portal` opens the portal · `by_hand` decides what Stripe does not · `links` whose
//! Stripe's objects are, and who is forgotten · `look` shows what is odd, and events.

mod by_hand;
pub mod checkout;
mod existing;
mod links;
mod look;
pub mod outcome;
mod portal;
pub mod refused;
pub mod request;
mod returning;
mod sale;
mod stripe_customer;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tollgate_domain::clock::Clock;
use tollgate_store::Store;
use tollgate_stripe::Client;

pub use look::suggested;
pub use outcome::{Checkout, CheckoutState, Outcome};
pub use refused::Refused;
pub use request::{CheckoutRequest, Item, OnExisting, PriceName};
pub use returning::check_place;

/// What the commands keep to.
#[derive(Clone, Default)]
pub struct Settings {
    /// Stamped on Stripe's objects.
    pub deployment: String,
    /// Where Stripe may send the browser back to, by beginning of the URL; empty: any https URL.
    pub return_urls: Vec<String>,
    /// Tells the stations that there is work; they look by themselves too.
    pub nudge: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// All commands.
#[derive(Clone)]
pub struct Commands {
    store: Store,
    stripe: Client,
    clock: Clock,
    settings: Settings,
    /// The portal configuration that `stripe setup` has made, once it was seen.
    portal: Arc<ArcSwapOption<String>>,
}

impl Commands {
    /// They work on what is given; nothing that counts is kept in memory, so every replica can answer every retry.
    pub fn new(store: Store, stripe: Client, clock: Clock, settings: Settings) -> Commands {
        Commands {
            store,
            stripe,
            clock,
            settings,
            portal: Arc::default(),
        }
    }

    fn nudge(&self) {
        if let Some(nudge) = &self.settings.nudge {
            nudge();
        }
    }
}
