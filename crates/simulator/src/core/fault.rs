//! Refusals, in Stripe's words.

use serde_json::{Map, Value, json};

const NOT_SIMULATED: &str = "not_simulated";

/// Why a command was refused, as Stripe's error envelope says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// `error.type`.
    pub kind: &'static str,
    pub code: Option<String>,
    pub decline_code: Option<&'static str>,
    /// The parameter at fault, spelled as in the request: `line_items[0][price]`.
    pub param: Option<String>,
    pub message: String,
    /// Found before the endpoint did anything: Stripe keeps no idempotent result of it.
    pub early: bool,
    /// Further fields of `error`: `payment_intent`, `charge`.
    more: Option<Box<Map<String, Value>>>,
}

impl Fault {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Fault {
        Fault {
            status,
            kind,
            code: None,
            decline_code: None,
            param: None,
            message: message.into(),
            early: false,
            more: None,
        }
    }

    /// 400 `invalid_request_error`.
    pub fn invalid(message: impl Into<String>) -> Fault {
        Fault::new(400, "invalid_request_error", message)
    }

    /// 429: one request too many (docs.stripe.com/rate-limits).
    pub fn rate_limited() -> Fault {
        let message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.";
        let fault = Fault::new(429, "invalid_request_error", message).early();
        fault.code("rate_limit")
    }

    /// An object that is not there: 404 where it was addressed, 400 where a parameter named it.
    pub fn missing(what: &str, id: &str) -> Fault {
        let fault = Fault {
            status: 404,
            ..Fault::invalid(format!("No such {what}: '{id}'"))
        };
        fault.code("resource_missing").param("id")
    }

    /// With `error.decline_code`: what the issuer said.
    pub fn decline_code(self, decline_code: Option<&'static str>) -> Fault {
        Fault { decline_code, ..self }
    }

    /// 501: Stripe has it, the simulator has not; never approximated in silence.
    pub fn not_simulated(what: &str) -> Fault {
        let message =
            format!("The simulator does not simulate {what}. Stripe does; this is no statement about it.");
        Fault {
            early: true,
            ..Fault::new(501, "api_error", message).code(NOT_SIMULATED)
        }
    }

    /// Any other status.
    pub fn other(status: u16, kind: &'static str, message: impl Into<String>) -> Fault {
        Fault::new(status, kind, message)
    }

    /// With `error.code`.
    pub fn code(self, code: &str) -> Fault {
        Fault {
            code: Some(code.to_owned()),
            ..self
        }
    }

    /// With `error.param`. An object missing through a parameter is a 400.
    pub fn param(self, param: impl Into<String>) -> Fault {
        let param = param.into();
        let status = if self.status == 404 && param != "id" {
            400
        } else {
            self.status
        };
        Fault {
            param: Some(param),
            status,
            ..self
        }
    }

    /// Found while reading the request.
    pub fn early(self) -> Fault {
        Fault { early: true, ..self }
    }

    /// With a further field of `error`.
    pub fn with(mut self, name: &str, value: Value) -> Fault {
        self.more.get_or_insert_default().insert(name.to_owned(), value);
        self
    }

    /// Stripe's envelope (docs.stripe.com/api/errors).
    pub fn body(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code.as_ref().filter(|code| *code != NOT_SIMULATED) {
            error["doc_url"] = json!(format!(
                "https://stripe.com/docs/error-codes/{}",
                code.replace('_', "-")
            ));
        }
        for (key, value) in [
            ("code", self.code.as_deref()),
            ("decline_code", self.decline_code),
            ("param", self.param.as_deref()),
        ] {
            if let Some(value) = value {
                error[key] = json!(value);
            }
        }
        for (name, value) in self.more.iter().flat_map(|more| more.iter()) {
            error[name] = value.clone();
        }
        json!({ "error": error })
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
