"""`list`: the entries of every table of plug-ins, one line each."""

from collections.abc import Callable

import click

from unlearn_audit.errors import ExitCode, UnknownNameError

Rows = list[tuple[str, str, str]]


@click.command("list")
@click.argument("kind", required=False, metavar="[KIND]")
def command(kind: str | None) -> int:
    """List methods, metrics, attacks, datasets, models, formats and shipped policies."""
    return list_entries(kind)


def list_entries(kind: str | None) -> int:
    """Print one table, or all of them.

    Raises:
        UnknownNameError: no table of that name.
    """
    if kind is not None and kind not in _TABLES:
        raise UnknownNameError("table", kind, _TABLES)
    for name in [kind] if kind else _TABLES:
        rows = _TABLES[name]()
        click.echo(f"{name}:")
        width = max((len(row[0]) for row in rows), default=0)
        for entry, title, note in rows:
            click.echo(f"  {entry:<{width}}  {title}{f'  ({note})' if note else ''}")
    return ExitCode.PASS


def _methods() -> Rows:
    from unlearn_audit.methods import METHODS

    return [
        (name, method.title, f"{method.source}; reads {' and '.join(method.needs)}; costs {method.cost}")
        for name, method in METHODS.items()
    ]


def _metrics() -> Rows:
    from unlearn_audit.findings.metrics import METRICS

    return [(name, metric.title, f"{metric.traits.kind}; {metric.direction}") for name, metric in METRICS.items()]


def _attacks() -> Rows:
    from unlearn_audit.findings.attacks import ATTACKS

    return [(name, attack.title, attack.source) for name, attack in ATTACKS.items()]


def _datasets() -> Rows:
    from unlearn_audit.data import DATASETS

    return [(name, source.title, "") for name, source in DATASETS.items()]


def _models() -> Rows:
    from unlearn_audit.models import MODELS

    return [(name, model.title, model.source) for name, model in MODELS.items()]


def _formats() -> Rows:
    from unlearn_audit.formats import FORMATS

    return [(name, form.title, form.file) for name, form in FORMATS.items()]


def _policies() -> Rows:
    from unlearn_audit.assets import find_folder

    return [(path.stem, f"policies/{path.name}", "") for path in sorted(find_folder("policies").glob("*.yaml"))]


_TABLES: dict[str, Callable[[], Rows]] = {
    "methods": _methods,
    "metrics": _metrics,
    "attacks": _attacks,
    "datasets": _datasets,
    "models": _models,
    "formats": _formats,
    "policies": _policies,
}
