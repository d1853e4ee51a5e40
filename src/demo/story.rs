//! The story in six beats. Every line is printed after the answer in it was received.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{sleep, timeout};
use tollgate_store::Store;
use tonic::transport::Channel;

use super::browser::Browser;
use super::frames::Frames;
use super::say::Narrator;
use super::stack::Stack;
use super::stripe::Stripe;
use crate::api::grpc::proto::billing_service_client::BillingServiceClient;
use crate::api::grpc::proto::line_item::Price;
use crate::api::grpc::proto::{
    Access, CheckEntitlementRequest, CheckoutState, CreateCheckoutRequest, Entitlement, GetCheckoutRequest,
    GetEntitlementRequest, LineItem, Reason,
};

const CUSTOMER: &str = "acme";
const BEAT: Duration = Duration::from_secs(60);
/// Longer than any month, so that one step crosses one renewal.
const A_MONTH: Duration = Duration::from_secs(31 * 86_400 + 3_600);

/// Tells it.
///
/// # Errors
/// The first beat that did not happen, by its number and title.
pub async fn tell(stack: &Stack, say: &Narrator) -> Result<Frames> {
    let mut client = stack.client().await?;
    let frames = Frames::open(&mut client, CUSTOMER, say.clone()).await?;
    let mut story = Story {
        client,
        frames,
        stripe: &stack.stripe,
        store: &stack.service.store,
        metrics: format!("http://{}/metrics", stack.service.ops),
        browser: Browser::new(),
        say: say.clone(),
        revision: String::new(),
    };
    let say = say.clone();
    beat(
        &say,
        1,
        "a customer without a plan has the catalog's defaults",
        story.without_a_plan(),
    )
    .await?;
    beat(&say, 2, "it opens a checkout, and the page is paid", story.pays()).await?;
    beat(
        &say,
        3,
        "the webhook has come: the stream and every read know",
        story.has_the_plan(),
    )
    .await?;
    beat(
        &say,
        4,
        "the clock moves: a renewal, a failed payment, recovery",
        story.renews(),
    )
    .await?;
    beat(
        &say,
        5,
        "it cancels at the period's end, and the end comes",
        story.cancels(),
    )
    .await?;
    beat(
        &say,
        6,
        "a one-time purchase is the same call; a refund takes it back",
        story.buys_once(),
    )
    .await?;
    Ok(story.frames)
}

async fn beat(
    say: &Narrator,
    number: u8,
    title: &str,
    happens: impl Future<Output = Result<()>>,
) -> Result<()> {
    say.heading(&format!("{number}. {title}"));
    timeout(BEAT, happens)
        .await
        .with_context(|| format!("not done within {BEAT:?}"))
        .flatten()
        .with_context(|| format!("beat {number} ({title}) did not happen"))
}

struct Story<'a> {
    client: BillingServiceClient<Channel>,
    frames: Frames,
    stripe: &'a Stripe,
    store: &'a Store,
    metrics: String,
    browser: Browser,
    say: Narrator,
    /// What the last checkout's answer was read at.
    revision: String,
}

impl Story<'_> {
    async fn without_a_plan(&mut self) -> Result<()> {
        self.frames
            .until("the snapshot is complete", |seen| seen.complete)
            .await?;
        self.expect("seats", Access::Granted, Reason::Default).await?;
        self.expect("sso", Access::Denied, Reason::NoPlan).await
    }

    async fn pays(&mut self) -> Result<()> {
        let checkout = self.opens("order-1001", "team_monthly", 5).await?;
        let again = self.opens("order-1001", "team_monthly", 5).await?;
        ensure!(
            again.id == checkout.id,
            "the same request_id led to another checkout, {}",
            again.id
        );
        self.pays_at(&checkout.url, &checkout.id).await
    }

    async fn has_the_plan(&mut self) -> Result<()> {
        let metrics = self.browser.get(&self.metrics).await?;
        let stored = metrics
            .lines()
            .find(|line| line.starts_with("tollgate_webhook_requests_total{outcome=\"stored\"}"));
        let stored = stored.context("no webhook has been stored")?;
        self.say.answer("GET /metrics", stored);
        self.frames
            .until("sso is granted, active", |seen| {
                seen.first("sso").access() == Access::Granted && seen.first("sso").reason() == Reason::Active
            })
            .await?;
        self.expect("sso", Access::Granted, Reason::Active).await?;
        self.expect("seats", Access::Granted, Reason::Active).await?;
        self.expect("support", Access::Granted, Reason::Active).await?;
        self.allows("seats", 5, true).await?;
        self.allows("seats", 6, false).await
    }

    async fn renews(&mut self) -> Result<()> {
        let paid = self.stripe.paid_invoices();
        self.advance(A_MONTH).await?;
        self.until_learned(paid + 1).await?;
        self.expect("sso", Access::Granted, Reason::Active).await?;

        self.stripe.decline_payments(true)?;
        self.advance(A_MONTH).await?;
        self.frames
            .until("sso is in grace, and denied after it", |seen| {
                seen.first("sso").reason() == Reason::InGrace
                    && seen.later("sso") == Some(Reason::PaymentFailed)
            })
            .await?;
        self.expect("sso", Access::Granted, Reason::InGrace).await?;

        self.stripe.decline_payments(false)?;
        let invoice = self.stripe.pay_open_invoice()?;
        self.say.answer("stripe: the open invoice is paid", &invoice);
        self.frames
            .until("sso is active again", |seen| {
                seen.first("sso").reason() == Reason::Active
            })
            .await?;
        self.expect("sso", Access::Granted, Reason::Active).await
    }

    async fn cancels(&mut self) -> Result<()> {
        let subscription = self.stripe.cancel_at_period_end()?;
        self.say
            .answer("stripe: cancel at the period's end", &subscription);
        self.frames
            .until("sso will be canceled", |seen| {
                seen.later("sso") == Some(Reason::Canceled)
            })
            .await?;
        self.expect("sso", Access::Granted, Reason::Active).await?;
        self.advance(A_MONTH).await?;
        self.frames
            .until("sso is canceled", |seen| {
                seen.first("sso").access() == Access::Denied && seen.first("sso").reason() == Reason::Canceled
            })
            .await?;
        self.expect("sso", Access::Denied, Reason::Canceled).await
    }

    async fn buys_once(&mut self) -> Result<()> {
        let checkout = self.opens("order-1002", "report_once", 1).await?;
        self.pays_at(&checkout.url, &checkout.id).await?;
        self.frames
            .until("audit_report is purchased", |seen| {
                seen.first("audit_report").reason() == Reason::Purchased
            })
            .await?;
        self.expect("audit_report", Access::Granted, Reason::Purchased)
            .await?;
        let refund = self.stripe.refund_last_payment()?;
        self.say.answer("stripe: the payment is refunded", &refund);
        self.frames
            .until("audit_report is denied, refunded", |seen| {
                seen.first("audit_report").access() == Access::Denied
                    && seen.first("audit_report").reason() == Reason::Refunded
            })
            .await?;
        self.expect("audit_report", Access::Denied, Reason::Refunded)
            .await
    }

    /// `CreateCheckout`.
    async fn opens(&mut self, request_id: &str, price: &str, quantity: i64) -> Result<Opened> {
        let request = CreateCheckoutRequest {
            customer: CUSTOMER.into(),
            request_id: request_id.into(),
            line_items: vec![LineItem {
                price: Some(Price::LookupKey(price.into())),
                quantity: Some(quantity),
            }],
            success_url: "https://shop.example/return?checkout={CHECKOUT_SESSION_ID}".into(),
            cancel_url: "https://shop.example/prices".into(),
            ..CreateCheckoutRequest::default()
        };
        let answer = self.client.create_checkout(request).await?.into_inner();
        let checkout = answer.checkout.context("the answer has no checkout")?;
        self.say.answer(
            &format!("CreateCheckout {request_id} {price} x{quantity}"),
            &checkout.to_string(),
        );
        ensure!(
            checkout.state() == CheckoutState::Open,
            "the checkout is not open"
        );
        Ok(Opened {
            id: checkout.id,
            url: checkout.url,
        })
    }

    /// The person pays; then the return page asks until the money has had its effect.
    async fn pays_at(&mut self, url: &str, checkout: &str) -> Result<()> {
        let title = self.browser.open(url).await?;
        self.say.answer("browser: GET the page", &title);
        let back = self.browser.submit(url, "outcome=pay").await?;
        self.say
            .answer("browser: POST \"Pay\"", &format!("sent on to {back}"));
        loop {
            let request = GetCheckoutRequest {
                customer: CUSTOMER.into(),
                checkout: checkout.into(),
            };
            let answer = self.client.get_checkout(request).await?.into_inner();
            let checkout = answer.checkout.context("the answer has no checkout")?;
            self.say.answer("GetCheckout", &checkout.to_string());
            if checkout.state() == CheckoutState::Completed {
                self.revision = answer.revision;
                return Ok(());
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// `GetEntitlement`, never older than the last checkout's answer.
    async fn asks(&mut self, feature: &str) -> Result<Entitlement> {
        let request = GetEntitlementRequest {
            customer: CUSTOMER.into(),
            feature: feature.into(),
            at_least_revision: self.revision.clone(),
            fully_current: false,
        };
        let answer = self.client.get_entitlement(request).await?.into_inner();
        answer.entitlement.context("the answer has no entitlement")
    }

    async fn expect(&mut self, feature: &str, access: Access, reason: Reason) -> Result<()> {
        let entitlement = self.asks(feature).await?;
        self.say.answer(
            &format!("GetEntitlement {CUSTOMER} {feature}"),
            &entitlement.to_string(),
        );
        ensure!(
            (entitlement.access(), entitlement.reason()) == (access, reason),
            "expected {} {}",
            access.as_str_name(),
            reason.as_str_name()
        );
        Ok(())
    }

    /// `CheckEntitlement`.
    async fn allows(&mut self, feature: &str, required_amount: i64, expected: bool) -> Result<()> {
        let request = CheckEntitlementRequest {
            customer: CUSTOMER.into(),
            feature: feature.into(),
            required_amount,
            ..CheckEntitlementRequest::default()
        };
        let answer = self.client.check_entitlement(request).await?.into_inner();
        let word = if answer.allowed { "allowed" } else { "not allowed" };
        self.say.answer(
            &format!("CheckEntitlement {CUSTOMER} {feature} {required_amount}"),
            word,
        );
        ensure!(answer.allowed == expected, "expected the opposite");
        Ok(())
    }

    async fn advance(&mut self, by: Duration) -> Result<()> {
        self.stripe.advance(by);
        let request = GetEntitlementRequest {
            customer: CUSTOMER.into(),
            feature: "sso".into(),
            ..GetEntitlementRequest::default()
        };
        let answer = self.client.get_entitlement(request).await?.into_inner();
        let now = answer.evaluate_time.context("the answer has no time")?;
        self.say.answer(
            "the clock is moved by 31 days",
            &format!("Tollgate's clock says {now}"),
        );
        Ok(())
    }

    /// Until Stripe has been paid for the renewal, and every event of it has come and is applied. A renewal changes no
    /// answer, so no frame tells.
    async fn until_learned(&mut self, invoices: usize) -> Result<()> {
        loop {
            let (paid, events) = (self.stripe.paid_invoices(), self.stripe.events());
            let inbox = self.store.inbox_counts().await?;
            let came = usize::try_from(inbox.total)? == events;
            if paid >= invoices && came && inbox.received + inbox.routed == 0 {
                self.say.answer(
                    "stripe: the renewal is paid",
                    &format!("invoice {paid}; all {events} events are applied"),
                );
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

struct Opened {
    id: String,
    url: String,
}
