"""The table of commands, in the order of use. Each lies in the module of its name, which is imported when it is run."""

import click

from unlearn_audit import __version__
from unlearn_audit.cli.layout import CommandIndex, Entry
from unlearn_audit.cli.options import EXIT_CODES

_HELP = """Audit machine unlearning of medical image classifiers.

Did the model forget, and is it still clinically safe? A written policy decides; a signed report says why.

\b
Start here:
  unlearn-audit run --policy policies/breast-cytology.yaml
"""
_HERE = "unlearn_audit.cli"
_SECTIONS = {
    "Audit": {
        "policy": Entry(f"{_HERE}.policy", "Write and check policies."),
        "evidence": Entry(f"{_HERE}.evidence", "Look at predictions before they are judged."),
        "references": Entry(f"{_HERE}.references", "Plan reference models that are made elsewhere."),
        "run": Entry(f"{_HERE}.run", "Audit, and write a signed report."),
    },
    "Check": {
        "verify": Entry(f"{_HERE}.verify", "Check a report, offline."),
        "recheck": Entry(f"{_HERE}.recheck", "Judge an evidence file again, bit for bit."),
        "render": Entry(f"{_HERE}.render", "Render a record again, byte for byte."),
    },
    "Sign and publish": {
        "keys": Entry(f"{_HERE}.keys", "Make and show signing keys."),
        "seal": Entry(f"{_HERE}.seal", "Seal a policy before the run."),
        "countersign": Entry(f"{_HERE}.countersign", "Sign a finished report as a responsible person."),
        "publish": Entry(f"{_HERE}.publish", "Log a verified report where models are kept."),
    },
    "Methods and this tool": {
        "list": Entry(f"{_HERE}.list", "List methods, metrics, attacks, data sets, ..."),
        "schema": Entry(f"{_HERE}.schema", "Print a JSON Schema."),
        "study": Entry(f"{_HERE}.study", "Compare methods over seeds."),
        "selftest": Entry(f"{_HERE}.selftest", "Show how often this gate decides wrongly."),
    },
}

group = click.version_option(__version__, "--version", message="unlearn-audit %(version)s")(
    CommandIndex(
        _SECTIONS,
        name="unlearn-audit",
        context_settings={"help_option_names": ["-h", "--help"]},
        help=_HELP,
        epilog=EXIT_CODES,
    )
)
"""All commands hang on this one."""
