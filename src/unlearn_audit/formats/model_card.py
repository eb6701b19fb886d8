"""A fragment of a Hugging Face model card: metadata with measured numbers and verdict, then the result in words.

The metadata is the `model-index` of the Hub, in YAML front matter. Its first result is the verdict, as a word. Then
each check follows with its value and, in `args`, the bounds that decided, tolerance and outcome; one that has no number
says `not_run` in its place.
"""

import re
from io import StringIO
from typing import Any

from unlearn_audit.formats.markdown import render_markdown
from unlearn_audit.formats.severity import LONGEST_TITLE, flatten, name_policy, title_of
from unlearn_audit.formats.sources import Sources
from unlearn_audit.presentation.sections.case import is_test_signed
from unlearn_audit.records import AuditRecord, CheckResult, digest_of

_VERDICT = "unlearning-audit-verdict"
_NO_LETTER = re.compile("[^a-z0-9]+")


def render_model_card(record: AuditRecord, sources: Sources) -> str:
    """Return front matter and text that somebody who keeps a model card puts into it. Same record, same text."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width, yaml.allow_unicode = 10_000, True
    front = StringIO()
    yaml.dump(_write_metadata(record), front)
    return f"---\n{front.getvalue()}---\n\n{render_markdown(record, sources)}"


def _write_metadata(record: AuditRecord) -> dict[str, Any]:
    word = _spell(record.verdict.label)
    titles = {card.name: card.title for card in record.provenance.models}
    name = titles.get(record.verdict.model) or record.verdict.model
    return {
        "tags": ["machine-unlearning", f"unlearning-audit-{word}"],
        "model-index": [
            {
                "name": flatten(name, LONGEST_TITLE) or "model",
                "results": [
                    {
                        "task": {"type": "other", "name": "Classification, audited after machine unlearning"},
                        "dataset": _write_dataset(record),
                        "metrics": [
                            _write_verdict(record, word),
                            *(_write_check(check) for check in record.verdict.checks),
                        ],
                    }
                ],
            }
        ],
    }


def _write_dataset(record: AuditRecord) -> dict[str, Any]:
    data = record.provenance.data
    name = flatten(data.name, LONGEST_TITLE)
    return {"type": _spell(name), "name": name or "data", "split": "test", "args": {"sha256": data.sha256}}


def _write_verdict(record: AuditRecord, word: str) -> dict[str, Any]:
    return {
        "type": _VERDICT,
        "name": "Verdict of the unlearning audit",
        "value": word,
        "args": {
            "reason": flatten(record.verdict.reason),
            "recommendation": record.recommendation.action,
            "policy": name_policy(record),
            "record_sha256": digest_of(record.to_bytes()),
            "test_key": is_test_signed(record.provenance.signer),
        },
    }


def _write_check(check: CheckResult) -> dict[str, Any]:
    estimate = check.estimate
    bounds = estimate.bounds if estimate else None
    facts: dict[str, Any] = {"outcome": check.outcome.value, "required": check.required, "waived": check.is_waived}
    facts |= {name: value for name, value in check.limit.model_dump().items() if value is not None}
    if bounds is not None:
        facts |= {"low": bounds.low, "high": bounds.high, "one_sided_confidence": bounds.confidence}
    return {
        "type": check.key.metric,
        "name": f"{title_of(check)}: {check.outcome.label}{check.standing}",
        "value": estimate.value if estimate else "not_run",
        "args": facts,
    }


def _spell(text: str) -> str:
    """Return `text` as a tag: lower case, hyphens between words."""
    return _NO_LETTER.sub("-", text.lower()).strip("-")[:90] or "data"
