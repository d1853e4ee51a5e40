//! What a session's request says of the objects that come of it, and what of the session is only kept and shown.

use serde_json::{Value, json};

use super::super::params::Params;
use super::super::subscriptions::missing_payment_method;
use super::refuse_in_mode;
use crate::core::calendar::DAY;
use crate::core::{Fault, Metadata, Mode, NewSession};

/// `subscription_data`, `setup_intent_data`, `payment_intent_data`, each in its own mode. `now`: unix seconds.
pub fn read(new: &mut NewSession, params: &mut Params, now: i64) -> Result<(), Fault> {
    if let Some(mut data) = params.level("subscription_data")? {
        refuse_in_mode(new.mode, Mode::Subscription, "subscription_data")?;
        new.trial_days = trial_days(&mut data)?;
        new.trial_end = trial_end(&mut data, now)?;
        if new.trial_days.is_some() && new.trial_end.is_some() {
            let message = "You may only specify one of these parameters: trial_end, trial_period_days.";
            return Err(Fault::invalid(message).param(data.name("trial_end")).early());
        }
        new.subscription_description = data.text("description")?.filter(|it| !it.is_empty());
        new.missing_payment_method = missing_payment_method(&mut data)?.unwrap_or_default();
        new.subscription_metadata = nested_metadata(
            data,
            &[
                "application_fee_percent",
                "billing_cycle_anchor",
                "billing_mode",
                "default_tax_rates",
                "invoice_settings",
                "on_behalf_of",
                "proration_behavior",
                "transfer_data",
            ],
        )?;
    }
    if let Some(data) = params.level("setup_intent_data")? {
        refuse_in_mode(new.mode, Mode::Setup, "setup_intent_data")?;
        new.setup_intent_metadata = nested_metadata(data, &["description", "on_behalf_of"])?;
    }
    if let Some(mut data) = params.level("payment_intent_data")? {
        refuse_in_mode(new.mode, Mode::Payment, "payment_intent_data")?;
        new.payment_intent_description = data.text("description")?.filter(|it| !it.is_empty());
        let usage = ["off_session", "on_session"].map(|word| (word, word));
        new.setup_future_usage = data.one_of("setup_future_usage", &usage)?;
        data.one_of("capture_method", &[("automatic", ()), ("automatic_async", ())])?;
        new.payment_intent_metadata = nested_metadata(
            data,
            &[
                "application_fee_amount",
                "on_behalf_of",
                "receipt_email",
                "shipping",
                "statement_descriptor",
                "statement_descriptor_suffix",
                "transfer_data",
                "transfer_group",
            ],
        )?;
    }
    Ok(())
}

fn trial_days(data: &mut Params) -> Result<Option<u32>, Fault> {
    let days: Option<u32> = data.integer("trial_period_days")?;
    if days.is_some_and(|days| !(1..=730).contains(&days)) {
        let message = "Invalid trial_period_days: must be between 1 and 730";
        return Err(Fault::invalid(message)
            .param(data.name("trial_period_days"))
            .early());
    }
    Ok(days)
}

/// docs.stripe.com/api/checkout/sessions/create: at least 48 hours ahead.
fn trial_end(data: &mut Params, now: i64) -> Result<Option<i64>, Fault> {
    let end: Option<i64> = data.instant("trial_end")?;
    if end.is_some_and(|end| end < now + 2 * DAY) {
        let message = "The `trial_end` date has to be at least 2 days in the future.";
        return Err(Fault::invalid(message).param(data.name("trial_end")));
    }
    Ok(end)
}

fn nested_metadata(mut data: Params, not_simulated: &[&str]) -> Result<Metadata, Fault> {
    let metadata = data.metadata()?.set;
    data.not_simulated(not_simulated)?;
    data.finish()?;
    Ok(metadata)
}

/// Words that the page would heed, and features that are there only switched off.
pub fn shown(new: &mut NewSession, params: &mut Params) -> Result<(), Fault> {
    if let Some(locale) = params.text("locale")? {
        new.shown.insert("locale".into(), json!(locale));
    }
    let submit = ["auto", "book", "donate", "pay", "subscribe"].map(|word| (word, word));
    if let Some(word) = params.one_of("submit_type", &submit)? {
        new.shown.insert("submit_type".into(), json!(word));
    }
    if let Some(word) = params.one_of("billing_address_collection", &[("auto", "auto")])? {
        new.shown.insert("billing_address_collection".into(), json!(word));
    }
    for name in [
        "automatic_tax",
        "phone_number_collection",
        "tax_id_collection",
        "adaptive_pricing",
    ] {
        let Some(mut feature) = params.level(name)? else {
            continue;
        };
        if feature.boolean("enabled")? == Some(true) {
            let what = format!("the parameter `{name}[enabled]=true`");
            return Err(Fault::not_simulated(&what).param(feature.name("enabled")));
        }
        feature.finish()?;
    }
    if let Some(mut text) = params.level("custom_text")? {
        let mut shown = json!({
            "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null,
        });
        for name in [
            "after_submit",
            "shipping_address",
            "submit",
            "terms_of_service_acceptance",
        ] {
            if text.clears(name) {
                continue;
            }
            if let Some(mut part) = text.level(name)? {
                shown[name] = json!({ "message": part.required("message")? });
                part.finish()?;
            }
        }
        text.finish()?;
        new.shown.insert("custom_text".into(), shown);
    }
    customer(new, params)
}

/// What becomes of the customer: `customer_creation`, `customer_update`.
fn customer(new: &mut NewSession, params: &mut Params) -> Result<(), Fault> {
    let words = [("always", true), ("if_required", false)];
    let creation = params.one_of("customer_creation", &words)?;
    let refuse = |message: &str, param: &str| Err(Fault::invalid(message).param(param).early());
    if creation.is_some() && new.mode == Mode::Subscription {
        return refuse(
            "`customer_creation` can only be used in `payment` and `setup` mode.",
            "customer_creation",
        );
    }
    if creation.is_some() && new.customer.is_some() {
        let message = "You may only specify one of these parameters: customer, customer_creation.";
        return refuse(message, "customer_creation");
    }
    new.always_customer = creation.unwrap_or(false);
    if let Some(mut update) = params.level("customer_update")? {
        if new.customer.is_none() {
            return refuse(
                "`customer_update` can only be used with `customer`.",
                "customer_update",
            );
        }
        // The page collects none of these, so there is nothing to save.
        for name in ["address", "name", "shipping"] {
            update.one_of(name, &[("auto", ()), ("never", ())])?;
        }
        update.finish()?;
    }
    Ok(())
}

/// `adjustable_quantity` of a line item: between which quantities the person may choose.
pub fn adjustable_quantity(item: &mut Params) -> Result<Option<(u64, u64)>, Fault> {
    let Some(mut adjustable) = item.level("adjustable_quantity")? else {
        return Ok(None);
    };
    let enabled = adjustable.boolean("enabled")?;
    if enabled.is_none() {
        adjustable.missing("enabled");
    }
    let least = adjustable.integer("minimum")?.unwrap_or(0);
    let most = adjustable.integer("maximum")?.unwrap_or(99);
    if least > most || most > 999_999 {
        let message = "`minimum` must be at most `maximum`, and `maximum` at most 999999.";
        return Err(Fault::invalid(message).param(adjustable.name("maximum")).early());
    }
    adjustable.finish()?;
    Ok((enabled == Some(true)).then_some((least, most)))
}

/// `customer_details[email]` of a list.
pub fn email(params: &mut Params) -> Result<Option<Value>, Fault> {
    let Some(mut details) = params.level("customer_details")? else {
        return Ok(None);
    };
    let email = details.required("email")?;
    details.finish()?;
    Ok(Some(json!(email)))
}
