//! Prorations cancel out.

use proptest::prelude::*;

use crate::proration::{shop, subscribe, text};
use crate::support::call;

const DAY: i64 = 86_400;
const TERMS: [&str; 2] = ["create_prorations", "always_invoice"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_change_and_its_reverse_at_the_same_instant_cost_nothing(
        began in 1..40_u64,
        after in 0..31 * DAY,
        quantities in proptest::collection::vec(0..200_u64, 1..6),
        other_price in any::<bool>(),
        at_once in any::<bool>(),
    ) {
        let (mut core, customer, prices) = shop();
        let form = format!("customer={customer}&items[0][price]={}&items[0][quantity]={began}", prices[0]);
        let made = subscribe(&mut core, &form);
        core.advance(after);
        let path = format!("/v1/subscription_items/{}", text(&made["items"]["data"][0]["id"]));
        let terms = TERMS[usize::from(at_once)];
        let price = &prices[usize::from(other_price)];
        let owed = core.get(&customer).unwrap()["balance"].as_i64().unwrap();
        let from = core.events(0).len();
        for quantity in quantities.iter().chain([&began]) {
            let price = if *quantity == began { &prices[0] } else { price };
            call(&mut core, "POST", &path, &format!("price={price}&quantity={quantity}&proration_behavior={terms}"));
        }
        let amounts = core.events(from).iter().filter(|event| event.kind == "invoiceitem.created");
        let amounts = amounts.map(|event| event.to_json()["data"]["object"]["amount"].as_i64().unwrap());
        prop_assert_eq!(amounts.sum::<i64>(), 0);
        let paid = core.events(from).iter().filter(|event| event.kind == "invoice.paid");
        let paid = paid.map(|event| event.to_json()["data"]["object"]["amount_paid"].as_i64().unwrap());
        let credit = core.get(&customer).unwrap()["balance"].as_i64().unwrap() - owed;
        prop_assert_eq!(paid.sum::<i64>() + credit, 0, "what was paid is a credit");
    }
}
