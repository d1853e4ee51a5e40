//! The only crate that speaks to Stripe.
//!
//! In: [`signature`] proves that a webhook comes from Stripe · [`envelope`](mod@envelope) reads what every event has ·
//! [`normalise`] makes one shape of the shapes that Stripe's API versions have.
//! Out: [`client`] asks Stripe, [`encode`] writes requests so that the same bytes can be sent again · [`wanted`] is what an
//! account has to have for all this.

pub mod client;
pub mod encode;
pub mod envelope;
pub mod normalise;
pub mod signature;
pub mod wanted;

mod instant;
mod json;

pub use client::{
    Asked, CallError, Client, Contact, Endpoint, Fetched, Figures, InvalidSettings, LISTS, List, NotSent,
    Offer, Outcome, Page, PortalConfiguration, Price, PriceQuery, Priority, Product, ProductFeature,
    Settings, Sold, api_version,
};
pub use encode::{CheckoutRequest, Encoded, encode_checkout, encode_customer, encode_portal};
pub use envelope::{Envelope, Unreadable, envelope};
pub use normalise::{event_object, object};
