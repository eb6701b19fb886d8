"""Planned looks through the command: what a run lists, what it charges, and what verification says is left."""

import json
import re

import pytest

pytestmark = pytest.mark.usefixtures("small_pages")


@pytest.fixture
def planned(run_here, policy_file, tmp_path):
    """Run the passing audit under a policy that plans so many looks."""

    def run(looks, *more, out="out"):
        policy = policy_file(change=("protocol: {", f"protocol: {{looks: {looks}, "))
        where = tmp_path / out
        return *run_here("run", "--policy", policy, "--out", where, "--no-remedy", *more), where

    return run


def looks_of(out):
    return json.loads((out / "record.json").read_bytes())["looks"]


def test_a_report_that_is_replaced_is_charged_and_past_the_plan_nothing_passes(planned, run_here, root_certificate):
    code, output, err, out = planned(1)
    assert code == 0, err
    assert "This is look 1 of 1 planned" in " ".join(output.split())

    code, output, _, out = planned(1, "--force")
    assert code == 3
    assert "plans 1 looks at one test split, and 1 were taken" in " ".join(output.split())
    assert "Looks at the test split" in (out / "report.html").read_text()

    code, output, _ = run_here("verify", out, "--trust", root_certificate, "--recompute")
    assert re.search(r"^looks +OK +Spent:", output, re.MULTILINE)
    assert re.search(r"^numbers equal evidence +OK", output, re.MULTILINE)


def test_a_baseline_is_charged_as_well(planned, finished):
    _, _, _, out = planned(3, "--baseline", finished / "record.json")
    assert looks_of(out)["earlier"] == 1


def test_a_policy_of_another_name_does_not_hide_the_report_that_it_replaces(planned, run_here, policy_file):
    _, _, _, out = planned(3)
    other = policy_file(change=("protocol: {", "protocol: {looks: 3, "))
    renamed = other.with_name("renamed.yaml")
    renamed.write_text(other.read_text().replace("id: quick", "id: another"))
    run_here("run", "--policy", renamed, "--out", out, "--no-remedy", "--force")
    assert looks_of(out)["earlier"] == 1
