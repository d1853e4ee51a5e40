//! What a test can make go wrong, by name.

use std::time::Duration;

use serde::Deserialize;

use crate::core::Fault;

/// The next `requests` API requests fail, or are slow, or both.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adversity {
    requests: u32,
    /// HTTP status of the answer; none: they succeed, late.
    status: Option<u16>,
    /// The command is carried out all the same, and only its answer is lost.
    #[serde(default)]
    took_effect: bool,
    /// In real time.
    #[serde(default)]
    delay_ms: u64,
    /// Only requests whose path begins so.
    #[serde(default)]
    path: String,
    /// Only requests of this method.
    method: Option<String>,
}

#[derive(Default)]
pub struct Adversities(Vec<Adversity>);

impl Adversities {
    pub fn add(&mut self, adversity: Adversity) {
        self.0.push(adversity);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The first that concerns this request, which counts for it.
    pub fn take(&mut self, method: &str, path: &str) -> Option<Adversity> {
        let concerns = |it: &Adversity| {
            path.starts_with(&it.path) && it.method.as_deref().is_none_or(|wanted| wanted == method)
        };
        let at = self.0.iter().position(concerns)?;
        let adversity = &mut self.0[at];
        adversity.requests = adversity.requests.saturating_sub(1);
        let taken = adversity.clone();
        if adversity.requests == 0 {
            self.0.remove(at);
        }
        Some(taken)
    }
}

impl Adversity {
    /// How long the answer takes beyond the usual.
    pub fn delay(&self) -> Option<Duration> {
        (self.delay_ms > 0).then(|| Duration::from_millis(self.delay_ms))
    }

    pub fn took_effect(&self) -> bool {
        self.took_effect
    }

    /// The answer instead of the right one.
    pub fn fault(&self) -> Option<Fault> {
        let status = self.status?;
        Some(match status {
            429 => {
                let message = "Request rate limit exceeded (adversity).";
                Fault::other(429, "invalid_request_error", message)
                    .code("rate_limit")
                    .early()
            }
            409 => {
                let message = "This object cannot be accessed right now (adversity).";
                Fault::other(409, "invalid_request_error", message)
                    .code("lock_timeout")
                    .early()
            }
            401 => Fault::other(
                401,
                "invalid_request_error",
                "Invalid API Key provided (adversity).",
            )
            .early(),
            status if status >= 500 => Fault::other(status, "api_error", "An error occurred (adversity)."),
            status => Fault::other(status, "invalid_request_error", "Refused (adversity)."),
        })
    }
}
