"""The view model: a record turned into everything the templates show; no number is computed in a template."""

from collections.abc import Sequence
from dataclasses import dataclass

from unlearn_audit.presentation.figures import calibration as calibration_figures
from unlearn_audit.presentation.figures import membership as membership_figures
from unlearn_audit.presentation.figures import patients as patient_figures
from unlearn_audit.presentation.figures import risk as figures
from unlearn_audit.presentation.figures.risk import Figure
from unlearn_audit.presentation.profiles import Profile
from unlearn_audit.presentation.sections import (
    case,
    checks,
    clinical,
    cover,
    crosswalk,
    deviations,
    forgetting,
    limits,
    patients,
    persons,
    risk,
    risk_split,
    seals,
    searches,
    subgroups,
    subject,
)
from unlearn_audit.presentation.sections.checks import Banner
from unlearn_audit.presentation.sections.clinical import RecordList
from unlearn_audit.presentation.sections.contents import SECTIONS, Section
from unlearn_audit.presentation.sections.exploration import Exploration, present_exploration
from unlearn_audit.presentation.sections.grid import Fact, Grid
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import group_digits, name_letters
from unlearn_audit.records import AuditRecord


@dataclass(frozen=True)
class Presentation:
    """All content of one report in reading order; grids and figures that the record cannot fill are absent."""

    report_id: str
    record_sha256: str
    persons: str
    title: str
    created: str
    version: str
    test_key: bool
    sections: tuple[Section, ...]
    banner: Banner
    subject: tuple[Fact, ...]
    missing: str | None
    brief_checks: Grid
    global_risk: Figure | None
    patients_in_brief: str | None
    verdict_reason: str
    recommendation: str
    full_checks: tuple[Grid, ...]
    identification: tuple[Fact, ...]
    digests: Grid
    erasure: tuple[Fact, ...]
    protocol: tuple[Fact, ...]
    tolerances: Grid
    models: Grid
    searches: tuple[Grid, ...]
    has_retrained: bool
    made_elsewhere: bool
    data: tuple[Fact, ...]
    splits: Grid
    overlaps: tuple[str, ...]
    intake: Grid | None
    performance: tuple[Grid, ...]
    cost_ratios: Grid | None
    other_points: tuple[Grid, ...]
    paired: tuple[Grid, ...]
    record_lists: tuple[RecordList, ...]
    cost_ratio: Figure | None
    risk_split: tuple[str, ...]
    calibration: tuple[Grid, ...]
    reliability: Figure | None
    net_benefit: tuple[Figure, ...]
    subgroups: tuple[Grid, ...]
    attacks: tuple[Grid, ...]
    summaries: tuple[Grid, ...]
    scores: Figure | None
    roc: Figure | None
    patients: patients.Patients
    patients_figure: Figure | None
    coverage: Grid
    candidates: Grid
    limits: tuple[str, ...]
    risk: Grid | None
    deviations: Grid | None
    waivers: Grid | None
    earlier_runs: Grid | None
    responsible: Grid | None
    seals: Grid | None
    signature: tuple[Fact, ...]
    crosswalk: Grid
    environment: tuple[Fact, ...]
    positive: str
    strongest: str | None
    exploration: Exploration | None


def present(record: AuditRecord, profile: Profile = Profile.FULL, missing: Sequence[str] = ()) -> Presentation:
    """Return the view of `record`; the same record gives an equal view. A summary has room for fewer checks.

    `missing` are letters that the page's typefaces lack.
    """
    index = Index(record)
    identification, digests = case.present_identification(index)
    data, splits, overlaps = case.present_data(index)
    policy = record.policy
    title = cover.shorten_title(str(policy.get("applies_to") or policy.get("title") or record.provenance.case))
    banner = cover.shorten_banner(checks.present_banner(index))
    facts = cover.shorten_subject(subject.present_subject(index))
    drawn = figures.draw_global_risk(index)
    brief = cover.shorten_brief(patients.summarise(index))
    lost = name_letters(missing)
    room = cover.find_room(
        title,
        facts,
        (banner.reason, banner.advice, brief or "", *([lost] if lost else ())),
        drawn.height if drawn else 0.0,
        foot=profile is Profile.SUMMARY,
    )
    return Presentation(
        report_id=case.identify(index),
        record_sha256=group_digits(index.digest),
        persons=persons.name_persons(index),
        title=title,
        created=record.provenance.created,
        version=record.provenance.version,
        test_key=case.is_test_signed(record.provenance.signer),
        sections=SECTIONS,
        banner=banner,
        subject=facts,
        missing=lost,
        brief_checks=cover.fit_checks(checks.present_brief_checks(index), record.verdict.checks, room),
        global_risk=drawn,
        patients_in_brief=brief,
        verdict_reason=record.verdict.reason,
        recommendation=record.recommendation.text,
        full_checks=(checks.present_full_checks(index, record.verdict),),
        identification=identification,
        digests=digests,
        erasure=case.present_erasure(index),
        protocol=case.present_protocol(index),
        tolerances=case.present_tolerances(index),
        models=case.present_models(index),
        searches=searches.present_searches(index),
        has_retrained=index.find_name("retrained") is not None,
        made_elsewhere=all(card.seconds is None and card.seed is None for card in record.provenance.models),
        data=data,
        splits=splits,
        overlaps=overlaps,
        intake=case.present_intake(index),
        performance=clinical.present_performance(index),
        cost_ratios=clinical.present_cost_ratios(index),
        other_points=clinical.present_other_points(index),
        paired=clinical.present_paired(index),
        record_lists=clinical.present_record_lists(index),
        cost_ratio=figures.draw_cost_ratios(index),
        risk_split=risk_split.explain_change(index),
        calibration=clinical.present_calibration(index),
        reliability=calibration_figures.draw_reliability(index),
        net_benefit=tuple(
            figure
            for metric in ("net-benefit", "net-benefit-at-prevalence")
            if (figure := calibration_figures.draw_net_benefit(index, metric))
        ),
        subgroups=subgroups.present_subgroups(index),
        attacks=forgetting.present_attacks(index),
        summaries=forgetting.present_summaries(index),
        scores=membership_figures.draw_scores(index),
        roc=membership_figures.draw_roc(index),
        patients=patients.present_patients(index),
        patients_figure=patient_figures.draw_patients(index),
        coverage=forgetting.present_coverage(index),
        candidates=clinical.present_candidates(index),
        limits=limits.list_limits(index),
        risk=risk.present_risk(index),
        deviations=deviations.present_deviations(index),
        waivers=deviations.present_waivers(index),
        earlier_runs=deviations.present_earlier_runs(index),
        responsible=persons.present_responsible(index),
        seals=seals.present_seals(index),
        signature=persons.present_signature(index),
        crosswalk=crosswalk.present_crosswalk(index),
        environment=case.present_environment(index),
        positive=index.positive,
        strongest=index.strongest,
        exploration=present_exploration(index),
    )
