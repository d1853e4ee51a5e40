//! A database of one's own on somebody's server, for the demo: made, and later removed with everything in it.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::StoreError;

/// Makes an empty database beside the one that `url` names, and returns its URL. Which one it is follows from `number`;
/// an old one of the same number is removed.
///
/// # Errors
/// The server is not available, or refuses to make databases for this user.
pub async fn create(url: &str, number: u32) -> Result<String, StoreError> {
    remove(url, number).await?;
    let options = PgConnectOptions::from_str(url)?;
    execute(&options, format!("create database {}", name(number))).await?;
    Ok(options.database(&name(number)).to_url_lossy().into())
}

/// Removes it, also while somebody is connected to it. `url` and `number` are those it was made with.
///
/// # Errors
/// The server is not available.
pub async fn remove(url: &str, number: u32) -> Result<(), StoreError> {
    execute(
        &PgConnectOptions::from_str(url)?,
        format!("drop database if exists {} with (force)", name(number)),
    )
    .await
}

fn name(number: u32) -> String {
    format!("tollgate_scratch_{number}")
}

async fn execute(options: &PgConnectOptions, statement: String) -> Result<(), StoreError> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}
