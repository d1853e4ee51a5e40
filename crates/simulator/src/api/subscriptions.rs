//! `/v1/subscriptions`.

use super::coupons::discounts;
use super::list::Page;
use super::params::Params;
use super::price_data::{self, Inline};
use super::{Answer, Routed};
use crate::core::{
    BillingMode, Core, CycleAnchor, Ending, Fault, ItemChange, MissingPaymentMethod, NewSubscription, Pause,
    PauseBehavior, PaymentBehavior, Proration, SubscriptionChange, TrialEnd, When,
};

const ITEM_NOT_SIMULATED: &[&str] = &["billing_thresholds", "discounts", "plan", "tax_rates"];

pub(super) const FEEDBACK: [&str; 8] = [
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
];

const NOT_SIMULATED: &[&str] = &[
    "application_fee_percent",
    "automatic_tax",
    "backdate_start_date",
    "billing_cycle_anchor_config",
    "billing_thresholds",
    "currency",
    "default_source",
    "default_tax_rates",
    "invoice_settings",
    "on_behalf_of",
    "pending_invoice_item_interval",
    "transfer_data",
    "trial_from_plan",
];

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("DELETE", [id, "discount"]) => params
            .finish()
            .and_then(|()| core.delete_subscription_discount(id)),
        ("POST", [id, "resume"]) => resume(core, id, params),
        ("DELETE", [id]) => cancel(core, id, params),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let mut items = Vec::new();
    let customer = params.required("customer")?;
    for mut item in params.levels("items")? {
        item.not_simulated(ITEM_NOT_SIMULATED)?;
        item.not_simulated(&["metadata"])?;
        let price = price_data::required(core, &mut item, Inline::Recurring)?;
        items.push((price, item.integer("quantity")?.unwrap_or(1)));
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
        once: once(core, params)?,
        metadata: params.metadata()?.set,
        description: params.text("description")?.filter(|it| !it.is_empty()),
        payment_method: params.text("default_payment_method")?.filter(|it| !it.is_empty()),
        saves_method: saves_method(params)?.unwrap_or_default(),
        trial_days: params.integer("trial_period_days")?,
        missing_payment_method: missing_payment_method(params)?.unwrap_or_default(),
        payment_behavior: behavior.unwrap_or_default(),
        billing_mode: billing_mode(params)?.unwrap_or_default(),
        discounts: discounts(params)?.unwrap_or_default(),
        trial_end: match trial_end(params)? {
            Some(TrialEnd::At(at)) => Some(at),
            Some(TrialEnd::Now) | None => None,
        },
        anchor: params.instant("billing_cycle_anchor")?,
        proration: params
            .one_of("proration_behavior", &Proration::WORDS)?
            .unwrap_or_default(),
        days_until_due: collection(params)?.flatten(),
        ..NewSubscription::default()
    };
    let end = end(params)?;
    params.boolean("off_session")?;
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
        items.push(ItemChange {
            id: item.text("id")?,
            ..item_change(core, &mut item)?
        });
        item.finish()?;
    }
    let (comment, feedback) = cancellation_details(params)?;
    let change = SubscriptionChange {
        end: end(params)?,
        comment,
        feedback,
        metadata: params.metadata()?,
        description: params.text("description")?,
        once: once(core, params)?,
        missing_payment_method: missing_payment_method(params)?,
        payment_method: params.text("default_payment_method")?,
        saves_method: saves_method(params)?,
        items,
        anchor: params.one_of(
            "billing_cycle_anchor",
            &[("now", CycleAnchor::Now), ("unchanged", CycleAnchor::Unchanged)],
        )?,
        trial_end: trial_end(params)?,
        discounts: discounts(params)?,
        pause: pause(params)?,
        days_until_due: collection(params)?,
        ..terms(params)?
    };
    params.boolean("off_session")?;
    params.not_simulated(NOT_SIMULATED)?;
    params.not_simulated(&["billing_mode"])?;
    params.finish()?;
    core.update_subscription(id, change)
}

/// `add_invoice_items`
fn once(core: &mut Core, params: &mut Params) -> Result<Vec<(String, u64)>, Fault> {
    let mut once = Vec::new();
    for mut item in params.levels("add_invoice_items")? {
        let price = price_data::required(core, &mut item, Inline::OneTime)?;
        once.push((price, item.integer("quantity")?.unwrap_or(1)));
        item.not_simulated(&["discounts", "metadata", "period", "tax_rates"])?;
        item.finish()?;
    }
    Ok(once)
}

/// What an item of an update can say of itself, but for its id.
pub fn item_change(core: &mut Core, item: &mut Params) -> Result<ItemChange, Fault> {
    item.not_simulated(ITEM_NOT_SIMULATED)?;
    item.not_simulated(&["clear_usage"])?;
    Ok(ItemChange {
        id: None,
        price: price_data::price(core, item, Inline::Recurring)?,
        quantity: item.integer("quantity")?,
        metadata: item.metadata()?,
        deleted: item.boolean("deleted")?.unwrap_or_default(),
    })
}

/// On what terms items change.
pub fn terms(params: &mut Params) -> Result<SubscriptionChange, Fault> {
    let behaviors = [
        ("allow_incomplete", PaymentBehavior::AllowIncomplete),
        ("default_incomplete", PaymentBehavior::DefaultIncomplete),
        ("error_if_incomplete", PaymentBehavior::ErrorIfIncomplete),
        ("pending_if_incomplete", PaymentBehavior::PendingIfIncomplete),
    ];
    Ok(SubscriptionChange {
        proration: params
            .one_of("proration_behavior", &Proration::WORDS)?
            .unwrap_or_default(),
        proration_date: params.instant("proration_date")?,
        payment_behavior: params.one_of("payment_behavior", &behaviors)?.unwrap_or_default(),
        ..SubscriptionChange::default()
    })
}

fn trial_end(params: &mut Params) -> Result<Option<TrialEnd>, Fault> {
    match params.text("trial_end")?.as_deref() {
        None => Ok(None),
        Some("now") => Ok(Some(TrialEnd::Now)),
        Some(at) => at.parse().map(|at| Some(TrialEnd::At(at))).map_err(|_| {
            let fault = Fault::invalid(format!("Invalid integer: {at}"));
            fault.param("trial_end").early()
        }),
    }
}

/// `collection_method` and `days_until_due`.
fn collection(params: &mut Params) -> Result<Option<Option<u32>>, Fault> {
    let sends = params.one_of(
        "collection_method",
        &[("charge_automatically", false), ("send_invoice", true)],
    )?;
    let days: Option<u32> = params.integer("days_until_due")?;
    match (sends, days) {
        (Some(true), None) => {
            params.missing("days_until_due");
            Ok(None)
        }
        (Some(false), Some(_)) => {
            let message = "`days_until_due` goes with `collection_method=send_invoice` only.";
            Err(Fault::invalid(message).param("days_until_due"))
        }
        (Some(false), None) => Ok(Some(None)),
        (_, Some(days)) => Ok(Some(Some(days))),
        (None, None) => Ok(None),
    }
}

fn saves_method(params: &mut Params) -> Result<Option<bool>, Fault> {
    let Some(mut settings) = params.level("payment_settings")? else {
        return Ok(None);
    };
    let words = [("off", false), ("on_subscription", true)];
    let saves = settings.one_of("save_default_payment_method", &words)?;
    settings.not_simulated(&["payment_method_options", "payment_method_types"])?;
    settings.finish()?;
    Ok(saves)
}

fn pause(params: &mut Params) -> Result<Option<Option<Pause>>, Fault> {
    if params.clears("pause_collection") {
        return Ok(Some(None));
    }
    let Some(mut pause) = params.level("pause_collection")? else {
        return Ok(None);
    };
    let words = [
        ("keep_as_draft", PauseBehavior::KeepAsDraft),
        ("mark_uncollectible", PauseBehavior::MarkUncollectible),
        ("void", PauseBehavior::Void),
    ];
    let behavior = pause.one_of("behavior", &words)?;
    let resumes_at = pause.instant("resumes_at")?;
    pause.finish()?;
    let Some(behavior) = behavior else {
        params.missing("pause_collection[behavior]");
        return Ok(None);
    };
    Ok(Some(Some(Pause { behavior, resumes_at })))
}

fn resume(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let words = [("now", CycleAnchor::Now), ("unchanged", CycleAnchor::Unchanged)];
    let anchor = params.one_of("billing_cycle_anchor", &words)?;
    // A period that begins now has nothing to prorate.
    params.one_of("proration_behavior", &Proration::WORDS)?;
    params.not_simulated(&["payment_behavior", "proration_date"])?;
    params.finish()?;
    core.resume_subscription(id, anchor.unwrap_or(CycleAnchor::Now))
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

/// Comment and feedback.
fn cancellation_details(params: &mut Params) -> Result<(Option<String>, Option<String>), Fault> {
    let Some(mut details) = params.level("cancellation_details")? else {
        return Ok((None, None));
    };
    let comment = details.text("comment")?;
    let feedback = details.one_of("feedback", &FEEDBACK.map(|word| (word, word)))?;
    details.finish()?;
    Ok((comment, feedback.map(str::to_owned)))
}

fn billing_mode(params: &mut Params) -> Result<Option<BillingMode>, Fault> {
    let Some(mut mode) = params.level("billing_mode")? else {
        return Ok(None);
    };
    let words = [
        ("classic", BillingMode::Classic),
        ("flexible", BillingMode::Flexible),
    ];
    let chosen = mode.one_of("type", &words)?;
    mode.not_simulated(&["flexible"])?;
    mode.finish()?;
    Ok(chosen)
}

pub(super) fn missing_payment_method(params: &mut Params) -> Result<Option<MissingPaymentMethod>, Fault> {
    let Some(mut settings) = params.level("trial_settings")? else {
        return Ok(None);
    };
    let mut missing = None;
    if let Some(mut behavior) = settings.level("end_behavior")? {
        let words = MissingPaymentMethod::ALL.map(|it| (it.as_str(), it));
        missing = behavior.one_of("missing_payment_method", &words)?;
        behavior.finish()?;
    }
    settings.finish()?;
    Ok(missing)
}

fn cancel(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let (comment, feedback) = cancellation_details(params)?;
    let ending = Ending {
        comment,
        feedback,
        prorate: params.boolean("prorate")?.unwrap_or_default(),
        invoice_now: params.boolean("invoice_now")?.unwrap_or_default(),
    };
    params.finish()?;
    core.cancel_subscription_with(id, ending)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    let price = params.text("price")?;
    let status = params.word(
        "status",
        &[
            "active",
            "all",
            "canceled",
            "ended",
            "incomplete",
            "incomplete_expired",
            "past_due",
            "paused",
            "trialing",
            "unpaid",
        ],
    )?;
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
    let rows = rows.filter(|it| match status {
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
