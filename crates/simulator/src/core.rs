//! The pure core. (being filled)
#![allow(clippy::unimplemented, unused_variables, dead_code)]
use std::collections::BTreeMap;
use serde_json::Value;

/// Stripe's metadata.
pub type Metadata = BTreeMap<String, String>;
/// A refusal in Stripe's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault { pub status: u16, pub kind: &'static str, pub code: Option<String>, pub param: Option<String>, pub message: String }
impl std::fmt::Display for Fault { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.message) } }
impl std::error::Error for Fault {}
/// A customer to create.
#[derive(Clone, Debug, Default)]
pub struct NewCustomer { pub email: Option<String>, pub name: Option<String>, pub description: Option<String>, pub metadata: Metadata }
/// How often a price recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval { Day, Week, Month, Year }
/// A price to create.
#[derive(Clone, Debug, Default)]
pub struct NewPrice { pub product: String, pub currency: String, pub unit_amount: i64, pub recurring: Option<(Interval, u32)>, pub lookup_key: Option<String>, pub transfer_lookup_key: bool, pub nickname: Option<String>, pub metadata: Metadata }
/// What a session sells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode { #[default] Payment, Subscription }
/// A checkout session to create.
#[derive(Clone, Debug, Default)]
pub struct NewSession { pub mode: Mode, pub customer: Option<String>, pub line_items: Vec<(String, u64)>, pub success_url: Option<String>, pub cancel_url: Option<String>, pub client_reference_id: Option<String>, pub metadata: Metadata, pub subscription_metadata: Metadata, pub payment_intent_metadata: Metadata, pub trial_days: Option<u32>, pub expires_at: Option<i64> }
/// What becomes of a customer's payments from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome { #[default] Succeed, Decline }
/// The state machine.
#[derive(Clone)]
pub struct Core;
impl Core {
    /// `start` in unix seconds.
    pub fn new(seed: u64, start: i64) -> Core { unimplemented!() }
    pub fn now(&self) -> i64 { unimplemented!() }
    /// Moves the clock; renewals, retries, trial ends, expiries and cancellations happen in order.
    pub fn advance(&mut self, seconds: i64) { unimplemented!() }
    pub fn create_customer(&mut self, new: NewCustomer) -> Result<Value, Fault> { unimplemented!() }
    pub fn delete_customer(&mut self, id: &str) -> Result<Value, Fault> { unimplemented!() }
    pub fn create_product(&mut self, name: &str) -> Result<Value, Fault> { unimplemented!() }
    pub fn create_price(&mut self, new: NewPrice) -> Result<Value, Fault> { unimplemented!() }
    pub fn create_checkout_session(&mut self, new: NewSession) -> Result<Value, Fault> { unimplemented!() }
    pub fn pay_session(&mut self, id: &str) -> Result<Value, Fault> { unimplemented!() }
    pub fn decline_session(&mut self, id: &str) -> Result<Value, Fault> { unimplemented!() }
    pub fn expire_session(&mut self, id: &str) -> Result<Value, Fault> { unimplemented!() }
    /// `Decline` stays until `Succeed` is set.
    pub fn set_payment_outcome(&mut self, customer: &str, outcome: Outcome) -> Result<(), Fault> { unimplemented!() }
    /// Tries again to collect an open invoice.
    pub fn pay_invoice(&mut self, id: &str) -> Result<Value, Fault> { unimplemented!() }
    pub fn cancel_subscription(&mut self, id: &str) -> Result<Value, Fault> { unimplemented!() }
    pub fn cancel_at_period_end(&mut self, id: &str, cancel: bool) -> Result<Value, Fault> { unimplemented!() }
    pub fn set_quantity(&mut self, subscription: &str, item: &str, quantity: u64) -> Result<Value, Fault> { unimplemented!() }
    /// `amount` `None`: all that is left. `of` is a charge, payment intent or checkout session.
    pub fn refund(&mut self, of: &str, amount: Option<i64>) -> Result<Value, Fault> { unimplemented!() }
    /// Any object by its id, as `GET` shows it.
    pub fn get(&self, id: &str) -> Option<Value> { unimplemented!() }
    /// Serves `object` as it is for a GET of its id; for recorded objects.
    pub fn plant(&mut self, object: Value) { unimplemented!() }
    /// Every event so far as its JSON, oldest first, from the `from`-th on.
    pub fn events(&self, from: usize) -> Vec<Value> { unimplemented!() }
}
