//! The program as somebody starts it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::Caller;

fn serve(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_stripe-simulator"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Where it says it is.
async fn address(child: &mut Child) -> String {
    let mut line = String::new();
    let out = child.stdout.as_mut().unwrap();
    BufReader::new(out).read_line(&mut line).await.unwrap();
    let address = line.trim().strip_prefix("Stripe simulator at ");
    address.unwrap_or_else(|| panic!("{line:?}")).to_owned()
}

fn scenario(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn the_program_says_where_it_is_and_how_an_sdk_gets_there() {
    let mut child = serve(&["--start", "1700000000"]);
    let address = address(&mut child).await;
    let stripe = Caller::of(&address);
    let account = stripe.send("GET", "/v1/account", "", &[]).await;
    assert!(account.header("date").starts_with("Tue, 14 Nov 2023"));
    child.kill().await.unwrap();
    let mut said = String::new();
    child
        .stderr
        .as_mut()
        .unwrap()
        .read_to_string(&mut said)
        .await
        .unwrap();
    for hint in [
        format!("base_addresses={{'api': '{address}'}}"),
        "protocol: 'http'".to_owned(),
        "sk_test_any".to_owned(),
    ] {
        assert!(said.contains(&hint), "{hint}: {said}");
    }
}

#[tokio::test]
async fn it_lets_in_as_many_requests_as_stripe_does_unless_told_otherwise() {
    for (limit, refused) in [("stripe", true), ("off", false)] {
        let mut child = serve(&["--rate-limit", limit]);
        let stripe = Caller::of(&address(&mut child).await);
        let mut statuses = Vec::new();
        for _ in 0..200 {
            statuses.push(stripe.send("GET", "/v1/account", "", &[]).await.status.as_u16());
        }
        assert_eq!(statuses.contains(&429), refused, "{limit}");
    }
}

#[tokio::test]
async fn a_scenario_goes_wrong_from_the_start_on() {
    let path = scenario(
        "failing.toml",
        "seed = 9\n[[request]]\nmethod = 'POST'\npath = '/v1/customers'\nrequests = 1\nstatus = 500\n",
    );
    let mut child = serve(&["--scenario", path.to_str().unwrap()]);
    let stripe = Caller::of(&address(&mut child).await);
    stripe
        .send("POST", "/v1/customers", "name=Ann", &[])
        .await
        .error(500);
    stripe.send("POST", "/v1/customers", "name=Ann", &[]).await.ok();
}

#[tokio::test]
async fn a_scenario_that_is_none_is_refused_by_its_line_with_a_suggestion() {
    let path = scenario("mistyped.toml", "[[request]]\nstauts = 500\n");
    let output = serve(&["--scenario", path.to_str().unwrap()])
        .wait_with_output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    for hint in ["mistyped.toml", "line 2", "did you mean `status`?"] {
        assert!(said.contains(hint), "{said}");
    }
}
