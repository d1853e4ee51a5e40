//! Stripe's customers by what people know of them.

use serde::Deserialize;

use super::transport::Call;
use super::{CallError, Client};

#[derive(Deserialize)]
struct Page {
    data: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Client {
    /// The newest hundred customers with exactly this address, capitals included.
    /// <https://docs.stripe.com/api/customers/list>
    pub async fn customers_by_email(&self, email: &str) -> Result<Vec<String>, CallError> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("limit", "100")
            .append_pair("email", email)
            .finish();
        let path = format!("/v1/customers?{query}");
        let answer = self.transport.call(&Call::get(&path)).await?;
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|_| CallError::Unreadable("a list of customers cannot be read".into()))?;
        Ok(page.data.into_iter().map(|it| it.id).collect())
    }
}
