//! Where a browser may be sent back to.

use url::{Host, Url};

use super::Refused;

const MAX_LENGTH: usize = 2_048;

/// Absolute, `https` (`http` for loopback hosts), and in one of the allowed places if there are any.
pub fn check_url(field: &str, text: &str, allowed: &[String]) -> Result<(), Refused> {
    let refuse = |rule: &str| Err(Refused::field(field, rule));
    if text.is_empty() {
        return refuse("is required: an absolute https URL");
    }
    if text.len() > MAX_LENGTH {
        return refuse("must be at most 2048 characters");
    }
    // The parser forgives these; Stripe and browsers may read them otherwise.
    if text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
    {
        return refuse("must have no spaces, line breaks or backslashes: encode them");
    }
    let Ok(url) = Url::parse(text) else {
        return refuse("must be an absolute URL, as in https://shop.example/thanks");
    };
    if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url)) {
        return refuse("must begin with https:// (http:// on localhost only)");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not carry a user name");
    }
    if !allowed.is_empty() && !allowed.iter().any(|place| permits(place, &url)) {
        return refuse("is not among the allowed return URLs (TOLLGATE_RETURN_URLS)");
    }
    Ok(())
}

/// Whether a place can be allowed: what is no URL would permit nothing, without a word.
///
/// # Errors
/// It cannot; `field` is where it is written.
pub fn check_place(field: &str, place: &str) -> Result<(), Refused> {
    check_url(field, place, &[])?;
    if place.contains(['?', '#']) {
        return Err(Refused::field(
            field,
            "must end before a `?` or `#`: only the path is compared",
        ));
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Compared as URLs: as text, `https://shop.example` would permit `https://shop.example.evil`.
fn permits(place: &str, url: &Url) -> bool {
    Url::parse(place).is_ok_and(|place| {
        let beginning = place.path();
        let below = url.path().strip_prefix(beginning);
        place.origin() == url.origin()
            && below.is_some_and(|rest| beginning.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_returned_to() {
        for good in [
            "https://a.example/x?s={CHECKOUT_SESSION_ID}",
            "http://localhost:3000/",
            "http://127.0.0.1/",
            "http://[::1]/",
        ] {
            assert_eq!(check_url("success_url", good, &[]), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a",
            "/thanks",
            "http://a.example/",
            "http://localhost.evil.example/",
            "javascript:alert(1)",
            "https://",
            "https://user@a.example/",
            "https://a.example/x y",
            "https:\\\\a.example",
        ] {
            let refused = check_url("success_url", bad, &[]).unwrap_err().to_string();
            assert!(refused.starts_with("success_url: "), "{bad}");
        }
    }

    #[test]
    fn a_place_that_would_permit_nothing_is_none() {
        for good in [
            "https://a.example",
            "https://a.example/shop/",
            "http://localhost:3000/",
        ] {
            assert_eq!(check_place("places", good), Ok(()), "{good}");
        }
        for bad in [
            "a.example",
            "http://a.example",
            "https://*.a.example /",
            "https://a.example/?a=1",
        ] {
            assert!(check_place("places", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_allowed_place_permits_what_is_below_it_and_nothing_that_looks_like_it() {
        let allowed = [
            "https://a.example".to_owned(),
            "https://b.example/billing".to_owned(),
        ];
        for good in [
            "https://a.example/thanks",
            "https://b.example/billing",
            "https://b.example/billing/done?a=1",
        ] {
            assert_eq!(check_url("success_url", good, &allowed), Ok(()), "{good}");
        }
        for bad in [
            "https://a.example.evil/",
            "https://a.example:444/",
            "https://b.example/billings",
            "https://b.example/billing/../admin",
            "https://c.example/",
        ] {
            assert!(check_url("success_url", bad, &allowed).is_err(), "{bad}");
        }
    }
}
