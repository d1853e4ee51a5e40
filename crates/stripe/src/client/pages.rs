//! Lists inside objects: Stripe shows the first ten elements, and the rest by pages.

use serde_json::Value;
use tollgate_domain::object::Kind;

use super::transport::{Call, Transport};
use super::{CallError, Fetched, window};
use crate::json::{is_true, text};

/// 100 elements each: far more than Stripe allows in one object.
const MAX_PAGES: usize = 20;

/// Adds what Stripe cut, so that the object says all. It was so at some instant between the first answer and the last.
pub(super) async fn complete(
    transport: &Transport,
    kind: Kind,
    id: &str,
    fetched: &mut Fetched,
) -> Result<(), CallError> {
    let mut object: Value = parse(&fetched.body)?;
    let mut longer = false;
    for (list, pages) in lists(kind, id) {
        for _ in 0..MAX_PAGES {
            let Some(after) = last_shown(&object[list]) else {
                break;
            };
            let separator = if pages.contains('?') { '&' } else { '?' };
            let path = format!("{pages}{separator}limit=100&starting_after={after}");
            let answer = transport.call(&Call::get(&path)).await?;
            fetched.to = window(&answer)?.1.max(fetched.to);
            let mut page = parse(&answer.body)?;
            let (Some(shown), Some(more)) =
                (object[list]["data"].as_array_mut(), page["data"].as_array_mut())
            else {
                return Err(CallError::Unreadable(format!("a page of {list} is not a list")));
            };
            shown.append(more);
            object[list]["has_more"] = Value::Bool(is_true(&page["has_more"]));
            longer = true;
        }
    }
    if longer {
        fetched.body = object.to_string().into();
    }
    Ok(())
}

/// The lists that access depends on, and where their pages are.
fn lists(kind: Kind, id: &str) -> Vec<(&'static str, String)> {
    match kind {
        Kind::Subscription => vec![("items", format!("/v1/subscription_items?subscription={id}"))],
        Kind::Invoice => vec![
            (
                "lines",
                format!("/v1/invoices/{id}/lines?expand[]=data.pricing.price_details.price"),
            ),
            ("payments", format!("/v1/invoice_payments?invoice={id}")),
        ],
        Kind::CheckoutSession => vec![("line_items", format!("/v1/checkout/sessions/{id}/line_items"))],
        Kind::Customer | Kind::Charge | Kind::Refund | Kind::Dispute => vec![],
    }
}

/// The last element's id, if there are more.
fn last_shown(list: &Value) -> Option<String> {
    is_true(&list["has_more"]).then(|| text(&list["data"].as_array()?.last()?["id"]))?
}

fn parse(body: &[u8]) -> Result<Value, CallError> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(CallError::Unreadable("the answer is not a JSON object".into())),
    }
}
