"""What every chapter needs: the client, the simulator's controls, pages pressed as a browser does, and counted checks."""

import html.parser, http.server, json, threading, time, urllib.error, urllib.parse, urllib.request

import stripe

KEY = "sk_test_sdks"
HOUR, DAY = 3600, 86_400


class Wrong(Exception):
    """The simulator is not as it should be."""


class Page(html.parser.HTMLParser):
    """Links, and forms: what each would send, and the buttons that send it."""

    def __init__(self, url):
        super().__init__()
        with urllib.request.urlopen(url) as answer:
            self.url, self.text, self.forms, self.links, self.labelled = answer.url, answer.read().decode(), [], [], None
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "a":
            self.labelled = {"to": urllib.parse.urljoin(self.url, given.get("href", "")), "label": ""}
            self.links.append(self.labelled)
        elif tag == "form":
            self.forms.append({"action": given.get("action", ""), "fields": {}, "buttons": []})
        elif tag == "input" and self.forms and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self.forms[-1]["fields"][given.get("name")] = given.get("value", "")
        elif tag == "button" and self.forms:
            self.labelled = {"name": given.get("name"), "value": given.get("value", ""), "label": ""}
            self.forms[-1]["buttons"].append(self.labelled)

    def handle_data(self, data):
        if self.labelled is not None:
            self.labelled["label"] += data

    def handle_endtag(self, tag):
        if tag in ("a", "button"):
            self.labelled = None

    def link(self, label):
        """Where the first such link leads."""
        for link in self.links:
            if link["label"].strip().startswith(label):
                return link["to"]
        raise Wrong(f"no link {label!r} at {self.url}:\n{self.text}")

    def press(self, label, **fields):
        """Sends the first form that has such a button, filled in; where the browser is sent then."""
        for form in self.forms:
            for button in form["buttons"]:
                if button["label"].strip().startswith(label):
                    sent = form["fields"] | {name: value for name, value in fields.items() if name in form["fields"]}
                    sent = {name: value for name, value in (sent | {button["name"]: button["value"]}).items() if name}
                    return send(urllib.parse.urljoin(self.url, form["action"]), urllib.parse.urlencode(sent).encode())
        raise Wrong(f"no button {label!r} at {self.url}:\n{self.text}")


class Stay(urllib.request.HTTPRedirectHandler):
    """The pages send browsers to shops that are not there."""

    def redirect_request(self, *_):
        return None


def send(url, body):
    try:
        return urllib.request.build_opener(Stay).open(urllib.request.Request(url, body)).url
    except urllib.error.HTTPError as answer:
        if answer.status not in (302, 303):
            raise Wrong(f"{url} answers {answer.status}: {answer.read().decode()}")
        return urllib.parse.urljoin(url, answer.headers["Location"])


class Receiver:
    """A place that webhooks are delivered to: their bodies and signatures, and a say in how they are answered."""

    def __init__(self):
        self.deliveries, self.refuse = [], 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refused = receiver.refuse > 0
                receiver.refuse -= refused
                receiver.deliveries.append((body, self.headers["Stripe-Signature"], refused))
                self.send_response(500 if refused else 200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def of(self, kind, count=1):
        """The deliveries of a type, when there are so many."""
        return until(f"{count} × {kind}", lambda: self.taken(kind, count))

    def taken(self, kind, count):
        found = [it for it in list(self.deliveries) if json.loads(it[0])["type"] == kind]
        return found if len(found) >= count else None


def until(what, ask):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.02)
    raise Wrong(f"not in time: {what}")


class Shop:
    def __init__(self, base):
        self.base, self.checks = base, 0
        self.client = self.connect()
        self.v1 = self.names(self.client)

    def connect(self, key=KEY, **options):
        options = {"max_network_retries": 2} | options
        return stripe.StripeClient(key, base_addresses={"api": self.base}, **options)

    @staticmethod
    def names(client):
        """Older ones have the resources on the client itself."""
        return client.v1 if hasattr(type(client), "v1") or "v1" in vars(client) else client

    def control(self, what, **body):
        return self.ask("POST", what, json.dumps(body).encode())

    def ask(self, method, what, body=None):
        url = f"{self.base}/_simulator/{what}"
        with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)) as answer:
            return json.load(answer)

    def expect(self, right, what, got=""):
        if not right:
            raise Wrong(f"{what}: {got}")
        self.checks += 1
        print(f"ok: {what}", flush=True)

    def equal(self, got, wanted, what):
        self.expect(got == wanted, what, f"{got!r} instead of {wanted!r}")

    def refused(self, error, what, act, **attributes):
        """`act` must raise exactly this class, with these attributes."""
        try:
            done = act()
        except stripe.StripeError as raised:
            self.equal(type(raised), error, f"{what} is a {error.__name__}")
            for name, wanted in attributes.items():
                self.equal(getattr(raised, name), wanted, f"{what}: its {name} is {wanted!r}")
            return raised
        raise Wrong(f"{what} was not refused: {done}")

    def price(self, product, amount, interval="month", **more):
        wanted = {"product": product, "currency": "usd", "unit_amount": amount}
        if interval:
            wanted["recurring"] = {"interval": interval}
        return self.v1.prices.create(wanted | more)

    def product(self, name):
        return self.v1.products.create({"name": name}).id

    def pays(self, url, label, card="4242 4242 4242 4242"):
        """As somebody does who types the number of a card."""
        return Page(url).press(label, email="ada@buyers.example", card=card)
