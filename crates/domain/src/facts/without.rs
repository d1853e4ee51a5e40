//! Taking from a customer what is another's.

use std::collections::BTreeSet;

use super::Facts;

impl Facts {
    /// What belongs to one of Stripe's customers, or to one object that names none: its objects and what they name, without
    /// what is named by others too.
    pub fn belonging_to(&self, id: &str) -> BTreeSet<String> {
        let mut taken = BTreeSet::from([id.to_owned()]);
        loop {
            let before = taken.len();
            for object in self.objects.values().map(|known| &known.object) {
                let its = match object.stripe_customer() {
                    Some(customer) => customer == id,
                    // A refund or a dispute is of whom its charge is of.
                    None => object.related().into_iter().any(|id| taken.contains(id)),
                };
                if its || object.id() == id {
                    taken.insert(object.id().to_owned());
                    taken.extend(object.related().into_iter().map(str::to_owned));
                }
            }
            if taken.len() == before {
                break;
            }
        }
        let others = self.objects.values().map(|known| &known.object);
        for other in others
            .filter(|object| !taken.contains(object.id()))
            .collect::<Vec<_>>()
        {
            for named in other.related() {
                if !self.objects.contains_key(named) {
                    taken.remove(named);
                }
            }
        }
        taken
    }

    /// As if these objects had never been seen.
    #[must_use]
    pub fn without(mut self, ids: &BTreeSet<String>) -> Facts {
        self.objects.retain(|id, _| !ids.contains(id));
        self.carried_until.retain(|id, _| !ids.contains(id));
        self.asked_at.retain(|id, _| !ids.contains(id));
        self.past_due_since.retain(|id, _| !ids.contains(id));
        if self.objects.is_empty() {
            // What they held is nobody's here any more.
            self.matched.clear();
        }
        self
    }
}
