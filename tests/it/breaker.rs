//! One of Stripe's endpoints does not answer: it alone is left alone, and everything else goes on.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::{CreatePortalSessionRequest, CreatePortalSessionResponse};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use crate::stripe_side::{buy, granted};
use crate::support::process::{Place, Process};
use crate::support::{SECRET, eventually, order, sell};

struct Shop {
    place: Place,
    process: Process,
    client: BillingServiceClient<Channel>,
}

impl Shop {
    async fn open() -> Shop {
        let place = Place::new().await;
        place.simulator.with(sell);
        let process = place.serve().await;
        place.simulator.set_webhook(&process.webhook_url(), SECRET);
        let client = BillingServiceClient::connect(format!("http://{}", process.grpc)).await;
        Shop {
            place,
            process,
            client: client.unwrap(),
        }
    }

    async fn wrong(&self, what: Value) {
        self.place.control("adversity", what).await;
    }

    async fn buys(&self, customer: &str) {
        buy(&self.place, &mut self.client.clone(), customer).await;
        granted(&self.client, customer, "sso").await;
    }

    /// The endpoints that are left alone.
    async fn open_breakers(&self) -> Vec<String> {
        let series = self.process.series().await;
        let open = series.into_iter().filter(|(_, value)| *value == 1.0);
        open.filter_map(|(name, _)| {
            let endpoint = name.strip_prefix("tollgate_stripe_breaker_open{endpoint=\"")?;
            Some(endpoint.trim_end_matches("\"}").to_owned())
        })
        .collect()
    }

    async fn until_shut(&self) {
        eventually("no breaker is open", async || {
            self.open_breakers().await.is_empty().then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_that_cannot_be_fetched_keep_nobody_from_buying_and_reading() {
    const SUBSCRIPTION: &str = "/v1/subscriptions/{id}";
    let shop = Shop::open().await;
    shop.buys("acme").await;
    shop.wrong(json!({"path": "/v1/subscriptions/", "method": "GET", "status": 500}))
        .await;
    let late = ["ada", "bob", "cleo"];
    for customer in late {
        buy(&shop.place, &mut shop.client.clone(), customer).await;
    }
    eventually("the breaker opens", async || {
        shop.open_breakers()
            .await
            .contains(&SUBSCRIPTION.to_owned())
            .then_some(())
    })
    .await;
    let begun = Instant::now();
    shop.client
        .clone()
        .create_checkout(order("dora", "order-dora"))
        .await
        .unwrap();
    granted(&shop.client, "acme", "sso").await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(shop.open_breakers().await, [SUBSCRIPTION]);
    let not_sent = format!(
        "tollgate_stripe_not_sent_total{{endpoint=\"{SUBSCRIPTION}\",priority=\"settle\",why=\"breaker\"}}"
    );
    eventually("who is not asked is counted", async || {
        (shop.process.metric(&not_sent).await > 0.0).then_some(())
    })
    .await;

    shop.place.calm().await;
    shop.until_shut().await;
    for customer in late {
        granted(&shop.client, customer, "sso").await;
    }
}

/// Who asks gives up long before a call of Stripe's ends.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_is_found_out_by_those_who_gave_up() {
    const PORTAL: &str = "/v1/billing_portal/sessions";
    let shop = Shop::open().await;
    shop.buys("acme").await;
    let portal = async || -> Result<Response<CreatePortalSessionResponse>, Status> {
        let mut request = Request::new(CreatePortalSessionRequest {
            customer: "acme".into(),
            return_url: "https://shop.example/account".into(),
        });
        request.set_timeout(Duration::from_secs(3));
        shop.client.clone().create_portal_session(request).await
    };
    portal().await.unwrap();
    shop.wrong(json!({"path": PORTAL, "hang": true})).await;
    eventually("the breaker opens", async || {
        for answer in join_all((0..10).map(|_| portal())).await {
            let code = answer.unwrap_err().code();
            let gave_up = [Code::DeadlineExceeded, Code::Cancelled, Code::Unavailable];
            assert!(gave_up.contains(&code), "{code:?}");
        }
        shop.open_breakers()
            .await
            .contains(&PORTAL.to_owned())
            .then_some(())
    })
    .await;
    let late = format!("tollgate_stripe_requests_total{{endpoint=\"{PORTAL}\",outcome=\"late\"}}");
    assert!(shop.process.metric(&late).await >= 10.0);
    // One of them is sent to see; the next is not.
    let refused = eventually("a caller is told at once", async || {
        let begun = Instant::now();
        let code = portal().await.unwrap_err().code();
        (code == Code::Unavailable).then(|| begun.elapsed())
    })
    .await;
    assert!(refused < Duration::from_secs(2), "{refused:?}");
    shop.buys("late").await;
    assert_eq!(shop.open_breakers().await, [PORTAL]);

    shop.place.calm().await;
    eventually("the portal opens again", async || portal().await.ok()).await;
    shop.until_shut().await;
}
