//! Whose Stripe's objects are, decided by hand; and who is forgotten.

use stripe_simulator::core::{CustomerChange, Mode, NewCustomer, NewSession};
use tollgate::api::grpc::proto::{
    AuditAction, EraseCustomerRequest, Event, EventState, FindCustomersRequest, LinkCustomerRequest,
    ListAuditEntriesRequest, ListEventsRequest, Reason, UnlinkCustomerRequest,
};
use tollgate_domain::time::Span;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::sales::shop::{DAY, Shop, id, price};
use crate::support::eventually;

fn link(customer: &str, stripe_object: &str) -> LinkCustomerRequest {
    LinkCustomerRequest {
        customer: customer.into(),
        stripe_object: stripe_object.into(),
        actor: "ada".into(),
        note: "they wrote to us".into(),
    }
}

fn unlink(customer: &str, stripe_object: &str) -> UnlinkCustomerRequest {
    UnlinkCustomerRequest {
        customer: customer.into(),
        stripe_object: stripe_object.into(),
        actor: "ada".into(),
        note: "it was another's".into(),
    }
}

fn erase(customer: &str) -> EraseCustomerRequest {
    EraseCustomerRequest {
        customer: customer.into(),
        actor: "ada".into(),
        note: "they asked for it".into(),
    }
}

/// Somebody pays on a page that is none of ours; Stripe's customer.
pub async fn stranger(shop: &Shop, reference: Option<&str>) -> String {
    let session = shop.stripe(|stripe| {
        let new = NewSession {
            mode: Mode::Subscription,
            line_items: vec![(price(stripe, "team_monthly"), 1)],
            client_reference_id: reference.map(str::to_owned),
            success_url: Some("https://shop.example/thanks".into()),
            always_customer: true,
            ..NewSession::default()
        };
        let session = id(&stripe.create_checkout_session(new).unwrap());
        stripe.pay_session(&session).unwrap()
    });
    quiet(shop).await;
    session["customer"].as_str().unwrap().to_owned()
}

/// Until all that Stripe told is routed and applied, or waits.
pub async fn quiet(shop: &Shop) {
    eventually("nothing is left to be done", async || {
        let delivered = shop.stripe(|stripe| stripe.events(0).iter().all(|it| stripe.is_delivered(&it.id)));
        let figures = shop.figures().await;
        let open = figures.received.count + figures.routed.count + figures.learned + figures.settles.count;
        (delivered && open == 0).then_some(())
    })
    .await;
}

pub fn reason(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info();
    (status.code(), info.map(|info| info.reason).unwrap_or_default())
}

#[tokio::test]
async fn who_paid_elsewhere_is_linked_by_hand_and_taken_back_again() {
    let shop = Shop::open().await;
    let mut admin = shop.app.admin().await;
    let payer = stranger(&shop, None).await;
    assert_eq!(shop.reason("sso").await, Reason::NoPlan);
    assert!(shop.figures().await.waiting.count > 0);

    let linked = admin
        .link_customer(link("acme", &payer))
        .await
        .unwrap()
        .into_inner();
    assert!(!linked.revision.is_empty());
    // Not eventually: it is in the answers when the call returns.
    assert_eq!(shop.reason("sso").await, Reason::Active);
    assert_eq!(shop.figures().await.waiting.count, 0);
    admin.link_customer(link("acme", &payer)).await.unwrap();
    let taken = admin.link_customer(link("beta", &payer)).await.unwrap_err();
    assert_eq!(
        reason(&taken),
        (Code::FailedPrecondition, "ALREADY_LINKED".to_owned())
    );

    let subscription = id(&shop.newest("sub_"));
    let part = admin
        .unlink_customer(unlink("acme", &subscription))
        .await
        .unwrap_err();
    assert_eq!(reason(&part), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    let not_theirs = admin.unlink_customer(unlink("beta", &payer)).await.unwrap_err();
    assert_eq!(reason(&not_theirs), (Code::NotFound, "UNKNOWN_LINK".to_owned()));
    admin.unlink_customer(unlink("acme", &payer)).await.unwrap();
    assert_eq!(shop.reason("sso").await, Reason::NoPlan);
    // What comes later waits, too.
    shop.advance(31 * DAY);
    quiet(&shop).await;
    assert_eq!(shop.reason("sso").await, Reason::NoPlan);
    assert!(shop.figures().await.waiting.count > 0);

    admin.link_customer(link("beta", &payer)).await.unwrap();
    assert_eq!(shop.get("beta", "sso").await.reason(), Reason::Active);
    assert_eq!(shop.reason("sso").await, Reason::NoPlan);

    let all = ListAuditEntriesRequest::default();
    let entries = admin.list_audit_entries(all).await.unwrap().into_inner().entries;
    let told: Vec<_> = entries
        .iter()
        .map(|it| (it.action(), &*it.customer, &*it.actor))
        .collect();
    assert_eq!(
        told,
        [
            (AuditAction::CustomerLinked, "beta", "ada"),
            (AuditAction::CustomerUnlinked, "acme", "ada"),
            (AuditAction::CustomerLinked, "acme", "ada"),
        ]
    );
    assert!(
        entries
            .iter()
            .all(|it| format!("{}{}", it.before, it.after).contains(&payer))
    );
}

#[tokio::test]
async fn what_was_sold_is_found_by_a_link_though_no_event_of_it_is_kept() {
    let shop = Shop::open().await;
    let mut admin = shop.app.admin().await;
    shop.buy(&[("team_monthly", 1)]).await;
    shop.until("sso", Reason::Active).await;
    let payer = id(&shop.newest("cus_"));
    quiet(&shop).await;
    let forgotten = shop.app.store().forget_bodies(Span::ZERO, 1_000).await.unwrap();
    assert!(forgotten > 0);
    admin.unlink_customer(unlink("acme", &payer)).await.unwrap();
    assert_eq!(shop.figures().await.waiting.count, 0);
    admin.link_customer(link("beta", &payer)).await.unwrap();
    assert_eq!(shop.get("beta", "sso").await.reason(), Reason::Active);
    // What comes later of a refund does not bring its charge back to whom it was taken from.
    let session = id(&shop.newest("cs_"));
    let refund = id(&shop.stripe(|stripe| stripe.refund(&session, Some(100))).unwrap());
    quiet(&shop).await;
    admin.unlink_customer(unlink("beta", &payer)).await.unwrap();
    shop.stripe(|stripe| stripe.fail_refund(&refund)).unwrap();
    shop.advance(31 * DAY);
    quiet(&shop).await;
    assert_eq!(shop.get("beta", "sso").await.reason(), Reason::NoPlan);
    admin.link_customer(link("beta", &payer)).await.unwrap();
    assert_eq!(shop.get("beta", "sso").await.reason(), Reason::Active);
    // An erasing is taken back.
    admin.erase_customer(erase("beta")).await.unwrap();
    assert_eq!(shop.get("beta", "sso").await.reason(), Reason::NoPlan);
    admin.link_customer(link("gamma", &payer)).await.unwrap();
    assert_eq!(shop.get("gamma", "sso").await.reason(), Reason::Active);
}

#[tokio::test]
async fn our_own_mark_does_not_bring_back_what_was_unlinked_and_the_next_checkout_has_its_own_stripe_customer()
 {
    let shop = Shop::open().await;
    let mut admin = shop.app.admin().await;
    shop.buy(&[("team_monthly", 1)]).await;
    shop.until("sso", Reason::Active).await;
    let payer = id(&shop.newest("cus_"));
    admin.unlink_customer(unlink("acme", &payer)).await.unwrap();
    assert_eq!(shop.reason("sso").await, Reason::NoPlan);
    shop.advance(31 * DAY);
    quiet(&shop).await;
    assert_eq!(shop.reason("sso").await, Reason::NoPlan);
    let session = shop.checkout("acme", "order-2", &[("team_monthly", 1)]).await;
    shop.stripe(|stripe| stripe.pay_session(&session).unwrap());
    shop.until("sso", Reason::Active).await;
    assert_ne!(id(&shop.newest("cus_")), payer);
}

#[tokio::test]
async fn what_is_no_id_of_stripes_is_refused() {
    let shop = Shop::open().await;
    let mut admin = shop.app.admin().await;
    for wrong in ["", "cus_", "price_1", "cus_1 or 1=1", "acme"] {
        let refused = admin.link_customer(link("acme", wrong)).await.unwrap_err();
        assert_eq!(
            reason(&refused),
            (Code::InvalidArgument, "INVALID_FIELD".to_owned()),
            "{wrong}"
        );
        let fields = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[0].field, "stripe_object");
    }
    let unknown = admin
        .unlink_customer(unlink("acme", "cus_unknown"))
        .await
        .unwrap_err();
    assert_eq!(reason(&unknown), (Code::NotFound, "UNKNOWN_LINK".to_owned()));
}

#[tokio::test]
async fn an_erased_customer_is_forgotten_and_what_stripe_still_tells_of_it_has_no_effect() {
    let shop = Shop::open().await;
    let mut admin = shop.app.admin().await;
    let nobody = admin.erase_customer(erase("acme")).await.unwrap_err();
    assert_eq!(reason(&nobody), (Code::NotFound, "UNKNOWN_CUSTOMER".to_owned()));
    shop.buy(&[("team_monthly", 1)]).await;
    shop.until("sso", Reason::Active).await;
    quiet(&shop).await;
    let payer = id(&shop.newest("cus_"));

    let erased = admin.erase_customer(erase("acme")).await.unwrap().into_inner();
    assert_eq!(shop.reason("sso").await, Reason::NoPlan);
    assert_eq!(shop.facts().await.unwrap(), []);
    // The same again is the same revision.
    let again = admin.erase_customer(erase("acme")).await.unwrap().into_inner();
    assert_eq!(again.revision, erased.revision);
    shop.advance(31 * DAY);
    quiet(&shop).await;
    assert_eq!(shop.reason("sso").await, Reason::NoPlan);
    let figures = shop.figures().await;
    assert_eq!((figures.waiting.count, figures.parked.count), (0, 0));

    // Who comes back buys as a new one, or is linked again: then what Stripe tells from there on counts.
    admin.link_customer(link("acme", &payer)).await.unwrap();
    shop.advance(31 * DAY);
    shop.until("sso", Reason::Active).await;
}

#[tokio::test]
async fn a_customer_is_found_by_its_id_by_stripes_and_by_its_address_at_stripe() {
    let shop = Shop::open().await;
    shop.buy(&[("team_monthly", 1)]).await;
    shop.until("sso", Reason::Active).await;
    let (payer, subscription) = (id(&shop.newest("cus_")), id(&shop.newest("sub_")));
    let nobodys = shop.stripe(|stripe| {
        let email = Some("ada@example.com".to_owned());
        let change = CustomerChange {
            email: email.clone(),
            ..CustomerChange::default()
        };
        stripe.update_customer(&payer, change).unwrap();
        let new = NewCustomer {
            email,
            ..NewCustomer::default()
        };
        id(&stripe.create_customer(new).unwrap())
    });
    let find = async |query: &str| {
        let query = query.to_owned();
        let mut admin = shop.app.admin().await;
        let found = admin.find_customers(FindCustomersRequest { query }).await;
        let found = found.unwrap().into_inner();
        let customers = found.customers.into_iter();
        let customers: Vec<_> = customers.map(|it| (it.customer, it.stripe_customers)).collect();
        (customers, found.unlinked_stripe_customers)
    };
    let acme = || vec![("acme".to_owned(), vec![payer.clone()])];
    for query in ["acme", "ac", &payer, &subscription] {
        assert_eq!(find(query).await, (acme(), vec![]), "{query}");
    }
    assert_eq!(find("ada@example.com").await, (acme(), vec![nobodys]));
    assert_eq!(find("acmes").await, (vec![], vec![]));
    assert_eq!(find("eve@example.com").await, (vec![], vec![]));
}

#[tokio::test]
async fn bodies_of_what_is_finished_are_forgotten_after_a_while_and_the_answers_stay() {
    let shop = Shop::with(|config| config.body_retention = Span::seconds(1)).await;
    shop.buy(&[("team_monthly", 1)]).await;
    shop.until("sso", Reason::Active).await;
    let kept = stranger(&shop, None).await;
    let events = async || {
        let request = ListEventsRequest::default();
        let mut admin = shop.app.admin().await;
        admin.list_events(request).await.unwrap().into_inner().events
    };
    eventually("the bodies are forgotten", async || {
        // It looks by itself once an hour.
        shop.advance(3_600);
        let finished = |it: &&Event| it.state() != EventState::Waiting;
        events()
            .await
            .iter()
            .filter(finished)
            .all(|it| !it.has_body)
            .then_some(())
    })
    .await;
    let waiting: Vec<Event> = events().await.into_iter().filter(|it| it.has_body).collect();
    assert!(waiting.len() > 1 && waiting.iter().all(|it| it.state() == EventState::Waiting));
    shop.app
        .admin()
        .await
        .link_customer(link("beta", &kept))
        .await
        .unwrap();
    assert_eq!(shop.get("beta", "sso").await.reason(), Reason::Active);
    assert_eq!(shop.reason("sso").await, Reason::Active);
}
