"""Called by .ci/stripe-mock with the program, the list of refusals that are understood, and the record of requests."""

import collections, http.client, json, re, subprocess, sys, time, urllib.parse

program, understood, record = sys.argv[1:]
OURS = "Tollgate/"  # how the service calls itself


def kind(name, value):
    """What of a value matters to a description of the API: words are kept, since they may be of a closed list."""
    if "metadata" in name or not re.fullmatch(r"[a-z_.]{1,40}", value):
        return "integer" if re.fullmatch(r"-?\d+", value) else "text"
    return value


def parameter(name):
    """`items[3][price]` is as `items[0][price]`, and one key of metadata as another."""
    return re.sub(r"(metadata\]?)\[.*", r"\1[*]", re.sub(r"\[\d+\]", "[0]", name))


def shape(request):
    steps = request["path"].split("/")
    path = "/".join(step if at < 3 or not re.search("[A-Z0-9-]", step) else "*" for at, step in enumerate(steps))
    form = urllib.parse.parse_qsl(request["form"], keep_blank_values=True)
    return request["method"], path, request["version"], frozenset((parameter(name), kind(name, value)) for name, value in form)


def start():
    mock = subprocess.Popen([program, "-http-addr", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = ""
    for line in mock.stdout:
        said += line
        if found := re.search(r"Listening for HTTP at address: (\S+)", line):
            return mock, found.group(1)
    sys.exit(f"stripe-mock does not start:\n{said}")


def replay(address, request):
    """The status and the words of the answer."""
    connection = http.client.HTTPConnection(address, timeout=20)
    path, form = request["path"], request["form"]
    headers = {"Authorization": "Bearer sk_test_123", "Stripe-Version": request["version"]}
    if request["method"] == "GET":
        path, form = f"{path}?{form}" if form else path, None
    else:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(request["method"], path, form, headers)
    answer = connection.getresponse()
    words = answer.read().decode()
    connection.close()
    return answer.status, words


began = time.monotonic()
lines = [json.loads(line) for line in open(record)]
sent = [line for line in lines if line["user_agent"].startswith(OURS)]
shapes = {}
for request in sent:
    shapes.setdefault(shape(request), request)
if len(shapes) < 30:
    sys.exit(f"{record} has {len(shapes)} kinds of requests of Tollgate in {len(lines)} lines: that is not the whole suite")

reasons = []
for line in open(understood):
    if line.strip() and not line.startswith("#"):
        reasons.append(tuple(part.strip() for part in line.split("|", 3)))
used, wrong, expected = set(), [], 0
mock, address = start()
try:
    for (method, path, *_), request in sorted(shapes.items(), key=lambda it: it[0][:3]):
        status, words = replay(address, request)
        if status < 400:
            continue
        form = urllib.parse.unquote(request["form"])
        known = [it for it in reasons if it[0] == f"{method} {path}" and it[1] in words and it[2] in form]
        used.update(known)
        expected += bool(known)
        if not known:
            wrong.append(f"{status} {method} {request['path']} {form}\n{words}")
finally:
    mock.kill()

for route, count in sorted(collections.Counter(f"{method} {path}" for method, path, *_ in shapes).items()):
    print(f"{count:5} {route}")
print(f"{len(sent)} requests of Tollgate, {len(shapes)} kinds replayed in {time.monotonic() - began:.1f} s: "
      f"{expected} refused for a known reason, {len(wrong)} for none")
wrong += [f"nothing needs this line of {understood}: {' | '.join(it)}" for it in reasons if it not in used]
if wrong:
    sys.exit("\n".join(wrong))
