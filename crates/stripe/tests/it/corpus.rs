//! Recorded payloads and signature vectors of third parties. They are never committed: `TOLLGATE_STRIPE_CORPUS` names
//! their folder (relative to the workspace), and without it these tests have nothing to read and pass.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tollgate_domain::object::{Kind, Object};
use tollgate_domain::time::Span;
use tollgate_stripe::signature::{Secrets, verify};
use tollgate_stripe::{envelope, event_object, object};

fn corpus() -> Option<PathBuf> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("TOLLGATE_STRIPE_CORPUS").map(|folder| workspace.join(folder));
    if folder.is_none() {
        eprintln!("TOLLGATE_STRIPE_CORPUS is not set: no recorded payloads are read");
    }
    folder
}

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn corpus_of_signatures_is_judged_as_stripes_libraries_do() {
    let Some(corpus) = corpus() else { return };
    let vectors = json(corpus.join("signatures/vectors.json"));
    for vector in vectors.as_array().unwrap() {
        let body = match vector["payload"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            // The only body that is not text, in base64: `{"id":"evt_x","object":"event","s":"\xff"}`.
            None => b"{\"id\":\"evt_x\",\"object\":\"event\",\"s\":\"\xff\"}".to_vec(),
        };
        let secrets = Secrets::new(vec![vector["secret"].as_str().unwrap().into()]).unwrap();
        let tolerance = Span::seconds(vector["tolerance"].as_i64().unwrap());
        let signed = verify(
            vector["header"].as_str(),
            &body,
            &secrets,
            vector["now"].as_i64().unwrap(),
            tolerance,
        );
        let name = vector["name"].as_str().unwrap();
        let read = envelope(&body);
        let accepted = signed.is_ok() && read.is_ok();
        match vector["expect"].as_str().unwrap() {
            "accept" => assert!(accepted, "{name}: {signed:?} {read:?}"),
            "reject" => assert!(!accepted, "{name}"),
            "parse-as-v2" => assert!(accepted && read.unwrap().thin, "{name}: {signed:?}"),
            // The libraries differ on times in the future; we refuse them.
            "sdk-dependent" => assert!(signed.is_err(), "{name}"),
            other => panic!("{name} expects {other}"),
        }
        if name == "non_utf8_body" {
            assert!(signed.is_ok(), "refused for its body, not for its signature");
        }
    }
}

#[test]
fn corpus_of_events_is_read_whatever_the_api_version() {
    let Some(corpus) = corpus() else { return };
    let mut kinds = BTreeMap::new();
    let mut files = 0;
    for entry in std::fs::read_dir(corpus.join("events")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        files += 1;
        let body = std::fs::read(&path).unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap();
        let name = path.display();
        let outside = envelope(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(Some(outside.id.as_str()), event["id"].as_str(), "{name}");
        assert_eq!(
            Some(outside.event_type.as_str()),
            event["type"].as_str(),
            "{name}"
        );
        let inside = event_object(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let known = outside.object_kind.as_deref().and_then(Kind::parse);
        let expected = known.is_some() && !outside.thin && outside.event_type != "invoice.upcoming";
        assert_eq!(inside.is_some(), expected, "{name}");
        let Some(object) = inside else { continue };
        assert_eq!(Some(object.id()), outside.object_id.as_deref(), "{name}");
        complete(&object, &name.to_string());
        *kinds.entry(object.kind()).or_insert(0) += 1;
    }
    assert!(
        files >= 60 && kinds.len() == Kind::ALL.len(),
        "{files} files, {kinds:?}"
    );
}

/// What every recorded object of the kind has, wherever its version puts it.
fn complete(object: &Object, name: &str) {
    match object {
        Object::Subscription(it) => {
            assert!(
                !it.items.is_empty() && !it.items_cut && it.created.unix() > 0,
                "{name}"
            );
            for item in &it.items {
                assert!(
                    item.period_end > item.period_start && item.period_start.unix() > 0,
                    "{name}: {item:?}"
                );
                assert!(
                    !item.price.id.is_empty() && !item.price.product.is_empty(),
                    "{name}: {item:?}"
                );
            }
        }
        Object::Invoice(it) => {
            assert!(
                it.stripe_customer.is_some() && !it.lines_cut && it.created.unix() > 0,
                "{name}"
            );
            for line in &it.lines {
                assert!(
                    line.period_start.unix() > 0 && line.period_end >= line.period_start,
                    "{name}: {line:?}"
                );
                assert!(
                    line.price.as_ref().is_some_and(|price| !price.product.is_empty()),
                    "{name}: {line:?}"
                );
            }
        }
        Object::CheckoutSession(it) => {
            assert!(it.payment_intent.is_some() || it.subscription.is_some(), "{name}");
            assert!(String::from(it.mode.clone()).len() > 4, "{name}");
        }
        Object::Charge(it) => assert!(it.payment_intent.is_some() && it.amount > 0, "{name}"),
        Object::Refund(it) => assert!(it.charge.is_some(), "{name}"),
        Object::Dispute(it) => assert!(
            it.charge.is_some() && !String::from(it.status.clone()).is_empty(),
            "{name}"
        ),
        Object::Customer(_) => {}
    }
}

#[test]
fn corpus_of_fixtures_is_read_as_fetched_objects() {
    let Some(corpus) = corpus() else { return };
    let fixtures = json(corpus.join("fixtures3.json"));
    for kind in Kind::ALL {
        let fixture = &fixtures["resources"][kind.as_str()];
        let object = object(fixture.to_string().as_bytes()).unwrap().unwrap();
        assert_eq!((object.kind(), Some(object.id())), (kind, fixture["id"].as_str()));
    }
}
