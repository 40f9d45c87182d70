"""What is kept of one question: nothing is computed anew, and everything can be written down."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

from qalens.errors import InputError, ModelError
from qalens.readings.reading import FailedReading, Reading
from qalens.spans.decision import decide
from qalens.spans.distribution import span_distribution
from qalens.testing import planted_reading
from qalens.text.examples import Example

QUESTION, CONTEXT = "Who kept the lamp?", "Ada kept the lamp in the lamp room."


def reading(answer: str | None = "Ada", **options) -> Reading:
    return planted_reading(QUESTION, CONTEXT, answer=answer, **options)


def test_a_reading_gives_what_its_records_hold():
    r = reading(null=4.0, strength=6.0)
    assert (r.question, r.context) == (QUESTION, CONTEXT)
    assert r.answer is r.decision.answer
    assert r.answer.text == "Ada"
    assert r.no_answer_probability == r.spans.null_probability
    assert r.margin == r.decision.margin == -4.0
    assert r.error is None


@pytest.mark.parametrize("threshold", [-50, -4.0, -3.9, 0.0, math.inf, -math.inf])
def test_another_threshold_changes_the_decision_and_nothing_else(threshold):
    before = reading(null=4.0, strength=6.0)
    after = before.with_threshold(threshold)
    assert after.decision == decide(before.spans, threshold=threshold)
    assert (after.answer is not None) == (threshold >= -4.0)
    for name in ("example", "windows", "logits", "spans", "max_answer_length"):
        assert getattr(after, name) is getattr(before, name)
    assert before.decision.threshold == 0.0


def test_a_threshold_that_is_no_number_is_refused():
    with pytest.raises(InputError, match=r"^threshold has to be a number of logits, but is 'low'\.$"):
        reading().with_threshold("low")


# --- plain numbers ----------------------------------------------------------------------------------------------


def test_a_reading_as_plain_numbers():
    r = replace(reading(null=4.0, strength=6.0), example=Example(QUESTION, CONTEXT, id="q1"))
    found = r.to_dict(2)
    best = {"text": "Ada", "start": 0, "end": 3, "score": 12.0, "window": 0}
    assert found["answer"] == found["spans"][0] == {**best, "probability": r.answer.probability}
    assert len(found["spans"]) == 2
    assert {k: v for k, v in found.items() if k not in ("answer", "spans")} == {
        "id": "q1",
        "question": QUESTION,
        "context": CONTEXT,
        "no_answer_probability": r.no_answer_probability,
        "margin": -4.0,
        "threshold": 0.0,
        "null_score": 8.0,
    }


@pytest.mark.parametrize(
    ("context", "answer", "options", "infinite"),
    [
        (CONTEXT, "Ada", {}, set()),
        (CONTEXT, None, {}, set()),
        (CONTEXT, "Ada", {"threshold": math.inf}, {"threshold"}),
        (CONTEXT, "Ada", {"threshold": -math.inf}, {"threshold"}),
        ("\x00", None, {}, {"margin"}),
        (CONTEXT, "Ada", {"null": -math.inf}, {"margin", "null_score"}),
    ],
)
def test_it_is_json_and_what_is_infinite_is_none(context, answer, options, infinite):
    found = planted_reading(QUESTION, context, answer=answer, **options).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {k for k in ("margin", "threshold", "null_score") if found[k] is None} == infinite


@pytest.mark.parametrize(("k", "count"), [(0, 0), (1, 1), (5, 5), (10**6, len(reading().spans))])
def test_it_holds_as_many_spans_as_asked_for(k, count):
    assert len(reading().to_dict(k)["spans"]) == count


# --- keeping ----------------------------------------------------------------------------------------------------


def test_a_pickled_reading_comes_back_whole():
    before = planted_reading(QUESTION, CONTEXT * 5, answer="Ada", max_length=32)
    after = pickle.loads(pickle.dumps(before))
    assert len(after.windows) > 1
    assert (after.example, after.decision, after.max_answer_length) == (
        before.example,
        before.decision,
        before.max_answer_length,
    )
    assert after.logits.windows is after.windows
    for record in ("windows", "logits", "spans"):
        old, new = getattr(before, record), getattr(after, record)
        for field in fields(old):
            a, b = getattr(old, field.name), getattr(new, field.name)
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype
                assert (a == b).all(), (record, field.name)
            elif field.name == "model_inputs":
                assert {name: x.tolist() for name, x in a.items()} == {
                    name: x.tolist() for name, x in b.items()
                }
            elif field.name != "windows":
                assert a == b, (record, field.name)
    assert after.to_dict() == before.to_dict()
    # The distribution can be made again from what was kept.
    again = span_distribution(after.logits, max_answer_length=after.max_answer_length)
    assert again.score.tolist() == before.spans.score.tolist()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Ada", r"Reading('Who kept the lamp?': 'Ada', P = 1.000)"),
        (None, r"Reading('Who kept the lamp?': no answer, P(no answer) = 1.000)"),
    ],
)
def test_a_reading_says_what_was_asked_and_answered(answer, said):
    assert repr(reading(answer)) == said


# --- what failed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "id"),
    [(Example("", CONTEXT, id="q1"), "q1"), (Example("", CONTEXT), None), (("", CONTEXT), None), (3, None)],
)
@pytest.mark.parametrize("error", [InputError("The question is empty."), ModelError("The model gave nan.")])
def test_a_failed_reading_has_a_reason_and_no_answer(given, id, error):
    failed = FailedReading(given, error)
    assert failed.answer is None
    assert failed.error is error
    assert failed.to_dict() == {"id": id, "answer": None, "error": str(error)}
    assert json.loads(json.dumps(failed.to_dict())) == failed.to_dict()
    assert repr(failed) == f"FailedReading({error})"


def test_a_failed_reading_can_be_pickled():
    failed = pickle.loads(pickle.dumps(FailedReading(("", CONTEXT), InputError("The question is empty."))))
    assert (failed.given, type(failed.error), str(failed.error)) == (
        ("", CONTEXT),
        InputError,
        "The question is empty.",
    )
