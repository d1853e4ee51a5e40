//! `BillingService`: every method is one line here and has its work in [`read`], [`checkout`] or the watch; [`admin`] is
//! `BillingAdminService`.

mod admin;
mod checkout;
mod read;

use std::sync::Arc;
use std::time::Duration;

use tollgate_domain::clock::Clock;
use tonic::{Request, Response, Status};

use super::proto::billing_service_server::BillingService;
use super::proto::{
    BatchGetEntitlementsRequest, BatchGetEntitlementsResponse, CheckEntitlementRequest,
    CheckEntitlementResponse, CreateCheckoutRequest, CreateCheckoutResponse, CreatePortalSessionRequest,
    CreatePortalSessionResponse, ErrorReason, GetCheckoutRequest, GetCheckoutResponse, GetEntitlementRequest,
    GetEntitlementResponse, ListEntitlementsRequest, ListEntitlementsResponse, WatchEntitlementsRequest,
};
use super::status::Failure;
use super::watch::{Frames, Watches};
use crate::commands::Commands;
use crate::feed::Feed;
use crate::feed::ring::Ring;
use crate::feed::view::Unanswerable;

/// How the service keeps watches and waits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Between two checkpoints of a watch when nothing happens.
    pub checkpoint_interval: Duration,
    /// After so long at most a watch is closed, so that the load is balanced anew; some come earlier.
    pub max_watch_age: Duration,
    /// How long a revision that this replica has not reached is waited for.
    pub patience: Duration,
    /// So many latest frames are kept for all watches to share.
    pub shared_frames: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            checkpoint_interval: Duration::from_secs(5),
            max_watch_age: Duration::from_secs(30 * 60),
            patience: Duration::from_secs(2),
            shared_frames: 1 << 14,
        }
    }
}

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Service {
    feed: Feed,
    commands: Commands,
    clock: Clock,
    patience: Duration,
    watches: Watches,
}

impl Service {
    /// Answers from the feed's memory, and passes on to the commands what Stripe must do.
    pub fn new(feed: Feed, commands: Commands, clock: Clock, settings: Settings) -> Service {
        let watches = Watches {
            feed: feed.clone(),
            clock: clock.clone(),
            frames: Arc::new(Ring::new(settings.shared_frames)),
            checkpoint_interval: settings.checkpoint_interval,
            max_age: settings.max_watch_age,
            patience: settings.patience,
        };
        Service {
            feed,
            commands,
            clock,
            patience: settings.patience,
            watches,
        }
    }
}

#[tonic::async_trait]
impl BillingService for Service {
    async fn create_checkout(
        &self,
        request: Request<CreateCheckoutRequest>,
    ) -> Result<Response<CreateCheckoutResponse>, Status> {
        respond(checkout::create(self, request).await)
    }

    async fn get_checkout(
        &self,
        request: Request<GetCheckoutRequest>,
    ) -> Result<Response<GetCheckoutResponse>, Status> {
        respond(checkout::get(self, request).await)
    }

    async fn create_portal_session(
        &self,
        request: Request<CreatePortalSessionRequest>,
    ) -> Result<Response<CreatePortalSessionResponse>, Status> {
        respond(checkout::portal(self, request).await)
    }

    async fn get_entitlement(
        &self,
        request: Request<GetEntitlementRequest>,
    ) -> Result<Response<GetEntitlementResponse>, Status> {
        respond(read::get(self, request).await)
    }

    async fn check_entitlement(
        &self,
        request: Request<CheckEntitlementRequest>,
    ) -> Result<Response<CheckEntitlementResponse>, Status> {
        respond(read::check(self, request).await)
    }

    async fn list_entitlements(
        &self,
        request: Request<ListEntitlementsRequest>,
    ) -> Result<Response<ListEntitlementsResponse>, Status> {
        respond(read::list(self, request).await)
    }

    async fn batch_get_entitlements(
        &self,
        request: Request<BatchGetEntitlementsRequest>,
    ) -> Result<Response<BatchGetEntitlementsResponse>, Status> {
        respond(read::batch(self, request).await)
    }

    type WatchEntitlementsStream = Frames;

    async fn watch_entitlements(
        &self,
        request: Request<WatchEntitlementsRequest>,
    ) -> Result<Response<Frames>, Status> {
        respond(self.watches.open(request).await)
    }
}

fn respond<T>(outcome: Result<T, Failure>) -> Result<Response<T>, Status> {
    outcome.map(Response::new).map_err(Status::from)
}

/// What a caller is told when the feed cannot answer.
pub(super) fn unanswerable(why: Unanswerable) -> Failure {
    match why {
        Unanswerable::Loading => {
            Failure::new(ErrorReason::NotCurrent, "this replica is still loading; retry")
        }
        Unanswerable::FromFuture => {
            let rule = "above everything that exists: it comes from another installation, or from before a restore; \
                        drop it";
            Failure::new(
                ErrorReason::RevisionFromFuture,
                format!("at_least_revision: {rule}"),
            )
            .and_field("at_least_revision", rule)
        }
        Unanswerable::NotCurrent(why) => {
            tracing::warn!(why, "a read that had to be current was refused");
            Failure::new(
                ErrorReason::NotCurrent,
                "this replica cannot certify how current its answer is; retry, or ask without at_least_revision and \
                 fully_current",
            )
        }
    }
}
