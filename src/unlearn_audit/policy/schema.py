"""The JSON Schema of a policy, for editors: completion, descriptions, and red lines before a run."""

from typing import Any

from unlearn_audit.policy.known import KnownNames
from unlearn_audit.policy.model import Policy
from unlearn_audit.records.verdicts import LIMITS


def export_schema(known: KnownNames | None = None) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a policy; with `known` it lists the names of the tables as well.

    What a schema cannot say (a check's operating point is among the task's, no side is left unguarded) is said by
    `unlearn-audit policy check` alone: a file that fits the schema is not thereby a valid policy.
    """
    schema = Policy.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    definitions["Check"]["oneOf"] = [{"required": [name]} for name in LIMITS]
    if known is not None:
        _list_names(definitions["Check"]["properties"]["metric"], known.metrics)
        _list_names(definitions["Membership"]["properties"]["attacks"]["items"], known.attacks)
        for choice in ("MethodChoice", "Remedy"):
            _list_names(definitions[choice]["properties"]["method"], known.methods)
        _list_names(definitions["ReferenceCase"]["properties"]["dataset"], known.datasets)
        _list_names(definitions["ReferenceCase"]["properties"]["model"], known.models)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:unlearn-audit:policy:v1"}
    return {**head, **schema, "title": "unlearn-audit policy"}


def _list_names(node: dict[str, Any], names: Any) -> None:
    if names is not None:
        node["enum"] = sorted(names)
