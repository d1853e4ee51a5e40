//! The simulator over real sockets, and its core under random histories.

#![recursion_limit = "512"]

mod account;
mod adversity;
mod anything;
mod api;
mod catalog;
mod collection;
mod coupons;
mod customers;
mod delivery;
mod disputes;
mod entitlements;
mod first_invoice;
mod histories;
mod http;
mod idempotency;
mod invoices;
mod money;
mod one_off;
mod one_off_refused;
mod payments;
mod pending;
mod portal;
mod price_data;
mod proration;
mod reading;
mod reversals;
mod routes;
mod schedules;
mod serve;
mod sessions;
mod setup;
mod story;
mod support;
mod test_clocks;
mod told;
mod versions;
