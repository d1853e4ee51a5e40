//! `admin link`, `unlink` and `erase`.

use anyhow::Result;
use clap::Args;

use super::By;
use crate::api::grpc::proto::{EraseCustomerRequest, LinkCustomerRequest, UnlinkCustomerRequest};
use crate::cli::call::{Connection, explain};

/// Whose what is, or is not.
#[derive(Args)]
pub struct Whose {
    customer: String,
    /// As `cus_…`.
    stripe_object: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    to: Connection,
}

impl Whose {
    pub(super) async fn link(self) -> Result<()> {
        let request = LinkCustomerRequest {
            customer: self.customer,
            stripe_object: self.stripe_object,
            actor: self.by.actor,
            note: self.by.note,
        };
        let answer = self.to.admin().await?.link_customer(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        let line = format!("linked; revision {}", answer.revision);
        self.to.print("LinkCustomerResponse", &answer, [line])
    }

    pub(super) async fn unlink(self) -> Result<()> {
        let request = UnlinkCustomerRequest {
            customer: self.customer,
            stripe_object: self.stripe_object,
            actor: self.by.actor,
            note: self.by.note,
        };
        let answer = self.to.admin().await?.unlink_customer(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        let line = format!("unlinked; revision {}", answer.revision);
        self.to.print("UnlinkCustomerResponse", &answer, [line])
    }
}

#[derive(Args)]
pub struct Erase {
    customer: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    to: Connection,
}

impl Erase {
    pub(super) async fn run(self) -> Result<()> {
        let request = EraseCustomerRequest {
            customer: self.customer,
            actor: self.by.actor,
            note: self.by.note,
        };
        let answer = self.to.admin().await?.erase_customer(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        self.to.print(
            "EraseCustomerResponse",
            &answer,
            [format!("erased; revision {}", answer.revision)],
        )
    }
}
