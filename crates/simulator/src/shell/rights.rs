//! Restricted keys: what each may do, and how Stripe refuses the rest.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::authentication::masked;
use crate::core::{ACCOUNT, Fault};

/// A key that is known by name; its mode is in the name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    key: String,
    /// `customers:read`, and `customers:write`, which is both; none: may do everything.
    permissions: Option<Vec<String>>,
    /// Whose it is. What it sees is the same.
    account: Option<String>,
}

struct Key {
    permissions: Option<HashSet<String>>,
    account: String,
}

/// The keys that are known by name.
#[derive(Default)]
pub struct Rights {
    keys: HashMap<String, Key>,
    revoked: HashSet<String>,
}

/// What a permission is called in `NewKey`, at which paths it is asked for, and Stripe's word for it.
const RESOURCES: &[(&str, &[&str], &str)] = &[
    ("account", &["account"], "accounts_kyc_basic"),
    ("charges", &["charges", "refunds"], "charge"),
    ("checkout_sessions", &["checkout/sessions"], "checkout_session"),
    ("customers", &["customers"], "customer"),
    ("disputes", &["disputes"], "dispute"),
    ("entitlements", &["entitlements"], "entitlement"),
    ("events", &["events"], "event"),
    (
        "invoices",
        &["invoices", "invoiceitems", "invoice_payments"],
        "invoice",
    ),
    ("payment_intents", &["payment_intents"], "payment_intent"),
    ("setup_intents", &["setup_intents"], "setup_intent"),
    ("payment_methods", &["payment_methods"], "payment_method"),
    ("portal", &["billing_portal"], "customer_portal"),
    ("prices", &["prices", "plans"], "plan"),
    ("products", &["products"], "product"),
    (
        "subscriptions",
        &["subscriptions", "subscription_items"],
        "subscription",
    ),
    ("webhook_endpoints", &["webhook_endpoints"], "webhook"),
];

impl Rights {
    /// # Errors
    /// A permission that nothing here asks for.
    pub fn add(&mut self, new: NewKey) -> Result<(), Fault> {
        for permission in new.permissions.iter().flatten() {
            let known = permission.split_once(':').is_some_and(|(resource, access)| {
                RESOURCES.iter().any(|(name, ..)| *name == resource) && matches!(access, "read" | "write")
            });
            if !known {
                let message = format!("`{permission}` is no permission; write customers:read.");
                return Err(Fault::invalid(message).param("permissions"));
            }
        }
        let key = Key {
            permissions: new.permissions.map(|all| all.into_iter().collect()),
            account: new.account.unwrap_or_else(|| ACCOUNT.to_owned()),
        };
        self.revoked.remove(&new.key);
        self.keys.insert(new.key, key);
        Ok(())
    }

    /// From now on the key is refused as expired.
    pub fn revoke(&mut self, key: &str) {
        self.revoked.insert(key.to_owned());
    }

    pub fn revoked(&self, key: &str) -> bool {
        self.revoked.contains(key)
    }

    pub fn knows(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    pub fn account(&self, key: &str) -> &str {
        self.keys.get(key).map_or(ACCOUNT, |key| &key.account)
    }

    /// Before anything else is looked at, as at Stripe.
    ///
    /// # Errors
    /// The key may not do this.
    pub fn check(&self, key: &str, method: &str, path: &str) -> Result<(), Fault> {
        let Some(known) = self.keys.get(key) else {
            return Ok(());
        };
        let Some(permissions) = &known.permissions else {
            return Ok(());
        };
        let path = path.trim_start_matches("/v1/");
        let at = |prefix: &&&str| {
            path.strip_prefix(**prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let found = RESOURCES
            .iter()
            .find(|(_, paths, _)| paths.iter().any(|it| at(&it)));
        let Some((resource, _, word)) = found else {
            return Ok(());
        };
        let write = permissions.contains(&format!("{resource}:write"));
        let (access, allowed) = if method == "GET" {
            ("read", write || permissions.contains(&format!("{resource}:read")))
        } else {
            ("write", write)
        };
        if allowed {
            return Ok(());
        }
        let masked = masked(key);
        let message = format!(
            "The provided key '{masked}' does not have the required permissions for this endpoint on account \
             '{}'. Having the 'rak_{word}_{access}' permission would allow this request to continue.",
            known.account
        );
        Err(Fault::other(403, "invalid_request_error", message).early())
    }
}
