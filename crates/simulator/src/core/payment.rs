//! Payments: the intents that stand for them, the attempts at them, and the charges that those make.

mod attempt;
mod charge;
mod intent;

pub(crate) use attempt::Attempt;
pub use charge::{Charge, ChargeStatus};
pub(crate) use intent::next_action;
pub use intent::{Confirm, Intent, IntentChange, IntentStatus, NewIntent};
