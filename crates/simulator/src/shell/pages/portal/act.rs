//! What is pressed on the portal.

use super::super::methods;
use super::{Fields, Portal};
use crate::core::{Core, Fault};

pub fn act(core: &mut Core, portal: &Portal, fields: &Fields) -> Result<(), Fault> {
    let given = |name: &str| fields.get(name).map(|it| it.trim()).filter(|it| !it.is_empty());
    let subject = given("subject").unwrap_or_default();
    let id = &portal.id;
    match given("action") {
        Some("cancel") => core.portal_cancel(id, subject, None, None),
        Some("keep") => core.portal_resume(id, subject),
        Some("change") => core.portal_change(id, subject, given("price"), quantity(given("quantity"))?),
        Some("card") => core.portal_set_card(id, &methods::chosen(&given)),
        Some("pay") => {
            let invoice = core.get_expanded(subject, &[])?;
            if invoice["customer"] != portal.customer.as_str() || !portal.offers("invoice_history") {
                return Err(Fault::missing("invoice", subject));
            }
            core.pay_invoice(subject)
        }
        _ => Err(Fault::invalid("Press one of the buttons.")),
    }
    .map(|_| ())
}

/// `None`: as it is.
pub fn quantity(typed: Option<&str>) -> Result<Option<u64>, Fault> {
    let wrong = |_| Fault::invalid("The quantity has to be a whole number.");
    typed.map(|it| it.parse().map_err(wrong)).transpose()
}
