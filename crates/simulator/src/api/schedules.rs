//! `/v1/subscription_schedules`.

use super::list::Page;
use super::params::Params;
use super::price_data::{self, Inline};
use super::{Answer, Routed};
use crate::core::{
    Core, EndBehavior, Fault, Interval, NewPhase, NewSchedule, PhaseEnd, PhaseItem, Proration, ScheduleChange,
};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("POST", [id, "release"]) => release(core, id, params),
        ("POST", [id, "cancel"]) => cancel(core, id, params),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    params.not_simulated(&["billing_mode", "customer_account", "default_settings"])?;
    if let Some(subscription) = params.text("from_subscription")? {
        let given = ["customer", "end_behavior", "metadata", "phases", "start_date"];
        if let Some(other) = given.iter().find(|name| params.has(name)) {
            let message = format!(
                "You cannot set `{other}` if `from_subscription` is set. Update the schedule after that."
            );
            return Err(Fault::invalid(message).param(*other).early());
        }
        params.finish()?;
        return core.schedule_subscription(&subscription);
    }
    let new = NewSchedule {
        customer: params.required("customer")?,
        start: start_date(params)?,
        phases: phases(core, params)?,
        end_behavior: end_behavior(params)?.unwrap_or(EndBehavior::Release),
        metadata: params.metadata()?.set,
    };
    params.finish()?;
    core.create_schedule(new)
}

/// `now`, or unix seconds.
fn start_date(params: &mut Params) -> Result<Option<i64>, Fault> {
    match params.peek("start_date") {
        Some("now") => params.text("start_date").map(|_| None),
        Some(_) => params.instant("start_date"),
        None => {
            params.missing("start_date");
            Ok(None)
        }
    }
}

fn end_behavior(params: &mut Params) -> Result<Option<EndBehavior>, Fault> {
    params.one_of(
        "end_behavior",
        &[("release", EndBehavior::Release), ("cancel", EndBehavior::Cancel)],
    )
}

fn phases(core: &mut Core, params: &mut Params) -> Result<Vec<NewPhase>, Fault> {
    let mut phases = Vec::new();
    for mut phase in params.levels("phases")? {
        phases.push(new_phase(core, &mut phase)?);
        phase.finish()?;
    }
    Ok(phases)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let phases = phases(core, params)?;
    let change = ScheduleChange {
        phases: (!phases.is_empty()).then_some(phases),
        end_behavior: end_behavior(params)?,
        metadata: params.metadata()?,
        proration: params
            .one_of("proration_behavior", &Proration::WORDS)?
            .unwrap_or_default(),
    };
    params.not_simulated(&["default_settings"])?;
    params.finish()?;
    core.update_schedule(id, change)
}

fn new_phase(core: &mut Core, phase: &mut Params) -> Result<NewPhase, Fault> {
    phase.not_simulated(&[
        "add_invoice_items",
        "application_fee_percent",
        "automatic_tax",
        "billing_cycle_anchor",
        "billing_thresholds",
        "collection_method",
        "currency",
        "default_payment_method",
        "default_tax_rates",
        "description",
        "discounts",
        "invoice_settings",
        "on_behalf_of",
        "transfer_data",
        "trial",
        "trial_end",
    ])?;
    let mut items = Vec::new();
    for mut item in phase.levels("items")? {
        item.not_simulated(&["billing_thresholds", "discounts", "metadata", "tax_rates"])?;
        let price = price_data::required(core, &mut item, Inline::Recurring)?;
        let quantity = item.integer("quantity")?.unwrap_or(1);
        item.finish()?;
        items.push(PhaseItem { price, quantity });
    }
    let duration = match phase.level("duration")? {
        None => None,
        Some(mut duration) => {
            let words = Interval::ALL.map(|it| (it.as_str(), it));
            let interval = duration.one_of("interval", &words)?;
            let count = duration.integer("interval_count")?.unwrap_or(1);
            if interval.is_none() {
                duration.missing("interval");
            }
            duration.finish()?;
            interval.map(|interval| PhaseEnd::After(interval, count))
        }
    };
    let at: Option<i64> = phase.instant("end_date")?;
    Ok(NewPhase {
        start: phase.instant("start_date")?,
        end: at.map(PhaseEnd::At).or(duration),
        items,
        metadata: phase.metadata()?.set,
        proration: phase
            .one_of("proration_behavior", &Proration::WORDS)?
            .unwrap_or_default(),
    })
}

fn release(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    params.not_simulated(&["preserve_cancel_date"])?;
    params.finish()?;
    core.release_schedule(id)
}

fn cancel(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let prorate = params.boolean("prorate")?.unwrap_or(true);
    let invoice_now = params.boolean("invoice_now")?.unwrap_or(true);
    params.finish()?;
    core.cancel_schedule(id, prorate, invoice_now)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    params.not_simulated(&["canceled_at", "completed_at", "released_at", "scheduled"])?;
    let page = Page::read(params)?;
    let rows: Box<dyn Iterator<Item = _>> = match &customer {
        Some(customer) => Box::new(core.schedules().of(customer).rev()),
        None => Box::new(core.schedules().all().rev()),
    };
    page.cut(core, "/v1/subscription_schedules", rows)
}
