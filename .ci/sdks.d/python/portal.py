"""The customer portal: what it offers, and what its page does."""

import stripe

from shop import Page

BACK = "https://shop.example/account"


def portal(shop):
    v1 = shop.v1
    customer = v1.customers.create({"email": "portal@buyers.example"}).id
    price = shop.price(shop.product("Kept"), 2000).id
    session = v1.checkout.sessions.create({
        "mode": "subscription", "customer": customer, "line_items": [{"price": price, "quantity": 1}], "success_url": BACK})
    shop.pays(session.url, "Subscribe")
    features = {"subscription_cancel": {"enabled": True, "mode": "at_period_end"}, "invoice_history": {"enabled": True},
                "payment_method_update": {"enabled": True}}
    configuration = v1.billing_portal.configurations.create({"features": features})
    shop.equal((configuration.features.subscription_cancel.mode, configuration.features.subscription_update.enabled),
               ("at_period_end", False), "a configuration offers what is said, and nothing else")
    shop.refused(stripe.InvalidRequestError, "a portal for nobody",
                 lambda: v1.billing_portal.sessions.create({"customer": "cus_none"}), http_status=400, param="customer")
    portal = v1.billing_portal.sessions.create({"customer": customer, "configuration": configuration.id, "return_url": BACK})
    shop.equal((portal.customer, portal.configuration, portal.return_url), (customer, configuration.id, BACK), "a portal is opened")
    subscribed = v1.checkout.sessions.retrieve(session.id).subscription
    page = Page(portal.url)
    shop.equal(page.link("Back"), BACK, "its page leads back")
    Page(page.link("Cancel plan")).press("Cancel plan")
    going = v1.subscriptions.retrieve(subscribed)
    shop.expect(going.cancel_at and going.status == "active", "its page cancels at the period's end", going)
    Page(portal.url).press("Keep")
    shop.equal(v1.subscriptions.retrieve(subscribed).cancel_at, None, "and takes that back")
    off = v1.billing_portal.configurations.update(configuration.id, {"active": False})
    shop.equal(off.active, False, "a configuration is switched off")
    shop.refused(stripe.InvalidRequestError, "a portal of it", lambda: v1.billing_portal.sessions.create(
        {"customer": customer, "configuration": configuration.id}), http_status=400, param="configuration")
