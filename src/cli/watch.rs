//! `watch`: the reconnect loop of the proto's comment, printing instead of keeping a map.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use tonic::{Code, Status};

use super::call::{Client, Connection, explain};
use crate::api::grpc::proto::watch_entitlements_response::Event;
use crate::api::grpc::proto::{Start, WatchEntitlementsRequest, WatchEntitlementsResponse, WatchFilter};

/// `watch CUSTOMER…`
#[derive(Args)]
pub struct Watch {
    /// Whom to watch.
    #[arg(required_unless_present_any = ["prefix", "all"], conflicts_with_all = ["prefix", "all"])]
    customers: Vec<String>,
    /// Everybody whose id begins so.
    #[arg(long, conflicts_with = "all")]
    prefix: Option<String>,
    /// Everybody.
    #[arg(long)]
    all: bool,
    /// Only this feature; may be given several times.
    #[arg(long = "feature", value_name = "FEATURE")]
    features: Vec<String>,
    /// Resume at a revision that an earlier watch with the same filter printed.
    #[arg(long, default_value = "", hide_default_value = true)]
    revision: String,
    /// End after the first checkpoint: a list of everybody.
    #[arg(long)]
    snapshot_only: bool,
    #[command(flatten)]
    to: Connection,
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

impl Watch {
    /// Prints until it is interrupted, or the snapshot is complete.
    pub async fn run(self) -> Result<()> {
        tokio::select! {
            outcome = self.follow() => outcome,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    }

    async fn follow(&self) -> Result<()> {
        let mut position = Position {
            resume: self.revision.clone(),
            at: String::new(),
        };
        let mut client = self.to.client().await?;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.one_stream(&mut client, &mut position, &mut pause).await? {
                End::Complete => return Ok(()),
                End::Closing(delay) => pause = delay,
                End::Broken(status) => match status.code() {
                    Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal => {
                        eprintln!("the stream broke ({}); again in {pause:?}", status.message());
                    }
                    _ => return Err(explain(&status)),
                },
                End::Gap => {
                    eprintln!("a frame was lost; starting anew");
                    position.resume.clear();
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        }
    }

    async fn one_stream(
        &self,
        client: &mut Client,
        position: &mut Position,
        pause: &mut Duration,
    ) -> Result<End> {
        let request = WatchEntitlementsRequest {
            filter: Some(WatchFilter {
                customers: self.customers.clone(),
                customer_prefix: self.prefix.clone().unwrap_or_default(),
                all_customers: self.all,
                features: self.features.clone(),
            }),
            revision: position.resume.clone(),
            snapshot_only: self.snapshot_only,
            fail_if_compacted: false,
        };
        let mut stream = match client.watch_entitlements(request).await {
            Ok(response) => response.into_inner(),
            Err(status) => return Ok(End::Broken(status)),
        };
        loop {
            let frame = match stream.message().await {
                Ok(Some(frame)) => frame,
                Ok(None) if self.snapshot_only => return Ok(End::Complete),
                Ok(None) => return Ok(End::Closing(FIRST_PAUSE)),
                Err(status) => return Ok(End::Broken(status)),
            };
            if !position.accept(&frame) {
                return Ok(End::Gap);
            }
            self.to
                .print("WatchEntitlementsResponse", &frame, [frame.to_string()])?;
            match frame.event {
                Some(Event::Checkpoint(_)) => *pause = FIRST_PAUSE,
                Some(Event::Closing(closing)) => {
                    let delay = closing
                        .retry_delay
                        .and_then(|delay| Duration::try_from(delay).ok());
                    return Ok(End::Closing(delay.unwrap_or(FIRST_PAUSE)));
                }
                None => bail!("the service sends frames that this version does not know; update it"),
                Some(_) => {}
            }
        }
    }
}

/// How a stream ended.
enum End {
    Complete,
    Closing(Duration),
    Broken(Status),
    Gap,
}

/// Where the watch is.
struct Position {
    /// What the next stream resumes at; empty: a snapshot.
    resume: String,
    /// The revision of the last frame.
    at: String,
}

impl Position {
    /// Takes a frame; `false` if one before it was lost.
    fn accept(&mut self, frame: &WatchEntitlementsResponse) -> bool {
        if let Some(Event::Opened(opened)) = &frame.event {
            self.at = if opened.start() == Start::Resumed {
                self.resume.clone()
            } else {
                String::new()
            };
        }
        if frame.previous_revision != self.at {
            return false;
        }
        self.at.clone_from(&frame.revision);
        if !self.at.is_empty() {
            self.resume.clone_from(&self.at);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::grpc::proto::{Checkpoint, CustomerEntitlements, Opened};

    fn frame(event: Event, previous: &str, revision: &str) -> WatchEntitlementsResponse {
        WatchEntitlementsResponse {
            event: Some(event),
            previous_revision: previous.into(),
            revision: revision.into(),
        }
    }

    fn opened(start: Start) -> Event {
        Event::Opened(Opened {
            start: start.into(),
            ..Opened::default()
        })
    }

    #[test]
    fn a_cut_snapshot_starts_anew_and_a_complete_one_is_resumed() {
        let mut position = Position {
            resume: String::new(),
            at: String::new(),
        };
        assert!(position.accept(&frame(opened(Start::Snapshot), "", "")));
        assert!(position.accept(&frame(
            Event::CustomerEntitlements(CustomerEntitlements::default()),
            "",
            ""
        )));
        assert_eq!(position.resume, "");
        assert!(position.accept(&frame(Event::Checkpoint(Checkpoint::default()), "", "r1")));
        assert_eq!(position.resume, "r1");
        assert!(position.accept(&frame(opened(Start::Resumed), "r1", "r1")));
    }

    #[test]
    fn a_lost_frame_is_noticed() {
        let mut position = Position {
            resume: "r1".into(),
            at: String::new(),
        };
        assert!(position.accept(&frame(opened(Start::Resumed), "r1", "r1")));
        assert!(!position.accept(&frame(Event::Checkpoint(Checkpoint::default()), "r2", "r3")));
    }
}
