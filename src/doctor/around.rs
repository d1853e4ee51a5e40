//! Who else is asked or told: the issuer of JWTs, the collector of spans.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Report;
use crate::app;
use crate::config::Config;

const PATIENCE: Duration = Duration::from_secs(3);

/// Without the issuer's keys no JWT is accepted.
pub async fn issuer(report: &mut Report<'_>, config: &Config) {
    // What is wrong with the setting was told.
    let Ok(Some((jwt, _))) = app::jwt_without_keys(config) else {
        return;
    };
    match jwt.refresh().await {
        Ok(_) => report.ok("jwt keys", "the issuer's keys are there"),
        Err(error) => report.fail(
            "jwt keys",
            error.to_string(),
            "mend TOLLGATE_JWT_JWKS, or let this machine reach it (firewall, DNS; TOLLGATE_JWT_JWKS_CA_FILE and \
             TOLLGATE_JWT_JWKS_TOKEN_FILE if it asks for them)",
        ),
    }
}

/// Without it spans are lost, and nothing else.
pub async fn collector(report: &mut Report<'_>, config: &Config) {
    let endpoint = &config.otlp_endpoint;
    if endpoint.is_empty() {
        return;
    }
    match reached(endpoint).await {
        Ok(()) => report.ok("otlp collector", format!("{endpoint} takes connections")),
        Err(why) => report.warn(
            "otlp collector",
            format!("{endpoint} cannot be reached: {why}; spans are lost, calls go on"),
            "start the collector there, mend TOLLGATE_OTLP_ENDPOINT, or leave it empty",
        ),
    }
}

async fn reached(endpoint: &str) -> Result<(), String> {
    let url = url::Url::parse(endpoint).map_err(|error| error.to_string())?;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
    let port = port.unwrap_or_default();
    match timeout(
        PATIENCE,
        TcpStream::connect((host.trim_matches(['[', ']']), port)),
    )
    .await
    {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer in {PATIENCE:?}")),
    }
}
