//! Lists that come in pages.

use crate::api::grpc::status::Failure;

const USUAL: i64 = 100;
const MOST: i64 = 1_000;

/// So many entries at most.
pub(super) fn size(asked: i32) -> Result<i64, Failure> {
    match i64::from(asked) {
        0 => Ok(USUAL),
        size if (1..=MOST).contains(&size) => Ok(size),
        _ => Err(Failure::field("page_size", format!("must be 1 to {MOST}, or 0"))),
    }
}

/// One more entry than fits was read: if it is there, there is another page.
pub(super) fn cut<T>(entries: &mut Vec<T>, size: i64, token: impl Fn(&T) -> String) -> String {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = entries.len() > size;
    entries.truncate(size);
    entries.last().filter(|_| more).map(token).unwrap_or_default()
}

pub(super) fn no_token() -> Failure {
    Failure::field("page_token", "must be the next_page_token of the page before")
}
