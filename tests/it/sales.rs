//! What people buy, pay late, get back and dispute, as stories through the whole service. Stripe sends what `stripe setup`
//! subscribes to and nothing else.
//!
//! | story | test |
//! |---|---|
//! | SEPA: processing, settled, failed, in both modes | `delayed`: five tests |
//! | goodwill refund of a running subscription | `refunds::a_goodwill_refund_of_a_running_subscription_ends_nothing` and, where the plan says so, `refunds::a_plan_that_ends_with_its_refund_ends` |
//! | refund that fails later | `refunds::a_refund_that_fails_later_gives_the_purchase_back` |
//! | two-item session refunded for one | `refunds::of_two_items_refunded_for_one_each_goes_by_its_plan` |
//! | dispute on an invoice five months old | `disputes::a_dispute_of_an_invoice_five_months_old_suspends_nothing` |
//! | inquiry only; won; lost | `disputes`: four tests |
//! | support re-creates the subscription under a new Stripe customer | `payers::a_subscription_made_anew_under_another_stripe_customer_goes_on` |
//! | Stripe customer deleted, buys again the same day | `payers::who_was_deleted_at_stripe_buys_again_the_same_day` |
//! | Payment Link with somebody else's `client_reference_id` | `payers::a_payment_link_with_somebody_elses_reference_gives_them_nothing` |
//! | plan sold by sales invoice | `invoiced::a_plan_is_sold_by_an_invoice_made_by_hand` |
//! | one-time item inside a subscription session | `invoiced::a_one_time_item_inside_a_subscription_session_is_bought_once` |
//! | the tenth-plus active entitlement | `invoiced::more_than_ten_features_do_not_depend_on_stripes_summary_of_ten` |
//! | a purchase, refunded | `crate::story::a_purchase_is_the_same_call_and_its_refund_takes_it_back` |
//! | a second live subscription to the same plan | `crate::story::a_second_live_subscription_to_the_same_plan_is_refused` |

mod delayed;
mod disputes;
mod invoiced;
mod payers;
mod refunds;
pub mod shop;
