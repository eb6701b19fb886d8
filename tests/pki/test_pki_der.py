"""DER in our own few lines, held against asn1crypto, which knows the types and needs a hundred times as long."""

import random

import pytest
from asn1crypto import cms, core
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn_audit.pki.der import NotDerError, check_der
from unlearn_audit.signing.pades import sign_pdf


def is_der(content: bytes) -> bool:
    try:
        check_der(content)
    except NotDerError:
        return False
    return True


@pytest.fixture(scope="module")
def signature(pdf, key):
    """The CMS signature of a report, without the zeros behind it."""
    signed = sign_pdf(pdf, key)
    start = signed.index(b"/Contents <") + len(b"/Contents <")
    content = bytes.fromhex(signed[start : signed.index(b">", start)].decode())
    return content[: int.from_bytes(content[2:4], "big") + 4]


@pytest.mark.parametrize(
    "content",
    [
        "0101ff", "010100", "020100", "02017f", "02020080", "0201ff", "0202ff7f", "0500", "030100", "030206c0",
        "06032a0304", "06028837", "3000", "3006020101020101", "3106020101020102", "0400", "a003020101", "8000",
        "048180" + "00" * 128,
    ],
)  # fmt: skip
def test_the_one_way_of_writing_a_value_is_accepted(content):
    check_der(bytes.fromhex(content))


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("", "not one value"),
        ("05000500", "not one value"),
        ("05", "no length"),
        ("1f8100", "no length, or a tag"),
        ("04810100", "not written as short"),
        ("0482008000" + "00" * 127, "not written as short"),
        ("3080020101" + "0000", "not written as short"),
        ("048200", "not written as short"),
        ("0402ff", "longer than what holds it"),
        ("3003020201", "longer than what holds it"),
        ("01010f", "tag 1 "),
        ("0100", "tag 1 "),
        ("0200", "tag 2 "),
        ("0202007f", "tag 2 "),
        ("0202ff80", "tag 2 "),
        ("0a020001", "tag 10 "),
        ("0300", "tag 3 "),
        ("030101", "tag 3 "),
        ("030208c0", "tag 3 "),
        ("030206e0", "tag 3 "),
        ("050100", "tag 5 "),
        ("0600", "tag 6 "),
        ("06022a83", "tag 6 "),
        ("06032a8003", "tag 6 "),
        ("0000", "must be constructed"),
        ("1000", "must be constructed"),
        ("1100", "must be constructed"),
        ("24030401ff", "must be primitive"),
        ("3106020102020101", "not in order"),
        ("a006020102020101", "not in order"),
    ],
)
def test_each_other_way_of_writing_it_is_refused_by_the_rule_it_breaks(content, rule):
    with pytest.raises(NotDerError, match=rule):
        check_der(bytes.fromhex(content))


def test_a_value_nested_without_end_is_refused_and_does_not_exhaust_the_stack():
    check_der(b"".join(bytes([0x30, 78 - 2 * depth]) for depth in range(40)))
    with pytest.raises(NotDerError, match="nested too deeply"):
        check_der(b"".join(bytes([0x30, 100 - 2 * depth]) for depth in range(51)))


@given(st.integers(-(2**70), 2**70))
def test_integers_are_written_as_asn1crypto_writes_them(number):
    check_der(core.Integer(number).dump())


@given(st.lists(st.integers(0, 2**40), min_size=2, max_size=6), st.tuples(st.integers(0, 2), st.integers(0, 39)))
def test_object_identifiers_are_written_as_asn1crypto_writes_them(arcs, first):
    check_der(core.ObjectIdentifier(".".join(map(str, (*first, *arcs)))).dump())


@given(st.binary(max_size=64))
@settings(max_examples=300)
def test_any_bytes_are_judged_and_nothing_else_happens(content):
    assert is_der(content) in (True, False)


def test_a_real_signature_is_der(signature):
    check_der(signature)
    assert cms.ContentInfo.load(signature).dump(force=True) == signature


def test_whatever_asn1crypto_would_write_otherwise_is_refused(signature):
    """Where no signature covers it; elsewhere asn1crypto also looks into extensions and leaves defaults out."""
    rng, compared = random.Random(5), 0  # noqa: S311 - where to damage a signature is no secret
    data = cms.ContentInfo.load(signature)["content"]
    covered = [data["certificates"].dump(), data["signer_infos"][0]["signed_attrs"].dump()]
    ranges = [range(signature.index(part), signature.index(part) + len(part)) for part in covered]
    places = [place for place in range(len(signature)) if not any(place in one for one in ranges)]
    while compared < 15:
        damaged = bytearray(signature)
        damaged[rng.choice(places)] ^= 1 << rng.randrange(8)
        try:
            written = cms.ContentInfo.load(bytes(damaged), strict=True).dump(force=True)
        except (ValueError, TypeError, KeyError):
            continue
        compared += 1
        assert written == damaged or not is_der(bytes(damaged))
