// Products, prices, lookup keys, coupons and promotion codes; lists longer than a page.
const { Stripe } = require("./shop.cjs");

async function productsAndPrices(shop) {
  const { stripe } = shop;
  const product = await stripe.products.create({ name: "Team", metadata: { tier: "2", old: "x" } });
  shop.equal([product.object, product.active, product.metadata], ["product", true, { tier: "2", old: "x" }], "a product is made");
  const changed = await stripe.products.update(product.id, { name: "Team+", metadata: { old: "", new: "y" } });
  shop.equal(changed.metadata, { new: "y", tier: "2" }, "metadata is merged, and an empty value takes a key away");
  const monthly = await shop.price(product.id, 2000, "month", { lookup_key: "js_team" });
  shop.equal([monthly.type, monthly.recurring.interval, monthly.recurring.interval_count], ["recurring", "month", 1], "a price recurs");
  shop.equal(String(monthly.unit_amount_decimal), "2000", "its amount is also told as a decimal");
  const once = await shop.price(product.id, 500, null);
  shop.equal([once.type, once.recurring], ["one_time", null], "a price without an interval is paid once");
  await shop.refused("StripeInvalidRequestError", "a lookup key of another price",
    () => shop.price(product.id, 2500, "month", { lookup_key: "js_team" }), { statusCode: 400, param: "lookup_key" });
  const moved = await shop.price(product.id, 2500, "month", { lookup_key: "js_team", transfer_lookup_key: true });
  const listed = await stripe.prices.list({ lookup_keys: ["js_team"], expand: ["data.product"] });
  shop.equal(listed.data.map((it) => [it.id, it.product.name]), [[moved.id, "Team+"]], "a lookup key is moved; a list expands");
  shop.equal((await stripe.prices.update(monthly.id, { active: false })).active, false, "a price is archived");
  const active = await stripe.prices.list({ product: product.id, active: true });
  shop.equal(active.data.map((it) => it.id), [moved.id, once.id], "an archived price is not in the list of active ones");
}

async function coupons(shop) {
  const { stripe } = shop;
  const percent = await stripe.coupons.create({ percent_off: 25, duration: "repeating", duration_in_months: 3, name: "Spring" });
  shop.equal([percent.percent_off, percent.duration_in_months, percent.valid], [25, 3, true], "a coupon by percent");
  const amount = await stripe.coupons.create({ amount_off: 300, currency: "usd", duration: "once", id: "js_three_off" });
  shop.equal([amount.id, amount.amount_off], ["js_three_off", 300], "a coupon by amount, with an id of its own");
  await shop.refused("StripeInvalidRequestError", "a coupon that takes nothing off",
    () => stripe.coupons.create({ duration: "once" }), { statusCode: 400 });
  // `promotion` took the place of `coupon` in 2025-09-30.clover.
  const modern = Number(Stripe.PACKAGE_VERSION.split(".")[0]) >= 19;
  const of = modern ? { promotion: { type: "coupon", coupon: amount.id } } : { coupon: amount.id };
  const code = await stripe.promotionCodes.create({ ...of, code: "JSTHREE", max_redemptions: 5 });
  shop.equal([code.code, code.active, code.times_redeemed], ["JSTHREE", true, 0], "a promotion code");
  const found = await stripe.promotionCodes.list({ code: "JSTHREE" });
  shop.equal(found.data.map((it) => it.id), [code.id], "a promotion code is found by what customers type");
  return code;
}

async function pagination(shop) {
  const { stripe } = shop;
  const made = [];
  for (let at = 0; at < 120; at += 1) made.push((await stripe.customers.create({ email: "many@js.example" })).id);
  const email = "many@js.example";
  const forward = [];
  for await (const customer of stripe.customers.list({ email, limit: 50 })) forward.push(customer.id);
  shop.equal(forward, made.toReversed(), "120 customers, newest first, by auto-pagination");
  const back = await stripe.customers.list({ email, limit: 50, ending_before: made[0] }).autoPagingToArray({ limit: 1000 });
  shop.equal(back.map((it) => it.id).toSorted(), made.slice(1).toSorted(), "and backwards from the oldest");
  await shop.refused("StripeInvalidRequestError", "a page of 101", () => stripe.customers.list({ limit: 101 }), { statusCode: 400, param: "limit" });
  await shop.refused("StripeInvalidRequestError", "a cursor that is no customer",
    () => stripe.customers.list({ starting_after: "cus_none" }), { param: "starting_after", code: "resource_missing" });
}

module.exports = { productsAndPrices, coupons, pagination };
