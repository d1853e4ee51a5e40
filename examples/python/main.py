"""Sells with Tollgate, asks it, follows it. README.md has the commands."""

import os
import sys

import grpc
from tollgate.v1 import billing_service_pb2 as api
from tollgate.v1 import entitlement_pb2

import client
import watch
from customers import Customers

# Who is let through when Tollgate is not heard and nothing is known of the customer. Decide it before the outage.
DECLARED = {"seats": True, "sso": True, "support": True, "audit_report": False}
USAGE = "checkout CUSTOMER LOOKUP_KEY QUANTITY REQUEST_ID | check CUSTOMER FEATURE [AMOUNT] | watch CUSTOMER…"


def checkout(stub, header, customer, lookup_key, quantity, request_id):
    request = api.CreateCheckoutRequest(
        customer=customer,
        request_id=request_id,  # keep it with the order: however often it is retried, it is one checkout
        line_items=[api.LineItem(lookup_key=lookup_key, quantity=int(quantity))],
        success_url="https://shop.example/back?checkout={CHECKOUT_SESSION_ID}",
    )
    answer = stub.CreateCheckout(request, metadata=header, timeout=client.TIMEOUTS["CreateCheckout"])
    print(answer.checkout.url)
    return 0


def check(stub, header, customer, feature, amount="0"):
    wanted = int(amount)
    request = api.CheckEntitlementRequest(customer=customer, feature=feature, required_amount=wanted)
    try:
        answer = stub.CheckEntitlement(request, metadata=header, timeout=client.TIMEOUTS["CheckEntitlement"])
        allowed, text = answer.allowed, f"{entitlement_pb2.Reason.Name(answer.entitlement.reason)} (asked)"
    except grpc.RpcError as error:
        if error.code() in client.OUR_MISTAKE:
            raise
        # The rest is an outage and no customer's fault: what was known last stands, else what was declared.
        why = client.reason(error)
        if error.code() in client.CREDENTIAL_REFUSED:
            print(f"ALARM: Tollgate refuses our credential: {why}", file=sys.stderr)
        known = Customers(os.environ.get("TOLLGATE_STATE")).answer(customer, feature)
        if known:
            enough = not known.HasField("limit") or known.limit.unlimited or known.limit.amount >= wanted
            allowed = known.access == entitlement_pb2.ACCESS_GRANTED and enough
            text = f"{entitlement_pb2.Reason.Name(known.reason)} (last known: {why})"
        else:
            allowed, text = DECLARED.get(feature, False), f"(declared: {why})"
    print("yes:" if allowed else "no:", text)
    return 0 if allowed else 3


if __name__ == "__main__":
    commands = {"checkout": (checkout, 4, 4), "check": (check, 2, 3), "watch": (watch.follow, 1, 1000)}
    name, *arguments = sys.argv[1:] or [""]
    command, least, most = commands.get(name, (None, 1, 0))
    if not least <= len(arguments) <= most:
        print(USAGE, file=sys.stderr)
        sys.exit(64)
    try:
        sys.exit(command(*client.connect(), *arguments))
    except grpc.RpcError as error:
        print(f"{client.reason(error)}: {error.details()}", file=sys.stderr)
        sys.exit(1)
