"""The README says what the product does: its exit codes, commands, files and sample are checked against the code."""

import json
import re
from pathlib import Path

import pytest
from benchmarks.ensemble import compare_ensemble
from benchmarks.judging import compare_verdict
from tools.docs_readme import (
    count_references,
    format_attack,
    format_coverage_share,
    format_ensemble_speed,
    format_selftest_share,
    format_study,
    format_verdict_speed,
    read_ratios,
)
from tools.docs_studies import read_study

from unlearn_audit.cli.commands import group
from unlearn_audit.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_exit_codes_are_the_codes():
    rows = re.findall(r"^\| (\d) \| (\w+)", README, re.MULTILINE)

    assert [int(code) for code, _ in rows] == [int(code) for code in ExitCode]


def test_every_command_and_option_exists():
    for line in re.findall(r"^unlearn-audit ([^#\n]*)", README, re.MULTILINE):
        words = line.split()
        command = group.commands[words[0]]
        if hasattr(command, "commands"):
            command = command.commands[words[1]]
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("target", re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
def test_every_target_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_every_link_leads_somewhere(link):
    assert (ROOT / link).exists()


def test_the_demos_verdict_is_the_samples():
    record = json.loads((ROOT / "sample_reports" / "breast-cytology" / "record.json").read_bytes())

    assert f"Its verdict is *{record['outcome']}*" in README
    assert f"{record['provenance']['data']['splits']['test']['n']} test records" in README
    assert f"unlearns {record['provenance']['forget']['count']} patients" in README


def test_the_demos_patients_who_are_still_recognised_are_the_samples():
    record = json.loads((ROOT / "sample_reports" / "breast-cytology" / "record.json").read_bytes())
    (recognised,) = (
        finding["estimate"]["value"]
        for finding in record["findings"]
        if finding["key"]["metric"] == "recognised-records"
        and (finding["key"]["model"], finding["key"]["among"]) == ("unlearned", "all")
    )

    assert recognised == 5
    assert "five of them are still recognised" in " ".join(README.split())


def test_who_is_still_recognised_after_which_method_is_the_samples():
    record = json.loads((ROOT / "sample_reports" / "breast-cytology" / "record.json").read_bytes())
    titles = {card["name"]: card["title"] for card in record["provenance"]["models"]}
    left = {
        titles[finding["key"]["model"]]: (finding["estimate"]["value"], finding["estimate"]["n"])
        for finding in record["findings"]
        if (finding["key"]["metric"], finding["key"]["among"]) == ("recognised-records", "all")
    }
    sentence = "SalUn leaves {:.0f} of {} erased patients recognised and SalUn-CRA {:.0f}"

    assert sentence.format(*left["SalUn"], left["SalUn-CRA"][0]) in " ".join(README.split())
    none = [title for title in left if "Warm restart" in title or "scratch" in title or "Retrained" in title]
    assert len(none) == 4
    assert not any(left[title][0] for title in none)


def test_the_remedies_are_named_in_the_policys_order():
    record = json.loads((ROOT / "sample_reports" / "breast-cytology" / "record.json").read_bytes())

    assert [choice["method"] for choice in record["policy"]["remediation"]] == ["salun-cra", "warm-restart"]
    assert "SalUn-CRA, warm restart" in README


def test_the_figures_of_the_self_test_are_the_published_ones():
    page = (ROOT / "docs" / "appendix" / "selftest.md").read_text("utf-8")
    sentence = re.search(r"the gate (passed .* changed reports)\.", page).group(1)

    assert sentence in " ".join(README.split())


@pytest.mark.parametrize(
    "figure", [format_coverage_share, format_selftest_share, format_verdict_speed, format_ensemble_speed]
)
def test_a_measured_figure_is_the_published_one(figure):
    assert f"| {figure()} |" in README


def test_every_attack_that_was_compared_with_another_librarys_stands_there():
    compared = [name.removesuffix("-auc") for name in read_ratios() if name.endswith("-auc")]

    assert [name for name in compared if f"| {format_attack(name)} |" not in README] == []


def test_the_table_of_the_study_is_the_published_one():
    table, seeds = format_study()

    assert f"{table}\n" in README
    assert f"means over {seeds} seeds" in README


def test_the_number_of_reference_models_is_that_of_the_published_run():
    assert f"| {read_ratios()['ensemble-models']} reference models on " in README


@pytest.mark.slow
def test_the_published_ratios_have_not_drifted_by_a_factor_of_three():
    """Machines differ, and so do ratios; a third of what is published would be another product."""
    for comparison in (compare_verdict(), compare_ensemble()):
        assert comparison.agree
        assert comparison.ratio > read_ratios()[comparison.name] / 3


def test_the_shipped_policy_asks_for_so_many_reference_models():
    assert f"breast cytology does, with {count_references()}." in " ".join(README.split())


def test_what_the_readme_says_of_the_study_in_words():
    cell = next(cell for cell in read_study("skin").cells if cell.forget == 0.5)
    means = {row.name: {f.measure: f.mean.value for f in row.figures if f.mean} for row in cell.rows}

    assert 0.4 < means["original"]["fnr"] < 0.6  # half are missed
    assert means["salun"]["fnr"] > 0.75  # most of them
    assert means["salun-cra"]["confidence-positive"] > 0.7  # stay recognisable
    for name in ("warm-restart-5", "fine-tune-hot"):  # on average
        assert abs(means[name]["confidence-positive"] - means["retrained"]["confidence-positive"]) < 0.03
