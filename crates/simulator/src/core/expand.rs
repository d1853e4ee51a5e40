//! Objects by id, and references put in full where `expand` asks for it.

use serde_json::{Value, json};

use super::calendar::DAY;
use super::rendered::Rendered;
use super::table::Table;
use super::{Answer, Core, Fault, Row, Version};

/// How far back `GET /v1/events` reaches (docs.stripe.com/api/events).
pub const EVENTS_KEPT: i64 = 30 * DAY;

/// The fields that Stripe's reference marks as expandable, of whatever object: an id, an id that is not there, or a list
/// of ids.
const EXPANDABLE: &[&str] = &[
    "account",
    "application",
    "balance_transaction",
    "charge",
    "configuration",
    "coupon",
    "customer",
    "default_payment_method",
    "default_price",
    "default_source",
    "discount",
    "discounts",
    "dispute",
    "entitlement_feature",
    "failure_balance_transaction",
    "feature",
    "invoice",
    "latest_attempt",
    "latest_charge",
    "latest_invoice",
    "latest_revision",
    "mandate",
    "on_behalf_of",
    "payment_intent",
    "payment_link",
    "payment_method",
    "pending_setup_intent",
    "plan",
    "price",
    "product",
    "promotion_code",
    "quote",
    "refund",
    "review",
    "schedule",
    "setup_intent",
    "single_use_mandate",
    "source",
    "source_transfer",
    "subscription",
    "test_clock",
    "transfer",
];

/// Parts of objects that are no objects themselves: going through one is no level.
const PLAIN: &[&str] = &[
    "parent",
    "payment",
    "price_details",
    "pricing",
    "subscription_details",
];

impl Core {
    /// Any object by its id, as a GET of it would show it.
    pub fn get(&self, id: &str) -> Option<Value> {
        self.rendered(id).map(Value::from)
    }

    fn rendered(&self, id: &str) -> Option<Rendered> {
        fn shown<T: Row>(table: &Table<T>, id: &str, core: &Core) -> Option<Rendered> {
            table.get(id).map(|row| row.rendered(core))
        }
        if let Some(planted) = self.planted.get(id) {
            return Some(planted.clone().into());
        }
        let prefix = id.split_once('_').map_or("", |(prefix, _)| prefix);
        match prefix {
            "cus" => shown(&self.customers, id, self),
            "ent" => self.active_entitlement(id).map(|it| it.rendered(self)),
            "price" => shown(&self.prices, id, self),
            "cs" => shown(&self.sessions, id, self),
            "sub" if id.starts_with("sub_sched_") => shown(&self.schedules, id, self),
            "sub" => shown(&self.subscriptions, id, self),
            "si" => self.subscription_item(id).map(Rendered::from),
            "in" => self.invoice(id).ok().map(|it| it.rendered(self)),
            "ii" => self
                .invoice_items
                .get(id)
                .filter(|it| !it.deleted)
                .map(|it| it.rendered(self)),
            "seti" => shown(&self.setup_intents, id, self),
            "du" => shown(&self.disputes, id, self),
            "pm" => shown(&self.methods, id, self),
            "pi" => shown(&self.intents, id, self),
            "ch" => shown(&self.charges, id, self),
            "re" => shown(&self.refunds, id, self),
            "we" => self
                .endpoints
                .get(id)
                .filter(|it| !it.deleted && it.destination.is_none())
                .map(|it| it.rendered(self)),
            "cbtxn" => shown(&self.balance_transactions, id, self),
            "promo" => shown(&self.promotion_codes, id, self),
            "di" => shown(&self.discounts, id, self),
            "clock" => self.test_clock(id).ok().map(|it| it.rendered(self)),
            "bpc" => shown(&self.configurations, id, self),
            "feat" => shown(&self.features, id, self),
            "evt" => {
                let event = self
                    .event(id)
                    .filter(|event| event.created >= self.account_now() - EVENTS_KEPT);
                event.map(|event| event.rendered(self))
            }
            // Ids that the account chose.
            _ => {
                let product = self.product(id).ok().map(|it| it.rendered(self));
                product.or_else(|| self.coupon(id).ok().map(|it| it.rendered(self)))
            }
        }
    }

    /// An event whose object is this one as it is now.
    pub(crate) fn tell(&mut self, event: &'static str, id: &str) {
        if let Some(shown) = self.rendered(id) {
            self.emit(event, shown);
        }
    }

    /// With the objects that `expand` names (`latest_invoice.payments`) in place of their ids.
    ///
    /// # Errors
    /// A path that names nothing that can be expanded.
    pub fn get_expanded(&self, id: &str, expand: &[&str]) -> Answer {
        let noun = noun(id);
        let object = self.get(id).ok_or_else(|| Fault::missing(noun, id))?;
        self.shown_and_expanded(Version::default(), object, expand)
    }

    /// In the version's shapes, whose names the paths use. docs.stripe.com/api/expanding_objects: to four levels, and
    /// through `data` on a list.
    pub(crate) fn shown_and_expanded(&self, version: Version, object: Value, paths: &[&str]) -> Answer {
        let mut object = self.show(version, object);
        for path in paths {
            let steps: Vec<&str> = path.split('.').collect();
            if steps.iter().filter(|step| !PLAIN.contains(step)).count() > 4 {
                let message = format!("You cannot expand more than 4 levels of a property. Property: {path}");
                return Err(Fault::invalid(message).param("expand"));
            }
            if object["object"] == "list" && steps.first() != Some(&"data") {
                let message = format!(
                    "This property cannot be expanded ({path}). You may want to try expanding 'data.{path}' instead."
                );
                return Err(Fault::invalid(message).param("expand"));
            }
            self.expand(version, &mut object, &steps, path)?;
        }
        Ok(object)
    }

    fn expand(&self, version: Version, object: &mut Value, steps: &[&str], path: &str) -> Result<(), Fault> {
        let Some((step, rest)) = steps.split_first() else {
            return Ok(());
        };
        if let Value::Array(all) = object {
            return all
                .iter_mut()
                .try_for_each(|one| self.expand(version, one, steps, path));
        }
        if object["object"] == "coupon" && *step == "applies_to" {
            let coupon = self.coupons.get(object["id"].as_str().unwrap_or_default());
            let products = coupon.map(|it| &it.new.applies_to).filter(|it| !it.is_empty());
            object["applies_to"] = json!(products.map(|products| json!({ "products": products })));
            return Ok(());
        }
        // docs.stripe.com/api/invoices/object: of the payment intent that finalization made.
        if object["object"] == "invoice" && steps == ["confirmation_secret"] {
            let invoice = self.invoice(object["id"].as_str().unwrap_or_default())?;
            let intent = invoice
                .payment_intent
                .as_ref()
                .and_then(|it| self.intents.get(it));
            let secret = intent.map(|it| it.render(self)["client_secret"].take());
            object["confirmation_secret"] =
                json!(secret.map(|secret| json!({ "client_secret": secret, "type": "payment_intent" })));
            return Ok(());
        }
        if object["object"] == "checkout.session" && steps == ["total_details", "breakdown"] {
            let session = self.session(object["id"].as_str().unwrap_or_default())?;
            object["total_details"]["breakdown"] = self.show(version, session.breakdown(self));
            return Ok(());
        }
        // What was deleted has nothing but its id.
        if object["deleted"] == true {
            return Ok(());
        }
        if object.get(step).is_none_or(Value::is_null)
            && let Some(list) = self.includable(object, step)
        {
            object[*step] = self.show(version, list);
        }
        let refused = || {
            let message = format!("This property cannot be expanded ({path}).");
            Err(Fault::invalid(message).param("expand"))
        };
        let known = EXPANDABLE.contains(step);
        match object.get_mut(step) {
            Some(Value::Null) if known => return Ok(()),
            Some(slot @ Value::String(_)) if known => self.put_in_full(version, slot, path)?,
            Some(Value::Array(all)) if known || *step == "data" => {
                for one in all.iter_mut().filter(|one| one.is_string()) {
                    self.put_in_full(version, one, path)?;
                }
            }
            // What is inside already may be named, and gone through.
            Some(Value::Object(_)) if *step != "metadata" => {}
            Some(Value::Array(_)) if !rest.is_empty() => {}
            _ => return refused(),
        }
        match object.get_mut(step) {
            Some(slot) if !rest.is_empty() => self.expand(version, slot, rest, path),
            _ => Ok(()),
        }
    }

    fn put_in_full(&self, version: Version, slot: &mut Value, path: &str) -> Result<(), Fault> {
        let full = slot.as_str().and_then(|id| self.get(id));
        let missing = || Fault::not_simulated(&format!("the expansion of `{path}`")).param("expand");
        *slot = self.show(version, full.ok_or_else(missing)?);
        Ok(())
    }

    /// Lists that are shown only when asked for.
    pub(crate) fn includable(&self, object: &Value, key: &str) -> Option<Value> {
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
        "feat" => "entitlements.feature",
        "ent" => "entitlements.active_entitlement",
        "price" => "price",
        "cs" => "checkout.session",
        "sub" if id.starts_with("sub_sched_") => "subscription_schedule",
        "sub" => "subscription",
        "si" => "subscription_item",
        "in" => "invoice",
        "ii" => "invoiceitem",
        "pm" => "PaymentMethod",
        "seti" => "setupintent",
        "pi" => "payment_intent",
        "ch" => "charge",
        "re" => "refund",
        "we" => "webhook endpoint",
        "evt" => "event",
        "bpc" => "configuration",
        "promo" => "promotion code",
        "clock" => "test_helpers.test_clock",
        "dp" | "du" => "dispute",
        _ => "object",
    }
}
