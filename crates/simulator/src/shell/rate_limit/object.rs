//! The limits that one object has (docs.stripe.com/rate-limits): 1,000 updates of a PaymentIntent an hour; of a subscription
//! 200 updates of quantities an hour, 10 new invoices a minute and 20 a day.

use url::form_urlencoded;

use crate::core::Core;
use crate::core::calendar::DAY;

const MINUTE: i64 = 60;

/// What a request updates, and how often that may be within an hour. `None`: something without such a limit.
pub fn updated(core: &Core, method: &str, path: &str, form: &str) -> Option<(String, usize)> {
    let steps: Vec<&str> = path.split('/').collect();
    match (method, steps.as_slice()) {
        ("POST", ["", "v1", "payment_intents", id]) => Some(((*id).to_owned(), 1_000)),
        ("POST", ["", "v1", "subscriptions" | "subscription_items", _]) => {
            let mut names = form_urlencoded::parse(form.as_bytes()).map(|(name, _)| name);
            let quantity = names.any(|name| {
                name == "quantity" || (name.starts_with("items[") && name.ends_with("[quantity]"))
            });
            let subscription = subscription(core, path, form).filter(|_| quantity)?;
            Some((format!("{subscription} quantity"), 200))
        }
        _ => None,
    }
}

/// Which subscription a request is about.
fn subscription(core: &Core, path: &str, form: &str) -> Option<String> {
    let named = || {
        let mut pairs = form_urlencoded::parse(form.as_bytes());
        pairs.find_map(|(name, value)| (name == "subscription").then(|| value.into_owned()))
    };
    let steps: Vec<&str> = path.split('/').collect();
    match steps.as_slice() {
        ["", "v1", "subscriptions", id, ..] => Some((*id).to_owned()),
        ["", "v1", "subscription_items", item] => {
            let item = core.get(item)?;
            item["subscription"].as_str().map(str::to_owned)
        }
        _ => named(),
    }
}

/// The subscription that a request is about, if that has as many new invoices as it may have.
pub fn exhausted(core: &mut Core, method: &str, path: &str, form: &str) -> Option<String> {
    if method == "GET" {
        return None;
    }
    let subscription = subscription(core, path, form)?;
    let reached = core.in_time_of(&subscription, |core| {
        let within = |span| core.invoices_since(&subscription, core.now() - span);
        within(MINUTE) >= 10 || within(DAY) >= 20
    });
    reached.then_some(subscription)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intents_updates_and_a_subscriptions_quantities_are_counted() {
        let core = Core::new(1, 0);
        let counted = |path: &str, form: &str| updated(&core, "POST", path, form);
        assert_eq!(
            counted("/v1/payment_intents/pi_1", ""),
            Some(("pi_1".into(), 1_000))
        );
        assert_eq!(counted("/v1/payment_intents/pi_1/confirm", ""), None);
        assert_eq!(updated(&core, "GET", "/v1/payment_intents/pi_1", ""), None);
        let quantity = "items%5B0%5D%5Bid%5D=si_1&items%5B0%5D%5Bquantity%5D=3";
        let wanted = Some(("sub_1 quantity".into(), 200));
        assert_eq!(counted("/v1/subscriptions/sub_1", quantity), wanted);
        assert_eq!(counted("/v1/subscriptions/sub_1", "metadata[quantity]=3"), None);
        assert_eq!(counted("/v1/subscriptions/sub_1", "metadata[a]=b"), None);
    }

    #[test]
    fn the_invoices_of_a_subscription_on_a_test_clock_are_counted_in_its_time() {
        let mut core = Core::new(1, 0);
        let post = |core: &mut Core, path: &str, form: &str| {
            let made = crate::api::call(core, crate::core::Version::default(), "POST", path, form);
            made.unwrap()["id"].as_str().unwrap().to_owned()
        };
        let product = post(&mut core, "/v1/products", "name=Seats");
        let form = format!("product={product}&currency=usd&unit_amount=0&recurring[interval]=month");
        let price = post(&mut core, "/v1/prices", &form);
        let mut now = 1_000_000_000;
        let clock = post(
            &mut core,
            "/v1/test_helpers/test_clocks",
            &format!("frozen_time={now}"),
        );
        let customer = post(&mut core, "/v1/customers", &format!("test_clock={clock}"));
        let form = format!("customer={customer}&items[0][price]={price}");
        let path = format!(
            "/v1/subscriptions/{}",
            post(&mut core, "/v1/subscriptions", &form)
        );
        for _ in 0..12 {
            now += 31 * DAY;
            let advance = format!("/v1/test_helpers/test_clocks/{clock}/advance");
            post(&mut core, &advance, &format!("frozen_time={now}"));
            core.advance(DAY);
        }
        let id = path.trim_start_matches("/v1/subscriptions/");
        assert!(
            core.invoices_since(id, core.now()) >= 10,
            "after the account's time"
        );
        assert!(exhausted(&mut core, "POST", &path, "").is_none());
        let anew = "billing_cycle_anchor=now&proration_behavior=none";
        for _ in 0..10 {
            post(&mut core, &path, anew);
        }
        let limited = exhausted(&mut core, "POST", &path, "");
        assert_eq!(limited.as_deref(), Some(id));
        // What would make one more is refused before anything changes; the rest is done.
        let (before, told) = (core.get(id), core.events(0).len());
        let mut limits = core.clone();
        limits.limit_invoices(limited);
        let sent = |core: &mut Core, method: &str, path: &str, form: &str| {
            crate::api::call(core, crate::core::Version::default(), method, path, form)
        };
        let by_hand = format!("customer={customer}&subscription={id}");
        let item = format!("{by_hand}&amount=70&currency=usd");
        assert_eq!(sent(&mut limits, "POST", &path, anew).unwrap_err().status, 429);
        assert_eq!((limits.get(id), limits.events(0).len()), (before, told));
        sent(&mut limits, "POST", "/v1/invoiceitems", &item).unwrap();
        let refused = sent(&mut limits, "POST", "/v1/invoices", &by_hand);
        assert_eq!(refused.unwrap_err().status, 429);
        let refused = sent(&mut limits, "DELETE", &path, "invoice_now=true");
        assert_eq!(refused.unwrap_err().status, 429);
        sent(&mut limits, "POST", &path, "metadata[a]=b").unwrap();
        limits.limit_invoices(None);
        sent(&mut limits, "POST", &path, anew).unwrap();
    }
}
