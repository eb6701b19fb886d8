import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from tests.support.ordinary_core import measure_work
from tests.support.record_factory import make_findings, make_provenance, make_record
from unlearn_audit.formats.html import render_html
from unlearn_audit.presentation.page import present
from unlearn_audit.records import (
    AuditRecord,
    Direction,
    Finding,
    MetricKey,
    Outcome,
    Recommendation,
    Signer,
    quote_text,
)

_VOID = {"meta", "img", "br", "link", "input", "hr"}
HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(2)>"><style>*{display:none}</style>',
    "{{ 7 * 7 }}{% raw %}",
    "\u202eneercs\u2066 \u200f",
    "x" * 10_000,
    "</title></style><!--",
    "null \x00 bell \x07 vertical \x0b end",
)


class Page(HTMLParser):
    """What tests ask of a page: its tags with attributes, headings in order, and whether tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def find(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def html(record):
    return render_html(record)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_rendering_twice_gives_the_same_text(record, html):
    assert html == render_html(AuditRecord.from_bytes(record.to_bytes()))


def test_rendering_takes_less_than_half_a_second(record):
    assert measure_work(lambda: render_html(record), enough=0.5) < 0.5


def test_the_page_asks_for_nothing_from_anywhere(page):
    for _, attributes in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert (attributes.get(name) or "#").startswith(("data:image/svg+xml;base64,", "#"))
    assert not page.find("link")


def test_the_content_security_policy_allows_this_script_and_style_and_nothing_else(page, html):
    style, script = (re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL).group(1) for tag in ("style", "script"))
    allowed = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (script, style)
    ]
    policies = [m["content"] for m in page.find("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    sources = f"script-src {allowed[0]}; style-src {allowed[1]}; img-src data:"
    assert policies == [f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"]
    assert [attributes.get("type") for attributes in page.find("script")] == ["application/json", None]
    assert not [a for _, a in page.tags if "style" in a]
    assert "url(" not in style
    assert "@import" not in style


def test_language_title_and_headings_are_in_order(page):
    assert page.find("html")[0]["lang"] == "en"
    levels = [int(name[1]) for name, _ in page.tags if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(set(ids)) == len(ids)
    assert {a["href"][1:] for a in page.find("a")} <= set(ids)
    assert {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a} <= set(ids)


def test_tables_have_captions_and_scoped_headers_and_figures_have_words(page):
    assert len(page.find("table")) == len(page.find("caption"))
    assert all(a.get("scope") in ("row", "col") for a in page.find("th"))
    assert len(page.find("img")) == 4
    assert all(a["alt"] for a in page.find("img"))
    assert len(page.find("figure")) == len(page.find("figcaption"))


def test_scrolling_parts_can_be_reached_by_keyboard(page):
    regions = [a for name, a in page.tags if "scroll" in (a.get("class") or "").split()]
    assert all(a["tabindex"] == "0" and a["role"] == "region" and a["aria-label"] for a in regions)


def test_an_outcome_is_a_sign_and_a_word_never_a_colour_alone(html):
    marks = re.findall(
        r'<span class="mark (\w+)"><span class="sign" aria-hidden="true">(.)</span>&#160;([\w ]+)</span>', html
    )
    assert {("pass", "\u2713", "pass"), ("fail", "\u2717", "fail"), ("inconclusive", "?", "inconclusive")} == set(marks)


@pytest.mark.parametrize(
    ("outcome", "word"), [(Outcome.PASS, "PASS"), (Outcome.FAIL, "FAIL"), (Outcome.INCONCLUSIVE, "INCONCLUSIVE")]
)
def test_the_banner_says_the_outcome_why_and_what_to_do(outcome, word):
    record = make_record(
        outcome=outcome, recommendation=Recommendation(action="do-not-release", advice=(quote_text("Do this."),))
    )
    text = " ".join(" ".join(Page(render_html(record)).text).split())
    assert word in text
    assert f"Why. {record.verdict.reason}" in text
    assert "What to do. Do this." in text
    assert "Evidence for a decision, not a certificate of compliance." in text


def test_a_report_without_a_laboratory_key_says_test_key_and_one_with_does_not(html):
    trial = Signer(kind="test", subject="CN=TEST KEY", fingerprint="0" * 64)
    for signer in (None, trial):
        assert "TEST KEY - not a valid signature" in render_html(make_record(signer))
    assert "TEST KEY" not in html


def test_every_digest_of_the_record_is_printed(record, page):
    text = "".join(page.text).replace(" ", "")
    digests = [
        record.policy_sha256,
        record.evidence_sha256,
        record.provenance.data.sha256,
        record.provenance.forget.commitment,
    ]
    assert all(digest in text for digest in [*digests, *(card.sha256 for card in record.provenance.models)])


def test_every_check_reason_and_model_is_printed_in_full(record, page):
    text = "".join(page.text)
    for check in record.verdict.checks:
        assert check.reason in text
        assert check.why in text
    assert all(verdict.model in text for verdict in record.verdicts)


def test_attacks_that_nobody_tried_are_listed_as_not_tested(page):
    text = "".join(page.text)
    assert text.count("NOT TESTED") >= 6
    assert "Model inversion" in text


def test_splits_that_share_groups_are_a_warning(page):
    assert "38 groups of lesion_id stand in both retain and test" in "".join(page.text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless_wherever_it_stands(text):
    plain = make_record()
    verdict = plain.verdict
    checks = tuple(
        c.model_copy(update={"title": text, "reasons": (quote_text(text),), "why": text}) for c in verdict.checks
    )
    cards = tuple(
        c.model_copy(update={"title": text, "notes": (quote_text(text),), "source": text})
        for c in plain.provenance.models
    )
    data = plain.provenance.data.model_copy(update={"name": text, "source": text, "notes": (quote_text(text),)})
    changed = {"models": cards, "data": data, "case": text, "notes": (quote_text(text),), "environment": {text: text}}
    provenance = make_provenance().model_copy(update=changed)
    odd = Finding(
        key=MetricKey(metric=text, model="unlearned", attack=text),
        title=text,
        not_run=quote_text(text),
        direction=Direction.LOWER,
        source=text,
    )
    policy = {**plain.policy, "applies_to": text, "owner": text, "responsible": [{"name": text, "role": text}]}
    hostile = plain.model_copy(
        update={
            "policy": policy, "provenance": provenance, "findings": (*make_findings(), odd),
            "verdicts": (
                verdict.model_copy(update={"checks": checks, "reasons": (quote_text(text),)}),
                *plain.verdicts[1:],
            ),
            "recommendation": Recommendation(action="do-not-release", advice=(quote_text(text),)),
        }
    )  # fmt: skip
    page, usual = Page(render_html(hostile)), Page(render_html(plain))
    kinds = {name for name, _ in usual.tags}
    assert {name for name, _ in page.tags} <= kinds
    assert not [a for _, a in page.tags if any(key.startswith("on") for key in a)]
    assert not page.open


def test_a_record_with_almost_nothing_in_it_still_renders():
    bare = make_record(findings=(), curves=())
    provenance = bare.provenance.model_copy(
        update={"models": bare.provenance.models[2:3], "environment": {}, "recipe": {}}
    )
    page = Page(render_html(bare.model_copy(update={"provenance": provenance})))
    assert page.find("img") == []
    assert "There is no retrained reference" in "".join(page.text)


def test_an_unknown_metric_and_model_do_not_break_the_report():
    key = MetricKey(metric="membership-auc", model="stranger", attack="new-attack")
    odd = Finding(
        key=key, title="Membership AUC", not_run=quote_text("too few"), direction=Direction.TWO_SIDED, source="s"
    )
    view = present(make_record(findings=(*make_findings(), odd)))
    assert "new-attack" in [row[0].text for row in view.coverage.rows]


def test_many_models_are_cut_into_tables_that_fit_a_page():
    plain = make_record()
    more = tuple(
        plain.provenance.models[2].model_copy(update={"name": f"compared-{i}", "role": "compared"}) for i in range(6)
    )
    provenance = plain.provenance.model_copy(update={"models": (*plain.provenance.models, *more)})
    findings = tuple(
        f.model_copy(update={"key": f.key.model_copy(update={"model": f"compared-{i}"})})
        for i in range(6)
        for f in make_findings()
        if f.key.model == "unlearned"
    )
    view = present(plain.model_copy(update={"provenance": provenance, "findings": (*make_findings(), *findings)}))
    assert sorted({len(grid.heads) for grid in view.performance}, reverse=True) == [7, 6]
