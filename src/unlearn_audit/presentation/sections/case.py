"""The case: identification, erasure, protocol, models, data, environment."""

from typing import Any

from unlearn_audit.policy import describe_looks
from unlearn_audit.presentation.sections.grid import Cell, Fact, Grid
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import (
    NONE,
    format_date,
    format_number,
    format_parameters,
    format_percent,
    format_point,
    format_seconds,
    group_digits,
)
from unlearn_audit.records import (
    Device,
    Disjoint,
    OperatingPoint,
    Overlap,
    ReferenceCard,
    Signer,
    SplitCount,
    UserCode,
    join_texts,
)
from unlearn_audit.records.verdicts import LIMITS

_SPLITS = ("retain", "forget", "validation", "test")


def identify(index: Index) -> str:
    """Return the report's id: the first twelve digits of the record's SHA-256."""
    return index.digest[:12]


def is_test_signed(signer: Signer | None) -> bool:
    """Return whether no laboratory's key stands behind the report: every page then says so."""
    return signer is None or signer.kind == "test"


def present_identification(index: Index) -> tuple[tuple[Fact, ...], Grid]:
    """Return ids, dates and all SHA-256 digests a reader needs to know what this report is about."""
    record, provenance, policy = index.record, index.record.provenance, index.policy
    purpose = policy.get("intended_purpose")
    facts = (
        *_identify_device(provenance.device),
        Fact("Device or model" if purpose else "Device or model, and purpose", str(policy.get("applies_to", NONE))),
        *([Fact("Intended purpose", str(purpose))] if purpose else []),
        Fact("Case", provenance.case),
        Fact("Evidence collected", format_date(provenance.created)),
        Fact("Software", f"{provenance.tool} {provenance.version}"),
        Fact("Seed", str(provenance.seed)),
    )
    digests = [
        ("Record (this report's data)", index.digest),
        (f"Policy {policy.get('id')} {policy.get('version')}, as validated", record.policy_sha256),
        ("Evidence, content", record.evidence_sha256),
        (f"Data {provenance.data.name}", provenance.data.sha256),
        *((f"Model {index.name(card.name)}", card.sha256) for card in index.models),
    ]
    rows = tuple((Cell(what), Cell(group_digits(digest), kind="digest")) for what, digest in digests)
    return facts, Grid("digests", "SHA-256 digests", ("Object", "SHA-256"), rows)


def _identify_device(device: Device | None) -> tuple[Fact, ...]:
    """Return what the case file says of the product; a line that says so where it says nothing."""
    if device is None:
        return (Fact("Device identification", "not given in the case file"),)
    parts = (
        f"{device.name} {device.version or ''}".strip(),
        f"by {device.manufacturer}" if device.manufacturer else "",
        f"identifier {device.identifier}" if device.identifier else "",
    )
    return (Fact("Device identification", "; ".join(filter(None, parts))),)


def present_erasure(index: Index) -> tuple[Fact, ...]:
    """Return the request without identities: counts and the commitment."""
    forget = index.record.provenance.forget
    return (
        Fact("Named by", forget.by),
        Fact("Records", f"{forget.count} ({format_percent(forget.fraction)} of the training records)"),
        Fact(f"Of them {index.positive}", str(forget.positive)),
        Fact("Commitment", group_digits(forget.commitment), "digest"),
        *([Fact("Salt", group_digits(forget.salt), "digest")] if forget.salt else []),
    )


def present_protocol(index: Index) -> tuple[Fact, ...]:
    """Return costs, operating points and the statistical protocol, all defined beforehand."""
    policy = index.policy
    costs, protocol = policy.get("costs", {}), policy.get("protocol", {})
    miss, alarm = costs.get("false_negative"), costs.get("false_positive")
    prevalence = costs.get("prevalence")
    return (
        Fact("Cost of a false negative", _describe_cost(miss)),
        Fact("Cost of a false positive", _describe_cost(alarm)),
        Fact("Why these costs", str(costs.get("rationale", NONE))),
        Fact("Further cost ratios examined", ", ".join(f"{ratio:g}" for ratio in costs.get("ratios", ())) or NONE),
        Fact("Prevalence of intended use", format_percent(prevalence) if prevalence else "not stated by the policy"),
        Fact("Positive", f"{', '.join(index.task.get('positive', ()))}; called {index.positive}"),
        Fact("Operating points", "; ".join(_describe_operating_point(index, point) for point in index.points)),
        Fact("Confidence", format_percent(protocol["confidence"]) if "confidence" in protocol else NONE),
        *_present_looks(index),
        Fact("Resamples, seed", f"{protocol.get('resamples', NONE)}, {protocol.get('seed', NONE)}"),
        Fact("Not independent within", str(protocol.get("cluster") or "nothing named by the policy")),
        Fact("Smallest group measured", str(protocol.get("smallest_group", NONE))),
        *_present_selftest(index),
    )


def _present_looks(index: Index) -> tuple[Fact, ...]:
    """Say how often the test split was looked at; nothing where no looks are planned and no earlier run is known."""
    looks = index.record.looks
    text = describe_looks(looks, index.record.provenance)
    by = f" {looks.rule} ({looks.source})." if looks else ""
    return () if text is None else (Fact("Looks at the test split", f"{text}{by}"),)


def _present_selftest(index: Index) -> tuple[Fact, ...]:
    """Say how often the gate decides wrongly where the truth is known; nothing where the record does not say it."""
    found = index.record.selftest
    return () if found is None else (Fact("Self-test of the gate", str(found)),)


def _describe_cost(cost: Any) -> str:
    return f"{cost:g} cost units" if isinstance(cost, int | float) else NONE


def _describe_operating_point(index: Index, point: OperatingPoint) -> str:
    found = index.find_all("threshold", at=point)
    named = f"{format_point(point)}" + (" (default)" if point == index.point else "")
    if not found or found[0].estimate is None:
        return named
    return f"{named}: positive from probability {format_number(found[0].estimate.value)}"


def present_tolerances(index: Index) -> Grid:
    """Return the policy's own checks as they were written, before any number was known."""
    rows = tuple(
        (
            Cell(str(check.get("id")), _describe_key(index, check), "code"),
            Cell(_describe_limit(check), None if check.get("required", True) else "not required"),
            Cell(str(check.get("why", NONE))),
        )
        for check in index.policy.get("checks", ())
    )
    return Grid("tolerances", "Tolerances of the policy", ("Check", "Tolerance", "Why"), rows)


def _describe_key(index: Index, check: dict[str, Any]) -> str:
    among = check.get("among") if check.get("among") != "all" else None
    parts = (index.title(str(check.get("metric"))), among, check.get("against"), check.get("at"))
    return ", ".join(str(part) for part in parts if part)


def _describe_limit(check: dict[str, Any]) -> str:
    given = next((name for name in LIMITS if check.get(name) is not None), None)
    if given is None:
        return NONE
    ends = check[given] if isinstance(check[given], list) else [check[given]]
    return f"{given.replace('_', ' ')} {' to '.join(f'{end:g}' for end in ends)}"


def present_models(index: Index) -> Grid:
    """Return how each model was made, in which time, from which seed."""
    rows = tuple(
        (
            Cell(card.title, card.role if card.role == card.name else f"{card.role}; {card.name}"),
            Cell(card.method, card.source, "code"),
            Cell(format_parameters(card.parameters), join_texts(card.notes) or None),
            Cell(NONE if card.seed is None else str(card.seed), kind="number"),
            Cell(format_seconds(card.seconds), kind="number"),
        )
        for card in index.models
    )
    return Grid("models", "Models of the case", ("Model", "Method", "Parameters", "Seed", "Wall time"), rows)


def present_data(index: Index) -> tuple[tuple[Fact, ...], Grid, tuple[str, ...]]:
    """Return provenance, splits, and a warning for each overlap that touches the test or validation split."""
    data = index.record.provenance.data
    official = {True: "equals the published checksum", False: "DIFFERS from the published checksum"}
    facts = (
        Fact("Source", data.source),
        Fact("Licence", data.licence),
        Fact("Checksum", official.get(data.official, "no checksum is published") if data.official is not None
             else "no checksum is published to compare with"),
        Fact("Output columns", ", ".join(data.classes)),
        Fact("Counted as positive", ", ".join(data.positive)),
        Fact("Not independent within", data.cluster or "no group column"),
        *_present_disjoint(data.disjoint),
    )  # fmt: skip
    rows = tuple(_show_split(name, data.splits[name]) for name in sorted(data.splits, key=_place_split))
    grid = Grid("splits", "Splits and prevalence", ("Split", "Records", index.positive, "Prevalence"), rows)
    warnings = tuple(_warn_of(overlap) for overlap in data.overlaps if overlap.shared_groups)
    return facts, grid, warnings


def present_intake(index: Index) -> Grid | None:
    """Return what was assumed about the input, one row each; None for records that do not say it."""
    entries = index.record.provenance.intake
    rows = tuple((Cell(entry.status), Cell(entry.text)) for entry in entries)
    return Grid("intake", "What was assumed about the input", ("How it is known", "Property"), rows) if rows else None


def _present_disjoint(made: Disjoint | None) -> tuple[Fact, ...]:
    """Say what was left out so that no group stands in two splits; nothing where the policy did not ask for it."""
    if made is None:
        return ()
    dropped = ", ".join(f"{count} of {split}" for split, count in sorted(made.dropped.items()))
    taken = f"splits taken from the column {made.split_column}; " if made.split_column else ""
    unknown = f"; {made.unknown} records of unknown {made.column} count as groups of their own" if made.unknown else ""
    return (Fact(f"No {made.column} in two splits", f"{taken}records left out: {dropped}{unknown}"),)


def _place_split(name: str) -> tuple[int, str]:
    return (_SPLITS.index(name) if name in _SPLITS else len(_SPLITS), name)


def _show_split(name: str, split: SplitCount) -> tuple[Cell, ...]:
    prevalence = format_percent(split.positive / split.n) if split.n else NONE
    return (Cell(name), *(Cell(str(shown), kind="number") for shown in (split.n, split.positive, prevalence)))


def _warn_of(overlap: Overlap) -> str:
    first, second = overlap.splits
    if overlap.copies:
        return _warn_of_copies(overlap)
    shared = f"{overlap.shared_groups} groups of {overlap.column} stand in both {first} and {second}: "
    if {first, second} == {"forget", "retain"}:
        return shared + "the model still learns from siblings of what was erased."
    return shared + "these splits are not independent, and numbers on them may flatter the models."


def _warn_of_copies(overlap: Overlap) -> str:
    first, second = overlap.splits
    counted = f"{overlap.shared_groups} {overlap.copies} {overlap.column}{'s' if overlap.shared_groups > 1 else ''}"
    found = f", by {overlap.method}: look at them" if overlap.method else ""
    stands = (
        f"{counted} of {second} resemble one of {first}" if overlap.method else f"{counted} in {first} and {second}"
    )
    return f"{stands}{found}. Numbers on such records may flatter the models."


def present_environment(index: Index) -> tuple[Fact, ...]:
    """Return software and machine, and the recipe of the original."""
    provenance = index.record.provenance
    listed = ", ".join(f"{name} {value}" for name, value in sorted(provenance.environment.items()))
    software = (Fact("Software and machine", listed),) if listed else ()
    recipe = (Fact("Training recipe", format_parameters(provenance.recipe)),) if provenance.recipe else ()
    references = (
        (Fact("Reference models", _describe_references(provenance.references)),) if provenance.references else ()
    )
    return (*software, *recipe, *references, *(_describe_code(code) for code in provenance.code))


def _describe_code(code: UserCode) -> Fact:
    files = f"{len(code.files)} files, " if len(code.files) > 1 else ""
    tried = f"; a trial on a few records found: {'; '.join(code.tried)}" if code.tried else ""
    untried = f"; not tried: {'; '.join(code.untried)}" if code.untried else ""
    return Fact(
        f"User-supplied code: {code.role}",
        f"{code.name}, {files}SHA-256 {group_digits(code.sha256)}; run with the user's own rights, because the case "
        f"names it{tried}{untried}",
    )


def _describe_references(card: ReferenceCard) -> str:
    if card.source is not None:
        return (
            f"{card.models}, made elsewhere: {card.source}. Each is said to be trained on all retained records and one "
            f"half of {card.forget} forgotten and {card.controls} test records; how is not known here"
        )
    return (
        f"{card.models}, by the recipe of the original, each with a seed of its own, on all retained records and one "
        f"half of {card.forget} forgotten and {card.controls} test records; {format_seconds(card.seconds)} to train"
    )
