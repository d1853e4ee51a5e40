//! API versions: objects are kept in the newest shape, and shown in an older one by taking changes back, newest first.
//!
//! Only breaking changes are taken back: a property that Stripe adds later is there in every version, and so it is here
//! (docs.stripe.com/upgrades, "Backward-compatible changes").

mod basil;
mod before_2020;
mod before_acacia;
mod clover;
mod dahlia;
mod thin;

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::rendered::Rendered;
use super::{API_VERSION, Core};

/// A version that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(&'static str);

impl Default for Version {
    fn default() -> Self {
        Version(API_VERSION)
    }
}

/// Oldest first (docs.stripe.com/changelog). What came after [`API_VERSION`] in its train only added to it.
const RELEASED: &[&str] = &[
    "2019-02-19",
    "2019-03-14",
    "2019-05-16",
    "2019-08-14",
    "2019-09-09",
    "2019-10-08",
    "2019-10-17",
    "2019-11-05",
    "2019-12-03",
    "2020-03-02",
    "2020-08-27",
    "2022-08-01",
    "2022-11-15",
    "2023-08-16",
    "2023-10-16",
    "2024-04-10",
    "2024-06-20",
    "2024-09-30.acacia",
    "2024-10-28.acacia",
    "2024-11-20.acacia",
    "2024-12-18.acacia",
    "2025-01-27.acacia",
    "2025-02-24.acacia",
    "2025-03-31.basil",
    "2025-04-30.basil",
    "2025-05-28.basil",
    "2025-06-30.basil",
    "2025-07-30.basil",
    "2025-08-27.basil",
    "2025-09-30.clover",
    "2025-10-29.clover",
    "2025-11-17.clover",
    "2025-12-15.clover",
    "2026-01-28.clover",
    "2026-02-25.clover",
    "2026-03-25.dahlia",
    "2026-04-22.dahlia",
    "2026-05-27.dahlia",
    "2026-06-24.dahlia",
    "2026-07-29.dahlia",
    "2026-08-26.dahlia",
    API_VERSION,
    "2026-10-28.endive",
];

/// Takes one change back from an object of this kind: Stripe's `object`, such as `line_item`.
type Undo = fn(&Core, &str, &mut Map<String, Value>);

/// What changed with which version, newest first. What a change puts into an object is seen by those after it here.
const CHANGES: &[(&str, Undo)] = &[
    ("2026-03-25.dahlia", dahlia::session_ui_mode),
    ("2025-09-30.clover", clover::discount_source),
    ("2025-09-30.clover", clover::promotion_coupon),
    ("2025-03-31.basil", basil::subscription_period),
    ("2025-03-31.basil", basil::invoice_parent),
    ("2025-03-31.basil", basil::invoice_payments),
    ("2025-03-31.basil", basil::invoice_taxes),
    ("2025-03-31.basil", basil::item_parent),
    ("2025-03-31.basil", basil::line_parent),
    ("2025-03-31.basil", basil::line_pricing),
    ("2025-03-31.basil", basil::line_taxes),
    ("2025-03-31.basil", basil::first_discount),
    ("2025-03-31.basil", basil::phase_coupon),
    ("2025-03-31.basil", basil::payment_invoice),
    ("2025-03-31.basil", basil::session_shipping),
    ("2025-03-31.basil", basil::aggregate_usage),
    ("2024-04-10", before_acacia::product_features),
    ("2024-04-10", before_acacia::portal_pause),
    ("2024-04-10", before_acacia::invoice_rendering_options),
    ("2022-11-15", before_acacia::intent_charges),
    ("2022-11-15", before_acacia::charge_refunds),
    ("2022-08-01", before_acacia::session_shipping),
    ("2020-08-27", before_acacia::customer_lists),
    ("2020-08-27", before_acacia::plan_tiers),
    ("2020-08-27", before_acacia::tax_percent),
    ("2020-08-27", before_acacia::session_display_items),
    ("2019-12-03", before_2020::line_id),
    ("2019-12-03", before_2020::customer_tax),
    ("2019-11-05", before_2020::schedule_settings),
    ("2019-10-17", before_2020::schedule_renewal),
    ("2019-10-17", before_2020::billing),
    ("2019-10-17", before_2020::subscription_start),
    ("2019-10-17", before_2020::account_balance),
    ("2019-03-14", before_2020::invoice_date),
    ("2019-03-14", before_2020::invoice_finalized_at),
    ("2019-03-14", before_2020::invoice_application_fee),
];

impl Version {
    /// The first that is simulated.
    pub const OLDEST: Version = Version(RELEASED[0]);

    /// `None`: there is no such version, or it is older than what is simulated.
    pub fn parse(text: &str) -> Option<Version> {
        RELEASED.iter().find(|it| **it == text).map(|it| Version(it))
    }

    /// As `Stripe-Version` spells it.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl Core {
    /// An object that is in the newest shape, and everything in it, as this version shows it.
    pub fn show(&self, version: Version, mut object: Value) -> Value {
        for (since, undo) in CHANGES.iter().filter(|(since, _)| version.0 < *since) {
            debug_assert!(RELEASED.contains(since));
            self.undo(*undo, &mut object);
        }
        object
    }

    /// The same of a borrowed one, which is copied only if something is taken back.
    pub(super) fn shown<'a>(&self, version: Version, object: &'a Rendered) -> Cow<'a, Rendered> {
        if CHANGES.iter().all(|(since, _)| version.0 >= *since) {
            Cow::Borrowed(object)
        } else {
            Cow::Owned(self.show(version, object.clone().into()).into())
        }
    }

    fn undo(&self, undo: Undo, value: &mut Value) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(|one| self.undo(undo, one)),
            // Its content has the shapes of the version that it happened in.
            Value::Object(fields) if fields.get("object").is_some_and(|it| it == "event") => {}
            Value::Object(fields) => {
                fields.values_mut().for_each(|one| self.undo(undo, one));
                if let Some(Value::String(kind)) = fields.get("object") {
                    let kind = kind.clone();
                    undo(self, &kind, fields);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
