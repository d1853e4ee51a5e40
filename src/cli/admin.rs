//! `admin …`: what people decide by hand, and what they did.

mod links;
mod look;

use anyhow::Result;
use clap::{Args, Subcommand};
use prost_types::Timestamp;

use super::call::{Connection, explain};
use crate::api::grpc::proto::{
    Access, DeleteOverrideRequest, Limit, ListAuditEntriesRequest, ListOverridesRequest, SetOverrideRequest,
    set_override_request::Value,
};

#[derive(Subcommand)]
pub enum Admin {
    /// Decide a feature of a customer by hand, against whatever Stripe says.
    #[command(subcommand)]
    Override(Override),
    /// Say whose one of Stripe's customers or objects is.
    Link(links::Whose),
    /// Take one of Stripe's customers from a customer; its events wait again.
    Unlink(links::Whose),
    /// Forget a customer. Nothing is changed at Stripe.
    Erase(links::Erase),
    /// Find customers by the beginning of their id, by one of Stripe's ids, or by e-mail address.
    Find(look::Find),
    /// Print what a person should look at.
    Oddities(look::Oddities),
    /// Look at Stripe's events, and have them applied once more.
    #[command(subcommand)]
    Events(look::Events),
    /// Print what people did, the latest first.
    Audit(Audit),
}

#[derive(Subcommand)]
pub enum Override {
    /// Decide; an earlier override of the feature is replaced.
    Set(Set),
    /// Take it back: what Stripe and the catalog say holds again.
    Delete(Delete),
    /// Print the overrides of a customer, or all.
    List(List),
}

impl Admin {
    /// Does it and prints what came of it.
    pub async fn run(self) -> Result<()> {
        match self {
            Admin::Override(Override::Set(set)) => set.run().await,
            Admin::Override(Override::Delete(delete)) => delete.run().await,
            Admin::Override(Override::List(list)) => list.run().await,
            Admin::Link(whose) => whose.link().await,
            Admin::Unlink(whose) => whose.unlink().await,
            Admin::Erase(erase) => erase.run().await,
            Admin::Find(find) => find.run().await,
            Admin::Oddities(oddities) => oddities.run().await,
            Admin::Events(events) => events.run().await,
            Admin::Audit(audit) => audit.run().await,
        }
    }
}

/// Who does it and why; kept for ever.
#[derive(Args)]
struct By {
    /// Who does it: a name or an e-mail address.
    #[arg(long, env = "TOLLGATE_ACTOR")]
    actor: String,
    /// Why; no personal data of customers.
    #[arg(long)]
    note: String,
}

#[derive(Args)]
pub struct Set {
    customer: String,
    feature: String,
    #[command(flatten)]
    decision: Decision,
    /// Until when, as 2027-01-31T00:00:00Z; without it until it is deleted.
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    to: Connection,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Decision {
    /// The customer has the feature, which is a boolean.
    #[arg(long)]
    allow: bool,
    /// The customer has so much of the feature, which is a limit: a number or `unlimited`.
    #[arg(long, value_name = "AMOUNT", value_parser = limit)]
    limit: Option<Limit>,
    /// The customer has this option of the feature, which is an enum.
    #[arg(long, value_name = "OPTION")]
    option: Option<String>,
    /// The customer has this text for the feature, which is a string.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// The customer does not have the feature.
    #[arg(long)]
    deny: bool,
}

fn limit(text: &str) -> Result<Limit, String> {
    if text == "unlimited" {
        let (amount, unlimited) = (0, true);
        return Ok(Limit { amount, unlimited });
    }
    let amount = text
        .parse()
        .map_err(|_| "write a number, or unlimited".to_owned())?;
    Ok(Limit {
        amount,
        unlimited: false,
    })
}

impl Set {
    async fn run(self) -> Result<()> {
        let Decision {
            deny,
            limit,
            option,
            text,
            allow: _,
        } = self.decision;
        let access = if deny { Access::Denied } else { Access::Granted };
        let value = limit
            .map(Value::Limit)
            .or(option.map(Value::Option))
            .or(text.map(Value::Text));
        let request = SetOverrideRequest {
            customer: self.customer,
            feature: self.feature,
            access: access.into(),
            value,
            expire_time: self.expires,
            actor: self.by.actor,
            note: self.by.note,
        };
        let answer = self.to.admin().await?.set_override(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        let line = answer.entitlement.as_ref().map(ToString::to_string);
        self.to.print("SetOverrideResponse", &answer, line)
    }
}

#[derive(Args)]
pub struct Delete {
    customer: String,
    feature: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    to: Connection,
}

impl Delete {
    async fn run(self) -> Result<()> {
        let request = DeleteOverrideRequest {
            customer: self.customer,
            feature: self.feature,
            actor: self.by.actor,
            note: self.by.note,
        };
        let answer = self.to.admin().await?.delete_override(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        let line = answer.entitlement.as_ref().map(ToString::to_string);
        self.to.print("DeleteOverrideResponse", &answer, line)
    }
}

#[derive(Args)]
pub struct List {
    /// Without it: all customers.
    #[arg(default_value = "", hide_default_value = true)]
    customer: String,
    #[command(flatten)]
    to: Connection,
}

impl List {
    async fn run(self) -> Result<()> {
        let mut client = self.to.admin().await?;
        let mut request = ListOverridesRequest {
            customer: self.customer,
            ..ListOverridesRequest::default()
        };
        loop {
            let page = client.list_overrides(request.clone()).await;
            let page = page.map_err(|status| explain(&status))?.into_inner();
            let lines = page.overrides.iter().map(ToString::to_string);
            self.to.print("ListOverridesResponse", &page, lines)?;
            if page.next_page_token.is_empty() {
                return Ok(());
            }
            request.page_token = page.next_page_token;
        }
    }
}

#[derive(Args)]
pub struct Audit {
    /// Without it: about all customers.
    #[arg(default_value = "", hide_default_value = true)]
    customer: String,
    /// So many entries at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    limit: i32,
    #[command(flatten)]
    to: Connection,
}

impl Audit {
    async fn run(self) -> Result<()> {
        let request = ListAuditEntriesRequest {
            customer: self.customer,
            page_size: self.limit,
            page_token: String::new(),
        };
        let page = self.to.admin().await?.list_audit_entries(request).await;
        let page = page.map_err(|status| explain(&status))?.into_inner();
        let lines = page.entries.iter().map(ToString::to_string);
        self.to.print("ListAuditEntriesResponse", &page, lines)
    }
}
