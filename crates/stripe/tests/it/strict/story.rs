//! A story in which every kind of object comes to be in every state that async-stripe has a word for and the simulator
//! reaches. Each line is a step: a request (method, path, form), or what a person, a bank or the time does. `{price}` is
//! an object of the kind or with that tag, `{+3}` the instant in three days.

pub fn steps() -> impl Iterator<Item = &'static str> {
    STORY.lines().filter(|line| !line.is_empty())
}

pub const STORY: &str = "
GET /v1/account
POST /v1/webhook_endpoints url=http://app.test/hook&enabled_events[]=*
POST /v1/products name=Team&metadata[tag]=team&description=Seats&images[]=http://a.test/1.png&marketing_features[0][name]=Fast&unit_label=seat
POST /v1/prices product={product}&currency=usd&unit_amount=2000&recurring[interval]=month&lookup_key=monthly&metadata[tag]=monthly
POST /v1/prices product={product}&currency=usd&unit_amount=900&recurring[interval]=month&metadata[tag]=cheap
POST /v1/prices product={product}&currency=usd&unit_amount=300&recurring[interval]=week&recurring[interval_count]=2&nickname=Fortnight&metadata[tag]=fortnight
POST /v1/prices product={product}&currency=usd&unit_amount=20000&recurring[interval]=year&metadata[tag]=yearly
POST /v1/prices product={product}&currency=usd&unit_amount=500&metadata[tag]=once
POST /v1/prices product={product}&currency=eur&unit_amount=500&metadata[tag]=euro
POST /v1/products name=Report&default_price_data[currency]=usd&default_price_data[unit_amount]=700
GET /v1/products/{product} expand[]=default_price
POST /v1/products name=Gone
DELETE /v1/products/{product}
POST /v1/entitlements/features lookup_key=sso&name=Sign-on
POST /v1/products name=Featured&metadata[tag]=featured
POST /v1/products/{featured}/features entitlement_feature={entitlements.feature}
GET /v1/entitlements/features
POST /v1/coupons percent_off=25&duration=repeating&duration_in_months=3&max_redemptions=9&name=Quarter&metadata[tag]=quarter
POST /v1/coupons amount_off=500&currency=usd&duration=once&metadata[tag]=five
POST /v1/coupons percent_off=100&duration=forever&metadata[tag]=free
POST /v1/coupons percent_off=10&duration=forever&redeem_by={+90}
POST /v1/coupons/{coupon} name=Ten
DELETE /v1/coupons/{coupon}
POST /v1/promotion_codes promotion[type]=coupon&promotion[coupon]={quarter}&code=QUARTER&expires_at={+30}&restrictions[minimum_amount]=100&restrictions[minimum_amount_currency]=usd
POST /v1/promotion_codes promotion[type]=coupon&promotion[coupon]={free}&code=FREE
POST /v1/promotion_codes/{promotion_code} metadata[a]=b
POST /v1/prices/{euro} nickname=Euro
GET /v1/promotion_codes expand[]=data.promotion.coupon

POST /v1/customers email=a@b.test&name=Ann&phone=123&metadata[tag]=ann&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa&address[country]=DE&preferred_locales[]=de&shipping[name]=Ann&shipping[address][line1]=Here
POST /v1/customers email=c@b.test&metadata[tag]=broke&payment_method=pm_card_chargeCustomerFail&invoice_settings[default_payment_method]=pm_card_chargeCustomerFail
POST /v1/customers email=n@b.test&metadata[tag]=cardless
POST /v1/customers/{ann}/balance_transactions amount=-300&currency=usd&description=Sorry
POST /v1/customers/{broke} balance=100
GET /v1/customers/{ann}/balance_transactions
GET /v1/customers/{ann}/payment_methods
POST /v1/payment_methods/pm_card_mastercard/attach customer={ann}
POST /v1/payment_methods/{payment_method} billing_details[name]=Ann&card[exp_month]=12
POST /v1/payment_methods/{payment_method}/detach
POST /v1/payment_methods type=sepa_debit&sepa_debit[iban]=DE89370400440532013000&billing_details[email]=a@b.test&billing_details[name]=Ann
POST /v1/payment_methods type=us_bank_account&us_bank_account[account_number]=000123456789&us_bank_account[routing_number]=110000000&us_bank_account[account_holder_type]=individual&billing_details[name]=Ann

POST /v1/subscriptions customer={ann}&items[0][price]={monthly}&items[0][quantity]=3&metadata[tag]=plain&cancel_at_period_end=true
POST /v1/subscriptions/{plain} cancel_at_period_end=false
POST /v1/subscriptions/{plain} cancel_at={+100}&cancellation_details[feedback]=unused&cancellation_details[comment]=Bye
POST /v1/subscriptions customer={ann}&items[0][price]={yearly}&trial_period_days=14&metadata[tag]=trial
POST /v1/subscriptions customer={cardless}&items[0][price]={monthly}&trial_period_days=3&trial_settings[end_behavior][missing_payment_method]=pause&metadata[tag]=pausing
POST /v1/subscriptions customer={cardless}&items[0][price]={monthly}&trial_period_days=3&trial_settings[end_behavior][missing_payment_method]=cancel
POST /v1/subscriptions customer={broke}&items[0][price]={monthly}&metadata[tag]=incomplete
POST /v1/subscriptions customer={ann}&items[0][price]={monthly}&payment_behavior=default_incomplete&payment_settings[save_default_payment_method]=on_subscription&metadata[tag]=waiting&expand[]=latest_invoice.payments
POST /v1/subscriptions customer={ann}&items[0][price]={monthly}&discounts[0][coupon]={quarter}&discounts[1][coupon]={five}&metadata[tag]=discounted&expand[]=discounts&expand[]=customer&expand[]=default_payment_method
POST /v1/subscriptions customer={ann}&items[0][price]={monthly}&billing_mode[type]=flexible&items[1][price]={fortnight}&metadata[tag]=mixed
POST /v1/subscriptions customer={ann}&items[0][price]={monthly}&billing_cycle_anchor={+10}&proration_behavior=create_prorations
POST /v1/subscriptions customer={ann}&items[0][price]={monthly}&collection_method=send_invoice&days_until_due=14&metadata[tag]=sent
POST /v1/subscriptions customer={ann}&items[0][price]={cheap}&metadata[tag]=paused
POST /v1/subscriptions/{paused} pause_collection[behavior]=keep_as_draft&pause_collection[resumes_at]={+20}
POST /v1/subscriptions/{paused} pause_collection[behavior]=mark_uncollectible
POST /v1/subscriptions/{paused} pause_collection[behavior]=void
POST /v1/subscriptions customer={ann}&items[0][price]={cheap}&metadata[tag]=changing
GET /v1/subscription_items subscription={changing}
POST /v1/subscription_items/{subscription_item} quantity=4&proration_behavior=create_prorations
POST /v1/subscription_items/{subscription_item} quantity=2&proration_behavior=create_prorations
GET /v1/invoiceitems
POST /v1/subscription_items subscription={changing}&price={monthly}&quantity=1&proration_behavior=none
DELETE /v1/subscription_items/{subscription_item}
POST /v1/subscriptions customer={ann}&items[0][price]={cheap}&metadata[tag]=pending
POST /v1/customers/{ann} invoice_settings[default_payment_method]=
advance 1
GET /v1/subscription_items subscription={pending}
POST /v1/subscriptions/{pending} items[0][id]={subscription_item}&items[0][quantity]=9&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete
POST /v1/payment_methods/pm_card_visa/attach customer={ann}
POST /v1/customers/{ann} invoice_settings[default_payment_method]={payment_method}

POST /v1/subscriptions customer={ann}&items[0][price]={cheap}&metadata[tag]=scheduled
POST /v1/subscription_schedules from_subscription={scheduled}&expand[]=subscription&expand[]=customer
POST /v1/subscription_schedules/{subscription_schedule} end_behavior=cancel&metadata[a]=b
GET /v1/subscriptions/{scheduled} expand[]=schedule&expand[]=latest_invoice
POST /v1/subscription_schedules/{subscription_schedule}/release
POST /v1/subscription_schedules from_subscription={scheduled}
POST /v1/subscription_schedules/{subscription_schedule}/cancel

POST /v1/customers email=p@b.test&metadata[tag]=paying&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa
POST /v1/subscriptions customer={paying}&items[0][price]={cheap}&metadata[tag]=applied
POST /v1/payment_methods/pm_card_chargeCustomerFail/attach customer={paying}
POST /v1/customers/{paying} invoice_settings[default_payment_method]={payment_method}
advance 1
GET /v1/subscription_items subscription={applied}
POST /v1/subscriptions/{applied} items[0][id]={subscription_item}&items[0][quantity]=9&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete
POST /v1/payment_methods/pm_card_visa/attach customer={paying}
POST /v1/customers/{paying} invoice_settings[default_payment_method]={payment_method}
GET /v1/subscriptions/{applied} expand[]=latest_invoice
POST /v1/invoices/{invoice}/pay
POST /v1/subscriptions customer={paying}&items[0][price]={cheap}&metadata[tag]=lapsing
POST /v1/subscription_schedules from_subscription={lapsing}
POST /v1/subscription_schedules/{subscription_schedule} end_behavior=cancel
POST /v1/subscriptions customer={paying}&items[0][price]={cheap}&items[1][price]={monthly}
POST /v1/subscriptions customer={paying}&items[0][price]={monthly}&discounts[0][promotion_code]={promotion_code}&metadata[tag]=free_one
DELETE /v1/subscriptions/{free_one}/discount
POST /v1/products name=Granting&metadata[tag]=granting&default_price_data[currency]=usd&default_price_data[unit_amount]=700&default_price_data[recurring][interval]=month
POST /v1/products/{granting}/features entitlement_feature={entitlements.feature}
POST /v1/subscriptions customer={paying}&items[0][price]={price}
POST /v1/subscriptions customer={paying}&items[0][price]={monthly}&collection_method=send_invoice&days_until_due=1
POST /v1/customers email=3@b.test&metadata[tag]=secure&payment_method=pm_card_authenticationRequired&invoice_settings[default_payment_method]=pm_card_authenticationRequired
POST /v1/subscriptions customer={secure}&items[0][price]={monthly}

POST /v1/subscriptions customer={paying}&items[0][price]={cheap}&metadata[tag]=dropped
advance 1
GET /v1/subscription_items subscription={dropped}
POST /v1/subscription_items/{subscription_item} quantity=4
DELETE /v1/subscriptions/{dropped}

POST /v1/invoices/{invoice} description=Hello&metadata[a]=b
GET /v1/invoices limit=100&expand[]=data.payments&expand[]=data.customer&expand[]=data.discounts
GET /v1/invoice_payments expand[]=data.payment.payment_intent
DELETE /v1/subscriptions/{sent}

POST /v1/payment_intents amount=700&currency=usd&customer={ann}&setup_future_usage=off_session&description=Thing
POST /v1/payment_intents/{payment_intent} amount=800
POST /v1/payment_intents/{payment_intent}/confirm payment_method=pm_card_authenticationRequired&return_url=http://a.test
authenticate_intent {payment_intent} passed
POST /v1/refunds payment_intent={payment_intent}&amount=100&reason=requested_by_customer
GET /v1/charges expand[]=data.refunds&expand[]=data.payment_intent&expand[]=data.customer
POST /v1/payment_intents amount=700&currency=usd&customer={ann}&payment_method=pm_card_chargeDeclined
POST /v1/payment_intents/{payment_intent}/cancel cancellation_reason=abandoned
POST /v1/payment_intents amount=700&currency=eur&payment_method_types[]=sepa_debit&customer={ann}
POST /v1/payment_intents amount=900&currency=usd&customer={ann}&payment_method=pm_card_createDispute&confirm=true&return_url=http://a.test
POST /v1/payment_intents amount=910&currency=usd&customer={ann}&payment_method=pm_card_createDisputeInquiry&confirm=true&return_url=http://a.test
POST /v1/payment_intents amount=920&currency=usd&customer={ann}&payment_method=pm_card_pendingRefund&confirm=true&return_url=http://a.test
POST /v1/refunds payment_intent={payment_intent}
POST /v1/payment_intents amount=930&currency=usd&customer={ann}&payment_method=pm_card_refundFail&confirm=true&return_url=http://a.test
POST /v1/refunds payment_intent={payment_intent}
advance 1
GET /v1/disputes expand[]=data.charge&expand[]=data.payment_intent
POST /v1/disputes/{dispute} evidence[uncategorized_text]=winning_evidence
POST /v1/payment_intents amount=940&currency=usd&customer={ann}&payment_method=pm_card_visa&confirm=true&return_url=http://a.test
dispute {charge} now
POST /v1/disputes/{dispute} evidence[product_description]=A&submit=false
POST /v1/disputes/{dispute} evidence[product_description]=A
win {dispute}
POST /v1/payment_intents amount=950&currency=usd&customer={ann}&payment_method=pm_card_visa&confirm=true&return_url=http://a.test
dispute {charge} now
POST /v1/disputes/{dispute}/close

POST /v1/payment_intents amount=960&currency=usd&customer={ann}&payment_method=pm_card_visa&confirm=true&return_url=http://a.test
dispute {charge} inquiry
POST /v1/disputes/{dispute} evidence[product_description]=A
close {dispute}
POST /v1/payment_intents amount=970&currency=usd&customer={ann}&payment_method=pm_card_visa&confirm=true&return_url=http://a.test
dispute {charge} inquiry
POST /v1/disputes/{dispute} evidence[uncategorized_text]=escalate_inquiry_evidence
advance 1

POST /v1/setup_intents customer={ann}&usage=off_session
POST /v1/setup_intents/{setup_intent}/confirm payment_method=pm_card_authenticationRequired&return_url=http://a.test
authenticate_setup {setup_intent} passed
GET /v1/setup_intents expand[]=data.payment_method&expand[]=data.customer
POST /v1/setup_intents customer={ann}&payment_method=pm_card_authenticationRequired&confirm=true&return_url=http://a.test
authenticate_setup {setup_intent} failed
POST /v1/setup_intents customer={ann}&payment_method=pm_card_visa
POST /v1/setup_intents/{setup_intent}/cancel

POST /v1/checkout/sessions mode=subscription&customer={ann}&line_items[0][price]={monthly}&line_items[0][quantity]=2&line_items[0][adjustable_quantity][enabled]=true&success_url=http://a.test&cancel_url=http://b.test&allow_promotion_codes=true&client_reference_id=x&locale=de
code {checkout.session} QUARTER
enter {checkout.session} pm_card_visa
GET /v1/checkout/sessions/{checkout.session} expand[]=line_items&expand[]=customer&expand[]=subscription&expand[]=invoice
POST /v1/checkout/sessions mode=subscription&customer_email=t@b.test&line_items[0][price]={monthly}&subscription_data[trial_period_days]=7&subscription_data[trial_settings][end_behavior][missing_payment_method]=pause&payment_method_collection=if_required&success_url=http://a.test
enter {checkout.session} pm_card_visa
POST /v1/checkout/sessions mode=payment&line_items[0][price]={once}&success_url=http://a.test&submit_type=donate&payment_intent_data[setup_future_usage]=off_session&customer_creation=always&custom_text[submit][message]=Hi
decline {checkout.session}
enter {checkout.session} pm_card_authenticationRequired
authenticate {checkout.session} passed
POST /v1/checkout/sessions mode=payment&line_items[0][price]={euro}&success_url=http://a.test&payment_method_types[]=sepa_debit&customer_email=s@b.test
enter {checkout.session} pm_success_de
POST /v1/checkout/sessions mode=payment&line_items[0][price]={euro}&success_url=http://a.test&payment_method_types[]=sepa_debit&customer_email=s@b.test
enter {checkout.session} pm_failedDelayed_de
advance 14
GET /v1/checkout/sessions/{checkout.session} expand[]=payment_intent.latest_charge&expand[]=line_items
POST /v1/checkout/sessions mode=payment&line_items[0][price]={once}&success_url=http://a.test&payment_method_types[]=us_bank_account&payment_method_types[]=card&customer={ann}
enter {checkout.session} pm_usBankAccount_success
POST /v1/checkout/sessions mode=payment&line_items[0][price]={once}&success_url=http://a.test&customer={ann}&discounts[0][coupon]={free}
enter {checkout.session} pm_card_visa
POST /v1/checkout/sessions mode=setup&success_url=http://a.test&customer={ann}&setup_intent_data[metadata][a]=b
enter {checkout.session} pm_card_visa
GET /v1/checkout/sessions/{checkout.session} expand[]=setup_intent
POST /v1/checkout/sessions mode=payment&line_items[0][price]={once}&success_url=http://a.test
POST /v1/checkout/sessions/{checkout.session}/expire
GET /v1/checkout/sessions/{checkout.session}/line_items

POST /v1/billing_portal/configurations features[invoice_history][enabled]=true&features[customer_update][enabled]=true&features[customer_update][allowed_updates][]=email&features[payment_method_update][enabled]=true&features[subscription_cancel][enabled]=true&features[subscription_cancel][cancellation_reason][enabled]=true&features[subscription_cancel][cancellation_reason][options][]=unused&business_profile[headline]=Hi
POST /v1/billing_portal/configurations/{billing_portal.configuration} default_return_url=http://a.test&features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][]=quantity&features[subscription_update][products][0][product]={team}&features[subscription_update][products][0][prices][0]={monthly}
POST /v1/billing_portal/sessions customer={ann}&return_url=http://a.test&configuration={billing_portal.configuration}&locale=de
POST /v1/billing_portal/sessions customer={ann}&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]={changing}&flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=http://a.test
POST /v1/billing_portal/sessions customer={ann}&flow_data[type]=payment_method_update

POST /v1/customers email=h@b.test&metadata[tag]=hand&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa
POST /v1/invoiceitems customer={hand}&amount=900&currency=usd&description=Hours&metadata[a]=b
POST /v1/invoiceitems customer={hand}&pricing[price]={once}&quantity=2&period[start]={+0}&period[end]={+3}
POST /v1/invoiceitems/{invoiceitem} quantity=3&description=More
POST /v1/invoiceitems customer={hand}&price_data[currency]=usd&price_data[product]={team}&price_data[unit_amount]=250
DELETE /v1/invoiceitems/{invoiceitem}
POST /v1/invoices customer={hand}&pending_invoice_items_behavior=include&discounts[0][coupon]={quarter}&description=Work&metadata[a]=b&expand[]=customer
POST /v1/invoiceitems customer={hand}&invoice={invoice}&amount=-100&currency=usd
GET /v1/invoices/{invoice}/lines
POST /v1/invoices/{invoice} discounts[0][coupon]={five}&auto_advance=true&expand[]=discounts
POST /v1/invoices/{invoice}/finalize
GET /v1/invoiceitems customer={hand}&expand[]=data.invoice
POST /v1/invoices/{invoice}/pay expand[]=payments
POST /v1/invoices customer={hand}&collection_method=send_invoice&days_until_due=9
POST /v1/invoiceitems customer={hand}&invoice={invoice}&unit_amount_decimal=70&currency=usd&quantity=3
DELETE /v1/invoices/{invoice}
POST /v1/subscriptions customer={hand}&items[0][price_data][currency]=usd&items[0][price_data][product]={team}&items[0][price_data][unit_amount]=800&items[0][price_data][recurring][interval]=month&metadata[tag]=inline
POST /v1/subscriptions/{inline} add_invoice_items[0][price]={once}&add_invoice_items[1][price_data][currency]=usd&add_invoice_items[1][price_data][product]={team}&add_invoice_items[1][price_data][unit_amount]=30&expand[]=latest_invoice
POST /v1/subscriptions customer={hand}&items[0][price]={cheap}&add_invoice_items[0][price]={once}&expand[]=latest_invoice
POST /v1/subscription_schedules customer={hand}&start_date={+3}&phases[0][items][0][price]={cheap}&phases[0][duration][interval]=month&phases[1][items][0][price]={monthly}&end_behavior=cancel&metadata[a]=b
POST /v1/subscription_schedules customer={hand}&start_date=now&phases[0][items][0][price]={cheap}&phases[0][duration][interval]=week&expand[]=subscription
POST /v1/subscription_schedules customer={hand}&start_date={+9}&phases[0][items][0][price]={cheap}&phases[0][duration][interval]=week
POST /v1/subscription_schedules/{subscription_schedule}/cancel
GET /v1/subscription_schedules customer={hand}

POST /v1/test_helpers/test_clocks frozen_time={+0}&name=Year
POST /v1/customers test_clock={test_helpers.test_clock}&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa&metadata[tag]=clocked
POST /v1/subscriptions customer={clocked}&items[0][price]={monthly}
POST /v1/test_helpers/test_clocks/{test_helpers.test_clock}/advance frozen_time={+40}
advance 1
GET /v1/test_helpers/test_clocks
DELETE /v1/test_helpers/test_clocks/{test_helpers.test_clock}

advance 5
POST /v1/subscriptions/{pausing}/resume billing_cycle_anchor=now
advance 30
GET /v1/subscriptions status=all&limit=100&expand[]=data.latest_invoice&expand[]=data.customer
POST /v1/customers/{ann} invoice_settings[default_payment_method]=
advance 35
advance 10
GET /v1/invoices status=open&limit=100
POST /v1/invoices/{invoice}/mark_uncollectible
GET /v1/invoices status=open&limit=100
POST /v1/invoices/{invoice}/void
GET /v1/invoices status=open&limit=100
POST /v1/invoices/{invoice}/pay paid_out_of_band=true
GET /v1/customers/{ann}/balance_transactions
DELETE /v1/products/{granting}/features/{product_feature}
DELETE /v1/customers/{cardless}
GET /v1/customers/{cardless}
GET /v1/events limit=100
";

/// Which are there besides the kinds themselves: what a status, mode, type or method says, and what else is not empty.
pub const STATES: &[&str] = &[
    "charge failed",
    "charge pending",
    "charge succeeded",
    "charge with failure_code",
    "charge with refunds",
    "checkout.session complete",
    "checkout.session expired",
    "checkout.session open",
    "checkout.session payment",
    "checkout.session setup",
    "checkout.session subscription",
    "checkout.session with custom_text",
    "checkout.session with discounts",
    "checkout.session with line_items",
    "coupon with amount_off",
    "coupon with duration_in_months",
    "coupon with percent_off",
    "coupon with redeem_by",
    "customer with address",
    "customer with shipping",
    "customer_balance_transaction adjustment",
    "customer_balance_transaction applied_to_invoice",
    "discount with promotion_code",
    "dispute lost",
    "dispute needs_response",
    "dispute under_review",
    "dispute warning_closed",
    "dispute warning_needs_response",
    "dispute warning_under_review",
    "dispute won",
    "event checkout.session.async_payment_failed",
    "event checkout.session.async_payment_succeeded",
    "event customer.subscription.pending_update_applied",
    "event customer.subscription.pending_update_expired",
    "event customer.subscription.trial_will_end",
    "event entitlements.active_entitlement_summary.updated",
    "event invoice.deleted",
    "event invoice.overdue",
    "event invoice.payment_action_required",
    "event invoice.sent",
    "event invoiceitem.deleted",
    "event price.updated",
    "event setup_intent.setup_failed",
    "event test_helpers.test_clock.ready",
    "invoice draft",
    "invoice manual",
    "invoice open",
    "invoice paid",
    "invoice send_invoice",
    "invoice uncollectible",
    "invoice void",
    "invoice with discounts",
    "invoice with due_date",
    "invoice with next_payment_attempt",
    "invoice with payments",
    "invoice with total_discount_amounts",
    "invoice_payment canceled",
    "invoice_payment open",
    "invoice_payment paid",
    "line_item with discount_amounts",
    "payment_intent canceled",
    "payment_intent processing",
    "payment_intent requires_action",
    "payment_intent requires_confirmation",
    "payment_intent requires_payment_method",
    "payment_intent succeeded",
    "payment_intent with last_payment_error",
    "payment_intent with next_action",
    "payment_method card",
    "payment_method sepa_debit",
    "payment_method us_bank_account",
    "price one_time",
    "price recurring",
    "product with marketing_features",
    "promotion_code with expires_at",
    "promotion_code with restrictions",
    "refund failed",
    "refund pending",
    "refund succeeded",
    "setup_intent canceled",
    "setup_intent requires_action",
    "setup_intent requires_confirmation",
    "setup_intent requires_payment_method",
    "setup_intent succeeded",
    "setup_intent with last_setup_error",
    "subscription active",
    "subscription canceled",
    "subscription incomplete",
    "subscription incomplete_expired",
    "subscription past_due",
    "subscription paused",
    "subscription send_invoice",
    "subscription trialing",
    "subscription with cancel_at",
    "subscription with days_until_due",
    "subscription with default_payment_method",
    "subscription with discounts",
    "subscription with pause_collection",
    "subscription with pending_update",
    "subscription with schedule",
    "subscription with trial_end",
    "subscription_schedule active",
    "subscription_schedule canceled",
    "subscription_schedule completed",
    "subscription_schedule not_started",
    "subscription_schedule released",
    "test_helpers.test_clock advancing",
    "test_helpers.test_clock ready",
];
