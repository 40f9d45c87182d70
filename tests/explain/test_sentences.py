"""Sentences cover a text without gaps, and end where the rules say."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalens.explain.sentences import split_sentences

SPLITS = {
    "two": ["Ada rowed. ", "Tobias slept."],
    "question and exclamation": ["Who rowed? ", "Ada! ", "Who slept?! ", "Tobias."],
    "several stops": ["She waited… ", "Nothing came."],
    "a title": ["Dr. Marlow met Prof. Lee and St. John. ", "They rowed."],
    "an initial": ["J. Smith rowed. ", "A. B. Lee slept."],
    "initials without blanks": ["The U.S. Navy came. ", "J.R.R. Lee slept."],
    "an abbreviation": ["They (e.g. Tobias) slept. ", "Cf. Lee."],
    "a number": ["It burned 3.5 pints. ", "See No. 5 and p. 7. ", "He said no. ", "Then he left."],
    "a list": ["1. Oil and wicks. ", "2. Coats."],
    "an hour": ["She rose at 4 a.m. ", "It rained."],
    "a lower-case letter": ["It was etc. and so on. ", "Done."],
    "quotation marks": ["“Why?” asked Ada. ", "“Because.” ", "(It rained.) ", "Then it stopped."],
    "a quotation that begins a sentence": ["He said no. ", "“Wait” was all."],
    "lines": ["The Lamp\n", "Ada kept it\n", "1871"],
    "a wrapped line": ["Ada kept\nthe lamp. ", "Tobias slept."],
    "a title at the end of a line": ["It was Dr.\nMarlow."],
    "an empty line": ["the lamp\n\n", "and the bell"],
    "Windows lines": ["The Lamp\r\n", "Ada\r\n\r\n", "and Tobias"],
    "Chinese": ["灯塔很高。", "谁看守？", "艾达！"],
    "Japanese quotation": ["「誰？」", "アダ。」 ", "はい。"],
    "a wide stop before a Latin word": ["灯塔。", "ada rowed."],
    "Hindi": ["वह आई। ", "वह गई।"],
    "no blank": ["Ada rowed.Tobias slept."],
    "blanks around": ["  Ada rowed.  ", "Tobias slept. \n"],
    "one": ["Ada"],
    "no word": ["..."],
}


@pytest.mark.parametrize("pieces", SPLITS.values(), ids=list(SPLITS))
def test_sentences_end_where_the_rules_say(pieces):
    text = "".join(pieces)
    assert [span.of(text) for span in split_sentences(text)] == pieces


@pytest.mark.parametrize("text", ["", " ", "\n\n\t"])
def test_a_text_without_words_has_no_sentence(text):
    assert split_sentences(text) == ()


TEXTS = (
    st.text()
    | st.text('aB. !?\n"。”)”1')
    | st.lists(st.sampled_from(["Dr.", "Ada", "3.5", "U.S.", "e.g.", "。", "\n", " ", "it."])).map(" ".join)
)


@settings(deadline=None)
@given(TEXTS)
def test_the_pieces_join_to_the_text_and_none_is_blank(text):
    pieces = split_sentences(text)
    if text.strip():
        assert "".join(span.of(text) for span in pieces) == text
        assert [a.end for a in pieces[:-1]] == [b.start for b in pieces[1:]]
    else:
        assert pieces == ()
    assert all(span.of(text).strip() for span in pieces)


@pytest.mark.parametrize("unit", [".", " ", "a", "。", '"', "a. ", "A. ", ". .\n"])
def test_the_time_is_linear_in_the_text(unit):
    text = unit * (200_000 // len(unit))
    began = time.monotonic()
    split_sentences(text)
    assert time.monotonic() - began < 20
