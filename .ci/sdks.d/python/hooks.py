"""Webhooks as they are really delivered, verified by the SDK's own code."""

import json

import stripe

from shop import Receiver, until


def webhooks(shop):
    v1, receiver = shop.v1, Receiver()
    endpoint = v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["customer.created", "customer.updated"]})
    shop.expect(endpoint.secret.startswith("whsec_"), "an endpoint's secret is told once", endpoint)
    shop.expect(getattr(v1.webhook_endpoints.retrieve(endpoint.id), "secret", None) is None, "and not again")
    customer = v1.customers.create({"name": "Hooked"}, {"idempotency_key": "python-hooked"})
    body, signature, _ = receiver.of("customer.created")[0]
    event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
    shop.equal((event.type, event.data.object.id), ("customer.created", customer.id), "a delivered event is verified")
    shop.equal(event["request"].idempotency_key, "python-hooked", "it knows the request that caused it")
    fetched = v1.events.retrieve(event.id)
    shop.equal(fetched.data.object.name, "Hooked", "it can be fetched")
    bad = [("another secret", body, signature, "whsec_other"), ("another body", body + b" ", signature, endpoint.secret),
           ("a changed signature", body, signature[:-1] + ("0" if signature[-1] != "0" else "1"), endpoint.secret)]
    for what, *delivered in bad:
        shop.refused(stripe.SignatureVerificationError, what, lambda: stripe.Webhook.construct_event(*delivered))
    v1.customers.update(customer.id, {"name": "Renamed"})
    body, signature, _ = receiver.of("customer.updated")[0]
    event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
    shop.equal(event.data.previous_attributes["name"], "Hooked", "an update says what was before")
    receiver.refuse = 2
    v1.customers.update(customer.id, {"phone": "555"})
    tries = receiver.of("customer.updated", 4)[1:]
    ids = {json.loads(it[0])["id"] for it in tries}
    shop.equal((len(ids), [it[2] for it in tries]), (1, [True, True, False]), "what is not taken is delivered until it is")
    rolled = shop.control("roll_secret", endpoint=endpoint.id, seconds=3600)["secret"]
    v1.customers.update(customer.id, {"phone": "556"})
    body, signature, _ = receiver.of("customer.updated", 5)[4]
    for secret in (endpoint.secret, rolled):
        shop.equal(stripe.Webhook.construct_event(body, signature, secret).type, "customer.updated", "a rolled secret and the old one hold")
    shop.control("advance", seconds=3601)
    v1.customers.update(customer.id, {"phone": "557"})
    body, signature, _ = receiver.of("customer.updated", 6)[5]
    shop.equal(stripe.Webhook.construct_event(body, signature, rolled).type, "customer.updated", "later the new one holds")
    shop.refused(stripe.SignatureVerificationError, "the old secret then",
                 lambda: stripe.Webhook.construct_event(body, signature, endpoint.secret))
    types = [it.type for it in v1.events.list({"types": ["customer.created", "customer.updated"], "limit": 5}).data]
    shop.equal(types, ["customer.updated"] * 4 + ["customer.created"], "the log has them, newest first")
    v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    shop.equal(v1.webhook_endpoints.retrieve(endpoint.id).status, "disabled", "an endpoint can be disabled")
    shop.equal(v1.webhook_endpoints.delete(endpoint.id).deleted, True, "and deleted")
