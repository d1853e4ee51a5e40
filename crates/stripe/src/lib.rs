//! The only crate that speaks to Stripe.
//!
//! In: [`signature`] proves that a webhook comes from Stripe · [`envelope`](mod@envelope) reads what every event has ·
//! [`normalise`] makes one shape of the shapes that Stripe's API versions have.
//! Out: [`client`] asks Stripe, [`encode`] writes requests so that the same bytes can be sent again.

pub mod client;
pub mod encode;
pub mod envelope;
pub mod normalise;
pub mod signature;

mod instant;
mod json;

pub use client::{Asked, CallError, Client, Fetched, InvalidSettings, Price, PriceQuery, Settings};
pub use encode::{CheckoutRequest, Encoded, encode_checkout, encode_customer, encode_portal};
pub use envelope::{Envelope, Unreadable, envelope};
pub use normalise::{event_object, object};
