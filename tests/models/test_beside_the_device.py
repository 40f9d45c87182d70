"""What is done while a device computes: the same readings in the same order, by one thread that ends with the work."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest

from qalens.models import batches
from qalens.models.batches import Stages
from qalens.models.model import QAModel
from qalens.progress import HowFar, listening
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer

PAIRS = [(f"Who kept lamp {k}?", f"Ada kept it. Room {k} was to let. " * (1 + k % 4)) for k in range(14)]
PAIRS[5] = ("Who?", "")
PAIRS[8:8] = [("Who?", " ")] * 4  # a chunk of nothing but these


@pytest.fixture
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=48)


@pytest.fixture
def beside(monkeypatch):
    monkeypatch.setattr(batches, "_CHUNK_WINDOWS", 4)
    monkeypatch.setattr(Stages, "_has_own_device", property(lambda _: True))


def threads() -> list[str]:
    # An explorer of another test may still have its own.
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("qalens") and name != "qalens-work"]


def test_readings_are_the_same_and_in_order(reader, monkeypatch):
    expected = list(reader.read_many(PAIRS))
    monkeypatch.setattr(batches, "_CHUNK_WINDOWS", 4)
    monkeypatch.setattr(Stages, "_has_own_device", property(lambda _: True))
    found = list(reader.read_many(PAIRS))
    assert [str(one.error) for one in found] == [str(one.error) for one in expected]
    for one, other in zip(found, expected, strict=True):
        if one.error is None:
            assert one.example == other.example
            np.testing.assert_allclose(one.logits.start, other.logits.start, rtol=0, atol=1e-4)
    assert not threads()


def test_the_caller_alone_takes_items_and_runs_the_model(reader, beside):
    seen = set()
    reader.model.plain.register_forward_hook(lambda *_: seen.add(threading.get_ident()))

    def items():
        for pair in PAIRS:
            seen.add(threading.get_ident())
            yield pair

    assert len(list(reader.read_many(items()))) == len(PAIRS)
    assert seen == {threading.get_ident()}


def test_no_more_than_two_chunks_are_taken_ahead(reader, beside):
    taken = []

    def items():
        for k in range(1000):
            taken.append(k)
            yield "Who?", "Ada kept it."

    readings = reader.read_many(items())
    for read in range(1, 41):
        next(readings)
        assert len(taken) <= read + 3 * 4
    readings.close()
    assert not threads()


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), ZeroDivisionError("the database went away")])
def test_an_interrupt_and_an_error_of_the_users_generator_end_the_thread(reader, beside, fault):
    def items():
        yield from PAIRS[:9]
        raise fault

    with pytest.raises(type(fault)):
        list(reader.read_many(items()))
    assert not threads()


def test_a_ctrl_c_during_a_pass_ends_the_thread(reader, beside):
    calls = []

    def interrupt(*_):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt

    reader.model.plain.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(reader.read_many(PAIRS))
    assert not threads()


def test_warnings_and_progress_reach_the_caller(reader, beside):
    told: list[HowFar] = []
    with listening(told.append), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(reader.read_many([("Who " * 60 + "?", "Ada kept it.")], progress=False))
    assert "the end of the question is cut" in str(caught[0].message)
    assert told[-1].done == 1


def test_a_batch_is_begun_before_the_one_before_it_is_waited_for():
    model, events = QAModel(toy_model()), []
    begin = model.begin

    def noted(inputs):
        number = sum(kind == "begun" for kind, _ in events)
        events.append(("begun", number))
        logits = begin(inputs)

        def arrive():
            events.append(("there", number))
            return logits()

        return arrive

    reader = Reader(model, toy_tokenizer(), max_length=48, batch_tokens=20)
    pairs = [("Who?", "Ada kept it in the room.")] * 4
    list(reader.read_many(pairs))  # compares lengths
    model.begin = noted
    list(reader.read_many(pairs))
    order = [("begun", 0)]
    for k in range(1, 4):
        order += [("begun", k), ("there", k - 1)]
    assert events == [*order, ("there", 3)]
