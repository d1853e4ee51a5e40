//! Whose Stripe's objects are, as people decide it; and who is forgotten. It is stored first, and the answer waits until it is
//! in the entitlements.

use std::time::Duration;

use tollgate_domain::facts::Want;
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::Kind;
use tollgate_store::{By, Unlink};
use tollgate_stripe::{CallError, LISTS};

use super::by_hand::{LOOK_EVERY, LOOK_FIRST, PATIENCE};
use super::{Commands, Refused};

/// Somebody learns something between the look at the facts and the write: as often as that it is tried.
const TRIES: usize = 5;

impl Commands {
    /// Says whose one of Stripe's objects is. What waited for it takes effect, and what Stripe has sold to it; the number of the
    /// revision from which on it is in the entitlements.
    ///
    /// # Errors
    /// `Field`; `AlreadyLinked`; `NotApplied`: it is stored, and nobody has applied it yet; Stripe's, when it does not show
    /// what it has sold: it is stored, and the same call again goes on.
    pub async fn link(&self, customer: &CustomerId, id: &str, by: &By) -> Result<i64, Refused> {
        let kind = kind_of(id).ok_or_else(|| {
            Refused::field(
                "stripe_object",
                "must be an id of Stripe's, as `cus_…` or `sub_…`",
            )
        })?;
        let linked = self.store.link_by_hand(customer, id, by).await?;
        if linked.owner != customer.as_str() {
            return Err(Refused::AlreadyLinked);
        }
        // Its events may never have come, or their bodies are gone.
        let mut wants = vec![Want::now(kind, id)];
        if kind == Kind::Customer {
            wants.extend(self.sold_to(id).await?);
        }
        let now = self.clock.now();
        let wants: Vec<_> = wants.into_iter().map(|want| (want, now)).collect();
        self.store.want(customer, &wants).await?;
        self.nudge();
        let marks = self.learned(customer, &linked.woken).await?;
        let marks = marks.ok_or(Refused::NotApplied)?;
        self.applied(customer, marks).await?.ok_or(Refused::NotApplied)
    }

    /// What one of Stripe's customers has bought, the newest hundred of each kind; what it was paid by is asked for once these
    /// are known.
    async fn sold_to(&self, stripe_customer: &str) -> Result<Vec<Want>, Refused> {
        let mut wants = vec![];
        let sold = [Kind::Subscription, Kind::CheckoutSession];
        for list in LISTS.iter().filter(|list| sold.contains(&list.kind)) {
            match self.stripe.page(list, Some(stripe_customer), None).await {
                Ok(page) => wants.extend(page.elements.iter().map(|(id, _)| Want::now(list.kind, id))),
                // Whoever is no customer has bought nothing.
                Err(CallError::NotFound | CallError::Rejected { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(wants)
    }

    /// Takes one of Stripe's customers from ours, with all that is known of its objects; their events wait again. The number of
    /// the revision from which on it is out of the entitlements.
    ///
    /// # Errors
    /// `UnknownLink`; `Field`: it goes with its Stripe customer; `NotTakenOut`: nobody has applied it yet.
    pub async fn unlink(&self, customer: &CustomerId, id: &str, by: &By) -> Result<i64, Refused> {
        let ids = [id.to_owned()];
        for _ in 0..TRIES {
            let linked = self.store.links(&ids).await?;
            if linked.get(id) != Some(customer) {
                return Err(Refused::UnknownLink);
            }
            let known = self.store.facts(customer).await?;
            let (facts, facts_version) = known.ok_or(Refused::UnknownLink)?;
            let object = facts.objects.get(id).map(|known| &known.object);
            if let Some(owner) = object
                .and_then(|object| object.stripe_customer())
                .filter(|owner| *owner != id)
            {
                return Err(Refused::field(
                    "stripe_object",
                    format!("it goes with its Stripe customer: unlink `{owner}`"),
                ));
            }
            let taken = facts.belonging_to(id);
            let kept = facts.without(&taken);
            // Else a refund that comes later would bring its charge back, and that its Stripe customer. Who keeps the charge has
            // the refund, too: it is whose its charge is.
            let refunds = self.store.refunds(customer).await?;
            let taken: Vec<String> = taken.into_iter().chain(refunds).collect();
            let what = Unlink {
                seed: id,
                ids: &taken,
                kept: &kept,
                facts_version,
            };
            if let Some(marks) = self.store.unlink(customer, &what, self.clock.now(), by).await? {
                return self.applied(customer, marks).await?.ok_or(Refused::NotTakenOut);
            }
        }
        Err(Refused::InProgress)
    }

    /// Forgets a customer; the number of the revision from which on nobody shows anything of it.
    ///
    /// # Errors
    /// `UnknownCustomer`: it was never heard of.
    pub async fn erase(&self, customer: &CustomerId, by: &By) -> Result<i64, Refused> {
        let revision = self.store.erase(customer, by).await?;
        let revision = revision.ok_or(Refused::UnknownCustomer)?;
        // Only a hint: who polls sees it all the same.
        let _ = self.store.notify_feed().await;
        Ok(revision)
    }

    /// The customer's marks once all of these are learned; `None`: it takes too long.
    async fn learned(&self, customer: &CustomerId, seqs: &[i64]) -> Result<Option<i64>, Refused> {
        let learned = async {
            let mut pause = LOOK_FIRST;
            loop {
                if let Some(marks) = self.store.learned(customer, seqs, self.clock.now()).await? {
                    return Ok(Some(marks));
                }
                tokio::time::sleep(pause).await;
                pause = Duration::min(pause * 2, LOOK_EVERY);
            }
        };
        tokio::time::timeout(PATIENCE, learned).await.unwrap_or(Ok(None))
    }
}

/// What an id is of, by its beginning. <https://docs.stripe.com/api> shows one of each.
fn kind_of(id: &str) -> Option<Kind> {
    let (prefix, rest) = id.split_once('_')?;
    let plain = rest.len() <= 255
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let kind = match prefix {
        "cus" => Kind::Customer,
        "sub" => Kind::Subscription,
        "in" => Kind::Invoice,
        "cs" => Kind::CheckoutSession,
        "ch" => Kind::Charge,
        _ => return None,
    };
    Some(kind).filter(|_| plain && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_it_is_of() {
        assert_eq!(kind_of("cus_1"), Some(Kind::Customer));
        assert_eq!(kind_of("cs_test_a1"), Some(Kind::CheckoutSession));
        for none in ["", "cus", "cus_", "cus_1 ", "price_1", "cus_1/../x"] {
            assert_eq!(kind_of(none), None, "{none}");
        }
    }
}
