// Errors by class, retries that make nothing twice, rate limits.
const { randomUUID } = require("node:crypto");

async function errors(shop) {
  const { stripe } = shop;
  await shop.refused("StripeAuthenticationError", "no key that is known", () => shop.connect("sk_test_other").customers.list(), { statusCode: 401 });
  const missing = await shop.refused("StripeInvalidRequestError", "a customer that is not there",
    () => stripe.customers.retrieve("cus_none"), { statusCode: 404, code: "resource_missing", param: "id", message: "No such customer: 'cus_none'" });
  shop.expect(missing.requestId.startsWith("req_"), "it has the request's id", missing.requestId);
  await shop.refused("StripeInvalidRequestError", "a parameter that Stripe has not",
    () => stripe.customers.create({ emial: "a@b.example" }), { statusCode: 400, code: "parameter_unknown", param: "emial" });
  await shop.refused("StripeInvalidRequestError", "a parameter that is missing",
    () => stripe.prices.create({ unit_amount: 5 }), { statusCode: 400, code: "parameter_missing", param: "currency" });
  const customer = (await stripe.customers.create({
    payment_method: "pm_card_visa", invoice_settings: { default_payment_method: "pm_card_visa" },
  })).id;
  await shop.control("next_payment", { customer, outcome: "fail" });
  const price = (await shop.price(await shop.product("Refused"), 900)).id;
  await shop.refused("StripeCardError", "a card that is declined",
    () => stripe.subscriptions.create({ customer, items: [{ price }], payment_behavior: "error_if_incomplete" }),
    { statusCode: 402, code: "card_declined", decline_code: "generic_decline" });
}

async function idempotency(shop) {
  const { customers } = shop.stripe;
  const idempotencyKey = randomUUID();
  const email = `${idempotencyKey}@once.example`;
  const first = await customers.create({ email }, { idempotencyKey });
  const again = await customers.create({ email }, { idempotencyKey });
  shop.equal(again.id, first.id, "the same key gives the same customer");
  shop.equal(again.lastResponse.headers["idempotent-replayed"], "true", "the answer says that it is a repetition");
  await shop.refused("StripeIdempotencyError", "the same key for something else",
    () => customers.create({ email: "other@once.example" }, { idempotencyKey }), { statusCode: 400 });
  shop.equal((await customers.list({ email })).data.length, 1, "there is one customer");
}

async function retries(shop) {
  const { customers } = shop.stripe;
  const one = async (email, what, adversity) => {
    await shop.control("adversity", { path: "/v1/customers", method: "POST", ...adversity });
    const made = await customers.create({ email });
    const found = await customers.list({ email });
    shop.equal(found.data.map((it) => it.id), [made.id], `${what}: the retry makes no second customer`);
    await shop.ask("DELETE", "adversity");
  };
  await one("conflict@js.example", "409 lock timeout", { requests: 1, status: 409 });
  await one("lock@js.example", "429 lock timeout", { requests: 1, status: 429, code: "lock_timeout" });
  await one("reset@js.example", "the connection is reset after it took effect", { requests: 1, reset: true, took_effect: true });
  await one("before@js.example", "the connection is reset before it did", { requests: 1, reset: true });
  await one("twice@js.example", "twice in a row", { requests: 2, status: 409 });
  await shop.control("adversity", { path: "/v1/customers", method: "GET", requests: 2, status: 503 });
  shop.equal((await customers.list({ limit: 1 })).data.length, 1, "two 503 of a list are tried again");
  await shop.control("adversity", { path: "/v1/customers", method: "POST", requests: 1, status: 500 });
  await shop.refused("StripeAPIError", "a 500 that is kept under its idempotency key",
    () => customers.create({ email: "kept@js.example" }), { statusCode: 500 });
  shop.equal((await customers.list({ email: "kept@js.example" })).data.length, 0, "it made no customer");
  const impatient = shop.connect(undefined, { maxNetworkRetries: 0 });
  await shop.control("adversity", { path: "/v1/customers", requests: 1, status: 429 });
  await shop.refused("StripeRateLimitError", "too many requests", () => impatient.customers.list(), { statusCode: 429, code: "rate_limit" });
}

module.exports = { errors, idempotency, retries };
