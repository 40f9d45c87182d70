"""The documents of a collection as one text, so that whatever takes a reading takes the reading of a collection whole.

The texts follow each other with an empty line between them, and so do their windows; no window and no span reaches
from one document into the next. The spans keep the scores and the normaliser of the collection: P of a span, of a document
and of no answer are the joint ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.readings.provenance import Document, DocumentAnswer
from qalens.readings.reading import FailedReading, Reading
from qalens.spans.decision import decide
from qalens.spans.distribution import Answer, NullRule, SpanDistribution, SpanLogits
from qalens.text.examples import CharSpan, Example
from qalens.text.windows import Role, Windows

GAP = "\n\n"


@dataclass(repr=False, frozen=True, slots=True, eq=False)
class JoinedReading(Reading):
    """The reading of D documents as that of one text, which also knows its documents.

    Made by `DocumentsReading.joined`. The other attributes are those of `Reading`.

    Attributes
    ----------
    documents : tuple of Document, default ()
        The D documents.
    places : tuple of CharSpan, default ()
        The characters of the text that each of them takes; an empty span for one that could not be read.

    Examples
    --------
    >>> from qalens.readings.documents import join_readings
    >>> from qalens.testing import planted_reading
    >>> texts = "Tobias slept.", "Ada kept the lamp."
    >>> readings = [planted_reading("Who?", text, answer=a) for text, a in zip(texts, (None, "Ada"), strict=True)]
    >>> reading = join_readings("Who?", [Document(text) for text in texts], readings).joined()
    >>> reading.answer.span, reading.document_at(reading.answer.span.start), reading.inside(1, reading.answer.span)
    (CharSpan(start=15, end=18), 1, CharSpan(start=0, end=3))
    """

    documents: tuple[Document, ...] = ()
    places: tuple[CharSpan, ...] = ()

    def document_at(self, character: int) -> int:
        """The index of the document that a character belongs to.

        Parameters
        ----------
        character : int
            The position in the whole text.

        Returns
        -------
        int
        """
        return int(np.searchsorted([place.start for place in self.places], character, side="right")) - 1

    def inside(self, document: int, span: CharSpan) -> CharSpan:
        """A span of the whole text in the characters of its document.

        Parameters
        ----------
        document : int
            The index of the document.
        span : CharSpan
            The span in the whole text.

        Returns
        -------
        CharSpan
        """
        start = self.places[document].start
        return CharSpan(span.start - start, span.end - start)

    def in_document(self, answer: Answer) -> DocumentAnswer:
        """An answer with its document, in the characters of the document.

        Parameters
        ----------
        answer : Answer
            An answer in the whole text.

        Returns
        -------
        DocumentAnswer
            Its `window` still counts among all windows.
        """
        d = self.document_at(answer.span.start)
        span = self.inside(d, answer.span)
        numbers = answer.score, answer.probability, answer.window, answer.tokens
        return DocumentAnswer(answer.text, span, *numbers, document=d, source=self.documents[d])

    def name_of(self, document: int) -> str:
        """The name of a document: its id, or its number, counted from 1.

        Parameters
        ----------
        document : int
            The index of the document.

        Returns
        -------
        str
        """
        id = self.documents[document].id
        return f"document {document + 1}" if id is None else str(id)

    def document_probabilities(self) -> NDArray[np.float64]:
        """(D,): the probability that the answer is in each document; with P(∅) they sum to 1.

        Returns
        -------
        ndarray of float64
        """
        total = np.append(0.0, np.cumsum(self.spans.probabilities()))
        first, last = (
            np.searchsorted(self.spans.start, [getattr(place, edge) for place in self.places])
            for edge in ("start", "end")
        )
        return total[last] - total[first]


def join_texts(
    question: str,
    documents: Sequence[Document],
    readings: Sequence[Reading | FailedReading],
    *,
    null: NullRule,
    null_score: float,
    log_normalizer: float,
    threshold: float,
    gold: Sequence[tuple[int, CharSpan]] | None,
) -> JoinedReading:
    """Combine the readings of some documents, one after the other, into one; see `DocumentsReading.joined`.

    Parameters
    ----------
    question : str
        The question.
    documents, readings
        The documents and their readings.
    null : NullRule
        The rule for the null score.
    null_score : float
        The null score of the collection.
    log_normalizer : float
        log Z of the collection.
    threshold : float
        The no-answer threshold, in logits.
    gold : sequence of tuple of (int, CharSpan) or None
        Accepted answers as `gold_places` returns them.

    Returns
    -------
    JoinedReading
    """
    texts = [one.context if isinstance(one, Reading) else "" for one in readings]
    begins = [0, *accumulate(len(text) + len(GAP) for text in texts)]
    places = tuple(CharSpan(start, start + len(text)) for start, text in zip(begins, texts, strict=False))
    accepted = None
    if gold is not None:
        accepted = tuple(CharSpan(begins[d] + span.start, begins[d] + span.end) for d, span in gold)
    example = Example(question, GAP.join(texts), gold=accepted)
    parts = _parts(readings, begins)
    windows = _windows(question, example.context, parts)
    width = windows.role.shape[1]
    logits = SpanLogits(
        windows,
        _stacked(parts, lambda part: part.reading.logits.start, width, 0),
        _stacked(parts, lambda part: part.reading.logits.end, width, 0),
    )
    spans = _spans(example.context, parts, null_score, log_normalizer)
    first = parts[0].reading
    return JoinedReading(
        example,
        windows,
        logits,
        spans,
        decide(spans, threshold=threshold),
        max(part.reading.max_answer_length for part in parts),
        null,
        first.source,
        tuple(documents),
        places,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One reading, which of its windows are kept, and what comes before it: characters, tokens of the text, windows."""

    reading: Reading
    kept: NDArray[np.bool_]
    characters: int
    tokens: int
    windows: int


def _parts(readings: Sequence[Reading | FailedReading], begins: Sequence[int]) -> list[_Part]:
    """The readings that were made. A window without a token of the text holds no span; it stays only where no other is."""
    made = [(one, start) for one, start in zip(readings, begins, strict=False) if isinstance(one, Reading)]
    empty = not any(one.windows.answerable.any() for one, _ in made)
    parts, tokens, windows = [], 0, 0
    for one, start in made:
        kept = np.logical_or(one.windows.answerable.any(axis=1), empty)
        parts.append(_Part(one, kept, start, tokens, windows))
        tokens += int(one.windows.context_index.max(initial=-1)) + 1
        windows += int(kept.sum())
    return parts


def _stacked(parts: Sequence[_Part], values: Callable[[_Part], NDArray], width: int, padding: Any) -> NDArray:
    """The rows of the kept windows of all readings, padded on the right to one width."""
    rows = []
    for part in parts:
        array = values(part)[part.kept]
        edge = [(0, 0), (0, width - array.shape[1]), *[(0, 0)] * (array.ndim - 2)]
        rows.append(np.pad(array, edge, constant_values=padding))
    return np.concatenate(rows)


def _windows(question: str, context: str, parts: Sequence[_Part]) -> Windows:
    width = max(part.reading.windows.role.shape[1] for part in parts)
    first = parts[0].reading.windows

    def stacked(name: str, padding: Any) -> NDArray:
        return _stacked(parts, lambda part: getattr(part.reading.windows, name), width, padding)

    role = stacked("role", int(Role.PADDING))
    inside = role == Role.CONTEXT
    counts = [int(part.kept.sum()) for part in parts]
    characters, tokens = (
        np.repeat([getattr(part, name) for part in parts], counts)[:, None]
        for name in ("characters", "tokens")
    )
    return Windows(
        question=question,
        context=context,
        model_inputs={
            name: _stacked(
                parts, lambda part, name=name: part.reading.windows.model_inputs[name], width, padding
            )
            for name, padding in first.padding.items()
        },
        tokens=stacked("tokens", ""),
        role=role,
        offsets=stacked("offsets", 0) + (characters * inside)[..., None],
        context_index=stacked("context_index", -1) + tokens * inside,
        null_index=np.concatenate([part.reading.windows.null_index[part.kept] for part in parts]),
        padding=first.padding,
    )


def _spans(
    context: str, parts: Sequence[_Part], null_score: float, log_normalizer: float
) -> SpanDistribution:
    def column(name: str) -> NDArray:
        return np.concatenate([getattr(part.reading.spans, name) for part in parts])

    shift = np.repeat([part.characters for part in parts], [len(part.reading.spans) for part in parts])
    # The kept windows are numbered anew.
    window = [(part.windows + np.cumsum(part.kept) - 1)[part.reading.spans.window] for part in parts]
    return SpanDistribution(
        context=context,
        start=column("start") + shift,
        end=column("end") + shift,
        score=column("score"),
        window=np.concatenate(window).astype(np.int32),
        token_start=column("token_start"),
        token_end=column("token_end"),
        null_scores=np.concatenate([part.reading.spans.null_scores[part.kept] for part in parts]),
        null_score=null_score,
        log_normalizer=log_normalizer,
    )


def gold_places(
    gold: Iterable[str | tuple[int, CharSpan]], readings: Sequence[Reading | FailedReading]
) -> tuple[tuple[int, CharSpan], ...]:
    """Accepted answers as (document, span); a text is accepted wherever a document has it.

    Parameters
    ----------
    gold : iterable of str or tuple of (int, CharSpan)
        Texts, or (document, span) pairs.
    readings : sequence of Reading or FailedReading
        The readings of the documents.

    Returns
    -------
    tuple of tuple of (int, CharSpan)

    Raises
    ------
    InputError
        For a span that no document has.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> gold_places(["lamp"], [planted_reading("Who?", "The lamp, a lamp.", answer=None)])
    ((0, CharSpan(start=4, end=8)), (0, CharSpan(start=12, end=16)))
    """
    if isinstance(gold, str):
        raise InputError(
            f"gold has to be a list of answers, but is the text {shown(gold)}. Put it into a list."
        )
    texts = [one.context if isinstance(one, Reading) else "" for one in readings]
    found: list[tuple[int, CharSpan]] = []
    for one in gold:
        if isinstance(one, str) and one.strip():
            places = ((d, m) for d, text in enumerate(texts) for m in re.finditer(re.escape(one), text))
            found += [(d, CharSpan(*m.span())) for d, m in places]
        else:
            found.append(_checked(one, texts))
    return tuple(dict.fromkeys(found))


def _checked(given: Any, texts: Sequence[str]) -> tuple[int, CharSpan]:
    match given:
        case (int(d), CharSpan() as span) if 0 <= d < len(texts) and span.end <= len(texts[d]):
            return d, span
    raise InputError(
        f"A gold answer is a text or (document, CharSpan), with a document from 0 to {len(texts) - 1} and characters that "
        f"were read of it, but is {shown(given)}."
    )
