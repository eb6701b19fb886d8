"""What pages say in numbers, tables and figures is what the code, the samples and the published studies say."""

import json
import posixpath
import re

import numpy as np
import pytest
from scipy.stats import rankdata
from tools.docs_figures import FIGURES, PASSAGES, fill
from tools.docs_studies import read_study

from tests.support.pages import DOCS, PAGES, ROOT
from unlearn_audit.errors import ExitCode
from unlearn_audit.evidence.parquet import read_evidence
from unlearn_audit.presentation.sections.contents import SECTIONS
from unlearn_audit.presentation.sections.forgetting import _OTHERS, _UNTESTED
from unlearn_audit.stats import score_logit
from unlearn_audit.stats.binomial import compute_clopper_pearson

TEXT = {page: " ".join((DOCS / page).read_text("utf-8").split()) for page in PAGES}
ANEW = "run 'make docs-figures'"


@pytest.fixture(scope="module")
def record():
    return json.loads((ROOT / "sample_reports" / "breast-cytology" / "record.json").read_bytes())


@pytest.mark.parametrize(("page", "name"), PASSAGES)
def test_a_written_passage_is_as_its_source_says(page, name):
    text = (DOCS / page).read_text("utf-8")

    assert fill(text, name, PASSAGES[page, name]()) == text, ANEW


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_as_its_source_says(name):
    assert FIGURES[name]() == (DOCS / name).read_text("utf-8"), ANEW


def list_figures(page):
    """Return the figures of a page, each by its path from docs/."""
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT[page])
    return [posixpath.normpath(posixpath.join(posixpath.dirname(page), link)) for link in links]


def test_every_figure_of_a_page_is_made_by_a_target():
    made = {
        *FIGURES,
        "appendix/selftest.svg",
        "appendix/study-skin.svg",
        "../sample_reports/breast-cytology-page-1.png",
    }

    shown = {figure for page in PAGES for figure in list_figures(page)}

    assert shown <= made


def test_a_passage_without_marks_is_not_lost_in_silence():
    with pytest.raises(ValueError, match="one pair of marks 'methods', found 0"):
        fill("# Nothing", "methods", "table")


def test_the_table_of_methods_is_what_the_command_lists(capsys):
    from unlearn_audit.cli.list import list_entries

    list_entries("methods")
    listed = re.findall(r"^  (\S+)", capsys.readouterr().out, re.MULTILINE)

    table = (DOCS / "methods.md").read_text("utf-8").partition("## Parameters")[0]

    assert re.findall(r"^\| `([a-z0-9-]+)` ", table, re.MULTILINE) == listed


def test_the_first_audit_is_the_samples(record):
    data, forget, page = record["provenance"]["data"], record["provenance"]["forget"], TEXT["first-audit.md"]
    test = data["splits"]["test"]

    size, malignant = re.search(r"(\d+) fine-needle aspirates, .* (\d+) malignant", data["name"]).groups()

    assert f"({size} aspirates, {malignant} malignant)" in page
    assert f"{test['n']} test records, {test['positive']} of them malignant" in page
    assert f"erases {forget['count']} patients" in page
    assert f"trains {record['policy']['membership']['references']['models']} reference models" in page
    assert f"Verdict: {record['outcome'].upper()}" in page


def find_estimates(record, metric, among="all"):
    return {
        finding["key"]["model"]: finding["estimate"]
        for finding in record["findings"]
        if (finding["key"]["metric"], finding["key"]["among"]) == (metric, among)
    }


def test_what_the_page_on_patients_says_of_the_published_evidence(record):
    references, forget = record["policy"]["membership"]["references"]["models"], record["provenance"]["forget"]["count"]
    controls = record["provenance"]["data"]["splits"]["test"]["n"]
    assert f"{references} reference models, {forget} erased records and {controls} controls" in TEXT["patients.md"]

    left = {model for model, found in find_estimates(record, "recognised-records").items() if found["value"]}
    assert left == {"original", "unlearned", "remedied-salun-cra"}
    for among in ("all", "positive", "negative"):
        bounds = find_estimates(record, "paired-recognition", among)["unlearned"]["bounds"]
        assert bounds["low"] <= 0.5 <= bounds["high"]
    average = find_estimates(record, "paired-recognition")["remedied-salun-cra"]["bounds"]
    assert average["low"] <= 0.5 <= average["high"]
    assert find_estimates(record, "paired-recognition-mean", "positive")["remedied-salun-cra"]["bounds"]["low"] > 0
    assert f"in the test of all {forget + controls}." in TEXT["patients.md"]


def test_what_the_page_on_patients_says_of_ultrasound_is_what_the_study_found():
    (cell,) = read_study("patients-ultrasound").cells
    found = {row.model: row for row in cell.recognition}

    def count(model, among="positive"):
        return int(found[model].find("recognised-records", among).estimate.value)

    def bound(model, among="positive"):
        return found[model].find("paired-recognition", among).estimate.bounds

    assert (count("salun-cra"), cell.positives["forget"]) == (13, 29)
    assert "SalUn-CRA leaves 13 of 29 malignant records recognised" in TEXT["patients.md"]
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert (
        "On breast ultrasound SalUn-CRA leaves 13 of 29 malignant ones recognised, on skin lesions 7 of 273." in readme
    )
    assert count("original") == 16  # nearly as many
    assert 0 < count("salun") < 5
    assert bound("salun", "negative").high < 0.5
    assert bound("salun").high < 0.5
    for model in ("warm-restart-5", "warm-restart-1", "retrained"):
        assert count(model, "all") == 0
    assert bound("warm-restart-5").low > 0.5
    assert found["warm-restart-5"].find("worst-record-recognition").estimate.value < 0.05  # none stands out by name
    for model in ("warm-restart-1", "retrained"):
        assert bound(model).low < 0.5 < bound(model).high


def test_what_the_page_on_patients_says_of_skin_is_what_the_study_found():
    (cell,) = read_study("patients-skin").cells
    found = {row.model: row for row in cell.recognition}
    text = TEXT["patients.md"]

    def count(model, among="all"):
        return int(found[model].find("recognised-records", among).estimate.value)

    def estimate(model, among="positive"):
        return found[model].find("paired-recognition", among).estimate

    assert (count("salun-cra"), count("salun-cra", "positive"), cell.positives["forget"]) == (7, 7, 273)
    assert (count("salun"), count("salun", "positive")) == (7, 4)
    assert "SalUn-CRA leaves 7 erased records recognised, all of them malignant, and SalUn 7, of which 4" in text
    assert f"is {estimate('salun-cra').value:.2f} and {estimate('salun').value:.2f}, although" in text
    for model in ("salun", "salun-cra"):
        assert abs(estimate(model, "all").value - 0.5) < 0.05  # nearly forgotten, over all records
    for model in ("warm-restart-5", "warm-restart-1", "scratch", "retrained"):
        assert count(model) == 0
        assert found[model].find("worst-record-recognition").estimate.value > 0.05
    assert estimate("warm-restart-5").bounds.low > 0.5
    ultrasound = {row.model: row for row in read_study("patients-ultrasound").cells[0].recognition}
    as_broad = ultrasound["warm-restart-5"].find("paired-recognition", "positive").estimate.value
    assert abs(estimate("warm-restart-5").value - as_broad) < 0.01
    for model in ("warm-restart-1", "scratch", "retrained"):
        assert estimate(model).bounds.low < 0.5 < estimate(model).bounds.high


def test_the_misses_that_the_cytology_policy_can_still_decide_are_counted_right(record):
    """At the audited model's half of the error."""
    n = record["provenance"]["data"]["splits"]["test"]["positive"]
    (limit,) = (check["at_most"] for check in record["policy"]["checks"] if check["id"] == "missed")
    most = max(k for k in range(n) if compute_clopper_pearson(k, n, 0.025)[1] <= limit)

    (why,) = (check["why"] for check in record["policy"]["checks"] if check["id"] == "missed")
    assert (
        f"{most} misses, one in fifteen, can still be shown to lie below {100 * limit:.0f} %, {most + 1} cannot" in why
    )


def test_the_bound_of_no_miss_is_the_bound(record):
    n = record["provenance"]["data"]["splits"]["test"]["positive"]

    high = compute_clopper_pearson(0, n, 0.05)[1]

    text = f"no miss among {n} malignant test records the upper bound of the false-negative rate is still {high:.3f}"
    assert text in TEXT["policy.md"]


def test_the_numbers_of_the_self_test_stand_on_the_page():
    counts = json.loads((ROOT / "src/unlearn_audit/published_selftest.json").read_bytes())
    on, failures = counts["on_tolerance"], counts["failures"]

    assert f"{on['wrong']:,} of {on['n']:,} models planted exactly on a tolerance" in TEXT["numbers.md"]
    assert f"{failures['wrong']:,} of {failures['n']:,} planted failures" in TEXT["numbers.md"]


@pytest.mark.parametrize("page", ["reading.md", "first-audit.md"])
def test_sections_of_a_report_are_called_by_their_numbers_and_names(page):
    numbers = {str(number): section.title for number, section in enumerate(SECTIONS, start=1)}
    for number, title in re.findall(r"\| (\d+) ([A-Z][^|]+?) \|", TEXT[page]):
        assert numbers[number].startswith(title)
    named = [
        ("2", "Every check"),
        ("7", "Clinical"),
        ("11", "Each erased"),
        ("13", "Limits"),
    ]  # named in the text by their numbers alone
    assert all(numbers[number].startswith(title) for number, title in named)


def test_sections_that_the_lawyer_is_sent_to_are_where_the_facts_are():
    places = {section.id: number for number, section in enumerate(SECTIONS, start=1)}
    page = TEXT["reading-legal.md"]

    for text, section in (
        ("section {}, as SHA-256 digests", "identification"),
        ("and a commitment to which | section {}", "erasure"),
        ("| section {}, with seals", "protocol"),
        ("which attacks ran, and which did not | section {}", "coverage"),
        ("departures, waivers, earlier runs of the case | section {}", "deviations"),
        ("| section {}, and the PDF's signatures", "responsible"),
        ("Section {} of every report is a crosswalk", "crosswalk"),
    ):
        assert text.format(places[section]) in page


def test_attacks_that_pages_call_untested_are_not_in_the_table_of_attacks():
    from unlearn_audit.findings.attacks import ATTACKS
    from unlearn_audit.findings.metrics import METRICS

    untested = {name for _, names, _ in _UNTESTED for name in names} - set(ATTACKS)
    measured = {name: metric for name, metric, _ in _OTHERS}

    assert untested - set(measured) == {"inversion", "exfiltration", "attribute-inference"}
    assert set(measured.values()) <= set(METRICS)
    assert (
        "Model inversion, exfiltration of training records and attribute inference are not implemented"
        in TEXT["limits.md"]
    )


def test_the_exit_codes_are_the_codes():
    rows = re.findall(r"^\| (\d) \| (\w+)", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE)

    assert [int(code) for code, _ in rows] == [int(code) for code in ExitCode]


@pytest.mark.parametrize("page", ["policy.md", "reading.md", "reading-legal.md", "limits.md", "verify.md"])
def test_no_page_claims_compliance(page):
    assert not re.search(r"\b(ensures|guarantees|certifies|complies with|is compliant)\b", TEXT[page])


def test_the_models_of_the_sample_agree_with_the_original_as_far_as_the_page_of_attacks_says():
    """Rank correlation within one label and one answer of the model, by scipy's ranks."""
    evidence = read_evidence(ROOT / "sample_reports" / "breast-cytology" / "evidence.parquet")
    test, correlations = evidence.select("test"), []
    labels = evidence.label[test]
    for card in evidence.provenance.models[1:]:
        ours, theirs = (evidence.log_probs[name][test] for name in (card.name, "original"))
        strata = [(labels == label) & (ours.argmax(axis=1) == answer) for label in (0, 1) for answer in (0, 1)]
        ranks = [
            rankdata([score_logit(answers[rows], labels[rows]) for answers in (ours, theirs)], axis=1) / rows.sum()
            for rows in strata
        ]
        correlations.append(np.corrcoef(np.hstack([each - each.mean(axis=1, keepdims=True) for each in ranks]))[0, 1])

    assert f"agree by {min(correlations):.1f} to {max(correlations):.1f} on test records" in TEXT["attacks.md"]
