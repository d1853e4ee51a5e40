//! The explanation in words.

use tollgate_domain::catalog::{Combine, FeatureType};
use tollgate_domain::schedule::{Answer, Contribution, Reason};
use tollgate_domain::time::Timestamp;
use tollgate_store::Decided;

use crate::api::grpc::convert;
use crate::api::grpc::proto::{Entitlement, Fact};

/// What is told.
pub(super) struct Told<'a> {
    pub customer: &'a str,
    pub entitlement: &'a Entitlement,
    pub made_of: &'a [Contribution],
    pub by_hand: Option<&'a Decided>,
    pub kind: &'a FeatureType,
    pub facts: &'a [Fact],
    pub pending: bool,
    pub default: &'a Answer,
    pub at: Timestamp,
    /// The instant is to come.
    pub foretold: bool,
}

impl Told<'_> {
    /// A paragraph to paste into a ticket.
    pub fn summary(&self) -> String {
        let mut text = vec![format!("{}: {}.", self.customer, self.entitlement)];
        if self.foretold {
            text.push(format!(
                "So it will be at {} if nothing more is heard.",
                convert::time(self.at)
            ));
        }
        match self.by_hand.map(|it| (it, self.stand(it))) {
            Some((Decided { actor, note, .. }, Stand::Decides)) => {
                text.push(format!("It was decided by hand, by {actor}: {note}. What follows does not count meanwhile."));
            }
            Some((Decided { actor, .. }, Stand::Unfit)) => text.push(format!(
                "What was decided by hand, by {actor}, is no value of the feature any more and does not count."
            )),
            Some((_, Stand::Expired)) | None => {}
        }
        let (counts, not): (Vec<_>, Vec<_>) = self.made_of.iter().partition(|it| it.reason.granted());
        // A paid period whose turn has not come.
        let not: Vec<_> = not.into_iter().filter(|it| it.reason != Reason::NoPlan).collect();
        if !counts.is_empty() {
            text.push(format!("It is given by {}.", listed(&counts)));
        }
        if !not.is_empty() {
            text.push(format!("Not counted: {}.", listed(&not)));
        }
        if self.made_of.is_empty() {
            text.push("No subscription or purchase that is known gives it.".to_owned());
        }
        let unsure: Vec<&str> = self
            .facts
            .iter()
            .filter(|fact| !fact.confirmed)
            .map(|fact| fact.stripe_object.as_str())
            .collect();
        match (self.facts.is_empty(), unsure.is_empty()) {
            (true, _) => text.push("Nothing of this customer is known from Stripe.".to_owned()),
            (false, true) => text.push("Stripe was asked about everything that it rests on.".to_owned()),
            (false, false) => text.push(format!(
                "Known by events only, Stripe will be asked: {}.",
                unsure.join(", ")
            )),
        }
        if self.pending {
            text.push("Something newer is being applied; ask again in a moment.".to_owned());
        }
        text.join(" ")
    }

    /// What each rule says, in the order in which they are asked.
    pub fn rules(&self) -> Vec<String> {
        let by_hand = match self.by_hand.map(|it| (it, self.stand(it))) {
            None => "nothing, so the next rules decide".to_owned(),
            Some((it, Stand::Decides)) => format!("decided by {}; the next rules do not count", it.actor),
            Some((it, Stand::Expired)) => format!("what {} decided has expired", it.actor),
            Some((it, Stand::Unfit)) => {
                format!("what {} decided is no value of the feature any more", it.actor)
            }
        };
        let mut rules = vec![format!("by hand: {by_hand}")];
        let counting = self.made_of.iter().filter(|it| it.reason.granted()).count();
        rules.extend(self.made_of.iter().map(|it| {
            let (through, reason) = (listed(&[it]), it.reason);
            let gives = match reason.granted() {
                true => convert::answer(&Answer {
                    reason,
                    value: it.value.clone(),
                    plans: vec![],
                })
                .to_string(),
                false => "gives nothing".to_owned(),
            };
            format!("{through}: {gives}")
        }));
        if counting > 1 {
            let combine = match self.kind {
                FeatureType::Boolean => "one is enough",
                FeatureType::Limit {
                    combine: Combine::Sum,
                } => "they are added",
                FeatureType::Limit {
                    combine: Combine::Max,
                } => "the largest counts",
                FeatureType::Enum { .. } => "the highest option counts",
                FeatureType::String => "the first plan by name counts",
            };
            rules.push(format!("{counting} count: {combine}"));
        }
        let default = convert::answer(self.default);
        rules.push(format!(
            "the catalog's default, beneath which no answer lies: {default}"
        ));
        rules.push(format!("so: {}", self.entitlement));
        rules
    }

    fn stand(&self, by_hand: &Decided) -> Stand {
        let decision = &by_hand.decision;
        if decision.expires_at.is_some_and(|end| end <= self.at) {
            Stand::Expired
        } else if decision.allow.as_ref().is_none_or(|value| self.kind.takes(value)) {
            Stand::Decides
        } else {
            Stand::Unfit
        }
    }
}

/// What a decision by hand is worth.
enum Stand {
    Decides,
    Expired,
    Unfit,
}

fn listed(all: &[&Contribution]) -> String {
    let each = |it: &&Contribution| {
        let reason = convert::word(it.reason);
        format!(
            "plan {} × {} through {} ({reason})",
            it.plan, it.quantity, it.object
        )
    };
    all.iter().map(each).collect::<Vec<_>>().join(", ")
}
