//! What a request is about, without whom: for spans and metrics.

/// The steps of Stripe's paths that are no ids. What is not here is shown as `{id}`, so that nothing that comes from outside
/// becomes a name.
const STEPS: &[&str] = &[
    "v1",
    "v2",
    "account",
    "billing_portal",
    "charges",
    "checkout",
    "configurations",
    "core",
    "customers",
    "disputes",
    "event_destinations",
    "events",
    "expire",
    "invoice_payments",
    "invoices",
    "line_items",
    "lines",
    "payment_intents",
    "prices",
    "products",
    "refunds",
    "sessions",
    "subscription_items",
    "subscriptions",
    "webhook_endpoints",
];

/// `/v1/customers/{id}`
pub(super) fn route(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let steps = path.split('/').skip(1);
    let named = steps.map(|step| {
        STEPS
            .iter()
            .find(|known| **known == step)
            .copied()
            .unwrap_or("{id}")
    });
    named.fold(String::new(), |route, step| route + "/" + step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_names_no_object_and_no_query() {
        assert_eq!(
            route("/v1/customers/cus_1?email=jane@example.com"),
            "/v1/customers/{id}"
        );
        assert_eq!(
            route("/v1/checkout/sessions/cs_1/line_items"),
            "/v1/checkout/sessions/{id}/line_items"
        );
        assert_eq!(route("/v1/subscription_items"), "/v1/subscription_items");
    }
}
