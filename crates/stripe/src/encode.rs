//! Requests as text, written by async-stripe's typed builders, so that the very same bytes can be stored and sent again.

use std::collections::HashMap;

use stripe_billing::billing_portal_session::CreateBillingPortalSession;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionLineItems, CreateCheckoutSessionPaymentIntentData,
    CreateCheckoutSessionSubscriptionData,
};
use stripe_client_core::{StripeRequest, VERSION};
use stripe_core::customer::CreateCustomer;
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::{SessionMode, Stamp};
use tollgate_domain::time::Timestamp;

/// A POST exactly as it is sent, and sent again: by another release too, at the same API version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// From `/v1` on.
    pub path: String,
    /// Form-encoded.
    pub body: String,
    /// `Stripe-Version`.
    pub api_version: String,
}

/// What is bought, by whom, and where the browser goes afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// `cus_…`
    pub customer: String,
    pub mode: SessionMode,
    /// Price id and quantity.
    pub items: Vec<(String, u64)>,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub client_reference_id: Option<String>,
    /// Set on the session and on what comes of it.
    pub stamp: Stamp,
    /// 30 minutes to 24 hours from now; Stripe's default is 24 hours.
    pub expires_at: Option<Timestamp>,
    /// Only for subscriptions.
    pub trial_days: Option<u32>,
}

/// `POST /v1/checkout/sessions`.
pub fn encode_checkout(request: &CheckoutRequest) -> Encoded {
    let items: Vec<_> = request
        .items
        .iter()
        .map(|(price, quantity)| {
            let mut item = CreateCheckoutSessionLineItems::new();
            item.price = Some(price.clone());
            item.quantity = Some(*quantity);
            item
        })
        .collect();
    let metadata = metadata(&request.stamp);
    let mut create = CreateCheckoutSession::new()
        .customer(&request.customer)
        .mode(mode(&request.mode))
        .line_items(items)
        .success_url(&request.success_url)
        .metadata(metadata.clone());
    if let Some(url) = &request.cancel_url {
        create = create.cancel_url(url);
    }
    if let Some(id) = &request.client_reference_id {
        create = create.client_reference_id(id);
    }
    if let Some(at) = request.expires_at {
        create = create.expires_at(at.unix());
    }
    match request.mode {
        SessionMode::Subscription => {
            let mut data = CreateCheckoutSessionSubscriptionData::new();
            data.metadata = Some(metadata);
            data.trial_period_days = request.trial_days;
            create = create.subscription_data(data);
        }
        SessionMode::Payment => {
            let mut data = CreateCheckoutSessionPaymentIntentData::new();
            data.metadata = Some(metadata);
            create = create.payment_intent_data(data);
        }
        SessionMode::Setup | SessionMode::Unknown(_) => {}
    }
    encode(&create)
}

/// `POST /v1/customers`: stamped, and otherwise empty, so that no personal data passes here.
pub fn encode_customer(customer: &CustomerId, deployment: &str) -> Encoded {
    let stamp = Stamp {
        customer: Some(customer.as_str().to_owned()),
        deployment: Some(deployment.to_owned()),
    };
    encode(&CreateCustomer::new().metadata(metadata(&stamp)))
}

/// `POST /v1/billing_portal/sessions`. Without a configuration it is the account's default.
pub fn encode_portal(stripe_customer: &str, return_url: &str, configuration: Option<&str>) -> Encoded {
    let mut create = CreateBillingPortalSession::new()
        .customer(stripe_customer)
        .return_url(return_url);
    if let Some(configuration) = configuration {
        create = create.configuration(configuration);
    }
    encode(&create)
}

fn encode(request: &impl StripeRequest) -> Encoded {
    let request = request.build();
    Encoded {
        path: format!("/v1{}", request.path),
        body: request.body.unwrap_or_default(),
        api_version: VERSION.to_string(),
    }
}

fn mode(mode: &SessionMode) -> stripe_shared::CheckoutSessionMode {
    match mode {
        SessionMode::Payment => stripe_shared::CheckoutSessionMode::Payment,
        SessionMode::Subscription => stripe_shared::CheckoutSessionMode::Subscription,
        SessionMode::Setup => stripe_shared::CheckoutSessionMode::Setup,
        SessionMode::Unknown(word) => stripe_shared::CheckoutSessionMode::Unknown(word.clone()),
    }
}

fn metadata(stamp: &Stamp) -> HashMap<String, String> {
    [
        ("tollgate_customer", &stamp.customer),
        ("tollgate_deployment", &stamp.deployment),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)))
    .collect()
}
