//! The service as a process of its own, for signals and crashes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use bytes::Bytes;
use http_body_util::Full;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use tollgate::app;
use tollgate_store::Store;

use super::http::Http;
use super::{CATALOG, PATIENCE, SECRET, catalog, config, logs, migrate, postgres, simulator};

/// `tollgate` with nothing of our environment that could be a setting.
pub fn tollgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TOLLGATE_") {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// What a command that ends says.
pub async fn output(command: &mut Command) -> (Option<i32>, String) {
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let Output {
        status,
        stdout,
        stderr,
    } = tokio::time::timeout(PATIENCE, run)
        .await
        .expect("it ends")
        .unwrap();
    (
        status.code(),
        format!(
            "{}{}",
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        ),
    )
}

/// What several processes share.
pub struct Place {
    pub database: String,
    pub simulator: stripe_simulator::Running,
    pub catalog: tempfile::NamedTempFile,
    pub store: Store,
}

impl Place {
    pub async fn new() -> Place {
        Place::with(postgres::database().await).await
    }

    /// On an empty database.
    pub async fn with(database: String) -> Place {
        let simulator = simulator().await;
        let catalog = catalog(CATALOG);
        let config = config(&database, &simulator.base_url(), catalog.path());
        migrate(&config).await;
        let store = Store::connect(&app::store_settings(&config).unwrap())
            .await
            .unwrap();
        Place {
            database,
            simulator,
            catalog,
            store,
        }
    }

    /// Does what no real Stripe can be told to do.
    pub async fn control(&self, what: &str, body: serde_json::Value) {
        self.tell(http::Method::POST, what, body).await;
    }

    /// Takes every adversity back.
    pub async fn calm(&self) {
        self.tell(http::Method::DELETE, "adversity", serde_json::json!({}))
            .await;
    }

    async fn tell(&self, method: http::Method, what: &str, body: serde_json::Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/_simulator/{what}", self.simulator.base_url()))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let answer = Http::new().send(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.body());
    }

    pub async fn serve(&self) -> Process {
        Process::serve(&self.database, &self.simulator.base_url(), self.catalog.path()).await
    }

    /// With other settings than the usual ones.
    pub async fn serve_with(&self, change: impl FnOnce(&mut Command)) -> Process {
        let (database, stripe) = (&self.database, &self.simulator.base_url());
        Process::serve_with(database, stripe, self.catalog.path(), change).await
    }
}

/// `tollgate serve`, with its addresses as it prints them.
pub struct Process {
    child: Child,
    pub grpc: SocketAddr,
    pub webhook: SocketAddr,
    pub ops: SocketAddr,
    /// What it logs.
    pub log: PathBuf,
}

impl Process {
    pub async fn serve(database_url: &str, stripe_url: &str, catalog: &Path) -> Process {
        Process::serve_with(database_url, stripe_url, catalog, |_| {}).await
    }

    /// With other settings than the usual ones.
    pub async fn serve_with(
        database_url: &str,
        stripe_url: &str,
        catalog: &Path,
        change: impl FnOnce(&mut Command),
    ) -> Process {
        let mut command = Process::command(database_url, stripe_url, catalog);
        command.arg("--insecure-no-auth");
        change(&mut command);
        Process::start(command).await
    }

    /// `tollgate serve`; who may call is still to be said.
    pub fn command(database_url: &str, stripe_url: &str, catalog: &Path) -> Command {
        let mut command = tollgate();
        command
            .arg("serve")
            .env("TOLLGATE_DATABASE_URL", database_url)
            .env("TOLLGATE_STRIPE_SECRET_KEY", "sk_test_simulator")
            .env("TOLLGATE_STRIPE_BASE_URL", stripe_url)
            .env("TOLLGATE_STRIPE_REQUESTS_PER_SECOND", "1000")
            .env("TOLLGATE_STRIPE_WEBHOOK_SECRETS", SECRET)
            .env("TOLLGATE_CATALOG", catalog)
            .env("TOLLGATE_GRPC_LISTEN", "127.0.0.1:0")
            .env("TOLLGATE_WEBHOOK_LISTEN", "127.0.0.1:0")
            .env("TOLLGATE_OPS_LISTEN", "127.0.0.1:0")
            .env("TOLLGATE_DRAIN_DELAY", "200ms")
            .env("TOLLGATE_CONFIRM_AFTER", "1s")
            .env("TOLLGATE_RECONCILE_EVENTS_INTERVAL", "0s")
            .env("TOLLGATE_RECONCILE_WALK_INTERVAL", "0s")
            .env(
                "TOLLGATE_LOG",
                "info,tollgate=debug,tollgate_store=debug,tollgate_stripe=debug",
            );
        if let Some(direct) = postgres::direct(database_url) {
            command.env("TOLLGATE_DATABASE_DIRECT_URL", direct);
        }
        command
    }

    /// Returns when it is ready.
    pub async fn start(mut command: Command) -> Process {
        let (log, file) = logs::of_process();
        let mut child = command.stdout(Stdio::piped()).stderr(file).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut addresses = vec![];
        let wait = async {
            // `grpc 127.0.0.1:1`, `webhook …`, `ops …`, then `ready`.
            while let Some(line) = lines.next_line().await.unwrap() {
                match line.split_once(' ') {
                    Some((name @ ("grpc" | "webhook" | "ops"), address)) => {
                        addresses.push((name.to_owned(), address.parse::<SocketAddr>().unwrap()));
                    }
                    _ if line == "ready" => return,
                    _ => {}
                }
            }
            panic!("the service ended before it was ready: see {}", log.display());
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("ready in time");
        let of = |wanted: &str| addresses.iter().find(|(name, _)| name == wanted).unwrap().1;
        Process {
            grpc: of("grpc"),
            webhook: of("webhook"),
            ops: of("ops"),
            log,
            child,
        }
    }

    pub fn webhook_url(&self) -> String {
        format!("http://{}/webhooks/stripe", self.webhook)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id().expect("it runs")).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// All series that it shows, and their values.
    pub async fn series(&self) -> BTreeMap<String, f64> {
        let page = Http::new().get(&format!("http://{}/metrics", self.ops)).await;
        let lines = page.body().lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect()
    }

    /// Of one series; 0 where there is none yet.
    pub async fn metric(&self, series: &str) -> f64 {
        self.series().await.get(series).copied().unwrap_or_default()
    }

    /// In bytes, as the system counts what is in memory.
    pub fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        resident.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// If it has ended already.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("it ends")
            .unwrap()
    }
}
