//! What changed with dahlia (docs.stripe.com/changelog/dahlia).

use serde_json::{Map, Value, json};

use crate::core::Core;

/// `ui_mode` says `hosted_page` and `embedded_page`, which were `hosted` and `embedded`.
pub fn session_ui_mode(_: &Core, kind: &str, session: &mut Map<String, Value>) {
    if kind != "checkout.session" {
        return;
    }
    let older = match session.get("ui_mode").and_then(Value::as_str) {
        Some("hosted_page") => "hosted",
        Some("embedded_page") => "embedded",
        Some("elements") => "custom",
        _ => return,
    };
    session["ui_mode"] = json!(older);
}
