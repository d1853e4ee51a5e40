//! How fast events are delivered over HTTP, to an endpoint on this machine that only takes them.
//!
//! `cargo run --release -p stripe-simulator --example deliver [EVENTS]`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use stripe_simulator::core::NewCustomer;
use stripe_simulator::{Options, start};
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<()> {
    let wanted = match std::env::args().nth(1) {
        None => 20_000,
        Some(text) => text.parse().context("EVENTS is a number")?,
    };
    ensure!(wanted > 0, "EVENTS is at least 1");
    let (taken, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let (count, done) = (taken.clone(), all.clone());
    let take = async move |_: Bytes| {
        if count.fetch_add(1, Ordering::Relaxed) + 1 == wanted {
            done.notify_one();
        }
    };
    let router = Router::new().route("/hook", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let simulator = start(Options::default()).await?;
    let before = resident_kb();
    simulator.with(|core| -> Result<()> {
        core.create_webhook_endpoint(stripe_simulator::core::NewEndpoint {
            url,
            enabled_events: vec!["*".to_owned()],
            ..Default::default()
        });
        for _ in 0..wanted {
            core.create_customer(NewCustomer::default())?;
        }
        Ok(())
    })?;
    let begun = Instant::now();
    all.notified().await;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{wanted} events delivered in {seconds:.2} s: {:.0} events/s",
        wanted as f64 / seconds
    );
    if let (Some(before), Some(after)) = (before, resident_kb()) {
        println!(
            "memory: {} MB, of which {} MB came with the events",
            after / 1024,
            after.saturating_sub(before) / 1024
        );
    }
    simulator.shutdown().await;
    Ok(())
}

/// Of this process; only Linux tells.
fn resident_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
