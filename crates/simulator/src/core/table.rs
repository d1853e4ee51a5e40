//! The objects of one kind: by id, by customer, and newest first as Stripe lists them.

use std::collections::HashMap;

use serde_json::Value;

use super::rendered::Rendered;
use super::{Core, Fault};

/// What can be stored, found and shown.
pub trait Row {
    /// Stripe's word for the kind, as in "No such …".
    const NOUN: &'static str;

    fn id(&self) -> &str;

    fn created(&self) -> i64;

    /// Whose it is: a customer; of a dispute, its charge.
    fn owner(&self) -> Option<&str> {
        None
    }

    /// As a GET without `expand` shows it.
    fn render(&self, core: &Core) -> Value;

    /// The same, for events; faster where there are many.
    fn rendered(&self, core: &Core) -> Rendered {
        self.render(core).into()
    }
}

#[derive(Clone, Debug)]
pub struct Table<T> {
    rows: Vec<T>,
    index: HashMap<String, usize>,
    owned: HashMap<String, Vec<usize>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            rows: Vec::new(),
            index: HashMap::new(),
            owned: HashMap::new(),
        }
    }
}

impl<T: Row> Table<T> {
    pub fn insert(&mut self, row: T) {
        let at = self.rows.len();
        self.index.insert(row.id().to_owned(), at);
        if let Some(owner) = row.owner() {
            self.owned.entry(owner.to_owned()).or_default().push(at);
        }
        self.rows.push(row);
    }

    /// To be called when a row got its customer after it was inserted.
    pub fn own(&mut self, id: &str, owner: &str) {
        if let Some(&at) = self.index.get(id) {
            self.owned.entry(owner.to_owned()).or_default().push(at);
        }
    }

    pub fn get(&self, id: &str) -> Option<&T> {
        self.index.get(id).map(|&at| &self.rows[at])
    }

    /// # Errors
    /// There is none.
    pub fn find(&self, id: &str) -> Result<&T, Fault> {
        self.get(id).ok_or_else(|| Fault::missing(T::NOUN, id))
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.index.get(id).map(|&at| &mut self.rows[at])
    }

    /// In order of creation.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.iter()
    }

    /// In order of creation.
    pub fn of(&self, owner: &str) -> impl DoubleEndedIterator<Item = &T> {
        let positions = self.owned.get(owner).map_or(&[][..], Vec::as_slice);
        positions.iter().map(|&at| &self.rows[at])
    }
}
