use super::*;

const GET: &str = "/tollgate.v1.BillingService/GetEntitlement";
const WATCH: &str = "/tollgate.v1.BillingService/WatchEntitlements";
const NOW: i64 = 1_000_000;

fn line(rest: &str) -> String {
    let digest: String = Sha256::digest("let-me-in")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("web=sha256:{digest} {rest}")
}

fn only(list: &str) -> Callers {
    Callers::only(entry::parse(list).unwrap(), None, || NOW)
}

fn with(authorization: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().unwrap())])
}

fn reason(outcome: Result<Caller, Failure>) -> ErrorReason {
    outcome.unwrap_err().reason()
}

#[test]
fn the_right_token_names_the_caller() {
    let callers = only(&line(""));
    for header in ["Bearer let-me-in", "bearer  let-me-in"] {
        let caller = callers.admit(GET, &with(header), None).unwrap();
        assert_eq!(caller.name().map(|name| &**name), Some("web"));
        assert!(!caller.has_ended());
    }
    let everybody = Callers::everybody().admit(GET, &HeaderMap::new(), None).unwrap();
    assert_eq!(everybody.name(), None);
}

#[test]
fn each_way_to_prove_nothing_has_its_own_answer_and_none_repeats_the_token() {
    let callers = only(&line(""));
    let mut texts = std::collections::HashSet::new();
    for (headers, wanted) in [
        (HeaderMap::new(), ErrorReason::TokenMissing),
        (with("Basic bGV0"), ErrorReason::TokenMissing),
        (with("Bearer let me in"), ErrorReason::TokenRefused),
        (with("Bearer let-me-inn"), ErrorReason::TokenRefused),
        (with("Bearer let.me.inn"), ErrorReason::TokenRefused),
    ] {
        let failure = callers.admit(GET, &headers, None).unwrap_err();
        assert_eq!(failure.reason(), wanted);
        assert!(!failure.message().contains("inn"));
        assert!(
            texts.insert(failure.message().to_owned()),
            "{}",
            failure.message()
        );
    }
    for empty in ["Bearer ", "Bearer", "x"] {
        assert_eq!(
            reason(callers.admit(GET, &with(empty), None)),
            ErrorReason::TokenMissing
        );
    }
}

#[test]
fn who_lacks_the_scope_is_told_which() {
    let callers = only(&line("read"));
    let token = with("Bearer let-me-in");
    assert!(callers.admit(GET, &token, None).is_ok());
    let refused = callers.admit(WATCH, &token, None).unwrap_err();
    assert_eq!(refused.reason(), ErrorReason::ScopeMissing);
    let text = refused.message();
    assert!(
        text.contains("`web`") && text.contains("`watch`") && text.contains("WatchEntitlements"),
        "{text}"
    );
}

#[test]
fn health_and_reflection_need_no_token_and_what_is_in_no_table_does_not_exist() {
    let callers = only(&line(""));
    for path in [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ] {
        assert!(callers.admit(path, &HeaderMap::new(), None).is_ok());
    }
    for path in [
        "/grpc.health.v2.Other/Check",
        "/tollgate.v1.BillingService/Other",
        "/tollgate.v1.BillingService/GetEntitlement/",
    ] {
        let refused = callers.admit(path, &with("Bearer let-me-in"), None);
        assert_eq!(reason(refused), ErrorReason::UnknownMethod, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_proves_whom_it_names_until_it_expires() {
    let callers = only("edge=cert:edge.svc");
    let mut peer = Peer {
        names: vec!["spiffe://x/edge".into(), "edge.svc".into()],
        expires: NOW + 60,
        withdrawn: CancellationToken::new(),
    };
    let caller = callers.admit(GET, &HeaderMap::new(), Some(&peer)).unwrap();
    let admitted = Instant::now();
    caller.ended().await;
    assert_eq!(admitted.elapsed().as_secs(), 60);
    assert!(caller.has_ended());
    let token_first = callers.admit(GET, &with("Bearer nobodys"), Some(&peer));
    assert_eq!(reason(token_first), ErrorReason::TokenRefused);
    peer.expires = NOW;
    assert_eq!(
        reason(callers.admit(GET, &HeaderMap::new(), Some(&peer))),
        ErrorReason::TokenExpired
    );
    peer.names.pop();
    let stranger = callers.admit(GET, &HeaderMap::new(), Some(&peer)).unwrap_err();
    assert!(stranger.message().contains("cert:spiffe://x/edge"));
}

#[tokio::test]
async fn who_is_not_in_the_new_list_as_before_has_ended() {
    let callers = only(&format!("{}\nedge=cert:edge.svc", line("")));
    let token = with("Bearer let-me-in");
    let before = callers.admit(GET, &token, None).unwrap();
    callers.replace(entry::parse(&line("checkout read watch")).unwrap());
    assert!(!before.has_ended(), "the same scopes in other words");
    callers.replace(entry::parse(&line("read")).unwrap());
    before.ended().await;
    assert!(before.has_ended());
    let after = callers.admit(GET, &token, None).unwrap();
    assert!(!after.has_ended());
    callers.replace(vec![]);
    assert!(after.has_ended());
    assert_eq!(
        reason(callers.admit(GET, &token, None)),
        ErrorReason::TokenRefused
    );
}

#[test]
fn a_list_without_a_caller_is_none_and_locks_nobody_out() {
    for list in ["", "# being edited\n", " , \n"] {
        let refused = entry::parse(list).unwrap_err().to_string();
        assert!(refused.contains("no caller at all"), "{refused}");
    }
}
