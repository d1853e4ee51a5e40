"""Called by .ci/clients: the round of the demo with grpcurl, and with Python stubs made here from the README's words."""

import glob, json, os, pathlib, re, subprocess, sys, tempfile, threading, time, urllib.error, urllib.parse, urllib.request

PORTS = dict(TOLLGATE_GRPC_LISTEN="127.0.0.1:0", TOLLGATE_WEBHOOK_LISTEN="127.0.0.1:0", TOLLGATE_OPS_LISTEN="127.0.0.1:0")
dev = subprocess.Popen(
    ["target/debug/tollgate", "dev", "--simulator-port", "0", "--no-color"],
    env=os.environ | PORTS, stdout=subprocess.PIPE, text=True,
)
said, lines = [], []


def listen():
    for line in dev.stdout:
        said.append(line)


threading.Thread(target=listen, daemon=True).start()


def find(pattern):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and dev.poll() is None:
        if found := re.search(pattern, "".join(said)):
            return found.group(1)
        time.sleep(0.05)
    sys.exit(f"`tollgate dev` did not say {pattern}:\n{''.join(said)}")


def grpcurl(*arguments):
    return subprocess.run(["grpcurl", "-plaintext", *arguments], check=True, capture_output=True, text=True).stdout


def metrics():
    """What the service counted, to tell where something is stuck."""
    page = urllib.request.urlopen(find(r"(http://\S+/metrics)")).read().decode()
    return "\n".join(line for line in page.splitlines() if line.startswith("tollgate_") and "batch" not in line)


def until(what, ask):
    start = time.monotonic()
    while time.monotonic() < start + 90:
        if answer := ask():
            if time.monotonic() > start + 10:
                print(f"slow: {what} took {time.monotonic() - start:.0f} s\n{metrics()}")
            return answer
        time.sleep(0.05)
    print(metrics())
    sys.exit(f"not in time: {what}\n{''.join(lines)}")


def expect(right, what, got=""):
    if not right:
        sys.exit(f"wrong: {what}: {got}")
    print(f"ok: {what}")


def pay(url):
    page = urllib.request.urlopen(url).read().decode()
    expect("<form method=post>" in page and "name=outcome value=pay" in page, "the page has a button to pay", page)
    fields = {"outcome": "pay"}
    request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode())
    opener = urllib.request.build_opener(type("Stay", (urllib.request.HTTPRedirectHandler,), {"redirect_request": lambda *a: None}))
    try:
        opener.open(request)
    except urllib.error.HTTPError as redirect:
        expect(redirect.code == 303, "the page sends the browser back", redirect.code)


try:
    address = find(r"gRPC +(127\.0\.0\.1:\d+)")
    find(r"(_simulator)")
    services = grpcurl(address, "list").split()
    for service in ["tollgate.v1.BillingService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]:
        expect(service in services, f"grpcurl lists {service}", services)
    described = grpcurl(address, "describe", "tollgate.v1.BillingService")
    expect("rpc WatchEntitlements" in described, "grpcurl describes the service")
    health = grpcurl("-d", '{"service":"tollgate.v1.BillingService"}', address, "grpc.health.v1.Health/Check")
    expect("SERVING" in health, "it is healthy", health)

    simulator = find(r"Stripe +(http://\S+)")

    def stripe(path, **body):
        data = json.dumps(body).encode() if body else None
        headers = {"authorization": "Bearer sk_test_of_the_simulator", "content-type": "application/json"}
        return json.load(urllib.request.urlopen(urllib.request.Request(simulator + path, data, headers)))

    def tell(customer, call, frames):
        """The round of the demo. `call` makes one call and gives its answer as JSON, `frames` what the open watch has shown."""

        def get(feature):
            return call("GetEntitlement", {"customer": customer, "feature": feature})["entitlement"]

        place = 0

        def shown(wanted):
            """Later in the stream than what was looked for before."""
            nonlocal place
            found = frames().find(wanted, place)
            place = max(place, found)
            return found >= 0

        def reason(feature, wanted):
            until(f"{feature} is {wanted}", lambda: get(feature)["reason"] == wanted)
            until(f"the watch shows {wanted}", lambda: shown(wanted))
            print(f"ok: {customer}: {feature} is {wanted}, and the open watch says so")

        def buy(lookup_key, quantity):
            order = {
                "customer": customer, "requestId": f"{customer}-{lookup_key}", "successUrl": "https://shop.example/back",
                "lineItems": [{"lookupKey": lookup_key, "quantity": str(quantity)}],
            }
            checkout = call("CreateCheckout", order)["checkout"]
            pay(checkout["url"])
            return checkout["id"]

        def newest(kind, **having):
            mine = [each["id"] for each in stripe("/v1/customers?limit=100")["data"] if each["metadata"].get("tollgate_customer") == customer]
            listed = [each for each in stripe(f"/v1/{kind}?limit=100")["data"] if each["customer"] in mine]
            return next((each for each in listed if all(each[name] == value for name, value in having.items())), None)

        def past_the_period():
            end = newest("subscriptions")["items"]["data"][0]["current_period_end"]
            stripe("/_simulator/advance", seconds=end - stripe("/_simulator/clock")["now"] + 2 * 3_600)

        until("the watch is open", lambda: "checkpoint" in frames())
        expect(get("sso")["reason"] == "REASON_NO_PLAN", f"{customer}: without a plan it is denied, and why")
        buy("team_monthly", 5)
        reason("sso", "REASON_ACTIVE")
        past_the_period()
        until("the renewal", lambda: newest("invoices", billing_reason="subscription_cycle", status="paid"))
        expect(get("sso")["access"] == "ACCESS_GRANTED", f"{customer}: a renewal changes nothing")
        subscription = newest("subscriptions")
        stripe("/_simulator/next_payment", customer=subscription["customer"], outcome="fail")
        past_the_period()
        reason("sso", "REASON_IN_GRACE")
        stripe("/_simulator/next_payment", customer=subscription["customer"], outcome="succeed")
        stripe("/_simulator/pay_invoice", invoice=newest("invoices", status="open")["id"])
        reason("sso", "REASON_ACTIVE")
        stripe("/_simulator/cancel", subscription=subscription["id"], at_period_end=True)
        until("the end is announced", lambda: "REASON_CANCELED" in json.dumps(get("sso")))
        past_the_period()
        reason("sso", "REASON_CANCELED")
        report = buy("report_once", 1)
        reason("audit_report", "REASON_PURCHASED")
        stripe("/_simulator/refund", session=report)
        reason("audit_report", "REASON_REFUNDED")

    def by_grpcurl(method, request):
        return json.loads(grpcurl("-d", json.dumps(request), address, f"tollgate.v1.BillingService/{method}"))

    watch = subprocess.Popen(
        ["grpcurl", "-plaintext", "-max-time", "300", "-d", '{"filter":{"customers":["curl"]}}', address,
         "tollgate.v1.BillingService/WatchEntitlements"], stdout=subprocess.PIPE, text=True)
    seen = []
    threading.Thread(target=lambda: [seen.append(line) for line in watch.stdout], daemon=True).start()
    tell("curl", by_grpcurl, lambda: "".join(seen))
    watch.kill()

    readme = pathlib.Path("README.md").read_text()
    script = re.search(r"<!-- client: .*?-->\n```python\n(.*?)```", readme, re.S).group(1)
    with tempfile.TemporaryDirectory() as folder:
        protos = sorted(glob.glob("proto/tollgate/v1/*.proto"))
        subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", f"--python_out={folder}", f"--grpc_python_out={folder}", *protos],
            check=True)
        sys.path.insert(0, folder)
        import grpc
        from google.protobuf import json_format
        from tollgate.v1 import billing_service_pb2 as api, billing_service_pb2_grpc

        billing = billing_service_pb2_grpc.BillingServiceStub(grpc.insecure_channel(address))

        def by_stub(method, request):
            message = json_format.ParseDict(request, getattr(api, f"{method}Request")())
            return json_format.MessageToDict(getattr(billing, method)(message, timeout=20))

        watching = json_format.ParseDict({"filter": {"customers": ["stub"]}}, api.WatchEntitlementsRequest())
        stream = billing.WatchEntitlements(watching)
        shown = []

        def follow():
            try:
                for frame in stream:
                    shown.append(str(json_format.MessageToDict(frame)))
            except grpc.RpcError:
                pass  # cancelled below

        threading.Thread(target=follow, daemon=True).start()
        tell("stub", by_stub, lambda: "".join(shown))
        stream.cancel()

        script = script.replace("localhost:50051", address).replace('"acme"', '"python"').replace("order-1", "order-2").replace("timeout=30", "timeout=10")
        pathlib.Path(folder, "client.py").write_text(script)
        client = subprocess.Popen([sys.executable, "-u", f"{folder}/client.py"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=lambda: [lines.append(line) for line in client.stdout], daemon=True).start()
        url = until("the README's client has a page", lambda: re.search(r"browser to (\S+)", "".join(lines)))
        expect(until("it asks", lambda: "REASON_NO_PLAN" in "".join(lines)), "the README's client asks")
        until("its watch is open", lambda: "checkpoint" in "".join(lines))
        before = "".join(lines).count("customer_entitlements")
        pay(url.group(1))
        expect(until("it sees the change", lambda: "".join(lines).count("customer_entitlements") > before), "and sees the change")
        client.wait(30)
    dev.send_signal(2)
    expect(dev.wait(30) == 0, "Ctrl-C ends it with 0", dev.returncode)
finally:
    if dev.poll() is None:
        dev.kill()
