//! Fewer histories, with everything real: two replicas on one Postgres, eight webhooks at a time, fetches over sockets while
//! Stripe goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::StatusCode;
use proptest::strategy::{Strategy as _, ValueTree as _};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use stripe_simulator::Running as Stripe;
use tollgate::app::{self, Running};
use tollgate_domain::clock::Clock;
use tollgate_domain::id::CustomerId;

use super::act::{Act, History, history};
use super::oracle::called_for;
use super::shop::{CATALOG, Shop, Told};
use super::{CASES, MOST, number, runner};
use crate::support::http::Http;
use crate::support::{PATIENCE, SECRET, catalog, config, migrate, postgres, simulator};

/// How many webhooks are on their way at once.
const AT_ONCE: usize = 8;

struct Replicas {
    stripe: Stripe,
    replicas: [Running; 2],
    http: Http,
    /// Its core is the simulator's while nothing is done there.
    shop: Shop,
    chance: SmallRng,
    on_the_way: Vec<Told>,
}

impl Replicas {
    async fn start(history: &History) -> Replicas {
        let stripe = simulator().await;
        let mut shop = Shop::open(history.dunning_end);
        stripe.with(|core| std::mem::swap(core, &mut shop.core));
        let file = catalog(CATALOG);
        let config = config(&postgres::database().await, &stripe.base_url(), file.path());
        migrate(&config).await;
        let start = async || {
            let clock = Clock::new(stripe.clock_offset());
            let mut running = app::start(&config, Some(clock)).await.unwrap();
            running.caught_up().await.unwrap();
            running
        };
        let replicas = [start().await, start().await];
        Replicas {
            stripe,
            replicas,
            http: Http::new(),
            shop,
            chance: SmallRng::seed_from_u64(history.seed),
            on_the_way: vec![],
        }
    }

    /// At the present instant.
    fn at_stripe<R>(&mut self, act: impl FnOnce(&mut Shop) -> R) -> R {
        self.stripe.with(|core| {
            std::mem::swap(core, &mut self.shop.core);
            let result = act(&mut self.shop);
            std::mem::swap(core, &mut self.shop.core);
            result
        })
    }

    /// What is new at Stripe is on its way.
    async fn listen(&mut self) {
        let (told, links) = self.at_stripe(|shop| (shop.tell(), std::mem::take(&mut shop.links)));
        self.on_the_way.extend(told);
        for (id, ours) in links {
            let customer = CustomerId::parse(&ours).unwrap();
            self.replicas[0].store.link(&customer, &[id]).await.unwrap();
        }
    }

    /// Some of what is on the way comes, in any order, in any shape, some of it twice and to either replica.
    async fn hear(&mut self, all: bool) {
        self.on_the_way.shuffle(&mut self.chance);
        let late = if all { 0 } else { self.on_the_way.len() / 3 };
        let mut posts: Vec<(String, Bytes)> = vec![];
        for told in self.on_the_way.split_off(late) {
            for _ in 0..self.chance.random_range(1..=2) {
                let replica = &self.replicas[self.chance.random_range(0..2)];
                let event = told.event.as_ref().filter(|_| self.chance.random_ratio(1, 8));
                let body = event.map_or_else(|| told.body.clone(), |it| it.to_thin());
                let url = format!("http://{}/webhooks/stripe", replica.webhook);
                posts.push((url, body.to_string().into()));
            }
        }
        posts.shuffle(&mut self.chance);
        let http = &self.http;
        let posts = posts
            .into_iter()
            .map(|(url, body)| async move { http.event(&url, SECRET, body).await });
        let answers: Vec<_> = stream::iter(posts).buffer_unordered(AT_ONCE).collect().await;
        assert!(answers.iter().all(|it| *it == Ok(StatusCode::OK)), "{answers:?}");
    }

    /// Why it is not over; `None`: nothing is in doubt and the answers are those that the final objects call for.
    async fn astray(&mut self) -> Option<String> {
        self.listen().await;
        self.hear(true).await;
        let store = &self.replicas[0].store;
        let inbox = store.inbox_counts().await.unwrap();
        if inbox.received + inbox.routed > 0 {
            return Some(format!("{inbox:?}"));
        }
        let mut rows = BTreeMap::new();
        for ours in ["acme", "beta", "gamma"] {
            if let Some(row) = store.customer(&CustomerId::parse(ours).unwrap()).await.unwrap() {
                rows.insert(ours, row);
            }
        }
        assert!(!rows.is_empty());
        self.at_stripe(|shop| {
            let now = shop.now();
            for (ours, row) in rows {
                let doubtful = row.facts.objects.iter();
                let mut doubtful = doubtful.filter(|(id, it)| !it.confirmed && shop.body(id).is_some());
                if row.dirty || doubtful.next().is_some() {
                    return Some(format!("{ours} is not settled: {row:?}"));
                }
                let called_for = called_for(shop, ours, &row.facts.matched);
                let answered = row.schedule.trimmed(now);
                if !answered.same_from(&called_for, now) {
                    return Some(format!(
                        "{ours} has\n{answered:#?}\nand should have\n{called_for:#?}"
                    ));
                }
            }
            None
        })
    }
}

async fn ends_well(history: &History) {
    let mut world = Replicas::start(history).await;
    for step in &history.steps {
        world.at_stripe(|shop| shop.obey(step));
        world.listen().await;
        world.hear(false).await;
    }
    let mut why = None;
    let rest = async {
        loop {
            why = world.astray().await;
            if why.is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let rested = tokio::time::timeout(PATIENCE, rest).await;
    assert!(rested.is_ok(), "{}\nof {history:#?}", why.unwrap_or_default());
    for replica in world.replicas {
        replica.drain().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_hear_eight_webhooks_at_once_end_in_what_the_final_objects_call_for() {
    let cases = number("PROPTEST_CASES").unwrap_or(CASES) / 80;
    let mut runner = runner(0, cases);
    for _ in 0..cases.max(1) {
        let mut history = history(MOST).new_tree(&mut runner).unwrap().current();
        // Without a reconcile pass nobody hears of a key that moved.
        history.steps.retain(|step| step.act != Act::MoveKey);
        ends_well(&history).await;
    }
    eprintln!("{cases} histories");
}
