//! Which of async-stripe's types is which of Stripe's objects.

use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;

use miniserde::Deserialize;
use serde_json::Value;
use tracing::dispatcher::{Dispatch, with_default};

/// Whether it is read.
type Read = fn(&str) -> bool;

fn read<T: Deserialize>(body: &str) -> bool {
    miniserde::json::from_str::<T>(body).is_ok()
}

thread_local! {
    /// What async-stripe has logged. It keeps a word that it does not know as it is, and warns of it.
    static WARNINGS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

static LISTENER: LazyLock<Dispatch> = LazyLock::new(|| {
    let plain = tracing_subscriber::fmt().without_time().with_ansi(false);
    Dispatch::new(plain.with_writer(|| Warnings).finish())
});

struct Warnings;

impl io::Write for Warnings {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        WARNINGS.with_borrow_mut(|warnings| warnings.write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! parsers {
    ($($kind:literal => $read:ty,)*) => {
        pub const KINDS: &[&str] = &[$($kind),*];
        fn parser(kind: &str) -> Option<Read> {
            match kind { $($kind => Some(read::<$read>),)* _ => None }
        }
    };
}

parsers! {
    "account" => stripe_shared::Account,
    "billing_portal.configuration" => stripe_billing::BillingPortalConfiguration,
    "billing_portal.session" => stripe_billing::BillingPortalSession,
    "charge" => stripe_shared::Charge,
    "checkout.session" => stripe_shared::CheckoutSession,
    "coupon" => stripe_shared::Coupon,
    "coupon deleted" => stripe_shared::DeletedCoupon,
    "customer" => stripe_shared::Customer,
    "customer deleted" => stripe_shared::DeletedCustomer,
    "customer_balance_transaction" => stripe_shared::CustomerBalanceTransaction,
    "discount" => stripe_shared::Discount,
    "dispute" => stripe_shared::Dispute,
    "entitlements.feature" => stripe_shared::EntitlementsFeature,
    "event" => stripe_shared::Event,
    "invoice" => stripe_shared::Invoice,
    "invoice deleted" => stripe_shared::DeletedInvoice,
    "invoice_payment" => stripe_shared::InvoicePayment,
    "invoiceitem" => stripe_billing::InvoiceItem,
    "invoiceitem deleted" => stripe_billing::DeletedInvoiceitem,
    "item" => stripe_shared::CheckoutSessionItem,
    "line_item" => stripe_shared::InvoiceLineItem,
    "payment_intent" => stripe_shared::PaymentIntent,
    "payment_method" => stripe_shared::PaymentMethod,
    "plan" => stripe_shared::Plan,
    "price" => stripe_shared::Price,
    "product" => stripe_shared::Product,
    "product deleted" => stripe_shared::DeletedProduct,
    "product_feature" => stripe_product::ProductFeature,
    "product_feature deleted" => stripe_product::DeletedProductFeature,
    "promotion_code" => stripe_shared::PromotionCode,
    "refund" => stripe_shared::Refund,
    "setup_intent" => stripe_shared::SetupIntent,
    "subscription" => stripe_shared::Subscription,
    "subscription_item" => stripe_shared::SubscriptionItem,
    "subscription_item deleted" => stripe_shared::DeletedSubscriptionItem,
    "subscription_schedule" => stripe_shared::SubscriptionSchedule,
    "test_helpers.test_clock" => stripe_shared::TestHelpersTestClock,
    "test_helpers.test_clock deleted" => stripe_shared::DeletedTestHelpersTestClock,
}

/// Its `object`, and whether it is one that says only that it was deleted.
pub fn kind(object: &Value) -> Option<String> {
    let kind = object["object"].as_str()?;
    let deleted = object["deleted"] == true;
    Some(if deleted {
        format!("{kind} deleted")
    } else {
        kind.to_owned()
    })
}

/// Of a debit that the bank did not process (docs.stripe.com/payments/sepa-debit, "Failed payments"), which the list that
/// async-stripe has of error codes leaves out.
const UNDECLARED: &str = "Unknown value 'generic_could_not_process' for enum 'ApiErrorsCode'";

/// Stripe puts also what was deleted in the place of its id, but async-stripe leaves out that half of such types.
fn unexpand_deleted(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(unexpand_deleted),
        Value::Object(fields) if fields.get("deleted").is_some_and(|it| it == true) => {
            *value = value["id"].take()
        }
        Value::Object(fields) => fields.values_mut().for_each(unexpand_deleted),
        _ => {}
    }
}

/// Why async-stripe does not read this object as Stripe's, if it has a type for it.
pub fn refusal(object: &Value) -> Option<String> {
    let kind = kind(object)?;
    let parser = parser(&kind)?;
    let mut object = object.clone();
    let fields = object.as_object_mut().into_iter().flatten();
    fields.for_each(|(_, value)| unexpand_deleted(value));
    let body = object.to_string();
    let read = with_default(&LISTENER, || parser(&body));
    let warnings = WARNINGS.take();
    if !read {
        return Some(format!("{kind} is not read: {body}"));
    }
    let warnings = String::from_utf8_lossy(&warnings);
    let unknown = warnings.lines().find(|it| !it.contains(UNDECLARED));
    unknown.map(|warning| format!("{warning}: {body}"))
}
