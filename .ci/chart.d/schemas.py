"""Called by .ci/chart: JSON schemas for kubeconform, from what the registries of packages have.

    schemas.py KUBERNETES CRDS OUT    KUBERNETES: a folder of the package kubernetes-validate (strict);
                                      CRDS: the Prometheus operator's, as YAML; OUT: a folder that is made
"""

import json, pathlib, sys

import yaml

kubernetes, crds, out = map(pathlib.Path, sys.argv[1:])
out.mkdir(parents=True)
for file in kubernetes.glob("*.json"):
    # Its name is an address of the web, and so is what it refers to.
    schema = json.loads(file.read_text().replace('"/api/_definitions.json', '"_definitions.json'))
    schema.pop("$id", None)
    (out / file.name).write_text(json.dumps(schema))


def strict(schema):
    """What a custom resource does not declare is dropped by the API server without a word: here it is an error."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: strict(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    if schema.pop("x-kubernetes-int-or-string", None):
        schema.pop("anyOf", None)
        schema["type"] = ["integer", "string"]
    return schema


for kind in ["servicemonitors", "prometheusrules"]:
    for crd in yaml.safe_load_all((crds / f"monitoring.coreos.com_{kind}.yaml").read_text()):
        spec = crd["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # The API server's own part.
            schema["properties"]["metadata"] = {"$ref": "_definitions.json#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
            group = spec["group"].split(".")[0]
            (out / f"{spec['names']['kind'].lower()}-{group}-{version['name']}.json").write_text(json.dumps(schema))
