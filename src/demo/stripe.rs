//! Stripe's side of the story: the simulator, what is sold there, and what happens there without us.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use stripe_simulator::core::{Core, Interval, NewPrice, Outcome};
use stripe_simulator::{Options, Running};
use tollgate_domain::clock::Clock;

/// The simulated Stripe, with the prices of the demo's catalog.
pub struct Stripe {
    running: Running,
    /// Events from this one on are delivered.
    delivered_from: usize,
}

impl Stripe {
    /// Starts it and puts the prices on sale.
    pub async fn start(listen: SocketAddr, api_key: &str) -> Result<Stripe> {
        let options = Options {
            listen,
            seed: 1,
            webhook: None,
            api_key: Some(api_key.to_owned()),
            ..Options::default()
        };
        let running = stripe_simulator::start(options).await?;
        running.with(|core| -> Result<()> {
            price(core, "Team", "team_monthly", 1_200, Some((Interval::Month, 1)))?;
            price(core, "Audit report", "report_once", 25_000, None)
        })?;
        Ok(Stripe {
            running,
            delivered_from: 0,
        })
    }

    pub fn base_url(&self) -> String {
        self.running.base_url()
    }

    /// The clock that everything here goes by.
    pub fn clock(&self) -> Clock {
        Clock::new(self.running.clock_offset())
    }

    /// Sends webhooks there from now on, signed.
    pub fn deliver_to(&mut self, url: &str, secret: &str) {
        self.delivered_from = self.running.with(|core| core.events(0).len());
        self.running.set_webhook(url, secret);
    }

    /// Time passes; what falls due meanwhile happens.
    pub fn advance(&self, by: Duration) {
        self.running
            .advance(i64::try_from(by.as_secs()).unwrap_or(i64::MAX));
    }

    /// How many events were to be delivered so far.
    pub fn events(&self) -> usize {
        self.running.with(|core| core.events(self.delivered_from).len())
    }

    /// How many invoices have been paid.
    pub fn paid_invoices(&self) -> usize {
        self.running.with(|core| {
            core.events(0)
                .iter()
                .filter(|event| event.kind == "invoice.paid")
                .count()
        })
    }

    /// The bank of the story's customer declines from now on, or does so no longer.
    pub fn decline_payments(&self, decline: bool) -> Result<()> {
        let outcome = if decline {
            Outcome::Decline
        } else {
            Outcome::Succeed
        };
        self.running
            .with(|core| Ok(core.set_payment_outcome(&newest(core, "customer", |_| true)?, outcome)?))
    }

    /// The customer pays what is open; says what became of it.
    pub fn pay_open_invoice(&self) -> Result<String> {
        self.running.with(|core| {
            let open = newest(core, "invoice", |invoice| invoice["status"] == "open")?;
            Ok(told(&core.pay_invoice(&open)?))
        })
    }

    /// The subscription will not be renewed; says how it stands.
    pub fn cancel_at_period_end(&self) -> Result<String> {
        self.running.with(|core| {
            Ok(told(&core.cancel_at_period_end(
                &newest(core, "subscription", |_| true)?,
                true,
            )?))
        })
    }

    /// All of the newest purchase is paid back; says how the refund stands.
    pub fn refund_last_payment(&self) -> Result<String> {
        self.running.with(|core| {
            Ok(told(
                &core.refund(&newest(core, "checkout.session", |_| true)?, None)?,
            ))
        })
    }

    /// Ends it.
    pub async fn stop(self) {
        self.running.shutdown().await;
    }
}

fn price(
    core: &mut Core,
    name: &str,
    key: &str,
    amount: i64,
    recurring: Option<(Interval, u32)>,
) -> Result<()> {
    let product = core.create_product(name)?;
    core.create_price(NewPrice {
        product: text(&product["id"]),
        currency: "eur".to_owned(),
        unit_amount: amount,
        recurring,
        lookup_key: Some(key.to_owned()),
        ..NewPrice::default()
    })?;
    Ok(())
}

/// The id of the object of a kind that something last happened to.
fn newest(core: &Core, kind: &str, holds: impl Fn(&Value) -> bool) -> Result<String> {
    let events = core.events(0);
    let objects = events
        .iter()
        .rev()
        .map(|event| event.to_json()["data"]["object"].take());
    let mut ids = objects
        .filter(|object| object["object"] == kind)
        .map(|object| text(&object["id"]));
    ids.find(|id| core.get(id).is_some_and(|now| holds(&now)))
        .with_context(|| format!("Stripe has no such {kind}"))
}

fn told(object: &Value) -> String {
    format!("{} is {}", text(&object["id"]), text(&object["status"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
