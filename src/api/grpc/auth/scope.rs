//! What a caller may do: the scopes, and which each method needs.

use std::fmt;

use crate::api::grpc::health::list;

/// A right to call some of the methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Sells, and opens the customer's portal.
    Checkout,
    /// Asks what customers may use.
    Read,
    /// Follows what customers may use.
    Watch,
    /// Explains, finds and overrides.
    Support,
    /// Operates the service itself.
    Operator,
}

use Scope::{Checkout, Operator, Read, Support, Watch};

impl Scope {
    /// Every one.
    pub const ALL: [Scope; 5] = [
        Scope::Checkout,
        Scope::Read,
        Scope::Watch,
        Scope::Support,
        Scope::Operator,
    ];

    /// The word in which it is written.
    pub fn word(self) -> &'static str {
        match self {
            Checkout => "checkout",
            Read => "read",
            Watch => "watch",
            Support => "support",
            Operator => "operator",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Some scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// What an application needs, and so what a caller has of whom no scope is said.
    pub const USUAL: &[Scope] = &[Checkout, Read, Watch];

    /// Whether the scope is among them.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

/// A method of our services.
#[derive(Clone, Copy, Debug)]
pub struct Rpc {
    /// As in a request's path.
    pub path: &'static str,
    /// What a caller needs for it.
    pub scope: Scope,
    /// For its row in `docs/rpcs.md`.
    pub does: &'static str,
    /// Whether, and how, it is safe to call again.
    pub retry: &'static str,
}

const fn rpc(path: &'static str, scope: Scope, does: &'static str, retry: &'static str) -> Rpc {
    Rpc {
        path,
        scope,
        does,
        retry,
    }
}

/// Every method. What is not here does not exist for callers: the door refuses it, whoever serves it.
#[rustfmt::skip]
pub const RPCS: &[Rpc] = &[
    rpc("/tollgate.v1.BillingService/CreateCheckout", Checkout, "opens a page on which the customer buys", "yes, with the same `request_id`"),
    rpc("/tollgate.v1.BillingService/GetCheckout", Checkout, "says what became of a checkout", "yes"),
    rpc("/tollgate.v1.BillingService/CreatePortalSession", Checkout, "opens Stripe's portal for the customer", "yes; each call opens another one"),
    rpc("/tollgate.v1.BillingService/GetEntitlement", Read, "answers for one customer and one feature", "yes"),
    rpc("/tollgate.v1.BillingService/CheckEntitlement", Read, "answers whether so much of a feature may be used", "yes"),
    rpc("/tollgate.v1.BillingService/ListEntitlements", Read, "answers for one customer and every feature", "yes"),
    rpc("/tollgate.v1.BillingService/BatchGetEntitlements", Read, "answers for many pairs of customer and feature", "yes"),
    rpc("/tollgate.v1.BillingService/WatchEntitlements", Watch, "streams answers and every change of them", "yes, with the last revision"),
    rpc("/tollgate.v1.BillingAdminService/ExplainEntitlement", Support, "says why a customer has a feature or has it not", "yes"),
    rpc("/tollgate.v1.BillingAdminService/SetOverride", Support, "decides a feature of a customer by hand", "yes; the same again changes nothing"),
    rpc("/tollgate.v1.BillingAdminService/DeleteOverride", Support, "takes an override back", "yes; the second time there is none"),
    rpc("/tollgate.v1.BillingAdminService/ListOverrides", Support, "lists overrides", "yes"),
    rpc("/tollgate.v1.BillingAdminService/ListAuditEntries", Support, "lists what people did", "yes"),
    rpc("/tollgate.v1.BillingAdminService/LinkCustomer", Support, "says whose one of Stripe's customers or objects is", "yes; the same again changes nothing"),
    rpc("/tollgate.v1.BillingAdminService/UnlinkCustomer", Support, "takes one of Stripe's customers from a customer", "yes; the second time there is none"),
    rpc("/tollgate.v1.BillingAdminService/FindCustomers", Support, "finds customers by id, Stripe's id or e-mail address", "yes"),
    rpc("/tollgate.v1.BillingAdminService/ListOddities", Support, "lists what a person should look at", "yes"),
    rpc("/tollgate.v1.BillingAdminService/ListEvents", Support, "lists Stripe's events and what became of them", "yes"),
    rpc("/tollgate.v1.BillingAdminService/GetEvent", Support, "shows an event with its body", "yes"),
    rpc("/tollgate.v1.BillingAdminService/ReplayEvents", Support, "has events applied once more", "yes; it is done again"),
    rpc("/tollgate.v1.BillingAdminService/EraseCustomer", Operator, "forgets a customer", "yes; the second time changes nothing"),
];

/// Everybody may ask whether the service lives and what it speaks: probes and tools have no token.
pub const OPEN: &[&str] = &[
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// Those of them that answer once.
pub const UNARY: &[&str] = &["/grpc.health.v1.Health/Check", list::PATH];
