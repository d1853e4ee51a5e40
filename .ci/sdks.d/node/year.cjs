// A year of three customers on a test clock.
const { until } = require("./shop.cjs");

const HOUR = 3600;

// Months from 1.
function instant(month, day = 1, hour = 0, year = 2027) {
  return Date.UTC(year, month - 1, day, hour) / 1000;
}

class Clock {
  constructor(shop, id) {
    this.clocks = shop.stripe.testHelpers.testClocks;
    this.id = id;
  }

  static async start(shop) {
    const made = await shop.stripe.testHelpers.testClocks.create({ frozen_time: instant(1), name: "a year" });
    return new Clock(shop, made.id);
  }

  // It is advanced in the background, as Stripe does; done when it says that it is ready.
  async to(...when) {
    await this.clocks.advance(this.id, { frozen_time: instant(...when) });
    await until("the clock is there", async () => (await this.clocks.retrieve(this.id)).status === "ready");
  }

  // When the renewal's invoice is no draft any more.
  renewed(month, year = 2027) {
    return this.to(month, 1, 2, year);
  }
}

class Subscriber {
  static async start(shop, clock, name, price, quantity = 1) {
    const it = new Subscriber();
    Object.assign(it, { shop, stripe: shop.stripe });
    it.customer = (await shop.stripe.customers.create({
      name, test_clock: clock.id, payment_method: "pm_card_visa", invoice_settings: { default_payment_method: "pm_card_visa" },
    })).id;
    const made = await shop.stripe.subscriptions.create({ customer: it.customer, items: [{ price, quantity }], expand: ["latest_invoice"] });
    Object.assign(it, { id: made.id, item: made.items.data[0].id });
    shop.equal([made.status, made.latest_invoice.status], ["active", "paid"], `${name} subscribes and pays`);
    return it;
  }

  now() {
    return this.stripe.subscriptions.retrieve(this.id, { expand: ["latest_invoice"] });
  }

  // From now on this one is charged.
  async card(name) {
    const { id } = await this.stripe.paymentMethods.attach(name, { customer: this.customer });
    await this.stripe.customers.update(this.customer, { invoice_settings: { default_payment_method: id } });
  }

  async invoice() {
    return (await this.now()).latest_invoice;
  }

  invoices() {
    return this.stripe.invoices.list({ customer: this.customer, limit: 3 }).autoPagingToArray({ limit: 100 });
  }

  change(price, quantity, proration_behavior) {
    return this.stripe.subscriptions.update(this.id, { items: [{ id: this.item, price, quantity }], proration_behavior });
  }

  async paid(amount, what) {
    const invoice = await this.invoice();
    this.shop.equal([invoice.status, invoice.amount_paid], ["paid", amount], what);
  }
}

async function year(shop) {
  const { stripe } = shop;
  const clock = await Clock.start(shop);
  const product = await shop.product("A year");
  const small = (await shop.price(product, 2000)).id;
  const big = (await shop.price(product, 5000)).id;
  const yearly = (await shop.price(product, 30_000, "year")).id;
  const ada = await Subscriber.start(shop, clock, "Ada", small, 2);
  const eve = await Subscriber.start(shop, clock, "Eve", big);
  const old = await Subscriber.start(shop, clock, "Old", yearly);
  const shown = (await stripe.customers.list({ limit: 100 })).data.map((it) => it.id);
  shop.expect(!shown.includes(ada.customer), "a list hides a clock's customers");
  const found = (await stripe.customers.list({ test_clock: clock.id })).data.map((it) => it.id);
  shop.equal(found, [old.customer, eve.customer, ada.customer], "unless the clock is named");
  await clock.to(2, 1, 0);
  shop.equal((await ada.invoice()).status, "draft", "a renewal's invoice is a draft at first");
  await clock.renewed(2);
  await ada.paid(4000, "and paid an hour later");
  await clock.renewed(3);
  await dunning(shop, clock, ada, eve);
  await changes(clock, ada, small, big);
  await ends(shop, clock, ada);
  await clock.renewed(1, 2028);
  const invoices = await ada.invoices();
  shop.equal([invoices.length, invoices.reduce((sum, it) => sum + it.amount_paid, 0)], [11, 57_500], "Ada paid what the year costs");
  shop.equal((await old.invoices()).map((it) => it.amount_paid), [30_000, 30_000], "who pays by the year pays again after one");
  await stripe.testHelpers.testClocks.del(clock.id);
  shop.equal((await stripe.customers.retrieve(ada.customer)).deleted, true, "with the clock its customers go");
}

async function dunning(shop, clock, ada, eve) {
  await ada.card("pm_card_chargeCustomerFail");
  await eve.card("pm_card_chargeCustomerFail");
  await clock.renewed(4);
  const { status, latest_invoice: first } = await ada.now();
  shop.equal([status, first.status, first.attempt_count], ["past_due", "open", 1], "April's card is declined");
  const again = first.next_payment_attempt - instant(4, 2);
  shop.expect(again >= 0 && again <= 2 * HOUR, "it is tried again after a day", again);
  await clock.to(4, 2, 4);
  const second = await ada.invoice();
  shop.equal([second.attempt_count, second.amount_remaining], [2, 4000], "and declined again");
  await ada.card("pm_card_visa");
  const paid = await shop.stripe.invoices.pay(second.id);
  shop.equal([paid.status, (await ada.now()).status], ["paid", "active"], "another card pays it, and the subscription recovers");
  await clock.to(4, 20);
  const ended = await eve.now();
  shop.equal([ended.status, ended.cancellation_details.reason], ["canceled", "payment_failed"], "without one it ends");
  shop.equal(ended.latest_invoice.attempt_count, 4, "after four attempts");
}

async function changes(clock, ada, small, big) {
  await clock.renewed(5);
  await clock.to(5, 16, 12); // half of May is left
  await ada.change(big, 2, "always_invoice");
  await ada.paid(3000, "an upgrade in the middle of May costs half the difference at once");
  await clock.renewed(6);
  await ada.paid(10_000, "June costs the new price");
  await clock.to(6, 10); // 21 of 30 days are left
  await ada.change(big, 3, "create_prorations");
  await clock.renewed(7);
  await ada.paid(18_500, "July's invoice has what June's third seat cost");
  await clock.to(7, 10);
  await ada.change(small, 1, "none");
  await clock.renewed(8);
  await ada.paid(2000, "a downgrade without proration begins with August");
  await clock.renewed(9);
  await clock.renewed(10);
}

async function ends(shop, clock, ada) {
  const { subscriptions } = shop.stripe;
  await clock.to(10, 15);
  const going = await subscriptions.update(ada.id, { cancel_at_period_end: true });
  shop.equal([going.status, going.cancel_at], ["active", instant(11)], "canceled at the period's end, it is active until then");
  const staying = await subscriptions.update(ada.id, { cancel_at_period_end: false });
  shop.equal([staying.cancel_at, staying.canceled_at], [null, null], "that can be taken back");
  await subscriptions.update(ada.id, { cancel_at_period_end: true, cancellation_details: { feedback: "too_expensive" } });
  await clock.renewed(11);
  const gone = await ada.now();
  shop.equal([gone.status, gone.ended_at, gone.cancellation_details.feedback], ["canceled", instant(11), "too_expensive"], "it ends with October");
}

module.exports = { year };
