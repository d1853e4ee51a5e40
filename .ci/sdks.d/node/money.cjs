// Refunds, and disputes that are won and lost.
const { until } = require("./shop.cjs");

async function refunds(shop, payment_intent) {
  const { stripe } = shop;
  const part = await stripe.refunds.create({ payment_intent, amount: 1000, reason: "requested_by_customer" });
  shop.equal([part.status, part.amount], ["succeeded", 1000], "a part is refunded");
  const charge = (await stripe.paymentIntents.retrieve(payment_intent, { expand: ["latest_charge"] })).latest_charge;
  shop.equal([charge.amount_refunded, charge.refunded], [1000, false], "its charge says how much");
  await shop.refused("StripeInvalidRequestError", "more than is left",
    () => stripe.refunds.create({ payment_intent, amount: 2001 }), { statusCode: 400, param: "amount" });
  shop.equal((await stripe.refunds.create({ charge: charge.id })).amount, 2000, "without an amount the rest is refunded");
  shop.equal((await stripe.charges.retrieve(charge.id)).refunded, true, "then the charge is refunded whole");
  await shop.refused("StripeInvalidRequestError", "a refund of nothing",
    () => stripe.refunds.create({ charge: charge.id }), { statusCode: 400, code: "charge_already_refunded" });
}

async function disputes(shop) {
  const { stripe } = shop;
  const order = { amount: 4000, currency: "usd", confirm: true, payment_method_types: ["card"] };
  for (const [evidence, outcome] of [["winning_evidence", "won"], ["losing_evidence", "lost"]]) {
    const intent = await stripe.paymentIntents.create({ ...order, payment_method: "pm_card_createDispute" });
    const [dispute] = await until("a dispute", async () => {
      const found = (await stripe.disputes.list({ payment_intent: intent.id })).data;
      return found.length > 0 && found;
    });
    shop.equal([dispute.status, dispute.amount, dispute.reason], ["needs_response", 4000, "fraudulent"], "a charge is disputed");
    await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: evidence }, submit: true });
    await until(outcome, async () => (await stripe.disputes.retrieve(dispute.id)).status === outcome);
    shop.expect(true, `with ${evidence} it is ${outcome}`);
  }
  const declined = await shop.refused("StripeCardError", "a declined card",
    () => stripe.paymentIntents.create({ ...order, payment_method: "pm_card_visa_chargeDeclined" }), { statusCode: 402, code: "card_declined" });
  shop.equal(declined.payment_intent.status, "requires_payment_method", "the error holds the intent");
}

module.exports = { refunds, disputes };
