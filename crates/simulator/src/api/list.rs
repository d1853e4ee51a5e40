//! Lists: pages of 1 to 100, newest first, with cursors in both directions. The rules are those of
//! docs.stripe.com/api/pagination.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::params::Params;
use crate::core::{Core, Fault, Row};

/// Which part of a list.
pub struct Page {
    limit: usize,
    pub starting_after: Option<String>,
    ending_before: Option<String>,
    created: RangeInclusive<i64>,
}

/// What a page is cut from.
trait Item {
    fn id(&self) -> &str;
    fn created(&self) -> i64;
}

impl<T: Row> Item for &T {
    fn id(&self) -> &str {
        Row::id(*self)
    }

    fn created(&self) -> i64 {
        Row::created(*self)
    }
}

impl Item for Value {
    fn id(&self) -> &str {
        self["id"].as_str().unwrap_or_default()
    }

    fn created(&self) -> i64 {
        self["created"].as_i64().unwrap_or_default()
    }
}

impl Page {
    /// # Errors
    /// A limit outside 1 to 100; both cursors; parameters that the list has not.
    pub fn read(params: &mut Params) -> Result<Page, Fault> {
        let page = Page {
            limit: limit(params)?,
            starting_after: params.text("starting_after")?,
            ending_before: params.text("ending_before")?,
            created: params.instants("created")?,
        };
        params.finish()?;
        if page.starting_after.is_some() && page.ending_before.is_some() {
            let message =
                "Received both starting_after and ending_before parameters. Please pass in only one.";
            return Err(Fault::invalid(message).early());
        }
        Ok(page)
    }

    /// # Errors
    /// A cursor that names no object of this kind.
    pub fn cut<'a, T: Row + 'a>(
        self,
        core: &Core,
        url: &str,
        newest_first: impl Iterator<Item = &'a T>,
    ) -> Result<Value, Fault> {
        // An object that has left the list meanwhile (`status=active`) still tells where the reader was.
        let place = |cursor: &str| core.get(cursor).and_then(|_| core.place(cursor));
        let (page, more) = self.part(T::NOUN, newest_first, |row| core.place(row.id()), place)?;
        let data: Vec<Value> = page.into_iter().map(|row| row.render(core)).collect();
        Ok(json!({ "object": "list", "data": data, "has_more": more, "url": url }))
    }

    /// A list inside an object, in its own order.
    ///
    /// # Errors
    /// A cursor that is not in it.
    pub fn cut_inside(self, url: &str, shown: Vec<Value>) -> Result<Value, Fault> {
        let nowhere = |_: &Value| None;
        let (data, more) = self.part("item", shown.into_iter(), nowhere, |_| None)?;
        Ok(json!({ "object": "list", "data": data, "has_more": more, "url": url }))
    }

    fn part<T: Item>(
        self,
        noun: &str,
        rows: impl Iterator<Item = T>,
        place: impl Fn(&T) -> Option<u64>,
        place_of: impl Fn(&str) -> Option<u64>,
    ) -> Result<(Vec<T>, bool), Fault> {
        let mut rows = rows.filter(|row| self.created.contains(&row.created()));
        let Some((param, cursor)) = self.cursor() else {
            let page: Vec<T> = rows.by_ref().take(self.limit).collect();
            return Ok((page, rows.next().is_some()));
        };
        let mut all: Vec<T> = rows.collect();
        // The rows before the cursor, and from which on they are after it.
        let (before, after) = match all.iter().position(|row| row.id() == cursor) {
            Some(at) => (at, at + 1),
            None => {
                let at = place_of(cursor).ok_or_else(|| Fault::missing(noun, cursor).param(param))?;
                let newer = all.iter().take_while(|row| place(row).is_none_or(|it| it > at));
                let before = newer.count();
                (before, before)
            }
        };
        if param == "ending_before" {
            all.truncate(before);
            let skip = before.saturating_sub(self.limit);
            Ok((all.split_off(skip), skip > 0))
        } else {
            let mut page = all.split_off(after);
            let more = page.len() > self.limit;
            page.truncate(self.limit);
            Ok((page, more))
        }
    }

    fn cursor(&self) -> Option<(&'static str, &str)> {
        let after = self.starting_after.as_deref().map(|id| ("starting_after", id));
        after.or_else(|| self.ending_before.as_deref().map(|id| ("ending_before", id)))
    }
}

fn limit(params: &mut Params) -> Result<usize, Fault> {
    let limit = params.integer("limit")?.unwrap_or(10_i64);
    let bound = match limit {
        ..1 => "greater than or equal to 1",
        101.. => "less than or equal to 100",
        _ => return Ok(usize::try_from(limit).unwrap_or(100)),
    };
    let fault = Fault::invalid(format!("This value must be {bound}."));
    Err(fault.code("parameter_invalid_integer").param("limit").early())
}
