//! The callers' own names: customers, plans, features.

use serde::{Deserialize, Serialize};

/// A name that breaks the rules; the text says which rule.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct InvalidId(String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $valid:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the form.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId(format!(concat!($rule, ", got {:?}"), text.chars().take(140).collect::<String>())))
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn snake(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

id! {
    /// The caller's own id for who pays: a user, a team, a tenant.
    CustomerId,
    |text| {
        text.len() <= 128
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.:@-".contains(c))
    },
    "a customer is 1 to 128 of A-Z a-z 0-9 _ . : @ - and begins with a letter or digit"
}
id! {
    /// What a plan grants.
    FeatureId,
    snake,
    "a feature is 1 to 63 of a-z 0-9 _ and begins with a letter"
}
id! {
    /// What is sold.
    PlanId,
    snake,
    "a plan is 1 to 63 of a-z 0-9 _ and begins with a letter"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_callers_own_ids_within_limits() {
        for good in ["acme", "7", "user:42@eu-west.1"] {
            assert_eq!(CustomerId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "-acme", "a b", "ä", &"x".repeat(129)] {
            assert!(CustomerId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn features_and_plans_are_snake_case() {
        assert!(FeatureId::parse("sso_2").is_ok());
        for bad in ["", "SSO", "2fa", "a-b", &"x".repeat(64)] {
            assert!(FeatureId::parse(bad).is_err(), "{bad}");
            assert!(PlanId::parse(bad).is_err(), "{bad}");
        }
    }
}
