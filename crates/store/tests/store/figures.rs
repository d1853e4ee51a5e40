//! What operators are told: how much is unfinished, and what a revision came of.

use tollgate_domain::facts::Want;
use tollgate_domain::object::Kind;
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Append, Cause, Figures, Routing};

use crate::fixture::{NOW, Place, applied, event, id, later, seats};

async fn received_at(place: &Place, event: &str) -> Timestamp {
    let micros: i64 = sqlx::query_scalar(
        "select (extract(epoch from received_at) * 1000000)::bigint from inbox where key = $1",
    )
    .bind(event)
    .fetch_one(&mut place.session().await)
    .await
    .unwrap();
    Timestamp(micros)
}

#[tokio::test]
async fn what_is_unfinished_is_counted_where_it_is_and_what_is_finished_nowhere() {
    let place = Place::new().await;
    place.observed("evt_applied", "acme").await;
    let done = applied(&place.dirty_one().await, Some(seats(1)));
    place.store.append(vec![done]).await.unwrap();
    let none = place.store.figures(NOW).await.unwrap();
    assert_eq!((none.routed.count, none.learned, none.settles.count), (0, 0, 0));
    assert_eq!(
        (none.received.age, none.outdated, none.unconfirmed),
        (Span(0), 0, 0)
    );

    place.observed("evt_routed", "beta").await;
    for (name, routing) in [
        (
            "evt_waiting",
            Routing::Waiting {
                on: vec!["cus_1".into()],
            },
        ),
        ("evt_parked", Routing::Parked { error: "no".into() }),
        (
            "evt_retry",
            Routing::Retry {
                error: "no".into(),
                at: later(60),
            },
        ),
    ] {
        let seq = place.received(name).await;
        place.store.route(&[(seq, routing)]).await.unwrap();
    }
    place.store.accept(&[event("evt_received")]).await.unwrap();
    place
        .sql("update inbox set received_at = received_at - interval '1 h' where key = 'evt_routed'")
        .await;
    place.store.mark_dirty(&id("gamma")).await.unwrap();
    place
        .sql("update customer set due_at = 1, marks = 0, applied_marks = 0 where customer = 'gamma'")
        .await;
    place
        .sql(r#"update customer set facts = '{"carried_until": {"sub_1": 1}}' where customer = 'acme'"#)
        .await;
    let wants = [
        (Want::now(Kind::Subscription, "sub_1"), NOW),
        (Want::now(Kind::Subscription, "sub_2"), later(1)),
    ];
    place.store.want(&id("acme"), &wants).await.unwrap();
    place
        .sql("insert into catalog_version values ('h', ''); insert into activation values (1, 'h', 0, 1)")
        .await;

    let Figures {
        received,
        routed,
        waiting,
        parked,
        learned,
        due,
        outdated,
        settles,
        unconfirmed,
    } = place.store.figures(later(0) + Span(7)).await.unwrap();
    let counts = [received, routed, waiting, parked, due, settles].map(|pile| pile.count);
    assert_eq!(counts, [2, 1, 1, 1, 1, 1]);
    assert_eq!(
        (learned, outdated, unconfirmed),
        (1, 2, 1),
        "acme and gamma are outdated"
    );
    assert!(routed.age >= Span::hours(1) && received.age < Span::hours(1));
    assert_eq!((due.age, settles.age), (NOW + Span(7) - Timestamp(1), Span(7)));
}

#[tokio::test]
async fn a_cause_goes_from_the_webhook_through_a_fetch_to_the_revision() {
    let place = Place::new().await;
    let mut webhook = event("evt");
    webhook.traceparent = Some("webhook".into());
    place.store.accept(&[webhook]).await.unwrap();
    let unrouted = place.store.unrouted(1, 1, NOW).await.unwrap().remove(0);
    assert_eq!(unrouted.traceparent.as_deref(), Some("webhook"));
    let to = Routing::Customer {
        customer: id("acme"),
        ids: vec![],
    };
    place.store.route(&[(unrouted.seq, to)]).await.unwrap();
    let loaded = place.dirty_one().await;
    let accepted = Cause {
        traceparent: Some("webhook".into()),
        accepted_at: Some(received_at(&place, "evt").await),
    };
    assert_eq!(loaded.observed[0].cause, accepted);

    let then = |traceparent: &str| Cause {
        traceparent: Some(traceparent.into()),
        ..accepted.clone()
    };
    let first = Append {
        wants: vec![(Want::now(Kind::Subscription, "sub_1"), NOW)],
        cause: then("apply"),
        ..applied(&loaded, None)
    };
    place.store.append(vec![first]).await.unwrap();
    let mut due = place.store.due_settles(1, NOW).await.unwrap().remove(0);
    assert_eq!(due.cause, then("apply"));
    due.cause = then("settle");
    place.store.settled(&due, "{}".into(), NOW, NOW).await.unwrap();
    let loaded = place.dirty_one().await;
    assert_eq!(loaded.observed[0].cause, then("settle"));
    let second = Append {
        cause: then("apply again"),
        ..applied(&loaded, Some(seats(5)))
    };
    place.store.append(vec![second]).await.unwrap();
    let (_, feed) = place.store.poll(0, 10).await.unwrap();
    assert_eq!(feed.last().unwrap().cause, then("apply again"));
}
