# ruff: noqa: E501 - facts of one kind stand on one line each
"""A realistic whole record: SalUn fails, SalUn-CRA fails on malignant membership, warm restart passes."""

import math
from typing import Any

from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.policy.model import Check, Policy
from unlearn_audit.records import (
    AuditRecord,
    CheckResult,
    Curve,
    DataCard,
    Direction,
    Estimate,
    Finding,
    ForgetRequest,
    Interval,
    Limit,
    MetricKey,
    ModelCard,
    Outcome,
    Overlap,
    Provenance,
    Recommendation,
    Signer,
    SplitCount,
    Unit,
    Verdict,
    digest_of,
    quote_text,
    write_message,
)
from unlearn_audit.software import PAGES, describe_software
from unlearn_audit.verdict.recommendation import recommend
from unlearn_audit.verdict.rulings import rule_check

N, POSITIVE = 2005, 392
COSTS = 20.0
ATTACKS = ("confidence", "logit", "loss", "entropy", "modified-entropy", "svc", "logistic")
POINTS = ("argmax", "cost-optimal")

# model -> (newly missed + missed = FN, FP, AUROC, membership AUC of all, of positive)
MODELS = {
    "original": (118, 371, 0.843, 0.615, 0.840),
    "retrained": (124, 380, 0.833, 0.502, 0.479),
    "unlearned": (171, 332, 0.775, 0.509, 0.661),
    "remedied-salun-cra": (113, 402, 0.793, 0.548, 0.778),
    "remedied-warm-restart": (110, 366, 0.855, 0.506, 0.516),
}
CANDIDATES = ("unlearned", "remedied-salun-cra", "remedied-warm-restart")
METHODS = {
    "original": ("original", "train", "Original", 84.2),
    "retrained": ("retrained", "retrain", "Retrained reference", 78.4),
    "unlearned": ("unlearned", "salun", "SalUn", 11.3),
    "remedied-salun-cra": ("remedied", "salun-cra", "SalUn-CRA", 11.8),
    "remedied-warm-restart": ("remedied", "warm-restart", "Warm restart", 19.1),
}

CHECKS: tuple[dict[str, Any], ...] = (
    {"id": "risk-ceiling", "metric": "global-risk", "at": "cost-optimal", "at_most": 1.5},
    {"id": "risk-increase", "metric": "global-risk-increase", "against": "original", "at": "cost-optimal", "at_most": 0.1},
    {"id": "risk-retrained", "metric": "global-risk-increase", "against": "retrained", "at": "cost-optimal", "at_most": 0.1},
    {"id": "missed", "metric": "false-negative-rate", "at": "cost-optimal", "at_most": 0.4},
    {"id": "newly-missed", "metric": "newly-missed-rate", "against": "original", "at": "cost-optimal", "at_most": 0.05},
    {"id": "balanced", "metric": "balanced-accuracy", "at": "cost-optimal", "at_least": 0.68},
    {"id": "ranking", "metric": "auroc-drop", "against": "original", "at_most": 0.03},
    {"id": "fixed-fpr", "metric": "specificity", "at": "cost-optimal", "at_least": 0.6, "required": False},
    {"id": "membership", "metric": "membership-auc", "within": (0.45, 0.55)},
    {"id": "membership-positive", "metric": "membership-auc", "among": "positive", "within": (0.4, 0.6)},
    {"id": "membership-retrained", "metric": "membership-auc-difference", "against": "retrained", "among": "positive", "within": (-0.1, 0.1)},
    {"id": "utility", "metric": "retain-accuracy", "at_least": 0.9},
)  # fmt: skip


def _name(check: dict[str, Any]) -> str:
    return str(check["metric"]).replace("-", " ").capitalize()


def make_policy() -> Policy:
    return Policy.model_validate(
        {
            "schema": "unlearn-audit/policy/v1",
            "id": "dermatology",
            "version": "1.2.0",
            "title": "Skin lesion triage after erasure",
            "owner": "Clinical Safety Board",
            "applies_to": "DermaMNIST lesion classifier, triage of dermatoscopic images to specialist review",
            "responsible": [
                {"name": "Dr. A. Example", "role": "clinical safety officer"},
                {"name": "B. Example", "role": "machine-learning engineer"},
            ],
            "task": {"positive": ["akiec", "bcc", "mel"], "operating_points": ["cost-optimal", "argmax"]},
            "costs": {
                "false_negative": COSTS,
                "false_positive": 1,
                "rationale": "A missed melanoma delays excision; a false alarm costs one dermatoscopic visit.",
                "prevalence": 0.05,
            },
            "checks": [
                {**check, "title": _name(check), "why": f"The board agreed on this tolerance for {check['id']}."}
                for check in CHECKS
            ],
            "membership": {"attacks": list(ATTACKS[:6])},
            "protocol": {"cluster": "lesion_id"},
            "remediation": [{"method": "salun-cra", "parameters": {"keep": 0.5}}, {"method": "warm-restart"}],
        }
    )


def make_estimate(value: float, unit: Unit, n: int = N, *, spread: float = 0.02, events: int | None = None) -> Estimate:
    floor = -1.0 if value < 0 else 0.0
    interval = Interval(
        low=max(value - spread, floor),
        high=value + spread,
        confidence=0.95,
        method=write_message("jeffreys"),
        sides="two",
    )
    bounds = Interval(
        low=max(value - 0.84 * spread, floor),
        high=value + 0.84 * spread,
        confidence=0.95,
        method=write_message("jeffreys"),
        sides="one",
    )
    return Estimate(value=value, unit=unit, n=n, events=events, interval=interval, bounds=bounds)


def make_finding(metric: str, model: str, estimate: Estimate | None, **rest: Any) -> Finding:
    rest.setdefault("direction", Direction.LOWER)
    rest.setdefault("source", "NUMBERS, section 1")
    if estimate is None:
        rest.setdefault("not_run", quote_text("the reference was not trained"))
    parts = {name: rest.pop(name) for name in ("against", "among", "at", "attack") if name in rest}
    key, traits = MetricKey(metric=metric, model=model, **parts), TRAITS[metric]
    return Finding(key=key, title=traits.title, estimate=estimate, null=traits.null, **rest)


def _risk(model: str) -> float:
    missed, alarms, *_ = MODELS[model]
    return (COSTS * missed + alarms) / N


def _clinical(model: str, at: str) -> list[Finding]:
    missed, alarms, *_ = MODELS[model]
    shift = 0 if at == "cost-optimal" else 84
    missed, alarms = missed + shift, alarms - 2 * shift
    negatives = N - POSITIVE
    risk = (COSTS * missed + alarms) / N
    fnr, fpr = missed / POSITIVE, alarms / negatives
    rate, cost = Unit.PROPORTION, Unit.COST_PER_CASE
    return [
        make_finding("global-risk", model, make_estimate(risk, cost, spread=0.13), at=at),
        make_finding("global-risk-at-prevalence", model, make_estimate(0.05 * COSTS * fnr + 0.95 * fpr, cost), at=at),
        make_finding(
            "false-negatives", model, Estimate(value=missed, unit=Unit.COUNT, n=POSITIVE, events=missed), at=at
        ),
        make_finding(
            "false-positives", model, Estimate(value=alarms, unit=Unit.COUNT, n=negatives, events=alarms), at=at
        ),
        make_finding("false-negative-rate", model, make_estimate(fnr, rate, POSITIVE, events=missed), at=at),
        make_finding("false-positive-rate", model, make_estimate(fpr, rate, negatives, events=alarms), at=at),
        make_finding("sensitivity", model, make_estimate(1 - fnr, rate, POSITIVE), at=at, direction=Direction.HIGHER),
        make_finding("specificity", model, make_estimate(1 - fpr, rate, negatives), at=at, direction=Direction.HIGHER),
        make_finding("balanced-accuracy", model, make_estimate(1 - (fnr + fpr) / 2, rate), at=at),
        make_finding("positive-share", model, make_estimate((POSITIVE - missed + alarms) / N, rate), at=at),
    ]


def _threshold_free(model: str) -> list[Finding]:
    auroc = MODELS[model][2]
    return [
        make_finding("auroc", model, make_estimate(auroc, Unit.AUC), direction=Direction.HIGHER),
        make_finding("fnr-at-fpr-20", model, make_estimate(1.1 - auroc, Unit.PROPORTION, POSITIVE)),
        make_finding("brier", model, make_estimate(0.121, Unit.SCORE)),
        make_finding("retain-accuracy", model, make_estimate(0.962, Unit.PROPORTION, 5606, spread=0.006)),
    ]


def _paired(model: str, at: str) -> list[Finding]:
    missed = MODELS[model][0] - MODELS["original"][0]
    newly = max(missed, 0) + 9
    caught = newly - missed
    found = {"at": at, "against": "original"}
    ids = [f"ISIC_{27000 + 37 * i:07d}" for i in range(newly + caught)]
    return [
        make_finding("global-risk-increase", model, make_estimate(_risk(model) - _risk("original"), Unit.COST_PER_CASE, spread=0.07), **found),
        make_finding("global-risk-increase", model, make_estimate(_risk(model) - _risk("retrained"), Unit.COST_PER_CASE, spread=0.07), at=at, against="retrained"),
        make_finding("newly-missed-rate", model, make_estimate(newly / POSITIVE, Unit.PROPORTION, POSITIVE, events=newly), **found),
        make_finding("newly-missed", model, Estimate(value=newly, unit=Unit.COUNT, n=POSITIVE, events=newly), records=tuple(ids[:newly]), **found),
        make_finding("newly-caught", model, Estimate(value=caught, unit=Unit.COUNT, n=POSITIVE, events=caught), records=tuple(ids[newly:]), **found),
        make_finding("mcnemar-p", model, Estimate(value=0.00042 if missed > 9 else 0.61, unit=Unit.PROPORTION, n=POSITIVE), **found),
    ]  # fmt: skip


def _membership(model: str) -> list[Finding]:
    found = []
    for among, base, n in (("all", MODELS[model][3], 1401), ("positive", MODELS[model][4], 273)):
        for i, attack in enumerate(ATTACKS):
            value = 0.5 + (base - 0.5) * (1 - 0.06 * abs(i - 1))
            found.append(
                make_finding("membership-auc", model, make_estimate(value, Unit.AUC, n, spread=0.02 if among == "all" else 0.045), among=among, attack=attack, direction=Direction.TWO_SIDED)
            )  # fmt: skip
        if model != "original":
            change = base - MODELS["retrained"][3 if among == "all" else 4]
            for i, attack in enumerate(ATTACKS):
                estimate = make_estimate(change * (1 - 0.06 * abs(i - 1)), Unit.AUC, n)
                found.append(make_finding("membership-auc-difference", model, estimate, among=among, attack=attack, against="retrained", direction=Direction.TWO_SIDED))  # fmt: skip
    rare = write_message("too-few-non-members", least=1000, fpr=0.001, found=392)
    tpr = make_estimate(0.012, Unit.PROPORTION, 1401, spread=0.006)
    found.append(make_finding("membership-tpr", model, tpr, attack="logit", at="fpr 0.01"))
    found.append(make_finding("membership-tpr", model, None, attack="logit", at="fpr 0.001", not_run=rare))
    found.append(
        make_finding("forgetting-score", model, make_estimate(1 - 2 * abs(MODELS[model][3] - 0.5), Unit.SCORE))
    )
    found.append(make_finding("svc-efficacy", model, make_estimate(0.24, Unit.PROPORTION, 1401)))
    return found


def make_findings() -> tuple[Finding, ...]:
    found: list[Finding] = []
    for model in MODELS:
        for at in POINTS:
            found += _clinical(model, at)
            if model in CANDIDATES:
                found += _paired(model, at)
        if model in CANDIDATES:
            found.append(
                make_finding(
                    "auroc-drop",
                    model,
                    make_estimate(MODELS["original"][2] - MODELS[model][2], Unit.AUC),
                    against="original",
                )
            )
        found += _threshold_free(model) + _membership(model)
    prevalence = POSITIVE / N
    for model, value in (("call-all-positive", 1 - prevalence), ("call-none-positive", COSTS * prevalence)):
        found.append(make_finding("global-risk", model, make_estimate(value, Unit.COST_PER_CASE), at="argmax"))
    for at, value in (("argmax", 0.5), ("cost-optimal", 0.0913)):
        found.append(make_finding("threshold", "original", Estimate(value=value, unit=Unit.PROPORTION, n=1003), at=at, direction=Direction.DESCRIPTIVE))  # fmt: skip
    return tuple(found)


def make_curves() -> tuple[Curve, ...]:
    curves = []
    ratios = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    for model, (missed, alarms, _, auc, _) in MODELS.items():
        risk = tuple((ratio * missed + alarms) / N for ratio in ratios)
        band = {"low": tuple(0.85 * y for y in risk), "high": tuple(1.15 * y for y in risk)}
        curves.append(
            Curve(
                kind="cost-ratio",
                key=MetricKey(metric="global-risk", model=model, at="cost-optimal"),
                x=ratios,
                y=risk,
                **band,
            )
        )
        grid = tuple(i / 40 for i in range(41))
        power = (1 - auc) / auc
        curves.append(
            Curve(
                kind="roc",
                key=MetricKey(metric="membership-auc", model=model, attack="logit"),
                x=grid,
                y=tuple(x**power for x in grid),
            )
        )
        centres = tuple(-6 + 0.5 * i for i in range(33))
        for population, centre in (("retain", 4.5), ("forget", 1.5 + 8 * (auc - 0.5)), ("test", 1.5)):
            density = tuple(math.exp(-0.5 * ((x - centre) / 2.2) ** 2) / 5.5 for x in centres)
            curves.append(
                Curve(
                    kind="scores",
                    key=MetricKey(metric="membership-auc", model=model, attack="logit"),
                    split=population,
                    x=centres,
                    y=density,
                )
            )
    for model, slope in (("call-all-positive", 0.0), ("call-none-positive", POSITIVE / N)):
        risk = tuple((ratio * slope if slope else 1 - POSITIVE / N) for ratio in ratios)
        curves.append(
            Curve(
                kind="cost-ratio", key=MetricKey(metric="global-risk", model=model, at="cost-optimal"), x=ratios, y=risk
            )
        )
    return tuple(curves)


_SENTENCE = {
    Outcome.PASS: "We can be 95 % confident that the value is inside its tolerance.",
    Outcome.FAIL: "We can be 95 % confident that the value is outside its tolerance, on the records that were examined.",
    Outcome.INCONCLUSIVE: "The data cannot decide: the bounds lie on both sides; about 900 more malignant cases would.",
    Outcome.NOT_RUN: "Not computed, because the metric is undefined here.",
}


def _check(findings: tuple[Finding, ...], check: Check, policy: Policy, model: str) -> CheckResult:
    """Hold one check against the findings as the product does; the sentences are the factory's own."""
    ruled = rule_check(check, [finding for finding in findings if finding.key.model == model], policy)
    ruling = ruled.ruling
    attack = ruling.finding.key.attack if ruling.finding else None
    key = MetricKey(
        metric=check.metric, model=model, against=check.against, among=check.among, at=ruled.at, attack=attack
    )
    return CheckResult(
        id=check.id, title=check.title, why=check.why, kind=TRAITS[check.metric].kind, key=key, limit=ruled.limit,
        required=check.required, outcome=ruling.outcome, reasons=(quote_text(_SENTENCE[ruling.outcome]),),
        estimate=ruling.estimate,
    )  # fmt: skip


def make_verdicts(findings: tuple[Finding, ...], models: tuple[str, ...] = CANDIDATES) -> tuple[Verdict, ...]:
    verdicts, policy = [], make_policy()
    for model in models:
        checks = tuple(_check(findings, check, policy, model) for check in policy.checks)
        required = [check.outcome for check in checks if check.required]
        failed = sum(outcome is Outcome.FAIL for outcome in required)
        unsure = sum(outcome in (Outcome.INCONCLUSIVE, Outcome.NOT_RUN) for outcome in required)
        outcome = Outcome.FAIL if failed else Outcome.INCONCLUSIVE if unsure else Outcome.PASS
        reason = {
            Outcome.FAIL: f"{failed} of {len(required)} required checks fail: the model misses more malignant lesions than tolerated.",
            Outcome.INCONCLUSIVE: f"{unsure} of {len(required)} required checks cannot be decided.",
            Outcome.PASS: f"All {len(required)} required checks pass.",
        }[outcome]
        verdicts.append(
            Verdict(model=model, outcome=outcome, reasons=(quote_text(reason),), confidence=0.95, checks=checks)
        )
    return tuple(verdicts)


def shape_findings(findings: tuple[Finding, ...], model: str, outcomes: dict[str, Outcome]) -> tuple[Finding, ...]:
    """Move the numbers on `model` so that each check has the outcome that is named for it, and passes where none is."""
    shaped = list(findings)
    for check in make_policy().checks:
        wanted = outcomes.get(check.id, Outcome.PASS)
        for index, f in enumerate(shaped):
            key = (f.key.model, f.key.metric, f.key.against, f.key.among)
            if key == (model, check.metric, check.against, check.among) and f.key.at in (None, check.at):
                shaped[index] = _shape(f, check.limit, wanted)
    return tuple(shaped)


def _shape(finding: Finding, limit: Limit, wanted: Outcome) -> Finding:
    if wanted is Outcome.NOT_RUN or finding.estimate is None:
        return finding.model_copy(update={"estimate": None, "not_run": quote_text("it was not defined here")})
    end = limit.at_most if limit.at_most is not None else limit.at_least
    inwards = -1 if limit.at_most is not None else 1
    shift = {Outcome.PASS: 0.05, Outcome.FAIL: -0.05, Outcome.INCONCLUSIVE: 0.0}[wanted]
    estimate = make_estimate(round(end + inwards * shift, 4), finding.estimate.unit, finding.estimate.n, spread=0.03)
    return finding.model_copy(update={"estimate": estimate})


def make_provenance(signer: Signer | None = None) -> Provenance:
    cards = tuple(
        ModelCard(
            name=name, role=role, method=method, title=title, seed=20260423, seconds=seconds,
            parameters={} if method == "train" else {"learning_rate": 0.005, "epochs": 2, "labels": "other", "keep": 0.5},
            file=f"models/{name}.safetensors", sha256=digest_of(name.encode()), source="arXiv 2310.12508" if method == "salun" else None,
        )
        for name, (role, method, title, seconds) in METHODS.items()
    )  # fmt: skip
    data = DataCard(
        name="DermaMNIST", source="Yang et al., MedMNIST v2, Scientific Data 2023; Tschandl et al. 2018", licence="CC BY-NC 4.0",
        sha256=digest_of("derma"), official=False, classes=("benign", "malignant"), positive=("malignant",), positive_asked=("akiec", "bcc", "mel"),
        splits={"retain": SplitCount(n=5606, positive=1095), "forget": SplitCount(n=1401, positive=273),
                "validation": SplitCount(n=1003, positive=195), "test": SplitCount(n=N, positive=POSITIVE)},
        overlaps=(Overlap(column="lesion_id", splits=("forget", "retain"), shared_groups=611), Overlap(column="lesion_id", splits=("retain", "test"), shared_groups=38)),
        cluster="lesion_id", notes=(quote_text("28 x 28 pixels, rebuilt from HAM10000."),),
    )  # fmt: skip
    forget = ForgetRequest(by="fraction", count=1401, positive=273, fraction=0.2, commitment=digest_of("commitment"))
    return Provenance(
        version="0.1.0", created="2026-04-23T10:00:00Z", seed=20260423, case="dermatology-reference", data=data,
        forget=forget, models=cards, recipe={"epochs": 20, "batch": 128, "learning_rate": 0.05, "momentum": 0.9},
        environment={"python": "3.11.9", "torch": "2.13.0+cpu", "numpy": "2.3.1", "platform": "Linux x86_64", **describe_software(PAGES)}, signer=signer,
    )  # fmt: skip


def make_record(signer: Signer | None = None, **changes: Any) -> AuditRecord:
    policy = make_policy()
    findings = make_findings()
    verdicts = make_verdicts(findings)
    fields: dict[str, Any] = {
        "policy": policy.model_dump(mode="json"), "policy_sha256": policy.digest(), "evidence_sha256": digest_of("evidence"),
        "provenance": make_provenance(signer), "findings": findings, "curves": make_curves(), "verdicts": verdicts,
        "outcome": verdicts[0].outcome,
        "recommendation": Recommendation(
            action="release-remedied", model="remedied-warm-restart",
            advice=(quote_text("Do not release the unlearned model. Release the warm restart instead: it passes every required check, "
            "with 8 fewer missed malignant lesions than the original."),),
        ),
    }  # fmt: skip
    return AuditRecord(**{**fields, **changes})


def make_judged_record(findings: tuple[Finding, ...], signer: Signer | None = None, **changes: Any) -> AuditRecord:
    """Return a record whose verdicts and recommendation follow from `findings`."""
    plain, verdicts = make_record(signer), make_verdicts(findings)
    advice = recommend(verdicts, plain.provenance)
    fields = {"findings": findings, "verdicts": verdicts, "outcome": verdicts[0].outcome, "recommendation": advice}
    return plain.model_copy(update={**fields, **changes})
