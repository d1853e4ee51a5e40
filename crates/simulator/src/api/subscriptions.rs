//! `/v1/subscriptions`.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{
    Core, Fault, MissingPaymentMethod, NewSubscription, PaymentBehavior, SubscriptionChange, When,
};

const NOT_SIMULATED: &[&str] = &[
    "add_invoice_items",
    "application_fee_percent",
    "automatic_tax",
    "backdate_start_date",
    "billing_cycle_anchor",
    "billing_cycle_anchor_config",
    "billing_mode",
    "billing_thresholds",
    "currency",
    "days_until_due",
    "default_payment_method",
    "default_source",
    "default_tax_rates",
    "description",
    "discounts",
    "invoice_settings",
    "on_behalf_of",
    "pause_collection",
    "payment_settings",
    "pending_invoice_item_interval",
    "proration_date",
    "transfer_data",
    "trial_end",
    "trial_from_plan",
];

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("DELETE", [id]) => cancel(core, id, params),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let mut items = Vec::new();
    let customer = params.required("customer")?;
    for mut item in params.levels("items")? {
        item.not_simulated(&[
            "price_data",
            "billing_thresholds",
            "discounts",
            "metadata",
            "plan",
            "tax_rates",
        ])?;
        items.push((item.required("price")?, item.integer("quantity")?.unwrap_or(1)));
        item.finish()?;
    }
    let behavior = params.one_of(
        "payment_behavior",
        &[
            ("allow_incomplete", PaymentBehavior::AllowIncomplete),
            ("default_incomplete", PaymentBehavior::DefaultIncomplete),
            ("error_if_incomplete", PaymentBehavior::ErrorIfIncomplete),
        ],
    )?;
    let new = NewSubscription {
        customer,
        items,
        metadata: params.metadata()?.set,
        trial_days: params.integer("trial_period_days")?,
        missing_payment_method: missing_payment_method(params)?.unwrap_or_default(),
        payment_behavior: behavior.unwrap_or_default(),
        ..NewSubscription::default()
    };
    let end = end(params)?;
    ignorable(params)?;
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    let created = core.create_subscription(new)?;
    match (end, created["id"].as_str()) {
        (Some(When::Never) | None, _) | (_, None) => Ok(created),
        (end, Some(id)) => core.update_subscription(
            id,
            SubscriptionChange {
                end,
                ..Default::default()
            },
        ),
    }
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let mut items = Vec::new();
    for mut item in params.levels("items")? {
        item.not_simulated(&[
            "price_data",
            "billing_thresholds",
            "discounts",
            "metadata",
            "plan",
            "tax_rates",
        ])?;
        item.not_simulated(&["deleted", "clear_usage"])?;
        let Some(item_id) = item.text("id")? else {
            return Err(Fault::not_simulated("adding items to a subscription").param("items"));
        };
        items.push((item_id, item.text("price")?, item.integer("quantity")?));
        item.finish()?;
    }
    let proration = params.text("proration_behavior")?;
    if !items.is_empty() && proration.as_deref() != Some("none") {
        let what = "proration (send `proration_behavior=none`)";
        return Err(Fault::not_simulated(what).param("proration_behavior"));
    }
    let change = SubscriptionChange {
        end: end(params)?,
        comment: comment(params)?,
        metadata: params.metadata()?,
        missing_payment_method: missing_payment_method(params)?,
        items,
    };
    params.not_simulated(&["payment_behavior"])?;
    ignorable(params)?;
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.update_subscription(id, change)
}

/// Parameters that mean nothing here when they have these values.
fn ignorable(params: &mut Params) -> Result<(), Fault> {
    params.boolean("off_session")?;
    match params.text("collection_method")?.as_deref() {
        None | Some("charge_automatically") => Ok(()),
        Some(_) => Err(Fault::not_simulated("`collection_method=send_invoice`").param("collection_method")),
    }
}

/// Both spellings of an announced end.
fn end(params: &mut Params) -> Result<Option<When>, Fault> {
    let at_period_end = params.boolean("cancel_at_period_end")?;
    let at = params.text("cancel_at")?;
    match (at_period_end, at.as_deref()) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: cancel_at, cancel_at_period_end.";
            Err(Fault::invalid(message).param("cancel_at").early())
        }
        (Some(true), None) => Ok(Some(When::PeriodEnd)),
        (Some(false), None) | (None, Some("")) => Ok(Some(When::Never)),
        (None, Some("min_period_end" | "max_period_end")) => {
            Err(Fault::not_simulated("`cancel_at` as a word").param("cancel_at"))
        }
        (None, Some(at)) => {
            let fault = || {
                Fault::invalid(format!("Invalid integer: {at}"))
                    .param("cancel_at")
                    .early()
            };
            Ok(Some(When::At(at.parse().map_err(|_| fault())?)))
        }
        (None, None) => Ok(None),
    }
}

fn comment(params: &mut Params) -> Result<Option<String>, Fault> {
    let Some(mut details) = params.level("cancellation_details")? else {
        return Ok(None);
    };
    let comment = details.text("comment")?;
    details.not_simulated(&["feedback"])?;
    details.finish()?;
    Ok(comment)
}

fn missing_payment_method(params: &mut Params) -> Result<Option<MissingPaymentMethod>, Fault> {
    let Some(mut settings) = params.level("trial_settings")? else {
        return Ok(None);
    };
    let Some(mut behavior) = settings.level("end_behavior")? else {
        return Ok(None);
    };
    let words = MissingPaymentMethod::ALL.map(|it| (it.as_str(), it));
    let missing = behavior.one_of("missing_payment_method", &words)?;
    behavior.finish()?;
    settings.finish()?;
    Ok(missing)
}

fn cancel(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    if params.boolean("invoice_now")? == Some(true) || params.boolean("prorate")? == Some(true) {
        return Err(Fault::not_simulated("a prorated invoice at cancellation"));
    }
    let comment = comment(params)?;
    params.finish()?;
    core.cancel_subscription_with(id, comment)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    let price = params.text("price")?;
    let status = params.text("status")?;
    params.not_simulated(&[
        "automatic_tax",
        "collection_method",
        "current_period_end",
        "current_period_start",
        "plan",
    ])?;
    let clock = params.text("test_clock")?;
    let page = Page::read(params)?;
    let rows: Box<dyn Iterator<Item = _>> = match &customer {
        Some(customer) => Box::new(core.subscriptions().of(customer).rev()),
        None => Box::new(core.subscriptions().all().rev()),
    };
    let rows = rows.filter(|it| match status.as_deref() {
        None => it.status.as_str() != "canceled",
        Some("all") => true,
        Some("ended") => it.status.is_terminal(),
        Some(status) => it.status.as_str() == status,
    });
    let rows = rows.filter(|it| {
        price
            .as_ref()
            .is_none_or(|price| it.items.iter().any(|i| i.price == *price))
    });
    let rows = rows.filter(|it| match (core.test_clock_of(&it.customer), &clock) {
        (on, Some(asked)) => on == Some(asked),
        (on, None) => on.is_none() || customer.is_some(),
    });
    page.cut(core, "/v1/subscriptions", rows)
}
