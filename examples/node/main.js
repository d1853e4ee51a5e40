// Sells with Tollgate, asks it, follows it. README.md has the commands.
import { promisify } from 'node:util';
import { connect, isCredentialRefused, isOurMistake, reason } from './client.js';
import { Customers } from './customers.js';
import { follow } from './watch.js';

// Who is let through when Tollgate is not heard and nothing is known of the customer. Decide it before the outage.
const DECLARED = { seats: true, sso: true, support: true, audit_report: false };
const USAGE = 'checkout CUSTOMER LOOKUP_KEY QUANTITY REQUEST_ID | check CUSTOMER FEATURE [AMOUNT] | watch CUSTOMER…';

async function checkout({ client, header }, customer, lookupKey, quantity, requestId) {
  const request = {
    customer,
    requestId, // keep it with the order: however often it is retried, it is one checkout
    lineItems: [{ lookupKey, quantity }],
    successUrl: 'https://shop.example/back?checkout={CHECKOUT_SESSION_ID}',
  };
  const answer = await promisify(client.createCheckout.bind(client))(request, header);
  console.log(answer.checkout.url);
  return 0;
}

async function check({ client, header }, customer, feature, amount = '0') {
  let allowed, text;
  try {
    const request = { customer, feature, requiredAmount: amount };
    // Its deadline is in service_config.json.
    const answer = await promisify(client.checkEntitlement.bind(client))(request, header);
    allowed = answer.allowed;
    text = `${answer.entitlement.reason} (asked)`;
  } catch (error) {
    if (isOurMistake(error) || error.code === undefined) throw error;
    // The rest is an outage and no customer's fault: what was known last stands, else what was declared.
    if (isCredentialRefused(error)) console.error('ALARM: Tollgate refuses our credential:', reason(error));
    const known = new Customers(process.env.TOLLGATE_STATE).answer(customer, feature);
    if (known) {
      const enough = known.value !== 'limit' || known.limit.unlimited || BigInt(known.limit.amount) >= BigInt(amount);
      allowed = known.access === 'ACCESS_GRANTED' && enough;
      text = `${known.reason} (last known: ${reason(error)})`;
    } else {
      allowed = DECLARED[feature] ?? false;
      text = `(declared: ${reason(error)})`;
    }
  }
  console.log(allowed ? 'yes:' : 'no:', text);
  return allowed ? 0 : 3;
}

const commands = { checkout: [checkout, 4, 4], check: [check, 2, 3], watch: [follow, 1, 1000] };
const [name, ...given] = process.argv.slice(2);
const [command, least, most] = commands[name] ?? [];
if (!command || given.length < least || given.length > most) {
  console.error(USAGE);
  process.exit(64);
}
try {
  process.exit(await command(connect(), ...given));
} catch (error) {
  console.error(error.code === undefined ? error : `${reason(error)}: ${error.details}`);
  process.exit(1);
}
