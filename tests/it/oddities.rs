//! What a person should look at, and Stripe's events one by one.

use stripe_simulator::core::{NewPrice, NewSubscription, Outcome};
use tollgate::api::grpc::proto::{
    AuditAction, EventFilter, EventState, GetEventRequest, ListAuditEntriesRequest, ListEventsRequest,
    ListOdditiesRequest, Oddity, OddityKind, Reason, ReplayEventsRequest,
};
use tollgate_store::OddityKind as Counted;
use tonic::Code;

use crate::links::{quiet, reason, stranger};
use crate::sales::shop::{DAY, Shop, id, price};
use crate::support::SECRET;

/// All of a kind, one on a page.
async fn listed(shop: &Shop, kind: OddityKind) -> Vec<Oddity> {
    let mut request = ListOdditiesRequest {
        kind: kind.into(),
        page_size: 1,
        ..ListOdditiesRequest::default()
    };
    let mut all = vec![];
    loop {
        let page = shop.app.admin().await.list_oddities(request.clone()).await;
        let page = page.unwrap().into_inner();
        assert!(page.oddities.len() <= 1 && page.oddities.iter().all(|it| it.kind() == kind));
        all.extend(page.oddities);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

async fn counted(shop: &Shop, kind: Counted) -> i64 {
    let counts = shop.app.store().oddity_counts().await.unwrap();
    counts.into_iter().find(|(it, _)| *it == kind).unwrap().1
}

fn replay(filter: EventFilter, dry_run: bool) -> ReplayEventsRequest {
    ReplayEventsRequest {
        filter: Some(filter),
        dry_run,
        actor: "ada".into(),
        note: "to be sure".into(),
    }
}

#[tokio::test]
async fn who_paid_and_is_nobodys_is_listed_with_who_it_may_be_and_with_each_event_that_waits() {
    let shop = Shop::open().await;
    let payers = [stranger(&shop, Some("beta")).await, stranger(&shop, None).await];
    let mut unlinked = listed(&shop, OddityKind::UnlinkedPayer).await;
    unlinked.sort_by_key(|it| it.stripe_object != payers[0]);
    let told: Vec<_> = unlinked
        .iter()
        .map(|it| (it.stripe_object.clone(), &*it.suggested_customer))
        .collect();
    assert_eq!(told, [(payers[0].clone(), "beta"), (payers[1].clone(), "")]);
    assert!(
        unlinked[0]
            .related_objects
            .iter()
            .any(|id| id.starts_with("sub_"))
    );
    assert!(unlinked[0].since_time.is_some());
    let waiting = listed(&shop, OddityKind::WaitingEvent).await;
    let waits = waiting.len() as i64;
    assert_eq!(waits, shop.figures().await.waiting.count);
    assert!(
        waiting
            .iter()
            .all(|it| it.event.starts_with("evt_") && !it.related_objects.is_empty())
    );
    assert_eq!(counted(&shop, Counted::UnlinkedPayer).await, 2);
    assert_eq!(counted(&shop, Counted::WaitingEvent).await, waits);
    for kind in [
        OddityKind::ParkedEvent,
        OddityKind::ParkedFetch,
        OddityKind::UnmatchedPrice,
    ] {
        assert_eq!(listed(&shop, kind).await, []);
    }
}

#[tokio::test]
async fn what_is_paid_for_nothing_or_twice_or_late_is_listed_until_it_is_mended() {
    let shop = Shop::open().await;
    shop.buy(&[("team_monthly", 1)]).await;
    shop.until("sso", Reason::Active).await;
    let (payer, first) = (id(&shop.newest("cus_")), id(&shop.newest("sub_")));
    let (second, third, yacht) = shop.stripe(|stripe| {
        let of = |price: String| NewSubscription {
            customer: payer.clone(),
            items: vec![(price, 1)],
            days_until_due: Some(30),
            ..NewSubscription::default()
        };
        let team = price(stripe, "team_monthly");
        let second = id(&stripe.create_subscription(of(team)).unwrap());
        let product = id(&stripe.create_product("Yacht").unwrap());
        let yacht = NewPrice {
            product,
            currency: "eur".into(),
            unit_amount: 9_000,
            recurring: Some((stripe_simulator::core::Interval::Month, 1)),
            ..NewPrice::default()
        };
        let yacht = id(&stripe.create_price(yacht).unwrap());
        let third = id(&stripe.create_subscription(of(yacht.clone())).unwrap());
        (second, third, yacht)
    });
    quiet(&shop).await;
    let [double] = &listed(&shop, OddityKind::DoubleSubscription).await[..] else {
        panic!("one plan is paid for twice")
    };
    let mut both = vec![first, second.clone()];
    both.sort();
    assert_eq!(
        (&*double.customer, &*double.subject, &double.related_objects),
        ("acme", "team", &both)
    );
    let [unmatched] = &listed(&shop, OddityKind::UnmatchedPrice).await[..] else {
        panic!("one price is outside the catalog")
    };
    assert_eq!(
        (
            &*unmatched.customer,
            &*unmatched.subject,
            &unmatched.related_objects
        ),
        ("acme", &*yacht, &vec![third.clone()])
    );
    assert_eq!(listed(&shop, OddityKind::PastDue).await, []);

    shop.stripe(|stripe| {
        for subscription in [&second, &third] {
            stripe.cancel_subscription(subscription).unwrap();
        }
        stripe.set_payment_outcome(&payer, Outcome::Decline).unwrap();
    });
    shop.advance(32 * DAY);
    quiet(&shop).await;
    assert_eq!(listed(&shop, OddityKind::DoubleSubscription).await, []);
    assert_eq!(counted(&shop, Counted::UnmatchedPrice).await, 0);
    let [late] = &listed(&shop, OddityKind::PastDue).await[..] else {
        panic!("one payment is late")
    };
    assert_eq!(
        (&*late.customer, &late.stripe_object),
        ("acme", &both[usize::from(both[0] == second)])
    );
    assert_eq!(counted(&shop, Counted::PastDue).await, 1);
}

#[tokio::test]
async fn events_are_listed_shown_and_replayed_and_no_answer_changes_by_it() {
    let shop = Shop::open().await;
    let mut admin = shop.app.admin().await;
    shop.buy(&[("team_monthly", 1)]).await;
    shop.until("sso", Reason::Active).await;
    quiet(&shop).await;
    let of_acme = EventFilter {
        customer: "acme".into(),
        ..EventFilter::default()
    };
    let request = ListEventsRequest {
        filter: Some(of_acme.clone()),
        ..ListEventsRequest::default()
    };
    let list = admin
        .list_events(request.clone())
        .await
        .unwrap()
        .into_inner()
        .events;
    assert!(list.len() > 2 && list.iter().all(|it| it.has_body), "{list:?}");
    let applied: Vec<_> = list
        .iter()
        .filter(|it| it.state() == EventState::Applied)
        .collect();
    assert!(applied.iter().all(|it| it.customer == "acme") && applied.len() > 1);
    let pages = ListEventsRequest {
        page_size: 1,
        ..request.clone()
    };
    let page = admin.list_events(pages.clone()).await.unwrap().into_inner();
    let next = ListEventsRequest {
        page_token: page.next_page_token,
        ..pages
    };
    let next = admin.list_events(next).await.unwrap().into_inner();
    assert_eq!([&page.events[..], &next.events].concat(), list[..2]);

    let one = GetEventRequest {
        event: list[0].id.clone(),
    };
    let shown = admin.get_event(one).await.unwrap().into_inner();
    assert_eq!(shown.event.as_ref(), Some(&list[0]));
    let body: serde_json::Value = serde_json::from_str(&shown.body).unwrap();
    assert_eq!(body["id"], *list[0].id);
    let unknown = GetEventRequest {
        event: "evt_unknown".into(),
    };
    let unknown = admin.get_event(unknown).await.unwrap_err();
    assert_eq!(reason(&unknown), (Code::NotFound, "UNKNOWN_EVENT".to_owned()));

    let everything = admin
        .replay_events(replay(EventFilter::default(), true))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&everything),
        (Code::InvalidArgument, "INVALID_FIELD".to_owned())
    );
    let dry = admin
        .replay_events(replay(of_acme.clone(), true))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(dry.replayed as usize, list.len());
    let audit = || async {
        let entries = shop
            .app
            .admin()
            .await
            .list_audit_entries(ListAuditEntriesRequest::default())
            .await;
        entries.unwrap().into_inner().entries
    };
    assert_eq!(audit().await, []);
    assert_eq!(
        admin
            .list_events(request.clone())
            .await
            .unwrap()
            .into_inner()
            .events,
        list
    );

    let before = shop.get("acme", "sso").await;
    let done = admin
        .replay_events(replay(of_acme, false))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((done.replayed, done.without_body), (dry.replayed, 0));
    quiet(&shop).await;
    assert_eq!(
        admin.list_events(request).await.unwrap().into_inner().events,
        list
    );
    assert_eq!(shop.get("acme", "sso").await, before);
    let [entry] = &audit().await[..] else {
        panic!("it is written down once")
    };
    assert_eq!(entry.action(), AuditAction::EventsReplayed);
    assert!(entry.before.contains("acme"), "{}", entry.before);
}

#[tokio::test]
async fn an_event_that_was_given_up_is_listed_with_why_and_tried_anew_by_a_replay() {
    let shop = Shop::open().await;
    let mut admin = shop.app.admin().await;
    // An object without an id can be neither read nor fetched.
    let event = r#"{"id": "evt_broken", "object": "event", "type": "customer.subscription.updated", "created": 1700000000,
        "livemode": false, "data": {"object": {"object": "subscription"}}}"#;
    let door = shop.app.webhook_url();
    let answer = shop.app.http.event(&door, SECRET, event.into()).await;
    assert_eq!(answer, Ok(http::StatusCode::OK));
    quiet(&shop).await;
    let parked = listed(&shop, OddityKind::ParkedEvent).await;
    assert_eq!((parked.len(), &*parked[0].event), (1, "evt_broken"));
    assert!(!parked[0].error.is_empty());
    let state = EventFilter {
        state: EventState::Parked.into(),
        ..EventFilter::default()
    };
    let done = admin
        .replay_events(replay(state, false))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(done.replayed, 1);
    quiet(&shop).await;
    assert_eq!(listed(&shop, OddityKind::ParkedEvent).await, parked);
}
