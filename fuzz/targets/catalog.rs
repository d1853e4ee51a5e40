//! The catalog's YAML: either all of it is sound, or every fault has its line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use tollgate_domain::catalog::{Catalog, FeatureType, Grant, Value, parse};
use tollgate_domain::object::PriceRef;
use tollgate_domain::time::Span;

fuzz_target!(|yaml: &str| {
    let read = parse(yaml);
    match &read {
        Ok(catalog) => {
            assert!(!yaml.contains('\0'), "Postgres cannot store it");
            check(catalog);
        }
        Err(faults) => {
            // A lone CR ends a line too.
            let lines = yaml.replace("\r\n", "\n").split(['\n', '\r']).count() as u64;
            assert!(!faults.is_empty(), "refused without a word");
            assert!(faults.is_sorted_by_key(|fault| fault.line));
            for fault in faults {
                assert!((1..=lines).contains(&fault.line), "of {lines} lines: {fault}");
                assert!(!fault.message.trim().is_empty(), "{fault}");
            }
        }
    }
    assert_eq!(parse(yaml), read);
});

fn check(catalog: &Catalog) {
    let stored = serde_json::to_string(catalog).unwrap();
    assert_eq!(&serde_json::from_str::<Catalog>(&stored).unwrap(), catalog);
    assert!(
        !stored.contains("\\u0000"),
        "values reach schedules, and Postgres cannot store it: {stored}"
    );

    for (feature, kind) in &catalog.features {
        let answer = catalog
            .default_answer(feature)
            .expect("every feature has an answer");
        assert!(
            fits(kind, &answer.value) || answer.value == kind.nothing(),
            "{feature}: {answer:?}"
        );
        assert!(!kind.nothing().grants());
        if let FeatureType::Enum { order } = kind {
            assert!(
                !order.is_empty() && order.iter().all(|word| !word.is_empty()),
                "the empty word is no option"
            );
        }
    }
    for (feature, value) in &catalog.defaults {
        assert!(fits(&catalog.features[feature], value), "{feature}: {value:?}");
    }
    let mut taken = BTreeSet::new();
    for (id, plan) in &catalog.plans {
        for (feature, grant) in &plan.grants {
            let kind = &catalog.features[feature];
            let good = match grant {
                Grant::Value(value) => fits(kind, value),
                Grant::PerUnit(_) => matches!(kind, FeatureType::Limit { .. }),
            };
            assert!(good, "{id}, {feature}: {grant:?}");
            _ = kind.combine(grant.value(u64::MAX), grant.value(1));
        }
        for span in [Some(plan.grace), plan.duration].into_iter().flatten() {
            assert!(
                (Span::ZERO..=Span::days(36_500)).contains(&span),
                "{id}: {span:?}"
            );
        }
        let names = [
            ("product", &plan.matches.product),
            ("price", &plan.matches.price),
            ("key", &plan.matches.lookup_key),
        ];
        let mut own = BTreeSet::new();
        for (kind, name) in names
            .iter()
            .flat_map(|(kind, names)| names.iter().map(move |name| (*kind, name)))
        {
            // What names no price or product is read as the empty name: it must not be in any plan.
            assert!(!name.trim().is_empty(), "{id} is held by whatever has no {kind}");
            own.insert((kind, name));
            let nothing = "\0 no such";
            let price = PriceRef {
                id: if kind == "price" { name } else { nothing }.to_owned(),
                product: if kind == "product" { name } else { nothing }.to_owned(),
                lookup_key: (kind == "key").then(|| name.clone()),
            };
            assert_eq!(
                catalog.plan_of(&price),
                Some(id),
                "two plans match {kind} {name:?}"
            );
        }
        assert!(!own.is_empty(), "nobody can hold {id}");
        for name in own {
            assert!(taken.insert(name), "{name:?} is matched twice");
        }
    }
}

fn fits(kind: &FeatureType, value: &Value) -> bool {
    match (kind, value) {
        (FeatureType::Boolean, Value::Enabled(_))
        | (FeatureType::Limit { .. }, Value::Limit(_))
        | (FeatureType::String, Value::Text(_)) => true,
        (FeatureType::Enum { order }, Value::Option(word)) => order.contains(word),
        _ => false,
    }
}
