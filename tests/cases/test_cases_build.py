"""A case from policy and request: models made once, splits as asked, nothing of the test split in training."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.policies import ONE_EPOCH, OUT_OF_REACH, write_case, write_policy
from unlearn_audit.cases import CaseRequest, build_case, choose_parameters
from unlearn_audit.errors import CaseError, DataError, UnknownNameError, UsageError
from unlearn_audit.models.cache import ModelCache, make_key
from unlearn_audit.pipeline.audit import name_known, run_audit
from unlearn_audit.policy import CaseFile, parse_policy
from unlearn_audit.records import ignore_progress

POLICY = write_policy(
    "tiny",
    OUT_OF_REACH,
    positive='"8"',
    membership="{unrecognised: inform}",  # a model of one epoch on noise recognises nobody
    protocol="smallest_group: 2",
    remediation="[{method: salun-cra, parameters: {epochs: 1}}, {method: warm-restart}, {method: retrain}]",
    comparison="[{method: random-label, parameters: {epochs: 1, labels: other}}]",
    reference_case=write_case(
        "{method: salun, parameters: {epochs: 1}}", ONE_EPOCH, dataset="pathmnist", model="resnet18-small"
    ),
)


@pytest.fixture(scope="session")
def pathmnist(tmp_path_factory):
    """PathMNIST's shape in small: nine classes, 28 x 28 in colour."""
    rng = np.random.default_rng(3)
    arrays = {}
    for prefix, n in (("train", 90), ("val", 36), ("test", 45)):
        label = np.arange(n) % 9
        images = rng.integers(0, 256, (n, 28, 28, 3), dtype=np.uint8)
        images[label == 8, :14] //= 2
        arrays |= {f"{prefix}_images": images, f"{prefix}_labels": label.astype(np.uint8)[:, None]}
    path = tmp_path_factory.mktemp("data") / "pathmnist.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def policy():
    return parse_policy(POLICY, "tiny.yaml", name_known())


@pytest.fixture
def request_of(pathmnist, cache):
    def make(**changes):
        return CaseRequest(created="2026-05-02T03:04:05Z", cache=cache, data=pathmnist, **changes)

    return make


def test_a_case_may_forget_a_share_of_each_class(policy, request_of):
    shares = {policy.task.positive_name: 0.5, policy.task.negative_name: 0.2}
    case = CaseFile.model_validate({"schema": "unlearn-audit/case/v1", "name": "by class", "forget": shares})
    built = build_case(policy, request_of(case=case), ignore_progress)

    positive, trained = np.isin(built.dataset.label, built.positive), np.isin(built.split, ["retain", "forget"])
    for truth, share in ((True, 0.5), (False, 0.2)):
        members = trained & (positive == truth)
        assert (built.split[members] == "forget").sum() == round(share * members.sum())
    assert built.provenance.forget.by == "class shares"


def test_retain_and_forget_make_up_the_training_split(policy, request_of):
    case = build_case(policy, request_of(forget=0.3), ignore_progress)

    counts = {name: int((case.split == name).sum()) for name in ("retain", "forget", "validation", "test")}
    assert counts == {"retain": 63, "forget": 27, "validation": 36, "test": 45}
    assert case.provenance.data.splits["forget"].n == 27


def test_the_models_are_original_retrained_unlearned_in_this_order(policy, request_of):
    assert list(build_case(policy, request_of(), ignore_progress).models) == ["original", "retrained", "unlearned"]


def test_a_reference_can_be_left_out(policy, request_of):
    assert list(build_case(policy, request_of(retrain=False), ignore_progress).models) == ["original", "unlearned"]


def test_models_do_not_depend_on_validation_or_test_records(policy, request_of, pathmnist, tmp_path):
    """The strongest form of 'never sees the test split': other test images, same weights."""
    arrays = dict(np.load(pathmnist))
    arrays["test_images"] = 255 - arrays["test_images"]
    arrays["val_images"] = 255 - arrays["val_images"]
    np.savez(tmp_path / "pathmnist.npz", **arrays)
    here = replace(request_of(), cache=tmp_path / "a")
    there = replace(here, cache=tmp_path / "b", data=tmp_path / "pathmnist.npz")

    first, second = build_case(policy, here, ignore_progress), build_case(policy, there, ignore_progress)

    assert first.files == second.files


def test_the_weights_in_the_bundle_are_those_that_made_the_evidence(policy, request_of):
    import hashlib

    case = build_case(policy, request_of(), ignore_progress)

    for card in case.provenance.models:
        assert hashlib.sha256(case.files[card.file]).hexdigest() == card.sha256


def test_the_remedies_are_tried_in_the_policys_order_until_one_passes(policy, request_of):
    audit = run_audit(policy, request_of())

    names = [verdict.model for verdict in audit.record.verdicts]
    remedied = [name for name in names if name.startswith("remedied-")]
    assert remedied == ["remedied-salun-cra", "remedied-warm-restart", "remedied-retrain"]
    assert names == ["unlearned", *remedied[:2], "scratch-for-warm-restart", remedied[2]]
    assert set(audit.models) == {f"models/{name}.safetensors" for name in ("original", "retrained", *names)}


def test_the_retrained_remedy_is_another_model_than_the_reference(policy, request_of):
    """Compared with itself the reference would always look perfectly forgotten."""
    audit = run_audit(policy, request_of())

    assert audit.models["models/remedied-retrain.safetensors"] != audit.models["models/retrained.safetensors"]


def test_a_remedy_that_is_the_audited_model_is_not_tried_again(policy, request_of):
    record = run_audit(policy, request_of(method="warm-restart")).record

    assert [verdict.model for verdict in record.verdicts] == ["unlearned", "remedied-salun-cra", "remedied-retrain"]


def test_remedies_can_be_left_out(policy, request_of):
    assert len(run_audit(policy, request_of(remedy=False)).record.verdicts) == 1


def test_models_that_other_classes_count_as_positive_for_are_not_taken_from_the_cache(request_of):
    """SalUn-CRA treats positive records otherwise: with a head for all classes nothing else tells the two apart."""
    policies = [
        parse_policy(POLICY.replace('positive: ["8"]', f'positive: ["{c}"], head: classes'), "tiny.yaml", name_known())
        for c in "87"
    ]

    first, second = (build_case(policy, request_of(method="salun-cra"), ignore_progress) for policy in policies)

    assert first.files["models/unlearned.safetensors"] != second.files["models/unlearned.safetensors"]


def test_a_compared_method_runs_with_the_policys_parameters(policy, request_of):
    case = build_case(policy, request_of(compare=("random-label",)), ignore_progress)

    card = case.provenance.find_model("compared-random-label")
    assert (card.parameters["epochs"], card.parameters["labels"]) == (1, "other")


def test_a_method_that_the_policy_does_not_mention_has_its_own_defaults(policy):
    assert choose_parameters(policy, "fine-tune").parameters == {}


def test_a_policy_without_reference_case_cannot_be_run(request_of):
    text = POLICY[: POLICY.index("reference_case:")]

    with pytest.raises(UsageError, match="no reference_case") as caught:
        build_case(parse_policy(text, "tiny.yaml", name_known()), request_of(), ignore_progress)

    assert "recheck" in caught.value.hint


def test_an_unknown_method_is_refused_before_anything_is_trained(policy, request_of, tmp_path):
    with pytest.raises(UnknownNameError):
        build_case(policy, replace(request_of(compare=("salum",)), cache=tmp_path / "c"), ignore_progress)

    assert not (tmp_path / "c").exists()


def test_labels_outside_the_mapping_are_refused(policy, request_of, pathmnist, tmp_path):
    arrays = dict(np.load(pathmnist))
    arrays["train_labels"][0] = 11
    np.savez(tmp_path / "pathmnist.npz", **arrays)

    with pytest.raises(DataError, match="found 11"):
        build_case(policy, replace(request_of(), data=tmp_path / "pathmnist.npz"), ignore_progress)


def test_a_split_without_positives_is_refused(policy, request_of, pathmnist, tmp_path):
    arrays = dict(np.load(pathmnist))
    arrays["test_labels"] = arrays["test_labels"] % 8
    np.savez(tmp_path / "pathmnist.npz", **arrays)

    with pytest.raises(DataError, match="positives and negatives in test"):
        build_case(policy, replace(request_of(), data=tmp_path / "pathmnist.npz"), ignore_progress)


def test_a_request_that_names_all_of_a_class_is_refused(policy, request_of, tmp_path):
    case = build_case(policy, request_of(), ignore_progress)
    train = np.isin(case.split, ["retain", "forget"])
    (tmp_path / "ids.csv").write_text("\n".join(case.dataset.ids[train & (case.dataset.label == 1)]))

    with pytest.raises(CaseError, match="all training records of class"):
        build_case(policy, request_of(forget=tmp_path / "ids.csv"), ignore_progress)


def test_a_tolerated_missing_cluster_column_is_noted(request_of):
    text = POLICY.replace("smallest_group: 2", "smallest_group: 2, cluster: lesion_id, cluster_required: false")

    case = build_case(parse_policy(text, "tiny.yaml", name_known()), request_of(), ignore_progress)

    assert any("lesion_id" in note.text for note in case.provenance.notes)


def test_the_commitment_can_be_proved_with_the_ids_and_the_salt(policy, request_of):
    from unlearn_audit.data import commit

    case = build_case(policy, request_of(), ignore_progress)
    forget = case.provenance.forget

    assert commit(case.dataset.ids[case.split == "forget"].tolist(), forget.salt) == forget.commitment


def test_keys_differ_when_anything_that_shapes_a_model_differs():
    assert make_key(seed=1, data="a") == make_key(data="a", seed=1)
    assert len({make_key(seed=1, data="a"), make_key(seed=2, data="a"), make_key(seed=1, data="b")}) == 3


def test_an_edited_entry_is_not_used(tmp_path):
    cache = ModelCache(tmp_path)
    cache.write("k", lambda path: path.write_bytes(b"weights"), 1.0, {})
    assert cache.read("k").seconds == 1.0

    (tmp_path / "k.safetensors").write_bytes(b"weighty")

    assert cache.read("k") is None


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"key": "other", "sha256": "", "seconds": 1}'])
def test_an_entry_with_a_broken_note_is_not_used(tmp_path, note):
    cache = ModelCache(tmp_path)
    cache.write("k", lambda path: path.write_bytes(b"weights"), 1.0, {})

    (tmp_path / "k.json").write_text(note)

    assert cache.read("k") is None


def test_a_cache_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CaseError, match="cannot keep a finished model") as caught:
        ModelCache(tmp_path / "file").write("k", lambda path: path.write_bytes(b""), 1.0, {})

    assert "--cache" in caught.value.hint


def test_an_interrupted_write_leaves_no_entry(tmp_path):
    cache = ModelCache(tmp_path)

    def fail(_path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.write("k", fail, 1.0, {})

    assert cache.read("k") is None


def test_after_interrupts_finished_models_are_kept_and_nothing_is_half_written_or_trained_twice(
    policy, request_of, tmp_path
):
    """In the middle of each training in turn, as Ctrl-C comes; then the same call once more, to its end."""
    trainings = {"train the original": "original", "retrain the reference": "retrained", "SalUn": "unlearned"}
    request, steps = replace(request_of(), cache=tmp_path), []

    def make_until(stop):
        def progress(task, done, _total):
            steps.append(task)
            if task == stop and done:
                raise KeyboardInterrupt

        steps.clear()
        return build_case(policy, request, progress)

    for place, stop in enumerate(trainings):
        with pytest.raises(KeyboardInterrupt):
            make_until(stop)
        finished = {path.stem: json.loads(path.read_text())["name"] for path in tmp_path.glob("*.json")}
        assert sorted(finished.values()) == list(trainings.values())[:place]
        assert {path.name for path in tmp_path.iterdir()} == {
            f"{key}{end}" for key in finished for end in (".json", ".safetensors")
        }
        made = [task for task in dict.fromkeys(steps) if task in trainings]
        assert made == list(trainings)[max(place - 1, 0) : place + 1]  # what was interrupted before, then this one

    case = make_until(None)

    assert [task for task in dict.fromkeys(steps) if task in trainings] == ["SalUn"]
    assert case.files == build_case(policy, request_of(), ignore_progress).files


def test_the_record_says_how_each_model_was_made(policy, request_of):
    record = run_audit(policy, request_of(remedy=False)).record
    unlearned = json.loads(record.to_bytes())["provenance"]["models"][2]

    assert unlearned["method"] == "salun"
    assert unlearned["parameters"]["epochs"] == 1
    assert unlearned["seconds"] >= 0
    assert record.provenance.environment["torch"] == torch.__version__


def test_a_case_file_overrides_the_reference_case_and_options_override_the_case_file(policy, request_of, tmp_path):
    from unlearn_audit.cases.request import make_plan
    from unlearn_audit.policy import load_case

    (tmp_path / "case.yaml").write_text(
        "schema: unlearn-audit/case/v1\nname: Ours\nforget: ids.csv\n"
        "unlearn: {method: salun, parameters: {epochs: 3}}\ncompare: [{method: salun-cra, parameters: {epochs: 4}}]\n"
        "retrain: false\nrecipe: {epochs: 7}\n"
    )
    case = load_case(tmp_path / "case.yaml", name_known())

    plan = make_plan(policy, request_of(case=case, case_folder=tmp_path))
    assert (plan.name, plan.forget, plan.retrain) == ("Ours", tmp_path / "ids.csv", False)
    assert (plan.audited.parameters, plan.compared[0].parameters) == ({"epochs": 3}, {"epochs": 4})
    assert plan.recipe.epochs == 7

    plan = make_plan(policy, request_of(case=case, forget=0.5, method="salun-cra", compare=("salun",), retrain=True))
    assert (plan.forget, plan.retrain) == (0.5, True)
    assert (plan.audited.parameters, plan.compared[0].parameters) == ({"epochs": 4}, {"epochs": 3})


def test_the_same_method_with_other_parameters_is_another_candidate(policy, request_of, tmp_path):
    from unlearn_audit.cases.request import make_plan
    from unlearn_audit.policy import CaseFile, MethodChoice

    case = CaseFile(
        schema_="unlearn-audit/case/v1", name="n", compare=(MethodChoice(method="salun", parameters={"epochs": 9}),)
    )

    plan = make_plan(policy, request_of(case=case))

    assert [choice.parameters for choice in (plan.audited, *plan.compared)] == [{"epochs": 1}, {"epochs": 9}]


SEARCH = "{method: salun-cra, parameters: {labels: other}, search: {epochs: [1, 2], learning_rate: [0.001, 10]}}"


def search_policy(within="[0.0, 1.0]"):
    """Sixteen-record forgetting checks that anything or nothing passes, and four settings of which two diverge."""
    text = POLICY.replace("{method: salun-cra, parameters: {epochs: 1}}", SEARCH)
    text = text.replace("within: [0.4, 0.6]", f"within: {within}").replace("at_least: 0.99", "at_least: 0.01")
    return parse_policy(text, "search.yaml", name_known())


def test_a_search_tries_every_setting_and_audits_the_one_that_validation_chose(request_of):
    audit = run_audit(search_policy("[0.0, 0.999]"), request_of())

    (search,) = audit.record.provenance.searches
    assert [setting.parameters for setting in search.tried] == [
        {"labels": "other", "schedule": "sequential", "learning_rate": rate, "epochs": epochs, "keep": 0.5,
         "form": "entropy"}
        for epochs in (1, 2)
        for rate in (0.001, 10)
    ]  # fmt: skip
    assert search.chosen is not None
    winner = audit.record.provenance.find_model("remedied-salun-cra")
    assert winner.parameters == search.tried[search.chosen].parameters
    assert "tried" not in audit.evidence.log_probs


@pytest.fixture(scope="module")
def held_nothing(pathmnist, cache):
    """An audit whose search finds nothing that holds, and how many records each model was asked about."""
    from unlearn_audit import training

    counts = []
    real = training.predict_log_probs

    def spy(model, x, *rest):
        counts.append(len(x))
        return real(model, x, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "predict_log_probs", spy)
        request = CaseRequest(created="2026-05-02T03:04:05Z", cache=cache, data=pathmnist)
        return run_audit(search_policy("[0.0, 0.001]"), request), counts


def test_settings_are_never_asked_about_a_test_record(held_nothing):
    """Their models answer for training and validation records alone."""
    whole, without_test = 90 + 36 + 45, 90 + 36 + 36
    assert sorted({n for n in held_nothing[1] if n > 1}) == [without_test, whole]


def test_where_no_setting_holds_the_record_says_so_and_goes_on_to_the_next_remedy(held_nothing):
    audit, _ = held_nothing

    (search,) = audit.record.provenance.searches
    assert search.chosen is None
    tried = [card.name for card in audit.record.provenance.models if card.role == "remedied"]
    assert tried == ["remedied-warm-restart", "remedied-retrain"]
    causes = [cause for advice in audit.record.recommendation.advice for cause in advice.causes]
    assert [(cause.code, cause.details) for cause in causes] == [("no-configuration-holds", {"n": 4})]
    assert audit.evidence.provenance.searches == audit.record.provenance.searches
