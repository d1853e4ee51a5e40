//! Who asks: secret keys, and the account that a request is made for (docs.stripe.com/api/authentication).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::world::World;
use crate::core::Fault;

/// As a bearer token, or as a user without a password (`curl -u sk_test_…:`).
pub fn secret_key(value: &str) -> Option<String> {
    if let Some(key) = value.strip_prefix("Bearer ") {
        return Some(key.to_owned());
    }
    let decoded = BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let user = String::from_utf8(decoded).ok()?;
    Some(user.split(':').next()?.to_owned())
}

/// `api_key`: the only one that is accepted beside those that are known by name; `None`: any.
///
/// # Errors
/// 401, or 403 for a key that belongs in a browser.
pub fn authorize<'k>(given: Option<&'k str>, api_key: Option<&str>, world: &World) -> Result<&'k str, Fault> {
    let refuse = |message: String| Fault::other(401, "invalid_request_error", message).early();
    let Some(given) = given.filter(|key| !key.is_empty()) else {
        return Err(refuse(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer \
             auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
                .to_owned(),
        ));
    };
    if world.rights.revoked(given) {
        let fault = refuse(format!("Expired API Key provided: {}", masked(given)));
        return Err(fault.code("api_key_expired"));
    }
    if given.starts_with("pk_") {
        let message = "This API call cannot be made with a publishable API key. Please use a secret API key.";
        let fault = Fault::other(403, "invalid_request_error", message).early();
        return Err(fault.code("secret_key_required"));
    }
    if api_key.is_some_and(|wanted| given != wanted) && !world.rights.knows(given) {
        return Err(refuse(format!("Invalid API Key provided: {}", masked(given))));
    }
    Ok(given)
}

/// `Stripe-Account` may name the key's own account: nobody is connected to it here.
///
/// # Errors
/// 403: another account.
pub fn check_account(asked: Option<&str>, key: &str, world: &World) -> Result<(), Fault> {
    let Some(account) = asked.filter(|asked| *asked != world.rights.account(key)) else {
        return Ok(());
    };
    let message = format!(
        "The provided key '{}' does not have access to account '{account}' (or that account does not exist). \
         Application access may have been revoked.",
        masked(key)
    );
    let fault = Fault::other(403, "invalid_request_error", message).early();
    Err(fault.code("account_invalid"))
}

/// The kind and the last four letters, as Stripe shows a key.
pub fn masked(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    let shown = "sk_test_".len();
    if letters.len() < shown + 8 {
        return "*".repeat(letters.len());
    }
    let (head, tail) = (&letters[..shown], &letters[letters.len() - 4..]);
    let stars = "*".repeat(letters.len() - shown - 4);
    format!(
        "{}{stars}{}",
        head.iter().collect::<String>(),
        tail.iter().collect::<String>()
    )
}
