//! Requests about the account itself. They are few and made by people, so they are written by hand: async-stripe's types of
//! them would cost every build far more than these lines.

use serde_json::Value;
use stripe_client_core::VERSION;

use super::transport::{Answer, Call};
use super::{CallError, Client};
use crate::encode::Encoded;
use crate::json::{is_true, text};

/// 100 elements each.
const MAX_PAGES: usize = 100;

/// Names and values of a form.
pub(super) type Form = Vec<(String, String)>;

impl Client {
    pub(super) async fn read(&self, path: &str) -> Result<Value, CallError> {
        parse(&self.transport.call(&Call::get(path)).await?)
    }

    /// All elements of a list.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Value>, CallError> {
        let (mut all, mut after) = (vec![], String::new());
        for _ in 0..MAX_PAGES {
            let separator = if path.contains('?') { '&' } else { '?' };
            let mut page = self.read(&format!("{path}{separator}limit=100{after}")).await?;
            let data = page["data"].as_array_mut();
            all.append(data.ok_or_else(|| CallError::Unreadable("the answer is no list".into()))?);
            let last = all.last().and_then(|last| text(&last["id"]));
            match last.filter(|_| is_true(&page["has_more"])) {
                Some(id) => after = format!("&starting_after={id}"),
                None => return Ok(all),
            }
        }
        Ok(all)
    }

    /// Once: nothing says that Stripe did not do it when its answer is lost.
    pub(super) async fn write(&self, path: &str, form: &Form) -> Result<Value, CallError> {
        let request = Encoded {
            path: path.to_owned(),
            body: url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(form)
                .finish(),
            api_version: VERSION.to_string(),
        };
        parse(&self.transport.call(&Call::post_once(&request)).await?)
    }
}

fn parse(answer: &Answer) -> Result<Value, CallError> {
    serde_json::from_slice(&answer.body).map_err(|_| CallError::Unreadable("the answer is not JSON".into()))
}

pub(super) fn field(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}
