//! Where everything is kept.

use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Server, Store, StoreError};

use super::Report;
use crate::app;
use crate::config::Config;

const OLDEST: i32 = 150_000;

/// A replica's clock may be so far from the database's: the service goes by the database's.
const SKEW: Span = Span::seconds(5);

/// `None`: there is no database of ours.
pub async fn check(report: &mut Report<'_>, config: &Config) -> Option<Store> {
    // What is wrong with the setting was told.
    let settings = app::store_settings(config).ok()?;
    let store = match Store::connect(&settings).await {
        Ok(store) => store,
        Err(error) => {
            let text = error.to_string();
            // What Postgres says may have one of its own.
            let (text, mend) = text
                .rsplit_once("; ")
                .unwrap_or((&text, "mend TOLLGATE_DATABASE_URL"));
            report.fail("database", text, mend);
            return None;
        }
    };
    let server = match store.server().await {
        Ok(server) => server,
        Err(error) => {
            report.fail(
                "database",
                error.to_string(),
                "look at Postgres's log, then try again",
            );
            store.close().await;
            return None;
        }
    };
    describe(report, &server);
    clock(report, &server);
    schema(report, &store).await.then_some(store)
}

fn describe(report: &mut Report<'_>, server: &Server) {
    let version = format!(
        "PostgreSQL {}.{}",
        server.version / 10_000,
        server.version % 10_000
    );
    if server.version < OLDEST {
        report.fail(
            "database",
            version,
            "Tollgate needs PostgreSQL 15 or newer: upgrade it",
        );
    } else if server.in_recovery {
        report.fail(
            "database",
            format!("{version} is a standby and cannot be written to"),
            "name the primary in TOLLGATE_DATABASE_URL, or promote this one",
        );
    } else if server.read_only {
        report.fail(
            "database",
            format!("{version} is read-only"),
            "take default_transaction_read_only back, for this database and this user",
        );
    } else {
        report.ok("database", version);
    }
}

fn clock(report: &mut Report<'_>, server: &Server) {
    let ahead = server.now - Timestamp::from_unix(app::unix_now());
    if ahead.0.abs() > SKEW.0 + Span::seconds(1).0 {
        let seconds = ahead.0 / Span::seconds(1).0;
        report.warn(
            "database clock",
            format!("it is {seconds} s ahead of this machine's"),
            "let both follow NTP; ends of access go by the database's",
        );
    } else {
        report.ok("database clock", "agrees with this machine's");
    }
}

async fn schema(report: &mut Report<'_>, store: &Store) -> bool {
    match store.check_schema().await {
        Ok(()) => {
            report.ok("schema", "this version's");
            true
        }
        Err(StoreError::Schema(text)) => {
            let (text, mend) = text.split_once(": ").unwrap_or((&text, "run `tollgate migrate`"));
            report.fail("schema", text, mend);
            false
        }
        Err(error) => {
            report.fail(
                "schema",
                error.to_string(),
                "give the user of TOLLGATE_DATABASE_URL its rights on the tables",
            );
            false
        }
    }
}
