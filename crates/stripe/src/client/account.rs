//! Whose key it is, what it may do, and what time it is at Stripe.

use tollgate_domain::time::Timestamp;

use super::transport::Call;
use super::{CallError, Client};
use crate::json::text;
use crate::wanted::{Access, Permission};

/// What the first contact tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// `acct_…`; a restricted key may not be allowed to know.
    pub account: Option<String>,
    /// Stripe's clock when it answered, in whole seconds.
    pub at: Option<Timestamp>,
}

impl Client {
    /// Whether Stripe is there and takes the key, whoever the account is.
    ///
    /// # Errors
    /// It is not there, or knows no such key.
    pub async fn contact(&self) -> Result<Contact, CallError> {
        let account = match self.transport.call(&Call::get("/v1/account")).await {
            Ok(answer) => {
                let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                return Ok(Contact {
                    account: text(&body["id"]),
                    at: answer.date,
                });
            }
            // Most refusals name the account.
            Err(CallError::Forbidden { account, .. }) => account,
            Err(error) => return Err(error),
        };
        let at = match self.transport.call(&Call::get("/v1/prices?limit=1")).await {
            Ok(answer) => answer.date,
            Err(CallError::Forbidden { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Contact { account, at })
    }

    /// The account that the key is of; `None`: the key may not know it.
    ///
    /// # Errors
    /// Stripe is not there, or knows no such key.
    pub async fn account(&self) -> Result<Option<String>, CallError> {
        match self.read("/v1/account").await {
            Ok(account) => Ok(text(&account["id"])),
            Err(CallError::Forbidden { account, .. }) => Ok(account),
            Err(error) => Err(error),
        }
    }

    /// Whether the key has a permission. Nothing is written: Stripe looks at the key first, and then refuses a parameter that
    /// it does not know.
    ///
    /// # Errors
    /// `Forbidden`: the key has it not. Others: Stripe does not say.
    pub async fn may(&self, permission: &Permission) -> Result<(), CallError> {
        for path in permission.paths {
            let asked = match permission.access {
                Access::Read if *path == "/v1/account" => self.read(path).await,
                Access::Read => self.read(&format!("{path}?limit=1")).await,
                Access::Write => {
                    let nothing = vec![("tollgate_asks_whether_it_may".to_owned(), "1".to_owned())];
                    self.write(path, &nothing).await
                }
            };
            match asked {
                Ok(_) | Err(CallError::Rejected { .. } | CallError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
