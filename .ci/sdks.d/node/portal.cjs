// The customer portal: what it offers, and what its page does.
const { link, press } = require("./shop.cjs");

const back = "https://shop.example/account";

async function portal(shop) {
  const { checkout, billingPortal, customers, subscriptions } = shop.stripe;
  const customer = (await customers.create({ email: "portal@js.example" })).id;
  const price = (await shop.price(await shop.product("Kept"), 2000)).id;
  const session = await checkout.sessions.create({ mode: "subscription", customer, line_items: [{ price, quantity: 1 }], success_url: back });
  await shop.pays(session.url, "Subscribe");
  const features = { subscription_cancel: { enabled: true, mode: "at_period_end" }, invoice_history: { enabled: true } };
  const configuration = await billingPortal.configurations.create({ features });
  shop.equal([configuration.features.subscription_cancel.mode, configuration.features.subscription_update.enabled],
    ["at_period_end", false], "a configuration offers what is said, and nothing else");
  const opened = await billingPortal.sessions.create({ customer, configuration: configuration.id, return_url: back });
  shop.equal([opened.customer, opened.configuration, opened.return_url], [customer, configuration.id, back], "a portal is opened");
  const { subscription } = await checkout.sessions.retrieve(session.id);
  await press(await link(opened.url, "Cancel plan"), "Cancel plan");
  const going = await subscriptions.retrieve(subscription);
  shop.expect(going.cancel_at && going.status === "active", "its page cancels at the period's end", going);
  await press(opened.url, "Keep");
  shop.equal((await subscriptions.retrieve(subscription)).cancel_at, null, "and takes that back");
}

module.exports = { portal };
