//! The tasks of which a service consists: none may end unasked.

use anyhow::{Context, Result, anyhow};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Tasks by name.
#[derive(Default)]
pub(super) struct Stations(JoinSet<(&'static str, Result<()>)>);

impl Stations {
    pub fn add(&mut self, name: &'static str, work: impl Future<Output = Result<()>> + Send + 'static) {
        self.0.spawn(async move { (name, work.await) });
    }

    /// Returns when one has ended unasked, with why.
    pub async fn failed(&mut self) -> anyhow::Error {
        match self.0.join_next().await {
            Some(Ok((name, Ok(())))) => anyhow!("the {name} station ended unasked"),
            Some(Ok((name, Err(error)))) => error.context(format!("the {name} station failed")),
            Some(Err(panic)) => anyhow!("a station panicked: {panic}"),
            None => anyhow!("no station runs"),
        }
    }

    /// Returns when all have ended. What feeds the listeners is told to once both listeners have.
    pub async fn ended(&mut self, working: &CancellationToken) -> Result<()> {
        let mut outcome = Ok(());
        let mut listeners = 2;
        while let Some(station) = self.0.join_next().await {
            match station {
                Ok((name, result)) => {
                    listeners -= i32::from(matches!(name, "grpc" | "webhook"));
                    outcome = outcome.and(result.with_context(|| format!("the {name} station failed")));
                }
                Err(panic) => outcome = outcome.and(Err(anyhow!("a station panicked: {panic}"))),
            }
            if listeners == 0 {
                working.cancel();
            }
        }
        outcome
    }

    /// Ends what is left.
    pub fn cut(&mut self) {
        self.0.abort_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    async fn after(work: impl Future<Output = Result<()>> + Send + 'static) -> String {
        let mut stations = Stations::default();
        stations.add("steady", pending());
        stations.add("weak", work);
        format!("{:#}", stations.failed().await)
    }

    #[tokio::test]
    async fn a_station_that_ends_in_whatever_way_is_the_services_failure() {
        assert_eq!(after(async { Ok(()) }).await, "the weak station ended unasked");
        let failed = after(async { Err(anyhow!("no more paper")) }).await;
        assert_eq!(failed, "the weak station failed: no more paper");
        assert!(after(async { panic!("on purpose") }).await.contains("on purpose"));
    }
}
