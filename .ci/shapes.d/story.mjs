// A life of an account in which every kind of object comes to be.

import { sink } from './client.mjs';

const DAY = 86_400;

// Lists by themselves; of each element what is put in full, in the newest version's names.
const LISTS = {
  '/v1/customers': ['subscriptions'],
  '/v1/products': [],
  '/v1/prices': ['product'],
  '/v1/checkout/sessions': ['line_items', 'customer', 'subscription', 'payment_intent'],
  '/v1/coupons': [],
  '/v1/promotion_codes': ['customer', 'promotion.coupon'],
  '/v1/subscriptions': ['customer', 'latest_invoice', 'default_payment_method', 'discounts', 'schedule'],
  '/v1/subscription_schedules': ['customer', 'subscription'],
  '/v1/invoiceitems': ['customer'],
  '/v1/invoices': ['customer', 'payments', 'discounts'],
  '/v1/charges': ['refunds', 'payment_intent', 'customer'],
  '/v1/payment_intents': ['latest_charge', 'customer', 'payment_method'],
  '/v1/refunds': ['charge', 'payment_intent'],
  '/v1/disputes': ['charge', 'payment_intent'],
  '/v1/setup_intents': ['customer', 'payment_method'],
  '/v1/events': [],
  '/v1/webhook_endpoints': [],
  '/v1/billing_portal/configurations': [],
  '/v1/entitlements/features': [],
  '/v1/test_helpers/test_clocks': [],
};

// Which lists have an element of their own, by the parent's.
const LISTS_OF = {
  '/v1/checkout/sessions': ['line_items'],
  '/v1/products': ['features'],
  '/v1/customers': ['payment_methods', 'balance_transactions'],
};

// Of these the list leaves some out unless it is asked for them.
const ALL = { '/v1/subscriptions': { status: 'all' } };

// What does not exist in older versions, or has another name there.
const SINCE = { payments: '2025-03-31.basil', 'promotion.coupon': '2025-09-30.clover' };

export class Story {
  constructor(client) {
    this.client = client;
    this.answers = [];
    this.events = new Set();
  }

  // In steps, so that no event leaves the list, which goes back 30 days, before it was seen there.
  async advance(days) {
    for (let left = days; left > 0; left -= 20) {
      await this.client.control('advance', { seconds: Math.min(left, 20) * DAY });
      for (const event of await this.pages('/v1/events')) this.events.add(event.id);
    }
  }

  async post(path, parameters) {
    const answer = await this.client.post(path, parameters);
    this.answers.push(answer);
    return answer;
  }

  async run(versions) {
    this.sink = await sink();
    for (const version of versions) {
      await this.post('/v1/webhook_endpoints', {
        url: `${this.sink.url}/${version}`, enabled_events: ['*'], api_version: version, description: version,
      });
    }
    await this.post('/v2/core/event_destinations', {
      name: 'Thin', type: 'webhook_endpoint', event_payload: 'thin', enabled_events: ['*'],
      webhook_endpoint: { url: `${this.sink.url}/thin` }, include: ['webhook_endpoint.url'],
    });
    await this.catalog();
    await this.subscriptions();
    await this.discounts();
    await this.changes();
    await this.purchases();
    await this.methods();
    await this.endings();
    await this.clock();
    await this.delivered(versions);
  }

  // Time of its own, for one customer.
  async clock() {
    const { now } = await this.client.control('clock');
    const clock = await this.post('/v1/test_helpers/test_clocks', { frozen_time: now, name: 'A month' });
    await this.post('/v1/customers', { test_clock: clock.id });
    await this.post(`/v1/test_helpers/test_clocks/${clock.id}/advance`, { frozen_time: now + 31 * DAY });
  }

  async catalog() {
    const { client } = this;
    const price = await this.post('/v1/prices', {
      currency: 'usd', unit_amount: 2000, recurring: { interval: 'month' }, lookup_key: 'team_monthly',
      nickname: 'Monthly', product_data: { name: 'Team' }, metadata: { plan: 'team' },
    });
    this.monthly = price.id;
    this.yearly = (await this.post('/v1/prices', {
      currency: 'usd', unit_amount: 20000, recurring: { interval: 'year' }, product: price.product,
    })).id;
    this.once = (await this.post('/v1/prices', { currency: 'usd', unit_amount: 500, product: price.product })).id;
    await this.post(`/v1/prices/${this.once}`, { nickname: 'Once' });
    const feature = await this.post('/v1/entitlements/features', { lookup_key: 'sso', name: 'Single sign-on' });
    await this.post(`/v1/products/${price.product}/features`, { entitlement_feature: feature.id });
    const configuration = await this.post('/v1/billing_portal/configurations', {
      features: { invoice_history: { enabled: true }, subscription_cancel: { enabled: true, mode: 'at_period_end' } },
    });
    await this.post(`/v1/billing_portal/configurations/${configuration.id}`, { active: false });
    await client.get('/v1/account');
  }

  async customer(card) {
    const customer = await this.post('/v1/customers', {
      email: 'a@example.com', name: 'Ada', metadata: { team: 'acme' }, payment_method: card,
      invoice_settings: { default_payment_method: card },
    });
    return customer.id;
  }

  async subscriptions() {
    const { client } = this;
    const happy = await this.customer('pm_card_visa');
    const active = await this.post('/v1/subscriptions', {
      customer: happy, items: [{ price: this.monthly, quantity: 3 }], metadata: { team: 'acme' },
    });
    await this.post('/v1/subscriptions', { customer: happy, items: [{ price: this.yearly }], trial_period_days: 14 });
    const sad = await this.customer('pm_card_chargeCustomerFail');
    await this.post('/v1/subscriptions', { customer: sad, items: [{ price: this.monthly }] });
    await this.advance(32);
    await client.control('next_payment', { customer: happy, outcome: 'fail' });
    await this.advance(31);
    await client.control('next_payment', { customer: happy, outcome: 'succeed' });
    await this.post(`/v1/subscriptions/${active.id}`, { cancel_at_period_end: true });
    await this.post('/v1/billing_portal/sessions', { customer: happy, return_url: 'https://example.com' });
    this.happy = happy;
    this.sad = sad;
  }

  async discounts() {
    const quarter = await this.post('/v1/coupons', {
      name: 'A quarter', percent_off: 25, duration: 'repeating', duration_in_months: 3, max_redemptions: 9,
    });
    const five = await this.post('/v1/coupons', { amount_off: 500, currency: 'usd', duration: 'once' });
    await this.post(`/v1/coupons/${five.id}`, { name: 'Five dollars' });
    this.code = await this.post('/v1/promotion_codes', {
      promotion: { type: 'coupon', coupon: quarter.id }, code: 'QUARTER',
    });
    await this.post('/v1/subscriptions', {
      customer: this.happy, items: [{ price: this.monthly }], discounts: [{ promotion_code: this.code.id }, { coupon: five.id }],
    });
    const gone = await this.post('/v1/coupons', { percent_off: 100, duration: 'forever' });
    this.answers.push(await this.client.send('DELETE', `/v1/coupons/${gone.id}`));
  }

  async changes() {
    const changing = await this.post('/v1/subscriptions', { customer: this.happy, items: [{ price: this.monthly }] });
    const item = { id: changing.items.data[0].id, quantity: 4 };
    await this.post(`/v1/subscriptions/${changing.id}`, { items: [item], proration_behavior: 'create_prorations' });
    await this.post(`/v1/subscriptions/${changing.id}`, { pause_collection: { behavior: 'void' } });
    await this.post('/v1/subscriptions', {
      customer: this.happy, items: [{ price: this.monthly }], collection_method: 'send_invoice', days_until_due: 14,
    });
    const scheduled = await this.post('/v1/subscriptions', { customer: this.happy, items: [{ price: this.monthly }] });
    await this.post('/v1/subscription_schedules', { from_subscription: scheduled.id });
    const intent = await this.post('/v1/payment_intents', { amount: 700, currency: 'usd', customer: this.happy });
    await this.post(`/v1/payment_intents/${intent.id}/confirm`, {
      payment_method: 'pm_card_authenticationRequired', return_url: 'https://example.com',
    });
    await this.post(`/v1/payment_intents/${intent.id}/cancel`);
  }

  async purchases() {
    const { client } = this;
    const subscribing = await this.post('/v1/checkout/sessions', {
      mode: 'subscription', customer: this.happy, line_items: [{ price: this.monthly, quantity: 2 }],
      success_url: 'https://example.com/done', cancel_url: 'https://example.com/back', allow_promotion_codes: true,
    });
    await client.press(subscribing.url, { outcome: 'pay' });
    const buying = await this.post('/v1/checkout/sessions', {
      mode: 'payment', customer: this.happy, line_items: [{ price: this.once, quantity: 1 }],
      success_url: 'https://example.com/done',
    });
    await client.press(buying.url, { outcome: 'pay', card: '4000000000000002' });
    await client.press(buying.url, { outcome: 'pay' });
    await this.post('/v1/checkout/sessions', {
      mode: 'payment', customer_email: 'b@example.com', line_items: [{ price: this.once, quantity: 1 }],
      success_url: 'https://example.com/done',
    });
    const paid = await client.get(`/v1/checkout/sessions/${buying.id}`);
    await this.post('/v1/refunds', { payment_intent: paid.payment_intent, amount: 200, reason: 'requested_by_customer' });
    const refund = await this.post('/v1/refunds', { payment_intent: paid.payment_intent });
    await client.control('fail_refund', { refund: refund.id });
  }

  async methods() {
    const saving = await this.post('/v1/setup_intents', { customer: this.happy, usage: 'off_session' });
    await this.post(`/v1/setup_intents/${saving.id}/confirm`, {
      payment_method: 'pm_card_visa', return_url: 'https://example.com',
    });
    const disputes = [];
    for (const card of ['pm_card_createDispute', 'pm_card_createDispute', 'pm_card_createDisputeInquiry']) {
      const paid = await this.post('/v1/payment_intents', {
        amount: 900, currency: 'usd', customer: this.happy, payment_method: card, confirm: true,
        return_url: 'https://example.com',
      });
      await this.advance(1);
      const { data: [dispute] } = await this.client.get('/v1/disputes', { payment_intent: paid.id });
      disputes.push(dispute.id);
    }
    const [won, lost] = disputes;
    await this.post(`/v1/disputes/${won}`, { evidence: { uncategorized_text: 'winning_evidence' }, submit: true });
    await this.post(`/v1/disputes/${lost}/close`);
    await this.post(`/v1/customers/${this.happy}/balance_transactions`, { amount: -300, currency: 'usd' });
  }

  async endings() {
    const { client } = this;
    await this.advance(40);
    this.answers.push(await client.send('DELETE', `/v1/customers/${this.sad}`));
  }

  // Waits until every endpoint has had every event.
  async delivered(versions) {
    for (const event of await this.pages('/v1/events')) this.events.add(event.id);
    const wanted = this.events.size;
    const done = () => [...versions, 'thin'].every((version) => (this.sink.taken.get(`/${version}`)?.size ?? 0) >= wanted);
    for (let tries = 0; !done(); tries += 1) {
      if (tries > 600) throw new Error('not every event was delivered');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async pages(path, parameters = {}, version = undefined) {
    const all = [];
    for (;;) {
      const after = all.length ? { starting_after: all.at(-1).id } : {};
      const page = await this.client.get(path, { limit: 100, ...parameters, ...after }, version);
      all.push(...page.data);
      if (!page.has_more) return all;
    }
  }

  // Everything that there is, as this version shows it.
  async documents(version) {
    const all = [...this.sink.taken.get(`/${version}`).values(), await this.client.get('/v1/account', {}, version)];
    for (const [path, expandable] of Object.entries(LISTS)) {
      const expand = expandable.filter((it) => !(SINCE[it] > version)).map((it) => `data.${it}`);
      const rows = await this.pages(path, { ...ALL[path], expand }, version);
      // An event that the list shows has the shapes of the account's version, whatever the request's is.
      all.push(...rows.filter((it) => it.object !== 'event' || it.api_version === version));
      for (const row of rows) {
        for (const name of LISTS_OF[path] ?? []) all.push(...await this.pages(`${path}/${row.id}/${name}`, {}, version));
      }
    }
    return all;
  }
}
