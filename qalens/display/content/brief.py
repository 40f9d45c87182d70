"""A page for people who only want the answers: what was asked, what was answered, where it is from, how sure, or why none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qalens.display.content.documents import around
from qalens.display.content.heading import document_name, place_probability
from qalens.display.labels import clip
from qalens.display.numbers import count, percent
from qalens.display.parts import Cell, Content, Heading, Quote, Row, Sentence, Table
from qalens.errors import InputError, shown
from qalens.readings.documents import DocumentsReading
from qalens.readings.provenance import DocumentAnswer
from qalens.readings.reading import FailedReading, Reading
from qalens.spans.distribution import Answer
from qalens.text.examples import NO_ANSWER, Example

_SURE = ((0.9, "very sure"), (0.7, "fairly sure"), (0.4, "unsure"), (0.0, "a guess"))


def content(readings: Sequence[Any]) -> Content:
    """One row for each question, in plain words.

    >>> from qalens.testing import planted_reading
    >>> said = [planted_reading("Who kept it?", "Ada kept the lamp.", answer=answer) for answer in ("Ada", None)]
    >>> content(said).of(Heading)[0].said
    '1 of 2 questions answered'
    """
    if not readings:
        raise InputError("There is nothing to show: the list of readings is empty.")
    rows = tuple(_row(k, one) for k, one in enumerate(readings))
    answered = sum(getattr(one, "answer", None) is not None for one in readings)
    said = f"{answered:,} of {count(len(readings), 'question')} answered"
    table = Table("", "", ("question", "answer", "how sure", "where it is from"), rows, kind="brief")
    caption = (
        "Every answer is quoted from a text, with some of the words around it. How sure: the probability that the answer "
        "is in this place. Where there is no answer, the text does not seem to hold one. Check what matters in the text."
    )
    parts = (Heading("Questions and answers", said), table, Sentence(caption, kind="caption"))
    return Content(said, parts)


def _row(number: int, one: Any) -> Row:
    if isinstance(one, FailedReading):
        given = one.given.question if isinstance(one.given, Example) else None
        return Row(
            (
                Cell(Quote(given or f"question {number + 1}")),
                Cell("not read", small=Quote(f" {one.error}")),
                Cell(""),
                Cell(""),
            )
        )
    if not isinstance(one, Reading | DocumentsReading):
        raise InputError(f"A page of answers needs readings, but item {number + 1} is {shown(one)}.")
    asked = Cell(Quote(clip(one.question, 300)))
    if (answer := one.answer) is None:
        return Row(
            (asked, Cell(NO_ANSWER, small=f" {_why(one)}"), Cell(""), Cell(Quote(_source(one)))), "rejected"
        )
    p = place_probability(one, answer)
    sure = Cell(percent(p), small=f" {next(words for least, words in _SURE if p >= least)}")
    return Row((asked, around(_text(one, answer), answer), sure, Cell(Quote(_source(one)))), "taken")


def _text(one: Any, answer: Answer | DocumentAnswer) -> str:
    return str(answer.source.text) if isinstance(answer, DocumentAnswer) else one.context


def _why(one: Reading | DocumentsReading) -> str:
    none = percent(one.no_answer_probability)
    what = "the text does not seem to" if isinstance(one, Reading) else "none of the documents seems to"
    return f"{what} answer this ({none})"


def _source(one: Reading | DocumentsReading) -> str:
    """The whole id of the document or of the example."""
    if isinstance(one, DocumentsReading):
        if isinstance(one.answer, DocumentAnswer):
            return document_name(one.answer.id, one.answer.document)
        return count(len(one), "document")
    return "" if one.example.id is None else str(one.example.id)
