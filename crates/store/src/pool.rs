//! The connections, and whether the tables are what this binary works with.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Connection, PgPool};
use tollgate_domain::time::Timestamp;

use crate::StoreError;
use crate::error::retried;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Serialises migrations of several processes.
const MIGRATION_LOCK: i64 = 0x746f_6c6c;

/// For the first connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the database is. Has no `Debug`: the URL holds a password.
#[derive(Clone)]
pub struct Settings {
    pub url: String,
    /// Around a pgbouncer, for what needs a session of its own: migrations and `LISTEN`.
    pub direct_url: Option<String>,
    pub max_connections: u32,
}

/// The database.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: PgPool,
    /// For sessions that are kept.
    pub(crate) direct: PgPool,
}

impl Store {
    /// Connects once, to say at the start what is wrong.
    ///
    /// # Errors
    /// The URL is none, or nobody answers there.
    pub async fn connect(settings: &Settings) -> Result<Store, StoreError> {
        let (options, direct) = options(settings)?;
        // The pool would try again until its time is over, and not tell why.
        let first = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options));
        let first = first
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
            .map_err(|error| {
                let error = StoreError::from(error);
                StoreError::Schema(format!(
                    "{error}; check TOLLGATE_DATABASE_URL and whether Postgres runs there"
                ))
            })?;
        // It was only to see; a server that minds is not there any more.
        let _ = first.close().await;
        let pool = PgPoolOptions::new()
            .acquire_timeout(Duration::from_secs(3))
            .max_lifetime(Duration::from_secs(1_800));
        Ok(Store {
            direct: pool.clone().max_connections(1).connect_lazy_with(direct),
            pool: pool
                .max_connections(settings.max_connections)
                .connect_lazy_with(options),
        })
    }

    /// Connections that are opened from now on use these URLs; a password was rotated.
    ///
    /// # Errors
    /// A URL is none.
    pub fn reconnect_with(&self, settings: &Settings) -> Result<(), StoreError> {
        let (options, direct) = options(settings)?;
        self.pool.set_connect_options(options);
        self.direct.set_connect_options(direct);
        Ok(())
    }

    /// Brings the tables to this binary's version; several processes may try at once.
    ///
    /// # Errors
    /// The database refuses, or is newer than this binary can be.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.direct.acquire().await?;
        // The library's own lock is named after the database and may be another program's.
        sqlx::query("select pg_advisory_lock($1)")
            .bind(MIGRATION_LOCK)
            .execute(&mut *connection)
            .await?;
        let mut migrator = Migrator {
            migrations: MIGRATOR.migrations.clone(),
            ..Migrator::DEFAULT
        };
        migrator.set_locking(false);
        migrator.set_ignore_missing(true);
        let outcome = migrator.run(&mut *connection).await;
        sqlx::query("select pg_advisory_unlock($1)")
            .bind(MIGRATION_LOCK)
            .execute(&mut *connection)
            .await?;
        outcome.map_err(|error| StoreError::Schema(format!("the migration failed: {error}")))
    }

    /// Whether the tables are there and of a version that this binary works with.
    ///
    /// # Errors
    /// Says to migrate, or to take a newer binary.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let newest = MIGRATOR
            .migrations
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or(0);
        let applied: Option<i64> =
            sqlx::query_scalar("select max(version) from _sqlx_migrations where success")
                .fetch_one(&self.pool)
                .await
                .or_else(|error| match &error {
                    sqlx::Error::Database(refusal) if refusal.code().as_deref() == Some("42P01") => Ok(None),
                    _ => Err(error),
                })?;
        if applied.unwrap_or(0) < newest {
            return Err(StoreError::Schema(
                "the database is not migrated: run `tollgate migrate`".into(),
            ));
        }
        let oldest = sqlx::query_scalar!("select oldest_binary from schema")
            .fetch_one(&self.pool)
            .await?;
        if i64::from(oldest) > newest {
            return Err(StoreError::Schema(
                "the database is newer than this binary works with: run a newer tollgate".into(),
            ));
        }
        Ok(())
    }

    /// The first contact says whether this database is of test or live mode; it stays so.
    ///
    /// # Errors
    /// The database is pinned to the other mode.
    pub async fn pin(&self, livemode: bool) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into deployment (livemode) values ($1) on conflict do nothing",
            livemode
        )
        .execute(&self.pool)
        .await?;
        let pinned = sqlx::query_scalar!("select livemode from deployment")
            .fetch_one(&self.pool)
            .await?;
        if pinned != livemode {
            let name = |live| if live { "live" } else { "test" };
            return Err(StoreError::Schema(format!(
                "this database holds Stripe's {} mode and TOLLGATE_STRIPE_SECRET_KEY is a {} key: use one database for \
                 each mode",
                name(pinned),
                name(livemode)
            )));
        }
        Ok(())
    }

    /// The database's clock.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn now(&self) -> Result<Timestamp, StoreError> {
        let micros = retried(|| async {
            sqlx::query_scalar!(
                r#"select (extract(epoch from clock_timestamp()) * 1000000)::bigint as "at!""#
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        Ok(Timestamp(micros))
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.direct.close().await;
        self.pool.close().await;
    }
}

fn options(settings: &Settings) -> Result<(PgConnectOptions, PgConnectOptions), StoreError> {
    let options = |url: &str| {
        let options = PgConnectOptions::from_str(url)?.application_name("tollgate");
        // A pgbouncer refuses who sends it at the start, and no float is read.
        Ok::<_, StoreError>(options.extra_float_digits(None))
    };
    let direct = settings.direct_url.as_ref().unwrap_or(&settings.url);
    Ok((options(&settings.url)?, options(direct)?))
}
