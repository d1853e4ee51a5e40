//! A client of the watch, as the proto's comment says to write one.

use std::collections::BTreeMap;

use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{FeatureSchedule, Start, WatchEntitlementsResponse};

/// A map, and a check that frames follow one another.
#[derive(Clone, Debug, Default)]
pub struct Map {
    pub customers: BTreeMap<String, Vec<FeatureSchedule>>,
    /// Of the last frame that can be resumed from.
    pub revision: String,
    pub start: Option<Start>,
    pub complete: bool,
    pub frames: usize,
}

impl Map {
    pub fn fold(&mut self, frame: WatchEntitlementsResponse) {
        let first_after_resume = self.frames == 1 && self.start == Some(Start::Resumed);
        if self.complete || first_after_resume {
            assert_eq!(frame.previous_revision, self.revision, "a gap before {frame:?}");
        }
        self.frames += 1;
        match frame.event.unwrap() {
            Event::Opened(opened) => {
                self.start = Some(opened.start());
                if opened.start() == Start::Snapshot {
                    self.customers.clear();
                    self.complete = false;
                    self.revision.clear();
                }
                return;
            }
            Event::CustomerEntitlements(set) => drop(self.customers.insert(set.customer, set.features)),
            Event::Checkpoint(_) => self.complete = true,
            Event::Defaults(_) | Event::Closing(_) => {}
        }
        self.revision = frame.revision;
    }

    /// What differs from nothing.
    pub fn known(&self) -> BTreeMap<&String, &Vec<FeatureSchedule>> {
        self.customers
            .iter()
            .filter(|(_, features)| !features.is_empty())
            .collect()
    }
}
