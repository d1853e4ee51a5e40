//! What goes back: refunds that take their time, disputes and inquiries.

use serde_json::{Value, json};
use stripe_simulator::core::{Core, Decision, NewCustomer, NewIntent};

use crate::support::{Stripe, id};

const DAY: i64 = 86_400;

/// A core in which this method has paid 20 dollars or euros, and the charge.
fn paid(method: &str, currency: &str) -> (Core, String) {
    let mut core = Core::new(5, 1_767_225_600);
    let customer = id(&core.create_customer(NewCustomer::default()).unwrap());
    let new = NewIntent {
        amount: 2_000,
        currency: currency.into(),
        customer: Some(customer),
        payment_method: Some(method.into()),
        types: vec!["card", "sepa_debit"],
        ..NewIntent::default()
    };
    let intent = core
        .create_payment_intent(new, Some(stripe_simulator::core::Confirm::default()))
        .unwrap();
    core.advance(180);
    let intent = core.get(&id(&intent)).unwrap();
    assert_eq!(intent["status"], "succeeded");
    (core, intent["latest_charge"].as_str().unwrap().to_owned())
}

fn told(core: &Core, from: usize) -> Vec<&'static str> {
    core.events(from).iter().map(|event| event.kind).collect()
}

fn last(core: &Core, kind: &str) -> Value {
    let event = core.events(0).iter().rev().find(|event| event.kind == kind);
    event.unwrap_or_else(|| panic!("no {kind}")).to_json()["data"]["object"].clone()
}

#[test]
fn a_refund_is_pending_until_the_bank_has_it_or_comes_back() {
    for (method, currency, first, then) in [
        ("pm_card_pendingRefund", "usd", "pending", "succeeded"),
        ("pm_success_de", "eur", "pending", "succeeded"),
        ("pm_card_refundFail", "usd", "succeeded", "failed"),
    ] {
        let (mut core, charge) = paid(method, currency);
        let refund = core.refund(&charge, Some(500)).unwrap();
        assert_eq!(refund["status"], first);
        let shown = core.get(&charge).unwrap();
        assert_eq!(
            (&shown["amount_refunded"], &shown["refunded"]),
            (&json!(500), &json!(false))
        );
        let from = core.events(0).len();
        core.advance(2 * DAY);
        let now = core.get(&id(&refund)).unwrap();
        assert_eq!(now["status"], then);
        let back = if then == "failed" { 0 } else { 500 };
        assert_eq!(core.get(&charge).unwrap()["amount_refunded"], back);
        let events = told(&core, from);
        let failed: &[&str] = &[
            "charge.updated",
            "refund.updated",
            "charge.refund.updated",
            "refund.failed",
        ];
        assert_eq!(events, if then == "failed" { failed } else { &failed[1..3] });
    }
}

#[test]
fn a_dispute_takes_the_money_until_it_is_won_and_evidence_decides() {
    for (evidence, decided) in [("winning_evidence", "won"), ("losing_evidence", "lost")] {
        let (mut core, charge) = paid("pm_card_createDispute", "usd");
        assert_eq!(core.get(&charge).unwrap()["disputed"], true);
        let dispute = last(&core, "charge.dispute.funds_withdrawn");
        assert_eq!(
            (&dispute["status"], &dispute["amount"], &dispute["reason"]),
            (&json!("needs_response"), &json!(2_000), &json!("fraudulent"))
        );
        assert_eq!(
            core.refund(&charge, None).unwrap_err().code.as_deref(),
            Some("charge_disputed")
        );
        let text = vec![("uncategorized_text".to_owned(), evidence.to_owned())];
        let kept = core
            .update_dispute(&id(&dispute), text.clone(), false, Default::default())
            .unwrap();
        assert_eq!(
            (&kept["status"], &kept["evidence_details"]["submission_count"]),
            (&json!("needs_response"), &json!(0))
        );
        let submitted = core
            .update_dispute(&id(&dispute), text, true, Default::default())
            .unwrap();
        assert_eq!(submitted["status"], "under_review");
        let from = core.events(0).len();
        core.advance(0);
        assert_eq!(core.get(&id(&dispute)).unwrap()["status"], decided);
        let closed: &[&str] = &["charge.dispute.closed", "charge.dispute.funds_reinstated"];
        assert_eq!(
            told(&core, from),
            if decided == "won" { closed } else { &closed[..1] }
        );
        assert_eq!(core.refund(&charge, None).is_ok(), decided == "won");
    }
}

#[test]
fn an_unanswered_dispute_is_lost_and_an_inquiry_is_closed_escalated_or_refunded() {
    let (mut core, charge) = paid("pm_card_visa", "usd");
    let dispute = id(&core.dispute(&charge, "general", false).unwrap());
    core.dispute(&charge, "general", false).unwrap_err();
    core.advance(21 * DAY);
    assert_eq!(core.get(&dispute).unwrap()["status"], "lost");
    core.close_dispute(&dispute).unwrap_err();

    let (mut core, _) = paid("pm_card_createDisputeInquiry", "usd");
    let inquiry = last(&core, "charge.dispute.created");
    assert_eq!(inquiry["status"], "warning_needs_response");
    assert!(!told(&core, 0).contains(&"charge.dispute.funds_withdrawn"));
    let mut other = core.clone();
    core.advance(121 * DAY);
    assert_eq!(core.get(&id(&inquiry)).unwrap()["status"], "warning_closed");
    let mut third = other.clone();
    other.decide_dispute(&id(&inquiry), Decision::Escalated).unwrap();
    assert_eq!(other.get(&id(&inquiry)).unwrap()["status"], "needs_response");
    assert_eq!(
        last(&other, "charge.dispute.funds_withdrawn")["id"],
        inquiry["id"]
    );
    third.refund(inquiry["charge"].as_str().unwrap(), None).unwrap();
    assert_eq!(third.get(&id(&inquiry)).unwrap()["status"], "warning_closed");
}

#[tokio::test]
async fn disputes_are_listed_answered_and_closed_over_http() {
    let stripe = Stripe::start().await;
    let form = "amount=900&currency=usd&payment_method=pm_card_visa&confirm=true";
    let intent = stripe.post("/v1/payment_intents", form).await.ok();
    let of = json!({ "of": intent["id"], "reason": "product_not_received" });
    let dispute = stripe.control("dispute", of).await;
    let listed = stripe
        .get(&format!("/v1/disputes?payment_intent={}", id(&intent)))
        .await
        .ok();
    assert_eq!(listed["data"], json!([dispute]));
    let path = format!("/v1/disputes/{}", id(&dispute));
    let form = "evidence[product_description]=A%20report&metadata[a]=b&submit=false";
    let changed = stripe.post(&path, form).await.ok();
    assert_eq!(
        (
            &changed["evidence"]["product_description"],
            &changed["evidence_details"]["has_evidence"]
        ),
        (&json!("A report"), &json!(true))
    );
    stripe.post(&path, "evidence[receipt]=file_1").await.error(501);
    stripe.post(&path, "evidence[nonsense]=1").await.error(400);
    assert_eq!(
        stripe.post(&format!("{path}/close"), "").await.ok()["status"],
        "lost"
    );
    let shown = stripe.get(&format!("{path}?expand[]=charge")).await.ok();
    assert_eq!(
        (&shown["status"], &shown["charge"]["disputed"]),
        (&json!("lost"), &json!(true))
    );
}
