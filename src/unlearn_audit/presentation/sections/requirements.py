"""The requirements that the crosswalk goes through: clause by clause, each from a source that the page names.

Legal texts and standards are named, not quoted; the topics are our words. Numbers of clauses were read in the texts of
laws; those of standards, which are sold, and of EDPB 55 in tables of contents and guides to them. The page says so.
"""

from dataclasses import dataclass

from unlearn_audit.records import AuditRecord, Finding

SUPPORTS, PARTLY, NOTHING = "supports", "partly", "not addressed"


@dataclass(frozen=True)
class Source:
    """A legal text, standard or guidance: what tables call it, and what a reader finds it by."""

    name: str
    title: str


AI_ACT = Source("AI Act", "Regulation (EU) 2024/1689")
MDR = Source("MDR", "Regulation (EU) 2017/745")
GDPR = Source("GDPR", "Regulation (EU) 2016/679")
EDPB = Source("EDPB 28/2024", "European Data Protection Board, Opinion 28/2024 of 17 December 2024")
ISO_14971 = Source("ISO 14971", "ISO 14971:2019")
IEC_62304 = Source("IEC 62304", "IEC 62304:2006 with amendment 1:2015")
FDA_PCCP = Source(
    "FDA PCCP",
    "FDA, Marketing Submission Recommendations for a Predetermined Change Control Plan for Artificial "
    "Intelligence-Enabled Device Software Functions, final guidance, August 2025",
)
IMDRF = Source(
    "IMDRF N88", "IMDRF/AIML WG/N88 FINAL:2025, Good machine learning practice for medical device development"
)
CFR_11 = Source("21 CFR 11", "United States, Code of Federal Regulations, title 21, part 11")
GUIDELINES = Source(
    "STARD-AI, CLAIM, TRIPOD+AI", "guidelines for reports of diagnostic accuracy, imaging, prediction models"
)


@dataclass(frozen=True)
class Found:
    """A pointer to the first finding of a metric on the audited model that has an estimate, whatever its number."""

    metric: str
    subgroup: bool = False

    def locate(self, record: AuditRecord) -> str | None:
        """Return the JSON pointer, None where the record has no such finding."""
        places = (number for number, finding in enumerate(record.findings) if self._fits(finding, record.verdict.model))
        number = next(places, None)
        return None if number is None else f"/findings/{number}"

    def _fits(self, finding: Finding, model: str) -> bool:
        by_subgroup = finding.key.among.is_subgroup
        wanted = (self.metric, model, self.subgroup)
        return finding.estimate is not None and wanted == (finding.key.metric, finding.key.model, by_subgroup)


@dataclass(frozen=True)
class Requirement:
    """One row: where it comes from, what it asks in our words, where it is spoken to, and how far that can go."""

    source: Source
    clause: str
    """Its number, '' where the source as a whole is meant."""
    topic: str
    sections: tuple[str, ...]
    pointers: tuple[str | Found, ...]
    best: str = PARTLY
    """What may be said where every pointer leads somewhere; 'partly' where a record can never hold all of it."""
    beyond: str = ""
    """What no record of an audit can hold."""

    @property
    def name(self) -> str:
        """Source and clause, as printed."""
        return f"{self.source.name}, {self.clause}" if self.clause else self.source.name


REQUIREMENTS = (
    Requirement(
        AI_ACT, "Annex IV, 1", "Which system, whose, in which version, for which purpose", ("identification",),
        ("/policy/applies_to", "/policy/intended_purpose", "/provenance/device", "/provenance/models"), SUPPORTS,
    ),
    Requirement(
        AI_ACT, "Annex IV, 2(a)", "How the model was developed, and by which steps", ("methods",),
        ("/provenance/recipe", "/provenance/models"), beyond="the maker's own design file",
    ),
    Requirement(
        AI_ACT, "Annex IV, 2(g)", "Validation and testing: data, metrics, test reports that are dated and signed",
        ("checks", "data", "responsible"),
        ("/verdicts/0/checks", "/provenance/data/splits/test", "/provenance/created", "/policy/responsible",
         "/provenance/signer"), beyond="tests of the device outside of this audit",
    ),
    Requirement(
        AI_ACT, "Annex IV, 3", "Accuracy overall and for particular groups; what goes wrong", ("clinical", "subgroups"),
        (Found("false-negative-rate"), Found("false-negative-rate", subgroup=True)), beyond="monitoring in use",
    ),
    Requirement(
        AI_ACT, "Annex IV, 4; Art. 15(1), 15(3)", "Level of accuracy, and why in these metrics",
        ("protocol", "clinical"), ("/policy/checks", "/policy/costs/rationale", Found("global-risk"), Found("auroc")),
        beyond="robustness to shifts, metrics that the policy does not name",
    ),
    Requirement(
        AI_ACT, "Annex IV, 5; Art. 9(2), 9(5)", "Risks known, estimated and judged; what remains", ("risk",),
        ("/policy/risk_analysis", "/policy/costs/rationale"), beyond="the risk-management system itself",
    ),
    Requirement(
        AI_ACT, "Art. 9(8)", "Metrics and thresholds fixed before testing", ("protocol",),
        ("/policy/checks", "/policy_sha256", "/provenance/seals"), SUPPORTS,
    ),
    Requirement(
        AI_ACT, "Art. 10", "Data: origin, splits, representativeness, leakage", ("data",),
        ("/provenance/data/source", "/provenance/data/splits", "/provenance/data/sha256"),
        beyond="how data were collected",
    ),
    Requirement(
        AI_ACT, "Art. 12, 18", "Logs and documents that can be kept and followed", ("verify",),
        ("/provenance/created", "/provenance/environment", "/evidence_sha256"), beyond="logs of the device in use",
    ),
    Requirement(
        AI_ACT, "Art. 15(5)", "Attacks on confidentiality", ("forgetting", "coverage"),
        (Found("membership-auc"), Found("membership-tpr")), beyond="poisoning, evasion, attacks that were not run",
    ),
    Requirement(
        MDR, "Annex I, 1, 8; Annex II, 5", "Performs as intended; risks known, and outweighed by the benefit",
        ("clinical", "risk"), (Found("global-risk"), "/policy/risk_analysis"),
        beyond="clinical evaluation, benefit-risk analysis",
    ),
    Requirement(
        MDR, "Annex I, 17.1, 17.2; Annex II, 6.1(b)", "Software: repeatable, verified, validated; protocol and results",
        ("checks", "protocol", "verify"),
        ("/verdicts/0/checks", "/policy/protocol", "/provenance/seed", "/provenance/environment"),
        beyond="the development life cycle, other tests of the device",
    ),
    Requirement(
        MDR, "Annex II, 1.1", "Which device, in which version, for which purpose", ("identification",),
        ("/provenance/device", "/policy/intended_purpose"), beyond="classification, principles of operation",
    ),
    Requirement(
        IEC_62304, "5.7, 9.8", "Testing of the changed software, and what a test record holds", ("checks", "verify"),
        ("/verdicts/0/checks", "/provenance/environment", "/provenance/version", "/provenance/created"),
        beyond="tests of the software around the model",
    ),
    Requirement(
        IEC_62304, "6.3, 7.4, 8.2", "The change that was made, under control, and its risks",
        ("erasure", "methods", "clinical"), ("/provenance/forget", "/provenance/models", Found("newly-missed-rate")),
        beyond="request, approval and trace of the change",
    ),
    Requirement(
        ISO_14971, "4.4", "Criteria of acceptability, written beforehand", ("protocol",),
        ("/policy/checks", "/policy/costs", "/provenance/seals"), beyond="the risk-management plan",
    ),
    Requirement(
        ISO_14971, "5.4, 5.5, 6, 7.3", "Hazards, severity, probability; held against the criteria; what remains",
        ("risk", "clinical"), ("/policy/risk_analysis", Found("false-negative-rate"), "/verdicts/0/checks"),
        beyond="hazards that the policy does not name, overall residual risk",
    ),
    Requirement(
        GDPR, "Art. 5(2)", "Being able to show what was done", ("erasure", "verify"),
        ("/provenance/forget/commitment", "/evidence_sha256", "/policy_sha256"), SUPPORTS,
    ),
    Requirement(
        GDPR, "Art. 12(3), 17(1)", "The erasure, what it did to the model, and what can be told of it",
        ("erasure", "forgetting", "patients"),
        ("/provenance/forget/count", "/provenance/created", Found("membership-auc")),
        beyond="copies of the data outside of the model, the request and its answer",
    ),
    Requirement(
        EDPB, "55(i), 58", "Resistance to membership and attribute inference, documented", ("forgetting", "patients"),
        (Found("membership-auc"), Found("membership-tpr"), "/policy/membership"),
        beyond="attribute inference, attacks that were not run",
    ),
    Requirement(
        EDPB, "55(ii) to (v)", "Exfiltration, regurgitation, inversion, reconstruction", ("coverage",),
        (Found("reconstruction-rank"), Found("inversion"), Found("exfiltration")),
        beyond="reconstruction from more than two linear models",
    ),
    Requirement(
        FDA_PCCP, "description of modifications, modification protocol",
        "The planned change, its acceptance criteria, departures", ("protocol", "methods", "deviations"),
        ("/policy/checks", "/policy/protocol", "/policy/remediation"), beyond="the plan's authorisation, the update",
    ),
    Requirement(
        FDA_PCCP, "impact assessment", "Benefits and risks of the change", ("clinical", "risk"),
        (Found("newly-missed-rate"), Found("global-risk-increase"), "/policy/risk_analysis"),
        beyond="the effect of several changes together",
    ),
    Requirement(
        IMDRF, "principles 3 to 5", "Representative data; test data apart from training; reference standard",
        ("data", "subgroups"), ("/provenance/data/splits", "/provenance/data/sha256", "/provenance/data/positive"),
        beyond="how patients were chosen and the reference was set",
    ),
    Requirement(
        IMDRF, "principles 8 to 10", "Tested in relevant conditions; limits told; training anew kept in check",
        ("clinical", "limits"), (Found("false-negative-rate"), Found("newly-missed-rate")),
        beyond="performance in use, what users are told",
    ),
    Requirement(
        CFR_11, "11.50", "Who signs, when, in which meaning", ("responsible",),
        ("/policy/responsible/0/name", "/policy/responsible/0/meaning", "/provenance/signer"), SUPPORTS,
    ),
    Requirement(
        GUIDELINES, "", "Test data and its independence; performance with uncertainty, calibration",
        ("data", "clinical"), ("/provenance/data/splits/test", Found("auroc"), Found("calibration-slope")),
        beyond="how the reference standard was set, the model's development report",
    ),
)  # fmt: skip


def list_sources() -> tuple[Source, ...]:
    """Return the sources in the order of their rows, each once."""
    return tuple(dict.fromkeys(requirement.source for requirement in REQUIREMENTS))
