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

    def get(customer, feature):
        request = json.dumps({"customer": customer, "feature": feature})
        return json.loads(grpcurl("-d", request, address, "tollgate.v1.BillingService/GetEntitlement"))["entitlement"]

    expect(get("curl", "sso")["reason"] == "REASON_NO_PLAN", "without a plan: denied, and why")
    simulator = find(r"Stripe +(http://\S+)")

    def stripe(path, **body):
        data = json.dumps(body).encode() if body else None
        headers = {"authorization": "Bearer sk_test_of_the_simulator", "content-type": "application/json"}
        return json.load(urllib.request.urlopen(urllib.request.Request(simulator + path, data, headers)))

    def newest(kind, **having):
        listed = stripe(f"/v1/{kind}?limit=100")["data"]
        return next(each for each in listed if all(each[name] == value for name, value in having.items()))

    def buy(request_id, lookup_key, quantity):
        order = json.dumps({
            "customer": "curl", "requestId": request_id, "lineItems": [{"lookupKey": lookup_key, "quantity": quantity}],
            "successUrl": "https://shop.example/back",
        })
        return json.loads(grpcurl("-d", order, address, "tollgate.v1.BillingService/CreateCheckout"))["checkout"]

    def reason(feature, wanted):
        until(f"{feature} is {wanted}", lambda: get("curl", feature)["reason"] == wanted)
        print(f"ok: {feature} is {wanted}")

    checkout = buy("order-1", "team_monthly", 5)
    watch = subprocess.Popen(
        ["grpcurl", "-plaintext", "-max-time", "60", "-d", '{"filter":{"customers":["curl"]}}', address,
         "tollgate.v1.BillingService/WatchEntitlements"], stdout=subprocess.PIPE, text=True)
    frames = []
    threading.Thread(target=lambda: [frames.append(line) for line in watch.stdout], daemon=True).start()
    until("the watch is open", lambda: "checkpoint" in "".join(frames))
    pay(checkout["url"])
    expect(until("access", lambda: get("curl", "sso")["access"] == "ACCESS_GRANTED"), "paid: granted")
    expect(until("a frame", lambda: "REASON_ACTIVE" in "".join(frames)), "and the open watch says so")
    watch.kill()

    month = 31 * 86_400
    subscription = newest("subscriptions")["id"]
    stripe("/_simulator/advance", seconds=month)
    until("the renewal", lambda: newest("invoices", billing_reason="subscription_cycle", status="paid"))
    reason("sso", "REASON_ACTIVE")
    stripe("/_simulator/next_payment", customer=newest("subscriptions")["customer"], outcome="fail")
    stripe("/_simulator/advance", seconds=month)
    reason("sso", "REASON_IN_GRACE")
    stripe("/_simulator/next_payment", customer=newest("subscriptions")["customer"], outcome="succeed")
    stripe("/_simulator/pay_invoice", invoice=newest("invoices", status="open")["id"])
    reason("sso", "REASON_ACTIVE")
    stripe("/_simulator/cancel", subscription=subscription, at_period_end=True)
    until("the end is announced", lambda: "REASON_CANCELED" in json.dumps(get("curl", "sso")))
    stripe("/_simulator/advance", seconds=month)
    reason("sso", "REASON_CANCELED")
    report = buy("order-3", "report_once", 1)
    pay(report["url"])
    reason("audit_report", "REASON_PURCHASED")
    stripe("/_simulator/refund", session=report["id"])
    reason("audit_report", "REASON_REFUNDED")

    readme = pathlib.Path("README.md").read_text()
    script = re.search(r"<!-- client: .*?-->\n```python\n(.*?)```", readme, re.S).group(1)
    with tempfile.TemporaryDirectory() as folder:
        protos = sorted(glob.glob("proto/tollgate/v1/*.proto"))
        subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", f"--python_out={folder}", f"--grpc_python_out={folder}", *protos],
            check=True)
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
