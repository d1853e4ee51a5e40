"""A year of three customers on a test clock."""

import calendar

from shop import DAY, HOUR, until


def instant(month, day=1, hour=0, year=2027):
    return calendar.timegm((year, month, day, hour, 0, 0))


class Clock:
    def __init__(self, shop):
        self.clocks = shop.v1.test_helpers.test_clocks
        self.id = self.clocks.create({"frozen_time": instant(1), "name": "a year"}).id

    def to(self, *when, **more):
        """It is advanced in the background, as Stripe does; done when it says that it is ready."""
        self.clocks.advance(self.id, {"frozen_time": instant(*when, **more)})
        until("the clock is there", lambda: self.clocks.retrieve(self.id).status == "ready")

    def renewed(self, month, year=2027):
        """When the renewal's invoice is no draft any more."""
        self.to(month, 1, 2, year)


class Subscriber:
    def __init__(self, shop, clock, name, price, quantity=1):
        self.shop, self.v1 = shop, shop.v1
        self.customer = self.v1.customers.create({
            "name": name, "test_clock": clock.id, "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"}}).id
        made = self.v1.subscriptions.create({"customer": self.customer, "items": [{"price": price, "quantity": quantity}],
                                             "expand": ["latest_invoice"]})
        self.id, self.item = made.id, made["items"].data[0].id
        shop.equal((made.status, made.latest_invoice.status), ("active", "paid"), f"{name} subscribes and pays")

    def now(self, *expand):
        return self.v1.subscriptions.retrieve(self.id, {"expand": list(expand)})

    def card(self, name):
        """From now on this one is charged."""
        method = self.v1.payment_methods.attach(name, {"customer": self.customer}).id
        self.v1.customers.update(self.customer, {"invoice_settings": {"default_payment_method": method}})

    def invoice(self):
        return self.now("latest_invoice").latest_invoice

    def invoices(self):
        return list(self.v1.invoices.list({"customer": self.customer, "limit": 3}).auto_paging_iter())

    def change(self, price, quantity, proration):
        self.v1.subscriptions.update(self.id, {
            "items": [{"id": self.item, "price": price, "quantity": quantity}], "proration_behavior": proration})

    def paid(self, amount, what):
        invoice = self.invoice()
        self.shop.equal((invoice.status, invoice.amount_paid), ("paid", amount), what)


def period_end(subscription):
    """Of its items since 2025-03-31.basil."""
    item = subscription["items"].data[0]
    return getattr(item, "current_period_end", None) or subscription.current_period_end


def year(shop):
    v1, clock = shop.v1, Clock(shop)
    product = shop.product("A year")
    small, big, yearly = shop.price(product, 2000).id, shop.price(product, 5000).id, shop.price(product, 30_000, "year").id
    ada, eve, old = (Subscriber(shop, clock, "Ada", small, 2), Subscriber(shop, clock, "Eve", big),
                     Subscriber(shop, clock, "Old", yearly))
    shop.expect(ada.customer not in {it.id for it in v1.customers.list({"limit": 100}).data}, "a list hides a clock's customers")
    found = {it.id for it in v1.customers.list({"test_clock": clock.id}).data}
    shop.equal(found, {ada.customer, eve.customer, old.customer}, "unless the clock is named")
    shop.equal(period_end(ada.now()), instant(2), "a month's period ends with the month")
    clock.to(2, 1, 0)
    shop.equal(ada.invoice().status, "draft", "a renewal's invoice is a draft at first")
    clock.renewed(2)
    ada.paid(4000, "and paid an hour later")
    shop.equal(ada.invoice().billing_reason, "subscription_cycle", "because of a new period")
    clock.renewed(3)
    ada.paid(4000, "March is paid")
    dunning(shop, clock, ada, eve)
    changes(shop, clock, ada, small, big)
    ends(shop, clock, ada)
    clock.renewed(1, 2028)
    shop.equal(len(ada.invoices()), 11, "eleven invoices in all")
    shop.equal(sum(it.amount_paid for it in ada.invoices()), 57_500, "Ada paid what the year costs")
    shop.equal([it.amount_paid for it in old.invoices()], [30_000, 30_000], "who pays by the year pays again after one")
    v1.test_helpers.test_clocks.delete(clock.id)
    shop.equal(v1.customers.retrieve(ada.customer).deleted, True, "with the clock its customers go")


def dunning(shop, clock, ada, eve):
    ada.card("pm_card_chargeCustomerFail")
    eve.card("pm_card_chargeCustomerFail")
    clock.renewed(4)
    invoice = ada.invoice()
    shop.equal((ada.now().status, invoice.status, invoice.attempt_count), ("past_due", "open", 1), "April's card is declined")
    again = invoice.next_payment_attempt
    shop.expect(instant(4, 2) <= again <= instant(4, 2) + 2 * HOUR, "it is tried again after a day", again)
    clock.to(4, 2, 4)
    invoice = ada.invoice()
    shop.equal((invoice.attempt_count, invoice.amount_remaining), (2, 4000), "and declined again")
    ada.card("pm_card_visa")
    paid = shop.v1.invoices.pay(invoice.id)
    shop.equal((paid.status, ada.now().status), ("paid", "active"), "another card pays it, and the subscription recovers")
    clock.to(4, 20)
    ended = eve.now()
    shop.equal((ended.status, ended.cancellation_details.reason), ("canceled", "payment_failed"), "without one it ends")
    shop.equal(eve.invoice().attempt_count, 4, "after four attempts")


def changes(shop, clock, ada, small, big):
    clock.renewed(5)
    clock.to(5, 16, 12)  # half of May is left
    ada.change(big, 2, "always_invoice")
    ada.paid(3000, "an upgrade in the middle of May costs half the difference at once")
    lines = sorted(line.amount for line in ada.invoice().lines.data)
    shop.equal(lines, [-2000, 5000], "unused time is credited, the rest of the month is charged")
    clock.renewed(6)
    ada.paid(10_000, "June costs the new price")
    clock.to(6, 10)  # 21 of 30 days are left
    ada.change(big, 3, "create_prorations")
    clock.renewed(7)
    ada.paid(18_500, "July's invoice has what June's third seat cost")
    clock.to(7, 10)
    ada.change(small, 1, "none")
    clock.renewed(8)
    ada.paid(2000, "a downgrade without proration begins with August")
    clock.renewed(9)
    clock.renewed(10)


def ends(shop, clock, ada):
    v1, subscription = shop.v1, ada.id
    clock.to(10, 15)
    going = v1.subscriptions.update(subscription, {"cancel_at_period_end": True})
    shop.equal((going.status, going.cancel_at), ("active", instant(11)), "canceled at the period's end, it is active until then")
    staying = v1.subscriptions.update(subscription, {"cancel_at_period_end": False})
    shop.equal((staying.cancel_at, staying.canceled_at), (None, None), "that can be taken back")
    v1.subscriptions.update(subscription, {"cancel_at_period_end": True, "cancellation_details": {"feedback": "too_expensive"}})
    clock.renewed(11)
    gone = ada.now()
    shop.equal((gone.status, gone.ended_at), ("canceled", instant(11)), "it ends with October")
    shop.equal(gone.cancellation_details.feedback, "too_expensive", "and knows what was said")
    shop.equal(len(v1.subscriptions.list({"customer": ada.customer}).data), 0, "a list has it only")
    shop.equal(len(v1.subscriptions.list({"customer": ada.customer, "status": "all"}).data), 1, "if all are asked for")
