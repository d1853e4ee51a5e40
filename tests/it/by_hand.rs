//! What people decide by hand, and what is written down of it.

use stripe_simulator::core::Outcome;
use tollgate::api::grpc::proto::{
    Access, AuditAction, DeleteOverrideRequest, Entitlement, ExplainEntitlementRequest,
    GetEntitlementRequest, Limit, ListAuditEntriesRequest, ListOverridesRequest, Reason, SetOverrideRequest,
    entitlement, set_override_request::Value,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::callers::{line, only, with};
use crate::support::{TestApp, eventually, order, sell};

const DAY: i64 = 86_400;

fn seats(customer: &str, amount: i64) -> SetOverrideRequest {
    SetOverrideRequest {
        customer: customer.into(),
        feature: "seats".into(),
        access: Access::Granted.into(),
        value: Some(Value::Limit(Limit {
            amount,
            unlimited: false,
        })),
        expire_time: None,
        actor: "ada".into(),
        note: "promised at renewal".into(),
    }
}

fn delete(customer: &str, feature: &str) -> DeleteOverrideRequest {
    DeleteOverrideRequest {
        customer: customer.into(),
        feature: feature.into(),
        actor: "bob".into(),
        note: "the promise is over".into(),
    }
}

fn told(entitlement: Option<Entitlement>) -> (Access, Reason, Option<i64>) {
    let it = entitlement.unwrap();
    let amount = match &it.value {
        Some(entitlement::Value::Limit(limit)) => Some(limit.amount),
        _ => None,
    };
    (it.access(), it.reason(), amount)
}

async fn ask(app: &TestApp, feature: &str) -> Option<Entitlement> {
    let request = GetEntitlementRequest {
        customer: "acme".into(),
        feature: feature.into(),
        ..GetEntitlementRequest::default()
    };
    let answer = app.client().await.get_entitlement(request).await;
    answer.unwrap().into_inner().entitlement
}

#[tokio::test]
async fn an_override_wins_until_it_expires_or_is_deleted_and_the_audit_tells_of_each_change_once() {
    let app = TestApp::start().await;
    app.stripe(sell);
    let mut admin = app.admin().await;
    let until = app.stripe(|stripe| stripe.now()) + 3 * DAY;
    let request = SetOverrideRequest {
        expire_time: Some(prost_types::Timestamp {
            seconds: until,
            nanos: 0,
        }),
        ..seats("acme", 25)
    };
    let set = admin.set_override(request.clone()).await.unwrap().into_inner();
    let by_hand = (Access::Granted, Reason::OverrideAllowed, Some(25));
    assert_eq!(told(set.entitlement), by_hand);
    assert!(!set.revision.is_empty());
    let stored = set.r#override.unwrap();
    assert_eq!((&*stored.actor, &*stored.note), ("ada", "promised at renewal"));
    // A retry is the same override, and is written down once.
    let again = admin.set_override(request).await.unwrap().into_inner();
    assert_eq!(again.r#override.unwrap(), stored);
    assert_eq!(told(ask(&app, "seats").await), by_hand);

    app.stripe(|stripe| stripe.advance(3 * DAY));
    let default = (Access::Granted, Reason::Default, Some(1));
    assert_eq!(told(ask(&app, "seats").await), default);
    // It is there until somebody deletes it.
    let deleted = admin
        .delete_override(delete("acme", "seats"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(told(deleted.entitlement), default);
    let gone = admin.delete_override(delete("acme", "seats")).await.unwrap_err();
    assert_eq!(reason(&gone), (Code::NotFound, "UNKNOWN_OVERRIDE".to_owned()));

    let request = ListAuditEntriesRequest {
        customer: "acme".into(),
        ..ListAuditEntriesRequest::default()
    };
    let entries = admin
        .list_audit_entries(request)
        .await
        .unwrap()
        .into_inner()
        .entries;
    let told: Vec<_> = entries
        .iter()
        .map(|it| {
            (
                it.action(),
                &*it.actor,
                &*it.feature,
                it.before.is_empty(),
                it.after.is_empty(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (AuditAction::OverrideDeleted, "bob", "seats", false, true),
            (AuditAction::OverrideSet, "ada", "seats", true, false),
        ]
    );
}

#[tokio::test]
async fn a_denial_by_hand_beats_the_catalogs_default_and_is_seen_by_who_reads_at_its_revision() {
    let app = TestApp::start().await;
    let deny = SetOverrideRequest {
        access: Access::Denied.into(),
        value: None,
        ..seats("acme", 0)
    };
    let set = app.admin().await.set_override(deny).await.unwrap().into_inner();
    let request = GetEntitlementRequest {
        customer: "acme".into(),
        feature: "seats".into(),
        at_least_revision: set.revision,
        ..GetEntitlementRequest::default()
    };
    let read = app
        .client()
        .await
        .get_entitlement(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        told(read.entitlement),
        (Access::Denied, Reason::OverrideDenied, Some(0))
    );
}

#[tokio::test]
async fn an_answer_explains_itself() {
    let app = TestApp::start().await;
    app.stripe(sell);
    let admin = app.admin().await;
    let explain = async || {
        let request = ExplainEntitlementRequest {
            customer: "acme".into(),
            feature: "seats".into(),
            ..ExplainEntitlementRequest::default()
        };
        admin
            .clone()
            .explain_entitlement(request)
            .await
            .unwrap()
            .into_inner()
    };
    let nothing = explain().await;
    assert!(
        nothing.contributions.is_empty() && nothing.facts.is_empty(),
        "{nothing:?}"
    );
    assert_eq!(
        told(nothing.entitlement),
        (Access::Granted, Reason::Default, Some(1))
    );
    assert_eq!(
        nothing.summary,
        "acme: seats granted 1 (default). No subscription or purchase that is known gives it. Nothing of this customer is \
         known from Stripe."
    );

    let checkout = app
        .client()
        .await
        .create_checkout(order("acme", "order-1"))
        .await
        .unwrap();
    let id = checkout.into_inner().checkout.unwrap().id;
    app.stripe(|stripe| stripe.pay_session(&id).unwrap());
    let paid = eventually("it is bought and confirmed", async || {
        let answer = explain().await;
        let sure =
            !answer.facts.is_empty() && answer.facts.iter().all(|fact| fact.confirmed) && !answer.pending;
        (sure && !answer.contributions.is_empty()).then_some(answer)
    })
    .await;
    let of = |kind: &str| paid.facts.iter().find(|fact| fact.kind == kind).unwrap();
    let subscription = of("subscription");
    assert!(subscription.last_event.starts_with("evt_"), "{subscription:?}");
    let [given] = &paid.contributions[..] else {
        panic!("{paid:?}")
    };
    assert_eq!((&*given.plan, given.quantity), ("team", 1));
    assert_eq!(given.stripe_object, subscription.stripe_object);
    assert_eq!(given.answer.as_ref().unwrap().reason(), Reason::Active);
    let through = format!(
        "It is given by plan team × 1 through {} (active).",
        subscription.stripe_object
    );
    assert!(paid.summary.contains(&through), "{}", paid.summary);
    assert!(
        paid.summary
            .ends_with("Stripe was asked about everything that it rests on."),
        "{}",
        paid.summary
    );

    // Of the periods that were paid and are over nothing is told.
    let payer = of("customer").stripe_object.clone();
    for outcome in [Outcome::Succeed, Outcome::Succeed, Outcome::Decline] {
        app.stripe(|stripe| {
            stripe.set_payment_outcome(&payer, outcome).unwrap();
            stripe.advance(31 * DAY);
        });
    }
    let behind = eventually("it is in grace", async || {
        let answer = explain().await;
        answer.summary.contains("(in grace).").then_some(answer)
    })
    .await;
    assert_eq!(behind.contributions.len(), 1, "{}", behind.summary);

    app.stripe(|stripe| stripe.cancel_subscription(&subscription.stripe_object).unwrap());
    let ended = eventually("it has ended", async || {
        let answer = explain().await;
        answer.summary.contains("Not counted").then_some(answer)
    })
    .await;
    let not = format!(
        "Not counted: plan team × 1 through {} (canceled).",
        subscription.stripe_object
    );
    assert!(ended.summary.contains(&not), "{}", ended.summary);

    app.admin().await.set_override(seats("acme", 25)).await.unwrap();
    let by_hand = explain().await;
    assert_eq!(by_hand.r#override.unwrap().note, "promised at renewal");
    assert!(
        by_hand
            .summary
            .contains("It was decided by hand, by ada: promised at renewal."),
        "{}",
        by_hand.summary
    );
}

fn reason(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info();
    (status.code(), info.map(|info| info.reason).unwrap_or_default())
}

#[tokio::test]
async fn what_decides_nothing_is_refused_with_what_would() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let good = seats("acme", 25);
    let changed = |change: &dyn Fn(&mut SetOverrideRequest)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let past = app.stripe(|stripe| stripe.now());
    let option = |word: &str| Some(Value::Option(word.to_owned()));
    let cases = [
        (changed(&|it| it.access = 0), "access"),
        (changed(&|it| it.access = Access::Denied.into()), "value"),
        (changed(&|it| it.value = None), "value"),
        (changed(&|it| it.value = Some(Value::Enabled(true))), "value"),
        (seats("acme", 0), "value"),
        (seats("acme", -1), "value"),
        (
            changed(&|it| (it.feature, it.value) = ("support".into(), option("platinum"))),
            "value",
        ),
        (
            changed(&|it| (it.feature, it.value) = ("sso".into(), Some(Value::Enabled(false)))),
            "value",
        ),
        (
            changed(&|it| {
                it.expire_time = Some(prost_types::Timestamp {
                    seconds: past,
                    nanos: 0,
                })
            }),
            "expire_time",
        ),
        (
            changed(&|it| {
                it.expire_time = Some(prost_types::Timestamp {
                    seconds: i64::MAX,
                    nanos: 0,
                })
            }),
            "expire_time",
        ),
        (changed(&|it| it.actor = " ".into()), "actor"),
        (changed(&|it| it.note = "x".repeat(1_001)), "note"),
        (
            changed(&|it| it.note = "ok\n2026-11-25 override set: beta seats, by root".into()),
            "note",
        ),
        (changed(&|it| it.customer = "no customer".into()), "customer"),
    ];
    for (request, field) in cases {
        let refused = admin.set_override(request).await.unwrap_err();
        assert_eq!(
            reason(&refused),
            (Code::InvalidArgument, "INVALID_FIELD".to_owned()),
            "{field}"
        );
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, field);
    }
    let unknown = changed(&|it| it.feature = "yachts".into());
    let refused = admin.set_override(unknown).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "UNKNOWN_FEATURE".to_owned()));
    let all = ListAuditEntriesRequest::default();
    assert!(
        admin
            .list_audit_entries(all)
            .await
            .unwrap()
            .into_inner()
            .entries
            .is_empty()
    );
    for (page_size, page_token) in [(-1, ""), (1_001, ""), (1, "nonsense")] {
        let page_token = page_token.to_owned();
        let customer = String::new();
        let overrides = ListOverridesRequest {
            customer: customer.clone(),
            page_size,
            page_token: page_token.clone(),
        };
        let entries = ListAuditEntriesRequest {
            customer,
            page_size,
            page_token,
        };
        assert_eq!(
            admin.list_overrides(overrides).await.unwrap_err().code(),
            Code::InvalidArgument
        );
        assert_eq!(
            admin.list_audit_entries(entries).await.unwrap_err().code(),
            Code::InvalidArgument
        );
    }
}

#[tokio::test]
async fn lists_come_in_pages_that_miss_nothing() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let customers = ["acme", "acme:2", "beta", "gamma", "zeta"];
    for customer in customers {
        admin.set_override(seats(customer, 2)).await.unwrap();
    }
    let (mut listed, mut request) = (
        vec![],
        ListOverridesRequest {
            page_size: 2,
            ..Default::default()
        },
    );
    loop {
        let page = admin.list_overrides(request.clone()).await.unwrap().into_inner();
        assert!(page.overrides.len() <= 2);
        listed.extend(page.overrides.into_iter().map(|it| it.customer));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(listed, customers);
    let (mut listed, mut request) = (
        vec![],
        ListAuditEntriesRequest {
            page_size: 3,
            ..Default::default()
        },
    );
    loop {
        let page = admin
            .list_audit_entries(request.clone())
            .await
            .unwrap()
            .into_inner();
        listed.extend(page.entries.into_iter().map(|it| it.customer));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    listed.reverse();
    assert_eq!(listed, customers);
}

#[tokio::test]
async fn a_caller_decides_only_about_its_customers_and_its_name_is_written_down() {
    let list = line("helpdesk", "support", "support customers:a");
    let app = TestApp::with(only(list)).await;
    let mut admin = app.admin().await;
    admin
        .set_override(with("support", seats("acme", 2)))
        .await
        .unwrap();
    let named = || "beta".to_owned();
    let outside: [Status; 7] = [
        admin
            .set_override(with("support", seats("beta", 2)))
            .await
            .unwrap_err(),
        admin
            .list_overrides(with("support", ListOverridesRequest::default()))
            .await
            .unwrap_err(),
        admin
            .list_audit_entries(with("support", ListAuditEntriesRequest::default()))
            .await
            .unwrap_err(),
        admin
            .delete_override(with("support", delete("beta", "seats")))
            .await
            .unwrap_err(),
        admin
            .explain_entitlement(with(
                "support",
                ExplainEntitlementRequest {
                    customer: named(),
                    feature: "seats".into(),
                    ..ExplainEntitlementRequest::default()
                },
            ))
            .await
            .unwrap_err(),
        admin
            .list_overrides(with(
                "support",
                ListOverridesRequest {
                    customer: named(),
                    ..Default::default()
                },
            ))
            .await
            .unwrap_err(),
        admin
            .list_audit_entries(with(
                "support",
                ListAuditEntriesRequest {
                    customer: named(),
                    ..Default::default()
                },
            ))
            .await
            .unwrap_err(),
    ];
    for refused in outside {
        assert_eq!(
            reason(&refused),
            (Code::PermissionDenied, "CUSTOMER_NOT_ALLOWED".to_owned())
        );
    }
    let own = ListAuditEntriesRequest {
        customer: "acme".into(),
        ..Default::default()
    };
    let entries = admin
        .list_audit_entries(with("support", own))
        .await
        .unwrap()
        .into_inner()
        .entries;
    assert_eq!(
        entries.iter().map(|it| &*it.caller).collect::<Vec<_>>(),
        ["helpdesk"]
    );
}
