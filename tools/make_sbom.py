"""Writes the SBOM of the release: what `pip install` takes under our constraints, with hashes, as CycloneDX 1.6 JSON.

The hashes are those of the archives that pip chose on this machine; another platform takes other wheels of the same
versions. Nothing is installed.

    python tools/make_sbom.py dist/unlearn_audit-0.1.0-py3-none-any.whl dist/unlearn_audit-0.1.0.cdx.json
"""

import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[1]
OURS = "unlearn-audit"


def resolve(wheel: Path, constraints: Path = ROOT / "constraints.txt") -> dict[str, Any]:
    """Return pip's report on what installing `wheel` with the extra [pdf] would take.

    Raises:
        subprocess.CalledProcessError: pip found no set of versions, or no index.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    done = subprocess.run([*command, "-c", constraints, f"{wheel}[pdf]"], check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def make_sbom(report: dict[str, Any]) -> str:
    """Return the SBOM of what `report` lists: our own package is its subject, the others are what that depends on.

    Raises:
        ValueError: an archive without a SHA-256, or ours is not among them.
    """
    components = {entry["metadata"]["name"].lower(): _describe(entry) for entry in report["install"]}
    ours = components.pop(OURS, None)
    if ours is None:
        raise ValueError(f"expected {OURS} among what pip would install, found {sorted(components)}")
    bom = Bom(components=components.values())
    bom.metadata.component = ours
    bom.metadata.properties.add(Property(name="platform", value=f"{platform.system()} {platform.machine()}"))
    bom.metadata.properties.add(Property(name="python", value=report["environment"]["python_version"]))
    bom.register_dependency(ours, components.values())
    return str(JsonV1Dot6(bom).output_as_string(indent=2))


def _describe(entry: dict[str, Any]) -> Component:
    about = entry["metadata"]
    digest = entry["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    if digest is None:
        raise ValueError(f"expected the SHA-256 of {about['name']} {about['version']}, found none")
    licence = about.get("license_expression")
    url = PackageURL("pypi", name=about["name"].lower().replace("_", "-"), version=about["version"])
    return Component(
        type=ComponentType.APPLICATION if about["name"] == OURS else ComponentType.LIBRARY,
        name=about["name"],
        version=about["version"],
        bom_ref=url.to_string(),
        purl=url,
        description=about.get("summary"),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
    )


if __name__ == "__main__":
    wheel, target = Path(sys.argv[1]), Path(sys.argv[2])
    found = resolve(wheel)
    for item in found["install"]:  # a wheel on this disk is not hashed by every pip
        if item["metadata"]["name"] == OURS:
            item["download_info"].setdefault("archive_info", {})["hashes"] = {
                "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()
            }
    target.write_text(make_sbom(found) + "\n", "utf-8")
