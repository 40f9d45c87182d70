"""A reading in a terminal: what it says, and that it keeps to its columns."""

from __future__ import annotations

import math

import pytest

from qalens.display import to_text
from qalens.display.labels import columns
from qalens.testing import planted_reading

TEXT = "Ada kept the lamp of the lamp room."


def test_an_answer_is_said_with_its_probability_and_its_rivals():
    reading = planted_reading("Who kept it?", TEXT, answer="Ada")
    lines = to_text(reading).splitlines()
    assert lines[:3] == ["Who kept it?", "Ada  >99.9%", "  probability that the answer is here"]
    head = next(k for k, line in enumerate(lines) if line.startswith("span"))
    assert lines[head + 1].split() == ["Ada", ">0.999", ">0.999", ">0.999", "24.00"]
    assert "[Ada] kept the lamp" in to_text(reading)
    assert "it answers" in to_text(reading)


def test_a_rejected_span_is_never_said_to_be_the_answer():
    said = to_text(planted_reading("Who?", TEXT, answer="Ada", threshold=-50))
    assert said.splitlines()[1].startswith("no answer  ")
    assert "above the threshold −50.00: it" in " ".join(said.split())


def test_a_text_without_a_token_says_so():
    said = to_text(planted_reading("Who?", "\x00", answer=None))
    assert "no token that could be an answer" in said


@pytest.mark.parametrize("threshold", [math.inf, 0.0])
@pytest.mark.parametrize("answer", ["the lamp of the lamp room", "灯台守は嵐の夜に塔を登った" * 4])
def test_every_line_keeps_to_the_width(answer, threshold):
    reading = planted_reading("Who kept it, and why? " * 9, f"Ada {answer}.", answer=answer.split()[0])
    for line in to_text(reading.with_threshold(threshold)).splitlines():
        assert columns(line) <= 88


def test_a_text_cannot_rearrange_the_terminal():
    hostile = "Ada \x1b[31m kept \u202e the \u200b lamp\r\nroom"
    said = to_text(planted_reading(f"Who{hostile}", hostile, answer=None))
    assert not set(said) & set("\x1b\u202e\u200b\r")
