"""Limits: what was not shown. Some hold for every audit, some follow from this record."""

from collections.abc import Iterable, Iterator

from unlearn_audit.presentation.sections.contents import number_of
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import clip
from unlearn_audit.records import CheckResult, Message, Outcome

_FOOLED = (
    "Verification of unlearning can be fooled by whoever makes the model (Zhang et al., ICML 2024): the numbers "
    f"describe the models whose digests stand in section {number_of('identification')}, not how they came to be."
)
_STRONGER = (
    "Membership attacks on one model bound what these attacks see. A stronger attack may still recognise erased "
    f"records; attacks that were not tested are listed in section {number_of('coverage')}."
)
_FUTURE = (
    "The test split stands for future patients only as far as it resembles them: site, device, prevalence and "
    "selection may differ where the model is used."
)
_READING = (
    "Each interval and bound holds at its stated confidence for one number, not for all of them at once.",
    "Cost ratio and tolerances are judgements of the policy's owner, not results.",
)
_MOST = 24
_TITLES = 160


def list_limits(index: Index) -> tuple[str, ...]:
    """Return all limits, each once: what puts the numbers in doubt, what was not measured, how to read the rest."""
    record = index.record
    listed = [*_doubt(index), *_miss(index), *_read(index)]
    notes = [_finish(note.text) for note in (*record.provenance.notes, *record.provenance.data.notes)]
    caveats = _gather((caveat, f.title) for f in record.findings for caveat in f.caveats)
    lines = tuple(dict.fromkeys([*listed, *notes, *caveats[:_MOST]]))
    rest = len(caveats) - _MOST
    return (*lines, f"{rest} further caveats stand in the attached record.json.") if rest > 0 else lines


def _doubt(index: Index) -> Iterator[str]:
    """Yield what puts the numbers themselves in doubt."""
    data = index.record.provenance.data
    where = f"section {number_of('data')}"
    shared = [o for o in data.overlaps if o.shared_groups and "test" in o.splits and o.splits != ("validation", "test")]
    if any(o.copies is None for o in shared):
        yield f"The test split shares groups with training data ({where}): performance may be overstated."
    if any(o.copies is not None for o in shared):
        yield f"Some test records are copies of training records, or nearly ({where}): see how many."
    if data.official is False:
        yield f"The checksum of {data.name} differs from the published one: these are not the official files."
    yield from (_FOOLED, _STRONGER, _FUTURE)


def _miss(index: Index) -> Iterator[str]:
    """Yield what was not measured or not decided, required checks before others."""
    checks = index.record.verdict.checks
    yield from _name_open(checks, required=True)
    if index.find_name("retrained") is None:
        yield "There is no retrained reference: what never having seen the records looks like was not measured."
    columns = ", ".join((index.policy.get("subgroups") or {}).get("columns", ()))
    yield (
        f"Subgroups were assessed by {columns} alone, each column by itself: combinations of them were not."
        if columns
        else "Subgroups (sex, age, skin type, site) were not assessed: the policy names none."
    )
    forget = index.record.provenance.forget
    if forget.positive < index.policy.get("protocol", {}).get("smallest_group", 0):
        yield f"Only {forget.positive} {index.positive} records were erased: too few to measure them alone."
    yield from _name_open(checks, required=False)
    yield from _gather(
        ((f.not_run, f.title) for f in index.record.findings if f.not_run), form="{titles} was not run: {text}"
    )


def _name_open(checks: Iterable[CheckResult], *, required: bool) -> Iterator[str]:
    """Yield one sentence for each outcome that is no pass, with the checks that have it."""
    for outcome in (Outcome.FAIL, Outcome.NOT_RUN, Outcome.INCONCLUSIVE):
        titles = [check.title for check in checks if check.required is required and check.outcome is outcome]
        if titles and not (required and outcome is Outcome.FAIL):  # a required check that failed is the verdict
            yield f"{'Required' if required else 'Not required'}, and {outcome.label}: {'; '.join(titles)}."


def _read(index: Index) -> Iterator[str]:
    """Yield how the numbers are to be read."""
    if any(f.key.metric == "membership-null" and f.estimate for f in index.record.findings):
        yield (
            "Attacks with reference models were made with the very models of this case; with others, trained anew, "
            "they would find slightly more or less."
        )
    yield from _READING


def _gather(pairs: Iterable[tuple[Message, str]], form: str = "{titles}: {text}") -> list[str]:
    """Return one sentence for each message, behind the titles of all the metrics that it is about."""
    titles: dict[str, dict[str, None]] = {}
    for message, title in pairs:
        titles.setdefault(message.text, {})[title] = None
    return [_finish(form.format(titles=clip("; ".join(names), _TITLES), text=text)) for text, names in titles.items()]


def _finish(text: str) -> str:
    """Return `text` as a sentence."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
