"""Cells: made once, kept whole, made anew where something that shapes them is another, and only then."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.support.tiny_studies import CREATED, FINE, SALUN
from unlearn_audit.errors import CacheError, CaseError, DataError, EvidenceError, ReportError
from unlearn_audit.reference_models.workers import Workers, open_workers
from unlearn_audit.study import cells as module
from unlearn_audit.study import digest_data, list_jobs, make_cell, read_cell, read_study, running
from unlearn_audit.training.learner import Learner


def look(folder):
    """Name, content and time of every file: what was touched shows."""
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()}


def without_seconds(result):
    cells = tuple(
        cell.model_copy(update={"rows": tuple(row.model_copy(update={"seconds": 0}) for row in cell.rows)})
        for cell in result.cells
    )
    return result.model_copy(update={"cells": cells}).to_bytes()


@pytest.fixture
def spied(monkeypatch):
    """Count the cells that are made."""
    made = []
    make = running.make_cell

    def spy(cache, folder, created, job):
        made.append(job.name)
        return make(cache, folder, created, job)

    monkeypatch.setattr(running, "make_cell", spy)
    return made


def test_a_finished_study_is_read_and_nothing_is_made(run, make_study, tmp_path, spied):
    first = run(make_study(), tmp_path)
    before = look(tmp_path / "cells")
    assert len(spied) == 2

    again = run(make_study(), tmp_path)

    assert len(spied) == 2
    assert look(tmp_path / "cells") == before
    assert again.to_bytes() == first.to_bytes()


def test_the_numbers_do_not_know_the_order(run, make_study, tmp_path):
    class Reversed(Workers):
        def run(self, job, shared, jobs, name):
            return super().run(job, shared, jobs[::-1], name)

    forwards = run(make_study(), tmp_path / "one")
    backwards = run(make_study(), tmp_path / "two", cache=tmp_path / "cache", workers=Reversed())

    assert without_seconds(forwards) == without_seconds(backwards)


@pytest.mark.slow
def test_the_numbers_do_not_know_the_workers(run, make_study, tmp_path, importable):
    alone = run(make_study(), tmp_path / "one")
    with open_workers(2) as workers:
        beside = run(make_study(), tmp_path / "two", cache=tmp_path / "cache", workers=workers)

    assert without_seconds(alone) == without_seconds(beside)


@pytest.mark.parametrize("moment", ["between cells", "between evidence and note", "in a training", "in a method"])
def test_cut_off_at_any_moment_the_next_run_goes_on(run, make_study, tmp_path, monkeypatch, moment):
    study, out, cache, error = make_study(), tmp_path / "out", tmp_path / "cache", KeyboardInterrupt
    calls = []

    def stop_after(n, function):
        def counted(*arguments, **named):
            calls.append(1)
            if len(calls) > n:
                raise error
            return function(*arguments, **named)

        return counted

    with monkeypatch.context() as patch:
        if moment == "between cells":
            patch.setattr(running, "make_cell", stop_after(1, running.make_cell))
        elif moment == "between evidence and note":
            patch.setattr(module, "write_whole", stop_after(3, module.write_whole))
        elif moment == "in a training":
            patch.setattr(Learner, "step", stop_after(5, Learner.step))
        else:
            patch.setattr(Learner, "step", stop_after(60, Learner.step))
        with pytest.raises(error):
            run(study, out, cache=cache)
    kept, models = look(out / "cells"), look(cache)

    finished = run(study, out, cache=cache)

    assert not finished.missing
    whole = {name: content for name, content in kept.items() if name.replace(".parquet", ".json") in kept}
    assert {name: look(out / "cells")[name] for name in whole} == whole
    notes = {name for name in models if name.endswith(".json")}
    assert {name: look(cache)[name] for name in notes} == {name: models[name] for name in notes}
    assert finished.to_bytes() == run(study, tmp_path / "uncut", cache=cache).to_bytes()


@pytest.mark.parametrize(
    ("file", "damage"), [("parquet", b""), ("parquet", None), ("json", b"null"), ("json", b"{"), ("json", None)]
)
def test_a_cell_that_was_cut_off_edited_or_deleted_is_made_anew_and_no_other(  # noqa: PLR0917
    run, make_study, tmp_path, file, damage, spied
):
    first = run(make_study(), tmp_path)
    target = tmp_path / "cells" / f"forget-0.3-seed-2.{file}"
    target.unlink() if damage is None else target.write_bytes(damage)

    again = run(make_study(), tmp_path)

    assert spied[2:] == ["forget-0.3-seed-2"]
    assert again.to_bytes() == first.to_bytes()


def test_a_note_with_another_reason_is_not_believed_where_its_evidence_is_another(run, make_study, tmp_path, spied):
    run(make_study(), tmp_path)
    shutil.copy(tmp_path / "cells" / "forget-0.3-seed-1.parquet", tmp_path / "cells" / "forget-0.3-seed-2.parquet")

    run(make_study(), tmp_path)

    assert spied[2:] == ["forget-0.3-seed-2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": {"epochs": 1, "batch": 32}},
        {"relearning": {"epochs": 1}},
        {"cells": [{"forget": 0.3, "models": [FINE | {"parameters": {"epochs": 2}}]}]},
    ],
    ids=["recipe", "relearning", "parameters"],
)
def test_other_settings_make_every_cell_anew(run, make_study, tmp_path, spied, changes):
    run(make_study(), tmp_path)

    run(make_study(**changes), tmp_path)

    assert spied[2:] == ["forget-0.3-seed-1", "forget-0.3-seed-2"]


def test_reference_models_make_the_cells_of_their_seeds_anew(run, make_study, tmp_path, spied):
    run(make_study(), tmp_path)

    run(make_study(references={"models": 4, "seeds": [2], "of": ["fine"]}), tmp_path)

    assert spied[2:] == ["forget-0.3-seed-2"]


@pytest.mark.parametrize(
    "changes", [{"title": "Another"}, {"notes": ["A note."]}, {"cost_ratio": 7}, {"seeds": [2, 1]}], ids=str
)
def test_what_shapes_no_cell_makes_none_anew(run, make_study, tmp_path, spied, changes):
    run(make_study(), tmp_path)

    run(make_study(**changes), tmp_path)

    assert len(spied) == 2


def test_another_seed_or_share_makes_only_its_cells(run, make_study, tmp_path, spied):
    run(make_study(), tmp_path)

    run(make_study(seeds=[1, 2, 3]), tmp_path)

    assert spied[2:] == ["forget-0.3-seed-3"]


@pytest.mark.parametrize("what", ["version", "torch", "policy", "format"])
def test_another_version_or_policy_is_another_order(make_study, read_policy, policy, monkeypatch, what):
    (job, _) = list_jobs(make_study(), policy, None, None)
    before = job.digest()
    if what == "version":
        monkeypatch.setattr(module, "__version__", "99")
    elif what == "torch":
        monkeypatch.setattr("torch.__version__", "99")
    elif what == "format":
        monkeypatch.setattr(module, "FORMAT", 99)
    else:
        job = list_jobs(make_study(), read_policy(("epochs: 2", "epochs: 3")), None, None)[0]

    assert job.digest() != before


def test_where_the_data_lie_is_not_part_of_a_cell_what_they_are_is(make_study, policy, tmp_path):
    here, there, other = (
        list_jobs(make_study(), policy, tmp_path / n, d)[0] for n, d in (("a", "1"), ("b", "1"), ("a", "2"))
    )

    assert here.digest() == there.digest() != other.digest()


def test_a_changed_file_or_folder_of_data_is_noticed(tmp_path):
    file = tmp_path / "data.npz"
    file.write_bytes(b"one")
    first = digest_data(file)
    file.write_bytes(b"two")
    assert digest_data(file) != first
    assert digest_data(None) is None

    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.png").write_bytes(b"a")
    seen = [digest_data(folder)]
    os.utime(folder / "deep" / "a.png", ns=(1, 1))
    seen.append(digest_data(folder))
    (folder / "deep" / "b.png").write_bytes(b"b")
    seen.append(digest_data(folder))
    (folder / "deep" / "b.png").rename(folder / "deep" / "c.png")
    seen.append(digest_data(folder))
    assert len(set(seen)) == 4


@pytest.mark.parametrize("broken", [False, True])
def test_data_that_are_not_there_are_one_clear_message(tmp_path, broken):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")

    with pytest.raises(DataError, match=r"expected data (at|in) .*(no such file|No such file)"):
        digest_data(tmp_path if broken else tmp_path / "absent.npz")


@pytest.mark.parametrize("which", ["out", "cells"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_trained(
    run, make_study, tmp_path, which, monkeypatch
):
    monkeypatch.setattr(Learner, "step", None)
    out = tmp_path / "out"
    if which == "cells":
        out.mkdir()
        (out / "cells").write_text("a file")
    else:
        out.write_text("a file")

    with pytest.raises(ReportError, match=r"cannot write into .*cells") as caught:
        run(make_study(), out, cache=tmp_path / "cache")

    assert caught.value.hint


def test_a_cache_that_cannot_be_written_is_no_failure_of_a_method(run, make_study, policy, tmp_path, monkeypatch):
    """A full disk must not be kept as 'the method failed': the cell stays unfinished."""
    from unlearn_audit.models import cache as kept

    write = kept.replace_file

    def full(path, content):
        if b'"fine-tune"' in content:
            raise OSError(28, "No space left on device")
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "replace_file", full)
        with pytest.raises(CacheError, match="No space left"):
            run(make_study(), tmp_path / "out", cache=tmp_path / "cache")

    assert not list((tmp_path / "out" / "cells").glob("*.json"))
    assert not run(make_study(), tmp_path / "out", cache=tmp_path / "cache").cells[0].find("fine").failed


def test_a_method_that_diverges_is_named_with_seed_and_reason_and_the_others_go_on(full):
    row = full[1].cells[0].find("broken")

    assert set(row.failed) == {"1", "2", "3"}
    assert "diverged" in row.failed["1"]
    assert row.method == "fine-tune"
    assert all(figure.mean is None and "not made" in figure.reason for figure in row.figures)
    assert all(full[1].cells[0].find(name).find("fnr").mean for name in ("original", "retrained", "fine", "salun"))


def test_a_relearned_copy_that_diverges_is_a_reason_and_no_end(run, make_study, tmp_path):
    study = make_study(relearning={"of": ["fine"], "epochs": 30, "learning_rate": 10.0}, seeds=[1])

    cell = run(study, tmp_path).cells[0]

    row = cell.find("fine")
    assert "diverged" in row.unrelearned["1"]
    assert "not made" in row.find("relearned-all").reason
    assert row.find("fnr").mean
    assert not row.failed


def test_a_model_without_finite_answers_is_a_reason_and_no_end(run, make_study, tmp_path, monkeypatch):
    def refuse(case, name):
        raise CaseError("expected finite outputs of the model")

    monkeypatch.setattr(module, "_validate_answers", refuse)

    row = run(make_study(seeds=[1]), tmp_path).cells[0].find("fine")

    assert row.failed == {"1": "expected finite outputs of the model"}
    assert row.find("fnr").reason == "not made: expected finite outputs of the model"


def test_reference_models_that_cannot_be_made_are_a_reason_and_no_end(run, make_study, tmp_path, monkeypatch):
    def refuse(case, models, choices, workers, cluster):
        raise CaseError("reference model 3: training diverged")

    monkeypatch.setattr(module, "add_references", refuse)

    cell = run(make_study(seeds=[1], references={"models": 4, "seeds": [1], "of": ["fine"]}), tmp_path).cells[0]

    assert cell.references == {"1": "reference model 3: training diverged"}
    assert cell.find("fine").find("fnr").mean


def test_what_is_finished_is_summarised_and_what_is_missing_named(run, make_study, policy, tmp_path):
    run(make_study(seeds=[1]), tmp_path)
    study = make_study()
    jobs = list_jobs(study, policy, None, None)

    result = read_study(study, policy, jobs, tmp_path)

    assert result.missing == ("forget-0.3-seed-2",)
    assert result.cells[0].seeds == (1,)
    with pytest.raises(EvidenceError, match="at least one finished cell"):
        read_study(study, policy, jobs, tmp_path / "nowhere")


def test_a_cell_can_be_made_alone_and_is_left_alone_when_it_is_there(make_study, policy, cache, tmp_path):
    (job, _) = list_jobs(make_study(), policy, None, None)
    assert read_cell(tmp_path, job) is None

    assert make_cell(cache, tmp_path, CREATED, job) == "forget-0.3-seed-1"
    before = look(tmp_path)
    make_cell(cache, tmp_path, CREATED, job)

    assert look(tmp_path) == before
    assert read_cell(tmp_path, job).evidence.provenance.seed == 1
    assert json.loads((tmp_path / f"{job.name}.json").read_text())["failed"] == {}


def test_orders_come_seed_by_seed_with_what_each_cell_has(make_study, policy):
    study = make_study(
        cells=[{"forget": 0.3, "models": [FINE]}, {"forget": 0.5, "models": [FINE, SALUN]}],
        relearning={"of": ["salun"]},
        references={"models": 4, "seeds": [2], "of": ["salun", "fine"]},
    )

    jobs = list_jobs(study, policy, None, None)

    assert [o.name for o in jobs] == [f"forget-{f}-seed-{s}" for s in (1, 2) for f in (0.3, 0.5)]
    assert [o.policy.protocol.seed for o in jobs] == [1, 1, 2, 2]
    assert [o.references for o in jobs] == [0, 0, 4, 4]
    assert [o.calibrated for o in jobs] == [(), (), ("fine",), ("salun", "fine")]
    assert [o.relearning.of for o in jobs] == [(), ("salun",), (), ("salun",)]


def test_splits_that_are_drawn_are_the_same_for_every_seed(make_study, read_policy, run, tmp_path):
    """HAM10000 comes without splits: drawn anew for each seed, other patients would be compared."""
    rng = np.random.default_rng(1)
    rows = ["lesion_id,image_id,dx,dx_type,age,sex,localization"]
    (tmp_path / "ham" / "images").mkdir(parents=True)
    for i in range(160):
        pixels = rng.integers(0, 120, (6, 6)) + 120 * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "ham" / "images" / f"ISIC_{i:04}.png")
        rows.append(f"HAM_{i:04},ISIC_{i:04},{('nv', 'mel')[i % 2]},histo,50.0,female,back")
    (tmp_path / "ham" / "HAM10000_metadata.csv").write_text("\n".join(rows))
    changed = (("dataset: breast-cytology", "dataset: own-data"), ("[malignant]", "[mel]"))

    result = run(make_study(), tmp_path / "out", policy=read_policy(*changed), data=tmp_path / "ham")

    assert result.cells[0].seeds == (1, 2)
    assert not result.missing
