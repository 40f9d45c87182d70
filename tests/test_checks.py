"""Options take every number that is one, numpy's too, and refuse the rest by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from qalens.checks import check_seed, is_number, is_whole
from qalens.display import to_text
from qalens.errors import InputError
from qalens.evaluation.bootstrap import resample_weights
from qalens.reader import Reader
from qalens.testing import planted_reading, toy_model, toy_tokenizer

NUMPY = [np.int64(40), np.int8(40), np.uint16(40), np.int32(40)]
ODD = ["x", None, True, 1.0, -1, 2**70, [1], np.bool_(True), float("nan"), np.float64(3)]


@pytest.mark.parametrize(
    "option", ["max_length", "stride", "max_answer_length", "batch_tokens", "max_memory"]
)
@pytest.mark.parametrize("value", NUMPY, ids=lambda value: type(value).__name__)
def test_whole_numbers_of_numpy_are_taken(option, value):
    options = {"max_length": 200, option: value}
    if option == "max_memory":
        options[option] = np.int64(10**9)
    reader = Reader(toy_model(), toy_tokenizer(), **options)
    assert reader.read("Who?", "Ada kept the lamp.").error is None
    assert json.loads(json.dumps(reader.options))[option] == options[option]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"null": ["min"]}, 'null has to be "min", "mean" or "max"'),
        ({"null": {}}, 'null has to be "min", "mean" or "max"'),
        ({"null": None}, 'null has to be "min", "mean" or "max"'),
        ({"threshold": 10**400}, "threshold has to be a number of logits"),
        ({"threshold": "1"}, "threshold has to be a number of logits"),
        ({"threshold": float("nan")}, "threshold has to be a number of logits"),
        ({"max_answer_length": 2**70}, "max_answer_length has to be a whole number"),
        ({"max_answer_length": 2.5}, "max_answer_length has to be a whole number"),
        ({"batch_tokens": 2**70}, "batch_tokens has to be a whole number"),
        ({"max_length": 2**70}, "max_length has to be a whole number"),
        ({"stride": np.bool_(True)}, "stride has to be a whole number"),
    ],
    ids=str,
)
def test_options_that_cannot_work_are_refused_by_name(options, message):
    with pytest.raises(InputError, match=message):
        Reader(toy_model(), toy_tokenizer(), **options)


@pytest.mark.parametrize("value", ODD, ids=str)
def test_what_is_no_seed_is_refused(value):
    with pytest.raises(InputError, match="seed has to be a whole number from 0 on"):
        check_seed(value)
    with pytest.raises(InputError, match="seed has to be a whole number from 0 on"):
        next(resample_weights(3, 2, value))


def test_truth_values_are_no_numbers():
    assert not is_whole(np.bool_(True))
    assert not is_number(np.bool_(True))
    assert not is_number(True)
    assert is_number(np.float32(0.5))
    assert is_number(np.int8(3))


def test_a_longest_answer_without_limit_is_one():
    reader = Reader(toy_model(), toy_tokenizer(), max_answer_length=2**63 - 1)
    assert len(reader.read("Who?", "Ada kept the lamp.").spans) > 1


@pytest.mark.parametrize("width", [42, 0, -5, 60.5, "80", 2**70])
def test_a_page_of_text_is_wide_enough_for_its_numbers(width):
    reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    with pytest.raises(InputError, match="width has to be a whole number of columns from 48 on"):
        to_text(reading, width=width)
    assert "Ada" in to_text(reading, width=48)
