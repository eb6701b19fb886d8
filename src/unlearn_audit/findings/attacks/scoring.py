"""The scores of an attack on a model of the evidence, or the reason why there are none.

What an attack lacks (reference models, enough of them, a method that was applied to them) is a reason in the report,
never a number.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence import References
from unlearn_audit.findings.attacks.table import Needs, find_attack
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.records import ALL, Population, write_message
from unlearn_audit.stats import Ensemble, View, score_logit

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]
Pair = tuple[Scores, Scores]

_MOST_TIES = 0.02


@dataclass(frozen=True, eq=False)
class Scored:
    """(n,) scores, of which only those of `records` (n,) mean anything."""

    values: Scores
    records: Mask


def name_calibrator(context: EvaluationContext, model: str) -> str:
    """Return the model whose method the reference models must have undergone for `model` to be scored.

    Its own; for the original and the retrained model, which underwent none, the audited model's: so that they stand
    beside it on the same statistic, as controls.
    """
    roles = {card.name: card.role for card in context.evidence.provenance.models}
    if roles.get(model) in ("original", "retrained"):
        return context.evidence.provenance.candidates[0].name
    return model


def score_records(context: EvaluationContext, model: str, attack: str, like: str | None = None) -> Scored:
    """Return what `attack` makes of the answers of `model`; computed once for each context.

    Args:
        context: evidence and policy.
        model: the attacked model.
        attack: name in `ATTACKS`.
        like: the model whose method the unlearned reference models underwent; `name_calibrator` where None.

    Raises:
        MeasurementError: what the attack needs is not there, or it gave something else than finite scores.
    """
    calibrator = like or name_calibrator(context, model)
    key = ("scores", model, attack, calibrator)
    return context.remember(key, lambda: _score(context, context.evidence.log_probs[model], attack, calibrator))


def _score(context: EvaluationContext, log_probs: NDArray[np.float64], attack: str, calibrator: str) -> Scored:
    row = find_attack(attack)
    view = _look(context, log_probs, attack, calibrator)
    scores = np.asarray(row.score(view), dtype=np.float64)
    return _spread(attack, scores, view.candidates)


def _spread(attack: str, scores: Scores, records: Mask) -> Scored:
    expected = int(records.sum())
    if scores.shape != (expected,) or not np.isfinite(scores).all():
        raise MeasurementError(
            write_message(
                "attack-scores-not-finite",
                attack=attack,
                expected=expected,
                shape=scores.shape,
                wrong=int((~np.isfinite(scores)).sum()),
            )
        )
    values = np.zeros(len(records))
    values[records] = scores
    return Scored(values, records)


def _look(context: EvaluationContext, log_probs: NDArray[np.float64], attack: str, calibrator: str) -> View:
    evidence, needs = context.evidence, find_attack(attack).needs
    ensemble = None if needs is Needs.NOTHING else gather_ensemble(context, attack, calibrator)
    return View(log_probs, evidence.label, find_scorable(context, attack), evidence.select("validation"), ensemble)


def find_scorable(context: EvaluationContext, attack: str) -> Mask:
    """Return the (n,) records that `attack` can score: all, or the candidates where it needs reference models.

    Raises:
        MeasurementError: it needs reference models, and there are none or too few.
    """
    if find_attack(attack).needs is Needs.NOTHING:
        return np.ones(len(context.evidence), dtype=np.bool_)
    return get_references(context, attack).candidates


def get_references(context: EvaluationContext, attack: str) -> References:
    """Return the reference models' answers.

    Raises:
        MeasurementError: there are none, or fewer models than the attack cannot do without.
    """
    references, fewest = context.evidence.references, find_attack(attack).fewest
    if references is None:
        raise MeasurementError(write_message("attack-needs-references", attack=attack))
    if references.count < fewest:
        raise MeasurementError(
            write_message("attack-needs-more-references", attack=attack, least=fewest, found=references.count)
        )
    return references


def select_answers(context: EvaluationContext, attack: str, calibrator: str) -> NDArray[np.float64]:
    """Return (K, n, k) the log-probabilities of the reference models, as `attack` wants them: trained, or unlearned.

    Raises:
        MeasurementError: there are none, or they did not undergo the method that made `calibrator`.
    """
    references = get_references(context, attack)
    if find_attack(attack).needs is not Needs.UNLEARNED:
        return references.log_probs
    if calibrator not in references.unlearned:
        raise MeasurementError(
            write_message(
                "attack-needs-unlearned-references", attack=attack, model=calibrator, have=list(references.unlearned)
            )
        )
    return references.unlearned[calibrator]


def gather_ensemble(context: EvaluationContext, attack: str, calibrator: str) -> Ensemble:
    """Return what `attack` may know of the reference models; computed once for each context.

    Raises:
        MeasurementError: as `select_answers`, or no candidates.
    """
    answers, references = select_answers(context, attack, calibrator), get_references(context, attack)
    unlearned = find_attack(attack).needs is Needs.UNLEARNED
    key = ("ensemble", calibrator if unlearned else "")
    return context.remember(
        key,
        lambda: Ensemble.of(
            answers,
            context.evidence.label,
            references.trained_on,
            candidates=references.candidates,
            population=context.evidence.select("validation"),
            retain=context.evidence.select("retain"),
        ),
    )


def select_group(context: EvaluationContext, split: str, among: Population, scorable: Mask) -> Mask:
    """Return the (n,) mask of the `scorable` (n,) records of `split`, restricted to `among`.

    Raises:
        MeasurementError: fewer records than the policy's smallest group.
    """
    mask = context.select_among(split, among) & scorable
    least = context.policy.protocol.smallest_group
    if mask.sum() < least:
        small = {"found": int(mask.sum()), "split": split, "least": least}
        raise MeasurementError(
            write_message("split-too-small", **small)
            if among == ALL
            else write_message("population-too-small", **small, among=among)
        )
    return mask


def score_groups(
    context: EvaluationContext, model: str, among: Population, attack: str, like: str | None = None
) -> Pair:
    """Return the membership scores of forget and of test records, HIGHER = looks like a member.

    An attack with reference models scores candidates alone: of the test records, the controls.

    Raises:
        MeasurementError: the attack cannot run, fewer records than the policy's smallest group on either side, or
            answers so coarse that ties would hide what is remembered.
    """
    scored = score_records(context, model, attack, like)
    forget, test = (select_group(context, split, among, scored.records) for split in ("forget", "test"))
    pairs = ("ties", model, forget.tobytes(), test.tobytes())
    share = context.remember(pairs, lambda: _measure_ties(context, model, forget, test))
    if share > _MOST_TIES:
        raise MeasurementError(write_message("scores-too-coarse", share=share))
    return scored.values[forget], scored.values[test]


def _measure_ties(context: EvaluationContext, model: str, forget: Mask, test: Mask) -> float:
    """Return the share of pairs of a forget and a test record that are equal, as in rounded answers.

    A tie counts as half, so what was rounded away pulls the AUC to 0.5 and looks forgotten. Asked of the logit of the
    true class, which keeps what a model of this tool says apart however sure it is; an attack may tie by its own
    nature, as correctness does.
    """
    evidence = context.evidence
    logits = context.remember(
        ("logit of the true class", model), lambda: score_logit(evidence.log_probs[model], evidence.label)
    )
    members, nonmembers = logits[forget], logits[test]
    values, counts = np.unique(members, return_counts=True)
    theirs = np.sort(nonmembers)
    equal = np.searchsorted(theirs, values, side="right") - np.searchsorted(theirs, values, side="left")
    return float((counts * equal).sum()) / (len(members) * len(nonmembers))


def pair_clusters(
    context: EvaluationContext, among: Population, attack: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the clusters of the records of `score_groups`, None where records are independent."""
    scorable = find_scorable(context, attack)
    ours, theirs = (context.clusters(select_group(context, split, among, scorable)) for split in ("forget", "test"))
    return None if ours is None or theirs is None else (ours, theirs)
