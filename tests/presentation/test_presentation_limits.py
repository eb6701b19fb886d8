"""What the pages say was not shown: only what follows from this record."""

import pytest

from tests.support.record_factory import make_record
from unlearn_audit.formats.html import render_html
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.sections.limits import list_limits
from unlearn_audit.records import Overlap, Seal, Signer

GROUPS = "The test split shares groups with training data"
COPIES = "Some test records are copies of training records"


def list_with(*overlaps):
    record = make_record()
    data = record.provenance.data.model_copy(update={"overlaps": overlaps})
    provenance = record.provenance.model_copy(update={"data": data})
    return " ".join(list_limits(Index(record.model_copy(update={"provenance": provenance}))))


@pytest.mark.parametrize(
    ("column", "copies", "splits", "expected"),
    [
        ("patient_id", None, ("retain", "test"), {GROUPS}),
        ("patient_id", None, ("train", "test"), {GROUPS}),
        ("image", "near-identical", ("train", "test"), {COPIES}),
        ("image", "identical", ("train", "test"), {COPIES}),
        ("patient_id", None, ("validation", "test"), set()),
        ("patient_id", None, ("retain", "forget"), set()),
    ],
)
def test_shared_groups_and_copied_images_are_told_apart(column, copies, splits, expected):
    """One pair of images that correlate is no patient in two splits."""
    text = list_with(Overlap(column=column, copies=copies, splits=splits, shared_groups=1))
    assert {sentence for sentence in (GROUPS, COPIES) if sentence in text} == expected


def test_answers_that_were_brought_along_may_be_older_than_a_seal():
    record = make_record()
    seal = Seal(
        policy_id="p", policy_version="1", policy_sha256="0" * 64, sealed="2026-01-01T00:00:00Z", envelope="{}",
        signer=Signer(kind="configured", subject="CN=A", fingerprint="0" * 64),
    )  # fmt: skip
    cards = tuple(card.model_copy(update={"seed": None, "seconds": None}) for card in record.provenance.models)
    pages = []
    for models in (record.provenance.models, cards):
        provenance = record.provenance.model_copy(update={"models": models, "seals": (seal,)})
        pages.append(" ".join(render_html(record.model_copy(update={"provenance": provenance})).split()))

    assert ["no number here can be older than they are" in text for text in pages] == [True, False]
    assert ["they may be older than these seals" in text for text in pages] == [False, True]


def test_nobody_vouches_for_how_models_were_made_elsewhere():
    record = make_record()
    cards = tuple(card.model_copy(update={"seed": None, "seconds": None}) for card in record.provenance.models)
    elsewhere = record.model_copy(update={"provenance": record.provenance.model_copy(update={"models": cards})})
    trained_here, made_elsewhere = (" ".join(render_html(r).split()) for r in (record, elsewhere))

    assert "The retrained model was trained from scratch" in trained_here
    assert "No method reads validation or test records." in trained_here
    assert "trained from scratch without" not in made_elsewhere
    assert "that it was trained without the erased records is its maker's word" in made_elsewhere.replace("&#39;", "'")
    assert "Which records the methods read was not seen here." in made_elsewhere
