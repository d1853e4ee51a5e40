//! What changed with the dates of 2019 (docs.stripe.com/changelog, "Previous versions").
//!
//! Not taken back, for the changelog does not say what was shown before: a `due_date` of invoices that are charged
//! (docs.stripe.com/changelog/2019-10-17/invoice-due-date-null). What else these dates changed is of Connect, or is not in
//! an object's shape.

use serde_json::{Map, Value, json};

use crate::core::Core;

/// A line had the id of what it was made of, and its own was `unique_id`
/// (docs.stripe.com/changelog/2019-12-03/standardizes-invoice-line-item-ids).
pub fn line_id(_: &Core, kind: &str, line: &mut Map<String, Value>) {
    if kind != "line_item" {
        return;
    }
    let Some(id) = line.get("id").and_then(Value::as_str).map(str::to_owned) else {
        return;
    };
    let item = line.get("invoice_item").filter(|it| it.is_string()).cloned();
    let of_subscription = || json!(id.replacen("il_", "sli_", 1));
    line.insert("id".into(), item.unwrap_or_else(of_subscription));
    line.insert("unique_id".into(), json!(id));
}

/// A customer had one tax id
/// (docs.stripe.com/changelog/2019-12-03/removes-deprecated-tax-information-fields).
pub fn customer_tax(_: &Core, kind: &str, customer: &mut Map<String, Value>) {
    if kind == "customer" && !customer.contains_key("deleted") {
        customer.insert("tax_info".into(), Value::Null);
        customer.insert("tax_info_verification".into(), Value::Null);
    }
}

/// A schedule's settings were its own and not in `default_settings`
/// (docs.stripe.com/changelog/2019-11-05/nests-subscription-schedule-settings).
pub fn schedule_settings(_: &Core, kind: &str, schedule: &mut Map<String, Value>) {
    if kind == "subscription_schedule"
        && let Some(settings) = schedule.remove("default_settings")
    {
        for name in [
            "billing_thresholds",
            "collection_method",
            "default_payment_method",
            "invoice_settings",
        ] {
            schedule.insert(name.into(), settings[name].clone());
        }
    }
}

/// `end_behavior` was `renewal_behavior`, whose `none` canceled
/// (docs.stripe.com/changelog/2019-10-17/updates-subscription-renewal-properties).
pub fn schedule_renewal(_: &Core, kind: &str, schedule: &mut Map<String, Value>) {
    if kind == "subscription_schedule"
        && let Some(end) = schedule.remove("end_behavior")
    {
        let renewal = if end == "cancel" { json!("none") } else { end };
        schedule.insert("renewal_behavior".into(), renewal);
        schedule.insert("renewal_interval".into(), Value::Null);
    }
}

/// `collection_method` was `billing`, and for its last months beside it
/// (docs.stripe.com/changelog/2019-10-17/renames-billing-attribute).
pub fn billing(_: &Core, kind: &str, object: &mut Map<String, Value>) {
    if ["invoice", "subscription", "subscription_schedule"].contains(&kind)
        && let Some(method) = object.get("collection_method").cloned()
    {
        object.insert("billing".into(), method);
    }
}

/// `start_date` took the place of `start`, when the subscription last changed in substance: of that nothing is kept, and
/// so it is when it began (docs.stripe.com/changelog/2019-10-17/replaces-subscription-start-field).
pub fn subscription_start(_: &Core, kind: &str, subscription: &mut Map<String, Value>) {
    if kind == "subscription"
        && let Some(start) = subscription.get("start_date").cloned()
    {
        subscription.insert("start".into(), start);
    }
}

/// `balance` was `account_balance`, and for its last months beside it
/// (docs.stripe.com/changelog/2019-10-17/renames-account-balance-customer-object).
pub fn account_balance(_: &Core, kind: &str, customer: &mut Map<String, Value>) {
    if kind == "customer"
        && let Some(balance) = customer.get("balance").cloned()
    {
        customer.insert("account_balance".into(), balance);
    }
}

/// An invoice's `created` was `date` (docs.stripe.com/changelog/2019-03-14/renames-date-field-invoices-created).
pub fn invoice_date(_: &Core, kind: &str, invoice: &mut Map<String, Value>) {
    if kind == "invoice"
        && let Some(created) = invoice.remove("created")
    {
        invoice.insert("date".into(), created);
    }
}

/// `finalized_at` moved into `status_transitions`, which came with it
/// (docs.stripe.com/changelog/2019-03-14/invoices-specify-finalized-alongside-status-transitions).
pub fn invoice_finalized_at(_: &Core, kind: &str, invoice: &mut Map<String, Value>) {
    if kind == "invoice"
        && let Some(transitions) = invoice.remove("status_transitions")
    {
        invoice.insert("finalized_at".into(), transitions["finalized_at"].clone());
    }
}

/// `application_fee_amount` was `application_fee`
/// (docs.stripe.com/changelog/2019-03-14/renames-application-fee-invoices-application-fee-amount).
pub fn invoice_application_fee(_: &Core, kind: &str, invoice: &mut Map<String, Value>) {
    if kind == "invoice"
        && let Some(fee) = invoice.remove("application_fee_amount")
    {
        invoice.insert("application_fee".into(), fee);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Version;
    use super::*;

    fn shown(version: &str, object: Value) -> Value {
        Core::new(1, 0).show(Version::parse(version).unwrap(), object)
    }

    #[test]
    fn before_2019_12_03_a_line_has_the_id_of_what_it_was_made_of() {
        let line = json!({ "object": "line_item", "id": "il_1", "invoice_item": "ii_1" });
        let older = shown("2019-11-05", line.clone());
        assert_eq!(
            (&older["id"], &older["unique_id"]),
            (&json!("ii_1"), &json!("il_1"))
        );
        let older = shown("2019-11-05", json!({ "object": "line_item", "id": "il_1" }));
        assert_eq!(
            (&older["id"], &older["unique_id"]),
            (&json!("sli_1"), &json!("il_1"))
        );
        assert_eq!(shown("2019-12-03", line)["id"], "il_1");
    }

    #[test]
    fn before_2019_12_03_a_customer_has_one_tax_id_and_a_deleted_one_none() {
        let older = shown("2019-11-05", json!({ "object": "customer" }));
        assert_eq!(
            (older.get("tax_info"), older.get("tax_info_verification")),
            (Some(&Value::Null), Some(&Value::Null))
        );
        let deleted = json!({ "object": "customer", "deleted": true, "id": "cus_1" });
        assert_eq!(shown("2019-11-05", deleted.clone()), deleted);
    }

    #[test]
    fn before_2019_11_05_a_schedules_settings_are_its_own_and_before_2019_10_17_it_renews() {
        let settings =
            json!({ "collection_method": "send_invoice", "invoice_settings": { "days_until_due": 3 } });
        let schedule = |end: &str| json!({ "object": "subscription_schedule", "default_settings": settings, "end_behavior": end });
        let older = shown("2019-10-17", schedule("cancel"));
        assert_eq!(older["collection_method"], "send_invoice");
        assert_eq!(older["invoice_settings"]["days_until_due"], 3);
        assert!(older.get("default_settings").is_none() && older.get("billing").is_none());
        assert_eq!(older["end_behavior"], "cancel");
        let oldest = shown("2019-10-08", schedule("cancel"));
        assert_eq!(
            (&oldest["renewal_behavior"], &oldest["billing"]),
            (&json!("none"), &json!("send_invoice"))
        );
        assert!(oldest.get("end_behavior").is_none());
        assert_eq!(oldest.get("renewal_interval"), Some(&Value::Null));
        assert_eq!(
            shown("2019-10-08", schedule("release"))["renewal_behavior"],
            "release"
        );
    }

    #[test]
    fn before_2019_10_17_billing_start_and_account_balance_are_shown() {
        let subscription =
            json!({ "object": "subscription", "collection_method": "send_invoice", "start_date": 7 });
        let older = shown("2019-10-08", subscription.clone());
        assert_eq!(
            (&older["billing"], &older["start"]),
            (&json!("send_invoice"), &json!(7))
        );
        let newer = shown("2019-10-17", subscription);
        assert!(newer.get("billing").is_none() && newer.get("start").is_none());
        let customer = json!({ "object": "customer", "balance": -5 });
        assert_eq!(shown("2019-10-08", customer)["account_balance"], -5);
    }

    #[test]
    fn before_2019_03_14_an_invoice_has_its_date_and_the_instant_of_its_finalization() {
        let invoice =
            json!({ "object": "invoice", "created": 3, "status_transitions": { "finalized_at": 5 } });
        let older = shown("2019-02-19", invoice.clone());
        assert_eq!((&older["date"], &older["finalized_at"]), (&json!(3), &json!(5)));
        assert_eq!(older.get("application_fee"), Some(&Value::Null));
        for newer in ["created", "status_transitions", "application_fee_amount"] {
            assert!(older.get(newer).is_none(), "{newer}");
        }
        assert_eq!(shown("2019-03-14", invoice)["created"], 3);
    }
}
