//! A year of the core, without HTTP: subscriptions that renew each month, some of whose cards fail, twice with the same seed.
//!
//! `cargo run --release -p stripe-simulator --example year [SUBSCRIPTIONS]`: events hold their objects as text. With
//! ten thousand subscriptions on two cores that others used as well: 1 169 980 events, 30 and 55 s for a year, 3.1 GiB.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use stripe_simulator::core::{Core, Interval, NewCustomer, NewPrice, NewSubscription, Outcome};

const START: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn main() -> Result<()> {
    let subscriptions = match std::env::args().nth(1) {
        None => 10_000,
        Some(text) => text.parse().context("SUBSCRIPTIONS is a number")?,
    };
    let first = year(subscriptions)?;
    let second = year(subscriptions)?;
    ensure!(
        first == second,
        "the same seed gave other events: {first}, {second}"
    );
    println!("twice the same events, byte for byte and in order: sha256 {first}");
    Ok(())
}

/// The digest of all events.
fn year(subscriptions: usize) -> Result<String> {
    let mut core = Core::new(7, START);
    let product = core.create_product("Team")?;
    let price = core.create_price(NewPrice {
        product: text(&product["id"]),
        unit_amount: 2_000,
        recurring: Some((Interval::Month, 1)),
        ..NewPrice::default()
    })?;
    let start = Instant::now();
    let mut customers = Vec::with_capacity(subscriptions);
    for at in 0..subscriptions {
        let customer = core.create_customer(NewCustomer {
            email: Some(format!("{at}@example.com")),
            payment_method: Some("pm_card_visa".to_owned()),
            default_payment_method: Some("pm_card_visa".to_owned()),
            ..NewCustomer::default()
        })?;
        let customer = text(&customer["id"]);
        core.set_payment_outcome(&customer, Outcome::Succeed)?;
        core.create_subscription(NewSubscription {
            customer: customer.clone(),
            items: vec![(text(&price["id"]), 1)],
            ..NewSubscription::default()
        })?;
        customers.push(customer);
        // Not all at the same second.
        core.advance(7);
    }
    let bought = start.elapsed();
    let mut commands = 4 * subscriptions;
    for day in 0..365 {
        // Each day other cards: a twentieth is bad for the month that follows.
        for (at, customer) in customers.iter().enumerate().filter(|(at, _)| at % 30 == day % 30) {
            let bad = (at / 30 + day / 30) % 20 == 0;
            let outcome = if bad { Outcome::Decline } else { Outcome::Succeed };
            core.set_payment_outcome(customer, outcome)?;
            commands += 1;
        }
        core.advance(DAY);
        commands += 1;
    }
    let took = start.elapsed();
    let mut all = Sha256::new();
    for event in core.events(0) {
        all.update(event.to_json().to_string());
    }
    println!(
        "{subscriptions} subscriptions: {:.1} s for the year ({} events); buying: {:.0} commands a second; peak memory {} MiB",
        took.as_secs_f64(),
        core.events(0).len(),
        4.0 * subscriptions as f64 / bought.as_secs_f64(),
        peak_mib()?,
    );
    println!("{commands} commands; 5 % of the cards are bad in each month");
    Ok(all.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn peak_mib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .context("no VmHWM")?
        .parse()?;
    Ok(kib / 1024)
}
