// Called by .ci/sdks with the simulator's address and, for the short story, `smoke`.
const { Stripe, Shop, Wrong } = require("./shop.cjs");
const catalog = require("./catalog.cjs");
const checkout = require("./checkout.cjs");
const hooks = require("./hooks.cjs");
const money = require("./money.cjs");
const { portal } = require("./portal.cjs");
const robust = require("./robust.cjs");
const { year } = require("./year.cjs");

const [base, ...rest] = process.argv.slice(2);
const short = rest.join() === "smoke";
const shop = new Shop(base);
const failures = [];
const began = performance.now();

// What it hands on to later ones; a failure is told and does not stop the others.
async function chapter(act, ...given) {
  console.log(`-- ${act.name}`);
  try {
    return await act(shop, ...given);
  } catch (error) {
    failures.push(act.name);
    console.log(`wrong: ${act.name}: ${error instanceof Wrong ? error.message : error.stack}`);
  }
}

async function main() {
  await chapter(catalog.productsAndPrices);
  const intent = await chapter(checkout.payment);
  await chapter(checkout.subscription);
  await chapter(money.refunds, intent);
  await chapter(checkout.promotion, await chapter(catalog.coupons));
  await chapter(robust.errors);
  await chapter(robust.idempotency);
  await chapter(robust.retries);
  await chapter(hooks.webhooks);
  if (!short) {
    await chapter(catalog.pagination);
    await chapter(checkout.setup);
    await chapter(year);
    await chapter(portal);
    await chapter(money.disputes);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`Node stripe ${Stripe.PACKAGE_VERSION}: ${shop.checks} checks hold, ${seconds} s`);
  if (failures.length > 0) console.error(`not as Stripe is: ${failures.join(", ")}`);
  // Connections that the SDK keeps open would hold the process up.
  process.exit(failures.length > 0 ? 1 : 0);
}

main();
