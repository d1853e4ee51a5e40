//! `/v1/invoiceitems`.

use super::list::Page;
use super::params::Params;
use super::price_data::{self, Inline};
use super::{Answer, Routed};
use crate::core::{Core, Fault, InvoiceItemChange, NewInvoiceItem};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("DELETE", [id]) => params.finish().and_then(|()| core.remove_invoice_item(id)),
        _ => return None,
    })
}

const NOT_SIMULATED: &[&str] = &[
    "discounts",
    "quantity_decimal",
    "tax_behavior",
    "tax_code",
    "tax_rates",
];

/// What a request says of the cost.
struct Cost {
    price: Option<String>,
    amount: Option<i64>,
    unit_amount: Option<i64>,
    quantity: Option<u64>,
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let cost = cost(core, params)?;
    let currency = params.currency("currency")?;
    if cost.price.is_none() {
        if cost.amount.or(cost.unit_amount).is_none() {
            params.missing("amount");
        }
        if currency.is_none() {
            params.missing("currency");
        }
    }
    let new = NewInvoiceItem {
        customer: params.required("customer")?,
        invoice: params.text("invoice")?.filter(|it| !it.is_empty()),
        subscription: params.text("subscription")?.filter(|it| !it.is_empty()),
        price: cost.price,
        // A bare amount is one of itself.
        unit_amount: cost.amount.or(cost.unit_amount).unwrap_or(0),
        currency,
        quantity: cost.quantity.unwrap_or(1),
        description: params.text("description")?.filter(|it| !it.is_empty()),
        discountable: params.boolean("discountable")?,
        period: period(params)?,
        metadata: params.metadata()?.set,
    };
    params.not_simulated(NOT_SIMULATED)?;
    params.not_simulated(&["customer_account"])?;
    params.finish()?;
    core.add_invoice_item(new)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let cost = cost(core, params)?;
    let change = InvoiceItemChange {
        price: cost.price,
        amount: cost.amount,
        unit_amount: cost.unit_amount,
        quantity: cost.quantity,
        description: params.text("description")?,
        discountable: params.boolean("discountable")?,
        period: period(params)?,
        metadata: params.metadata()?,
    };
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.update_invoice_item(id, change)
}

/// `amount`, `price_data`, `pricing` or `unit_amount_decimal`, and of how many.
fn cost(core: &mut Core, params: &mut Params) -> Result<Cost, Fault> {
    let amount: Option<i64> = params.integer("amount")?;
    let unit_amount: Option<f64> = params.integer("unit_amount_decimal")?;
    let quantity = params.integer("quantity")?;
    let mut price = None;
    if let Some(mut pricing) = params.level("pricing")? {
        price = Some(pricing.required("price")?);
        pricing.finish()?;
    }
    let given = [
        ("amount", amount.is_some()),
        ("price_data", params.has("price_data")),
        ("pricing", price.is_some()),
        ("unit_amount_decimal", unit_amount.is_some()),
        ("quantity", quantity.is_some() && amount.is_some()),
    ];
    let given: Vec<&str> = given
        .iter()
        .filter(|(_, is)| *is)
        .map(|(name, _)| *name)
        .collect();
    if let [_, second, ..] = given[..] {
        let message = format!(
            "You may only specify one of these parameters: {}.",
            given.join(", ")
        );
        return Err(Fault::invalid(message).param(second).early());
    }
    let price = price.or(price_data::made(core, params, Inline::OneTime)?);
    let unit_amount = unit_amount.map(|it| whole(it, params)).transpose()?;
    Ok(Cost {
        price,
        amount,
        unit_amount,
        quantity,
    })
}

/// Fractions of the smallest unit are not simulated.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(decimal: f64, params: &Params) -> Result<i64, Fault> {
    let name = params.name("unit_amount_decimal");
    if decimal.abs() > 1e12 {
        return Err(Fault::invalid("Invalid decimal: too large").param(name).early());
    }
    if decimal.fract() != 0.0 {
        return Err(Fault::not_simulated("`unit_amount_decimal` with a fraction").param(name));
    }
    Ok(decimal as i64)
}

/// Unix seconds.
fn period(params: &mut Params) -> Result<Option<(i64, i64)>, Fault> {
    let Some(mut period) = params.level("period")? else {
        return Ok(None);
    };
    let (start, end) = (period.instant("start")?, period.instant("end")?);
    for (name, at) in [("start", start), ("end", end)] {
        if at.is_none() {
            period.missing(name);
        }
    }
    period.finish()?;
    let both = start.zip(end);
    if both.is_some_and(|(start, end)| end < start) {
        let message = "The end of a period must be after its start.";
        return Err(Fault::invalid(message).param(period.name("end")).early());
    }
    Ok(both)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    let invoice = params.text("invoice")?;
    let pending = params.boolean("pending")?;
    let page = Page::read(params)?;
    let rows: Box<dyn Iterator<Item = _>> = match &customer {
        Some(customer) => Box::new(core.invoice_items().of(customer).rev()),
        None => Box::new(core.invoice_items().all().rev()),
    };
    let asked = customer.is_some() || invoice.is_some();
    let rows = rows.filter(|it| {
        !it.deleted
            && (invoice.is_none() || it.invoice == invoice)
            && (asked || core.test_clock_of(&it.customer).is_none())
            && pending.is_none_or(|pending| it.invoice.is_none() == pending)
    });
    page.cut(core, "/v1/invoiceitems", rows)
}
