"""Which training records are forgotten: by share, by record, by lesion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn_audit.data import (
    Dataset,
    ForgetList,
    Task,
    binarise,
    build_request,
    choose_forget,
    choose_forget_by_class,
    commit,
    draw_salt,
    load_dataset,
    name_groups,
    read_forget_ids,
    resolve_forget,
)
from unlearn_audit.errors import CaseError
from unlearn_audit.records import write_message

SALT = "00112233445566778899aabbccddeeff"


def dataset_of(counts):
    """`counts` training records of each class, and one record of each class in validation and in test."""
    k = len(counts)
    label = np.concatenate([np.repeat(np.arange(k), counts), np.arange(k), np.arange(k)])
    n = len(label)
    return Dataset(
        name="drawn",
        x=np.zeros((n, 1)),
        label=label,
        ids=np.arange(n).astype(np.str_),
        split=np.repeat(["train", "validation", "test"], [sum(counts), k, k]),
        classes=tuple(f"class {c}" for c in range(k)),
        source="made up",
        licence="none",
        sha256="",
    )


# By share

CASES = st.tuples(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.floats(0.01, 0.99), st.integers(0, 2**32))


@settings(max_examples=150, deadline=None)
@given(CASES)
def test_every_class_gives_its_share_within_one_record_and_keeps_at_least_one(case):
    counts, fraction, seed = case
    dataset = dataset_of(counts)
    try:
        mask = choose_forget(dataset, fraction, np.random.default_rng(seed)).mask
    except CaseError:  # so small a share of so few records that nothing would be forgotten
        assert all(fraction * count < 1 for count in counts)
        return
    assert not mask[~dataset.select("train")].any()
    for number, count in enumerate(counts):
        forgotten = int(mask[dataset.label == number].sum())
        assert abs(forgotten - fraction * count) <= 1
        assert forgotten < count


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(20, 60), min_size=2, max_size=6), st.floats(0.05, 0.9))
def test_the_total_is_the_rounded_share_where_classes_are_not_tiny(counts, fraction):
    dataset = dataset_of(counts)
    assert choose_forget(dataset, fraction, np.random.default_rng(1)).mask.sum() == round(fraction * sum(counts))


def test_the_same_seed_draws_the_same_records_and_another_draws_others():
    first, again, other = (
        choose_forget(dataset_of([50, 50]), 0.2, np.random.default_rng(seed)).mask.tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_every_record_is_equally_likely():
    dataset = dataset_of([10, 30])
    drawn = sum(choose_forget(dataset, 0.5, np.random.default_rng(seed)).mask for seed in range(400))
    # 5 standard deviations of a binomial count with n = 400, p = 0.5
    assert abs(drawn[dataset.select("train")] - 200).max() < 50


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 20, float("nan")])
def test_a_share_outside_zero_and_one_is_refused(make_dataset, fraction):
    with pytest.raises(CaseError, match="expected a share of the training records between 0 and 1 to forget, found"):
        choose_forget(make_dataset(), fraction, np.random.default_rng(1))


def test_a_percentage_gets_a_hint(make_dataset):
    with pytest.raises(CaseError) as refusal:
        choose_forget(make_dataset(), 20, np.random.default_rng(1))
    assert refusal.value.hint == "a fraction; did you mean 0.2?"


def test_a_share_that_forgets_nothing_is_refused(make_dataset):
    with pytest.raises(CaseError, match=r"a share of 0.01 of 6 training records forgets nothing"):
        choose_forget(make_dataset(), 0.01, np.random.default_rng(1))


def test_what_is_left_of_a_forgotten_lesion_is_said():
    dataset = load_toy_pairs()
    forgotten = choose_forget(dataset, 0.25, np.random.default_rng(3))
    assert forgotten.by == "fraction"
    assert (
        "lesion_id values of the forgotten records also stand in the retained training records"
        in forgotten.notes[0].text
    )


# By share of classes

SEVEN = [60, 90, 20, 10, 120, 400, 14]


def task_of(counts, positive=(0, 1, 4), names=("benign", "malignant")):
    return Task(dataset_of(counts), positive, names)


def draw_by_class(task, shares, seed=1):
    return choose_forget_by_class(task.dataset, shares, name_groups(task), np.random.default_rng(seed))


def count_forgotten(task, forgotten):
    return np.bincount(task.dataset.label[forgotten.mask], minlength=len(task.dataset.classes)).tolist()


def test_malignant_and_benign_classes_give_a_share_of_their_own_divided_among_their_classes():
    task = task_of(SEVEN)
    forgotten = draw_by_class(task, {"malignant": 0.5, "benign": 0.11})
    counts = count_forgotten(task, forgotten)
    assert [counts[c] for c in (0, 1, 4)] == [30, 45, 60], "half of 60, 90 and 120"
    assert sum(counts[c] for c in (2, 3, 5, 6)) == round(0.11 * 444)
    assert all(abs(counts[c] - 0.11 * SEVEN[c]) < 1 for c in (2, 3, 5, 6))
    assert forgotten.by == "class shares"


def test_single_classes_are_named_and_the_others_give_nothing():
    task = task_of(SEVEN)
    assert count_forgotten(task, draw_by_class(task, {"class 5": 0.2, "class 2": 0.5})) == [0, 0, 10, 0, 0, 80, 0]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=3, max_size=6),
    st.floats(0.01, 0.99),
    st.floats(0.01, 0.99),
    st.integers(0, 99),
)
def test_shares_by_class_are_met_within_one_record_or_refused(counts, first, second, seed):
    task = task_of(counts, positive=(0,))
    shares = {"malignant": first, "benign": second}
    try:
        forgotten = draw_by_class(task, shares, seed)
    except CaseError:  # so small a share that nothing would be forgotten, or so large that a class would be lost
        quotas = (first * counts[0], second * sum(counts[1:]))
        assert min(quotas) <= 1 or any(max(first, second) * count > count - 1 for count in counts)
        return
    found = count_forgotten(task, forgotten)
    for count, drawn, share in zip(counts, found, [first] + [second] * (len(counts) - 1), strict=True):
        assert abs(drawn - share * count) <= 1
        assert drawn < count
    assert not forgotten.mask[~task.dataset.select("train")].any()


def test_the_same_seed_draws_the_same_records_by_class():
    one, again, other = (draw_by_class(task_of(SEVEN), {"malignant": 0.5}, s).mask.tolist() for s in (1, 1, 2))
    assert one == again
    assert one != other


def test_a_class_of_which_nothing_would_be_left_is_refused_by_name():
    with pytest.raises(CaseError, match="'malignant' forgets all 1 training records of class 'class 0'"):
        draw_by_class(task_of([1, 9, 9], positive=(0, 1)), {"malignant": 0.6})


def test_a_share_of_a_class_that_forgets_nothing_is_refused_by_name():
    with pytest.raises(CaseError, match=r"a share of 0.01 of the 14 training records of 'class 6' forgets nothing"):
        draw_by_class(task_of(SEVEN), {"class 5": 0.5, "class 6": 0.01})


def test_a_class_that_the_data_lack_is_refused_with_those_there_are():
    with pytest.raises(CaseError, match="found 'melanoma'") as refusal:
        draw_by_class(task_of(SEVEN), {"melanoma": 0.5})
    assert "malignant" in refusal.value.hint
    assert "class 0" in refusal.value.hint


def test_a_class_that_is_named_by_itself_and_in_its_group_is_refused():
    with pytest.raises(CaseError, match="found several for 'class 4'"):
        draw_by_class(task_of(SEVEN), {"malignant": 0.5, "class 4": 0.2})


def test_a_class_called_as_its_group_is_refused_where_the_two_differ():
    with pytest.raises(CaseError, match="'class 5' is one class of data set 'drawn' and, in the policy, several"):
        name_groups(task_of(SEVEN, names=("class 5", "malignant")))
    assert name_groups(task_of([5, 5], positive=(1,), names=("class 0", "class 1"))) == {
        "class 0": (0,),
        "class 1": (1,),
    }


def load_toy_pairs():
    dataset = dataset_of([8, 8])
    lesions = np.array([f"lesion {i % 8}" for i in range(len(dataset))])
    return Dataset(**{**vars(dataset), "groups": {"lesion_id": lesions}})


# By request


def test_records_are_found_by_id(make_dataset):
    forgotten = resolve_forget(make_dataset(), ForgetList(None, ("r05", "r00")))
    assert np.flatnonzero(forgotten.mask).tolist() == [0, 5]
    assert forgotten.by == "record"


def test_a_lesion_means_all_its_training_records_and_its_other_records_are_noted(make_dataset):
    """Lesion c stands at 4 in train and at 6 in validation; only the training record can be forgotten."""
    forgotten = resolve_forget(make_dataset(), ForgetList("lesion_id", ("b", "c")))
    assert np.flatnonzero(forgotten.mask).tolist() == [2, 3, 4]
    assert tuple(map(str, forgotten.notes)) == (
        "1 of 2 lesion_id values of the forgotten records also stand in validation",
    )


def test_a_lesion_in_test_is_allowed_and_noted(make_dataset):
    groups = {"lesion_id": np.array(list("abcdef") + list("ghi") + list("ajk"))}
    forgotten = resolve_forget(make_dataset(groups=groups), ForgetList("lesion_id", ("a", "b")))
    assert tuple(map(str, forgotten.notes)) == ("1 of 2 lesion_id values of the forgotten records also stand in test",)


def test_notes_of_the_list_are_kept(make_dataset):
    request = ForgetList(None, ("r00",), (write_message("forget-list-repeats", repeated=2, example="r00"),))
    assert tuple(map(str, resolve_forget(make_dataset(), request).notes)) == (
        *map(str, request.notes),
        "1 of 1 lesion_id values of the forgotten records also stand in the retained training records",
    )


def test_a_list_is_read_and_resolved(make_dataset, tmp_path):
    (tmp_path / "forget.csv").write_text("sex\nfemale\n")
    dataset = make_dataset()
    forgotten = resolve_forget(
        make_dataset(label=np.array([0, 0, 1, 1, 2, 2, 0, 1, 2, 0, 1, 2]), groups=dataset.groups),
        read_forget_ids(tmp_path / "forget.csv", dataset.groups),
    )
    assert np.flatnonzero(forgotten.mask).tolist() == [1, 4]
    assert forgotten.by == "sex"


@pytest.mark.parametrize(
    ("request_", "message", "hint"),
    [
        (ForgetList(None, ()), "expected ids to forget, found none", None),
        (
            ForgetList(None, ("r00", "x1", "x2", "x3", "x4")),
            "4 of 5 record ids to forget do not exist in data set 'toy': 'x1', 'x2', 'x3' and 1 more",
            "ids there look like 'r00', 'r01' and 10 more; if the first line",
        ),
        (ForgetList("lesion_id", ("",)), "1 of 1 lesion_id ids to forget do not exist in data set 'toy': ''", "ids"),
        (
            ForgetList(None, ("r00", "r06", "r09", "r10")),
            "3 of 4 record ids to forget have no record in train (1 in validation and 2 in test): 'r06', 'r09', 'r10'",
            "there is nothing to unlearn",
        ),
        (
            ForgetList("lesion_id", ("a", "e")),
            "1 of 2 lesion_id ids to forget have no record in train (1 in test): 'e'",
            "there is nothing to unlearn",
        ),
        (
            ForgetList("patient_id", ("p",)),
            "names records by 'patient_id', which data set 'toy' has not; its columns are 'lesion_id', 'sex'",
            "name the records themselves by 'id'",
        ),
        (
            ForgetList(None, tuple(f"r{i:02}" for i in range(6))),
            "the request names all 6 training records: nothing would be left to retain",
            "withdraw the model",
        ),
        (
            ForgetList(None, ("r01", "r04")),
            "the request names all training records of class 'melanoma' (2): nothing of it would be left to retain",
            "take the class out of the task",
        ),
    ],
)
def test_a_request_that_cannot_be_honoured_is_refused(make_dataset, request_, message, hint):
    with pytest.raises(CaseError) as refusal:
        resolve_forget(make_dataset(), request_)
    assert message in refusal.value.message
    assert (hint or "") in (refusal.value.hint or "")


def test_losing_an_original_class_is_noted_where_two_classes_remain(make_dataset):
    mapped = binarise(make_dataset(groups={}), ("melanoma", "keratosis"))
    assert tuple(map(str, resolve_forget(mapped, ForgetList(None, ("r01", "r04"))).notes)) == (
        "no training record of the original class 'melanoma' (2) is retained",
    )


def test_lesions_of_dermamnist_resolve_to_their_training_images(real_file):
    dataset = load_dataset("dermamnist", real_file("dermamnist_rebuilt_28.npz"))
    lesions = dataset.groups["lesion_id"][dataset.select("train")][:100]
    forgotten = resolve_forget(dataset, ForgetList("lesion_id", tuple(lesions.tolist())))
    assert forgotten.mask.tolist() == (np.isin(dataset.groups["lesion_id"], lesions) & dataset.select("train")).tolist()


# The commitment


def test_a_commitment_is_hmac_sha256_over_the_sorted_ids():
    """Computed apart: printf '["a","b"]' | openssl dgst -sha256 -mac HMAC -macopt hexkey:<SALT>."""
    assert commit(["b", "a"], SALT) == "57665316f8b331274a5aa87966d61480c751267c2ff13c99836b5b771c14be6d"


def test_order_and_repetition_do_not_matter_but_ids_and_salt_do():
    assert commit(["b", "a", "b"], SALT) == commit(["a", "b"], SALT)
    assert len({commit(["a", "b"], SALT), commit(["ab"], SALT), commit(["a", "b"], SALT[::-1])}) == 3


def test_ids_cannot_run_into_one_another():
    assert commit(["a\nb"], SALT) != commit(["a", "b"], SALT)
    assert commit(['a","b'], SALT) != commit(["a", "b"], SALT)


def test_composed_and_decomposed_letters_are_the_same_id():
    assert commit(["Mu\u0308ller"], SALT) == commit(["M\u00fcller"], SALT)


@pytest.mark.parametrize(
    ("ids", "salt", "message"),
    [
        ([], SALT, "expected ids to commit to, found none"),
        (["a"], "", "expected a salt of at least 32 hexadecimal digits, found 0"),
        (["a"], SALT[:30], "expected a salt of at least 32 hexadecimal digits, found 30"),
        (["a"], "salt" * 10, "expected a salt of hexadecimal digits, found others"),
    ],
)
def test_a_commitment_that_hides_nothing_is_refused(ids, salt, message):
    with pytest.raises(CaseError) as refusal:
        commit(ids, salt)
    assert refusal.value.message == message


def test_salts_are_long_and_never_the_same():
    assert len(draw_salt()) == 64
    assert draw_salt() != draw_salt()


def test_the_request_tells_counts_and_no_identity(make_dataset):
    dataset = make_dataset()
    forgotten = resolve_forget(dataset, ForgetList("lesion_id", ("a",)))
    request = build_request(dataset, forgotten, (1,), SALT)
    assert request.model_dump() == {
        "by": "lesion_id",
        "count": 2,
        "positive": 1,
        "fraction": 2 / 6,
        "commitment": commit(["r00", "r01"], SALT),
        "salt": SALT,
    }
