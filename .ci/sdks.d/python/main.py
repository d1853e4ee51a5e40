"""Called by .ci/sdks with the simulator's address and, for the short story, `smoke`."""

import sys, time, traceback

import stripe

import catalog, checkout, hooks, money, portal, robust, year
from shop import Shop, Wrong

base, short = sys.argv[1], sys.argv[2:] == ["smoke"]
shop, began, failures = Shop(base), time.monotonic(), []


def chapter(act, *arguments):
    """What it hands on to later ones; a failure is told and does not stop the others."""
    name = f"{act.__module__}.{act.__name__}"
    print(f"-- {name}", flush=True)
    try:
        return act(shop, *arguments)
    except Exception as error:
        told = str(error) if isinstance(error, Wrong) else traceback.format_exc()
        failures.append(name)
        print(f"wrong: {name}: {told}", flush=True)


chapter(catalog.products_and_prices)
intent = chapter(checkout.payment)
chapter(checkout.subscription)
chapter(money.refunds, intent)
code = chapter(catalog.coupons)
chapter(checkout.promotion, code)
chapter(robust.errors)
chapter(robust.idempotency)
chapter(robust.retries)
chapter(hooks.webhooks)
if not short:
    chapter(catalog.pagination)
    chapter(catalog.features)
    chapter(checkout.setup)
    chapter(checkout.trial)
    chapter(checkout.expires)
    chapter(year.year)
    chapter(portal.portal)
    chapter(money.disputes)
print(f"Python stripe {stripe.VERSION}: {shop.checks} checks hold, {time.monotonic() - began:.1f} s", flush=True)
if failures:
    sys.exit(f"not as Stripe is: {', '.join(failures)}")
