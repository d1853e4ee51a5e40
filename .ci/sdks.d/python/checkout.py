"""Checkout in its three modes, paid through the hosted page."""

import stripe

from shop import Page

BACK = "https://shop.example/back?session={CHECKOUT_SESSION_ID}"


def payment(shop):
    v1 = shop.v1
    price = shop.price(shop.product("Poster"), 1500, None).id
    order = {"mode": "payment", "line_items": [{"price": price, "quantity": 2}], "success_url": BACK,
             "cancel_url": "https://shop.example/cart", "client_reference_id": "order-7", "metadata": {"order": "7"},
             "payment_intent_data": {"metadata": {"order": "7"}}, "customer_email": "ada@buyers.example"}
    session = v1.checkout.sessions.create(order)
    shop.equal((session.status, session.payment_status, session.amount_total), ("open", "unpaid", 3000), "a session is open")
    shop.equal(Page(session.url).link("Back"), "https://shop.example/cart", "its page leads back to the cart")
    again = shop.pays(session.url, "Pay", "4000 0000 0000 0002")
    shop.expect("declined" in Page(again).text, "the page says that a card is declined", again)
    shop.equal(v1.checkout.sessions.retrieve(session.id).status, "open", "a declined card leaves the session open")
    shop.equal(shop.pays(session.url, "Pay"), BACK.format(CHECKOUT_SESSION_ID=session.id), "Pay leads to the shop, with the session")
    paid = v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge", "line_items"]})
    shop.equal((paid.status, paid.payment_status, paid.client_reference_id), ("complete", "paid", "order-7"), "it is paid")
    intent = paid.payment_intent
    shop.equal((intent.status, intent.amount_received, intent.metadata["order"]), ("succeeded", 3000, "7"), "by its intent")
    shop.equal((intent.latest_charge.paid, intent.latest_charge.amount), (True, 3000), "and its charge, expanded through it")
    shop.equal(paid.line_items.data[0].quantity, 2, "line items can be expanded")
    lines = v1.checkout.sessions.line_items.list(session.id)
    shop.equal([(it.price.id, it.amount_total) for it in lines.data], [(price, 3000)], "and have a route of their own")
    found = v1.checkout.sessions.list({"payment_intent": intent.id})
    shop.equal([it.id for it in found.data], [session.id], "a session is found by its intent")
    return intent.id


def expires(shop):
    v1 = shop.v1
    price = shop.price(shop.product("Late"), 1500, None).id
    session = v1.checkout.sessions.create({"mode": "payment", "line_items": [{"price": price, "quantity": 1}], "success_url": BACK})
    shop.equal(v1.checkout.sessions.expire(session.id).status, "expired", "a session can be expired")
    shop.refused(stripe.InvalidRequestError, "to expire it again", lambda: v1.checkout.sessions.expire(session.id), http_status=400)


def subscription(shop):
    v1 = shop.v1
    price = shop.price(shop.product("Plan"), 2000).id
    customer = v1.customers.create({"email": "grace@buyers.example", "name": "Grace"}).id
    session = v1.checkout.sessions.create({
        "mode": "subscription", "customer": customer, "line_items": [{"price": price, "quantity": 3}], "success_url": BACK,
        "subscription_data": {"metadata": {"team": "navy"}}})
    shop.equal((session.amount_total, session.subscription), (6000, None), "nothing is subscribed before it is paid")
    shop.pays(session.url, "Subscribe")
    paid = v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription.latest_invoice", "customer"]})
    subscribed = paid.subscription
    shop.equal((paid.customer.name, paid.payment_status), ("Grace", "paid"), "the customer can be expanded")
    shop.equal((subscribed.status, subscribed.metadata["team"]), ("active", "navy"), "the subscription is active")
    shop.equal(subscribed["items"].data[0].quantity, 3, "of what was ordered")
    shop.equal((subscribed.latest_invoice.status, subscribed.latest_invoice.amount_paid), ("paid", 6000), "its invoice is paid")
    shop.equal([it.id for it in v1.subscriptions.list({"customer": customer}).data], [subscribed.id], "and listed by customer")


def trial(shop):
    v1 = shop.v1
    price = shop.price(shop.product("Tried"), 2000).id
    session = v1.checkout.sessions.create({
        "mode": "subscription", "line_items": [{"price": price, "quantity": 1}], "success_url": BACK,
        "subscription_data": {"trial_period_days": 14}})
    shop.equal(session.amount_total, 0, "nothing is due while it is tried")
    shop.pays(session.url, "Subscribe")
    paid = v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    shop.equal((paid.payment_status, paid.subscription.status), ("no_payment_required", "trialing"), "a trial begins")
    shop.equal(paid.subscription.trial_end - paid.subscription.trial_start, 14 * 86_400, "of 14 days")
    ended = v1.subscriptions.cancel(paid.subscription.id)
    shop.equal((ended.status, ended.ended_at), ("canceled", ended.canceled_at), "canceled at once, it has ended")


def setup(shop):
    v1 = shop.v1
    customer = v1.customers.create({"email": "setup@buyers.example"}).id
    session = v1.checkout.sessions.create({
        "mode": "setup", "customer": customer, "success_url": BACK, "payment_method_types": ["card"]})
    shop.pays(session.url, "Save")
    done = v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent.payment_method"]})
    method = done.setup_intent.payment_method
    shop.equal((done.status, done.payment_status), ("complete", "no_payment_required"), "a set-up is complete and costs nothing")
    shop.equal((done.setup_intent.status, method.customer), ("succeeded", customer), "its method is the customer's")
    shop.equal([it.id for it in v1.customers.payment_methods.list(customer).data], [method.id], "and is listed there")


def promotion(shop, code):
    v1 = shop.v1
    price = shop.price(shop.product("Cheaper"), 2000).id
    session = v1.checkout.sessions.create({
        "mode": "subscription", "line_items": [{"price": price, "quantity": 1}], "success_url": BACK,
        "discounts": [{"promotion_code": code.id}]})
    shop.equal((session.amount_subtotal, session.amount_total), (2000, 1700), "a promotion code takes 3.00 off")
    shop.pays(session.url, "Subscribe")
    paid = v1.checkout.sessions.retrieve(session.id, {"expand": ["invoice"]})
    shop.equal((paid.total_details.amount_discount, paid.invoice.amount_paid), (300, 1700), "and off the invoice")
    shop.equal(v1.promotion_codes.retrieve(code.id).times_redeemed, 1, "it was redeemed once")
