"""The parts of SARIF 2.1.0 that are used here, as a JSON Schema written from the standard: nothing else is allowed.

The section of the standard is named beside each. No package on PyPI that was found carries the official schema.
"""

from typing import Any


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


TEXT = {"type": "string", "minLength": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}  # 3.27.10
BAG = {"type": "object"}  # 3.8, property bags hold anything
MESSAGE = _object(["text"], text=TEXT)  # 3.11, 3.12
RULE = _object(  # 3.49
    ["id"],
    id=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=_object([], level=LEVEL),
    properties=BAG,
)
PLACE = _object(  # 3.29
    ["artifactLocation"],
    artifactLocation=_object(["uri"], uri={"type": "string", "format": "uri-reference", "pattern": "^[!-~]+$"}),
    region=_object(["startLine"], startLine={"type": "integer", "minimum": 1}),
)
NOTIFICATION = _object(  # 3.58
    ["message"],
    associatedRule=_object([], id=TEXT, index={"type": "integer", "minimum": 0}),  # 3.52
    level=LEVEL,
    message=MESSAGE,
)
RESULT = _object(  # 3.27
    ["message", "ruleId", "ruleIndex", "level", "locations", "partialFingerprints"],
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    kind={"const": "fail"},  # any other kind forbids a level, 3.27.9
    level=LEVEL,
    message=MESSAGE,
    locations={"type": "array", "minItems": 1, "items": _object([], physicalLocation=PLACE)},
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    properties=BAG,
)
RUN = _object(  # 3.14
    ["tool", "results"],
    tool=_object(
        ["driver"],
        driver=_object(["name"], name=TEXT, version=TEXT, rules={"type": "array", "items": RULE, "uniqueItems": True}),
    ),
    automationDetails=_object([], id=TEXT),
    invocations={
        "type": "array",
        "items": _object(
            ["executionSuccessful"],
            executionSuccessful={"type": "boolean"},
            endTimeUtc={"pattern": r"^\d{4}-.*Z$"},
            toolExecutionNotifications={"type": "array", "items": NOTIFICATION},
        ),
    },
    results={"type": "array", "items": RESULT},
    properties=BAG,
)
LOG = _object(  # 3.13
    ["version", "runs"],
    **{"$schema": TEXT, "version": {"const": "2.1.0"}, "runs": {"type": "array", "items": RUN}},
)
