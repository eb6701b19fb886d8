"""The proof of a policy: what its checks say of six simulated models that must not pass, and of one that should.

Mutation testing, for policies: a check that stops no bad model protects nobody, and a gate that lets no fine model
through is switched off. Everything is simulated at the sizes that the policy declares, so that it is known before
anybody trains.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from unlearn_audit.pipeline.audit import reach_verdicts
from unlearn_audit.pipeline.search_over_pairs import add_card, judge_pairs, list_pair_checks
from unlearn_audit.policy import Check, Policy, Remedy
from unlearn_audit.records import CheckResult, Message, ModelCard, Outcome, derive_rng, write_message
from unlearn_audit.selftest.simulated_evidence import draw_simulated_evidence
from unlearn_audit.selftest.simulated_models import BAD_MODELS, FINE, FINE_MODEL, SimulatedModel
from unlearn_audit.selftest.sizes_that_do import Size, find_size_that_does

SEED = 20_260_423
DRAWS = 12
_LARGE = 20_000
"""Records from which on half of the draws will do: chance decides less, and each draw takes longer."""
_WHOLE = 2
"""In so many draws every required check is asked about a bad model; later the one that stopped it is asked first."""
MOST_PASSES = 0.15
"""A bad model may pass in at most this share of the draws: chance, for a model that lies on a tolerance."""
_RESAMPLES = 100
_GOAL = 0.5
"""A fine model that passes less often is warned about."""


@dataclass(frozen=True)
class Trial:
    """What became of one simulated model.

    Attributes:
        model: its name.
        title: what it is like, as printed.
        passes: draws in which it passed every required check.
        draws: draws in all.
        stopped_by: per required check that stopped it, the draws in which it did, most first; in draws after the first
            ones only the check that stopped it is counted.
        failed_by: those of them that failed it rather than leaving it open.
    """

    model: str
    title: str
    passes: int
    draws: int
    stopped_by: Mapping[str, int]
    failed_by: tuple[str, ...]

    @property
    def may_pass(self) -> bool:
        """Whether it passes more often than chance explains."""
        return self.passes > MOST_PASSES * self.draws


@dataclass(frozen=True)
class SearchTrial:
    """What became of the fine model where it is one of several settings that a remedy searches.

    Attributes:
        method: the remedy's.
        settings: that it may try; each is charged for.
        passes: draws in which the fine model passed the required checks over pairs of reference models.
        draws: draws in all.
    """

    method: str
    settings: int
    passes: int
    draws: int


@dataclass(frozen=True)
class Proof:
    """What a policy's checks are worth at its declared sizes.

    Attributes:
        bad: the trials of the models that must not pass.
        fine: the trial of the one that should.
        sizes: what would let the fine model pass a check, for each check that it passes in under half of the draws.
        searches: a trial for each remedy that searches, where checks over pairs of reference models are required.
    """

    bad: tuple[Trial, ...]
    fine: Trial
    sizes: tuple[Size, ...] = ()
    searches: tuple[SearchTrial, ...] = ()

    @property
    def let_through(self) -> tuple[Trial, ...]:
        """The bad models that the policy lets pass."""
        return tuple(trial for trial in self.bad if trial.may_pass)

    @property
    def is_refused(self) -> bool:
        """Whether nobody may be judged by the policy."""
        return bool(self.let_through)

    @property
    def is_hopeless(self) -> bool:
        """Whether a fine model passes in under half of the draws."""
        return self.fine.passes < _GOAL * self.fine.draws

    def list_messages(self) -> list[Message]:
        """Return what the proof says: one message for each bad model, one for the fine one, sizes, lost searches."""
        messages = [_describe_bad(trial) for trial in self.bad]
        code = "proof-fine-model-seldom-passes" if self.is_hopeless else "proof-fine-model-passes"
        messages.append(write_message(code, passes=self.fine.passes, draws=self.fine.draws))
        lost = (search for search in self.searches if search.passes < _GOAL * search.draws)
        return [*messages, *(size.message for size in self.sizes), *map(_describe_search, lost)]


def prove_policy(policy: Policy, draws: int = DRAWS) -> Proof | None:
    """Try `policy` on simulated models of the sizes that it declares; None where it declares none.

    The same policy gives the same proof. Waivers, remedies and seals of the policy take no part, but the error that
    its remedies share does.

    What must not be concluded: that a bad model of another kind is stopped, or that real models answer like simulated
    ones.
    """
    forget = find_forget_share(policy)
    if policy.sizes is None or forget is None:
        return None
    tried = _quicken(policy)
    draws = draws if policy.sizes.test.records + policy.sizes.train.records < _LARGE else max(1, draws // 2)
    bad = tuple(_try_bad(tried, name, model, forget, draws) for name, model in BAD_MODELS.items())
    fine, results = _try_fine(tried, forget, draws)
    searches = (_try_search(tried, remedy, forget, draws) for remedy in tried.remediation if remedy.search)
    return Proof(bad, fine, _find_sizes(tried, results), tuple(search for search in searches if search))


def find_forget_share(policy: Policy) -> float | None:
    """Return the share of the training records that the policy expects to be forgotten, None where it says none."""
    if policy.sizes is not None and policy.sizes.forget is not None:
        return policy.sizes.forget
    return policy.reference_case.forget if policy.reference_case else None


def _quicken(policy: Policy) -> Policy:
    """Required checks alone; the fewest resamples, for bounds do not hang on them; no clusters of one record."""
    protocol = policy.protocol.model_copy(update={"resamples": _RESAMPLES})
    if policy.sizes and policy.sizes.records_per_cluster == 1:
        protocol = protocol.model_copy(update={"cluster": None})
    required = tuple(check for check in policy.checks if check.required)
    return policy.model_copy(update={"protocol": protocol, "waivers": (), "checks": required})


def _judge(policy: Policy, name: str, model: SimulatedModel, forget: float, draw: int) -> tuple[CheckResult, ...]:
    evidence = draw_simulated_evidence(policy, model, forget, derive_rng(SEED, "policy proof", name, str(draw)))
    return reach_verdicts(policy, evidence, plan=False)[0].checks


def _try_bad(policy: Policy, name: str, model: SimulatedModel, forget: float, draws: int) -> Trial:
    """In later draws the check that stopped it most often is asked alone, and all only where it stops it no longer."""
    stopped, failed, passes = Counter[str](), Counter[str](), 0
    for draw in range(draws):
        results = _judge(policy if draw < _WHOLE else _keep_one(policy, stopped), name, model, forget, draw)
        if draw >= _WHOLE and all(result.outcome is Outcome.PASS for result in results):
            results = _judge(policy, name, model, forget, draw)
        missed = [result for result in results if result.outcome is not Outcome.PASS]
        stopped.update(result.id for result in missed)
        failed.update(result.id for result in missed if result.outcome is Outcome.FAIL)
        passes += not missed
    return Trial(name, model.title, passes, draws, _order(stopped, failed), tuple(_order(failed, failed)))


def _keep_one(policy: Policy, stopped: Counter[str]) -> Policy:
    if not stopped:
        return policy
    most = stopped.most_common(1)[0][0]
    return policy.model_copy(update={"checks": tuple(check for check in policy.checks if check.id == most)})


def _order(counts: Counter[str], first: Counter[str]) -> Mapping[str, int]:
    return MappingProxyType(dict(sorted(counts.items(), key=lambda item: (-first[item[0]], -item[1], item[0]))))


def _try_fine(policy: Policy, forget: float, draws: int) -> tuple[Trial, list[tuple[CheckResult, ...]]]:
    results = [_judge(policy, FINE, FINE_MODEL, forget, draw) for draw in range(draws)]
    stopped, failed, passes = Counter[str](), Counter[str](), 0
    for one in results:
        missed = [result for result in one if result.outcome is not Outcome.PASS]
        stopped.update(result.id for result in missed)
        failed.update(result.id for result in missed if result.outcome is Outcome.FAIL)
        passes += not missed
    trial = Trial(FINE, FINE_MODEL.title, passes, draws, _order(stopped, stopped), tuple(failed))
    return trial, results


def _try_search(policy: Policy, remedy: Remedy, forget: float, draws: int) -> SearchTrial | None:
    """None where no check over pairs of reference models is required: the others are not charged by setting here."""
    if not list_pair_checks(policy):
        return None
    passes = 0
    for draw in range(draws):
        rng = derive_rng(SEED, "policy proof", FINE, str(draw))
        evidence = draw_simulated_evidence(policy, FINE_MODEL, forget, rng)
        references, name = evidence.references, remedy.model_name
        if references is None:
            return None
        card = ModelCard(name=name, role="remedied", title=remedy.method, method=remedy.method)
        unlearned = {**references.unlearned, name: references.unlearned["unlearned"]}
        remedied = replace(add_card(evidence, card), references=replace(references, unlearned=unlearned))
        passes += judge_pairs(policy, remedied, name).outcome is Outcome.PASS
    return SearchTrial(remedy.method, len(remedy.settings), passes, draws)


def _find_sizes(policy: Policy, results: list[tuple[CheckResult, ...]]) -> tuple[Size, ...]:
    """Return what would do for each check that the fine model passes in under half of the draws."""
    by_id: dict[str, Check] = {check.id: check for check in policy.checks}
    columns = list(zip(*results, strict=True))
    seldom = [c for c in columns if sum(r.outcome is Outcome.PASS for r in c) < _GOAL * len(c)]
    return tuple(find_size_that_does(by_id[column[0].id], policy, column) for column in seldom)


def _describe_bad(trial: Trial) -> Message:
    about = {"title": trial.title, "passes": trial.passes, "draws": trial.draws}
    if trial.may_pass:
        return write_message("proof-bad-model-passes", **about)
    left = [name for name in trial.stopped_by if name not in trial.failed_by]
    if not trial.failed_by:
        return write_message("proof-bad-model-left-open", **about, open=left)
    return write_message("proof-bad-model-stopped", **about, failed=list(trial.failed_by))


def _describe_search(search: SearchTrial) -> Message:
    counts = {"passes": search.passes, "draws": search.draws}
    return write_message("proof-search-seldom-passes", method=search.method, settings=search.settings, **counts)
