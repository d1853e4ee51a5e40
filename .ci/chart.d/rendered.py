"""Called by .ci/chart: what a schema cannot say, of every set of values. Ends with 1 and every fault.

    rendered.py FILE…
"""

import sys

import yaml

faults = []


def pod(spec, wrong):
    for name, wanted in [("automountServiceAccountToken", False), ("enableServiceLinks", False)]:
        if spec.get(name) is not wanted:
            wrong(f"{name} is {spec.get(name)}")
    around = spec["securityContext"]
    if (around["runAsNonRoot"], around["runAsUser"], around["seccompProfile"]) != (True, 65532, {"type": "RuntimeDefault"}):
        wrong(f"its security context is {around}")
    for container in spec.get("initContainers", []) + spec["containers"]:
        held = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        if container["securityContext"] != held:
            wrong(f"{container['name']}: its security context is {container['securityContext']}")
        if "command" in container:
            wrong(f"{container['name']}: the image has an entrypoint, and no shell")


def deployment(spec, wrong):
    template = spec["template"]["spec"]
    init, (serve,) = template["initContainers"], template["containers"]
    if init[0]["args"] != ["migrate"] or serve["args"] != ["serve"]:
        wrong("it does not migrate, then serve")
    if [each["args"][:2] for each in init[1:]] not in ([], [["catalog", "apply"]]):
        wrong("after migrate comes something else than the catalog")
    probes = [serve[kind + "Probe"]["grpc"] for kind in ["startup", "liveness", "readiness"]]
    if probes != [{"port": 9090, "service": name} for name in ["", "", "tollgate.v1.BillingService"]]:
        wrong(f"its probes are {probes}")
    if spec["strategy"]["rollingUpdate"]["maxUnavailable"] != 0:
        wrong("a roll takes replicas away")
    env = {each["name"]: each.get("value", "") for each in serve["env"]}
    spans = [int(env[f"TOLLGATE_DRAIN_{name}"].rstrip("s")) for name in ["DELAY", "DEADLINE"]]
    if template["terminationGracePeriodSeconds"] < sum(spans) + 10:
        wrong("the kubelet kills before it has drained")
    if len(env) != len(serve["env"]):
        wrong("a variable is there twice")
    mounted = {each["mountPath"] for each in serve["volumeMounts"]}
    for name, path in env.items():
        if name.endswith("_FILE") and not any(path.startswith(folder + "/") for folder in mounted):
            wrong(f"{name}: nothing is mounted at {path}")
    if any("subPath" in each for each in serve["volumeMounts"]):
        wrong("what is mounted with subPath is never rotated")


for file in sys.argv[1:]:
    with open(file) as text:
        objects = [each for each in yaml.safe_load_all(text) if each]
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    for each in objects:
        kind, meta = each["kind"], each["metadata"]

        def wrong(what):
            faults.append(f"{file}: {kind} {meta['name']}: {what}")

        if names.count((kind, meta["name"])) > 1:
            wrong("is there twice")
        if meta.get("annotations", {}).get("helm.sh/hook", "test") != "test":
            wrong("is a hook")
        if kind == "Secret":
            wrong("secrets are by reference only")
        if kind == "Deployment":
            deployment(each["spec"], wrong)
            pod(each["spec"]["template"]["spec"], wrong)
        if kind == "Pod":
            pod(each["spec"], wrong)
        if kind == "Ingress" and [path["path"] for rule in each["spec"]["rules"] for path in rule["http"]["paths"]] != ["/webhooks/stripe"]:
            wrong("it opens more than the webhook")
        if kind == "Service" and each["spec"].get("type", "ClusterIP") != "ClusterIP" and [port["name"] for port in each["spec"]["ports"]] != ["grpc"]:
            wrong("it shows more than gRPC to the outside")
print(f"{len(sys.argv) - 1} sets of values")
sys.exit("\n".join(faults) or 0)
