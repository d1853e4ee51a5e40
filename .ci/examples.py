"""Called by .ci/examples with the folder of the examples and the program."""

import asyncio, concurrent.futures, os, pathlib, re, shutil, signal, ssl, subprocess, sys, tempfile, threading, time
import urllib.error, urllib.parse, urllib.request

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from tollgate.v1 import billing_service_pb2 as api, billing_service_pb2_grpc as stubs

folder, binary = pathlib.Path(sys.argv[1]), sys.argv[2]
scratch = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-examples-"))
COMMANDS = {"go": ["gen/client"], "node": ["node", "main.js"], "python": [".venv/bin/python", "main.py"]}
NOBODY = "127.0.0.1:1"  # no service is there


def until(what, ask, told):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise SystemExit(f"not in time: {what}\n{told()}")


def expect(right, what, got=""):
    if not right:
        raise SystemExit(f"wrong: {what}\n{got}")
    print(f"ok: {what}", flush=True)


class Program:
    """A command that runs, and its lines so far."""

    all = []

    def __init__(self, command, cwd, **environment):
        self.lines = []
        self.process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")), daemon=True)
        self.reader.start()
        Program.all.append(self.process)

    def said(self):
        return "".join(self.lines)

    def shows(self, text, times=1):
        def ask():
            return self.said().count(text) >= times or self.process.poll() is not None and not self.reader.is_alive()

        until(text, ask, self.said)
        expect(self.said().count(text) >= times, f"{self.process.args[0]} shows {text!r}", self.said())

    def ends(self, number, code=0):
        self.process.send_signal(number)
        self.process.wait(20)
        self.reader.join()
        expect(self.process.returncode == code, f"{self.process.args[0]} ends with {code}", self.said())


class Example:
    """One language's program, its token and the map that it keeps."""

    def __init__(self, name):
        self.name, self.cwd, self.command = name, folder / name, COMMANDS[name]
        readme = (self.cwd / "README.md").read_text()
        for verb in ["checkout", "check", "watch"]:
            expect(f"{' '.join(self.command)} {verb} acme" in readme, f"{name}'s README has `{verb}`", readme)

    def start(self, *arguments, address, state="", ca="", token=None):
        return Program(
            self.command + list(arguments), self.cwd, TOLLGATE_ADDRESS=address, TOLLGATE_CA=ca, TOLLGATE_TOKEN=token or self.name,
            TOLLGATE_STATE=str(scratch / f"{self.name}{state}") if state else "")

    def run(self, *arguments, code, text, **where):
        """Runs to the end, which must be so."""
        program = self.start(*arguments, **where)
        program.process.wait(60)
        program.reader.join()
        got = f"{program.process.returncode}: {program.said()}"
        expect(program.process.returncode == code and re.search(text, program.said()), f"{self.name}: {' '.join(arguments)}: {text}", got)
        return program.said().strip()


class Proxy:
    """A network with TLS before the service, which can be cut."""

    def __init__(self, host, port, certificate, key):
        self.service, self.up, self.writers = (host, port), True, set()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["h2"])
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        listening = asyncio.start_server(self.carry, "127.0.0.1", 0, ssl=context)
        server = asyncio.run_coroutine_threadsafe(listening, self.loop).result()
        self.address = "localhost:%d" % server.sockets[0].getsockname()[1]

    async def carry(self, reader, writer):
        if not self.up:
            return writer.transport.abort()
        try:
            answers, requests = await asyncio.open_connection(*self.service)
        except ConnectionError:
            return writer.transport.abort()
        self.writers |= {writer, requests}

        async def pump(source, sink):
            try:
                while data := await source.read(65_536):
                    sink.write(data)
                    await sink.drain()
            except (ConnectionError, ssl.SSLError):
                pass
            sink.close()

        await asyncio.gather(pump(reader, requests), pump(answers, writer))

    def cut(self):
        def abort():
            self.up = False
            for writer in self.writers:
                writer.transport.abort()

        self.loop.call_soon_threadsafe(abort)

    def restore(self):
        self.up = True


def pay(url):
    class Stay(urllib.request.HTTPRedirectHandler):
        redirect_request = lambda *_: None

    try:
        urllib.request.build_opener(Stay).open(urllib.request.Request(url, urllib.parse.urlencode({"outcome": "pay"}).encode()))
    except urllib.error.HTTPError as redirect:
        return expect(redirect.code == 303, "the page is paid and sends the browser back", redirect.code)
    raise SystemExit("the page did not send the browser back")


class Scripted(stubs.BillingServiceServicer):
    """Does what the service does only now and then."""

    def __init__(self, token):
        self.token, self.asked, self.orders, self.watched, self.remaining, self.closed = token, {}, [], [], None, None
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor())
        stubs.add_BillingServiceServicer_to_server(self, self.server)
        self.address = "127.0.0.1:%d" % self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def refuse(self, context, code, reason):
        detail = any_pb2.Any()
        detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="tollgate"))
        context.abort_with_status(rpc_status.to_status(status_pb2.Status(code=code.value[0], message="as told", details=[detail])))

    def known(self, context):
        if ("authorization", f"Bearer {self.token}") not in context.invocation_metadata():
            self.refuse(context, grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REFUSED")

    def CheckEntitlement(self, request, context):
        self.known(context)
        tries = self.asked[request.feature] = self.asked.get(request.feature, 0) + 1
        if request.feature == "slow":
            self.remaining, over = context.time_remaining(), threading.Event()
            context.add_callback(over.set)
            over.wait(30)
        if tries < 3:
            self.refuse(context, grpc.StatusCode.UNAVAILABLE, "NOT_CURRENT")
        return api.CheckEntitlementResponse(allowed=True, entitlement={"reason": "REASON_ACTIVE"})

    def CreateCheckout(self, request, context):
        self.known(context)
        self.orders.append(request.request_id)
        if len(self.orders) == 1:
            self.refuse(context, grpc.StatusCode.UNAVAILABLE, "STRIPE_UNAVAILABLE")
        if len(self.orders) == 2:
            self.refuse(context, grpc.StatusCode.ABORTED, "CHECKOUT_IN_PROGRESS")
        return api.CreateCheckoutResponse(checkout={"url": f"https://pay.example/{request.request_id}"})

    def WatchEntitlements(self, request, context):
        self.known(context)
        self.watched.append((request.revision, time.monotonic()))
        return getattr(self, f"stream{len(self.watched)}", self.refused)(context)

    def snapshot(self, customers, revision, changes=()):
        def sso(access, reason):
            return {"access": access, "reason": reason, "enabled": access == "ACCESS_GRANTED"}

        schedule = {"feature": "sso", "first": sso("ACCESS_GRANTED", "REASON_ACTIVE")}
        schedule["changes"] = [{"time": {"seconds": at}, "answer": sso("ACCESS_DENIED", "REASON_CANCELED")} for at in changes]
        yield frame(opened={"start": "START_SNAPSHOT", "checkpoint_interval": {"nanos": 500_000_000}})
        yield frame(defaults={"features": [{"feature": "sso", "first": sso("ACCESS_DENIED", "REASON_NO_PLAN")}]})
        for customer in customers:
            yield frame(customer_entitlements={"customer": customer, "features": [schedule]})
        yield frame(checkpoint={}, revision=revision)

    def stream1(self, context):
        yield from self.snapshot(["A", "B"], "r1")
        self.closed = time.monotonic()
        yield frame(closing={"reason": "CLOSE_REASON_AGE", "retry_delay": {"nanos": 700_000_000}}, previous_revision="r1", revision="r1")

    def stream2(self, context):
        yield frame(opened={"start": "START_RESUMED", "checkpoint_interval": {"seconds": 5}}, previous_revision="r1", revision="r1")
        yield frame(checkpoint={}, previous_revision="r8", revision="r9")

    def stream3(self, context):
        yield from self.snapshot(["A"], "r2", [int(time.time()) + 5])
        over = threading.Event()
        context.add_callback(over.set)
        over.wait(30)

    def stream4(self, context):
        self.refuse(context, grpc.StatusCode.OUT_OF_RANGE, "REVISION_COMPACTED")

    def refused(self, context):
        self.refuse(context, grpc.StatusCode.UNAVAILABLE, "NOT_CURRENT")


def frame(**fields):
    return api.WatchEntitlementsResponse(**fields)


def as_told(example):
    """What a service does only now and then, on demand."""
    service = Scripted(example.name)
    here = dict(address=service.address)
    watch = example.start("watch", "A", "B", state="-told", **here)
    example.run("check", "A", "flaky", code=0, text=r"^yes: REASON_ACTIVE \(asked\)", **here)
    expect(service.asked["flaky"] == 3, f"{example.name}: the service config's retries hold", service.asked)
    example.run("check", "A", "slow", code=3, text=r"^no: \(declared: DEADLINE", **here)
    expect(0 < service.remaining <= 2, f"{example.name}: the service config's deadline was sent", service.remaining)
    example.run("check", "A", "sso", code=0, text=r"(?s)ALARM.*TOKEN_REFUSED.*yes: \(declared: TOKEN_REFUSED\)", token="other", **here)
    example.run("checkout", "A", "team_monthly", "5", "order-1", code=0, text="^https://pay.example/order-1$", **here)
    expect(service.orders == ["order-1"] * 3, f"{example.name}: a checkout is retried as the same", service.orders)
    watch.shows("A: sso granted REASON_ACTIVE")
    watch.shows("closing: CLOSE_REASON_AGE")
    watch.shows("opened: resumed")
    watch.shows("a frame was lost: anew")
    watch.shows("opened: snapshot", times=2)
    watch.shows("broken: CANCELLED")  # by itself: nothing was heard for three intervals
    watch.shows("broken: REVISION_COMPACTED")
    watch.shows("A: sso denied REASON_CANCELED")  # by the clock: there is no stream any more
    until("a sixth stream", lambda: len(service.watched) > 5, watch.said)
    expect(
        [revision for revision, _ in service.watched][:6] == ["", "r1", "", "r2", "", ""],
        f"{example.name}: resumes where it was, and starts anew where it must", service.watched)
    moments = [moment for _, moment in service.watched]
    expect(moments[1] - service.closed >= 0.7, f"{example.name}: waits as long as it was told", moments)
    expect(moments[5] - moments[4] >= 1, f"{example.name}: waits longer each time", moments)
    watch.ends(signal.SIGTERM)
    nobody = dict(address=NOBODY, state="-told")
    example.run("check", "A", "sso", code=3, text=r"^no: REASON_CANCELED \(last known: (UNAVAILABLE|DEADLINE_EXCEEDED)\)", **nobody)
    example.run("check", "B", "sso", code=0, text=r"^yes: \(declared: UNAVAILABLE\)", **nobody)  # gone with the second snapshot
    service.server.stop(None)


def as_it_is(examples, each, dev):
    def address(pattern):
        until(pattern, lambda: re.search(pattern, dev.said()) or dev.process.poll() is not None, dev.said)
        found = re.search(pattern, dev.said())
        return found.group(1) if found else sys.exit(dev.said())

    direct = address(r"gRPC +(127\.0\.0\.1:\d+)")
    address("(_simulator)")
    key, certificate = scratch / "key.pem", scratch / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=example",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    proxy = Proxy(*direct.split(":"), certificate, key)
    through = dict(address=proxy.address, ca=str(certificate))
    watches = {}

    def first(example):
        me = example.name
        watches[me] = watch = example.start("watch", me, state="-map", **through)
        watch.shows("opened: snapshot")
        watch.shows(f"{me}: sso denied REASON_NO_PLAN")
        example.run("check", me, "sso", code=3, text=r"^no: REASON_NO_PLAN \(asked\)", **through)
        example.run("check", me, "nothing", code=1, text="UNKNOWN_FEATURE", **through)
        example.run("chekc", code=64, text="check CUSTOMER FEATURE", **through)
        order = ["checkout", me, "team_monthly", "5", f"{me}-1"]
        url = example.run(*order, code=0, text="^http", **through)
        expect(example.run(*order, code=0, text="^http", **through) == url, f"{me}: the same request is the same page", url)
        pay(url)
        watch.shows(f"{me}: sso granted REASON_ACTIVE")
        watch.shows(f"{me}: seats granted 5 REASON_ACTIVE")
        example.run("check", me, "seats", "5", code=0, text=r"^yes: REASON_ACTIVE \(asked\)", **through)
        example.run("check", me, "seats", "6", code=3, text=r"^no: REASON_ACTIVE \(asked\)", **through)
        until("the map is kept", lambda: "REASON_ACTIVE" in (scratch / f"{me}-map").read_text(), watch.said)

    def without(example):
        me = example.name
        watches[me].shows("broken: UNAVAILABLE")
        last_known = r"REASON_ACTIVE \(last known: (UNAVAILABLE|DEADLINE_EXCEEDED)\)"
        example.run("check", me, "seats", "5", code=0, text="^yes: " + last_known, state="-map", **through)
        example.run("check", me, "seats", "6", code=3, text="^no: " + last_known, state="-map", **through)
        example.run("check", me, "sso", code=0, text=r"^yes: \(declared: (UNAVAILABLE|DEADLINE_EXCEEDED)\)", **through)
        example.run("check", me, "audit_report", code=3, text=r"^no: \(declared: (UNAVAILABLE|DEADLINE_EXCEEDED)\)", **through)
        pay(example.run("checkout", me, "report_once", "1", f"{me}-2", code=0, text="^http", address=direct))
        asked = [binary, "check", me, "audit_report", "--address", f"http://{direct}"]
        until("the report", lambda: subprocess.run(asked, capture_output=True).returncode == 0, dev.said)
        expect("REASON_PURCHASED" not in watches[me].said(), f"{me}: the watch is cut", watches[me].said())

    def again(example):
        me, watch = example.name, watches[example.name]
        watch.shows("opened: resumed")
        watch.shows(f"{me}: audit_report granted REASON_PURCHASED")
        expect(watch.said().count("opened: snapshot") == 1, f"{me}: it was resumed, not begun anew", watch.said())
        until("the map is kept", lambda: "REASON_PURCHASED" in (scratch / f"{me}-map").read_text(), watch.said)
        watch.ends(signal.SIGTERM)
        watches[me] = watch = example.start("watch", me, state="-map", **through)
        watch.shows(f"{me}: audit_report granted REASON_PURCHASED")
        expect("opened: snapshot" not in watch.said(), f"{me}: another process resumes too", watch.said())
        watch.shows("opened: resumed")

    each(first)
    proxy.cut()
    each(without)
    proxy.restore()
    each(again)
    dev.ends(signal.SIGINT)

    def last(example):
        watches[example.name].shows("closing: CLOSE_REASON_DRAINING")
        watches[example.name].shows("broken: ")
        watches[example.name].ends(signal.SIGINT)

    each(last)


ports = {f"TOLLGATE_{name}_LISTEN": "127.0.0.1:0" for name in ["GRPC", "WEBHOOK", "OPS"]}
dev = Program([binary, "dev", "--simulator-port", "0", "--no-color"], None, TOLLGATE_CHECKPOINT_INTERVAL="1s", **ports)
try:
    examples = [Example(name) for name in COMMANDS]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        each = lambda step: list(pool.map(step, examples))
        each(as_told)
        as_it_is(examples, each, dev)
finally:
    for process in Program.all:
        process.terminate()
    dev.process.wait(30)
    shutil.rmtree(scratch)
