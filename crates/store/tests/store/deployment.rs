//! What is pinned, and what the server says of itself.

use tollgate_store::{Deployment, Settings, Store, StoreError};

use crate::fixture::Place;

#[tokio::test]
async fn the_first_account_stays_pinned() {
    let place = Place::new().await;
    assert_eq!(place.store.deployment().await.unwrap(), None);
    place.store.pin(false).await.unwrap();
    let pinned = |account: Option<&str>| Deployment {
        livemode: false,
        account: account.map(str::to_owned),
    };
    assert_eq!(place.store.deployment().await.unwrap(), Some(pinned(None)));
    for account in ["acct_1", "acct_2", "acct_1"] {
        assert_eq!(place.store.pin_account(account).await.unwrap(), "acct_1");
    }
    assert_eq!(
        place.store.deployment().await.unwrap(),
        Some(pinned(Some("acct_1")))
    );
}

#[tokio::test]
async fn a_server_says_its_version_and_whether_it_can_be_written_to() {
    let place = Place::new().await;
    let server = place.store.server().await.unwrap();
    assert!(server.version >= 150_000 && !server.in_recovery && !server.read_only);
    place
        .sql(
            "do $$ begin
                 execute format('alter database %I set default_transaction_read_only = on', current_database());
             end $$",
        )
        .await;
    let later = one_connection(&place).await;
    assert!(later.server().await.unwrap().read_only);
}

/// What a pooler in transaction mode does that knows nothing of prepared statements.
#[tokio::test]
async fn lost_prepared_statements_are_told_with_what_to_do() {
    let place = Place::new().await;
    let store = one_connection(&place).await;
    store.server().await.unwrap();
    store.pin(false).await.unwrap();
    place
        .sql(
            "create function forget() returns trigger language plpgsql as
             $$ begin execute 'deallocate all'; return new; end $$;
             create trigger forget before update on deployment for each row execute function forget()",
        )
        .await;
    store.pin_account("acct_1").await.unwrap();
    let error = store.server().await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Schema(text) if text.contains("pgbouncer 1.21")),
        "{error}"
    );
}

async fn one_connection(place: &Place) -> Store {
    let settings = Settings {
        url: place.url().to_owned(),
        direct_url: None,
        max_connections: 1,
    };
    Store::connect(&settings).await.unwrap()
}
