"""Prediction: float64, complete, and without a trace in the model."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import nn

from unlearn_audit.errors import CaseError
from unlearn_audit.training import count_classes, predict_log_probs


class Fixed(nn.Module):
    """Answers with whatever it was given."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer(x)


def test_predictions_are_the_log_softmax_of_the_logits_in_float64(make_model, records):
    model = make_model().eval()
    expected = log_softmax(model(records.x).detach().numpy().astype(np.float64), axis=1)
    actual = predict_log_probs(model, records.x)
    assert actual.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_a_confident_answer_keeps_its_odds():
    """In float32 the larger probability rounds to one and its log to zero."""
    model = Fixed(lambda x: torch.tensor([[60.0, 0.0]]).expand(len(x), 2))
    actual = predict_log_probs(model, torch.zeros(1, 1))
    assert actual[0, 1] == -60.0
    assert predict_log_probs(Fixed(lambda x: torch.tensor([[30.0, 0.0]])), torch.zeros(1, 1))[0, 0] == pytest.approx(
        -np.log1p(np.exp(-30.0)), rel=1e-3
    )


def test_a_prediction_does_not_depend_on_the_other_records_of_its_batch(make_model, records):
    model = make_model().train()
    whole, single = (predict_log_probs(model, records.x, batch=batch) for batch in (512, 1))
    np.testing.assert_allclose(whole, single, atol=1e-5)


def test_the_model_is_left_as_it_was_even_with_mixed_modes(normalised, records):
    model = normalised().train()
    model[1].eval()
    before = [value.clone() for value in model.state_dict().values()]
    predict_log_probs(model, records.x)
    assert [module.training for module in model.modules()] == [True, True, False, True, True]
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))
    assert all(weight.grad is None for weight in model.parameters())


def test_the_mode_is_restored_when_predicting_fails(normalised):
    model = normalised().train()
    with pytest.raises(RuntimeError):
        predict_log_probs(model, torch.zeros(3, 99))
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_answers_that_are_no_numbers_are_refused_with_their_row(bad):
    def answer(x):
        return torch.where(x > 6, torch.tensor(bad), x).expand(len(x), 2)

    with pytest.raises(CaseError, match="for 3 of 10 records, the first at row 7"):
        predict_log_probs(Fixed(answer), torch.arange(10.0).reshape(10, 1), batch=4)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (lambda x: x[:, 0], r"found \(3,\)"),
        (lambda x: x[:, :1], r"found \(3, 1\)"),
        (lambda x: x[:2], r"found \(2, 4\)"),
        (lambda x: (x, x), "found tuple"),
    ],
)
def test_answers_that_are_no_logits_are_refused(answer, found):
    with pytest.raises(CaseError, match=found):
        predict_log_probs(Fixed(answer), torch.zeros(3, 4))


def test_predicting_nothing_is_refused(plain):
    with pytest.raises(CaseError, match="found none"):
        predict_log_probs(plain(), torch.zeros(0, 6))


def test_the_number_of_classes_is_read_off_the_model(plain, some_records):
    assert count_classes(plain(classes=5), some_records(classes=3)) == 5
