"""The head of every picture of a reading: what was asked, what was said with the probability of its place, or why nothing."""

from __future__ import annotations

import numpy as np

from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import percent
from qalens.display.parts import Heading, Line, Quote
from qalens.display.wording import abstention
from qalens.readings.documents import DocumentsReading
from qalens.readings.joined import JoinedReading
from qalens.readings.provenance import DocumentAnswer
from qalens.readings.reading import Reading
from qalens.spans.distribution import Answer
from qalens.text.examples import NO_ANSWER

_QUESTION = 1_000  # columns of a question
_ANSWER = 300
_NAME = 120  # of the name of a document


def heading(reading: Reading | DocumentsReading) -> Heading:
    """The question, and the answer with the probability of its place, or no answer and why.

    >>> from qalens.testing import planted_reading
    >>> shown = heading(planted_reading("Who?", "Ada kept the lamp.", answer="Ada", strength=2))
    >>> shown.said, shown.number, shown.notes
    ('Ada', '88.4%', ('probability that the answer is here', '57.4% for exactly these words'))
    """
    asked, answer = Quote(clip(reading.question, _QUESTION)), reading.answer
    if answer is None:
        none = percent(reading.no_answer_probability)
        return Heading(asked, NO_ANSWER, none, "none", ("probability of no answer",), (abstention(reading),))
    notes = (
        *_where(reading, answer),
        "probability that the answer is here",
        f"{percent(answer.probability)} for exactly these words",
    )
    place = percent(place_probability(reading, answer))
    return Heading(asked, Quote(clip(answer.text, _ANSWER)), place, "answer", notes)


def place_probability(reading: Reading | DocumentsReading, answer: Answer) -> float:
    """The probability of the place of a span: of it and of all spans that share a character with it.

    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who?", "Ada kept the lamp.", answer="Ada", strength=2)
    >>> place_probability(reading, reading.answer) > reading.answer.probability
    True
    """
    if isinstance(reading, DocumentsReading):
        assert isinstance(answer, DocumentAnswer)
        one, log_normalizer = reading.readings[answer.document], reading.log_normalizer
        assert isinstance(one, Reading)
        spans = one.spans
    else:
        spans, log_normalizer = reading.spans, reading.spans.log_normalizer
    near = (spans.start < answer.span.end) & (spans.end > answer.span.start)
    return min(1.0, float(np.exp(spans.score[near] - log_normalizer).sum()))


def document_name(id: object, number: int) -> str:
    """What a document is called: its id, or its number, counted from 1.

    >>> document_name(None, 0), document_name("log", 0)
    ('document 1', 'log')
    """
    return f"document {number + 1}" if id is None else str(id)


def _where(reading: Reading | DocumentsReading, answer: Answer) -> tuple[Line, ...]:
    """The document of an answer, where there are several."""
    found = reading.in_document(answer) if isinstance(reading, JoinedReading) else answer
    if not isinstance(found, DocumentAnswer):
        return ()
    return (("in ", Quote(clip_middle(document_name(found.id, found.document), _NAME))),)
