"""A policy file becomes a `Policy`, or one error that lists all of its mistakes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from unlearn_audit.errors import PolicyError
from unlearn_audit.policy.case_file import CaseFile
from unlearn_audit.policy.document import LARGEST_FILE, Document, read_document
from unlearn_audit.policy.known import KnownNames
from unlearn_audit.policy.model import Policy
from unlearn_audit.policy.problems import FieldError, InvalidPolicyError, Keys, Problem
from unlearn_audit.policy.rules import validate_consistency, validate_waivers, walk_items, walk_methods
from unlearn_audit.policy.signing_file import SigningFile, validate_signing
from unlearn_audit.policy.study_file import StudyFile
from unlearn_audit.policy.study_rules import validate_attacks, validate_study_consistency
from unlearn_audit.policy.tables import validate_methods, validate_names
from unlearn_audit.policy.waiver_file import WaiverFile, validate_bindings
from unlearn_audit.policy.wording import word_all

_Model = TypeVar("_Model", bound=BaseModel)


def load_policy(path: Path, known: KnownNames) -> Policy:
    """Return the policy in the file at `path`.

    Raises:
        InvalidPolicyError: the file is no policy; lists every mistake with its line.
        PolicyError: the file cannot be read.
    """
    return parse_policy(_read_text(path, "policy"), str(path), known)


def load_case(path: Path, known: KnownNames) -> CaseFile:
    """Return the case in the file at `path`.

    Raises:
        InvalidPolicyError: the file is no case; lists every mistake with its line.
        PolicyError: the file cannot be read.
    """
    where = str(path)
    document = _read_mapping(_read_text(path, "case"), where, "name what differs from the policy's reference_case")
    field_errors = [*validate_methods(document.value, known), *_validate_parameters(document, known)]
    return _build(CaseFile, document, field_errors, where)


def load_study(path: Path, known: KnownNames) -> StudyFile:
    """Return the study in the file at `path`.

    Raises:
        InvalidPolicyError: the file is no study; lists every mistake with its line.
        PolicyError: the file cannot be read.
    """
    where = str(path)
    document = _read_mapping(_read_text(path, "study"), where, "start from studies/cytology.yaml")
    field_errors = [*validate_methods(document.value, known), *validate_attacks(document.value, known.attacks)]
    field_errors += [*validate_study_consistency(document.value), *_validate_parameters(document, known)]
    return _build(StudyFile, document, field_errors, where)


def load_waivers(path: Path, policy: Policy) -> WaiverFile:
    """Return the file of waivers at `path`, each bound to `policy` and naming a required check of it.

    Raises:
        InvalidPolicyError: the file holds no waivers, or waivers for something else; lists every mistake with its line.
        PolicyError: the file cannot be read.
    """
    where = str(path)
    document = _read_mapping(_read_text(path, "file of waivers"), where, "see docs/policy.md")
    field_errors = list(validate_waivers(document.value, policy.model_dump(mode="json")))
    field_errors += validate_bindings(document.value, policy.digest())
    named = document.value.get("policy")
    if isinstance(named, str) and named != policy.id:
        field_errors.append(FieldError(("policy",), f"'{named}'", f"'{policy.id}', the policy of this run"))
    return _build(WaiverFile, document, field_errors, where)


def load_signing(path: Path) -> SigningFile:
    """Return how reports are signed, as the file at `path` says.

    Raises:
        InvalidPolicyError: the file says something else; lists every mistake with its line.
        PolicyError: the file cannot be read.
    """
    where = str(path)
    document = _read_mapping(_read_text(path, "signing file"), where, "see docs/signing.md")
    return _build(SigningFile, document, list(validate_signing(document.value)), where)


def _build(model: type[_Model], document: Document, field_errors: list[FieldError], where: str) -> _Model:
    """Return the document as `model`, or one error with everything that is wrong."""
    built = None
    try:
        built = model.model_validate_json(json.dumps(document.value), strict=True)
    except ValidationError as error:
        field_errors += word_all(error, _schema_of(model), document.raw)
    problems = _merge(document, field_errors)
    if problems or built is None:
        raise InvalidPolicyError(where, problems)
    return built


def _read_text(path: Path, kind: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PolicyError(f"expected a {kind} at {path}, could not read it: {reason}") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidPolicyError(str(path), [_explain_encoding(content, error)]) from error


def _read_mapping(text: str, where: str, hint: str) -> Document:
    document = read_document(text, where)
    if not isinstance(document.value, Mapping):
        found = "an empty file" if document.value is None else "something else"
        raise InvalidPolicyError(where, [*document.problems, Problem(1, 1, "", found, "a mapping with keys", hint)])
    return document


def parse_policy(text: str, where: str, known: KnownNames) -> Policy:
    """Return the policy that the YAML 1.2 `text` says; `where` is how the user knows it.

    Quotes matter: "0.95" is text and never a number, true is never 1. Names are checked against `known`.

    Raises:
        InvalidPolicyError: lists every mistake with line, column, dotted path, what is allowed, and a hint.
    """
    hint = "start from a shipped policy, such as policies/breast-cytology.yaml"
    document = _read_mapping(text, where, hint)
    policy, field_errors = _validate(document, known)
    problems = _merge(document, field_errors)
    if problems or policy is None:
        raise InvalidPolicyError(where, problems)
    return policy


def locate_checks(text: str, where: str) -> dict[str, int]:
    """Return the line (from 1) at which each check begins, by its id: where a reader is sent who asks for the rule.

    Raises:
        InvalidPolicyError: `text` is no YAML.
    """
    document = read_document(text, where)
    if not isinstance(document.value, Mapping):
        return {}
    return {str(check.get("id")): document.values[keys][0] for keys, check in walk_items(document.value, "checks")}


def _validate(document: Document, known: KnownNames) -> tuple[Policy | None, list[FieldError]]:
    """Ask the tables, the rules and the fields, in this order: of two complaints about one value the first is kept."""
    data = document.value
    field_errors = [*validate_names(data, known), *validate_consistency(data), *_validate_parameters(document, known)]
    field_errors += _find_python_names(data)
    try:
        return Policy.model_validate_json(json.dumps(data), strict=True), field_errors
    except ValidationError as error:
        field_errors += word_all(error, _schema_of(Policy), document.raw)
        fallback = FieldError((), "a contradiction", "parts that fit together", error.errors()[0]["msg"])
    return None, field_errors or [fallback]


def _find_python_names(data: Mapping[str, Any]) -> Iterator[FieldError]:
    if "schema_" in data:
        yield FieldError(
            ("schema_",), "the unknown key 'schema_'", "a key that is known here", "did you mean 'schema'?", "key"
        )


def _validate_parameters(document: Document, known: KnownNames) -> Iterator[FieldError]:
    for keys, choice in walk_methods(document.value):
        method, parameters = choice.get("method"), choice.get("parameters", {})
        if known.methods is None or not isinstance(parameters, Mapping) or not isinstance(method, str):
            continue
        if method in known.methods:
            model = known.methods[method]
            yield from _hold_against(model, parameters, (*keys, "parameters"), document, method)
            yield from _hold_search(model, choice.get("search"), (*keys, "search"), document, method)


def _hold_search(
    model: type[BaseModel] | None, search: Any, keys: Keys, document: Document, method: str
) -> Iterator[FieldError]:
    """Hold every value to try against the method's parameters, at its own place in the file."""
    for name, values in search.items() if isinstance(search, Mapping) else ():
        for index, value in enumerate(values if isinstance(values, list) else ()):
            for field_error in _hold_against(model, {name: value}, keys, document, method):
                unknown = field_error.at == "key"
                yield field_error if unknown else replace(field_error, keys=(*keys, name, index), found=f"'{value}'")
                if unknown:
                    break


def _hold_against(
    model: type[BaseModel] | None, parameters: Mapping[str, Any], keys: Keys, document: Document, method: str
) -> Iterator[FieldError]:
    if model is None:
        for name in parameters:
            yield FieldError((*keys, name), f"'{name}'", f"no parameters for '{method}'", "remove it", at="key")
        return
    try:
        model.model_validate_json(json.dumps(parameters), strict=True)
    except ValidationError as error:
        yield from word_all(error, _schema_of(model), document.raw, keys)


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


def _merge(document: Document, field_errors: list[FieldError]) -> list[Problem]:
    """Return the problems in the order of the file: one for each key, and none that only follows from another.

    Rules that hold for a whole check or list (no limit, no check of a kind) may have several things to say about it.
    """
    problems = list(document.problems)
    refused = {(problem.line, problem.column) for problem in problems}
    listed: set[tuple[Keys, str]] = set()
    for field_error in field_errors:
        problem = document.locate(field_error)
        about = (field_error.keys, field_error.expected if field_error.keys == ("checks",) else "")
        if (problem.line, problem.column) not in refused and about not in listed:
            listed.add(about)
            problems.append(problem)
    return sorted(problems, key=lambda problem: (problem.line, problem.column, problem.path))


def _explain_encoding(content: bytes, error: UnicodeDecodeError) -> Problem:
    before = content[: error.start]
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    found = f"the byte 0x{content[error.start]:02X}"
    return Problem(line, column, "", found, "text in UTF-8", "save the file as UTF-8")
