//! What is wanted, and what was fetched.

use sqlx::Connection;
use tollgate_domain::facts::{Learned, Want};
use tollgate_domain::object::Kind;

use crate::fixture::{NOW, Place, applied, id, later};

fn now(id: &str) -> Want {
    Want::now(Kind::Subscription, id)
}

fn confirm(id: &str) -> Want {
    Want::confirm(Kind::Subscription, id)
}

#[tokio::test]
async fn an_object_is_wanted_once_and_its_earliest_time_wins() {
    let place = Place::new().await;
    let acme = id("acme");
    place
        .store
        .want(&acme, &[(confirm("sub_1"), later(60)), (now("sub_1"), later(5))])
        .await
        .unwrap();
    place
        .store
        .want(&acme, &[(confirm("sub_1"), later(90))])
        .await
        .unwrap();
    assert!(place.store.due_settles(10, later(4)).await.unwrap().is_empty());
    let due = place.store.due_settles(10, later(5)).await.unwrap();
    assert_eq!(
        (due.len(), due[0].id.as_str(), due[0].kind),
        (1, "sub_1", Kind::Subscription)
    );
    assert!(
        place.store.due_settles(10, later(99)).await.unwrap().is_empty(),
        "it is somebody's"
    );
}

#[tokio::test]
async fn wants_of_an_append_are_due_as_they_say() {
    let place = Place::new().await;
    place.store.mark_dirty(&id("acme")).await.unwrap();
    let mut append = applied(&place.dirty_one().await, None);
    append.wants = vec![(now("sub_1"), NOW), (confirm("sub_2"), later(60))];
    place.store.append(vec![append]).await.unwrap();
    assert_eq!(place.store.due_settles(10, NOW).await.unwrap()[0].id, "sub_1");
    assert_eq!(
        place.store.due_settles(10, later(60)).await.unwrap()[0].id,
        "sub_2"
    );
}

#[tokio::test]
async fn what_was_fetched_is_an_observation_that_covers_what_was_known_before() {
    let place = Place::new().await;
    let seq = place.observed("evt", "acme").await;
    let object = "sub_of_evt";
    assert_eq!(place.store.covers_seq(object).await.unwrap(), seq);
    place
        .store
        .want(&id("acme"), &[(now(object), NOW)])
        .await
        .unwrap();
    let due = place.store.due_settles(10, NOW).await.unwrap().remove(0);
    assert_eq!(due.covers_seq, seq);
    // What comes during the fetch is not covered by it.
    place
        .store
        .observe(
            &id("acme"),
            Kind::Subscription,
            object,
            "{}".into(),
            NOW,
            NOW,
            seq,
            &tollgate_store::Cause::default(),
        )
        .await
        .unwrap();
    place
        .store
        .settled(&due, "{\"fetched\":true}".into(), later(1), later(2))
        .await
        .unwrap();
    let loaded = place.dirty_one().await;
    let last = loaded.observed.last().unwrap();
    assert_eq!(
        last.learned,
        Learned::Fetch {
            from: later(1),
            to: later(2),
            covers_seq: seq
        }
    );
    assert_eq!(last.body, "{\"fetched\":true}");
    assert!(
        place.store.due_settles(10, later(99)).await.unwrap().is_empty(),
        "the want is over"
    );
}

#[tokio::test]
async fn what_was_being_fetched_when_its_customer_was_erased_is_not_kept() {
    let place = Place::new().await;
    place.observed("evt", "acme").await;
    place
        .store
        .link(&id("acme"), &["sub_1".to_owned()])
        .await
        .unwrap();
    let mut eraser = place.session().await;
    let mut erasing = eraser.begin().await.unwrap();
    sqlx::raw_sql("select erase('acme', 'note', 'who', 'through')")
        .execute(&mut *erasing)
        .await
        .unwrap();
    let store = place.store.clone();
    let observing = tokio::spawn(async move {
        let (kind, cause) = (Kind::Subscription, tollgate_store::Cause::default());
        store
            .observe(&id("acme"), kind, "sub_1", "{}".into(), NOW, NOW, 0, &cause)
            .await
    });
    // Until it has finished or waits for a lock of the erasing's.
    let mut observer = place.session().await;
    while !observing.is_finished() {
        let blocked = "select count(*) from pg_locks where not granted and pid <> pg_backend_pid()";
        let blocked: i64 = sqlx::query_scalar(blocked)
            .fetch_one(&mut observer)
            .await
            .unwrap();
        if blocked > 0 {
            break;
        }
    }
    erasing.commit().await.unwrap();
    assert_eq!(observing.await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_want_that_comes_during_a_fetch_survives_it() {
    let place = Place::new().await;
    place
        .store
        .want(&id("acme"), &[(now("sub_1"), NOW)])
        .await
        .unwrap();
    let due = place.store.due_settles(10, NOW).await.unwrap().remove(0);
    place
        .store
        .want(&id("acme"), &[(now("sub_1"), NOW)])
        .await
        .unwrap();
    place.store.settled(&due, "{}".into(), NOW, NOW).await.unwrap();
    assert_eq!(place.store.due_settles(10, NOW).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_failed_fetch_is_tried_again_at_its_time_or_parked_until_it_is_wanted_anew() {
    let place = Place::new().await;
    let acme = id("acme");
    place.store.want(&acme, &[(now("sub_1"), NOW)]).await.unwrap();
    let due = place.store.due_settles(10, NOW).await.unwrap().remove(0);
    place
        .store
        .settle_failed(&due, "timed out", Some(later(60)))
        .await
        .unwrap();
    assert!(place.store.due_settles(10, later(59)).await.unwrap().is_empty());
    let due = place.store.due_settles(10, later(60)).await.unwrap().remove(0);
    assert_eq!(due.attempts, 1);
    place
        .store
        .settle_failed(&due, "no such subscription", None)
        .await
        .unwrap();
    assert!(
        place
            .store
            .due_settles(10, later(9_999))
            .await
            .unwrap()
            .is_empty()
    );
    place
        .store
        .want(&acme, &[(now("sub_1"), later(70))])
        .await
        .unwrap();
    let again = place.store.due_settles(10, later(70)).await.unwrap().remove(0);
    assert_eq!(again.attempts, 0);
}

#[tokio::test]
async fn a_want_that_is_written_while_a_fetch_is_kept_is_free_at_once() {
    let place = Place::new().await;
    place
        .store
        .want(&id("acme"), &[(now("sub_1"), NOW)])
        .await
        .unwrap();
    let due = place.store.due_settles(10, NOW).await.unwrap().remove(0);
    let mut asker = place.session().await;
    let mut asking = asker.begin().await.unwrap();
    sqlx::raw_sql("update want set asked = asked + 1")
        .execute(&mut *asking)
        .await
        .unwrap();
    let keeping = tokio::spawn({
        let store = place.store.clone();
        async move { store.settled(&due, "{}".into(), NOW, later(1)).await }
    });
    let mut watcher = place.session().await;
    loop {
        let blocked: i64 =
            sqlx::query_scalar("select count(*) from pg_locks where not granted and pid <> pg_backend_pid()")
                .fetch_one(&mut watcher)
                .await
                .unwrap();
        if blocked > 0 {
            break;
        }
    }
    asking.commit().await.unwrap();
    keeping.await.unwrap().unwrap();
    assert_eq!(place.store.due_settles(10, NOW).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_want_is_not_forgotten_by_a_fetch_for_one_before_it() {
    let place = Place::new().await;
    let want = || [(now("sub_1"), NOW)];
    let body = || "{}".into();
    place.store.want(&id("acme"), &want()).await.unwrap();
    let slow = place.store.due_settles(10, NOW).await.unwrap().remove(0);
    place
        .sql("update want set claimed_until = now() - interval '1 s'")
        .await;
    let fast = place.store.due_settles(10, NOW).await.unwrap().remove(0);
    place.store.settled(&fast, body(), NOW, NOW).await.unwrap();
    place.store.want(&id("acme"), &want()).await.unwrap();
    place.store.settled(&slow, body(), NOW, NOW).await.unwrap();
    assert_eq!(place.store.due_settles(10, NOW).await.unwrap().len(), 1);
}
