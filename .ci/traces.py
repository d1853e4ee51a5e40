"""Called by .ci/traces: takes spans over OTLP/gRPC while a customer buys, and looks at how they hang together."""

import concurrent.futures, json, os, re, subprocess, sys, threading, time, urllib.error, urllib.parse, urllib.request

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WEBHOOK, SERVICE = "POST /webhooks/stripe", "tollgate.v1.BillingService"
spans = []


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        for resource in request.resource_spans:
            name = {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"]
            spans.extend((name, span) for scope in resource.scope_spans for span in scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()


receiver = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Receiver(), receiver)
endpoint = f"http://127.0.0.1:{receiver.add_insecure_port('127.0.0.1:0')}"
receiver.start()

SETTINGS = dict(
    TOLLGATE_GRPC_LISTEN="127.0.0.1:0", TOLLGATE_WEBHOOK_LISTEN="127.0.0.1:0", TOLLGATE_OPS_LISTEN="127.0.0.1:0",
    TOLLGATE_OTLP_ENDPOINT=endpoint, TOLLGATE_TRACE_SAMPLE_RATIO="1",
)
dev = subprocess.Popen(
    ["target/debug/tollgate", "dev", "--simulator-port", "0", "--no-color"],
    env=os.environ | SETTINGS, stdout=subprocess.PIPE, text=True,
)
said = []
threading.Thread(target=lambda: [said.append(line) for line in dev.stdout], daemon=True).start()


def until(what, ask):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and dev.poll() is None:
        if answer := ask():
            return answer
        time.sleep(0.05)
    tree = "\n".join(f"{span.trace_id.hex()} {span.name} links {len(span.links)}" for _, span in spans)
    sys.exit(f"not in time: {what}\n{''.join(said)}\n{tree}")


def expect(right, what, got=""):
    if not right:
        sys.exit(f"wrong: {what}: {got}")
    print(f"ok: {what}")


def named(name, trace=None):
    return [span for _, span in spans if span.name == name and trace in (None, span.trace_id.hex())]


def attributes(span):
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def grpcurl(request, method):
    header = f"traceparent: 00-{TRACE}-{CALLER}-01"
    command = ["grpcurl", "-plaintext", "-H", header, "-d", json.dumps(request), address, f"{SERVICE}/{method}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


try:
    address = until("gRPC", lambda: re.search(r"gRPC +(127\.0\.0\.1:\d+)", "".join(said))).group(1)
    until("dev is up", lambda: "_simulator" in "".join(said))
    watch = subprocess.Popen(
        ["grpcurl", "-plaintext", "-max-time", "120", "-d", '{"filter":{"customers":["traced"]}}', address,
         f"{SERVICE}/WatchEntitlements"], stdout=subprocess.PIPE, text=True)
    seen = []
    threading.Thread(target=lambda: [seen.append(line) for line in watch.stdout], daemon=True).start()
    until("the watch is open", lambda: "checkpoint" in "".join(seen))

    order = {"customer": "traced", "requestId": "order-1", "successUrl": "https://shop.example/back",
             "lineItems": [{"lookupKey": "team_monthly", "quantity": "5"}]}
    url = grpcurl(order, "CreateCheckout")["checkout"]["url"]
    stay = type("Stay", (urllib.request.HTTPRedirectHandler,), {"redirect_request": lambda *_: None})
    try:
        urllib.request.build_opener(stay).open(url, urllib.parse.urlencode({"outcome": "pay"}).encode())
    except urllib.error.HTTPError as redirect:
        expect(redirect.code == 303, "the customer has paid", redirect.code)
    until("the watch shows it", lambda: "REASON_ACTIVE" in "".join(seen))

    (call,) = until("the call's span", lambda: named(f"{SERVICE}/CreateCheckout", TRACE))
    expect(call.parent_span_id.hex() == CALLER and call.kind == call.SPAN_KIND_SERVER, "the call is the caller's child")
    expect(attributes(call)["rpc.method"] == "CreateCheckout", "it says which method", attributes(call))
    (command,) = named("create_checkout", TRACE)
    expect(command.parent_span_id == call.span_id, "the command is the call's child")
    (stripe,) = named("POST /v1/checkout/sessions", TRACE)
    expect(stripe.parent_span_id == command.span_id and stripe.kind == stripe.SPAN_KIND_CLIENT, "Stripe's is the command's")
    about = attributes(stripe)
    expect(about["http.response.status_code"] == 200 and about["stripe.request_id"].startswith("req_"), "and what it said", about)

    def chain():
        """Span names from a watch frame along its links, if they lead to a webhook."""
        by_id = {span.span_id: span for _, span in spans}
        for frame in named("watch frame"):
            names, open_ = [], [frame]
            while open_:
                span = open_.pop()
                names.append(span.name)
                open_ += [by_id[link.span_id] for link in span.links if link.span_id in by_id]
            if WEBHOOK in names:
                return frame, names

    frame, names = until("links from the watch to a webhook", chain)
    expect(names[:2] == ["watch frame", "apply"], "links lead from the watch frame to its webhook", names)
    expect(named(WEBHOOK, frame.trace_id.hex()), "which is in the same trace")
    expect({name for name, _ in spans} == {"tollgate"}, "all of it is tollgate's")
    told = "".join(str(span) for _, span in spans)
    expect("traced" not in told and "shop.example" not in told, "no span names a customer or a URL")
    watch.kill()
    before = len(spans)
    grpcurl({"customer": "traced", "feature": "sso"}, "GetEntitlement")
    dev.send_signal(2)
    expect(dev.wait(30) == 0, "Ctrl-C ends it with 0", dev.returncode)
    expect(named(f"{SERVICE}/GetEntitlement", TRACE), "and what was left was given away", len(spans) - before)
finally:
    if dev.poll() is None:
        dev.kill()
