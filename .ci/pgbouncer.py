"""Called by .ci/pgbouncer with the folder of the two pgbouncers, and what else it was given."""

import concurrent.futures, contextlib, hashlib, hmac, itertools, json, os, pathlib, re, signal, socket, subprocess, sys, tempfile, threading, time
import urllib.error, urllib.parse, urllib.request

import pg8000.dbapi

made = pathlib.Path(sys.argv[1])
scratch = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-pgbouncer-"))
scratch.chmod(0o755)
SECRET, POOL = "whsec_of_pgbouncer", 4
started = []


def expect(right, what, got=""):
    if not right:
        sys.exit(f"wrong: {what}: {got}")
    print(f"ok: {what}", flush=True)


def until(what, ask):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.02)
    sys.exit(f"not in time: {what}")


def start(*command, log="log", **options):
    process = subprocess.Popen(command, stderr=(scratch / log).open("a"), text=True, **options)
    started.append(process)
    return process


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Pgbouncer:
    """In transaction mode, before the one Postgres, on a port that stays its own."""

    def __init__(self, release, **settings):
        self.port, self.file = free_port(), scratch / f"{release}-{len(started)}.ini"
        self.url = f"postgres://{server.username}:{server.password}@127.0.0.1:{self.port}"
        (scratch / "users").write_text(f'"{server.username}" "{server.password}"\n')
        settings = dict(
            listen_addr="127.0.0.1", listen_port=self.port, unix_socket_dir="", auth_type="plain", auth_file=scratch / "users",
            pool_mode="transaction", default_pool_size=POOL, **settings)
        lines = [f"* = host={server.hostname} port={server.port}", "[pgbouncer]", *(f"{name} = {value}" for name, value in settings.items())]
        self.file.write_text("[databases]\n" + "\n".join(lines) + "\n")
        self.program = made / release
        self.version = subprocess.check_output([self.program, "--version"], text=True).split()[1]
        self.start()

    def start(self):
        # It does not run as root.
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self.process = start(self.program, "-q", *user, self.file, stdout=subprocess.DEVNULL, log="pgbouncer.log")
        until("pgbouncer", self.listens)

    def listens(self):
        if self.process.poll() is not None:
            sys.exit(f"pgbouncer ended: {(scratch / 'pgbouncer.log').read_text()}")
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0


def tollgate(*arguments, **environment):
    done = subprocess.run(["target/debug/tollgate", *arguments], env=settings | environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def sql(database, text):
    with contextlib.closing(pg8000.dbapi.connect(
            user=server.username, password=server.password, host=server.hostname, port=server.port, database=database)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(text)
        return str(cursor.fetchone()[0]) if cursor.description else ""


class Service:
    def __init__(self, **environment):
        self.process = start(
            "target/debug/tollgate", "serve", "--insecure-no-auth", env=settings | environment, stdout=subprocess.PIPE)
        said = dict(line.split() for line in itertools.takewhile("ready\n".__ne__, self.process.stdout))
        expect("webhook" in said and self.process.poll() is None, "the service is ready behind pgbouncer", (scratch / "log").read_text())
        self.grpc, self.door = said["grpc"], f"http://{said['webhook']}/webhooks/stripe"

    def post(self, number):
        """Stripe's status for one event."""
        event = {"id": f"evt_{number}", "object": "event", "type": "product.created", "created": 1_700_000_000 + number,
                 "livemode": False, "data": {"object": {"id": f"prod_{number}", "object": "product"}}}
        body, now = json.dumps(event), int(time.time())
        signed = hmac.new(SECRET.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()
        request = urllib.request.Request(self.door, body.encode(), {"stripe-signature": f"t={now},v1={signed}"})
        try:
            return urllib.request.urlopen(request, timeout=30).status
        except urllib.error.HTTPError as refused:
            return refused.code

    def reads(self):
        asked = json.dumps({"customer": "acme", "feature": "sso"})
        done = subprocess.run(
            ["grpcurl", "-plaintext", "-d", asked, self.grpc, "tollgate.v1.BillingService/GetEntitlement"], capture_output=True, text=True)
        return "ACCESS_DENIED" in done.stdout


def refused(pgbouncer, why, mend, **environment):
    """Neither the start nor doctor takes it."""
    url = {"TOLLGATE_DATABASE_URL": f"{pgbouncer.url}/tollgate"} | environment
    for command in ["serve", "--insecure-no-auth"], ["doctor"]:
        code, said = tollgate(*command, **url)
        told = [line for line in said.splitlines() if mend in line]
        expect(code and len(told) == 1, f"`{command[0]}` refuses pgbouncer {pgbouncer.version} {why}, with what to do", said)


def restarted_under_load(pgbouncer, services):
    """Killed and started again while events come: none that got 2xx is lost, reads go on, all recovers by itself."""
    numbers, answers, stop = itertools.count(1), {}, threading.Event()

    def load(service):
        # As Stripe does: what was refused comes again.
        while not stop.is_set():
            number = next(numbers)
            answers[number], end = [service.post(number)], time.monotonic() + 60
            while answers[number][-1] != 200:
                if time.monotonic() > end:
                    raise TimeoutError(f"event {number} is never taken")
                time.sleep(0.05)
                answers[number].append(service.post(number))

    def held():
        return int(sql("tollgate", "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'tollgate'"))

    def all_codes():
        return [code for each in list(answers.values()) for code in each]

    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        running = [threads.submit(load, service) for service in services * 8]
        try:
            for _ in range(3):
                before = len(answers)
                until("events are taken", lambda: len(answers) > before + 200)
                seen = all_codes().count(503)
                pgbouncer.process.kill()
                pgbouncer.process.wait()
                until("events are refused", lambda: all_codes().count(503) > seen)
                expect(all(service.reads() for service in services), "reads go on without pgbouncer")
                pgbouncer.start()
            before = len(answers)
            until("events are taken again", lambda: len(answers) > before + 200)
            # And one for LISTEN of each replica; those of the killed pgbouncer end when they notice.
            until("Postgres has few sessions", lambda: held() <= POOL + len(services))
            print(f"ok: {len(services)} replicas with 10 connections each hold {held()} of Postgres's under load", flush=True)
        finally:
            stop.set()
    for one in running:
        one.result()
    codes = all_codes()
    expect(set(codes) == {200, 503}, "an event is taken or to be sent again", {code: codes.count(code) for code in set(codes)})
    kept = int(sql("tollgate", "select count(*) from inbox"))
    expect(kept == len(answers), f"all {kept} events are kept, once, after {codes.count(503)} refusals", len(answers))
    until("all are applied", lambda: sql("tollgate", "select count(*) from inbox where state = 'received'") == "0")


try:
    postgres = start("target/debug/embedded-postgres", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ready = postgres.stdout.readline().split()
    expect(ready[:1] == ["ready"], "Postgres runs", ready)
    server = urllib.parse.urlparse(ready[1])
    direct = ready[1].rsplit("/", 1)[0]
    sql("postgres", "create database tollgate")
    (scratch / "catalog.yaml").write_text("features:\n  sso: {type: boolean}\n")
    settings = {name: value for name, value in os.environ.items() if not name.startswith("TOLLGATE_")} | dict(
        TOLLGATE_DATABASE_URL=f"{direct}/tollgate", TOLLGATE_DATABASE_DIRECT_URL=f"{direct}/tollgate",
        TOLLGATE_STRIPE_SECRET_KEY="sk_test_x", TOLLGATE_STRIPE_BASE_URL="http://127.0.0.1:9", TOLLGATE_STRIPE_WEBHOOK_SECRETS=SECRET,
        TOLLGATE_CATALOG=str(scratch / "catalog.yaml"), TOLLGATE_GRPC_LISTEN="127.0.0.1:0", TOLLGATE_WEBHOOK_LISTEN="127.0.0.1:0",
        TOLLGATE_OPS_LISTEN="127.0.0.1:0", TOLLGATE_DRAIN_DELAY="0s")
    expect(tollgate("migrate")[0] == 0, "the direct URL migrates")

    prepares = "use pgbouncer 1.21 or newer with max_prepared_statements"
    for pgbouncer, why in [
        (Pgbouncer("bookworm"), "with any setting"),
        (Pgbouncer("trixie", max_prepared_statements=0), "without max_prepared_statements"),
    ]:
        refused(pgbouncer, why, prepares)
        pgbouncer.process.kill()
    pgbouncer = Pgbouncer("trixie", max_prepared_statements=100)
    print(f"pgbouncer {pgbouncer.version}, {POOL} sessions for everybody", flush=True)
    through = {"TOLLGATE_DATABASE_URL": f"{pgbouncer.url}/tollgate"}
    around = "give Postgres's own address in TOLLGATE_DATABASE_DIRECT_URL"
    refused(pgbouncer, "without Postgres's own address", around, TOLLGATE_DATABASE_DIRECT_URL=through["TOLLGATE_DATABASE_URL"])
    own = settings.pop("TOLLGATE_DATABASE_DIRECT_URL")
    refused(pgbouncer, "alone", around)
    settings["TOLLGATE_DATABASE_DIRECT_URL"] = own
    refused(pgbouncer, "in place of Postgres's own address", around, TOLLGATE_DATABASE_URL=own, TOLLGATE_DATABASE_DIRECT_URL=through["TOLLGATE_DATABASE_URL"])
    said = tollgate("doctor", **through)[1]
    expect(re.search(r"ok +database +PostgreSQL", said), "doctor takes it", said)
    services = [Service(**through), Service(**through)]
    restarted_under_load(pgbouncer, services)
    for service in services:
        service.process.send_signal(signal.SIGTERM)
        expect(service.process.wait(20) == 0, "it drains", (scratch / "log").read_text()[-2_000:])
    if sys.argv[2:] == ["stories"]:
        # A test has a database of its own, and so a pool.
        tests = os.environ | {"TOLLGATE_TEST_DATABASE_URL": f"{pgbouncer.url}/postgres", "TOLLGATE_TEST_DATABASE_DIRECT_URL": f"{direct}/postgres"}
        for of in ["story::", "watch::", "rolling::"]:
            subprocess.run(["cargo", "test", "--quiet", "--locked", "-p", "tollgate", "--test", "it", of], env=tests, check=True)
        print("ok: the stories, the watches and the rolling restart go through pgbouncer")
finally:
    for process in reversed(started):
        # Postgres's supervisor ends it when nobody holds its input any more.
        process.stdin.close() if process.stdin else process.kill()
        process.wait()
    subprocess.run(["rm", "-rf", scratch], check=True)
