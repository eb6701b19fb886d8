"""The cache of proofs: a proof depends on policy and version alone."""

import json
import platform
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from unlearn_audit import __version__
from unlearn_audit.policy import Policy
from unlearn_audit.records import Message, digest_of
from unlearn_audit.selftest.policy_proof import Proof, SearchTrial, Trial, prove_policy
from unlearn_audit.selftest.sizes_that_do import Size
from unlearn_audit.writing import replace_file

FORMAT = 4
"""Raised when simulated models, draws or what is made of them change."""


def find_proof(policy: Policy, cache: Path) -> Proof | None:
    """Return the proof of `policy`, from `cache` where it lies there; None where the policy declares no sizes.

    A file that was cut off or edited is not used. A cache that cannot be written to costs time alone.
    """
    key = digest_of([FORMAT, __version__, platform.python_version(), policy.digest()])
    path = cache / "policy-proofs" / f"{key}.json"
    if (kept := _read(path, key)) is not None:
        return kept
    proof = prove_policy(policy)
    if proof is not None:
        _keep(path, key, proof)
    return proof


def _keep(path: Path, key: str, proof: Proof) -> None:
    content = {"bad": list(map(_write_trial, proof.bad)), "fine": _write_trial(proof.fine)}
    content["sizes"] = [{**asdict(size), "message": size.message.model_dump(mode="json")} for size in proof.sizes]
    content["searches"] = [asdict(search) for search in proof.searches]
    facts = {"key": key, "sha256": digest_of(content), "proof": content}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(facts, indent=1).encode())
    except OSError:
        return


def _write_trial(trial: Trial) -> dict[str, Any]:
    names = ("model", "title", "passes", "draws")
    kept: dict[str, Any] = {name: getattr(trial, name) for name in names}
    return {**kept, "stopped_by": list(trial.stopped_by.items()), "failed_by": list(trial.failed_by)}


def _read(path: Path, key: str) -> Proof | None:
    try:
        document = json.loads(path.read_text("utf-8"))
        content = document["proof"]
        if document["key"] != key or document["sha256"] != digest_of(content):
            return None
        sizes = (Size(**{**size, "message": Message.model_validate(size["message"])}) for size in content["sizes"])
        searches = tuple(SearchTrial(**search) for search in content["searches"])
        return Proof(tuple(map(_read_trial, content["bad"])), _read_trial(content["fine"]), tuple(sizes), searches)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_trial(kept: dict[str, Any]) -> Trial:
    stopped = MappingProxyType({str(name): int(count) for name, count in kept["stopped_by"]})
    return Trial(**{**kept, "stopped_by": stopped, "failed_by": tuple(kept["failed_by"])})
