"""Errors by class, retries that make nothing twice, rate limits."""

import uuid

import stripe


def errors(shop):
    v1 = shop.v1
    shop.refused(stripe.AuthenticationError, "no key that is known",
                 lambda: shop.names(shop.connect("sk_test_other")).customers.list(), http_status=401)
    missing = shop.refused(stripe.InvalidRequestError, "a customer that is not there",
                           lambda: v1.customers.retrieve("cus_none"), http_status=404, code="resource_missing", param="id")
    shop.expect(missing.user_message == "No such customer: 'cus_none'", "it says which", missing.user_message)
    shop.expect(missing.request_id.startswith("req_"), "it has the request's id", missing.request_id)
    shop.refused(stripe.InvalidRequestError, "a parameter that Stripe has not",
                 lambda: v1.customers.create({"emial": "a@b.example"}), http_status=400, code="parameter_unknown", param="emial")
    shop.refused(stripe.InvalidRequestError, "a parameter that is missing",
                 lambda: v1.prices.create({"unit_amount": 5}), http_status=400, code="parameter_missing", param="currency")
    customer = v1.customers.create({
        "payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}).id
    shop.control("next_payment", customer=customer, outcome="fail")
    price = shop.price(shop.product("Refused"), 900).id
    declined = shop.refused(stripe.CardError, "a card that is declined", lambda: v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price}], "payment_behavior": "error_if_incomplete"}),
        http_status=402, code="card_declined")
    shop.equal(declined.error.decline_code, "generic_decline", "why the card was declined")


def idempotency(shop):
    v1, key = shop.v1, str(uuid.uuid4())
    email = f"{key}@once.example"
    first = v1.customers.create({"email": email}, {"idempotency_key": key})
    again = v1.customers.create({"email": email}, {"idempotency_key": key})
    shop.equal(again.id, first.id, "the same key gives the same customer")
    shop.equal(again.last_response.headers["idempotent-replayed"], "true", "the answer says that it is a repetition")
    shop.refused(stripe.IdempotencyError, "the same key for something else",
                 lambda: v1.customers.create({"email": "other@once.example"}, {"idempotency_key": key}), http_status=400)
    shop.equal(len(v1.customers.list({"email": email}).data), 1, "there is one customer")


def retries(shop):
    v1 = shop.v1

    def one(email, what, **adversity):
        shop.control("adversity", path="/v1/customers", method="POST", **adversity)
        made = v1.customers.create({"email": email})
        found = v1.customers.list({"email": email}).data
        shop.equal([it.id for it in found], [made.id], f"{what}: the retry makes no second customer")
        shop.ask("DELETE", "adversity")

    one("conflict@hundred.example", "409 lock timeout", requests=1, status=409)
    one("lock@hundred.example", "429 lock timeout", requests=1, status=429, code="lock_timeout")
    one("reset@net.example", "the connection is reset after it took effect", requests=1, reset=True, took_effect=True)
    one("before@net.example", "the connection is reset before it did", requests=1, reset=True)
    one("twice@hundred.example", "twice in a row", requests=2, status=409)
    shop.control("adversity", path="/v1/customers", method="GET", requests=2, status=503)
    shop.equal(len(v1.customers.list({"limit": 1}).data), 1, "two 503 of a list are tried again")
    shop.control("adversity", path="/v1/customers", method="POST", requests=1, status=500)
    shop.refused(stripe.APIError, "a 500 that is kept under its idempotency key",
                 lambda: v1.customers.create({"email": "kept@five.example"}), http_status=500)
    shop.equal(len(v1.customers.list({"email": "kept@five.example"}).data), 0, "it made no customer")
    impatient = shop.names(shop.connect(max_network_retries=0))
    shop.control("adversity", path="/v1/customers", requests=1, status=429)
    limited = shop.refused(stripe.RateLimitError, "too many requests", lambda: impatient.customers.list(), http_status=429)
    shop.equal(limited.json_body["error"]["code"], "rate_limit", "its code")
    shop.control("adversity", path="/v1/customers", requests=1, status=500)
    shop.refused(stripe.APIError, "Stripe's own fault", lambda: impatient.customers.list(), http_status=500)
