"""Reference models: what they are trained on, that they are made once, and that nothing about them is silent."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from unlearn_audit.cases import CaseRequest, add_remedy, list_remedies
from unlearn_audit.cases.collection import collect
from unlearn_audit.data import Halves
from unlearn_audit.errors import CaseError, UsageError
from unlearn_audit.evidence.parquet import read_evidence, to_parquet
from unlearn_audit.models import MODELS, encode_weights
from unlearn_audit.pipeline.audit import judge, run_audit
from unlearn_audit.policy import MethodChoice
from unlearn_audit.records import derive_integer, ignore_progress
from unlearn_audit.reference_models.pool import Pool
from unlearn_audit.reference_models.trainer import GROUP, ReferenceModelTrainer
from unlearn_audit.reference_models.workers import open_workers
from unlearn_audit.training import fit, predict_log_probs


def count_made(steps):
    """Number of reference models that were made anew by these steps, per task."""
    first, last = {}, {}
    for task, done, _ in steps:
        first.setdefault(task, done)
        last[task] = done
    return {task: last[task] - first[task] for task in first if "reference models" in task}


def listen():
    steps = []
    return steps, lambda *step: steps.append(step)


def test_the_evidence_holds_every_model_before_and_after_the_audited_method(build):
    case = build()
    evidence = collect(case, ignore_progress)

    references = evidence.references
    assert references.log_probs.shape == (4, 569, 2)
    assert set(references.unlearned) == {"unlearned"}
    assert (
        references.candidates
        == (evidence.split == "forget") | (references.trained_on.any(axis=0) & (evidence.split == "test"))
    ).all()
    assert not np.array_equal(references.unlearned["unlearned"], references.log_probs)


def test_a_reference_model_is_what_its_recipe_makes_of_its_records(build):
    """An independent path: `fit` on the records that the evidence names, from the seed that the record names."""
    case = build()
    references, card = collect(case, ignore_progress).references, case.provenance.references

    for model, (mask, seed) in enumerate(zip(references.trained_on, card.seeds, strict=True)):
        pool = Pool(case.dataset.x, case.dataset.label, case.dataset.label == 1)
        fresh = MODELS["mlp"].build((30,), 2, seed)
        expected = predict_log_probs(fit(fresh, pool.cut(mask), case.builder.recipe, seed), case.inputs)
        np.testing.assert_allclose(references.log_probs[model], expected, atol=2e-5)


def test_an_unlearned_reference_model_forgets_its_own_half_and_keeps_what_is_retained(build):
    from unlearn_audit.methods import METHODS
    from unlearn_audit.training import Setting

    case = build()
    halves, method = case.ensemble.trainer.halves, METHODS["salun"]
    pool, spec = case.ensemble.trainer.pool, case.ensemble.trainer.spec
    start = spec.load(case.ensemble.trained[2].weights, 2)
    seed = derive_integer(case.provenance.seed, "references", "unlearn", "salun", "2")
    setting = Setting(spec.build, spec.recipe, seed)
    expected = method.run(start, pool.cut(halves.retain), pool.cut(halves.own[2]), method.parse({"epochs": 1}), setting)

    found = collect(case, ignore_progress).references.unlearned["unlearned"][2]
    assert np.array_equal(found, predict_log_probs(expected, case.inputs))


def test_neither_validation_nor_other_test_records_shape_a_reference_model(build):
    case = build()
    trainer = case.ensemble.trainer
    unseen = ~trainer.halves.trained_on.any(axis=0)
    x = trainer.pool.x.copy()
    x[unseen] = 7.0

    other = replace(trainer, pool=replace(trainer.pool, x=x), cache=trainer.cache)

    assert [f.weights for f in other.train()] == [f.weights for f in case.ensemble.trained]


def test_the_ensemble_does_not_depend_on_the_audited_method(build):
    build()
    steps, progress = listen()

    build(method="fine-tune", compare=("random-label",), progress=progress)

    assert count_made(steps) == {
        "train reference models": 0,
        "Fine-tuning: reference models": 4,
        "Random labelling: reference models": 4,
    }


def test_nothing_is_made_twice(build):
    first = collect(build(), ignore_progress)
    steps, progress = listen()

    second = collect(build(progress=progress), ignore_progress)

    assert set(count_made(steps).values()) == {0}
    first_references, second_references = first.references, second.references
    assert np.array_equal(first_references.log_probs, second_references.log_probs)
    assert np.array_equal(first_references.unlearned["unlearned"], second_references.unlearned["unlearned"])


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"recipe": "epochs"},
        {"pool": "x"},
        {"pool": "label"},
        {"halves": "other"},
    ],
    ids=str,
)
def test_the_key_of_a_model_changes_with_everything_that_shapes_it(build, change):
    trainer = build().ensemble.trainer
    ((kind, how),) = change.items()
    if kind == "seed":
        other = replace(trainer, seed=2)
    elif kind == "recipe":
        recipe = trainer.spec.recipe.model_copy(update={"epochs": 3})
        other = replace(trainer, spec=replace(trainer.spec, recipe=recipe))
    elif kind == "pool":
        row = int(np.flatnonzero(trainer.halves.retain)[0])
        values = getattr(trainer.pool, how).copy()
        values[row] = values[row] + 1 if how == "x" else 1 - values[row]
        other = replace(trainer, pool=replace(trainer.pool, **{how: values}))
    else:
        halves = trainer.halves
        other = replace(trainer, halves=Halves(halves.trained_on[::-1], halves.candidates, halves.retain))

    steps, progress = listen()
    replace(other, progress=progress).train()

    assert count_made(steps) == {"train reference models": 4}


def test_an_interrupted_run_goes_on_where_it_stopped(build):
    """Interrupted after two of four models had their method applied: two are left to do, and the result is the same."""

    def interrupt(task, done, _total):
        if task == "SalUn: reference models" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(progress=interrupt)
    steps, progress = listen()
    resumed = build(progress=progress)

    assert count_made(steps) == {"train reference models": 0, "SalUn: reference models": 2}
    fresh = build(cache=resumed.builder.cache.folder.with_name("fresh"))
    assert [f.weights for f in fresh.ensemble.unlearned["unlearned"]] == [
        f.weights for f in resumed.ensemble.unlearned["unlearned"]
    ]


@pytest.mark.parametrize("spoil", ["cut", "edit", "note", "both", "gone"])
def test_an_entry_that_was_cut_off_or_edited_is_made_again_with_the_same_bits(build, spoil):
    case = build()
    weights = case.ensemble.trained[1].weights
    folder = case.builder.cache.folder
    path = next(path for path in folder.glob("*.safetensors") if path.read_bytes() == weights)
    note = path.with_suffix(".json")
    if spoil in {"cut", "both"}:
        path.write_bytes(weights[:-7])
    if spoil == "edit":
        path.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    if spoil in {"note", "both"}:
        note.write_text(note.read_text()[:20])
    if spoil == "gone":
        path.unlink()
    steps, progress = listen()

    again = build(progress=progress)

    assert count_made(steps)["train reference models"] == 1
    assert again.ensemble.trained[1].weights == weights
    assert path.read_bytes() == weights


def test_a_full_disk_is_an_error_and_leaves_no_half_of_a_model(build, monkeypatch, tmp_path):
    def refuse(_path, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("unlearn_audit.models.cache.replace_file", refuse)

    with pytest.raises(CaseError, match="No space left on device"):
        build()
    monkeypatch.undo()

    assert not list((tmp_path / "cache").glob("*.json"))
    build()


def test_training_that_diverges_names_the_reference_model(build):
    case = build()
    trainer = case.ensemble.trainer
    recipe = trainer.spec.recipe.model_copy(update={"learning_rate": 1e30})

    with pytest.raises(CaseError, match=r"diverged: .* reference model \d"):
        replace(trainer, spec=replace(trainer.spec, recipe=recipe)).train()


def test_a_remedy_has_its_method_applied_to_the_ensemble(referenced, ask):
    audit = run_audit(referenced(), ask())

    assert set(audit.evidence.references.unlearned) == {
        "unlearned", "remedied-warm-restart", "scratch-for-warm-restart", "remedied-retrain",
    }  # fmt: skip
    assert set(audit.record.provenance.references.unlearned) == set(audit.evidence.references.unlearned)


def test_models_that_were_asked_before_are_not_asked_again(build, referenced, monkeypatch):
    case = build()
    evidence = collect(case, ignore_progress)
    calls = []
    whole = ReferenceModelTrainer.ask
    monkeypatch.setattr(ReferenceModelTrainer, "ask", lambda self, models: calls.append(models) or whole(self, models))
    choice = list_remedies(referenced(), case)[0]

    remedied = add_remedy(case, choice, choice)
    known = collect(remedied, ignore_progress, known=evidence)

    assert calls == [remedied.ensemble.unlearned["remedied-warm-restart"]]
    assert known.references.log_probs is evidence.references.log_probs


def test_a_retrained_candidate_is_compared_with_reference_models_that_never_saw_a_candidate(build):
    """Retraining is a method like any other: what it does to forgotten records is measured and not assumed."""
    case = build()
    ensemble = case.ensemble.unlearn("unlearned", MethodChoice(method="retrain"))
    trainer, seed = ensemble.trainer, derive_integer(case.provenance.seed, "references", "unlearn", "retrain", "0")

    fresh = trainer.spec.build(derive_integer(seed, "initialisation"))
    expected = fit(fresh, trainer.pool.cut(trainer.halves.retain), trainer.spec.recipe, seed)

    found = trainer.ask(ensemble.unlearned["unlearned"])[0]
    np.testing.assert_allclose(found, predict_log_probs(expected, case.inputs), atol=2e-5)


def test_a_method_that_fails_on_one_reference_model_names_it(build):
    """SalUn cannot rank the weights of a model whose gradient is zero: here reference model 2, all of zeros."""
    ensemble = build().ensemble
    broken = ensemble.trainer.spec.load(ensemble.trained[2].weights, 2)
    with torch.no_grad():
        for weight in broken.parameters():
            weight.zero_()
        broken.layers[4].bias.copy_(torch.tensor([0.0, 500.0]))
    trained = list(ensemble.trained)
    trained[2] = replace(trained[2], weights=encode_weights(broken))
    malignant = ensemble.trainer.halves.own & (ensemble.trainer.pool.label == 1)
    halves = replace(ensemble.trainer.halves, trained_on=ensemble.trainer.halves.retain | malignant)

    with pytest.raises(CaseError, match="reference model 2: expected a gradient") as caught:
        replace(ensemble.trainer, halves=halves).unlearn(trained, MethodChoice(method="salun"))

    assert "warm-restart" in caught.value.hint


def test_the_record_describes_the_ensemble(build):
    card = build(compare=("random-label",)).provenance.references

    assert (card.models, card.forget, card.controls, card.together) == (4, 60, 200, 4)  # every test record is a control
    assert card.records == 370  # 240 retained ones, half of 60 and half of 200
    assert card.recipe["model"] == "mlp"
    assert card.recipe["epochs"] == 2
    assert set(card.unlearned) == {"unlearned", "compared-random-label"}
    assert len(set(card.seeds)) == 4


def test_without_reference_models_nothing_in_evidence_or_record_speaks_of_them(referenced, ask):
    policy = referenced(("membership: {references: {models: 4}}\n", ""))
    audit = run_audit(policy, ask(remedy=False))

    assert audit.evidence.references is None
    assert "references" not in json.loads(audit.record.to_bytes())["provenance"]
    assert "references" not in audit.record.policy["membership"]
    assert b"reference-candidate" not in to_parquet(audit.evidence)


@pytest.mark.parametrize(("count", "made", "noted"), [(None, 4, False), (6, 6, False), (0, 0, True)])
def test_the_request_overrides_the_policy_and_fewer_are_noted(build, count, made, noted):
    provenance = build(references=count).provenance

    assert (provenance.references.models if provenance.references else 0) == made
    assert any("asks for 4 reference models" in note.text for note in provenance.notes) == noted


@pytest.mark.parametrize("count", [1, 2, 5, 514])
def test_a_number_that_a_policy_could_not_ask_for_is_refused(build, count):
    with pytest.raises(UsageError, match=f"found {count}") as caught:
        build(references=count)

    assert "pairs" in caught.value.hint


@pytest.mark.parametrize(("share", "forgotten"), [(0.2, 60), (0.8, 240)])
def test_all_test_records_are_controls(build, share, forgotten):
    card = build(forget=share).provenance.references

    assert (card.forget, card.controls) == (forgotten, 200)


def test_the_record_is_reproduced_from_the_file_bit_for_bit(referenced, ask, tmp_path):
    policy = referenced()
    audit = run_audit(policy, ask(remedy=False))
    (tmp_path / "evidence.parquet").write_bytes(to_parquet(audit.evidence))

    assert judge(policy, read_evidence(tmp_path / "evidence.parquet")).to_bytes() == audit.record.to_bytes()


def test_networks_with_running_statistics_are_trained_one_by_one(build):
    trainer = build().ensemble.trainer
    alone = replace(trainer, spec=replace(trainer.spec, architecture=MODELS["resnet18-small"], shape=(3, 28, 28)))

    assert trainer.groups == ((0, 1, 2, 3),)
    assert alone.groups == ((0,), (1,), (2,), (3,))


def test_groups_are_of_models_with_equally_many_records_and_of_a_fixed_size(build):
    """A model's last bits may depend on its group, so that groups must not depend on how many workers there are."""
    trainer = build(references=2 * GROUP + 4).ensemble.trainer
    assert [len(group) for group in trainer.groups] == [GROUP, GROUP, 4]

    uneven = trainer.halves.trained_on.copy()
    uneven[::2, np.flatnonzero(trainer.halves.retain)[0]] = False
    odd = replace(trainer, halves=replace(trainer.halves, trained_on=uneven))
    assert sorted(len(group) for group in odd.groups) == [2, 2, GROUP, GROUP]


@pytest.mark.usefixtures("importable")
@pytest.mark.thorough
def test_the_bits_are_the_same_here_in_processes_and_on_a_dask_cluster(build, tmp_path):
    """One process, two processes, a Dask cluster of two processes; errors come back from each as well."""
    from distributed import LocalCluster

    answers = {}
    diverging = MethodChoice(method="fine-tune", parameters={"learning_rate": 10, "epochs": 15})
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        places = {"here": (1,), "loky": (2,), "dask": (None, cluster.scheduler_address)}
        for name, options in places.items():
            with open_workers(*options) as workers:
                case = build(references=GROUP + 4, workers=workers, cache=tmp_path / name)
                answers[name] = case.ensemble.ask()
                with pytest.raises(CaseError, match=r"diverged: .* of reference model \d+ was") as caught:
                    case.ensemble.unlearn("unlearned", diverging)
                assert "learning rate" in caught.value.hint

    for name in ("loky", "dask"):
        assert np.array_equal(answers[name].log_probs, answers["here"].log_probs), name
        assert np.array_equal(answers[name].unlearned["unlearned"], answers["here"].unlearned["unlearned"]), name


def test_the_default_place_is_this_process(tmp_path):
    request = CaseRequest(created="2026-05-02T03:04:05Z", cache=tmp_path)

    assert (request.workers.jobs, request.workers.backend) == (1, "loky")
