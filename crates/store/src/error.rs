//! What can go wrong, in words that hold neither passwords nor rows.

use std::time::Duration;

/// Why an operation did not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or is too busy: later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database refuses the data: again is of no use.
    #[error("the database refuses the data: {0}")]
    Invalid(String),
    /// The tables are not what this binary works with; the text says what to do.
    #[error("{0}")]
    Schema(String),
    /// A defect.
    #[error("the database refuses a statement: {0}")]
    Other(String),
}

impl StoreError {
    /// Whether the same may succeed at another time.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, StoreError::Unavailable(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        use sqlx::Error;
        match error {
            Error::Database(refusal) => {
                let code = refusal.code().unwrap_or_default().into_owned();
                // A refusal's detail may quote a row; its message names columns at most.
                let text = format!("{} ({code})", refusal.message());
                match code.get(..2).unwrap_or_default() {
                    "TG" => StoreError::Schema(refusal.message().to_owned()),
                    "22" | "23" | "54" => StoreError::Invalid(code),
                    // Connections, resources, shutdowns, serialisation.
                    "08" | "53" | "57" | "58" | "40" | "55" => StoreError::Unavailable(text),
                    "26" | "42" if matches!(code.as_str(), "26000" | "42P05") => StoreError::Schema(
                        "what is between here and the database loses prepared statements; use pgbouncer 1.21 or newer \
                         with max_prepared_statements, or the database's direct URL in TOLLGATE_DATABASE_URL"
                            .into(),
                    ),
                    "28" | "3D" => StoreError::Unavailable(text),
                    "42" if matches!(code.as_str(), "42P01" | "42883" | "42703") => {
                        StoreError::Schema(format!(
                            "the database lacks tables of this version: run `tollgate migrate` ({})",
                            refusal.message()
                        ))
                    }
                    _ => StoreError::Other(text),
                }
            }
            Error::Io(error) => StoreError::Unavailable(error.to_string()),
            Error::Tls(_) => StoreError::Unavailable("the TLS handshake failed".into()),
            Error::PoolTimedOut => StoreError::Unavailable("no connection became free in time: the database does not answer, or all are in use (`tollgate doctor` tells)".into()),
            Error::PoolClosed | Error::WorkerCrashed => {
                StoreError::Unavailable("the connections are closed".into())
            }
            Error::Protocol(text) => StoreError::Unavailable(text),
            Error::ColumnDecode { index, .. } => StoreError::Other(format!("column {index} cannot be read")),
            Error::Encode(_) => StoreError::Invalid("a value cannot be encoded".into()),
            Error::Configuration(_) => StoreError::Schema(
                "TOLLGATE_DATABASE_URL is no URL: postgres://user:password@host/database".into(),
            ),
            other => StoreError::Other(other.to_string()),
        }
    }
}

/// JSON in Postgres cannot hold U+0000; one such text would refuse the whole batch that it is in.
pub(crate) fn without_nul(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    let text = |text: String| {
        if text.contains('\0') {
            text.replace('\0', "\u{fffd}")
        } else {
            text
        }
    };
    match value {
        Value::String(it) => Value::String(text(it)),
        Value::Array(all) => all.into_iter().map(without_nul).collect(),
        Value::Object(all) => all
            .into_iter()
            .map(|(key, it)| (text(key), without_nul(it)))
            .collect(),
        other => other,
    }
}

/// For one statement: on a dead connection nothing else would end it.
const DEADLINE: Duration = Duration::from_secs(15);

/// Conflicts of concurrent statements resolve themselves: `work` is done again, a few times.
pub(crate) async fn retried<T, F>(mut work: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    for attempt in 1.. {
        let Ok(outcome) = tokio::time::timeout(DEADLINE, work()).await else {
            return Err(StoreError::Unavailable("a statement took too long".into()));
        };
        match outcome {
            Err(sqlx::Error::Database(refusal))
                if attempt <= 5 && matches!(refusal.code().as_deref(), Some("40001" | "40P01")) =>
            {
                tokio::time::sleep(Duration::from_millis(5) * attempt).await;
            }
            outcome => return outcome.map_err(StoreError::from),
        }
    }
    unreachable!("the last attempt returns")
}
