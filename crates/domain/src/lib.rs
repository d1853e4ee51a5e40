//! What a customer may use, as pure functions of what Stripe said, the catalog and an instant.
//!
//! In the order in which data passes:
//! [`object`] what is kept of Stripe's objects, in one shape whatever the API version ·
//! [`facts`] what is known of one customer, and `fold`, which learns one observation ·
//! [`catalog`] which price gives which feature ·
//! [`schedule`] the answer as a function of time, `project`, which makes it, and `eval`, which reads it ·
//! [`overrides`] access allowed or denied by hand · [`brake`] when a pass over many is held ·
//! [`revision`] positions in the feed ·
//! [`time`] and [`clock`] instants, and the handle by which stations learn what time it is.
//!
//! Nothing here does I/O. Time is an argument; only [`clock`] knows that it passes.

pub mod brake;
pub mod catalog;
pub mod clock;
pub mod facts;
pub mod id;
pub mod object;
pub mod overrides;
pub mod revision;
pub mod schedule;
pub mod time;
