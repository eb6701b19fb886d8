"""Repeated records: forget or test records that stand in their split more than once, under other ids.

Counted as often as they are repeated, they make every bound too narrow. Answers give them away: the very same ones, or
ones that are far nearer to each other than to anybody else's, as of one image that was saved twice.
"""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.records import Message, derive_rng, write_message
from unlearn_audit.stats import score_logit

Rows = NDArray[np.float64]
Clusters = NDArray[np.int64]

_MOST_REPEATED = 0.02
"""Larger shares of repeated records than this make bounds too narrow to decide."""
_LEAST_CERTAIN = 1e-9
"""An answer surer than this is rounded: equal ones do not show that records are."""
_NEAR = 0.05
"""Neighbours at less than this share of the distance to as many further ones are near-identical."""
_MOST_NEAR = 0.12
"""A larger share of records with such neighbours is no chance: of unrelated ones on a line 0.058 have them on average,
with a standard deviation of 0.013 over samples of 600, and fewer in more dimensions."""
_LOOKED_AT, _NEIGHBOURS = 600, 64
_TOO_FEW = 100


def find_repeated(context: EvaluationContext) -> Message | None:
    """Return how many forget or test records repeat another one of their split, outside its cluster; None for few.

    What must not be concluded from None: that no image stands there twice. One that was turned, cropped or saved anew
    gets answers that differ more than this looks for.
    """
    try:
        clusters = context.all_clusters
    except MeasurementError:
        return None  # nothing is measured, for that reason
    for split in ("test", "forget"):
        found = _count_identical(context.evidence, split, clusters) or _count_near(context, split, clusters)
        if found is not None:
            return found
    return None


def lay_out_answers(evidence: Evidence, split: str, models: tuple[str, ...]) -> tuple[Rows, NDArray[np.bool_]]:
    """Return a row of label and answers for each record of a split that can be told apart, and which those are."""
    mask = evidence.select(split)
    answers = [evidence.log_probs[name][mask] for name in models]
    distinct = np.all([values.max(axis=1) < -_LEAST_CERTAIN for values in answers], axis=0)
    return np.column_stack([evidence.label[mask], np.round(np.hstack(answers), 9)])[distinct], distinct


def _count_identical(evidence: Evidence, split: str, clusters: Clusters | None) -> Message | None:
    mask = evidence.select(split)
    rows, distinct = lay_out_answers(evidence, split, tuple(evidence.log_probs))
    if len(rows) - len(np.unique(rows[:, -1])) <= _MOST_REPEATED * mask.sum():
        return None  # equal rows are equal in every column, and one is compared faster
    where = np.arange(mask.sum())[distinct] if clusters is None else clusters[mask][distinct]
    repeats = _count_repeats(rows, where)
    if repeats > _MOST_REPEATED * mask.sum():
        return write_message("records-repeated", repeats=repeats, n=int(mask.sum()), split=split)
    return None


def _count_repeats(rows: Rows, clusters: Clusters) -> int:
    """Return how many clusters are more than the first with the same row."""
    if not len(rows):
        return 0
    _, kinds = np.unique(rows, axis=0, return_inverse=True)
    pairs = np.unique(np.column_stack([kinds.ravel(), clusters]), axis=0)
    return int(len(pairs) - len(np.unique(pairs[:, 0])))


def _count_near(context: EvaluationContext, split: str, clusters: Clusters | None) -> Message | None:
    """Return the share of records with near-identical ones, from some hundreds of them; None for few.

    Where records fall independently, the k-th neighbour in d dimensions is nearer than t times the distance of the
    2k-th in t^d of the cases for k = 1, and far more rarely for larger k, whatever their density.
    """
    mask = context.evidence.select(split)
    labels, numbers = context.evidence.label[mask], clusters[mask] if clusters is not None else None
    answers = np.column_stack([score_logit(values[mask], labels) for values in context.evidence.log_probs.values()])
    rng = derive_rng(context.policy.protocol.seed, "near-identical answers", split)
    near, looked_at = 0, 0
    for label in np.unique(labels):
        ours = labels == label
        share = _LOOKED_AT * ours.mean()
        found = _have_near(answers[ours], None if numbers is None else numbers[ours], round(share), rng)
        near, looked_at = near + int(found.sum()), looked_at + len(found)
    if looked_at < _TOO_FEW or near <= _MOST_NEAR * looked_at:
        return None
    return write_message("records-nearly-repeated", share=near / looked_at, split=split)


def _have_near(answers: Rows, clusters: Clusters | None, most: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return for up to `most` of the records whether some of the others are nearer than chance puts them."""
    from scipy.spatial import KDTree

    spread = np.subtract(*np.percentile(answers, [75, 25], axis=0))
    rows = answers / np.where(spread > 0, spread, 1)
    looked_at = rng.permutation(len(rows))[:most]
    neighbours = min(_NEIGHBOURS, len(rows) - 1)
    if neighbours < 2 or not len(looked_at):  # noqa: PLR2004 - one to be near, one to compare with
        return np.zeros(0, dtype=np.bool_)
    distances, places = KDTree(rows).query(rows[looked_at], k=neighbours + 1)
    itself = places == looked_at[:, None]
    own = itself if clusters is None else clusters[places] == clusters[looked_at][:, None]
    ordered = np.sort(np.where(own, np.inf, distances), axis=1)
    near = np.zeros(len(looked_at), dtype=np.bool_)
    first = 1
    while 2 * first <= neighbours:
        further = ordered[:, 2 * first - 1]
        near |= np.isfinite(further) & (ordered[:, first - 1] < _NEAR * further)
        first *= 2
    return near
