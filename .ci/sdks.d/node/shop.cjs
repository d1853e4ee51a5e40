// What every chapter needs: the client, the simulator's controls, pages pressed as a browser does, and counted checks.
const http = require("node:http");
const { isDeepStrictEqual: same, inspect } = require("node:util");
const library = require("stripe");
const Stripe = library.Stripe ?? library.default ?? library;

class Wrong extends Error {}

const attribute = (tag, name) => unescape(tag.match(new RegExp(`\\b${name}=(?:"([^"]*)"|([^\\s>]+))`))?.slice(1).find((it) => it !== undefined) ?? "");
const told = (html, label) => unescape(html.replace(/<[^>]*>/g, "")).trim().startsWith(label);

// Where the first link of that label leads.
async function link(url, label) {
  const page = await (await fetch(url)).text();
  for (const [, tag, text] of page.matchAll(/<a\s([^>]*)>(.*?)<\/a>/gs)) {
    if (told(text, label)) return new URL(attribute(tag, "href"), url).href;
  }
  throw new Wrong(`no link ${label} at ${url}:\n${page}`);
}

// Fills in and sends the first form that has a button of that label; where the browser is sent then.
async function press(url, label, fields = {}) {
  const page = await (await fetch(url)).text();
  for (const [, form, inside] of page.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)) {
    for (const [, tag, text] of inside.matchAll(/<button([^>]*)>(.*?)<\/button>/gs)) {
      if (!told(text, label)) continue;
      const body = new URLSearchParams();
      for (const [input] of inside.matchAll(/<input[^>]*>/g)) {
        const chosen = !["checkbox", "radio"].includes(attribute(input, "type")) || /\schecked\b/.test(input);
        if (chosen) body.set(attribute(input, "name"), attribute(input, "value"));
      }
      for (const [name, value] of Object.entries(fields)) if (body.has(name)) body.set(name, value);
      if (attribute(tag, "name")) body.set(attribute(tag, "name"), attribute(tag, "value"));
      const done = await fetch(new URL(attribute(form, "action") || url, url), { method: "POST", body, redirect: "manual" });
      if (![302, 303].includes(done.status)) throw new Wrong(`${url} answers ${done.status}: ${await done.text()}`);
      return new URL(done.headers.get("location"), url).href;
    }
  }
  throw new Wrong(`no button ${label} at ${url}:\n${page}`);
}

function unescape(text) {
  const known = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" };
  return text.replace(/&(lt|gt|quot|#39|amp);/g, (it) => known[it]);
}

async function until(what, ask) {
  const end = Date.now() + 30_000;
  while (Date.now() < end) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Wrong(`not in time: ${what}`);
}

// A place that webhooks are delivered to: their bodies and signatures, and a say in how they are answered.
class Receiver {
  deliveries = [];
  refuse = 0;

  async open() {
    this.server = http.createServer((request, response) => {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const refused = this.refuse > 0;
        if (refused) this.refuse -= 1;
        const body = Buffer.concat(parts);
        this.deliveries.push({ body, event: JSON.parse(body), signature: request.headers["stripe-signature"], refused });
        response.writeHead(refused ? 500 : 200).end();
      });
    });
    await new Promise((done) => this.server.listen(0, "127.0.0.1", done));
    this.url = `http://127.0.0.1:${this.server.address().port}/hook`;
    return this;
  }

  // The deliveries of a type, when there are so many.
  of(type, count = 1) {
    return until(`${count} × ${type}`, () => {
      const found = this.deliveries.filter((it) => it.event.type === type);
      return found.length >= count && found;
    });
  }
}

class Shop {
  checks = 0;

  constructor(base) {
    this.base = base;
    this.stripe = this.connect();
  }

  connect(key = "sk_test_sdks", options = {}) {
    const { hostname: host, port } = new URL(this.base);
    return new Stripe(key, { host, port, protocol: "http", maxNetworkRetries: 2, telemetry: false, ...options });
  }

  async ask(method, what, body) {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${this.base}/_simulator/${what}`, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Wrong(`${what}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  control(what, body) {
    return this.ask("POST", what, body);
  }

  // As somebody does who types the number of a card.
  pays(url, label, card = "4242 4242 4242 4242") {
    return press(url, label, { email: "ada@js.example", card });
  }

  expect(right, what, got = "") {
    if (!right) throw new Wrong(`${what}: ${inspect(got)}`);
    this.checks += 1;
    console.log(`ok: ${what}`);
  }

  equal(got, wanted, what) {
    this.expect(same(got, wanted), what, { got, wanted });
  }

  // `act` must be refused with exactly this class of error, and these properties.
  async refused(type, what, act, properties = {}) {
    let done;
    try {
      done = await act();
    } catch (error) {
      this.equal(error.constructor === Stripe.errors[type] && error.type, type, `${what} is a ${type}`);
      for (const [name, wanted] of Object.entries(properties)) this.equal(error[name], wanted, `${what}: its ${name} is ${wanted}`);
      return error;
    }
    throw new Wrong(`${what} was not refused: ${inspect(done)}`);
  }

  async product(name) {
    return (await this.stripe.products.create({ name })).id;
  }

  async price(product, unit_amount, interval = "month", more = {}) {
    const recurring = interval && { interval };
    return this.stripe.prices.create({ product, currency: "usd", unit_amount, ...(recurring && { recurring }), ...more });
  }
}

module.exports = { Stripe, Shop, Wrong, Receiver, link, press, until };
