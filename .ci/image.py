"""Called by .ci/image: `image.py sbom BINARY OUT` says in CycloneDX what is linked into the image's binary; `image.py bundle
ROOT DIRECTORY ARGUMENT…` writes what runc needs to run it the way a restricted Pod does."""

import json, pathlib, re, subprocess, sys, tomllib, uuid

BUILD = ["--locked", "--no-default-features"]


def out(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sbom(binary, place):
    host = re.search(r"^host: (\S+)", out("rustc", "-vV"), re.M)[1]
    tree = out("cargo", "tree", *BUILD, "-p", "tollgate", "-e", "normal,no-proc-macro", "--target", host, "--prefix", "depth")
    lock = {(each["name"], each["version"]): each for each in tomllib.loads(pathlib.Path("Cargo.lock").read_text())["package"]}
    metadata = json.loads(out("cargo", "metadata", "--locked", "--format-version", "1"))
    licenses = {(each["name"], each["version"]): each["license"] for each in metadata["packages"]}

    path, needs = [], {}
    for depth, name, version in re.findall(r"^(\d+)(\S+) v(\S+)", tree, re.M):
        del path[int(depth):]
        if path:
            needs[path[-1]].add((name, version))
        path.append((name, version))
        needs.setdefault(path[-1], set())
    root, *crates = needs

    def purl(crate):
        return "pkg:cargo/%s@%s" % crate

    def component(crate):
        made = {"type": "library", "bom-ref": purl(crate), "name": crate[0], "version": crate[1], "purl": purl(crate)}
        if text := licenses[crate]:
            made["licenses"] = [{"expression": text.replace("/", " OR ")}]
        if checksum := lock[crate].get("checksum"):
            made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        return made

    # Not crates, but in there: Rust's own library, and the C library it is static against.
    rust = re.search(r"^release: (\S+)", out("rustc", "-vV"), re.M)[1]
    below = [{"type": "library", "bom-ref": "rust-std", "name": "rust-std", "version": rust, "licenses": [{"expression": "MIT OR Apache-2.0"}]}]
    if libc := re.search(rb"GNU C Library \((\S+) GLIBC (\S+)\)", pathlib.Path(binary).read_bytes()):
        system, version = (each.decode() for each in libc.groups())
        below.append({"type": "library", "bom-ref": "glibc", "name": "glibc", "version": version, "publisher": system, "licenses": [{"expression": "LGPL-2.1-or-later"}]})
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(sorted(map(purl, needs)) + [below])).urn,
        "version": 1,
        "metadata": {"component": component(root) | {"type": "application"}},
        "components": [*map(component, sorted(crates)), *below],
        "dependencies": [{"ref": purl(crate), "dependsOn": sorted(map(purl, needs[crate]))} for crate in sorted(needs)],
    }
    text = json.dumps(bom, indent=1)
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"the SBOM is not CycloneDX 1.6: {wrong}")
    pathlib.Path(place).write_text(text)
    names = {name for name, _ in crates}
    if bad := names & {"stripe-simulator", "embedded-postgres"}:
        sys.exit(f"in the image: {bad}")
    if missing := {"tollgate-store", "tonic", "sqlx-postgres", "ring"} - names:
        sys.exit(f"not in the SBOM: {missing}")
    print(f"SBOM: {len(crates)} crates and {', '.join(each['name'] + ' ' + each['version'] for each in below)}")


def bundle(root, place, *arguments):
    place = pathlib.Path(place)
    (place / "config.json").unlink(missing_ok=True)
    subprocess.run(["runc", "spec", "--bundle", place], check=True)
    spec = json.loads((place / "config.json").read_text())
    spec["root"] = {"path": root, "readonly": True}
    spec["process"] |= {
        "terminal": False, "args": list(arguments), "user": {"uid": 65532, "gid": 65532}, "noNewPrivileges": True,
        "capabilities": {each: [] for each in spec["process"]["capabilities"]},
    }
    (place / "config.json").write_text(json.dumps(spec))


{"sbom": sbom, "bundle": bundle}[sys.argv[1]](*sys.argv[2:])
