"""Refunds, and disputes that are won and lost."""

import stripe

from shop import until


def refunds(shop, intent):
    v1 = shop.v1
    part = v1.refunds.create({"payment_intent": intent, "amount": 1000, "reason": "requested_by_customer"})
    shop.equal((part.status, part.amount, part.payment_intent), ("succeeded", 1000, intent), "a part is refunded")
    charge = v1.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge
    shop.equal((charge.amount_refunded, charge.refunded), (1000, False), "its charge says how much")
    shop.refused(stripe.InvalidRequestError, "more than is left",
                 lambda: v1.refunds.create({"payment_intent": intent, "amount": 2001}), http_status=400, param="amount")
    rest = v1.refunds.create({"charge": charge.id})
    shop.equal(rest.amount, 2000, "without an amount the rest is refunded")
    shop.equal(v1.charges.retrieve(charge.id).refunded, True, "then the charge is refunded whole")
    shop.refused(stripe.InvalidRequestError, "a refund of nothing", lambda: v1.refunds.create({"charge": charge.id}),
                 http_status=400, code="charge_already_refunded")
    listed = v1.refunds.list({"charge": charge.id})
    shop.equal([it.id for it in listed.data], [rest.id, part.id], "refunds are listed, newest first")


def disputes(shop):
    v1 = shop.v1
    for evidence, outcome in (("winning_evidence", "won"), ("losing_evidence", "lost")):
        intent = v1.payment_intents.create({
            "amount": 4000, "currency": "usd", "payment_method": "pm_card_createDispute", "confirm": True,
            "payment_method_types": ["card"]})
        shop.equal(intent.status, "succeeded", "a charge that will be disputed succeeds first")
        dispute = until("a dispute", lambda: v1.disputes.list({"payment_intent": intent.id}).data)[0]
        shop.equal((dispute.status, dispute.amount, dispute.reason), ("needs_response", 4000, "fraudulent"), "it is disputed")
        shop.equal(v1.charges.retrieve(intent.latest_charge).disputed, True, "the charge says so")
        v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": evidence}, "submit": True})
        ended = until(outcome, lambda: (it := v1.disputes.retrieve(dispute.id)).status == outcome and it)
        shop.equal(ended.evidence_details.has_evidence, True, f"with {evidence} it is {outcome}")
    refused = lambda: v1.payment_intents.create({
        "amount": 4000, "currency": "usd", "payment_method": "pm_card_visa_chargeDeclined", "confirm": True,
        "payment_method_types": ["card"]})
    declined = shop.refused(stripe.CardError, "a declined card", refused, http_status=402, code="card_declined")
    shop.equal(declined.error.payment_intent.status, "requires_payment_method", "the error holds the intent")
