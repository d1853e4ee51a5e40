//! The stream that is open through the whole story.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::Streaming;
use tonic::transport::Channel;

use super::say::Narrator;
use crate::api::grpc::proto::billing_service_client::BillingServiceClient;
use crate::api::grpc::proto::watch_entitlements_response::Event;
use crate::api::grpc::proto::{
    Answer, CloseReason, FeatureSchedule, Reason, WatchEntitlementsRequest, WatchEntitlementsResponse,
    WatchFilter,
};

/// How long a change may take from its cause to the stream.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the stream has said so far: the local map of one customer.
#[derive(Clone, Default)]
pub struct Seen {
    /// The customer's own answers; a feature that is not in here has its default.
    pub features: BTreeMap<String, FeatureSchedule>,
    /// A checkpoint came: the map is complete.
    pub complete: bool,
    /// Why the service let the stream go.
    pub closing: Option<CloseReason>,
    ended: Option<String>,
}

impl Seen {
    /// What holds first, as the frame says it.
    pub fn first(&self, feature: &str) -> Answer {
        self.features
            .get(feature)
            .and_then(|schedule| schedule.first.clone())
            .unwrap_or_default()
    }

    /// What the clock will make of it.
    pub fn later(&self, feature: &str) -> Option<Reason> {
        let change = self.features.get(feature)?.changes.first()?;
        change.answer.as_ref().map(Answer::reason)
    }
}

/// One customer's stream, whose frames are printed as they come.
pub struct Frames {
    seen: watch::Receiver<Seen>,
}

impl Frames {
    /// Opens it.
    pub async fn open(
        client: &mut BillingServiceClient<Channel>,
        customer: &str,
        say: Narrator,
    ) -> Result<Frames> {
        let filter = WatchFilter {
            customers: vec![customer.to_owned()],
            ..WatchFilter::default()
        };
        let request = WatchEntitlementsRequest {
            filter: Some(filter),
            ..WatchEntitlementsRequest::default()
        };
        let stream = client.watch_entitlements(request).await?.into_inner();
        let (sender, seen) = watch::channel(Seen::default());
        tokio::spawn(async move {
            let ended = match read(stream, &sender, &say).await {
                Ok(()) => "the service ended it".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            sender.send_modify(|seen| seen.ended = Some(ended));
        });
        Ok(Frames { seen })
    }

    /// Waits until the stream has said `what`.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Seen) -> bool) -> Result<()> {
        let seen = timeout(
            PATIENCE,
            self.seen.wait_for(|seen| holds(seen) || seen.ended.is_some()),
        )
        .await
        .with_context(|| format!("the stream did not say within {PATIENCE:?}: {what}"))??;
        if !holds(&seen) {
            bail!(
                "the stream ended before it said: {what} ({})",
                seen.ended.as_deref().unwrap_or_default()
            );
        }
        Ok(())
    }
}

async fn read(
    mut stream: Streaming<WatchEntitlementsResponse>,
    seen: &watch::Sender<Seen>,
    say: &Narrator,
) -> Result<()> {
    let (mut position, mut checkpoint) = (String::new(), None);
    while let Some(frame) = stream.message().await? {
        ensure!(
            frame.previous_revision == position,
            "a frame was lost before {}",
            frame.revision
        );
        position.clone_from(&frame.revision);
        // Checkpoints come every few seconds; those at which nothing is new would drown the story.
        let idle =
            matches!(frame.event, Some(Event::Checkpoint(_))) && checkpoint.as_ref() == Some(&frame.revision);
        if !idle {
            tell(say, &frame);
        }
        match frame.event {
            Some(Event::CustomerEntitlements(set)) => seen.send_modify(|seen| {
                seen.features = set
                    .features
                    .into_iter()
                    .map(|one| (one.feature.clone(), one))
                    .collect();
            }),
            Some(Event::Checkpoint(_)) => {
                checkpoint = Some(frame.revision);
                seen.send_if_modified(|seen| !std::mem::replace(&mut seen.complete, true));
            }
            Some(Event::Closing(closing)) => seen.send_modify(|seen| seen.closing = Some(closing.reason())),
            _ => {}
        }
    }
    Ok(())
}

/// One line for each feature, where the frame is about features.
fn tell(say: &Narrator, frame: &WatchEntitlementsResponse) {
    let lines = |features: &[FeatureSchedule]| features.iter().map(ToString::to_string).collect::<Vec<_>>();
    match &frame.event {
        Some(Event::Defaults(defaults)) => say.frame("defaults:", &lines(&defaults.features)),
        Some(Event::CustomerEntitlements(set)) if !set.features.is_empty() => {
            say.frame(&format!("{}:", set.customer), &lines(&set.features));
        }
        _ => say.frame(&frame.to_string(), &[]),
    }
}
