//! Stories of subscriptions' lives through the whole service, at instants that each story chooses.
//!
//! | story | test |
//! |---|---|
//! | a trial converts, its event is 20 s late | `trial::a_trial_converts_and_its_event_comes_20_seconds_late_and_there_is_never_a_no` |
//! | … an hour late | `trial::a_trial_converts_and_its_event_comes_an_hour_late_and_there_is_never_a_no` |
//! | … the only card is the customer's, Stripe away | `trial::a_trial_that_would_be_canceled_without_a_card_converts_by_the_customers_own_while_stripe_is_away` |
//! | a trial ends, the first charge fails | `trial::a_trial_ends_and_its_first_charge_fails_and_there_is_no_grace_for_who_never_paid` |
//! | resumption whose payment fails | `trial::a_trial_without_a_card_pauses_and_a_resumption_whose_payment_fails_gives_nothing` |
//! | `pause_collection=void` | `trial::while_collection_is_paused_and_invoices_are_voided_access_is_kept` |
//! | annual base, monthly add-on fails | `payment::a_monthly_add_on_whose_payment_fails_does_not_take_the_base_that_is_paid_for_a_year` |
//! | seats 5 → 500, invoice declined | `payment::after_a_change_from_5_seats_to_500_whose_invoice_is_declined_5_seats_count` |
//! | upgrade, 3-D Secure abandoned | `payment::an_upgrade_whose_3d_secure_is_abandoned_leaves_the_old_plan` |
//! | wrong VAT: voided, issued anew | `payment::an_invoice_with_the_wrong_vat_is_voided_and_issued_anew_and_nobody_is_locked_out` |
//! | price raised with `transfer_lookup_key` | `change::a_price_is_raised_by_moving_its_lookup_key_and_who_pays_the_old_one_keeps_the_plan` |
//! | archived price | `change::an_archived_price_is_kept_by_who_pays_it_and_sold_to_nobody` |
//! | item moved outside the catalog | `change::an_item_that_is_moved_to_a_product_outside_the_catalog_gives_nothing_and_back_again_does` |
//! | downgrade by schedule | `change::a_downgrade_that_is_scheduled_for_the_periods_end_changes_nothing_before` |
//! | un-cancelled a minute before the end | `change::who_takes_the_cancellation_back_one_minute_before_the_end_keeps_access_though_the_event_is_late` |
//! | an API version of the future | `future::an_event_of_an_api_version_of_the_future_is_read_for_what_it_says` |
//! | a status that is not known | `future::a_status_that_is_not_known_keeps_what_was_and_gives_nothing_new` |
//! | more than ten items | `future::the_twelfth_item_of_a_subscription_counts_though_stripe_shows_ten` |
//! | renewals of which nothing is heard | `story::a_renewal_of_which_nothing_is_heard_takes_nothing_away` |
//! | Stripe away over a renewal and a week | `story::an_outage_over_a_renewal_takes_nothing_away_however_long_it_lasts` |
//! | a key of another account | `account::a_rotated_key_of_another_account_is_refused_and_the_one_before_stays` |

mod change;
mod future;
mod life;
mod payment;
mod trial;
