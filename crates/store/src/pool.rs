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
    /// Looks, to say at the start what is wrong.
    ///
    /// # Errors
    /// The URL is none, nobody answers there, or what is between cannot be worked with.
    pub async fn connect(settings: &Settings) -> Result<Store, StoreError> {
        let (options, direct) = options(settings)?;
        let main = pooled(&options, "TOLLGATE_DATABASE_URL").await?;
        let sessions = match settings.direct_url {
            Some(_) => pooled(&direct, "TOLLGATE_DATABASE_DIRECT_URL").await?,
            None => main,
        };
        if sessions {
            return Err(StoreError::Schema(
                "a pooler is between here and the database, and migrations and LISTEN need a session of their own; give \
                 Postgres's own address in TOLLGATE_DATABASE_DIRECT_URL"
                    .into(),
            ));
        }
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

    /// Connections that are opened from now on use these URLs, each once somebody answers there; a password was rotated.
    ///
    /// # Errors
    /// A URL is none, or nobody lets us in there: what was used before stays.
    pub async fn reconnect_with(&self, settings: &Settings) -> Result<(), StoreError> {
        let (options, direct) = options(settings)?;
        let mut refused = Ok(());
        for (pool, options) in [(&self.pool, options), (&self.direct, direct)] {
            let connected = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await;
            match connected.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
                Ok(connection) => {
                    // It was only to see.
                    let _ = connection.close().await;
                    pool.set_connect_options(options);
                }
                Err(error) => refused = refused.and(Err(error.into())),
            }
        }
        refused
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

/// Whether connections at this place share sessions, as behind a pooler in transaction mode. A listener's session would go
/// on to tell others, who do not expect it.
async fn pooled(options: &PgConnectOptions, setting: &str) -> Result<bool, StoreError> {
    // The pool would try again until its time is over, and not tell why.
    let sessions = tokio::time::timeout(PATIENCE, sessions(options)).await;
    let sessions = sessions.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let [one, other] = sessions.map_err(|error| {
        let mend = mend(&error);
        match StoreError::from(error) {
            told @ StoreError::Schema(_) => told,
            error => StoreError::Schema(format!("{error}; {mend} {setting}")),
        }
    })?;
    Ok(one[0] != one[1] || other[0] != other[1] || one[0] == other[0])
}

/// Two connections use one prepared statement in turn, under the name that every connection gives its first: in which session
/// each time. A pooler that knows nothing of prepared statements is found out: it would let one connection run what another
/// one prepared.
async fn sessions(options: &PgConnectOptions) -> Result<[[i32; 2]; 2], sqlx::Error> {
    let mut two = [
        PgConnection::connect_with(options).await?,
        PgConnection::connect_with(options).await?,
    ];
    let mut sessions = [[0; 2]; 2];
    for time in 0..2 {
        for (connection, sessions) in two.iter_mut().zip(&mut sessions) {
            let ask = sqlx::query_scalar("select pg_backend_pid()");
            sessions[time] = ask.fetch_one(connection).await?;
        }
    }
    for connection in two {
        // It was only to see; a server that minds is not there any more.
        let _ = connection.close().await;
    }
    Ok(sessions)
}

/// What to do about a first connection that failed, before the name of the setting.
fn mend(error: &sqlx::Error) -> &'static str {
    let code = error.as_database_error().and_then(|refusal| refusal.code());
    match (error, code.as_deref()) {
        (sqlx::Error::Tls(_), _) => "mend sslmode and sslrootcert in",
        (_, Some("3D000")) => "create that database, or name another in",
        (_, Some("53300")) => "raise Postgres's max_connections, or name another server in",
        (_, Some(code)) if code.starts_with("28") => "mend user and password in",
        (_, None) => "start Postgres there, or mend host and port in",
        (_, Some(_)) => "look at Postgres's log, and check",
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
