//! Lists: pages of 1 to 100, newest first, with cursors.

use serde_json::{Value, json};

use super::params::Params;
use crate::core::{Core, Fault, Row};

/// Which part of a list.
pub struct Page {
    limit: usize,
    pub starting_after: Option<String>,
    ending_before: Option<String>,
    from: i64,
    to: i64,
}

impl Page {
    /// # Errors
    /// A limit outside 1 to 100; parameters that the list has not.
    pub fn read(params: &mut Params) -> Result<Page, Fault> {
        let limit = params.integer("limit")?.unwrap_or(10);
        if !(1..=100).contains(&limit) {
            let message = "Invalid limit: must be between 1 and 100";
            return Err(Fault::invalid(message).param("limit").early());
        }
        let (starting_after, ending_before) = (params.text("starting_after")?, params.text("ending_before")?);
        let (mut from, mut to) = (i64::MIN, i64::MAX);
        match params.level("created") {
            Ok(Some(mut created)) => {
                from = created.integer("gte")?.unwrap_or(from);
                from = created
                    .integer("gt")?
                    .map_or(from, |it: i64| it.saturating_add(1));
                to = created.integer("lte")?.unwrap_or(to);
                to = created.integer("lt")?.map_or(to, |it: i64| it.saturating_sub(1));
                created.finish()?;
            }
            Ok(None) => {}
            Err(fault) => return Err(fault),
        }
        params.finish()?;
        Ok(Page {
            limit,
            starting_after,
            ending_before,
            from,
            to,
        })
    }

    /// # Errors
    /// A cursor that is not in the list.
    pub fn cut<'a, T: Row + 'a>(
        self,
        core: &Core,
        url: &str,
        newest_first: impl Iterator<Item = &'a T>,
    ) -> Result<Value, Fault> {
        let inside = |row: &&T| (self.from..=self.to).contains(&row.created());
        let mut rows = newest_first.filter(inside);
        let unknown = |param: &str, id: &str| Err(Fault::missing(T::NOUN, id).param(param));
        if let Some(cursor) = &self.starting_after
            && !rows.any(|row| row.id() == cursor)
        {
            return unknown("starting_after", cursor);
        }
        let (page, more): (Vec<&T>, bool) = if let Some(cursor) = &self.ending_before {
            let mut before = Vec::new();
            let mut found = false;
            for row in rows {
                found = row.id() == cursor;
                if found {
                    break;
                }
                before.push(row);
            }
            if !found {
                return unknown("ending_before", cursor);
            }
            let skip = before.len().saturating_sub(self.limit);
            (before.split_off(skip), skip > 0)
        } else {
            let page: Vec<&T> = rows.by_ref().take(self.limit).collect();
            (page, rows.next().is_some())
        };
        let data: Vec<Value> = page.into_iter().map(|row| row.render(core)).collect();
        Ok(json!({ "object": "list", "data": data, "has_more": more, "url": url }))
    }
}
