"""Evidence on disk, one Parquet file, and how it is collected from a case. Torch ends here.

Columns: `id`, `split`, `label`; `group:<column>` per group column; `log_prob:<model>:<class index>` per model and
class. Where there are reference models: `reference-candidate`; `reference-trained-on:<model>`;
`reference:<model>:<class index>`; `reference-unlearned:<name>:<model>:<class index>`. Where models were trained further
on retained records, `relearned:<model>:<class index>`; of linear models, `alignment:<model>`. The file's metadata
carries the provenance, so that the file alone reproduces the record.
"""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import Evidence, References
from unlearn_audit.evidence.predictions.files import validate_decoded
from unlearn_audit.records import Provenance, to_canonical_json

if TYPE_CHECKING:
    import pyarrow as pa


EVIDENCE_SCHEMA = "unlearn-audit/evidence/v1"
_META = b"unlearn-audit"


def to_parquet(evidence: Evidence) -> bytes:
    """Return the evidence as the bytes of one Parquet file; the same evidence gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {
        "id": pa.array([str(item) for item in evidence.ids]),
        "split": pa.array([str(item) for item in evidence.split]).dictionary_encode(),
        "label": pa.array(evidence.label, pa.int64()),
    }
    for name, values in evidence.groups.items():
        columns[f"group:{name}"] = pa.array([str(item) for item in values]).dictionary_encode()
    for model, log_probs in evidence.log_probs.items():
        for index in range(log_probs.shape[1]):
            columns[f"log_prob:{model}:{index}"] = pa.array(np.ascontiguousarray(log_probs[:, index]))
    for model, log_probs in evidence.relearned.items():
        for index in range(log_probs.shape[1]):
            columns[f"relearned:{model}:{index}"] = pa.array(np.ascontiguousarray(log_probs[:, index]))
    for model, alignments in evidence.alignments.items():
        columns[f"alignment:{model}"] = pa.array(np.ascontiguousarray(alignments))
    head: dict[str, Any] = {
        "schema": EVIDENCE_SCHEMA,
        "classes": list(evidence.classes),
        "positive": list(evidence.positive),
        "models": list(evidence.log_probs),
        "groups": list(evidence.groups),
        "provenance": evidence.provenance.model_dump(mode="json"),
    }
    if evidence.references is not None:
        columns |= _write_references(evidence.references)
        head["references"] = {"models": evidence.references.count, "unlearned": list(evidence.references.unlearned)}
    if evidence.relearned:
        head["relearned"] = list(evidence.relearned)
    if evidence.alignments:
        head["alignments"] = list(evidence.alignments)
    table = pa.table(columns).replace_schema_metadata({_META: to_canonical_json(head)})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", store_schema=True)
    return sink.getvalue()


def read_evidence(path: Path) -> Evidence:
    """Read an evidence file and refuse it where anything in it cannot be judged.

    Raises:
        EvidenceError: absent, no Parquet, not written as evidence, or holding what `Evidence` refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise EvidenceError(
            f"expected an evidence file at {path}, found none",
            hint="'unlearn-audit run' writes evidence.parquet into its output folder",
        )
    try:
        about = pq.read_metadata(path)
        validate_decoded(path, about.num_rows, about.num_columns)
        table = pq.read_table(io.BytesIO(path.read_bytes()))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise EvidenceError(f"{path} is not a readable Parquet file ({type(error).__name__})") from error
    head = _read_head(table, path)
    try:
        return Evidence(
            ids=_texts(table, "id"),
            split=_texts(table, "split"),
            label=_numbers(table, "label").astype(np.int64),
            log_probs=_read_answers(table, "log_prob", head["models"], len(head["classes"])),
            classes=tuple(head["classes"]),
            positive=tuple(head["positive"]),
            groups={name: _texts(table, f"group:{name}") for name in head["groups"]},
            provenance=Provenance.model_validate(head["provenance"]),
            references=_read_references(table, head) if "references" in head else None,
            alignments={model: _numbers(table, f"alignment:{model}") for model in head.get("alignments", [])},
            relearned=_read_answers(table, "relearned", head.get("relearned", []), len(head["classes"])),
        )
    except KeyError as error:
        raise EvidenceError(f"{path}: expected a column or entry {error}, found none") from error
    except (ValidationError, TypeError) as error:
        raise EvidenceError(f"{path}: the provenance inside does not read: {error}") from error


def is_evidence(path: Path) -> bool:
    """Return whether the file at `path` says of itself that this tool wrote it as evidence, of whatever version."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return _META in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError, ValueError):
        return False


def _read_answers(
    table: "pa.Table", prefix: str, models: Sequence[str], classes: int
) -> dict[str, NDArray[np.float64]]:
    return {
        model: np.column_stack([_numbers(table, f"{prefix}:{model}:{index}") for index in range(classes)])
        for model in models
    }


def _write_references(references: References) -> "dict[str, pa.Array]":
    import pyarrow as pa

    columns = {"reference-candidate": pa.array(references.candidates)}
    for model, mask in enumerate(references.trained_on):
        columns[f"reference-trained-on:{model}"] = pa.array(mask)
    unlearned = {f"reference-unlearned:{name}": values for name, values in references.unlearned.items()}
    for prefix, values in {"reference": references.log_probs, **unlearned}.items():
        for model, answers in enumerate(values):
            for index in range(answers.shape[1]):
                columns[f"{prefix}:{model}:{index}"] = pa.array(np.ascontiguousarray(answers[:, index]))
    return columns


def _read_references(table: "pa.Table", head: Mapping[str, Any]) -> References:
    models, classes = range(int(head["references"]["models"])), range(len(head["classes"]))

    def read_answers(prefix: str) -> NDArray[np.float64]:
        by_model = [[_numbers(table, f"{prefix}:{model}:{i}") for i in classes] for model in models]
        return np.stack([np.column_stack(columns) for columns in by_model])

    return References(
        trained_on=np.stack([_numbers(table, f"reference-trained-on:{model}") for model in models]),
        candidates=_numbers(table, "reference-candidate"),
        log_probs=read_answers("reference"),
        unlearned={name: read_answers(f"reference-unlearned:{name}") for name in head["references"]["unlearned"]},
    )


def _read_head(table: "pa.Table", path: Path) -> dict[str, Any]:
    raw = (table.schema.metadata or {}).get(_META)
    head = json.loads(raw) if raw else {}
    if head.get("schema") != EVIDENCE_SCHEMA:
        raise EvidenceError(
            f"{path}: expected evidence of schema {EVIDENCE_SCHEMA}, found {head.get('schema') or 'no schema entry'}",
            hint="only files written by this tool carry the provenance that a record needs",
        )
    return dict(head)


def _column(table: "pa.Table", name: str) -> "pa.ChunkedArray":
    column = table.column(name)
    if column.null_count:
        raise EvidenceError(f"column '{name}': expected a value for every record, found {column.null_count} nulls")
    return column


def _texts(table: "pa.Table", name: str) -> NDArray[np.str_]:
    return np.asarray([str(item) for item in _column(table, name).to_pylist()], dtype=np.str_)


def _numbers(table: "pa.Table", name: str) -> NDArray[Any]:
    return np.asarray(_column(table, name).to_numpy())
