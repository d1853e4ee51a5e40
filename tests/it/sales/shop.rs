//! A shop on the whole service, of which Stripe tells only what `stripe setup` subscribes to.

use serde_json::Value;
use stripe_simulator::core::{Core, EndpointChange, Interval, NewCustomer, NewPrice};
use tollgate::api::grpc::proto::billing_admin_service_client::BillingAdminServiceClient;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::line_item::Price;
use tollgate::api::grpc::proto::{
    CreateCheckoutRequest, Entitlement, ExplainEntitlementRequest, Fact, GetEntitlementRequest, LineItem,
    Reason, entitlement,
};
use tollgate::config::Config;
use tollgate_domain::time::Timestamp;
use tollgate_store::Figures;
use tollgate_stripe::wanted::EVENTS;
use tonic::Status;
use tonic::transport::Channel;

use crate::support::{TestApp, catalog, eventually};

pub const MINUTE: i64 = 60;
pub const DAY: i64 = 86_400;

const CATALOG: &str = "
features:
  sso: {type: boolean}
  seats: {type: limit, combine: sum}
  export: {type: boolean}
  support: {type: enum, order: [community, email, priority]}
defaults: {support: community}
plans:
  team:
    match: {lookup_key: team_monthly}
    grants: {sso: true, seats: {per_unit: 1}}
  strict:
    match: {lookup_key: strict_monthly}
    grants: {export: true}
    while_processing: deny
    refunds: {subscriptions: full}
  report:
    match: {lookup_key: report}
    grants: {support: priority}
  trusting:
    match: {lookup_key: trusting}
    grants: {support: email}
    while_processing: grant
    refunds: {purchases: partial}
  month:
    match: {lookup_key: month}
    grants: {export: true}
    duration: 30d
    deleted_customer: end
";

pub struct Shop {
    pub app: TestApp,
    client: BillingServiceClient<Channel>,
    admin: BillingAdminServiceClient<Channel>,
    /// There as long as the service may read it.
    _catalog: tempfile::NamedTempFile,
}

impl Shop {
    pub async fn open() -> Shop {
        Shop::with(|_| {}).await
    }

    /// With other settings than the usual ones.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Shop {
        let file = catalog(CATALOG);
        let app = TestApp::with(|config| {
            config.catalog = Some(file.path().to_owned());
            change(config);
        })
        .await;
        app.stripe(|stripe| {
            sell(stripe);
            stripe.settings_mut().payment_method_types = vec!["card", "sepa_debit"];
            let endpoint = stripe.webhook_endpoints().next().unwrap().id.clone();
            let change = EndpointChange {
                enabled_events: Some(EVENTS.iter().map(|(event, _)| (*event).to_owned()).collect()),
                ..EndpointChange::default()
            };
            stripe.update_webhook_endpoint(&endpoint, change).unwrap();
        });
        let (client, admin) = (app.client().await, app.admin().await);
        Shop {
            app,
            client,
            admin,
            _catalog: file,
        }
    }

    /// Opens a page that sells these; the session's id.
    pub async fn checkout(&self, customer: &str, request_id: &str, sold: &[(&str, i64)]) -> String {
        self.try_checkout(customer, request_id, sold).await.unwrap()
    }

    pub async fn try_checkout(
        &self,
        customer: &str,
        request_id: &str,
        sold: &[(&str, i64)],
    ) -> Result<String, Status> {
        let item = |(key, quantity): &(&str, i64)| LineItem {
            price: Some(Price::LookupKey((*key).to_owned())),
            quantity: Some(*quantity),
        };
        let request = CreateCheckoutRequest {
            customer: customer.into(),
            request_id: request_id.into(),
            line_items: sold.iter().map(item).collect(),
            success_url: "https://shop.example/thanks".into(),
            ..CreateCheckoutRequest::default()
        };
        let page = self.client.clone().create_checkout(request).await?;
        Ok(page.into_inner().checkout.unwrap().id)
    }

    /// acme buys these with one of Stripe's test methods; the session's id.
    pub async fn buy_with(&self, method: &str, sold: &[(&str, i64)]) -> String {
        let session = self.checkout("acme", "order-1", sold).await;
        self.app
            .stripe(|stripe| stripe.pay_session_with(&session, method))
            .unwrap();
        session
    }

    pub async fn buy(&self, sold: &[(&str, i64)]) -> String {
        self.buy_with("pm_card_visa", sold).await
    }

    pub async fn get(&self, customer: &str, feature: &str) -> Entitlement {
        let request = GetEntitlementRequest {
            customer: customer.into(),
            feature: feature.into(),
            ..GetEntitlementRequest::default()
        };
        let answer = self.client.clone().get_entitlement(request).await.unwrap();
        answer.into_inner().entitlement.unwrap()
    }

    pub async fn reason(&self, feature: &str) -> Reason {
        self.get("acme", feature).await.reason()
    }

    /// What acme has, once it has it for that reason.
    pub async fn until(&self, feature: &str, reason: Reason) -> Entitlement {
        eventually(&format!("{feature} is {reason:?}"), async || {
            Some(self.get("acme", feature).await).filter(|answer| answer.reason() == reason)
        })
        .await
    }

    /// Until this version of these objects is known of acme, Stripe was asked about it, and nothing is left to be done. What
    /// is not to change has not changed then.
    pub async fn heard_of(&self, objects: &[&str]) {
        let about = format!("all is known of {objects:?}");
        eventually(&about, async || {
            let events = |stripe: &mut Core| {
                stripe
                    .events(0)
                    .iter()
                    .all(|event| stripe.is_delivered(&event.id))
            };
            let delivered = self.stripe(events);
            let figures = self.figures().await;
            let open =
                figures.received.count + figures.routed.count + figures.learned + figures.settles.count;
            let quiet = open == 0;
            let facts = self.facts().await?;
            let known = |id: &&str| {
                facts
                    .iter()
                    .any(|fact| fact.stripe_object == *id && fact.confirmed)
            };
            (quiet && delivered && objects.iter().all(known)).then_some(())
        })
        .await;
    }

    /// What is unfinished.
    pub async fn figures(&self) -> Figures {
        let now = self.stripe(|stripe| Timestamp::from_unix(stripe.now()));
        self.app.store().figures(now).await.unwrap()
    }

    /// All that is known of acme; `None`: something more was learned and not applied yet.
    pub async fn facts(&self) -> Option<Vec<Fact>> {
        let request = ExplainEntitlementRequest {
            customer: "acme".into(),
            feature: "sso".into(),
            ..ExplainEntitlementRequest::default()
        };
        let answer = self
            .admin
            .clone()
            .explain_entitlement(request)
            .await
            .unwrap()
            .into_inner();
        (!answer.pending).then_some(answer.facts)
    }

    pub fn stripe<R>(&self, act: impl FnOnce(&mut Core) -> R) -> R {
        self.app.stripe(act)
    }

    pub fn advance(&self, seconds: i64) {
        self.app.simulator.advance(seconds);
    }

    /// Stripe's newest object whose id begins so.
    pub fn newest(&self, prefix: &str) -> Value {
        self.stripe(|stripe| {
            let events = stripe.events(0).iter().rev();
            let mut objects = events.map(|event| event.to_json()["data"]["object"].clone());
            let is_one = |object: &Value| object["id"].as_str().is_some_and(|id| id.starts_with(prefix));
            let newest = objects.find(is_one).unwrap();
            stripe.get(&id(&newest)).unwrap_or(newest)
        })
    }
}

pub fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

pub fn seats(answer: &Entitlement) -> i64 {
    match &answer.value {
        Some(entitlement::Value::Limit(limit)) => limit.amount,
        other => panic!("{other:?}"),
    }
}

pub fn option(answer: &Entitlement) -> &str {
    match &answer.value {
        Some(entitlement::Value::Option(word)) => word,
        other => panic!("{other:?}"),
    }
}

/// A Stripe customer that support makes for somebody of ours.
pub fn stamped(customer: &str) -> NewCustomer {
    NewCustomer {
        metadata: [
            ("tollgate_customer", customer),
            ("tollgate_deployment", "default"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        ..NewCustomer::default()
    }
}

pub fn price(stripe: &Core, lookup_key: &str) -> String {
    stripe.price_with_lookup_key(lookup_key).unwrap()
}

fn sell(stripe: &mut Core) {
    let monthly = Some((Interval::Month, 1));
    for (lookup_key, unit_amount, recurring) in [
        ("team_monthly", 2_000, monthly),
        ("strict_monthly", 2_000, monthly),
        ("report", 5_000, None),
        ("trusting", 3_000, None),
        ("month", 900, None),
    ] {
        let product = id(&stripe.create_product(lookup_key).unwrap());
        let new = NewPrice {
            product,
            currency: "eur".into(),
            unit_amount,
            recurring,
            lookup_key: Some(lookup_key.into()),
            ..NewPrice::default()
        };
        stripe.create_price(new).unwrap();
    }
}
