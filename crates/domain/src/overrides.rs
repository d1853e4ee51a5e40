//! Access allowed or denied by hand; wins over everything that Stripe says.

use serde::{Deserialize, Serialize};

use crate::catalog::Value;
use crate::id::FeatureId;
use crate::time::Timestamp;

/// One feature of one customer, decided by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub feature: FeatureId,
    /// `Some`: allowed with this value. `None`: denied.
    pub allow: Option<Value>,
    /// From this instant on it is as if it had never been; `None`: for ever.
    pub expires_at: Option<Timestamp>,
}
