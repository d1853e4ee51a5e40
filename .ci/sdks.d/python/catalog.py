"""Products, prices, lookup keys, features, coupons and promotion codes; lists longer than a page."""

import stripe


def products_and_prices(shop):
    v1 = shop.v1
    product = v1.products.create({"name": "Team", "description": "For teams", "metadata": {"tier": "2", "old": "x"}})
    shop.equal((product.object, product.active, product.metadata["tier"]), ("product", True, "2"), "a product is made")
    changed = v1.products.update(product.id, {"name": "Team+", "metadata": {"old": "", "new": "y"}})
    shop.equal(changed.name, "Team+", "a product is renamed")
    shop.equal(sorted(changed.metadata.to_dict()), ["new", "tier"], "metadata is merged, and an empty value takes a key away")
    monthly = shop.price(product.id, 2000, lookup_key="py_team", nickname="monthly")
    shop.equal((monthly.recurring.interval, monthly.recurring.interval_count), ("month", 1), "a price recurs monthly")
    shop.equal((monthly.type, str(monthly.unit_amount_decimal)), ("recurring", "2000"), "its amount is also told as a decimal")
    once = shop.price(product.id, 500, None)
    shop.equal((once.type, once.recurring), ("one_time", None), "a price without an interval is paid once")
    shop.refused(stripe.InvalidRequestError, "a lookup key of another price",
                 lambda: shop.price(product.id, 2500, lookup_key="py_team"), http_status=400, param="lookup_key")
    moved = shop.price(product.id, 2500, lookup_key="py_team", transfer_lookup_key=True)
    shop.equal(v1.prices.retrieve(monthly.id).lookup_key, None, "a transferred lookup key leaves the old price")
    listed = v1.prices.list({"lookup_keys": ["py_team"], "expand": ["data.product"]})
    shop.equal([it.id for it in listed.data], [moved.id], "a price is found by its lookup key")
    shop.equal(listed.data[0].product.name, "Team+", "its product can be expanded in a list")
    archived = v1.prices.update(monthly.id, {"active": False})
    shop.equal(archived.active, False, "a price is archived")
    active = v1.prices.list({"product": product.id, "active": True})
    shop.equal({it.id for it in active.data}, {moved.id, once.id}, "an archived price is not in the list of active ones")


def features(shop):
    v1 = shop.v1
    product = shop.product("Entitled")
    feature = v1.entitlements.features.create({"name": "Export", "lookup_key": "py_export"})
    tie = v1.products.features.create(product, {"entitlement_feature": feature.id})
    shop.equal(tie.entitlement_feature.lookup_key, "py_export", "a feature is attached to a product")
    listed = v1.products.features.list(product)
    shop.equal([it.entitlement_feature.id for it in listed.data], [feature.id], "a product's features are listed")
    customer = v1.customers.create({"payment_method": "pm_card_visa",
                                    "invoice_settings": {"default_payment_method": "pm_card_visa"}})
    v1.subscriptions.create({"customer": customer.id, "items": [{"price": shop.price(product, 100).id}]})
    active = v1.entitlements.active_entitlements.list({"customer": customer.id})
    shop.equal([it.lookup_key for it in active.data], ["py_export"], "who subscribes is entitled")


def coupons(shop):
    v1 = shop.v1
    percent = v1.coupons.create({"percent_off": 25, "duration": "repeating", "duration_in_months": 3, "name": "Spring"})
    shop.equal((percent.percent_off, percent.duration_in_months, percent.valid), (25, 3, True), "a coupon by percent")
    amount = v1.coupons.create({"amount_off": 300, "currency": "usd", "duration": "once", "id": "py_three_off"})
    shop.equal((amount.id, amount.amount_off), ("py_three_off", 300), "a coupon by amount, with an id of its own")
    shop.refused(stripe.InvalidRequestError, "a coupon that takes nothing off",
                 lambda: v1.coupons.create({"duration": "once"}), http_status=400)
    coupon = {"promotion": {"type": "coupon", "coupon": amount.id}} if modern() else {"coupon": amount.id}
    code = v1.promotion_codes.create(coupon | {"code": "PYTHREE", "max_redemptions": 5})
    shop.equal((code.code, code.active, code.times_redeemed), ("PYTHREE", True, 0), "a promotion code")
    found = v1.promotion_codes.list({"code": "PYTHREE"})
    shop.equal([it.id for it in found.data], [code.id], "a promotion code is found by what customers type")
    return code


def modern():
    """`promotion` took the place of `coupon` in 2025-09-30.clover."""
    return int(stripe.VERSION.split(".")[0]) >= 13


def pagination(shop):
    v1 = shop.v1
    made = [v1.customers.create({"email": "many@pages.example", "metadata": {"at": str(at)}}).id for at in range(120)]
    forward = v1.customers.list({"email": "many@pages.example", "limit": 50})
    shop.equal((len(forward.data), forward.has_more), (50, True), "a page of 50 has more after it")
    shop.equal([it.id for it in forward.auto_paging_iter()], made[::-1], "120 customers, newest first, by auto-pagination")
    backward = v1.customers.list({"email": "many@pages.example", "limit": 50, "ending_before": made[0]})
    shop.equal([it.id for it in backward.auto_paging_iter()], made[1:], "and backwards from the oldest")
    shop.refused(stripe.InvalidRequestError, "a page of 101", lambda: v1.customers.list({"limit": 101}),
                 http_status=400, param="limit")
    shop.refused(stripe.InvalidRequestError, "a cursor that is no customer",
                 lambda: v1.customers.list({"starting_after": "cus_none"}), http_status=400, param="starting_after",
                 code="resource_missing")
