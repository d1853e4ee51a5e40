// Checkout in its three modes, paid through the hosted page.
const { link } = require("./shop.cjs");

const success_url = "https://shop.example/back?session={CHECKOUT_SESSION_ID}";

async function payment(shop) {
  const { sessions } = shop.stripe.checkout;
  const price = (await shop.price(await shop.product("Poster"), 1500, null)).id;
  const session = await sessions.create({
    mode: "payment", line_items: [{ price, quantity: 2 }], success_url, cancel_url: "https://shop.example/cart",
    client_reference_id: "order-7", metadata: { order: "7" }, payment_intent_data: { metadata: { order: "7" } },
  });
  shop.equal([session.status, session.payment_status, session.amount_total], ["open", "unpaid", 3000], "a session is open");
  shop.equal(await link(session.url, "Back"), "https://shop.example/cart", "its page leads back to the cart");
  shop.equal(await shop.pays(session.url, "Pay"), success_url.replace("{CHECKOUT_SESSION_ID}", session.id), "Pay leads to the shop");
  const paid = await sessions.retrieve(session.id, { expand: ["payment_intent.latest_charge", "line_items"] });
  shop.equal([paid.status, paid.payment_status, paid.client_reference_id], ["complete", "paid", "order-7"], "it is paid");
  const intent = paid.payment_intent;
  shop.equal([intent.status, intent.amount_received, intent.metadata], ["succeeded", 3000, { order: "7" }], "by its intent");
  shop.equal([intent.latest_charge.paid, intent.latest_charge.amount], [true, 3000], "and its charge, expanded through it");
  const lines = await sessions.listLineItems(session.id);
  shop.equal(lines.data.map((it) => [it.price.id, it.quantity, it.amount_total]), [[price, 2, 3000]], "line items have their route");
  return intent.id;
}

async function subscription(shop) {
  const { stripe } = shop;
  const price = (await shop.price(await shop.product("Plan"), 2000)).id;
  const customer = (await stripe.customers.create({ email: "grace@js.example", name: "Grace" })).id;
  const session = await stripe.checkout.sessions.create({
    mode: "subscription", customer, line_items: [{ price, quantity: 3 }], success_url, subscription_data: { metadata: { team: "navy" } },
  });
  await shop.pays(session.url, "Subscribe");
  const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ["subscription.latest_invoice", "customer"] });
  const made = paid.subscription;
  shop.equal([paid.customer.name, made.status, made.metadata.team], ["Grace", "active", "navy"], "the subscription is active");
  shop.equal([made.items.data[0].quantity, made.latest_invoice.amount_paid], [3, 6000], "what was ordered is paid");
}

async function setup(shop) {
  const { stripe } = shop;
  const customer = (await stripe.customers.create({ email: "setup@js.example" })).id;
  const session = await stripe.checkout.sessions.create({ mode: "setup", customer, success_url, payment_method_types: ["card"] });
  await shop.pays(session.url, "Save");
  const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ["setup_intent.payment_method"] });
  const method = done.setup_intent.payment_method;
  shop.equal([done.status, done.payment_status], ["complete", "no_payment_required"], "a set-up is complete and costs nothing");
  shop.equal([done.setup_intent.status, method.customer], ["succeeded", customer], "its method is the customer's");
}

async function promotion(shop, code) {
  const { stripe } = shop;
  const price = (await shop.price(await shop.product("Cheaper"), 2000)).id;
  const session = await stripe.checkout.sessions.create({
    mode: "subscription", line_items: [{ price, quantity: 1 }], success_url, discounts: [{ promotion_code: code.id }],
  });
  shop.equal([session.amount_subtotal, session.amount_total], [2000, 1700], "a promotion code takes 3.00 off");
  await shop.pays(session.url, "Subscribe");
  const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ["invoice"] });
  shop.equal([paid.total_details.amount_discount, paid.invoice.amount_paid], [300, 1700], "and off the invoice");
  shop.equal((await stripe.promotionCodes.retrieve(code.id)).times_redeemed, 1, "it was redeemed once");
}

module.exports = { payment, subscription, setup, promotion };
