"""What is shown of many documents read for one question."""

from __future__ import annotations

import math

import numpy as np

from qalens.display.content.heading import document_name, heading
from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import count, logit, percent, probability
from qalens.display.parts import (
    Cell,
    Content,
    DecisionLine,
    Quote,
    Row,
    Segment,
    Sentence,
    Table,
)
from qalens.display.wording import HOW_TO_READ, margin_sentence
from qalens.readings.documents import DocumentsReading
from qalens.readings.joined import JoinedReading
from qalens.readings.provenance import DocumentAnswer
from qalens.readings.reading import FailedReading
from qalens.spans.distribution import Answer
from qalens.text.examples import CharSpan

_MOST_DOCUMENTS = 12
_MOST_SPANS = 8
_MOST_FAILED = 5
_AROUND = 60  # characters of the document on either side of a span
_RULE_WORDS = {"min": "smallest", "mean": "mean", "max": "largest"}


def content(reading: DocumentsReading) -> Content:
    """The answer and its document, the documents by where the answer is, and the best spans with the words around them.

    >>> from qalens.readings.documents import join_readings
    >>> from qalens.readings.provenance import Document
    >>> from qalens.testing import planted_reading
    >>> text = "Ada kept the lamp."
    >>> reading = join_readings("Who?", [Document(text)], [planted_reading("Who?", text, answer="Ada")])
    >>> content(reading).parts[0].said
    'Ada'
    """
    parts: list[object] = [heading(reading), _documents(reading), _spans(reading), *_no_answer(reading)]
    caption = (
        "One distribution runs over all spans of all documents and no answer, so their probabilities can be compared. "
        f"The null score is the {_RULE_WORDS[reading.null]} of all windows of all documents. A retrieval score tells how "
        "a document was found; it does not enter a probability."
    )
    return Content(
        clip(reading.question, 120), (*parts, *_failed(reading), Sentence(caption, HOW_TO_READ, "caption"))
    )


def _failed_words(reading: DocumentsReading) -> str:
    n = len(reading.failed)
    return f", {n:,} of them not read" if n else ""


def _documents(reading: DocumentsReading) -> Table:
    """A bar for each document: the probability that the answer is there."""
    p = reading.document_probabilities
    ranked = np.argsort(-p, kind="stable").tolist()
    order = [d for d in ranked if reading.readings[d].error is None][:_MOST_DOCUMENTS]
    retrieved = any(one.score is not None for one in reading.documents)
    columns = ["document", "P(answer is here)", *(["retrieval score"] if retrieved else []), "its best span"]
    rows = tuple(_document_row(reading, d, float(p[d]), retrieved) for d in order)
    hidden = sum(one.error is None for one in reading.readings) - len(rows)
    return Table(
        "Documents",
        f"where the answer is, of {count(len(reading), 'document')}{_failed_words(reading)}",
        tuple(columns),
        rows,
        kind="documents",
        note=f"and {count(hidden, 'document')} more" if hidden else "",
    )


def _document_row(reading: DocumentsReading, d: int, p: float, retrieved: bool) -> Row:
    document, one = reading.documents[d], reading.readings[d]
    best = None if isinstance(one, FailedReading) else one.decision.best
    taken = reading.answer is not None and reading.answer.document == d
    score = [] if not retrieved else ["" if document.score is None else f"{document.score:.2f}"]
    return _place_row(document_name(document.id, d), p, score, best, taken)


def _place_row(name: str, p: float, score: list[str], best: Answer | None, taken: bool) -> Row:
    tip = f"{percent(p)} that the answer is in this document"
    cells = (
        Cell(Quote(clip_middle(name, 48))),
        Cell(probability(p), bar=(Segment(0.0, 100 * p, "answer"),), tip=tip),
        *map(Cell, score),
        Cell("" if best is None else Quote(clip_middle(best.text, 40))),
    )
    return Row(cells, "taken" if taken else "")


def places(reading: JoinedReading) -> tuple[Table, list[Answer | None]]:
    """All documents of a joined text by the probability that the answer is there, and the best span of each.

    >>> from qalens.readings.documents import join_readings
    >>> from qalens.readings.provenance import Document
    >>> from qalens.testing import planted_reading
    >>> text = "Ada kept the lamp."
    >>> whole = join_readings("Who?", [Document(text, id="log")], [planted_reading("Who?", text, answer="Ada")])
    >>> places(whole.joined())[0].rows[0].cells[0].text
    'log'
    """
    p, answer = reading.document_probabilities(), reading.answer
    order = np.argsort(-p, kind="stable").tolist()
    best = [_best_of(reading, d) for d in order]
    taken = None if answer is None else reading.document_at(answer.span.start)
    rows = tuple(
        _place_row(reading.name_of(d), float(p[d]), [], one, d == taken)
        for d, one in zip(order, best, strict=True)
    )
    columns = ("document", "P(answer is here)", "its best span")
    about = "the probability that each holds the answer, and its best span"
    return Table("Documents", about, columns, rows, kind="documents"), best


def _best_of(reading: JoinedReading, d: int) -> Answer | None:
    place, spans = reading.places[d], reading.spans
    first, last = np.searchsorted(spans.start, [place.start, place.end])
    return spans.at(int(first + spans.score[first:last].argmax())) if first < last else None


def _spans(reading: DocumentsReading) -> Table:
    """The best spans of all documents, each with the words around it; those that are answers stand out."""
    taken = {_where(place.best) for place in reading.answers() if place.taken}
    rows = tuple(
        Row(
            (
                around(str(answer.source.text), answer),
                Cell(probability(answer.probability)),
                Cell(logit(answer.score)),
                Cell(Quote(clip_middle(document_name(answer.id, answer.document), 32))),
            ),
            "taken" if _where(answer) in taken else "",
        )
        for answer in reading.top(_MOST_SPANS)
    )
    columns = ("span", "P", "score", "document")
    return Table("Spans", "the best of all documents", columns, rows, kind="placed", aside=True)


def _where(answer: Answer) -> tuple[int, CharSpan] | None:
    return (answer.document, answer.span) if isinstance(answer, DocumentAnswer) else None


def around(text: str, answer: Answer) -> Cell:
    """A span with the words around it."""
    span = answer.span
    before = " ".join(text[max(0, span.start - _AROUND) : span.start].split())
    after = " ".join(text[span.end : span.end + _AROUND].split())
    before = f"{'…' if span.start > _AROUND else ''}{before} " if before else ""
    space = " " if after and text[span.end : span.end + 1].isspace() else ""
    after = f"{space}{after}{'…' if span.end + _AROUND < len(text) else ''}"
    return Cell(Quote(clip_middle(answer.text, 120)), before=Quote(before), small=Quote(after))


def _no_answer(reading: DocumentsReading) -> list[object]:
    none = percent(reading.no_answer_probability)
    parts: list[object] = [Sentence(f"{none} probability that no document holds one.", "Is there an answer?")]
    if math.isfinite(reading.margin):
        parts.append(DecisionLine(reading.margin, reading.decision.threshold))
    if reading.decision.best is None:
        return [*parts, Sentence("No document holds a token that could be an answer.")]
    return [*parts, Sentence(margin_sentence(reading.decision, reading.null_score))]


def _failed(reading: DocumentsReading) -> list[Table]:
    if not reading.failed:
        return []
    rows = [
        Row(
            (
                Cell(Quote(clip(document_name(reading.documents[d].id, d), 48))),
                Cell(Quote(clip(str(one.error), 160))),
            )
        )
        for d, one in reading.failed[:_MOST_FAILED]
    ]
    hidden = len(reading.failed) - len(rows)
    note = f"and {count(hidden, 'document')} more" if hidden else ""
    about = count(len(reading.failed), "document")
    return [Table("Not read.", about, ("document", "why"), tuple(rows), kind="given", note=note, aside=True)]
