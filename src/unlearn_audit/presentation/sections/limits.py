"""Limits: what was not shown. Some hold for every audit, some follow from this record."""

from unlearn_audit.presentation.sections.contents import number_of
from unlearn_audit.presentation.sections.index import Index

_ALWAYS = (
    "Each interval and bound holds at its stated confidence for one number, not for all of them at once.",
    (
        "Membership attacks on one model bound what these attacks see. A stronger attack may still recognise erased "
        f"records; attacks that were not tested are listed in section {number_of('coverage')}."
    ),
    (
        "Verification of unlearning can be fooled by whoever makes the model (Zhang et al., ICML 2024): the numbers "
        f"describe the models whose digests stand in section {number_of('identification')}, not how they came to be."
    ),
    (
        "The test split stands for future patients only as far as it resembles them: site, device, prevalence and "
        "selection may differ where the model is used."
    ),
    "Cost ratio and tolerances are judgements of the policy's owner, not results.",
)
_MOST = 12


def list_limits(index: Index) -> tuple[str, ...]:
    """Return all limits; those of this record first."""
    record = index.record
    data, forget = record.provenance.data, record.provenance.forget
    found = []
    if index.find_name("retrained") is None:
        found.append("There is no retrained reference: what never having seen the records looks like was not measured.")
    if data.official is False:
        found.append(f"The checksum of {data.name} differs from the published one: these are not the official files.")
    where = f"section {number_of('data')}"
    shared = [o for o in data.overlaps if o.shared_groups and "test" in o.splits and o.splits != ("validation", "test")]
    if any(o.copies is None for o in shared):
        found.append(f"The test split shares groups with training data ({where}): performance may be overstated.")
    if any(o.copies is not None for o in shared):
        found.append(f"Some test records are copies of training records, or nearly ({where}): see how many.")
    if forget.positive < index.policy.get("protocol", {}).get("smallest_group", 0):
        found.append(f"Only {forget.positive} {index.positive} records were erased: too few to measure them alone.")
    if any(f.key.metric == "membership-null" and f.estimate for f in record.findings):
        found.append(
            "Attacks with reference models were made with the very models of this case; with others, trained anew, "
            "they would find slightly more or less."
        )
    columns = ", ".join((index.policy.get("subgroups") or {}).get("columns", ()))
    found.append(
        f"Subgroups were assessed by {columns} alone, each column by itself: combinations of them were not."
        if columns
        else "Subgroups (sex, age, skin type, site) were not assessed: the policy names none."
    )
    found += [f"Not required, and {c.outcome.label}: {c.title}." for c in record.verdict.checks
            if not c.required and c.outcome.value != "pass"]  # fmt: skip
    caveats = {caveat: f"{f.title}: {caveat}" for f in record.findings for caveat in f.caveats}
    reasons = {f.not_run: f"{f.title} was not run: {f.not_run}." for f in record.findings if f.not_run}
    listed = [*found, *caveats.values(), *reasons.values()]
    rest = len(listed) - _MOST
    more = [f"{rest} further caveats stand in the attached record.json."] if rest > 0 else []
    notes = [note.text for note in (*record.provenance.notes, *data.notes)]
    return (*listed[:_MOST], *more, *notes, *_ALWAYS)
