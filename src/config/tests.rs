use std::ffi::OsString;

use super::*;

fn from(toml: &str) -> Result<Config, ConfigError> {
    with(toml, &[])
}

fn with(toml: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    origin::merge(vec![
        origin::file(Path::new("x.toml"), toml)?,
        origin::environment(variables)?,
    ])
}

fn refused(toml: &str, variables: &[(&str, &str)]) -> String {
    with(toml, variables).unwrap_err().to_string()
}

fn secret_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn an_unknown_setting_is_refused_with_the_closest_known_one() {
    let text = refused("catalogue = 'x.yaml'", &[]);
    assert!(
        text.contains("`catalogue` (from x.toml)") && text.contains("did you mean `catalog`?"),
        "{text}"
    );
    let text = refused("", &[("TOLLGATE_DATABASE_URLS", "x")]);
    assert!(text.contains("did you mean TOLLGATE_DATABASE_URL?"), "{text}");
    let text = refused("", &[("TOLLGATE_CATALOG_FILE", "x")]);
    assert!(text.contains("unknown setting TOLLGATE_CATALOG_FILE"), "{text}");
}

#[test]
fn the_environment_beats_the_file_and_both_are_named_as_origins() {
    let config = with(
        "deployment = 'staging'\nlog = 'debug'",
        &[("TOLLGATE_LOG", "warn"), ("OTHER", "x")],
    )
    .unwrap();
    assert_eq!(
        (config.deployment.as_str(), config.log.as_str()),
        ("staging", "warn")
    );
    let text = config.effective(false);
    for line in [
        "deployment = \"staging\"  # x.toml",
        "log = \"warn\"  # TOLLGATE_LOG",
        "drain_delay = \"5s\"  # default",
        "# catalog is not set",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
}

#[test]
fn an_empty_variable_is_as_if_it_were_not_there() {
    let config = with("catalog = 'x.yaml'", &[("TOLLGATE_CATALOG", "")]).unwrap();
    assert_eq!(config.catalog.unwrap().to_str(), Some("x.yaml"));
}

#[test]
fn lists_come_from_commas_and_lines_and_spans_from_words() {
    let config = from("stripe_webhook_secrets = 'whsec_a, whsec_b'\ndrain_delay = '250ms'").unwrap();
    assert_eq!(config.stripe_webhook_secrets.len(), 2);
    assert_eq!(config.drain_delay, Span(250_000));
    let config = with(
        "",
        &[(
            "TOLLGATE_RETURN_URLS",
            "# shops\nhttps://a/#/back # the first\n\nhttps://b",
        )],
    )
    .unwrap();
    assert_eq!(config.return_urls, ["https://a/#/back", "https://b"]);
    assert!(refused("drain_delay = 'soon'", &[]).contains("`drain_delay` (from x.toml) must be a span"));
    assert!(refused("", &[("TOLLGATE_DRAIN_DELAY", "5")]).contains("TOLLGATE_DRAIN_DELAY"));
}

#[test]
fn text_of_digits_stays_as_it_is_written() {
    assert_eq!(
        with("", &[("TOLLGATE_DEPLOYMENT", "007")]).unwrap().deployment,
        "007"
    );
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let text = refused(
        "drain_delay = 'soon'\nbogus = 1\ndatabase_connections = 'many'",
        &[],
    );
    for name in ["drain_delay", "bogus", "database_connections"] {
        assert!(text.contains(name), "{text}");
    }
    let text = Config::default().check().unwrap_err().to_string();
    for name in [
        "DATABASE_URL",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRETS",
        "CALLERS",
    ] {
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn an_empty_webhook_secret_is_refused() {
    for toml in [
        "stripe_webhook_secrets = ['whsec_a', ' ']",
        "stripe_webhook_secrets = ','",
    ] {
        let text = from(toml).unwrap().check().unwrap_err().to_string();
        assert!(text.contains("STRIPE_WEBHOOK_SECRETS is empty"), "{text}");
    }
}

#[test]
fn no_secret_is_printed() {
    let config = from(
        "stripe_secret_key = 'sk_test_hidden'\ndatabase_url = 'postgres://u:hidden@h/d'\ncallers = 'hidden'",
    );
    let config = config.unwrap();
    let text = format!("{config:?}{}", config.effective(false));
    assert!(
        !text.contains("hidden") && text.contains("stripe_secret_key = \"(redacted)\""),
        "{text}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_not_quoted() {
    let text = refused("log = 'info'\nstripe_secret_key = sk_live_hidden", &[]);
    assert!(text.contains("line 2") && !text.contains("hidden"), "{text}");
}

#[test]
fn a_secret_may_be_in_a_file_of_its_own_and_is_read_again() {
    let file = secret_file("sk_test_one\n");
    let toml = format!("stripe_secret_key_file = {:?}", file.path());
    let config = from(&toml).unwrap();
    assert_eq!(config.stripe_secret_key.as_ref().unwrap().expose(), "sk_test_one");
    std::fs::write(file.path(), "sk_test_two").unwrap();
    let (read, wrong) = config.reread();
    assert_eq!(read.stripe_secret_key.unwrap().expose(), "sk_test_two");
    assert!(wrong.is_empty());
    std::fs::write(file.path(), "").unwrap();
    let (read, wrong) = config.reread();
    assert_eq!(
        read.stripe_secret_key.unwrap().expose(),
        "sk_test_one",
        "what was, stays"
    );
    assert!(wrong[0].1.to_string().contains("is empty"));
}

#[test]
fn a_secret_and_its_file_cannot_both_be_given_but_one_layer_beats_the_other() {
    let file = secret_file("sk_test_file");
    let path = file.path().to_str().unwrap();
    let text = refused(
        "",
        &[
            ("TOLLGATE_STRIPE_SECRET_KEY", "sk_test_a"),
            ("TOLLGATE_STRIPE_SECRET_KEY_FILE", path),
        ],
    );
    assert!(text.contains("only one can hold"), "{text}");
    let config = with(
        "stripe_secret_key = 'sk_test_toml'",
        &[("TOLLGATE_STRIPE_SECRET_KEY_FILE", path)],
    );
    assert_eq!(
        config.unwrap().stripe_secret_key.unwrap().expose(),
        "sk_test_file"
    );
    let toml = format!("stripe_secret_key_file = {path:?}");
    let config = with(&toml, &[("TOLLGATE_STRIPE_SECRET_KEY", "sk_test_variable")]).unwrap();
    assert_eq!(
        config.stripe_secret_key.as_ref().unwrap().expose(),
        "sk_test_variable"
    );
    assert_eq!(config.reread().0.stripe_secret_key, config.stripe_secret_key);
}

#[test]
fn a_secret_file_that_is_not_there_is_named_with_who_named_it() {
    let text = refused("", &[("TOLLGATE_CALLERS_FILE", "/nowhere/callers")]);
    assert!(
        text.contains("/nowhere/callers") && text.contains("TOLLGATE_CALLERS_FILE"),
        "{text}"
    );
}

#[test]
fn everybody_may_call_on_loopback_only() {
    let text = from("insecure_no_auth = true")
        .unwrap()
        .check()
        .unwrap_err()
        .to_string();
    assert!(text.contains("loopback"), "{text}");
}

#[test]
fn what_kubernetes_says_of_a_service_of_our_name_is_no_setting() {
    let links = [
        ("TOLLGATE_PORT", "tcp://10.0.0.1:50051"),
        ("TOLLGATE_PORT_50051_TCP_ADDR", "10.0.0.1"),
        ("TOLLGATE_SERVICE_HOST", "10.0.0.1"),
        ("TOLLGATE_SERVICE_PORT_GRPC", "50051"),
    ];
    assert!(with("", &links).unwrap().origins.is_empty());
    assert!(refused("", &[("TOLLGATE_PORT", "50051")]).contains("unknown setting TOLLGATE_PORT"));
}

#[test]
fn values_with_which_nothing_would_work_are_refused() {
    for toml in [
        "database_connections = 0",
        "checkpoint_interval = '0s'",
        "reload_interval = '0s'",
        "stripe_deadline = '0s'",
        "webhook_body_limit = 0",
        "stripe_account = 'xx'",
        "max_connections = 0",
        "idle_timeout = '0s'",
        "deployment = 'my shop'",
        "deployment = ''",
        "catalog_generation = -1",
        "brake_percent = 101",
        "otlp_endpoint = 'http://user:password@collector:4317'",
        "stripe_base_url = 'https://user@stripe.example'",
    ] {
        let name = toml.split(' ').next().unwrap().to_uppercase();
        let text = from(toml).unwrap().check().unwrap_err().to_string();
        assert!(text.contains(&name), "{toml}: {text}");
    }
}
