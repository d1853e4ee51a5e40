//! `/v1/coupons`, `/v1/promotion_codes`, and `discounts[]` where other requests have it.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, Duration, Fault, NewCoupon, NewPromotionCode, Off, Redeem};

pub fn coupons(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => retrieve(core, id, params),
        ("POST", [id]) => update(core, id, params),
        ("DELETE", [id]) => params.finish().and_then(|()| core.delete_coupon(id)),
        _ => return None,
    })
}

pub fn promotion_codes(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create_code(core, params),
        ("GET", []) => list_codes(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update_code(core, id, params),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let new = NewCoupon {
        id: params.text("id")?.filter(|id| !id.is_empty()),
        off: off(params)?,
        duration: duration(params)?,
        max_redemptions: positive(params, "max_redemptions")?,
        redeem_by: params.instant("redeem_by")?,
        applies_to: match params.level("applies_to")? {
            None => Vec::new(),
            Some(mut applies_to) => {
                let products = applies_to.texts("products")?;
                applies_to.finish()?;
                products
            }
        },
        name: params.text("name")?,
        metadata: params.metadata()?.set,
    };
    params.not_simulated(&["currency_options"])?;
    params.finish()?;
    core.create_coupon(new)
}

fn off(params: &mut Params) -> Result<Off, Fault> {
    let percent = params.text("percent_off")?;
    let amount: Option<i64> = params.integer("amount_off")?;
    let currency = params.currency("currency")?;
    match (percent, amount) {
        (Some(_), Some(_)) | (None, None) => {
            let message = "You must pass either `percent_off` or `amount_off`, and not both.";
            Err(Fault::invalid(message).param("percent_off").early())
        }
        (None, Some(amount)) => {
            if currency.is_none() {
                params.missing("currency");
            }
            let currency = currency.unwrap_or_default();
            Ok(Off::Amount { amount, currency })
        }
        (Some(percent), None) => hundredths(&percent).map(Off::Percent).ok_or_else(|| {
            let message = format!("Invalid decimal: {percent}");
            Fault::invalid(message).param("percent_off").early()
        }),
    }
}

/// Of a decimal with up to two places.
fn hundredths(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 2 {
        return None;
    }
    let part: i64 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(part)
}

fn duration(params: &mut Params) -> Result<Duration, Fault> {
    let months: Option<u32> = positive(params, "duration_in_months")?;
    let refuse = |message: &str| Err(Fault::invalid(message).param("duration_in_months").early());
    match (params.text("duration")?.as_deref(), months) {
        (None | Some("once"), None) => Ok(Duration::Once),
        (Some("forever"), None) => Ok(Duration::Forever),
        (Some("repeating"), Some(months)) => Ok(Duration::Repeating(months)),
        (Some("repeating"), None) => {
            refuse("You must pass `duration_in_months` when `duration` is `repeating`.")
        }
        (None | Some("once" | "forever"), Some(_)) => {
            refuse("You can only pass `duration_in_months` when `duration` is `repeating`.")
        }
        (Some(_), _) => {
            let message = "Invalid duration: must be one of forever, once, or repeating";
            Err(Fault::invalid(message).param("duration").early())
        }
    }
}

fn positive<N: std::str::FromStr + PartialOrd + From<u8>>(
    params: &mut Params,
    name: &str,
) -> Result<Option<N>, Fault> {
    let number: Option<N> = params.integer(name)?;
    if number.as_ref().is_some_and(|it| *it < N::from(1)) {
        let message = format!("Invalid {name}: must be greater than or equal to 1.");
        return Err(Fault::invalid(message).param(params.name(name)).early());
    }
    Ok(number)
}

fn retrieve(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    params.finish()?;
    core.coupon(id)
        .map(|coupon| crate::core::Row::render(coupon, core))
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let (name, metadata) = (params.text("name")?, params.metadata()?);
    params.not_simulated(&["currency_options"])?;
    params.finish()?;
    core.update_coupon(id, name, metadata)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let page = Page::read(params)?;
    page.cut(core, "/v1/coupons", core.coupons().rev())
}

fn create_code(core: &mut Core, params: &mut Params) -> Answer {
    let coupon = match params.level("promotion")? {
        None => {
            params.missing("promotion");
            String::new()
        }
        Some(mut promotion) => {
            if promotion.one_of("type", &[("coupon", ())])?.is_none() {
                promotion.missing("type");
            }
            let coupon = promotion.required("coupon")?;
            promotion.finish()?;
            coupon
        }
    };
    let mut new = NewPromotionCode {
        coupon,
        code: params.text("code")?.filter(|code| !code.is_empty()),
        customer: params.text("customer")?,
        expires_at: params.instant("expires_at")?,
        max_redemptions: positive(params, "max_redemptions")?,
        inactive: params.boolean("active")? == Some(false),
        metadata: params.metadata()?.set,
        ..NewPromotionCode::default()
    };
    if let Some(mut restrictions) = params.level("restrictions")? {
        new.first_time_transaction = restrictions.boolean("first_time_transaction")?.unwrap_or(false);
        let amount: Option<i64> = positive(&mut restrictions, "minimum_amount")?;
        let currency = restrictions.currency("minimum_amount_currency")?;
        if amount.is_some() && currency.is_none() {
            restrictions.missing("minimum_amount_currency");
        }
        new.minimum_amount = amount.zip(currency);
        restrictions.not_simulated(&["currency_options"])?;
        restrictions.finish()?;
    }
    params.not_simulated(&["customer_account"])?;
    params.finish()?;
    core.create_promotion_code(new)
}

fn update_code(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let (active, metadata) = (params.boolean("active")?, params.metadata()?);
    params.not_simulated(&["restrictions"])?;
    params.finish()?;
    core.update_promotion_code(id, active, metadata)
}

fn list_codes(core: &Core, params: &mut Params) -> Answer {
    let active = params.boolean("active")?;
    let (code, coupon, customer) = (
        params.text("code")?,
        params.text("coupon")?,
        params.text("customer")?,
    );
    params.not_simulated(&["customer_account"])?;
    let page = Page::read(params)?;
    let rows = core.promotion_codes().rev().filter(|it| {
        active.is_none_or(|active| it.is_active(core) == active)
            && code
                .as_ref()
                .is_none_or(|code| it.code.eq_ignore_ascii_case(code))
            && coupon.as_ref().is_none_or(|coupon| it.new.coupon == *coupon)
            && (customer.is_none() || it.new.customer == customer)
    });
    page.cut(core, "/v1/promotion_codes", rows)
}

/// `discounts`: `None` where it is not there; an empty text takes all of them away.
pub(super) fn discounts(params: &mut Params) -> Result<Option<Vec<Redeem>>, Fault> {
    if params.clears("discounts") {
        return Ok(Some(Vec::new()));
    }
    if !params.has("discounts") {
        return Ok(None);
    }
    let mut redeem = Vec::new();
    for mut discount in params.levels("discounts")? {
        let given = [
            discount.text("coupon")?.map(Redeem::Coupon),
            discount.text("promotion_code")?.map(Redeem::PromotionCode),
            discount.text("discount")?.map(Redeem::Discount),
        ];
        discount.finish()?;
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(one), None) => redeem.push(one),
            _ => {
                let message = "You must pass exactly one of `coupon`, `promotion_code` or `discount`.";
                return Err(Fault::invalid(message).param(discount.name("coupon")).early());
            }
        }
    }
    Ok(Some(redeem))
}
