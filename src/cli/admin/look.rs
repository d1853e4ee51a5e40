//! `admin find`, `admin oddities` and `admin events`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use prost_types::Timestamp;

use super::By;
use crate::api::grpc::proto::{
    EventFilter, EventState, FindCustomersRequest, GetEventRequest, ListEventsRequest, ListOdditiesRequest,
    OddityKind, ReplayEventsRequest,
};
use crate::cli::call::{Connection, explain};

#[derive(Args)]
pub struct Find {
    query: String,
    #[command(flatten)]
    to: Connection,
}

impl Find {
    pub(super) async fn run(self) -> Result<()> {
        let request = FindCustomersRequest { query: self.query };
        let answer = self.to.admin().await?.find_customers(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        let found = answer.customers.iter();
        let found = found.map(|it| format!("{} {}", it.customer, it.stripe_customers.join(" ")));
        let unlinked = answer.unlinked_stripe_customers.iter();
        let lines: Vec<String> = found
            .chain(unlinked.map(|id| format!("nobody's: {id}")))
            .collect();
        self.to.print("FindCustomersResponse", &answer, lines)
    }
}

#[derive(Args)]
pub struct Oddities {
    /// Without it: all kinds.
    kind: Option<Kind>,
    #[command(flatten)]
    to: Connection,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Events whose customer is not known.
    WaitingEvent,
    /// Who paid at Stripe and is nobody's here.
    UnlinkedPayer,
    /// Events that were given up.
    ParkedEvent,
    /// Objects that cannot be fetched.
    ParkedFetch,
    /// Prices that are paid for and of which the catalog has no plan.
    UnmatchedPrice,
    /// Plans for which several subscriptions of a customer pay.
    DoubleSubscription,
    /// Subscriptions that are behind with a payment.
    PastDue,
    /// Subscriptions whose renewal is overdue and not told.
    Unconfirmed,
}

impl Kind {
    fn told(self) -> OddityKind {
        match self {
            Kind::WaitingEvent => OddityKind::WaitingEvent,
            Kind::UnlinkedPayer => OddityKind::UnlinkedPayer,
            Kind::ParkedEvent => OddityKind::ParkedEvent,
            Kind::ParkedFetch => OddityKind::ParkedFetch,
            Kind::UnmatchedPrice => OddityKind::UnmatchedPrice,
            Kind::DoubleSubscription => OddityKind::DoubleSubscription,
            Kind::PastDue => OddityKind::PastDue,
            Kind::Unconfirmed => OddityKind::Unconfirmed,
        }
    }
}

impl Oddities {
    pub(super) async fn run(self) -> Result<()> {
        let mut client = self.to.admin().await?;
        let kinds = self
            .kind
            .map_or_else(|| Kind::value_variants().to_vec(), |kind| vec![kind]);
        for kind in kinds {
            let mut request = ListOdditiesRequest {
                kind: kind.told().into(),
                ..ListOdditiesRequest::default()
            };
            loop {
                let page = client.list_oddities(request.clone()).await;
                let page = page.map_err(|status| explain(&status))?.into_inner();
                let lines = page.oddities.iter().map(ToString::to_string);
                self.to.print("ListOdditiesResponse", &page, lines)?;
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
        }
        Ok(())
    }
}

#[derive(Subcommand)]
pub enum Events {
    /// Print events, the latest first.
    List(List),
    /// Print one event with its body, which has personal data in it.
    Get(Get),
    /// Have events routed and applied once more.
    Replay(Replay),
}

#[derive(Args)]
struct Which {
    /// Stripe's ids of them, as `evt_…`.
    events: Vec<String>,
    /// About what is linked to this customer.
    #[arg(long, default_value = "", hide_default_value = true)]
    customer: String,
    /// About this object of Stripe's, as `sub_…`.
    #[arg(long, default_value = "", hide_default_value = true)]
    object: String,
    /// As `invoice.paid`.
    #[arg(long = "type", default_value = "", hide_default_value = true)]
    event_type: String,
    /// What became of them.
    #[arg(long)]
    state: Option<State>,
    /// That came then or later, as 2027-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// That came before.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    Received,
    Routed,
    Applied,
    Ignored,
    Waiting,
    Parked,
}

impl Which {
    fn filter(self) -> EventFilter {
        let state = match self.state {
            None => EventState::Unspecified,
            Some(State::Received) => EventState::Received,
            Some(State::Routed) => EventState::Routed,
            Some(State::Applied) => EventState::Applied,
            Some(State::Ignored) => EventState::Ignored,
            Some(State::Waiting) => EventState::Waiting,
            Some(State::Parked) => EventState::Parked,
        };
        EventFilter {
            events: self.events,
            customer: self.customer,
            stripe_object: self.object,
            r#type: self.event_type,
            state: state.into(),
            from_time: self.from,
            until_time: self.until,
        }
    }
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// So many events at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    limit: i32,
    #[command(flatten)]
    to: Connection,
}

#[derive(Args)]
pub struct Get {
    event: String,
    #[command(flatten)]
    to: Connection,
}

#[derive(Args)]
pub struct Replay {
    #[command(flatten)]
    which: Which,
    /// Only say how many there are.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    to: Connection,
}

impl Events {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Events::List(list) => list.run().await,
            Events::Get(get) => get.run().await,
            Events::Replay(replay) => replay.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<()> {
        let request = ListEventsRequest {
            filter: Some(self.which.filter()),
            page_size: self.limit,
            page_token: String::new(),
        };
        let page = self.to.admin().await?.list_events(request).await;
        let page = page.map_err(|status| explain(&status))?.into_inner();
        let lines = page.events.iter().map(ToString::to_string);
        self.to.print("ListEventsResponse", &page, lines)
    }
}

impl Get {
    async fn run(self) -> Result<()> {
        let request = GetEventRequest { event: self.event };
        let answer = self.to.admin().await?.get_event(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        let line = answer.event.iter().map(ToString::to_string);
        let lines: Vec<String> = line.chain([answer.body.clone()]).collect();
        self.to.print("GetEventResponse", &answer, lines)
    }
}

impl Replay {
    async fn run(self) -> Result<()> {
        let request = ReplayEventsRequest {
            filter: Some(self.which.filter()),
            dry_run: self.dry_run,
            actor: self.by.actor,
            note: self.by.note,
        };
        let answer = self.to.admin().await?.replay_events(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        let said = if self.dry_run {
            "would be replayed"
        } else {
            "replayed"
        };
        let mut line = format!("{said}: {}", answer.replayed);
        if answer.without_body > 0 {
            line += &format!("; without a body: {}", answer.without_body);
        }
        self.to.print("ReplayEventsResponse", &answer, [line])
    }
}
