"""A reading in a terminal: what it says, and that it keeps to its columns."""

from __future__ import annotations

import math

import pytest

from qalens.testing import planted_reading
from qalens.views.text import _columns, reading_text

TEXT = "Ada kept the lamp of the lamp room."


def test_an_answer_is_said_with_its_probability_and_its_rivals():
    reading = planted_reading("Who kept it?", TEXT, answer="Ada")
    lines = reading_text(reading, k=3).splitlines()
    assert lines[1] == "answer     Ada   P = 1.000"
    assert [line.split()[0] for line in lines[4:7]] == ["1", "2", "3"]
    assert "so the best span is the answer" in lines[-1]


def test_a_rejected_span_is_never_said_to_be_the_answer():
    said = reading_text(planted_reading("Who?", TEXT, answer="Ada", threshold=-50))
    assert "answer     no answer" in said
    assert "above it, so there is no answer" in said


def test_a_text_without_a_token_says_so():
    said = reading_text(planted_reading("Who?", "\x00", answer=None))
    assert "no token that could be an answer" in said


@pytest.mark.parametrize("threshold", [math.inf, 0.0])
@pytest.mark.parametrize("answer", ["the lamp of the lamp room", "灯台守は嵐の夜に塔を登った" * 4])
def test_every_line_keeps_to_the_width(answer, threshold):
    reading = planted_reading("Who kept it, and why? " * 9, f"Ada {answer}.", answer=answer.split()[0])
    for line in reading_text(reading.with_threshold(threshold)).splitlines():
        assert _columns(line) <= 88


def test_a_text_cannot_rearrange_the_terminal():
    hostile = "Ada \x1b[31m kept \u202e the \u200b lamp\r\nroom"
    said = reading_text(planted_reading(f"Who{hostile}", hostile, answer=None))
    assert not set(said) & set("\x1b\u202e\u200b\r")
