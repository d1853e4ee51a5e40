"""Called by .ci/k8s: a shop that uses Tollgate.

    shop.py stock                     puts the plan on sale at the simulator
    shop.py sell CUSTOMERS            so many customers buy it
    shop.py busy KIND COMMAND…        calls, watches and changes while the command runs, and for what is wrong then ends with 1;
                                      KIND graceful: every stream must end with Closing; some: those that end must, and one does;
                                      cut: streams may break, and calls wait for a connection within their deadline (until the
                                      dead replica is out of the Service)
    shop.py allowed|refused TOKEN     waits until this token may ask, or may not any more

ADDRESS is Tollgate's gRPC, SIMULATOR and STRIPE_KEY the simulator's URL and key, TOKEN a caller's token.
"""

import collections, json, os, pathlib, random, subprocess, sys, tempfile, threading, time, urllib.error, urllib.parse, urllib.request

import grpc

stubs = tempfile.TemporaryDirectory()
protos = [str(path) for path in sorted(pathlib.Path("proto/tollgate/v1").glob("*.proto"))]
subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-Iproto", f"--python_out={stubs.name}", f"--grpc_python_out={stubs.name}", *protos], check=True)
sys.path.insert(0, stubs.name)
from tollgate.v1 import billing_service_pb2 as api, billing_service_pb2_grpc, entitlement_pb2, watch_pb2

ADDRESS, SIMULATOR, TOKEN = (os.environ.get(name, "") for name in ["ADDRESS", "SIMULATOR", "TOKEN"])
SERVICE_CONFIG = json.loads(pathlib.Path("examples/service_config.json").read_text())
for each in SERVICE_CONFIG["methodConfig"]:
    # gRPC's C core takes one to two seconds off a timeout that comes from here; one that is given with the call is right.
    each.pop("timeout", None)
PLAN = "team_monthly"
WATCHERS, CALLERS, FRESH_CALLERS = 12, 4, 2
PAUSE = 0.02  # between two calls of one caller: the cluster shares the machine with us
PACE = 0.2  # between two changes
DEADLINE = 5
CATCH_UP = 60


def name(number):
    return f"shop-{number:03}"


def billing(token=None):
    # A pool of its own: each of our callers has its own connection, as if it were a process.
    channel = grpc.insecure_channel(ADDRESS, [("grpc.service_config", json.dumps(SERVICE_CONFIG)), ("grpc.use_local_subchannel_pool", 1)])
    stub = billing_service_pb2_grpc.BillingServiceStub(channel)
    return channel, stub, [("authorization", f"Bearer {token or TOKEN}")]


def stripe(path, **form):
    data = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(SIMULATOR + path, data, {"authorization": f"Bearer {os.environ['STRIPE_KEY']}"})
    return json.load(urllib.request.urlopen(request, timeout=20))


def every(kind):
    page, after = {"has_more": True}, ""
    while page["has_more"]:
        page = stripe(f"/v1/{kind}?limit=100{after}")
        yield from page["data"]
        after = f"&starting_after={page['data'][-1]['id']}" if page["data"] else ""


def until(what, ask, seconds=CATCH_UP):
    end = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > end:
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return answer


def stock():
    product = stripe("/v1/products", name="Team")["id"]
    price = {"product": product, "currency": "eur", "unit_amount": 1200, "recurring[interval]": "month", "lookup_key": PLAN}
    stripe("/v1/prices", **price)


def sell(customers):
    channel, stub, who = billing()
    stay = urllib.request.build_opener(type("Stay", (urllib.request.HTTPRedirectHandler,), {"redirect_request": lambda *_: None}))
    for number in range(customers):
        order = api.CreateCheckoutRequest(
            customer=name(number), request_id=f"order-{number}", line_items=[api.LineItem(lookup_key=PLAN, quantity=1)],
            success_url="https://shop.example/back")
        checkout = stub.CreateCheckout(order, metadata=who, timeout=20).checkout
        try:
            # The page's address is the simulator's, as the pods see it.
            stay.open(SIMULATOR + urllib.parse.urlparse(checkout.url).path, b"outcome=pay", timeout=20)
        except urllib.error.HTTPError as answer:
            assert answer.code == 303, answer

    def has(customer):
        ask = api.GetEntitlementRequest(customer=customer, feature="sso")
        return stub.GetEntitlement(ask, metadata=who, timeout=10).entitlement.access == entitlement_pb2.ACCESS_GRANTED

    start = time.monotonic()
    until("all may use what they bought", lambda: all(has(name(number)) for number in range(customers)))
    print(f"{customers} customers bought; all had it {time.monotonic() - start:.1f} s after the last one paid")


class Caller(threading.Thread):
    def __init__(self, fresh, wait_for_ready):
        super().__init__(daemon=True)
        self.fresh, self.wait_for_ready, self.done, self.failed, self.slowest = fresh, wait_for_ready, 0, collections.Counter(), 0.0

    def run(self):
        channel, stub, who = billing()
        while not stop.is_set():
            if self.fresh:
                channel.close()
                channel, stub, who = billing()
            ask = api.GetEntitlementRequest(customer=name(random.randrange(customers)), feature="sso")
            start = time.monotonic()
            try:
                answer = stub.GetEntitlement(ask, metadata=who, timeout=DEADLINE, wait_for_ready=self.wait_for_ready)
                if answer.entitlement.access != entitlement_pb2.ACCESS_GRANTED:
                    self.failed[f"a wrong no: {entitlement_pb2.Reason.Name(answer.entitlement.reason)}"] += 1
            except grpc.RpcError as error:
                self.failed[f"{error.code().name}: {error.details()}"] += 1
            self.done += 1
            self.slowest = max(self.slowest, time.monotonic() - start)
            stop.wait(PAUSE)


class Watcher(threading.Thread):
    """The loop that the contract prescribes, and a note of everything that came."""

    def __init__(self, watch_filter, cares):
        super().__init__(daemon=True)
        self.filter, self.cares = watch_filter, cares
        self.seats, self.seen, self.complete = {}, collections.defaultdict(list), False
        self.starts, self.closings, self.broken, self.gaps, self.frames = (collections.Counter() for _ in range(5))
        self.call, self.last, self.silence = None, time.monotonic(), 15.0

    def run(self):
        channel, stub, who = billing()
        revision, backoff = "", 0.1
        while not stop.is_set():
            position, snapshot, closed = None, False, False
            self.last = time.monotonic()
            self.call = stub.WatchEntitlements(api.WatchEntitlementsRequest(filter=self.filter, revision=revision), metadata=who)
            try:
                for frame in self.call:
                    self.last, event = time.monotonic(), frame.WhichOneof("event")
                    self.frames[event] += 1
                    if event == "opened":
                        snapshot = frame.opened.start == watch_pb2.START_SNAPSHOT
                        self.starts[watch_pb2.Start.Name(frame.opened.start)] += 1
                        self.silence = 3 * frame.opened.checkpoint_interval.ToNanoseconds() / 1e9
                        position, heard = ("" if snapshot else revision), set()
                    if frame.previous_revision != position:
                        self.gaps[f"{event}: {frame.previous_revision!r} after {position!r}"] += 1
                        revision = ""
                        break
                    position = frame.revision
                    if event == "customer_entitlements":
                        customer = frame.customer_entitlements.customer
                        heard.add(customer)
                        self.take(customer, frame.customer_entitlements)
                    if event == "checkpoint":
                        if snapshot:
                            self.seats = {each: much for each, much in self.seats.items() if each in heard}
                            snapshot = False
                        backoff, self.complete = 0.1, True
                    revision = position or revision
                    if event == "closing":
                        closed = True
                        self.closings[watch_pb2.CloseReason.Name(frame.closing.reason)] += 1
                        stop.wait(frame.closing.retry_delay.ToNanoseconds() / 1e9)
                if not closed and not stop.is_set():
                    self.broken["ended without Closing"] += 1
            except grpc.RpcError as error:
                if not stop.is_set():
                    # Before its first frame it is a call that is tried again, after that a stream that broke.
                    self.broken[("" if position is not None else "opening: ") + f"{error.code().name}: {error.details()}"] += 1
            stop.wait(backoff * random.uniform(0.5, 1))
            backoff = min(backoff * 2, 2)
        channel.close()

    def take(self, customer, entitlements):
        for feature in entitlements.features:
            if feature.feature == "seats":
                much = feature.first.limit.amount
                self.seats[customer] = much
                self.seen[customer].append(much)


def busy(kind, *command):
    global stop, customers
    stop = threading.Event()
    subscriptions = {}
    whose = {each["id"]: each["metadata"].get("tollgate_customer") for each in every("customers")}
    for each in every("subscriptions"):
        subscriptions[whose[each["customer"]]] = each
    customers = len(subscriptions)
    groups = [
        (watch_pb2.WatchFilter(all_customers=True), set(subscriptions)),
        (watch_pb2.WatchFilter(customer_prefix="shop-00"), {each for each in subscriptions if each.startswith("shop-00")}),
        (watch_pb2.WatchFilter(customers=[name(1), name(2), name(11)]), {name(1), name(2), name(11)}),
    ]
    watchers = [Watcher(*groups[number % len(groups)]) for number in range(WATCHERS)]
    callers = [Caller(number >= CALLERS, kind == "cut") for number in range(CALLERS + FRESH_CALLERS)]
    for each in watchers + callers:
        each.start()
    until("every watch is complete", lambda: all(each.complete for each in watchers))

    def behind(watcher):
        """Of the changes made so far, what it has not seen."""
        return {each: item[each]["quantity"] for each in watcher.cares & made if watcher.seats.get(each) != item[each]["quantity"]}

    start = time.monotonic()
    running = subprocess.Popen(command)
    item = {each: subscription["items"]["data"][0] for each, subscription in subscriptions.items()}
    made, order, changes = set(), collections.deque(random.sample(sorted(subscriptions), customers)), 0
    # Everybody once at least, and then on while the command runs. Who has a change that not everybody saw gets no other: what is
    # overtaken by the next change need not be shown, so this way each one must be.
    while changes < customers or running.poll() is None:
        customer = order[0]
        order.rotate(-1)
        if not any(customer in behind(each) for each in watchers):
            item[customer]["quantity"] += 1
            change = {"items[0][id]": item[customer]["id"], "items[0][quantity]": item[customer]["quantity"], "proration_behavior": "none"}
            stripe(f"/v1/subscriptions/{subscriptions[customer]['id']}", **change)
            made.add(customer)
            changes += 1
        for each in watchers:
            if each.call and time.monotonic() > each.last + each.silence:
                each.call.cancel()
        time.sleep(PACE)
    took = time.monotonic() - start
    end = time.monotonic() + CATCH_UP
    while any(map(behind, watchers)) and time.monotonic() < end:
        time.sleep(0.1)
    late = time.monotonic() - start - took
    stop.set()
    for each in watchers:
        each.call.cancel()
    for each in watchers + callers:
        each.join(20)

    def total(counters):
        return dict(sum(counters, collections.Counter()))

    print(f"the command took {took:.0f} s and ended with {running.returncode}; every change was seen {late:.1f} s later")
    print(f"calls: {sum(each.done for each in callers)}, slowest {max(each.slowest for each in callers):.2f} s, failed: {total(each.failed for each in callers)}")
    print(f"watches: {len(watchers)}, changes: {changes}, frames: {total(each.frames for each in watchers)}")
    print(f"  {total(each.starts for each in watchers)}, {total(each.closings for each in watchers)}, broken: {total(each.broken for each in watchers)}")
    wrong = []
    if running.returncode:
        wrong.append(f"the command ended with {running.returncode}")
    if failed := total(each.failed for each in callers):
        wrong.append(f"calls failed in spite of the service config: {failed}")
    for number, each in enumerate(watchers):
        if left := behind(each):
            wrong.append(f"watcher {number} ends behind: {left}")
        for customer in each.cares:
            if each.seen[customer] != sorted(each.seen[customer]):
                wrong.append(f"watcher {number} saw {customer} go back: {each.seen[customer]}")
        if strangers := set(each.seats) - each.cares:
            wrong.append(f"watcher {number} was shown {strangers}")
        if each.gaps:
            wrong.append(f"watcher {number} has gaps: {dict(each.gaps)}")
        if each.starts["START_SNAPSHOT"] != 1:
            wrong.append(f"watcher {number} could not resume: {dict(each.starts)}")
        if kind != "cut" and (cut := {why: n for why, n in each.broken.items() if not why.startswith("opening: ")}):
            wrong.append(f"watcher {number} was cut: {cut}")
    if kind == "graceful" and not all(each.closings["CLOSE_REASON_DRAINING"] for each in watchers):
        wrong.append("a watcher got no Closing: was anything rolled?")
    if kind == "some" and not any(each.closings["CLOSE_REASON_DRAINING"] for each in watchers):
        wrong.append("no watcher got a Closing: did anything go?")
    sys.exit("\n".join(wrong) or 0)


def token(wanted, which):
    channel, stub, who = billing(which)

    def holds():
        try:
            stub.GetEntitlement(api.GetEntitlementRequest(customer=name(0), feature="sso"), metadata=who, timeout=10)
            return wanted == "allowed"
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE):
                raise
            return wanted == "refused" and error.code() == grpc.StatusCode.UNAUTHENTICATED

    start = time.monotonic()
    # Each connection ends at some replica; several in a row mean all of them.
    in_a_row = 0

    def often_enough():
        nonlocal channel, stub, who, in_a_row
        channel.close()
        channel, stub, who = billing(which)
        in_a_row = in_a_row + 1 if holds() else 0
        return in_a_row == 12

    # The kubelet's own delay until a changed Secret is in the pod is up to a minute and a half.
    until(f"the token is {wanted}", often_enough, 150)
    print(f"{wanted} after {time.monotonic() - start:.0f} s")


what, *rest = sys.argv[1:]
if what == "stock":
    stock()
elif what == "sell":
    sell(int(rest[0]))
elif what == "busy":
    busy(*rest)
else:
    token(what, *rest)
