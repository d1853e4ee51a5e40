// Webhooks as they are really delivered, verified by the SDK's own code.
const { Receiver } = require("./shop.cjs");

async function webhooks(shop) {
  const { stripe } = shop;
  const receiver = await new Receiver().open();
  const enabled_events = ["customer.created", "customer.updated"];
  const endpoint = await stripe.webhookEndpoints.create({ url: receiver.url, enabled_events });
  shop.equal((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret, undefined, "an endpoint's secret is told once");
  const customer = await stripe.customers.create({ name: "Hooked" }, { idempotencyKey: "node-hooked" });
  const [{ body, signature }] = await receiver.of("customer.created");
  const event = stripe.webhooks.constructEvent(body, signature, endpoint.secret);
  shop.equal([event.data.object.id, event.request.idempotency_key], [customer.id, "node-hooked"], "a delivered event is verified");
  const later = await stripe.webhooks.constructEventAsync(body.toString(), signature, endpoint.secret);
  shop.equal(later.id, event.id, "also by the other cryptography that it has");
  shop.equal((await stripe.events.retrieve(event.id)).data.object.name, "Hooked", "it can be fetched");
  const last = signature.endsWith("0") ? "1" : "0";
  for (const [what, ...delivered] of [
    ["another secret", body, signature, "whsec_other"],
    ["another body", `${body} `, signature, endpoint.secret],
    ["a changed signature", body, signature.slice(0, -1) + last, endpoint.secret],
  ]) {
    await shop.refused("StripeSignatureVerificationError", what, () => stripe.webhooks.constructEvent(...delivered));
  }
  await stripe.customers.update(customer.id, { name: "Renamed" });
  const [update] = await receiver.of("customer.updated");
  shop.equal(stripe.webhooks.constructEvent(update.body, update.signature, endpoint.secret).data.previous_attributes.name, "Hooked", "an update says what was before");
  receiver.refuse = 2;
  await stripe.customers.update(customer.id, { phone: "555" });
  const tries = (await receiver.of("customer.updated", 4)).slice(1);
  shop.equal(new Set(tries.map((it) => it.event.id)).size, 1, "what is not taken comes again");
  shop.equal(tries.map((it) => it.refused), [true, true, false], "until it is");
  const { secret } = await shop.control("roll_secret", { endpoint: endpoint.id, seconds: 3600 });
  await stripe.customers.update(customer.id, { phone: "556" });
  const both = (await receiver.of("customer.updated", 5))[4];
  for (const one of [endpoint.secret, secret]) {
    shop.equal(stripe.webhooks.constructEvent(both.body, both.signature, one).id, both.event.id, "a rolled secret and the old one hold");
  }
  await shop.control("advance", { seconds: 3601 });
  await stripe.customers.update(customer.id, { phone: "557" });
  const one = (await receiver.of("customer.updated", 6))[5];
  shop.equal(stripe.webhooks.constructEvent(one.body, one.signature, secret).id, one.event.id, "later the new one holds");
  await shop.refused("StripeSignatureVerificationError", "the old secret then",
    () => stripe.webhooks.constructEvent(one.body, one.signature, endpoint.secret));
  shop.equal((await stripe.webhookEndpoints.update(endpoint.id, { disabled: true })).status, "disabled", "an endpoint can be disabled");
  shop.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true, "and deleted");
  receiver.server.close();
}

module.exports = { webhooks };
