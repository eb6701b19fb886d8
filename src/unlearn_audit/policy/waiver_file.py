"""Waivers in a file of their own: granted after a policy was fixed, for reports under that policy."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from unlearn_audit.policy.choice import Slug
from unlearn_audit.policy.problems import FieldError
from unlearn_audit.policy.rules import walk_items
from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.waivers import Waiver

_BINDINGS = ("policy_sha256", "model_sha256", "versions")


class WaiverFile(Frozen):
    """Waivers for the audited model under one policy; they count beside those that the policy itself grants."""

    schema_: Literal["unlearn-audit/waivers/v1"] = Field(alias="schema")
    policy: Slug = Field(description="id of the policy whose checks are waived; another policy refuses the file")
    waivers: tuple[Waiver, ...] = Field(min_length=1, description="at least one; each names another check")


def validate_bindings(data: Mapping[str, Any], digest: str) -> Iterator[FieldError]:
    """Yield waivers of a file that name no policy, model or range of versions, or another policy than `digest`."""
    for keys, waiver in walk_items(data, "waivers"):
        missing = [name for name in _BINDINGS if waiver.get(name) is None]
        named = waiver.get("policy_sha256")
        if missing:
            expected = f"policy_sha256: {digest}, model_sha256: (of the model, in record.json), versions: '>=1.2,<2'"
            hint = "a waiver counts for the one policy, model and range of versions that it names"
            yield FieldError(keys, f"no {', '.join(missing)}", expected, hint)
        elif named != digest:
            hint = "the policy was changed: whoever accepts this under the changed one writes its digest"
            yield FieldError((*keys, "policy_sha256"), f"'{named}'", f"'{digest}', the policy of this run", hint)
