//! Objects by id, and references put in full where `expand` asks for it.

use serde_json::{Value, json};

use super::calendar::DAY;
use super::table::Table;
use super::{Answer, Core, Fault, Row};

/// How far back `GET /v1/events` reaches.
pub const EVENTS_KEPT: i64 = 30 * DAY;

impl Core {
    /// Any object by its id, as a GET of it would show it.
    pub fn get(&self, id: &str) -> Option<Value> {
        fn shown<T: Row>(table: &Table<T>, id: &str, core: &Core) -> Option<Value> {
            table.get(id).map(|row| row.render(core))
        }
        if let Some(planted) = self.planted.get(id) {
            return Some(planted.clone());
        }
        match id.split_once('_')?.0 {
            "cus" => shown(&self.customers, id, self),
            "prod" => shown(&self.products, id, self),
            "price" => shown(&self.prices, id, self),
            "cs" => shown(&self.sessions, id, self),
            "sub" => shown(&self.subscriptions, id, self),
            "in" => shown(&self.invoices, id, self),
            "pi" => shown(&self.intents, id, self),
            "ch" => shown(&self.charges, id, self),
            "re" => shown(&self.refunds, id, self),
            "we" => self
                .endpoints
                .get(id)
                .filter(|it| !it.deleted)
                .map(|it| it.render(self)),
            "clock" => self.test_clock(id).ok().map(|it| it.render(self)),
            "bpc" => shown(&self.configurations, id, self),
            "feat" => shown(&self.features, id, self),
            "evt" => {
                let event = self
                    .event(id)
                    .filter(|event| event.created >= self.account_now() - EVENTS_KEPT);
                event.map(|event| event.to_json())
            }
            _ => None,
        }
    }

    /// With the objects that `expand` names (`latest_invoice.payments`) in place of their ids.
    ///
    /// # Errors
    /// A path that names nothing that can be expanded.
    pub fn get_expanded(&self, id: &str, expand: &[&str]) -> Answer {
        let noun = noun(id);
        let mut object = self.get(id).ok_or_else(|| Fault::missing(noun, id))?;
        self.expand_all(&mut object, expand)?;
        Ok(object)
    }

    pub(crate) fn expand_all(&self, object: &mut Value, paths: &[&str]) -> Result<(), Fault> {
        for path in paths {
            let steps: Vec<&str> = path.split('.').collect();
            if steps.len() > 4 {
                let message = format!("You cannot expand more than 4 levels of a property. Property: {path}");
                return Err(Fault::invalid(message).param("expand"));
            }
            self.expand(object, &steps, path)?;
        }
        Ok(())
    }

    fn expand(&self, object: &mut Value, steps: &[&str], path: &str) -> Result<(), Fault> {
        let Some((step, rest)) = steps.split_first() else {
            return Ok(());
        };
        if let Value::Array(all) = object {
            return all.iter_mut().try_for_each(|one| self.expand(one, steps, path));
        }
        if object.get(step).is_none()
            && let Some(list) = self.includable(object, step)
        {
            object[*step] = list;
        }
        match object.get_mut(step) {
            None => {
                let message = format!("This property cannot be expanded ({path}).");
                Err(Fault::invalid(message).param("expand"))
            }
            Some(Value::Null) => Ok(()),
            Some(slot) => {
                if let Value::String(id) = slot {
                    *slot = self.get(id).ok_or_else(|| {
                        Fault::not_simulated(&format!("the expansion of `{path}`")).param("expand")
                    })?;
                }
                if rest.is_empty() {
                    Ok(())
                } else {
                    self.expand(slot, rest, path)
                }
            }
        }
    }

    /// Lists that are shown only when asked for.
    fn includable(&self, object: &Value, key: &str) -> Option<Value> {
        let id = object["id"].as_str()?;
        let (url, data) = match (object["object"].as_str()?, key) {
            ("checkout.session", "line_items") => (
                format!("/v1/checkout/sessions/{id}/line_items"),
                self.sessions.get(id)?.line_items(self),
            ),
            ("invoice", "payments") => (
                format!("/v1/invoice_payments?invoice={id}"),
                self.invoices.get(id)?.payments(),
            ),
            ("charge", "refunds") => {
                let refunds = self.refunds_of.get(id).into_iter().flatten().rev();
                let shown = refunds.filter_map(|id| self.get(id)).collect();
                (format!("/v1/charges/{id}/refunds"), shown)
            }
            ("customer", "subscriptions") => {
                let live = self
                    .subscriptions
                    .of(id)
                    .rev()
                    .filter(|it| !it.status.is_terminal());
                (
                    format!("/v1/customers/{id}/subscriptions"),
                    live.map(|it| it.render(self)).collect(),
                )
            }
            _ => return None,
        };
        Some(json!({
            "object": "list",
            "data": data,
            "has_more": false,
            "total_count": data.len(),
            "url": url,
        }))
    }
}

/// Stripe's word for what an id with this prefix names.
fn noun(id: &str) -> &'static str {
    match id.split_once('_').map_or("", |(prefix, _)| prefix) {
        "cus" => "customer",
        "prod" => "product",
        "price" => "price",
        "cs" => "checkout.session",
        "sub" => "subscription",
        "in" => "invoice",
        "pi" => "payment_intent",
        "ch" => "charge",
        "re" => "refund",
        "we" => "webhook endpoint",
        "evt" => "event",
        "bpc" => "configuration",
        "clock" => "test_helpers.test_clock",
        "dp" | "du" => "dispute",
        _ => "object",
    }
}
