"""A policy file is text to be read by people: whatever YAML can do beyond that is refused, by name and line."""

import pytest

from tests.support.ordinary_core import measure_work
from unlearn_audit.policy import InvalidPolicyError, KnownNames, load_policy
from unlearn_audit.policy.document import read_document
from unlearn_audit.policy.problems import show_path


def stop(text):
    with pytest.raises(InvalidPolicyError) as caught:
        read_document(text, "p.yaml")
    return caught.value.problems[-1]


def noted(text):
    return [(p.line, p.column, p.path, p.found) for p in read_document(text, "p.yaml").problems]


def test_every_value_and_key_keeps_its_place():
    document = read_document("a: 1\nb:\n  - c: x\n  - [2, 3]\n", "p.yaml")
    assert document.value == {"a": 1, "b": [{"c": "x"}, [2, 3]]}
    assert document.values[("b", 0, "c")] == (3, 8)
    assert document.names[("b", 0, "c")] == (3, 5)
    assert document.values[("b", 1, 1)] == (4, 9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("True", True),
        ("~", None),
        ("", None),
        ("010", 10),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2025-01-01", "2025-01-01"),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("-2", -2),
        ("'0.5'", "0.5"),
        ("5%", "5%"),
        ("9007199254740992", 2**53),
    ],
)
def test_a_scalar_is_read_by_yaml_1_2_and_nothing_is_guessed(text, value):
    found = read_document(f"a: {text}", "p.yaml").value["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", [".nan", ".NaN", ".inf", "-.inf", "1e999", "9007199254740993"])
def test_a_number_that_is_not_finite_or_not_exact_is_refused(text):
    assert noted(f"a: {text}") == [(1, 4, "a", text)]


def test_a_number_of_ten_thousand_digits_is_refused_and_shown_shortened():
    assert noted(f"a: {'9' * 10_000}") == [(1, 4, "a", f"{'9' * 30}...")]


def test_a_key_that_comes_twice_is_refused_at_the_second_with_the_line_of_the_first():
    (problem,) = read_document("a: 1\nb: 2\na: 3\n", "p.yaml").problems
    assert (problem.line, problem.column, problem.found) == (3, 1, "the key 'a' again")
    assert problem.hint == "it was already given in line 1; keep one of the two"


def test_of_two_equal_keys_neither_silently_wins():
    document = read_document("a: {x: 1, x: {y: .nan}}", "p.yaml")
    assert [p.path for p in document.problems] == ["a.x"]


def test_billions_of_laughs_cost_nothing_because_no_alias_is_followed():
    rows = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    problems = []
    assert measure_work(lambda: problems.extend(read_document("\n".join(rows), "p.yaml").problems), enough=2) < 2
    assert problems[0].found == "the anchor '&a0'"
    assert problems[1].found == "the anchor '&a1'"
    assert problems[2].found == "the alias '*a0'"


def test_an_alias_to_itself_is_refused():
    assert [found for *_, found in noted("a: &a [*a]")] == ["the anchor '&a'", "the alias '*a'"]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!!str", "!own"])
def test_no_tag_is_followed(tag):
    document = read_document(f"a: {tag} [x]", "p.yaml")
    assert document.value == {"a": ["x"]}
    assert [p.hint for p in document.problems] == ["remove it: tags are not followed"]


def test_a_merge_key_merges_nothing():
    document = read_document("a: {x: 1}\nb: {<<: {x: 2}}", "p.yaml")
    assert document.value["b"] == {"<<": {"x": 2}}


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2", "a: 1\n...\nb: 2", "---\na: 1\n---\n"])
def test_a_second_document_is_refused(text):
    assert stop(text).found == "a second document"


@pytest.mark.parametrize("text", ["%YAML 1.1\n---\na: yes", "%TAG ! tag:x,2000:\n---\na: 1"])
def test_a_directive_is_refused(text):
    assert stop(text).found == "a directive"


def test_a_tab_as_indentation_is_refused_in_words():
    problem = stop("a:\n\t- b\n")
    assert (problem.line, problem.column, problem.expected) == (2, 1, "no tab")
    assert problem.hint == "indent with spaces: YAML allows no tabs there"


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("a: b: c", 1, "one 'key: value' per line"),
        ("a: 1\n b: 2", 2, "one 'key: value' per line"),
        ("a: [1\nb: 2", 2, "a ',' or the closing bracket"),
        ("a: 'x", 1, "a closing quote"),
        ("a: @x", 1, "text"),
        ("- a\nb: 1", 2, "an entry in line with the one above"),
        ('a: "\\q"', 1, "YAML 1.2"),
        ("a: \x00", 1, "plain text"),
        ('a: 1\nb: "\\U99999999"', 1, "plain text"),
    ],
)
def test_a_line_that_is_no_yaml_is_refused_in_words(text, line, expected):
    problem = stop(text)
    assert (problem.line, problem.expected) == (line, expected)


@pytest.mark.parametrize("text", ["? [a, b]\n: c", "? {a: b}\n: c", "&x a: b\n*x : c"])
def test_a_key_that_is_no_word_is_refused(text):
    assert stop(text).found == "a list, mapping or alias as a key"


@pytest.mark.parametrize("key", ["1", "true", "~", "0.5"])
def test_a_key_that_is_a_number_or_the_like_is_refused(key):
    assert noted(f"{key}: x") == [(1, 1, key, f"the key {key}")]


@pytest.mark.parametrize("hidden", ["\\u202e", "\\0", "\\x1b[31m", "\\ud800", "\\u2066", "\\x7f"])
def test_text_that_a_reader_cannot_see_is_refused(hidden):
    (problem,) = read_document(f'a: "x{hidden}y"', "p.yaml").problems
    assert problem.expected == "text that can be printed"


def test_text_in_other_alphabets_is_welcome():
    assert noted("a: Universitätsklinikum Gießen\nb: 皮膚科\nc: قسم الجلدية") == []


def test_deep_nesting_is_refused_before_it_can_exhaust_anything():
    assert stop("[" * 100_000).expected == "at most 12 levels and 20000 values"
    assert measure_work(lambda: stop("[" * 100_000), enough=5) < 5


def test_endless_lists_are_refused():
    assert stop("a: [" + "1," * 30_000 + "1]").expected == "at most 12 levels and 20000 values"


def test_a_text_of_more_than_a_mebibyte_is_refused_unread():
    assert stop("# " + "x" * 1024 * 1024).expected == "at most 1 MiB"


def test_a_file_of_more_than_a_mebibyte_is_refused(tmp_path):
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(InvalidPolicyError, match="expected at most 1 MiB"):
        load_policy(path, KnownNames())


def test_bytes_that_are_no_utf_8_are_refused_with_their_place(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("a: 1\nb: Gießen\n".encode("latin-1"))
    with pytest.raises(InvalidPolicyError) as caught:
        load_policy(path, KnownNames())
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.found) == (2, 7, "the byte 0xDF")


def test_utf_16_is_refused(tmp_path):
    path = tmp_path / "wide.yaml"
    path.write_bytes("a: 1".encode("utf-16"))
    with pytest.raises(InvalidPolicyError, match="save the file as UTF-8"):
        load_policy(path, KnownNames())


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_refused(refuse, text):
    assert [p.found for p in refuse(text)] == ["an empty file"]


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text"])
def test_a_file_that_is_no_mapping_is_refused(refuse, text):
    assert [p.expected for p in refuse(text)] == ["a mapping with keys"]


def test_a_byte_order_mark_does_no_harm(read, small):
    assert read("\ufeff" + small) == read(small)


def test_windows_line_ends_do_no_harm(read, small):
    assert read(small.replace("\n", "\r\n")).digest() == read(small).digest()


def test_a_path_is_dotted_with_indices_in_brackets():
    assert show_path(("checks", 2, "within", 0)) == "checks[2].within[0]"
    assert show_path((0, "a")) == "[0].a"
    assert show_path(()) == ""
