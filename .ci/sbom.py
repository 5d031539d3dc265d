#!/usr/bin/env python3
"""What the library is made of, as a CycloneDX document: sbom.cdx.json.

    sbom.py write               writes it anew from Cargo.lock and the packages' own manifests
    sbom.py check    compares it with them, and its licences with those that deny.toml allows

A package that comes into the library or leaves it shows as a difference of the committed document. Needs cargo, and
the packages that building the library has downloaded; nothing is fetched. The document has no date and no random
number, so it is the same wherever it is written.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "sbom.cdx.json"
TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]


def cargo(*arguments):
    command = [os.environ.get("CARGO", "cargo"), *arguments, "--offline", "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def closure(target):
    """The library's package, and the others of which there is code in it: package id -> (package, ids it uses)."""
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))
    packages = {package["id"]: package for package in metadata["packages"]}
    uses = {node["id"]: sorted(dependency["pkg"] for dependency in node["deps"]
                               if any(kind["kind"] is None for kind in dependency["dep_kinds"]))
            for node in metadata["resolve"]["nodes"]}
    root, found, waiting = metadata["resolve"]["root"], {}, [metadata["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package not in found:
            found[package] = (packages[package], uses[package])
            waiting += uses[package]
    return root, found


def checksums():
    """(name, version) -> checksum, as Cargo.lock has them."""
    text = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
    blocks = [dict(re.findall(r'^(\w+) = "(.*)"$', block, re.MULTILINE)) for block in text.split("[[package]]")]
    return {(block["name"], block["version"]): block["checksum"] for block in blocks if "checksum" in block}


def expression(package):
    """Its licence in SPDX's terms; old manifests write "or" as a slash."""
    return re.sub(r"\s*/\s*", " OR ", package["license"] or "")


def reference(package, root):
    kind = "generic/lib" if package["id"] == root else "cargo/"
    return f"pkg:{kind}{package['name']}@{package['version']}"


def component(package, root, hashes):
    described = {
        "type": "library",
        "bom-ref": reference(package, root),
        "name": ("lib" if package["id"] == root else "") + package["name"],
        "version": package["version"],
        "licenses": [{"expression": expression(package)}],
        "purl": reference(package, root),
    }
    if package["id"] != root:
        checksum = hashes[package["name"], package["version"]]
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return described


def document():
    root, found = closure(TARGETS[0])
    for target in TARGETS[1:]:
        if closure(target) != (root, found):
            raise SystemExit(f"sbom: the library is made of other packages for {target}")
    hashes = checksums()
    references = {package_id: reference(package, root) for package_id, (package, _) in found.items()}
    others = sorted((package for package, _ in found.values() if package["id"] != root),
                    key=lambda package: (package["name"], package["version"]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(found[root][0], root, hashes)},
        "components": [component(package, root, hashes) for package in others],
        "dependencies": [{"ref": references[package_id], "dependsOn": sorted(references[other] for other in uses)}
                         for package_id, (_, uses) in sorted(found.items(), key=lambda item: references[item[0]])],
    }


def text():
    return json.dumps(document(), indent=2) + "\n"


# ---- Checks that do not use what writes the document ----

def complaints_about_structure(bom):
    """What CycloneDX 1.5 asks of such a document, and that it is closed in itself."""
    if (bom.get("bomFormat"), bom.get("specVersion"), bom.get("version")) != ("CycloneDX", "1.5", 1):
        yield "it is not a CycloneDX document of version 1.5"
    components = [bom["metadata"]["component"], *bom["components"]]
    references = [each["bom-ref"] for each in components]
    if len(set(references)) != len(references):
        yield "a reference stands there twice"
    for each in components:
        for key in ("type", "name", "version", "purl", "licenses"):
            if not each.get(key):
                yield f"{each.get('name')} has no {key}"
    for each in bom["components"]:
        if not re.fullmatch("[0-9a-f]{64}", each["hashes"][0]["content"]) or each["hashes"][0]["alg"] != "SHA-256":
            yield f"{each['name']} has no checksum"
    if sorted(each["ref"] for each in bom["dependencies"]) != sorted(references):
        yield "the dependencies are not those of its components, once each"
    if not {other for each in bom["dependencies"] for other in each["dependsOn"]} <= set(references):
        yield "a dependency is no component"


def complaints_about_packages(bom):
    """That its packages are those that cargo itself says are built into the library, and no others."""
    tree = cargo("tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--target", TARGETS[0])
    built = set(re.findall(r"^(\S+) v(\S+)", tree, re.MULTILINE))
    own = bom["metadata"]["component"]
    listed = {(each["name"], each["version"]) for each in bom["components"]}
    listed.add((own["name"].removeprefix("lib"), own["version"]))
    for name, version in sorted(built - listed):
        yield f"{name} {version} is in the library, and not in it"
    for name, version in sorted(listed - built):
        yield f"{name} {version} is in it, and not in the library"


def complaints_about_licences(bom):
    """That every package may be had under one of the licences that deny.toml allows."""
    allowed = re.search(r"^allow = \[(.*?)\]", (ROOT / "deny.toml").read_text(encoding="utf-8"), re.MULTILINE)
    allowed = set(re.findall(r'"([^"]+)"', allowed[1]))
    for each in bom["components"]:
        licence = each["licenses"][0]["expression"]
        if not any(all(part.strip() in allowed for part in choice.split(" AND ")) for choice in licence.split(" OR ")):
            yield f"{each['name']} is licensed under {licence}"


def check():
    committed = DOCUMENT.read_text(encoding="utf-8")
    bom = json.loads(committed)
    wrong = [*complaints_about_structure(bom), *complaints_about_packages(bom), *complaints_about_licences(bom)]
    if committed != text():
        wrong.append("it is not what `.ci/sbom.py write` writes: something else is in the library now")
    for line in wrong:
        print(f"{DOCUMENT.name}: {line}")
    print(f"{len(bom['components'])} packages in the library beside its own")
    return 1 if wrong else 0


def write():
    DOCUMENT.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["write"], ["check"]):
        raise SystemExit(__doc__)
    sys.exit({"write": write, "check": check}[sys.argv[1]]())
