//! Somebody whom the door has let in, and until when.

use std::sync::Arc;

use http::Extensions;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tollgate_domain::id::CustomerId;

use super::entry::Entry;
use super::scope::{Scope, Scopes};
use crate::api::grpc::convert;
use crate::api::grpc::proto::ErrorReason;
use crate::api::grpc::status::Failure;
use crate::feed::filter::{Filter, Whom};

/// One of the list, as long as the list says of it the same.
#[derive(Debug)]
pub(super) struct Listed {
    pub entry: Entry,
    pub withdrawn: CancellationToken,
}

/// Who is calling, in a request's extensions.
#[derive(Clone, Debug)]
pub struct Caller {
    listed: Arc<Listed>,
    /// When the token or certificate expires; `None`: it does not.
    expires: Option<Instant>,
    /// Of its certificate's authority; `None`: it has none.
    distrusted: Option<CancellationToken>,
}

impl Caller {
    pub(super) fn new(listed: Arc<Listed>, expires: Option<Instant>) -> Caller {
        Caller {
            listed,
            expires,
            distrusted: None,
        }
    }

    /// It ends with this, too.
    pub(super) fn ends_with(self, distrusted: &CancellationToken) -> Caller {
        Caller {
            distrusted: Some(distrusted.clone()),
            ..self
        }
    }

    /// Somebody who was not asked for a name; it has these scopes for every customer.
    pub(super) fn unnamed(scopes: impl IntoIterator<Item = Scope>) -> Caller {
        let entry = Entry::unnamed(scopes.into_iter().collect());
        let withdrawn = CancellationToken::new();
        Caller::new(Arc::new(Listed { entry, withdrawn }), None)
    }

    /// Who calls, as the door has noted it.
    ///
    /// # Errors
    /// The request did not come through the door.
    pub fn of(extensions: &Extensions) -> Result<Caller, Failure> {
        let missing = || {
            Failure::new(
                ErrorReason::Internal,
                "a fault of the service: nobody asked who calls",
            )
        };
        extensions.get().cloned().ok_or_else(missing)
    }

    /// Its name in the list; `None` where nobody is asked.
    pub fn name(&self) -> Option<&Arc<str>> {
        Some(&self.listed.entry.name).filter(|name| !name.is_empty())
    }

    /// What it may do.
    pub fn scopes(&self) -> Scopes {
        self.listed.entry.scopes
    }

    /// The customer of a request, whom this caller may see.
    ///
    /// # Errors
    /// The text is no customer, or one whom it may not see.
    pub fn customer(&self, field: &str, text: &str) -> Result<CustomerId, Failure> {
        let customer = convert::customer(field, text)?;
        if self.listed.entry.customers.has(&customer) {
            Ok(customer)
        } else {
            Err(self.outside(field))
        }
    }

    /// The customer whom a list is about; none: all, which a caller that is limited may not see.
    ///
    /// # Errors
    /// As for `customer`, and a limited caller names none.
    pub fn customer_or_all(&self, field: &str, text: &str) -> Result<Option<CustomerId>, Failure> {
        match (text, &self.listed.entry.customers) {
            ("", Whom::All) => Ok(None),
            ("", _) => Err(self.outside(field)),
            _ => self.customer(field, text).map(Some),
        }
    }

    /// What a watch of this caller shows: what was asked for, as far as it may see it.
    ///
    /// # Errors
    /// It names customers whom the caller may not see, or none whom it may.
    pub fn narrow(&self, asked: Filter) -> Result<Filter, Failure> {
        let whom = asked.whom.within(&self.listed.entry.customers);
        Ok(Filter {
            whom: whom.map_err(|_| self.outside("filter"))?,
            features: asked.features,
        })
    }

    /// Whether its credential is no good any more.
    pub fn has_ended(&self) -> bool {
        let distrusted = self
            .distrusted
            .as_ref()
            .is_some_and(CancellationToken::is_cancelled);
        distrusted
            || self.listed.withdrawn.is_cancelled()
            || self.expires.is_some_and(|end| end <= Instant::now())
    }

    /// Returns when its credential has expired, or was withdrawn.
    pub async fn ended(&self) {
        let expired = async {
            match self.expires {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let distrusted = async {
            match &self.distrusted {
                Some(distrusted) => distrusted.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.listed.withdrawn.cancelled() => {}
            () = distrusted => {}
            () = expired => {}
        }
    }

    fn outside(&self, field: &str) -> Failure {
        let prefixes = match &self.listed.entry.customers {
            Whom::Prefixes(prefixes) => prefixes.iter().map(String::as_str).collect::<Vec<_>>(),
            Whom::Named(_) | Whom::All => vec![],
        };
        let text = format!(
            "{field}: caller `{}` may see only customers whose id begins with {}; widen its `customers:` in the list of \
             callers, or ask with another token",
            self.listed.entry.name,
            prefixes.join(" or ")
        );
        Failure::new(ErrorReason::CustomerNotAllowed, text).with("customer_prefixes", prefixes.join(","))
    }
}
