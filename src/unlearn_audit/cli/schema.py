"""`schema`: the JSON Schemas of all files, for editors and for readers of the record."""

import json
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.errors import ExitCode

if TYPE_CHECKING:
    from pydantic import BaseModel

_NAMES = ("policy", "case", "waivers", "signing", "study", "record")


@click.command("schema")
@click.argument("name", type=click.Choice(_NAMES))
def command(name: str) -> int:
    """Print a JSON Schema, for editors and for readers of the record."""
    click.echo(json.dumps(_export(name), indent=2))
    return ExitCode.PASS


def _export(name: str) -> dict[str, Any]:
    from unlearn_audit.policy import CaseFile, SigningFile, StudyFile, WaiverFile, export_schema
    from unlearn_audit.records import AuditRecord

    if name == "policy":
        return export_schema()
    models: dict[str, type[BaseModel]] = {
        "case": CaseFile,
        "waivers": WaiverFile,
        "signing": SigningFile,
        "study": StudyFile,
        "record": AuditRecord,
    }
    return models[name].model_json_schema(by_alias=True)
