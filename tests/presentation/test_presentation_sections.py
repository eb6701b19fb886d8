"""Seventeen sections from the record alone: numbered once, nothing claimed that the record does not hold."""

import json
import re

import pytest

from tests.support.ordinary_core import measure_work
from tests.support.record_factory import make_record
from tests.support.text_everywhere import with_text_everywhere
from tests.support.waived_records import HAZARD, make_whole, with_policy
from unlearn_audit.formats.html import render_html, render_summary
from unlearn_audit.presentation.page import present
from unlearn_audit.presentation.profiles import Profile
from unlearn_audit.presentation.sections import crosswalk, risk
from unlearn_audit.presentation.sections.contents import SECTIONS, number_of
from unlearn_audit.presentation.sections.deviations import find_deviations
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import bound
from unlearn_audit.records import (
    Outcome,
    Overlap,
    Signer,
    digest_of,
    quote_text,
)


@pytest.fixture(scope="module")
def whole():
    return make_whole()


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.split("<body>")[1]).split())


def test_every_section_has_one_number_one_heading_and_one_template():
    html = render_html(make_record())

    headings = re.findall(r'<h2 id="section-([a-z]+)"><span>(\d+)</span>', html)
    assert headings == [(section.id, str(number)) for number, section in enumerate(SECTIONS, start=1)]
    assert len({section.id for section in SECTIONS}) == len(SECTIONS) == 17
    assert number_of("crosswalk") == 17


def test_what_is_optional_is_printed_where_it_is_there(whole):
    text = text_of(render_html(whole))

    for words in ("SkinTriage 2.4; by Example Devices; identifier (01)0401", "Triage by nurses", "A melanoma is called",
                  "Excision is delayed", "Sixty records fewer", "accepted by A. Head", "record aaaaaaaaaaaa",
                  "approval", "Control: A second reader"):  # fmt: skip
        assert words in text, words


def test_and_its_absence_is_said(record):
    text = text_of(render_html(record))

    for words in ("not given in the case file", "The policy names no hazards",
                  "No check is waived", "No earlier run", "not stated by the policy"):  # fmt: skip
        assert words in text, words


def test_each_pointer_of_the_crosswalk_leads_somewhere_in_record_json(whole, record):
    for one in (whole, record):
        document = json.loads(one.to_bytes())
        for requirement in crosswalk.REQUIREMENTS:
            for pointer in filter(None, crosswalk.locate(requirement, one)):
                found = document
                for part in pointer.split("/")[1:]:
                    found = found[int(part)] if isinstance(found, list) else found[part]
                assert found not in (None, "", [], {}), pointer


def test_the_crosswalk_says_not_addressed_where_nothing_is_there_and_never_complies(whole, record):
    states = {row[0].text: row[-1].text for row in present(whole).crosswalk.rows}
    bare = {row[0].text: row[-1].text for row in present(record).crosswalk.rows}

    assert set(states.values()) <= {"supports", "partly", "not addressed"}
    assert states["EDPB 28/2024, 55(ii) to (v)"] == "not addressed"
    assert (states["AI Act, Annex IV, 1"], bare["AI Act, Annex IV, 1"]) == ("supports", "partly")
    assert (states["21 CFR 11, 11.50"], bare["21 CFR 11, 11.50"]) == ("supports", "partly")
    assert states["AI Act, Art. 9(8)"] == "partly"  # not sealed: nothing proves when the tolerances were written
    assert "complies" not in text_of(render_html(whole)).replace("Never 'complies'", "")


def test_the_crosswalk_names_clauses_and_the_source_of_each(whole):
    grid = present(whole).crosswalk
    names = [row[0].text for row in grid.rows]

    for clause in ("AI Act, Annex IV, 2(g)", "AI Act, Art. 15(5)", "MDR, Annex I, 17.1, 17.2; Annex II, 6.1(b)",
                   "IEC 62304, 6.3, 7.4, 8.2", "ISO 14971, 5.4, 5.5, 6, 7.3", "FDA PCCP, impact assessment",
                   "IMDRF N88, principles 3 to 5", "EDPB 28/2024, 55(i), 58", "GDPR, Art. 5(2)",
                   "GDPR, Art. 12(3), 17(1)"):  # fmt: skip
        assert clause in names
    assert len(set(names)) == len(names)
    for requirement in crosswalk.REQUIREMENTS:
        assert f"{requirement.source.name}: {requirement.source.title}" in grid.notes[0]


def test_the_sections_of_a_requirement_are_links(whole):
    html = render_html(whole)
    targets = re.findall(r'class="where" href="#section-([a-z]+)">(\d+)</a>', html)

    assert targets
    assert all(number_of(section) == int(number) for section, number in targets)


def test_page_one_says_which_device_in_which_version_who_signs_and_when(whole, record):
    def list_facts(one):
        return {fact.term: fact.text for fact in present(one).subject}

    assert list_facts(whole)["Device"] == "SkinTriage, version 2.4, by Example Devices"
    assert list_facts(whole)["Signer"] == "CN=Audit desk; evidence collected 2026-04-23 10:00:00 UTC"
    assert list_facts(record)["Device"] == "neither device nor version is given in the case file"
    trial = make_record(Signer(kind="test", subject="CN=TEST KEY", fingerprint="0" * 64))
    assert list_facts(trial)["Signer"].startswith("TEST KEY, not a valid signature: nobody answers for it")


def test_limits_are_said_once_and_the_gravest_first(whole, record):
    for one in (whole, record):
        limits = present(one).limits
        assert len(set(limits)) == len(limits)
        order = [next(i for i, limit in enumerate(limits) if words in limit) for words in (
            "can be fooled", "stronger attack", "future patients", "Subgroups", "judgements of the policy's owner",
        )]  # fmt: skip
        assert order == sorted(order)
    overlap = record.provenance.data.model_copy(
        update={"overlaps": (Overlap(column="lesion", splits=("retain", "test"), shared_groups=3),)}
    )
    leaking = record.model_copy(update={"provenance": record.provenance.model_copy(update={"data": overlap})})
    assert present(leaking).limits[0].startswith("The test split shares groups with training data")


def test_a_caveat_of_several_metrics_is_one_limit_with_all_their_names(record):
    caveat = quote_text("Read it twice.")
    titled = tuple(
        finding.model_copy(update={"caveats": (caveat,), "title": title})
        for finding, title in zip(record.findings, ("First", "Second", "First"), strict=False)
    )
    limits = [limit for limit in present(record.model_copy(update={"findings": titled})).limits if "twice" in limit]
    assert limits == ["First; Second: Read it twice."]


def test_nobody_stands_behind_a_test_key(whole):
    signer = Signer(kind="test", subject="CN=TEST KEY", fingerprint="0" * 64)
    provenance = whole.provenance.model_copy(update={"signer": signer})

    states = {
        row[0].text: row[-1].text for row in present(whole.model_copy(update={"provenance": provenance})).crosswalk.rows
    }
    assert states["21 CFR 11, 11.50"] == "partly"


def test_a_hazard_is_as_acceptable_as_the_worst_of_its_checks(record):
    by_id = {check.id: check.outcome for check in record.verdict.checks}
    assert by_id["missed"] is Outcome.FAIL

    index = Index(
        with_policy(record, risk_analysis=[HAZARD, {**HAZARD, "checks": ["utility"]}, {**HAZARD, "checks": []}])
    )
    words = [row[3].word for row in risk.present_risk(index).rows]
    assert words == ["not acceptable", "acceptable", "not measured"]
    assert "0.419 to 0.453, tolerance" in risk.present_risk(index).rows[0][2].text.replace("(", "").replace(")", "")


def test_beside_the_audited_model_stands_the_recommended_one(record):
    index = Index(with_policy(record, risk_analysis=[HAZARD]))

    grid = risk.present_risk(index)
    assert grid.heads[4] == "On Warm restart (remedied)"
    assert [grid.rows[0][3].word, grid.rows[0][4].word] == ["not acceptable", "acceptable"]


def test_deviations_from_the_reference_case_are_found(record):
    reference = {
        "unlearn": {"method": "salun", "parameters": {"epochs": 5, "keep": 0.5}},
        "forget": 0.1, "retrain": True, "recipe": {"epochs": 200, "batch": 128},
    }  # fmt: skip
    found = dict(find_deviations(Index(with_policy(record, reference_case=reference))))

    assert found["Parameters of the audited method"] == "epochs = 2 instead of 5"
    assert found["Training recipe"] == "epochs = 20 instead of 200"
    assert "forgets 10\u202f%" in found["Records to forget"]
    assert "Retrained reference" not in found
    other = {**reference, "unlearn": {"method": "salun-cra"}, "forget": 0.2}
    assert "salun, where the reference case audits salun-cra" in dict(
        find_deviations(Index(with_policy(record, reference_case=other)))
    ).get("Audited method", "")


def test_a_summary_is_page_one_with_where_the_rest_is(record):
    full, summary = render_html(record), render_summary(record)

    for words in (
        "Evidence for a decision, not a certificate of compliance.",
        record.verdict.reason,
        "Global Risk by model",
    ):
        assert words in summary
    assert digest_of(record.to_bytes()) in summary.replace(" ", "")
    assert "Crosswalk" in full
    assert "Crosswalk" not in summary
    assert "<h1" in summary


def test_a_summary_shows_the_worst_checks_first_and_says_what_it_leaves_out(record):
    checks = tuple(
        check.model_copy(update={"id": f"{check.id}-{i}", "title": f"{check.title} {i}"})
        for i in range(4)
        for check in record.verdict.checks
    )
    many = record.model_copy(
        update={"verdicts": (record.verdict.model_copy(update={"checks": checks}), *record.verdicts[1:])}
    )
    for profile in Profile:
        view = present(many, profile)
        assert 6 <= len(view.brief_checks.rows) < len(checks)
        assert {row[3].outcome for row in view.brief_checks.rows} == {Outcome.FAIL}
        left = len(checks) - len(view.brief_checks.rows)
        assert (
            f"{left} more checks, {sum(c.outcome is not Outcome.PASS for c in checks) - len(view.brief_checks.rows)} of"
            in (view.brief_checks.notes[-1])
        )
    assert len(present(many, Profile.SUMMARY).brief_checks.rows) < len(present(many).brief_checks.rows)


HOSTILE = {
    "long": "x" * 10_000,
    "words": "word " * 2_000,
    "zero width": "a\u200b\u2060\ufeff" * 3_000,
    "direction": "\u202egnol\u202c \u2066x\u2069 \u200f",
    "stacked marks": "e" + "\u0301" * 5_000,
    "newlines": "line\r\n\u2028\u2029\x85" * 500,
    "script": "</script><script>alert(1)</script>",
    "json": '"}]}\u2028</script><!--',
    "emoji": "\U0001f9ea\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0010ffff",
    "template": "{{ view.title }}{% include 'x' %}",
    "nothing": " ",
}


@pytest.fixture(scope="module")
def usual():
    return render_html(with_text_everywhere("usual"))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_everywhere_adds_no_tag_and_stays_within_bounds(name, usual):
    record = with_text_everywhere(HOSTILE[name])
    pages = []
    assert measure_work(lambda: pages.append(render_html(record)), enough=2) < 2
    hostile = pages[0]

    assert sorted(set(re.findall(r"<(/?[a-z0-9]+)", hostile))) == sorted(set(re.findall(r"<(/?[a-z0-9]+)", usual)))
    assert len(hostile) < 4 * len(usual)
    shown = hostile.split("<body>")[1]
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x08\x0b-\x1f]", shown)
    assert not re.search("[\u0300-\u036f]{3}", shown)
    widest = max(len(word) for word in text_of(hostile).split())
    assert widest <= 1_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\n\tb", "a b"),
        ("\u202eabc\u202c", "abc"),
        ("a\u200bb", "ab"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301"),
        ("x" * 9, "xxxx\u2026"),
        ("\u05d0\u05d1", "\u05d0\u05d1"),
        ("\x00\x07", ""),
    ],
)
def test_a_text_is_bounded_and_its_letters_stay(text, shown):
    assert bound(text, 5) == shown
