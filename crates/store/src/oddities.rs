//! What a person should look at.

use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{Figures, Store, StoreError};

/// One kind of it. The words are those of the database's function `oddities`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddityKind {
    /// An event whose customer is not known.
    WaitingEvent,
    /// Somebody at Stripe who paid, or is about to, and is nobody's.
    UnlinkedPayer,
    /// An event that was given up.
    ParkedEvent,
    /// An object that cannot be fetched.
    ParkedFetch,
    /// A price that is paid for and of which the catalog knows no plan.
    UnmatchedPrice,
    /// A plan for which several subscriptions pay.
    DoubleSubscription,
    /// A subscription that is behind with a payment.
    PastDue,
    /// A subscription whose renewal is overdue and about which Stripe was asked.
    Unconfirmed,
}

impl OddityKind {
    pub const ALL: [OddityKind; 8] = [
        OddityKind::WaitingEvent,
        OddityKind::UnlinkedPayer,
        OddityKind::ParkedEvent,
        OddityKind::ParkedFetch,
        OddityKind::UnmatchedPrice,
        OddityKind::DoubleSubscription,
        OddityKind::PastDue,
        OddityKind::Unconfirmed,
    ];

    pub fn word(self) -> &'static str {
        match self {
            OddityKind::WaitingEvent => "waiting_event",
            OddityKind::UnlinkedPayer => "unlinked_payer",
            OddityKind::ParkedEvent => "parked_event",
            OddityKind::ParkedFetch => "parked_fetch",
            OddityKind::UnmatchedPrice => "unmatched_price",
            OddityKind::DoubleSubscription => "double_subscription",
            OddityKind::PastDue => "past_due",
            OddityKind::Unconfirmed => "unconfirmed",
        }
    }

    /// Whether a place in its list is a place in the inbox.
    pub fn is_numbered(self) -> bool {
        matches!(self, OddityKind::WaitingEvent | OddityKind::ParkedEvent)
    }
}

/// One thing to look at. What does not go with its kind is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// In the list.
    pub place: String,
    pub customer: String,
    /// Stripe's id of what it is about.
    pub object: String,
    pub event: String,
    pub event_type: String,
    pub since: Option<Timestamp>,
    pub attempts: i32,
    pub error: String,
    /// Stripe's ids of what goes with it.
    pub objects: Vec<String>,
    /// A price or a plan.
    pub subject: String,
    /// The body of the last checkout session's event, of an unlinked payer.
    pub session: Option<Vec<u8>>,
}

impl Store {
    /// What there is of a kind after a place of its list, in the list's order.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn oddities(
        &self,
        kind: OddityKind,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Oddity>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                r#"select place as "place!", whose as "whose!", object as "object!", event as "event!",
                       o.event_type as "event_type!", since, tries, error as "error!", objects, subject as "subject!",
                       body as "body?"
                   from oddities($1, $2, $3) with ordinality o left join inbox on seq = told
                   order by ordinality"#,
                kind.word(),
                after,
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let oddities = rows.into_iter().map(|row| Oddity {
            place: row.place,
            customer: row.whose,
            object: row.object,
            event: row.event,
            event_type: row.event_type,
            since: row.since.map(Timestamp),
            attempts: row.tries.unwrap_or(0),
            error: row.error,
            objects: row.objects.unwrap_or_default(),
            subject: row.subject,
            session: row.body,
        });
        Ok(oddities.collect())
    }

    /// How many there are of each kind, up to [`Figures::MOST`].
    ///
    /// # Errors
    /// The database is not available.
    pub async fn oddity_counts(&self) -> Result<Vec<(OddityKind, i64)>, StoreError> {
        let words: Vec<String> = OddityKind::ALL
            .iter()
            .map(|kind| kind.word().to_owned())
            .collect();
        let counts = retried(|| async {
            sqlx::query_scalar!(
                r#"select (select count(*) from oddities(kind, '', $2)) as "count!"
                   from unnest($1::text[]) with ordinality it (kind) order by ordinality"#,
                &words,
                Figures::MOST
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        Ok(OddityKind::ALL.into_iter().zip(counts).collect())
    }
}
