use super::*;

const GOOD: &str = "
features:
  sso:     {type: boolean}
  seats:   {type: limit, combine: sum}
  support: {type: enum, order: [community, email, priority]}
  motto:   {type: string}
defaults: {seats: 1, support: community}
plans:
  team:
    match: {lookup_key: [team_monthly, team_yearly]}
    grants: {sso: true, seats: {per_unit: 1}, support: email, motto: go}
    grace: 7d
  report:
    match: {price: price_1Nabc}
    grants: {support: priority, seats: unlimited}
    duration: 30d
    while_processing: grant
";

fn plan(name: &str) -> PlanId {
    PlanId::parse(name).unwrap()
}

fn feature(name: &str) -> FeatureId {
    FeatureId::parse(name).unwrap()
}

fn price(id: &str, lookup_key: Option<&str>, product: &str) -> PriceRef {
    PriceRef {
        id: id.into(),
        product: product.into(),
        lookup_key: lookup_key.map(str::to_owned),
    }
}

/// The faults of the good catalog with one text replaced by another.
fn faults(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let faults = parse(&GOOD.replacen(from, to, 1)).expect_err(to);
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_catalog_of_the_handbook_is_read() {
    let catalog = parse(GOOD).unwrap();
    let team = &catalog.plans[&plan("team")];
    assert_eq!(team.grace, Span::days(7));
    assert_eq!(team.grants[&feature("seats")], Grant::PerUnit(1));
    assert_eq!(
        team.grants[&feature("support")],
        Grant::Value(Value::Option("email".into()))
    );
    let report = &catalog.plans[&plan("report")];
    assert_eq!(
        (report.grace, report.duration),
        (DEFAULT_GRACE, Some(Span::days(30)))
    );
    assert_eq!(report.policies.while_processing, Some(true));
    assert_eq!(team.policies, Policies::default());
    assert_eq!(report.grants[&feature("seats")], Grant::Value(Value::Limit(None)));
    assert_eq!(
        catalog.features[&feature("seats")],
        FeatureType::Limit {
            combine: Combine::Sum
        }
    );
}

#[test]
fn a_plan_says_what_refunds_disputes_and_deletions_make_of_it() {
    let said = "while_processing: grant\n    refunds: {purchases: partial}\n    disputes: keep\n    \
                paid_through: false\n    deleted_customer: end";
    let catalog = parse(&GOOD.replacen("while_processing: grant", said, 1)).unwrap();
    let expected = Policies {
        while_processing: Some(true),
        refunds: Refunds {
            purchases: Refund::Partial,
            subscriptions: Refund::None,
        },
        disputes: Disputes::Keep,
        paid_through: false,
        deleted_customer: DeletedCustomer::End,
    };
    assert_eq!(catalog.plans[&plan("report")].policies, expected);
}

#[test]
fn a_policy_that_is_none_is_told_what_fits() {
    for (said, fault) in [
        (
            "disputes: suspnd",
            "`disputes` takes suspend or keep or ignore; did you mean `suspend`?",
        ),
        (
            "refunds: {purchases: ful}",
            "`purchases` takes none or partial or full; did you mean `full`?",
        ),
        (
            "refunds: full",
            "`refunds` takes a map: `name: value` under it, indented",
        ),
        (
            "refunds: {purchase: full}",
            "`refunds` has no `purchase`; did you mean `purchases`? (there are purchases, subscriptions)",
        ),
        ("paid_through: never", "`paid_through` takes true or false"),
        (
            "deleted_customer: kep",
            "`deleted_customer` takes keep or end; did you mean `keep`?",
        ),
    ] {
        assert_eq!(faults("grace: 7d", said), [format!("line 12: {fault}")]);
    }
    assert_eq!(
        faults(
            "sso:     {type: boolean}",
            "sso:     {type: boolean, combine: sum}"
        ),
        ["line 3: feature `sso`: only a limit has a `combine`"]
    );
    assert_eq!(
        faults("duration: 30d", "duration: 0d"),
        ["line 16: a purchase that lasts no time gives nothing; leave `duration` out for ever"]
    );
    assert_eq!(
        faults(
            "[community, email, priority]",
            "[community, email, priority, email]"
        )[0],
        "line 5: feature `support`: its `order` has a word twice"
    );
}

#[test]
fn whom_nothing_touches_has_the_default_or_nothing() {
    let catalog = parse(GOOD).unwrap();
    let answer = |name| {
        catalog
            .default_answer(&feature(name))
            .map(|answer| (answer.reason, answer.value))
    };
    assert_eq!(answer("seats"), Some((Reason::Default, Value::Limit(Some(1)))));
    assert_eq!(answer("sso"), Some((Reason::NoPlan, Value::Enabled(false))));
    assert_eq!(answer("unknown"), None);
}

#[test]
fn a_price_id_is_more_exact_than_a_lookup_key_and_that_than_a_product() {
    let catalog = parse(
        "features: {sso: {type: boolean}}\n\
         plans:\n\
         \x20 a: {match: {product: prod_1}, grants: {sso: true}}\n\
         \x20 b: {match: {lookup_key: key}, grants: {sso: true}}\n\
         \x20 c: {match: {price: price_1}, grants: {sso: true}}\n",
    )
    .unwrap();
    let found = |price: PriceRef| catalog.plan_of(&price).map(PlanId::as_str);
    assert_eq!(found(price("price_1", Some("key"), "prod_1")), Some("c"));
    assert_eq!(found(price("price_2", Some("key"), "prod_1")), Some("b"));
    assert_eq!(found(price("price_2", None, "prod_1")), Some("a"));
    assert_eq!(found(price("price_2", None, "prod_2")), None);
}

#[test]
fn an_unknown_feature_is_named_with_its_line_and_the_likely_one() {
    assert_eq!(
        faults("sso: true", "ssso: true"),
        ["line 11: unknown feature `ssso`; did you mean `sso`?"]
    );
    assert_eq!(
        faults("{seats: 1", "{seat: 1"),
        ["line 7: unknown feature `seat`; did you mean `seats`?"]
    );
}

#[test]
fn an_unknown_option_or_type_is_named_with_the_likely_one() {
    assert_eq!(
        faults("support: email", "support: emial"),
        ["line 11: `support` has no option `emial`; did you mean `email`?"]
    );
    assert_eq!(
        faults("type: boolean", "type: bolean"),
        [
            "line 3: feature `sso`: unknown type `bolean`; did you mean `boolean`?",
            "line 11: unknown feature `sso`",
        ]
    );
}

#[test]
fn a_value_of_the_wrong_type_is_told_what_fits() {
    assert_eq!(
        faults("sso: true", "sso: 3"),
        ["line 11: `sso` takes true or false"]
    );
    assert_eq!(
        faults("seats: 1,", "seats: {per_unit: 1},"),
        ["line 7: `seats` takes a number or `unlimited`"]
    );
}

#[test]
fn a_span_that_is_none_is_told_how_to_write_one() {
    assert_eq!(
        faults("grace: 7d", "grace: a week"),
        ["line 12: `a week` is no span; write 14d, 12h or 30m"]
    );
}

#[test]
fn an_unknown_key_names_its_line() {
    let found = faults("grace: 7d", "graze: 7d");
    assert!(
        found[0].starts_with("line 12: ") && found[0].contains("graze"),
        "{found:?}"
    );
}

#[test]
fn every_key_that_is_none_and_every_one_that_lacks_is_named_at_once() {
    let broken = GOOD
        .replace("combine: sum", "combine: smu")
        .replace("grace: 7d", "graze: 7d")
        .replace("match: {price", "match: {prize")
        .replace("while_processing: grant", "while_procesing: grant")
        .replace("defaults:", "default:");
    let found: Vec<String> = parse(&broken)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    let says = [
        "line 4: `combine` takes max or sum; did you mean `sum`?",
        "line 7: the catalog has no `default`; did you mean `defaults`?",
        "line 12: `team` has no `graze`; did you mean `grace`?",
        "line 14: `match` has no `prize`; did you mean `price`?",
        "line 17: `report` has no `while_procesing`; did you mean `while_processing`?",
    ];
    assert_eq!(found.len(), says.len(), "{found:#?}");
    for (found, says) in found.iter().zip(says) {
        assert!(found.starts_with(says), "{found}");
    }
    let empty = parse("features: {sso: {typ: boolean}}\nplans: {team: {}, other: 3}").unwrap_err();
    let text = format!("{empty:?}");
    for says in [
        "`sso` needs `type:`",
        "did you mean `type`",
        "`team` needs `match:`",
        "`team` needs `grants:`",
        "`other` takes a map",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn a_plan_that_matches_nothing_is_refused() {
    let found = faults("{price: price_1Nabc}", "{}");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("line 14: ") || found[0].starts_with("line 13: "),
        "{found:?}"
    );
}

#[test]
fn all_faults_come_at_once_in_the_order_of_their_lines() {
    let broken = GOOD
        .replace("sso: true", "ssso: true")
        .replace("{seats: 1", "{seat: 1");
    let lines: Vec<u64> = parse(&broken)
        .unwrap_err()
        .iter()
        .map(|fault| fault.line)
        .collect();
    assert_eq!(lines, [7, 11]);
}

#[test]
fn what_is_no_yaml_names_a_line() {
    for broken in [
        "features: [",
        "",
        "features:\n\tsso: 1\n",
        "[]",
        "features: {sso: {type: boolean}}\nplans: 3\n",
    ] {
        let faults = parse(broken).expect_err(broken);
        assert!(
            faults
                .iter()
                .all(|fault| fault.line >= 1 && !fault.message.is_empty()),
            "{faults:?}"
        );
    }
}

#[test]
fn one_price_in_two_plans_is_refused() {
    let found = faults(
        "{price: price_1Nabc}",
        "{price: price_1Nabc, lookup_key: team_yearly}",
    );
    assert_eq!(
        found,
        ["line 10: lookup_key `team_yearly` is matched by plan `report` too"]
    );
}

#[test]
fn empty_names_and_words_that_nobody_can_hold_are_refused() {
    for (from, to, wrong) in [
        (
            "match: {price: price_1Nabc}",
            "match: {product: ''}",
            "an empty product would be held by whoever has none",
        ),
        ("order: [community,", "order: ['', community,", "support"),
        ("motto: go", "motto: \"g\\0o\"", "holds a NUL"),
    ] {
        let faults = faults(from, to).join("\n");
        assert!(faults.contains(wrong), "{faults}");
    }
}
