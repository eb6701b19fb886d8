"""What a release ships beside the wheel: an SBOM that a reader of CycloneDX accepts, with the hash of every archive."""

import copy
import json

import pytest

validation = pytest.importorskip("cyclonedx.validation.json")

from tools.make_sbom import make_sbom  # noqa: E402 - needs the library that is asked for above


def entry(name, version, sha256, **about):
    archive = {"hashes": {"sha256": sha256}} if sha256 else {}
    return {
        "metadata": {"name": name, "version": version, **about},
        "download_info": {"url": f"https://files.example/{name}.whl", "archive_info": archive},
    }


REPORT = {
    "environment": {"python_version": "3.11"},
    "install": [
        entry("unlearn-audit", "0.1.0", "a" * 64, license_expression="Apache-2.0 AND Bitstream-Vera"),
        entry("numpy", "2.4.6", "b" * 64, summary="Arrays"),
        entry("ruamel.yaml", "0.18.16", "c" * 64),
    ],
}


def test_the_sbom_is_valid_and_names_every_archive_by_its_hash():
    text = make_sbom(REPORT)

    from cyclonedx.schema import SchemaVersion

    assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = json.loads(text)
    assert found["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert found["metadata"]["component"]["licenses"] == [{"expression": "Apache-2.0 AND Bitstream-Vera"}]
    listed = {part["purl"]: part["hashes"][0]["content"] for part in found["components"]}
    assert listed == {"pkg:pypi/numpy@2.4.6": "b" * 64, "pkg:pypi/ruamel.yaml@0.18.16": "c" * 64}
    depends = {row["ref"]: row.get("dependsOn", []) for row in found["dependencies"]}
    assert depends["pkg:pypi/unlearn-audit@0.1.0"] == sorted(listed)


@pytest.mark.parametrize("absent", [0, 1])
def test_an_archive_without_a_hash_and_a_list_without_us_are_refused(absent):
    nameless = copy.deepcopy(REPORT)
    nameless["install"][absent]["download_info"]["archive_info"] = {}
    with pytest.raises(ValueError, match=f"SHA-256 of {REPORT['install'][absent]['metadata']['name']}"):
        make_sbom(nameless)
    with pytest.raises(ValueError, match="expected unlearn-audit among"):
        make_sbom({**REPORT, "install": REPORT["install"][1:]})
