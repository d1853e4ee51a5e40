"""Called by .ci/chart: what promtool does not look at. Ends with 1 and every fault.

    check.py alerts               each alert has a severity, an entry in docs/operations.md and a test that fires and one that does not
    check.py metrics              what alerts and dashboard ask for is in docs/metrics.md
    check.py queries FILE         the dashboard's queries as rules, for promtool
"""

import json, pathlib, re, sys

import yaml

FILES = pathlib.Path("helm/tollgate/files")
faults = []


def rules():
    return [rule for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]


def queries():
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]


def text(path):
    if pathlib.Path(path).is_file():
        return pathlib.Path(path).read_text()
    faults.append(f"{path} is not there")
    return ""


def alerts():
    runbook = text("docs/operations.md")
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ +(.+?) *$", runbook, re.M)}
    fires, silent = set(), set()
    tests = [test for file in FILES.glob("*_test.yaml") for test in yaml.safe_load(file.read_text())["tests"]]
    for test in tests:
        there = {name for each in test["input_series"] for name in re.findall(r'namespace="(\w+)"', each["series"])}
        for asked in test["promql_expr_test"]:
            alert = re.search(r'alertname="(\w+)"', asked["expr"])[1]
            fired = {name for each in asked["exp_samples"] for name in re.findall(r'namespace="(\w+)"', each["labels"])}
            if asked["exp_samples"]:
                fires.add(alert)
            if there - fired:
                silent.add(alert)
    for rule in rules():
        name = rule["alert"]
        if rule["labels"].get("severity") not in ["page", "ticket"]:
            faults.append(f"{name}: its severity is neither page nor ticket")
        if rule["annotations"].get("runbook_url") != f"docs/operations.md#{name.lower()}":
            faults.append(f"{name}: its runbook_url is not docs/operations.md#{name.lower()}")
        if runbook and name.lower() not in anchors:
            faults.append(f"{name}: docs/operations.md has no heading of this name")
        if name not in fires:
            faults.append(f"{name}: no test in which it fires")
        if name not in silent:
            faults.append(f"{name}: no test in which it is silent")
    print(f"{len(rules())} alerts")


def metrics():
    if not (table := text("docs/metrics.md")):
        return
    known = set(re.findall(r"\btollgate_[a-z_]+", table))
    asked = [(rule["alert"], rule["expr"]) for rule in rules()] + queries()
    count = set()
    for who, expression in asked:
        for name in re.findall(r"\btollgate_[a-z_]+", expression):
            count.add(name)
            if name not in known and re.sub(r"_(bucket|sum|count)$", "", name) not in known:
                faults.append(f"{who}: {name} is not in docs/metrics.md")
    print(f"{len(count)} metrics are asked for")


def as_rules(path):
    found = []
    for number, (_, expression) in enumerate(queries()):
        expression = expression.replace("$__rate_interval", "5m").replace("$namespace", ".*")
        found.append({"record": f"dashboard:query:{number}", "expr": expression})
    pathlib.Path(path).write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": found}]}))


{"alerts": alerts, "metrics": metrics, "queries": as_rules}[sys.argv[1]](*sys.argv[2:])
sys.exit("\n".join(sorted(set(faults))) or 0)
