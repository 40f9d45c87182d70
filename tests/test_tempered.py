"""A temperature in the head: all logits divided, decisions as before, and everything that explains follows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from qalens.errors import InputError
from qalens.models.model import QAModel
from qalens.models.temperature import tempered_model
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer

QUESTION, TEXT = "Who kept the lamp?", "Ada kept the lamp. Tom slept by the door."


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), threshold=0.5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7, 8])
def test_all_logits_are_divided_and_the_decision_stays(reader, temperature):
    before, after = (one.read(QUESTION, TEXT) for one in (reader, reader.with_temperature(temperature)))
    for side in ("start", "end"):
        assert getattr(after.logits, side) == pytest.approx(
            getattr(before.logits, side) / temperature, abs=1e-5
        )
    assert after.margin == pytest.approx(before.margin / temperature, abs=1e-5)
    assert (after.answer and after.answer.text) == (before.answer and before.answer.text)
    assert after.decision.best.span == before.decision.best.span
    assert after.decision.threshold == 0.5 / temperature


def test_the_first_model_stays_as_it_was_and_all_weights_are_shared(reader):
    before = reader.read(QUESTION, TEXT)
    warm = reader.with_temperature(3.0)
    assert np.array_equal(reader.read(QUESTION, TEXT).logits.start, before.logits.start)
    assert warm.model.module is reader.model.module
    assert warm.model.note == "temperature 3"


def test_temperatures_multiply(reader):
    twice = reader.with_temperature(2.0).with_temperature(4.0)
    assert twice.read(QUESTION, TEXT).margin == pytest.approx(reader.read(QUESTION, TEXT).margin / 8)
    assert twice.model.fingerprint == reader.with_temperature(8).model.fingerprint


def test_a_reading_knows_which_of_the_two_models_made_it(reader):
    warm = reader.with_temperature(2.0)
    with pytest.raises(InputError):
        warm.attribute(reader.read(QUESTION, TEXT))
    reading = warm.read(QUESTION, TEXT)
    attribution = warm.attribute(reading)
    assert attribution.diagnostics.value == pytest.approx(reading.decision.best.score, abs=1e-4)
    assert warm.logit_lens(reading).start[-1] == pytest.approx(reading.logits.start, abs=1e-4)


def test_half_precision_keeps_its_head_in_float32():
    model = QAModel(toy_model().to(torch.bfloat16))
    warm = tempered_model(model, 2.0)
    first, second = (Reader(one, toy_tokenizer()).read(QUESTION, TEXT) for one in (model, warm))
    assert second.margin == pytest.approx(first.margin / 2, abs=1e-4)


@pytest.mark.parametrize("temperature", [0, -1.0, math.nan, math.inf, True, "2"])
def test_a_temperature_is_a_number_above_zero(reader, temperature):
    with pytest.raises(InputError, match="temperature has to be a number above 0"):
        reader.with_temperature(temperature)


def test_a_module_without_a_linear_head_is_divided_too():
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = toy_model()

        def forward(self, **inputs):
            return self.inner(**inputs)

    model = QAModel(Own())
    first, second = (
        Reader(one, toy_tokenizer()).read(QUESTION, TEXT) for one in (model, tempered_model(model, 2.0))
    )
    assert second.margin == pytest.approx(first.margin / 2, abs=1e-5)


def test_a_threshold_changes_nothing_else(reader):
    moved = reader.with_threshold(-2.0)
    assert moved.model is reader.model
    assert (moved.threshold, moved.max_length) == (-2.0, reader.max_length)
