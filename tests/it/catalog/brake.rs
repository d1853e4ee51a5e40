//! A catalog that takes too much waits until somebody confirms it.

use tollgate::app;
use tollgate::pipeline::catalog::activate::Outcome;

use super::many;
use crate::support::process::{Place, output, tollgate};
use crate::support::{CATALOG, TestApp, activator, catalog};

#[tokio::test]
async fn a_catalog_that_takes_from_too_many_is_held_and_a_small_loss_is_not() {
    let app = TestApp::start().await;
    let (store, now) = (app.store(), app.store().now().await.unwrap());
    many(store, 19).await;
    let without_sso = CATALOG.replace("sso: true, ", "");
    let outcome = activator(store).activate(&without_sso, None, now).await.unwrap();
    assert!(matches!(outcome, Outcome::Active(_)), "19 are few: {outcome:?}");
    activator(store).activate(CATALOG, None, now).await.unwrap();
    many_more(store).await;
    let active = store.active().await.unwrap().unwrap();
    let Outcome::Held(held) = activator(store).activate(&without_sso, None, now).await.unwrap() else {
        panic!("25 of 25 would lose sso");
    };
    assert_eq!((held.summary.losing, held.summary.touched), (25, 25));
    assert_eq!(
        store.active().await.unwrap().unwrap(),
        active,
        "held means not active"
    );
    let holds = store.holds().await.unwrap();
    assert_eq!((holds.len(), holds[0].losing), (1, 25));
    // What gives, or takes nothing, passes; and nothing is held any more.
    let gives = CATALOG.replace("support: email", "support: priority");
    let outcome = activator(store).activate(&gives, None, now).await.unwrap();
    assert!(matches!(outcome, Outcome::Active(_)), "{outcome:?}");
    assert!(store.holds().await.unwrap().is_empty());
}

/// Up to 25: the first 19 have followed the catalog that is active again, or will have.
async fn many_more(store: &tollgate_store::Store) {
    crate::support::eventually("all have followed", async || {
        let now = store.reprojection().await.unwrap().unwrap();
        now.ended_revision.map(drop)
    })
    .await;
    super::rows(store, 19..25).await;
}

#[tokio::test]
async fn the_command_shows_who_loses_and_how_to_confirm_and_the_confirmation_is_written_down() {
    let place = Place::new().await;
    let _process = place.serve().await;
    many(&place.store, 30).await;
    let without_sso = catalog(&CATALOG.replace("sso: true, ", ""));
    let run = async |arguments: &[&str]| {
        let mut command = tollgate();
        command
            .env("TOLLGATE_DATABASE_URL", &place.database)
            .args(["catalog"])
            .args(arguments);
        output(&mut command).await
    };
    let file = without_sso.path().to_str().unwrap();
    let written = place.store.poll(0, 0).await.unwrap().0.head;
    let (code, text) = run(&["diff", file]).await;
    assert_eq!(code, Some(4), "{text}");
    assert!(
        text.contains("sso: 30 lose: many-0, many-1, many-10, …"),
        "{text}"
    );
    let (_, text) = run(&["diff", file, "--all"]).await;
    assert!(text.contains("many-29 lose sso: yes -> no"), "{text}");
    let (_, text) = run(&["diff", file, "--json"]).await;
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((lines.len(), &lines[30]["losing"]), (31, &30.into()));
    let (code, _) = run(&["diff", place.catalog.path().to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "the active one takes nothing");

    let head = place.store.poll(0, 0).await.unwrap().0.head;
    assert_eq!(head, written, "a dry run writes nothing");
    assert!(place.store.holds().await.unwrap().is_empty());

    let before = place.store.active().await.unwrap();
    let (code, text) = run(&["apply", file]).await;
    assert_eq!(code, Some(4), "{text}");
    assert_eq!(place.store.active().await.unwrap(), before);
    let hold = place.store.holds().await.unwrap().remove(0);
    let name = app::pair_name(&hold.hash, hold.projection);
    assert!(text.contains(&format!("--confirm {name}")), "{text}");
    let (code, text) = run(&["status"]).await;
    assert!(
        code == Some(0) && text.contains(&format!("held: {name}")),
        "{text}"
    );

    // Who applies the one that is active gives up the other; wanted again, it is held again.
    let (code, text) = run(&["apply", place.catalog.path().to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(place.store.holds().await.unwrap().is_empty());
    let (code, text) = run(&["apply", file]).await;
    assert_eq!(
        (code, place.store.holds().await.unwrap().len()),
        (Some(4), 1),
        "{text}"
    );

    // A process that starts with it serves, with the one before.
    let mut another = place
        .serve_with(|command| {
            command.env("TOLLGATE_CATALOG", file);
        })
        .await;
    another.signal(rustix::process::Signal::TERM);
    assert_eq!(another.ended().await.code(), Some(0));
    assert_eq!(place.store.active().await.unwrap(), before);

    let confirm = |name| {
        [
            "apply",
            file,
            "--confirm",
            name,
            "--actor",
            "ada",
            "--note",
            "sso is sold apart",
        ]
    };
    let (code, text) = run(&confirm("000000000000-1")).await;
    assert_eq!(code, Some(1), "{text}");
    let (code, text) = run(&confirm(&name)).await;
    assert_eq!(code, Some(0), "{text}");
    let active = place.store.active().await.unwrap().unwrap();
    assert_eq!(active.hash, hold.hash);
    let entry = place.store.audit(None, None, 1).await.unwrap().remove(0);
    assert_eq!(
        (entry.action.as_str(), entry.by.actor.as_str()),
        ("catalog_confirmed", "ada")
    );
    assert_eq!(entry.after.unwrap()["hash"], hold.hash);
}
