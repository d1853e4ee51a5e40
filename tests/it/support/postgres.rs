//! One Postgres for all tests of this process, a database for each.

use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use embedded_postgres::Server;

/// `TOLLGATE_TEST_DATABASE_URL` wins; else one of our own, which ends with this process.
static SERVER: LazyLock<(Option<Server>, String)> = LazyLock::new(|| {
    if let Ok(url) = std::env::var("TOLLGATE_TEST_DATABASE_URL") {
        return (None, url);
    }
    let server = own();
    let url = server.url().to_owned();
    (Some(server), url)
});

/// The URL of a new, empty database.
pub async fn database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = tokio::task::spawn_blocking(|| SERVER.1.clone()).await.unwrap();
    let name = format!(
        "test_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    execute(&server, &format!("create database {name}")).await;
    let (front, _) = server.rsplit_once('/').unwrap();
    format!("{front}/{name}")
}

/// Of a database on the server of [`database`], where that is reached through a pooler: Postgres's own address, which
/// `TOLLGATE_TEST_DATABASE_DIRECT_URL` gives.
pub fn direct(url: &str) -> Option<String> {
    let server = std::env::var("TOLLGATE_TEST_DATABASE_DIRECT_URL").ok()?;
    let (of_pooler, name) = (SERVER.1.rsplit_once('/')?.0, url.rsplit_once('/')?);
    let (front, _) = server.rsplit_once('/')?;
    (name.0 == of_pooler).then(|| format!("{front}/{}", name.1))
}

/// Runs SQL on a connection of its own, around a pooler.
pub async fn execute(url: &str, sql: &str) {
    let direct = direct(url);
    let url = direct.as_deref().unwrap_or(url);
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(url)
        .await
        .unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
}

/// A server that no other test uses, to be stopped in the midst.
pub fn own() -> Server {
    let mut supervisor = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    supervisor.arg("postgres-supervisor");
    Server::start_blocking(supervisor).expect("a Postgres for the tests")
}
