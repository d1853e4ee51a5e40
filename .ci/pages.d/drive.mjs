// Called by .ci/pages: a browser goes through the simulator's pages, and Stripe's API is asked what came of it.
import { createRequire } from "node:module";
import { join } from "node:path";
import { readFileSync } from "node:fs";

const { KIT, BASE, PICTURES, CHROMIUM } = process.env;
const require = createRequire(join(KIT, "/"));
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const only = process.argv[2];
const DAY = 86400;
const BACK = "http://127.0.0.1:9/back", LEFT = "http://127.0.0.1:9/left";
const CARD = "4242424242424242", DECLINED = "4000000000000002", ASKS = "4000002500003155";
const IBAN = "DE08370400440532013003", IBAN_FAILS = "DE78370400440532013004";
let checks = 0;

function expect(what, seen, wanted) {
  checks += 1;
  if (JSON.stringify(seen) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(seen)}, not ${JSON.stringify(wanted)}`);
}

async function ask(method, path, form = {}) {
  const body = new URLSearchParams(form);
  const url = BASE + path + (method === "GET" && [...body].length ? `?${body}` : "");
  const answer = await fetch(url, { method, headers: { authorization: "Bearer sk_test_pages" }, ...(method === "GET" ? {} : { body }) });
  const json = await answer.json();
  if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(json)}`);
  return json;
}
const get = (path, form) => ask("GET", path, form);
const post = (path, form) => ask("POST", path, form);
async function advance(seconds) {
  const answer = await fetch(`${BASE}/_simulator/advance`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ seconds }),
  });
  if (!answer.ok) throw new Error(`advance: ${answer.status}`);
}

const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--force-color-profile=srgb"] });
const WIDTHS = { desk: { width: 1200, height: 900 }, phone: { width: 360, height: 740, isMobile: true, hasTouch: true } };
let page, width, picture;

// What the person reads.
const words = () => page.$eval("main", main => main.innerText);
async function look(name) {
  picture += 1;
  await page.screenshot({ path: join(PICTURES, `${name}-${width}.png`), fullPage: true });
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
  expect(`${name}, ${width}: nothing sticks out to the right`, wide > 0 ? wide : 0, 0);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  expect(`${name}, ${width}: axe`, violations.map(each => `${each.id}: ${each.nodes[0].html}`), []);
  expect(`${name}, ${width}: it says what it is`, /simulator/i.test(await page.$eval("body", body => body.innerText)), true);
}
// What can be used by that name; a heading may have it too.
async function labelled(label) {
  await page.waitForSelector(`::-p-aria([name="${label}"])`, { timeout: 5000 }).catch(() => {});
  for (const found of await page.$$(`::-p-aria([name="${label}"])`)) {
    if (await found.evaluate(each => each.matches("a, button, input, select, summary"))) return found;
  }
  throw new Error(`there is no “${label}” on ${page.url()}:\n${await words()}`);
}
async function type(label, text) {
  const field = await labelled(label);
  await field.evaluate(input => (input.value = ""));
  await field.type(text);
}
// With the keyboard alone: the element has the focus, Enter or space does it.
async function press(label, key = "Enter") {
  const found = await labelled(label);
  await found.focus();
  expect(`“${label}” can have the focus`, await found.evaluate(each => each === document.activeElement), true);
  await page.keyboard.press(key);
}
async function go(label) {
  const arrived = page.waitForNavigation({ waitUntil: "load" }).catch(() => {});
  await press(label);
  await arrived;
}
// The shop is not there: where the browser was sent is enough.
async function sentTo(url) {
  await page.waitForFunction(() => true).catch(() => {});
  for (let turn = 0; turn < 100 && gone !== url; turn += 1) await new Promise(done => setTimeout(done, 50));
  expect("the browser was sent", gone, url);
}
let gone;

async function plan(amount, name, extra = {}) {
  const price = await post("/v1/prices", { currency: "eur", unit_amount: amount, "recurring[interval]": "month", "product_data[name]": name, ...extra });
  return price;
}
async function checkout(form) {
  const session = await post("/v1/checkout/sessions", { success_url: BACK, cancel_url: LEFT, ...form });
  await page.goto(session.url);
  return session.id;
}
const session = (id, ...expand) => get(`/v1/checkout/sessions/${id}`, Object.fromEntries(expand.map((each, at) => [`expand[${at}]`, each])));
async function customer(form = {}) {
  return (await post("/v1/customers", { email: "jenny@example.com", ...form })).id;
}
async function subscribed(price, extra = {}) {
  const who = await customer({ payment_method: "pm_card_visa", "invoice_settings[default_payment_method]": "pm_card_visa" });
  return post("/v1/subscriptions", { customer: who, "items[0][price]": price.id, ...extra });
}

async function portal(configuration, who, flow = {}) {
  const it = await post("/v1/billing_portal/sessions", { customer: who, configuration, return_url: BACK, ...flow });
  await page.goto(it.url);
}

const stories = {
  async "pays for a subscription"() {
    const price = await plan(2900, "Team");
    const id = await checkout({ mode: "subscription", "line_items[0][price]": price.id, "line_items[0][quantity]": 3 });
    expect("the total is there", (await words()).includes("87.00"), true);
    await look("checkout");
    await type("Email", "jenny@example.com");
    await type("Card number", CARD);
    await go("Subscribe");
    await sentTo(BACK);
    const it = await session(id, "subscription", "customer");
    expect("complete, paid", [it.status, it.payment_status, it.subscription.status], ["complete", "paid", "active"]);
    expect("the email was taken", it.customer_details.email, "jenny@example.com");
    await page.goto(it.url ?? `${BASE}/pay/${id}`);
    expect("it cannot be paid twice", /complete/i.test(await words()), true);
    await look("checkout-complete");
  },
  async "is declined, then pays"() {
    const price = await plan(1900, "Book", { "recurring[interval]": "year" });
    const id = await checkout({ mode: "subscription", "line_items[0][price]": price.id, "line_items[0][quantity]": 1, customer_email: "jenny@example.com" });
    await type("Card number", DECLINED);
    await go("Subscribe");
    expect("it says so", /declined/i.test(await words()), true);
    expect("still open", (await session(id)).status, "open");
    await look("checkout-declined");
    await type("Card number", CARD);
    await go("Subscribe");
    await sentTo(BACK);
    expect("paid", (await session(id)).payment_status, "paid");
  },
  async "authenticates, and does not"() {
    const price = await plan(1900, "Course");
    const one = { "line_items[0][price]": price.id, "line_items[0][quantity]": 1, mode: "subscription", customer_email: "jenny@example.com" };
    const id = await checkout(one);
    await type("Card number", ASKS);
    await go("Subscribe");
    await look("authenticate");
    await go("Fail");
    expect("it says so", /authenticat/i.test(await words()), true);
    expect("still open", (await session(id)).status, "open");
    await type("Card number", ASKS);
    await go("Subscribe");
    await go("Complete");
    await sentTo(BACK);
    expect("paid", (await session(id)).payment_status, "paid");
  },
  async "pays from a bank account that settles later, or not"() {
    const price = await post("/v1/prices", { currency: "eur", unit_amount: 50000, "product_data[name]": "Report" });
    for (const [iban, ends] of [[IBAN, "paid"], [IBAN_FAILS, "unpaid"]]) {
      const id = await checkout({
        mode: "payment", "line_items[0][price]": price.id, "line_items[0][quantity]": 1, customer_email: "jenny@example.com",
        "payment_method_types[0]": "card", "payment_method_types[1]": "sepa_debit",
      });
      await press("SEPA Direct Debit", "Space");
      await type("IBAN", iban);
      await look("checkout-bank");
      await go("Pay €500.00");
      await sentTo(BACK);
      expect("complete, not paid yet", [(await session(id)).status, (await session(id)).payment_status], ["complete", "unpaid"]);
      await advance(14 * DAY);
      expect("then", (await session(id)).payment_status, ends);
    }
  },
  async "redeems a promotion code for everything"() {
    const price = await plan(2900, "Team");
    const code = `FREEMONTH${width.toUpperCase()}`;
    const coupon = await post("/v1/coupons", { percent_off: 100, duration: "once" });
    await post("/v1/promotion_codes", { "promotion[type]": "coupon", "promotion[coupon]": coupon.id, code });
    const id = await checkout({
      mode: "subscription", "line_items[0][price]": price.id, "line_items[0][quantity]": 1, allow_promotion_codes: true,
      payment_method_collection: "if_required", customer_email: "jenny@example.com",
    });
    await type("Promotion code", "NOSUCHCODE");
    await go("Apply");
    expect("a wrong code is said to be", /invalid/i.test(await words()), true);
    await type("Promotion code", code);
    await go("Apply");
    expect("nothing is due", (await words()).includes("€0.00"), true);
    await look("checkout-promotion");
    await go("Subscribe");
    await sentTo(BACK);
    expect("no payment required", (await session(id)).payment_status, "no_payment_required");
  },
  async "changes the quantity, and saves a card"() {
    const price = await plan(1000, "Seats");
    const id = await checkout({
      mode: "subscription", "line_items[0][price]": price.id, "line_items[0][quantity]": 2, customer_email: "jenny@example.com",
      "line_items[0][adjustable_quantity][enabled]": true, "line_items[0][adjustable_quantity][maximum]": 10,
    });
    await type("Quantity of Seats", "5");
    await go("Update");
    expect("the total follows", (await words()).includes("€50.00"), true);
    await type("Card number", CARD);
    await go("Subscribe");
    await sentTo(BACK);
    expect("five", (await session(id, "line_items")).line_items.data[0].quantity, 5);
    const who = await customer();
    const setup = await checkout({ mode: "setup", customer: who });
    await look("checkout-setup");
    await type("Card number", CARD);
    await go("Save card");
    await sentTo(BACK);
    expect("complete", (await session(setup)).status, "complete");
    expect("the card is the customer's", (await get(`/v1/customers/${who}/payment_methods`)).data.length, 1);
  },
  async "goes away"() {
    const price = await plan(1000, "Team");
    const id = await checkout({ mode: "subscription", "line_items[0][price]": price.id, "line_items[0][quantity]": 1 });
    await go("Back to the shop");
    await sentTo(LEFT);
    expect("still open", (await session(id)).status, "open");
  },
  async "manages a subscription in the portal"() {
    const prices = [];
    for (const [name, amount] of [["Solo", 1000], ["Team", 3000]]) prices.push(await plan(amount, name));
    const features = {
      "features[subscription_update][enabled]": true, "features[subscription_update][default_allowed_updates][0]": "price",
      "features[subscription_update][default_allowed_updates][1]": "quantity", "features[subscription_update][proration_behavior]": "always_invoice",
      "features[subscription_update][schedule_at_period_end][conditions][0][type]": "decreasing_item_amount",
      "features[subscription_cancel][enabled]": true, "features[payment_method_update][enabled]": true, "features[invoice_history][enabled]": true,
    };
    prices.forEach((price, at) => {
      features[`features[subscription_update][products][${at}][product]`] = price.product;
      features[`features[subscription_update][products][${at}][prices][0]`] = price.id;
    });
    const { id: configuration } = await post("/v1/billing_portal/configurations", features);
    const subscription = await subscribed(prices[0]);
    const now = async () => get(`/v1/subscriptions/${subscription.id}`);
    await portal(configuration, subscription.customer);
    await look("portal");
    await go("Change plan");
    await look("portal-change");
    await press("Team", "Space");
    await type("Quantity", "4");
    await go("Continue");
    expect("what is due is said before", /due/i.test(await words()), true);
    await look("portal-confirm");
    await go("Confirm");
    let it = await now();
    expect("changed", [it.items.data[0].price.id, it.items.data[0].quantity, it.status], [prices[1].id, 4, "active"]);
    await go("Change plan");
    await press("Solo", "Space");
    await type("Quantity", "1");
    await go("Continue");
    await go("Confirm");
    it = await now();
    expect("a downgrade waits for the period's end", [it.items.data[0].price.id, typeof it.schedule], [prices[1].id, "string"]);
    await look("portal-scheduled");
    await advance(32 * DAY);
    it = await now();
    expect("then it comes", [it.items.data[0].price.id, it.items.data[0].quantity], [prices[0].id, 1]);
    await portal(configuration, subscription.customer);
    await go("Cancel plan");
    await look("portal-cancel");
    await go("Cancel plan");
    it = await now();
    expect("it ends", it.cancel_at !== null || it.cancel_at_period_end, true);
    await look("portal-canceled");
    await go("Keep plan");
    it = await now();
    expect("it goes on", [it.cancel_at, it.cancel_at_period_end], [null, false]);
    await go("Add card");
    await look("portal-card");
    await type("Card number", "5555555555554444");
    await go("Save card");
    const who = await get(`/v1/customers/${subscription.customer}`, { "expand[0]": "invoice_settings.default_payment_method" });
    expect("the card is the default", who.invoice_settings.default_payment_method.card.last4, "4444");
    expect("invoices are listed", /paid/i.test(await words()), true);
    const [invoice] = (await get("/v1/invoices", { customer: subscription.customer, limit: 1 })).data;
    await page.goto(invoice.hosted_invoice_url);
    await look("invoice");
    await portal(configuration, subscription.customer);
    await go("Back to the shop");
    await sentTo(BACK);
  },
  async "is led straight to canceling"() {
    const price = await plan(1000, "Solo");
    const subscription = await subscribed(price);
    const { id: configuration } = await post("/v1/billing_portal/configurations", { "features[subscription_cancel][enabled]": true });
    await portal(configuration, subscription.customer, {
      "flow_data[type]": "subscription_cancel", "flow_data[subscription_cancel][subscription]": subscription.id,
      "flow_data[after_completion][type]": "redirect", "flow_data[after_completion][redirect][return_url]": LEFT,
    });
    await go("Cancel plan");
    await sentTo(LEFT);
    const it = await get(`/v1/subscriptions/${subscription.id}`);
    expect("it ends", it.cancel_at !== null || it.cancel_at_period_end, true);
  },
};

let failed = 0;
const told = only === "smoke" ? Object.entries(stories).slice(0, 2) : Object.entries(stories).filter(([name]) => only === "all" || name.includes(only));
if (!told.length) throw new Error(`no story has “${only}” in its name`);
for (width of Object.keys(WIDTHS)) {
  for (const [name, story] of told) {
    const context = await browser.createBrowserContext();
    page = await context.newPage();
    page.setDefaultTimeout(15000);
    await page.setViewport(WIDTHS[width]);
    await page.setRequestInterception(true);
    gone = null;
    page.on("request", request => {
      if (request.url().startsWith(BASE) || request.url().startsWith("data:")) return request.continue();
      if (request.isNavigationRequest()) gone = request.url();
      return request.respond({ status: 200, contentType: "text/html", body: "<main>the shop</main>" });
    });
    const faults = [];
    page.on("pageerror", error => faults.push(String(error)));
    page.on("console", message => message.type() === "error" && faults.push(message.text()));
    const before = checks;
    picture = 0;
    try {
      await story();
      expect("the browser has nothing to complain of", faults.filter(each => !each.includes("402")), []);
      console.log(`ok: ${width}: ${name} (${checks - before} checks, ${picture} pictures)`);
    } catch (error) {
      failed += 1;
      await page.screenshot({ path: join(PICTURES, `FAILED-${name.replaceAll(/\W+/g, "-")}-${width}.png`), fullPage: true }).catch(() => {});
      console.log(`WRONG: ${width}: ${name}: ${error.message}`);
    }
    await context.close();
  }
}
await browser.close();
console.log(`${told.length} stories at ${Object.keys(WIDTHS).length} widths, ${checks} checks, ${failed} wrong`);
process.exit(failed ? 1 : 0);
