//! Whose an event is, as far as it can be said without asking Stripe.

use std::collections::HashMap;

use tollgate_domain::id::CustomerId;
use tollgate_domain::object::{Kind, Object};
use tollgate_store::{Routing, Unrouted};
use tollgate_stripe::{envelope, event_object};

use super::Settings;

/// What an event says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Nothing more is to be found out.
    Settled(Routing),
    /// It names an account, and ours is not known yet: nothing is ignored that may be ours.
    Unjudged(String),
    /// It carries its object.
    Object(Box<Object>),
    /// It only names its object: a thin event, or one whose object this version cannot read. It is fetched when it is
    /// applied.
    Named(Kind, String),
}

const OTHER_MODE: &str = "livemode is";
const CONNECTED: &str = "of a connected account";
pub const OTHER_DEPLOYMENT: &str = "of another deployment";
pub const ERASED: &str = "of an erased customer";

/// What does not fit, of what is ignored because it is none of ours.
pub fn foreign(why: &str) -> Option<&'static str> {
    match why {
        CONNECTED => Some("account"),
        OTHER_DEPLOYMENT => Some("deployment"),
        ERASED => Some("erased"),
        why => why.starts_with(OTHER_MODE).then_some("livemode"),
    }
}

/// The next thing to ask Stripe for.
pub type Question = (Kind, String);

/// Reads an event.
pub fn read(event: &Unrouted, settings: &Settings) -> About {
    if event
        .livemode
        .is_some_and(|livemode| livemode != settings.livemode)
    {
        return ignored(format!("{OTHER_MODE} {}", !settings.livemode));
    }
    // A deployment is of one account, and Connect is none of its business. Few events of one's own account name it.
    match (&event.account, settings.account.get()) {
        (Some(theirs), None) => {
            return About::Unjudged(format!(
                "it is of {theirs}, and the account of the key is not known yet: if that lasts, set TOLLGATE_STRIPE_ACCOUNT"
            ));
        }
        (Some(theirs), Some(ours)) if theirs != ours => return ignored(CONNECTED.into()),
        _ => {}
    }
    let head = match envelope(&event.body) {
        Ok(head) => head,
        Err(error) => {
            return About::Settled(Routing::Parked {
                error: error.to_string(),
            });
        }
    };
    let named = head
        .object_kind
        .as_deref()
        .and_then(Kind::parse)
        .zip(head.object_id);
    match (event_object(&event.body), named) {
        (Ok(Some(object)), _) if is_foreign(&object, settings) => ignored(OTHER_DEPLOYMENT.into()),
        (Ok(Some(object)), _) => About::Object(Box::new(object)),
        (Ok(None), Some((kind, id))) if head.thin => About::Named(kind, id),
        (Ok(None), _) => ignored(format!("access does not depend on {}", event.event_type)),
        (Err(_), Some((kind, id))) => About::Named(kind, id),
        (Err(error), None) => About::Settled(Routing::Parked {
            error: error.to_string(),
        }),
    }
}

fn ignored(why: String) -> About {
    About::Settled(Routing::Ignored { why })
}

/// Stamped by another deployment that shares the account.
pub fn is_foreign(object: &Object, settings: &Settings) -> bool {
    let deployment = object.stamp().and_then(|stamp| stamp.deployment.as_ref());
    deployment.is_some_and(|theirs| *theirs != settings.deployment)
}

impl About {
    /// Every id of Stripe's that belongs to whom the event belongs to, the closest first.
    pub fn ids(&self) -> Vec<String> {
        match self {
            About::Settled(_) | About::Unjudged(_) => vec![],
            About::Object(object) => ids(object),
            About::Named(_, id) => vec![id.clone()],
        }
    }

    /// By what is known of its ids, else by our own mark. Never by `client_reference_id`, which a stranger can choose.
    pub fn owner(&self, links: &HashMap<String, CustomerId>, settings: &Settings) -> Option<CustomerId> {
        match self {
            About::Settled(_) | About::Unjudged(_) => None,
            About::Object(object) => owner(object, links, settings),
            About::Named(_, id) => links.get(id).cloned(),
        }
    }

    /// What to ask Stripe for to find out.
    pub fn question(&self) -> Option<Question> {
        match self {
            About::Settled(_) | About::Unjudged(_) => None,
            About::Object(object) => question(object),
            About::Named(kind, id) => Some((*kind, id.clone())),
        }
    }
}

/// As [`About::ids`].
pub fn ids(object: &Object) -> Vec<String> {
    let mut ids = vec![object.id()];
    for id in object.stripe_customer().into_iter().chain(object.related()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.into_iter().map(str::to_owned).collect()
}

/// As [`About::owner`].
pub fn owner(
    object: &Object,
    links: &HashMap<String, CustomerId>,
    settings: &Settings,
) -> Option<CustomerId> {
    let linked = ids(object).into_iter().find_map(|id| links.get(&id).cloned());
    linked.or_else(|| {
        let stamp = object
            .stamp()
            .filter(|stamp| stamp.deployment.as_deref() == Some(&settings.deployment))?;
        CustomerId::parse(stamp.customer.as_ref()?).ok()
    })
}

/// What people decided about an object that is linked to nobody: then our own mark on it does not count. `Some(true)`: its
/// customer was erased. `Some(false)`: it was unlinked, and waits for a link.
pub fn disowned(
    ids: &[String],
    links: &HashMap<String, CustomerId>,
    disowned: &HashMap<String, bool>,
) -> Option<bool> {
    if ids.iter().any(|id| links.contains_key(id)) {
        return None;
    }
    ids.iter().filter_map(|id| disowned.get(id).copied()).max()
}

/// Stripe's customer may carry our mark; a refund or dispute names only its charge, which names the customer.
pub fn question(object: &Object) -> Option<Question> {
    match object {
        Object::Customer(_) => None,
        Object::Refund(refund) => refund.charge.clone().map(|id| (Kind::Charge, id)),
        Object::Dispute(dispute) => dispute.charge.clone().map(|id| (Kind::Charge, id)),
        other => other.stripe_customer().map(|id| (Kind::Customer, id.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tollgate_domain::time::Timestamp;

    use super::*;

    fn settings() -> Settings {
        Settings {
            deployment: "here".into(),
            ..Settings::default()
        }
    }

    fn about(event: Value) -> About {
        about_with(event, &settings())
    }

    fn about_with(event: Value, settings: &Settings) -> About {
        let event = Unrouted {
            seq: 1,
            event_type: event["type"].as_str().unwrap_or_default().into(),
            created: Timestamp(0),
            livemode: event["livemode"].as_bool(),
            account: event["account"].as_str().map(str::to_owned),
            body: event.to_string().into(),
            attempts: 0,
            traceparent: None,
        };
        read(&event, settings)
    }

    fn carrying(object: Value) -> About {
        about(json!({"id": "evt_1", "type": "some.event", "data": {"object": object}}))
    }

    fn customer(metadata: Value) -> About {
        carrying(json!({"id": "cus_1", "object": "customer", "metadata": metadata}))
    }

    fn why(about: &About) -> &str {
        match about {
            About::Settled(Routing::Ignored { why }) => why,
            other => panic!("not ignored: {other:?}"),
        }
    }

    #[test]
    fn our_mark_counts_only_with_our_deployment() {
        let none = HashMap::new();
        let ours = customer(json!({"tollgate_customer": "acme", "tollgate_deployment": "here"}));
        assert_eq!(ours.owner(&none, &settings()).unwrap().as_str(), "acme");
        assert_eq!(
            customer(json!({"tollgate_customer": "acme"})).owner(&none, &settings()),
            None
        );
        let odd = customer(json!({"tollgate_customer": "a b", "tollgate_deployment": "here"}));
        assert_eq!(odd.owner(&none, &settings()), None);
        let theirs = customer(json!({"tollgate_customer": "acme", "tollgate_deployment": "there"}));
        assert_eq!(why(&theirs), "of another deployment");
    }

    #[test]
    fn the_other_mode_other_accounts_and_other_kinds_are_ignored() {
        let object = json!({"id": "cus_1", "object": "customer"});
        let live = about(json!({"id": "evt_1", "livemode": true, "data": {"object": object}}));
        assert_eq!(why(&live), "livemode is true");
        let of = |account| json!({"id": "evt_1", "account": account, "data": {"object": object}});
        assert!(matches!(about(of("acct_1")), About::Unjudged(_)));
        let named = settings();
        named.account.set("acct_1".into()).unwrap();
        for (account, ours) in [("acct_1", true), ("acct_2", false)] {
            let about = about_with(of(account), &named);
            assert_eq!(matches!(about, About::Object(_)), ours, "{about:?}");
        }
        let connected = about_with(of("acct_2"), &named);
        assert_eq!(why(&connected), "of a connected account");
        let product = carrying(json!({"id": "prod_1", "object": "product"}));
        assert_eq!(why(&product), "access does not depend on some.event");
        let preview = about(json!({"id": "evt_1", "type": "invoice.upcoming",
            "data": {"object": {"id": "upcoming_in_1", "object": "invoice", "customer": "cus_1"}}}));
        assert_eq!(why(&preview), "access does not depend on invoice.upcoming");
        assert_eq!(
            [&live, &connected, &product].map(|about| foreign(why(about))),
            [Some("livemode"), Some("account"), None]
        );
    }

    #[test]
    fn an_object_that_is_not_shown_or_not_read_is_named() {
        let sub = || About::Named(Kind::Subscription, "sub_1".into());
        let thin = about(
            json!({"id": "evt_1", "object": "v2.core.event", "type": "v1.customer.subscription.updated",
            "related_object": {"id": "sub_1", "type": "subscription"}}),
        );
        assert_eq!(thin, sub());
        assert_eq!(carrying(json!({"id": "sub_1", "object": "subscription"})), sub());
        let meter = about(
            json!({"id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found",
            "related_object": {"id": "mtr_1", "type": "billing.meter"}}),
        );
        assert_eq!(
            why(&meter),
            "access does not depend on v1.billing.meter.no_meter_found"
        );
    }

    #[test]
    fn what_is_known_counts_before_the_mark_and_a_reference_that_strangers_choose_never() {
        let session = carrying(
            json!({"id": "cs_1", "object": "checkout.session", "customer": "cus_1",
            "client_reference_id": "beta", "metadata": {}}),
        );
        assert_eq!(session.owner(&HashMap::new(), &settings()), None);
        let links = HashMap::from([("cus_1".to_owned(), CustomerId::parse("acme").unwrap())]);
        assert_eq!(session.owner(&links, &settings()).unwrap().as_str(), "acme");
        let marked = customer(json!({"tollgate_customer": "beta", "tollgate_deployment": "here"}));
        assert_eq!(marked.owner(&links, &settings()).unwrap().as_str(), "acme");
    }

    #[test]
    fn a_refund_belongs_to_whom_its_charge_belongs_to() {
        let refund =
            carrying(json!({"id": "re_1", "object": "refund", "charge": "ch_1", "payment_intent": "pi_1"}));
        assert_eq!(refund.ids(), ["re_1", "ch_1", "pi_1"]);
        assert_eq!(refund.question(), Some((Kind::Charge, "ch_1".into())));
    }
}
