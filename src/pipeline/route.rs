//! Whose an event is: by what we wrote on the object, by what is known of any id it names, else by asking Stripe.

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::{Kind, Object};
use tollgate_store::{Routing, StoreError, Unrouted};
use tollgate_stripe::{CallError, envelope, event_object, object};

use super::wake::station;
use super::{Context, backoff};

pub async fn run(context: Context, stop: CancellationToken) -> Result<()> {
    let Context { clock, settings, wakes, .. } = context.clone();
    station("route", &wakes.route, &clock, settings.idle, &stop, || round(&context)).await;
    Ok(())
}

async fn round(context: &Context) -> Result<bool, StoreError> {
    let events = context.store.unrouted(context.settings.batch, context.clock.now()).await?;
    if events.is_empty() {
        return Ok(false);
    }
    let mut routed = Vec::with_capacity(events.len());
    for event in &events {
        let routing = route(context, event).await?;
        if let Routing::Ignored { .. } = &routing {
            metrics::counter!("tollgate_events_ignored_total").increment(1);
        }
        routed.push((event.seq, routing));
    }
    context.store.route(&routed).await?;
    context.wakes.apply.notify_one();
    Ok(true)
}

async fn route(context: &Context, event: &Unrouted) -> Result<Routing, StoreError> {
    let settings = &context.settings;
    if event.livemode.is_some_and(|livemode| livemode != settings.livemode) {
        return Ok(ignored(format!("livemode is {}", !settings.livemode)));
    }
    if event.account.is_some() {
        return Ok(ignored("of a connected account".into()));
    }
    let object = match read(context, event).await {
        Ok(Some(object)) => object,
        Ok(None) => return Ok(ignored(format!("access does not depend on {}", event.event_type))),
        Err(Unread::Never(error)) => return Ok(Routing::Parked { error }),
        Err(Unread::Now(error)) => {
            return Ok(Routing::Retry { error, at: context.clock.now() + backoff(event.attempts) });
        }
    };
    if let Some(theirs) = object.stamp().and_then(|stamp| stamp.deployment.as_ref())
        && *theirs != settings.deployment
    {
        return Ok(ignored("of another deployment".into()));
    }
    let ids = ids(&object);
    if let Some(customer) = stamped(&object, &settings.deployment) {
        return Ok(Routing::Customer { customer, ids });
    }
    if let Some(customer) = linked(context, &ids).await? {
        return Ok(Routing::Customer { customer, ids });
    }
    match asked(context, &object).await {
        Ok(Some((customer, more))) => Ok(Routing::Customer { customer, ids: [ids, more].concat() }),
        Ok(None) => Ok(Routing::Waiting { on: ids }),
        Err(Asked::Store(error)) => Err(error),
        Err(Asked::Stripe(error)) => {
            Ok(Routing::Retry { error: error.to_string(), at: context.clock.now() + backoff(event.attempts) })
        }
    }
}

enum Unread {
    Never(String),
    Now(String),
}

/// The object that the event is about; a thin event names it only, so it is fetched.
async fn read(context: &Context, event: &Unrouted) -> Result<Option<Object>, Unread> {
    let never = |error: tollgate_stripe::Unreadable| Unread::Never(error.to_string());
    let head = envelope(&event.body).map_err(never)?;
    if !head.thin {
        return event_object(&event.body).map_err(never);
    }
    let Some((kind, id)) = head.object_kind.as_deref().and_then(Kind::parse).zip(head.object_id) else {
        return Ok(None);
    };
    match context.stripe.fetch(kind, &id).await {
        Ok(fetched) => object(&fetched.body).map_err(never),
        Err(CallError::NotFound) => Err(Unread::Never(format!("Stripe does not know {id}"))),
        Err(error) => Err(Unread::Now(error.to_string())),
    }
}

/// Our own mark on it.
fn stamped(object: &Object, deployment: &str) -> Option<CustomerId> {
    let stamp = object.stamp().filter(|stamp| stamp.deployment.as_deref() == Some(deployment))?;
    CustomerId::parse(stamp.customer.as_ref()?).ok()
}

/// Every id that belongs to whom the object belongs to.
fn ids(object: &Object) -> Vec<String> {
    let mut ids = vec![object.id().to_owned()];
    ids.extend(object.stripe_customer().map(str::to_owned));
    ids.extend(object.related().into_iter().map(str::to_owned));
    ids.sort();
    ids.dedup();
    ids
}

async fn linked(context: &Context, ids: &[String]) -> Result<Option<CustomerId>, StoreError> {
    let mut known = context.store.links(ids).await?;
    Ok(ids.iter().find_map(|id| known.remove(id)))
}

enum Asked {
    Store(StoreError),
    Stripe(CallError),
}

/// Stripe's customer may carry our mark; a dispute or refund names only its charge, which names the customer.
async fn asked(context: &Context, about: &Object) -> Result<Option<(CustomerId, Vec<String>)>, Asked> {
    let mut more = vec![];
    let mut next = match about.stripe_customer() {
        Some(id) => Some((Kind::Customer, id.to_owned())),
        None => charge_of(about).map(|id| (Kind::Charge, id.to_owned())),
    };
    while let Some((kind, id)) = next.take() {
        if kind == about.kind() && id == about.id() {
            break;
        }
        let fetched = match context.stripe.fetch(kind, &id).await {
            Ok(fetched) => fetched,
            Err(CallError::NotFound) => break,
            Err(error) => return Err(Asked::Stripe(error)),
        };
        let Ok(Some(found)) = object(&fetched.body) else { break };
        more.extend(ids(&found));
        if let Some(customer) = stamped(&found, &context.settings.deployment) {
            return Ok(Some((customer, more)));
        }
        if let Some(customer) = linked(context, &more).await.map_err(Asked::Store)? {
            return Ok(Some((customer, more)));
        }
        if kind == Kind::Charge {
            next = found.stripe_customer().map(|id| (Kind::Customer, id.to_owned()));
        }
    }
    Ok(None)
}

fn charge_of(object: &Object) -> Option<&str> {
    match object {
        Object::Refund(refund) => refund.charge.as_deref(),
        Object::Dispute(dispute) => dispute.charge.as_deref(),
        _ => None,
    }
}

fn ignored(why: String) -> Routing {
    Routing::Ignored { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(metadata: &str) -> Object {
        let body = format!(r#"{{"id":"cus_1","object":"customer","metadata":{{{metadata}}}}}"#);
        object(body.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn our_mark_counts_only_with_our_deployment() {
        let ours = customer(r#""tollgate_customer":"acme","tollgate_deployment":"here""#);
        assert_eq!(stamped(&ours, "here").unwrap().as_str(), "acme");
        assert_eq!(stamped(&ours, "there"), None);
        assert_eq!(stamped(&customer(r#""tollgate_customer":"acme""#), "here"), None);
    }

    #[test]
    fn a_mark_that_is_no_customer_is_none() {
        let odd = customer(r#""tollgate_customer":"a b","tollgate_deployment":"here""#);
        assert_eq!(stamped(&odd, "here"), None);
    }

    #[test]
    fn a_refund_belongs_to_whom_its_charge_belongs_to() {
        let refund = object(br#"{"id":"re_1","object":"refund","charge":"ch_1","payment_intent":"pi_1"}"#);
        let refund = refund.unwrap().unwrap();
        assert_eq!(ids(&refund), ["ch_1", "pi_1", "re_1"]);
        assert_eq!(charge_of(&refund), Some("ch_1"));
    }
}
