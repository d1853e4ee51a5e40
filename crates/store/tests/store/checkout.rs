//! What was asked to be sold.

use tollgate_store::NewCheckout;

use crate::fixture::{NOW, Place, id};

fn new(session: Option<&str>) -> NewCheckout {
    NewCheckout {
        request_id: "req".into(),
        customer: id("acme"),
        fingerprint: vec![1],
        path: "/v1/checkout/sessions".into(),
        body: "mode=payment".into(),
        api_version: "v".into(),
        session: session.map(str::to_owned),
        started_at: NOW,
    }
}

#[tokio::test]
async fn the_first_session_of_a_checkout_stays_and_who_was_slower_is_told_it() {
    let place = Place::new().await;
    let (begun, is_new) = place.store.begin_checkout(new(None)).await.unwrap();
    assert_eq!((begun.session, is_new), (None, true));
    assert_eq!(place.store.finish_checkout("req", "cs_1").await.unwrap(), "cs_1");
    assert_eq!(place.store.finish_checkout("req", "cs_2").await.unwrap(), "cs_1");
    let links = ["cs_1".to_owned(), "cs_2".to_owned()];
    assert_eq!(
        place.store.links(&links).await.unwrap(),
        [("cs_1".to_owned(), id("acme"))].into()
    );
}

#[tokio::test]
async fn a_checkout_may_begin_with_an_open_page_which_is_linked_at_once() {
    let place = Place::new().await;
    let (begun, is_new) = place.store.begin_checkout(new(Some("cs_1"))).await.unwrap();
    assert_eq!((begun.session.as_deref(), is_new), (Some("cs_1"), true));
    let (again, is_new) = place.store.begin_checkout(new(Some("cs_2"))).await.unwrap();
    assert_eq!((again.session.as_deref(), is_new), (Some("cs_1"), false));
    let links = ["cs_1".to_owned(), "cs_2".to_owned()];
    assert_eq!(
        place.store.links(&links).await.unwrap(),
        [("cs_1".to_owned(), id("acme"))].into()
    );
}
