//! A file that says what goes wrong, from the start on: the rules of `/_simulator/adversity`, in TOML.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;

use super::adversity::{DeliveryRule, RequestRule, Wrong};
use crate::core::CreatedSkew;

/// How alike two names have to be for one to be suggested instead of the other.
const ALIKE: f64 = 0.7;

/// What goes wrong.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Of ids and of everything that is drawn.
    pub seed: Option<u64>,
    request: Vec<RequestRule>,
    delivery: Vec<DeliveryRule>,
    created: Option<CreatedSkew>,
}

impl Scenario {
    /// # Errors
    /// The file cannot be read, or is none: with the line, and a name that may have been meant.
    pub fn load(path: &Path) -> Result<Scenario> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read the scenario {}", path.display()))?;
        Scenario::read(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
    }

    fn read(text: &str) -> Result<Scenario, String> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
            let message = error.message();
            let meant = meant(message).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            format!("line {line}: {message}{meant}")
        })
    }

    pub(super) fn all(self) -> impl Iterator<Item = Wrong> {
        let requests = self.request.into_iter().map(Wrong::Request);
        let deliveries = self.delivery.into_iter().map(Wrong::Delivery);
        let created = self.created.into_iter().map(Wrong::Created);
        requests.chain(deliveries).chain(created)
    }
}

/// Of "unknown field `a`, expected one of `b`, `c`": the one that is most like the first.
fn meant(message: &str) -> Option<&str> {
    let mut names = message.split('`').skip(1).step_by(2);
    let given = names.next()?;
    let alike = names.map(|name| (strsim::jaro_winkler(given, name), name));
    let (likeness, name) = alike.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness >= ALIKE).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_has_rules_for_requests_deliveries_and_times() {
        let text = "
            seed = 7
            [[request]]
            method = 'POST'
            path = '/v1/customers'
            chance = 0.2
            status = 500
            [[delivery]]
            types = ['invoice.*']
            duplicate = 0.5
            delay = [0, 30]
            [created]
            same_second = 10
        ";
        let scenario = Scenario::read(text).unwrap();
        assert_eq!(scenario.seed, Some(7));
        assert_eq!(scenario.all().count(), 3);
    }

    #[test]
    fn what_is_wrong_with_it_is_told_by_line_with_a_suggestion() {
        for (text, wanted) in [
            (
                "seed = 7\n[[request]]\nstauts = 500",
                "line 3: unknown field `stauts`",
            ),
            ("seed = 7\n[[request]]\nstauts = 500", "did you mean `status`?"),
            ("[[deliveries]]", "did you mean `delivery`?"),
            (
                "[[delivery]]\n\ndrop = 1.5",
                "line 3: a share is between 0 and 1, and not 1.5",
            ),
            ("[[delivery]]\ndelay = 5", "line 2: "),
            ("seed = ", "line 1: "),
        ] {
            let error = Scenario::read(text).unwrap_err();
            assert!(error.contains(wanted), "{text:?}: {error}");
        }
    }
}
