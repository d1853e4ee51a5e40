//! Why an answer was given at an instant that is over, and what the clock will make of it.

use tollgate::api::grpc::proto::{Access, ExplainEntitlementRequest, ExplainEntitlementResponse, Reason};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{TestApp, eventually, order, sell};

const DAY: i64 = 86_400;

async fn explain(
    app: &TestApp,
    customer: &str,
    at: Option<i64>,
) -> Result<ExplainEntitlementResponse, Status> {
    let request = ExplainEntitlementRequest {
        customer: customer.into(),
        feature: "seats".into(),
        at_time: at.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
    };
    let answer = app.admin().await.explain_entitlement(request).await?;
    Ok(answer.into_inner())
}

fn told(answer: &ExplainEntitlementResponse) -> (Access, Reason) {
    let it = answer.entitlement.as_ref().unwrap();
    (it.access(), it.reason())
}

fn now(app: &TestApp) -> i64 {
    app.stripe(|stripe| stripe.now())
}

/// acme buys, and all of it is confirmed.
async fn sold() -> (TestApp, String) {
    let app = TestApp::start().await;
    app.stripe(sell);
    app.simulator.advance(DAY);
    let request = order("acme", "order-1");
    let page = app.client().await.create_checkout(request).await.unwrap();
    let session = page.into_inner().checkout.unwrap().id;
    let subscription = app.stripe(|stripe| {
        stripe.pay_session(&session).unwrap();
        stripe.get(&session).unwrap()["subscription"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    eventually("it is bought and confirmed", async || {
        let answer = explain(&app, "acme", None).await.unwrap();
        let sure = !answer.facts.is_empty() && answer.facts.iter().all(|fact| fact.confirmed);
        (sure && !answer.pending && told(&answer).1 == Reason::Active).then_some(())
    })
    .await;
    (app, subscription)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_last_week_is_told_as_it_was_answered() {
    let (app, subscription) = sold().await;
    let paid = now(&app);
    app.simulator.advance(2 * DAY);
    app.stripe(|stripe| stripe.cancel_subscription(&subscription).unwrap());
    eventually("it is over", async || {
        let answer = explain(&app, "acme", None).await.unwrap();
        (told(&answer).1 == Reason::Default).then_some(())
    })
    .await;
    app.simulator.advance(5 * DAY);

    let then = explain(&app, "acme", Some(paid + DAY)).await.unwrap();
    assert_eq!(told(&then), (Access::Granted, Reason::Active));
    let since = then.served_since_time.unwrap().seconds;
    assert!(
        (paid - DAY..=paid + 60).contains(&since),
        "{since}, paid at {paid}"
    );
    assert_eq!(then.evaluate_time.unwrap().seconds, paid + DAY);
    assert!(then.rules.is_empty() && then.facts.is_empty(), "{then:?}");
    assert!(
        then.summary.contains("acme had seats granted 1"),
        "{}",
        then.summary
    );

    let after = explain(&app, "acme", Some(paid + 4 * DAY)).await.unwrap();
    assert_eq!(told(&after).1, Reason::Default);
    let stranger = explain(&app, "stranger", Some(paid)).await.unwrap();
    assert_eq!(told(&stranger).1, Reason::Default);
    assert!(stranger.served_since_time.is_none(), "{stranger:?}");
    assert!(
        stranger
            .summary
            .ends_with("Nothing had been heard of the customer."),
        "{}",
        stranger.summary
    );

    let before = explain(&app, "acme", Some(paid - 400 * DAY)).await.unwrap_err();
    assert_eq!(before.code(), Code::OutOfRange);
    let details = before.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.reason, "NOT_RETAINED");
    let begun: prost_types::Timestamp = info.metadata["since"].parse().unwrap();
    // Of the first instant that is kept there is an answer.
    let first = explain(&app, "acme", Some(begun.seconds + 1)).await.unwrap();
    assert_eq!(told(&first).1, Reason::Default);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_clock_alone_will_make_of_an_answer_is_told_with_its_rules() {
    let (app, subscription) = sold().await;
    app.stripe(|stripe| stripe.cancel_at_period_end(&subscription, true).unwrap());
    let end = eventually("the end is known", async || {
        let answer = explain(&app, "acme", None).await.unwrap();
        let changes = &answer.entitlement.as_ref().unwrap().scheduled_changes;
        changes.first().map(|it| it.time.unwrap().seconds)
    })
    .await;
    let now = explain(&app, "acme", None).await.unwrap();
    assert!(
        now.rules.first().unwrap().starts_with("by hand: nothing"),
        "{:?}",
        now.rules
    );
    assert!(
        now.rules.last().unwrap().starts_with("so: seats granted 1"),
        "{:?}",
        now.rules
    );

    let last = explain(&app, "acme", Some(end - 1)).await.unwrap();
    assert_eq!(told(&last).0, Access::Granted);
    let over = explain(&app, "acme", Some(end)).await.unwrap();
    assert_eq!(told(&over).1, Reason::Default);
    assert!(
        over.summary.contains("if nothing more is heard"),
        "{}",
        over.summary
    );
    assert!(over.served_since_time.is_some(), "{over:?}");
    // And so it comes.
    app.simulator.advance(end + DAY - self::now(&app));
    eventually("it is over", async || {
        let answer = explain(&app, "acme", None).await.unwrap();
        (told(&answer).1 == Reason::Default).then_some(())
    })
    .await;
}
