"""Many documents read for one question: one distribution over the spans of all of them and no answer.

With the spans c of document d at their scores z(d, c) and one null score n for the whole collection,
Z = exp(n) + Σ_d Σ_c exp(z(d, c)); P(d, c) = exp(z(d, c)) / Z and P(∅) = exp(n) / Z. It is what `spans` does for the
windows of one text: a document more is some windows more. Spans of different documents are never merged, since they
are different places, even where their texts are the same but their ids differ.

n is by default the smallest null score of all windows of all documents, so the collection holds an answer where one
window of one document is sure that it does. "mean" and "max" ask more of the others.

A document that was given before, with the same id and text, as two retrievers find it, is the same place: it is read once, and
adds nothing. Splits of one source that overlap hold the same places, too: see `overlaps`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_whole
from qalens.errors import InputError, ModelError, shown
from qalens.readings.joined import JoinedReading, gold_places, join_texts
from qalens.readings.overlaps import counted_once
from qalens.readings.provenance import Document, DocumentAnswer, as_document, copies_of
from qalens.readings.reading import DEFAULT_CUT, FailedReading, Place, Reading, no_reading
from qalens.records import Shown, finite, read_only
from qalens.spans.decision import Decision, check_threshold, decision_of
from qalens.spans.distribution import (
    DEFAULT_MAX_ANSWER_LENGTH,
    Answer,
    NullRule,
    SpanDistribution,
    check_span_options,
)
from qalens.text.examples import CharSpan, Example, check_text
from qalens.text.tables import rows_of_table

_RULES = {"min": np.min, "mean": np.mean, "max": np.max}
ReadMany = Callable[..., Iterable[Reading | FailedReading]]


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class DocumentsReading(Shown):
    """How a model read D documents for one question: one distribution over all their spans and no answer, and a
    decision.

    Made by `join_readings`, which `Reader.read_documents` calls. It needs no model.

    Attributes
    ----------
    question : str
        The question.
    documents : tuple of Document
        The D documents.
    readings : tuple of Reading or FailedReading
        (D): the reading of each document, with its own distribution; a `FailedReading` if it could not be read. A span that
        several splits of one source hold is in the reading with its best copy alone.
    null : NullRule
        The rule that combines the null scores of all windows of all documents into `null_score`.
    null_score : float
        The null score of the collection, in logits.
    log_mass : ndarray of float64
        (D,): log Σ exp(score) over the spans of each document, -inf if it has none.
    log_normalizer : float
        log Z, shared by all documents.
    decision : Decision
        The best span of all documents, or no answer.
    gold : tuple of tuple of (int, CharSpan) or None, default None
        The accepted answers as (document, span), see `with_gold`; None if they are not known.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> texts = "Tobias slept.", "Ada kept the lamp."
    >>> readings = [planted_reading("Who?", text, answer=a) for text, a in zip(texts, (None, "Ada"), strict=True)]
    >>> reading = join_readings("Who?", [Document(text) for text in texts], readings)
    >>> reading.answer.text, reading.answer.document
    ('Ada', 1)
    """

    question: str
    documents: tuple[Document, ...]
    readings: tuple[Reading | FailedReading, ...]
    null: NullRule
    null_score: float
    log_mass: NDArray[np.float64]
    log_normalizer: float
    decision: Decision
    gold: tuple[tuple[int, CharSpan], ...] | None = None

    def __post_init__(self) -> None:
        D = len(self.documents)
        if len(self.readings) != D or self.log_mass.shape != (D,):
            raise InputError(
                f"{D} documents cannot have {len(self.readings)} readings and a log_mass of shape {self.log_mass.shape}."
            )
        self.log_mass.flags.writeable = False

    def __len__(self) -> int:
        """D, the number of documents."""
        return len(self.documents)

    @property
    def answer(self) -> DocumentAnswer | None:
        """The answer with its document, or None where the model abstains."""
        taken = self.decision.answer
        return taken if isinstance(taken, DocumentAnswer) else None

    @property
    def no_answer_probability(self) -> float:
        """P(∅), the probability that no document holds an answer."""
        return math.exp(self.null_score - self.log_normalizer)

    @property
    def margin(self) -> float:
        """The null margin in logits: null score of the collection − score of the best span of all documents."""
        return self.decision.margin

    @property
    def error(self) -> None:
        """Always None; documents that could not be read are in `failed`."""
        return None

    @property
    def failed(self) -> tuple[tuple[int, FailedReading], ...]:
        """The documents that could not be read, with their indices."""
        return tuple((d, one) for d, one in enumerate(self.readings) if isinstance(one, FailedReading))

    @property
    def best_reading(self) -> Reading:
        """The reading of the document with the best span; its probabilities are those of the document alone.

        If no document has a span, the first one that was read.
        """
        best = self.decision.best
        if isinstance(best, DocumentAnswer):
            found = self.readings[best.document]
            if isinstance(found, Reading):
                return found
        return next(one for one in self.readings if isinstance(one, Reading))

    @property
    def document_probabilities(self) -> NDArray[np.float64]:
        """(D,): the probability that the answer is in each document; with P(∅) they sum to 1.

        A document that could not be read has probability 0.
        """
        return np.exp(self.log_mass - self.log_normalizer)

    def probabilities(self, document: int) -> NDArray[np.float64]:
        """P(span) of the spans of one document, with the shared normaliser.

        Parameters
        ----------
        document : int
            The index of the document.

        Returns
        -------
        ndarray of float64
            (S,), in the order of `readings[document].spans`.
        """
        reading = self.readings[document]
        if isinstance(reading, FailedReading):
            return np.zeros(0)
        return np.exp(reading.spans.score - self.log_normalizer)

    def top(self, k: int = 5) -> tuple[DocumentAnswer, ...]:
        """The `k` best spans of all documents, best first.

        Among equal scores the earlier document comes first, then the earlier span, then the shorter.

        Parameters
        ----------
        k : int, default 5
            How many; fewer are returned if there are fewer.

        Returns
        -------
        tuple of DocumentAnswer

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> text = "Ada kept the lamp."
        >>> reading = join_readings("Who?", [Document(text)], [planted_reading("Who?", text, answer="Ada")])
        >>> [answer.text for answer in reading.top(1)]
        ['Ada']
        """
        if not is_whole(k, 0):
            raise InputError(f"top needs a number of spans from 0 on, but got {shown(k)}.")
        found = [
            (d, answer)
            for d in _most_promising(self.readings, k)
            for answer in _spans_of(self.readings[d]).top(k)
        ]
        found.sort(key=lambda one: (-one[1].score, one[0]))
        return tuple(self._placed(d, answer) for d, answer in found[:k])

    def answers(self, cut: float = DEFAULT_CUT) -> tuple[Place, ...]:
        """The places of all documents where an answer may be, most probable first, and which of them are taken as answers.

        Parameters
        ----------
        cut
            The probability from which on a place is an answer, as in `Reading.answers`.

        Returns
        -------
        tuple of Place
            The best span of each is a `DocumentAnswer`, which names its document.

        Raises
        ------
        InputError
            For a cut that does not lie between 0 and 1.

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> texts = "Tobias kept it.", "Ada kept the lamp."
        >>> readings = [planted_reading("Who?", text, answer=a) for text, a in zip(texts, ("Tobias", "Ada"), strict=True)]
        >>> reading = join_readings("Who?", [Document(text) for text in texts], readings)
        >>> [(place.best.text, place.best.document, place.taken) for place in reading.answers()]
        [('Tobias', 0, True), ('Ada', 1, True)]
        """
        whole = self.joined()
        return tuple(replace(place, best=whole.in_document(place.best)) for place in whole.answers(cut))

    def at(self, document: int, s: int) -> DocumentAnswer:
        """One span of a document as an answer in the joint distribution.

        Parameters
        ----------
        document : int
            The index of the document.
        s : int
            The index of the span.

        Returns
        -------
        DocumentAnswer
        """
        return self._placed(document, _spans_of(self.readings[document]).at(s))

    def _placed(self, d: int, answer: Answer) -> DocumentAnswer:
        return _placed(answer, d, self.documents[d], self.log_normalizer)

    def with_threshold(self, threshold: float) -> DocumentsReading:
        """The same reading decided at another no-answer threshold; the readings of the documents are kept.

        Parameters
        ----------
        threshold : float
            In logits.

        Returns
        -------
        DocumentsReading
        """
        best = self.decision.best
        return replace(self, decision=decision_of(best, self.null_score, self.log_normalizer, threshold))

    def with_gold(self, gold: Iterable[str | tuple[int, CharSpan]]) -> DocumentsReading:
        """The same reading with its accepted answers, so that it can be evaluated.

        Parameters
        ----------
        gold : iterable of str or tuple of (int, CharSpan)
            Each answer is (document, span), or a text, which is accepted wherever a document has it. If none is
            found, no answer is right: the evaluation judges the reading of these documents, not whether the right
            ones were retrieved.

        Returns
        -------
        DocumentsReading

        Raises
        ------
        InputError
            For a span that no document has.

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> text = "Ada kept the lamp."
        >>> reading = join_readings("Who?", [Document(text)], [planted_reading("Who?", text, answer="Ada")])
        >>> reading.with_gold(["Ada"]).gold
        ((0, CharSpan(start=0, end=3)),)
        """
        return replace(self, gold=gold_places(gold, self.readings))

    def joined(self) -> JoinedReading:
        """The reading of one text that consists of all documents, one after the other.

        Everything that takes a reading takes it, explanations too; its windows are those of the documents. Explorers
        and evaluation call this themselves.

        Returns
        -------
        JoinedReading

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> texts = [Document("Tobias slept."), Document("Ada kept it.")]
        >>> made = [planted_reading("Who?", one.text, answer=a) for one, a in zip(texts, (None, "Ada"), strict=True)]
        >>> whole = join_readings("Who?", texts, made)
        >>> whole.joined().no_answer_probability == whole.no_answer_probability
        True
        """
        return join_texts(
            self.question,
            self.documents,
            self.readings,
            null=self.null,
            null_score=self.null_score,
            log_normalizer=self.log_normalizer,
            threshold=self.decision.threshold,
            gold=self.gold,
        )

    def to_dict(self, k: int = 5) -> dict[str, Any]:
        """The decision, the best spans and the failures as plain numbers and strings, ready for JSON.

        `meta` is left out, since it may hold anything; infinite numbers become None.

        Parameters
        ----------
        k : int, default 5
            How many spans.

        Returns
        -------
        dict of str to object
        """
        p = self.document_probabilities
        return {
            "question": self.question,
            "answer": None if self.answer is None else self.answer.to_dict(),
            "no_answer_probability": self.no_answer_probability,
            "margin": finite(self.margin),
            "threshold": finite(self.decision.threshold),
            "null_score": finite(self.null_score),
            "spans": [answer.to_dict() for answer in self.top(k)],
            "documents": [
                {
                    "id": None if one.id is None else str(one.id),
                    "probability": float(p[d]),
                    "retrieval_score": one.score,
                    "error": None if self.readings[d].error is None else str(self.readings[d].error),
                }
                for d, one in enumerate(self.documents)
            ],
        }

    def __repr__(self) -> str:
        if self.answer is None:
            said = f"no answer, P(no answer) = {self.no_answer_probability:.3f}"
        else:
            said = (
                f"{self.answer.text!r} in document {self.answer.document}, P = {self.answer.probability:.3f}"
            )
        return f"DocumentsReading({self.question!r}, {len(self)} documents: {said})"


def read_documents(
    read_many: ReadMany,
    question: str,
    documents: Iterable[Any],
    *,
    null: NullRule = "min",
    threshold: float = 0.0,
    max_characters: int | None = None,
    progress: bool | None = None,
) -> DocumentsReading:
    """Read many documents for one question; see `Reader.read_documents`, which passes its own `read_many`.

    Parameters
    ----------
    read_many : ReadMany
        Reads (question, text) pairs.
    question : str
        The question.
    documents : iterable of object
        Documents in any form that `as_document` accepts.
    null : NullRule, default "min"
        Which null score is used for the collection, as in `join_readings`.
    threshold : float, default 0.0
        The no-answer threshold, in logits.
    max_characters : int or None, default None
        The limit for all documents together; None sets no limit.
    progress : bool or None, default None
        Whether to show a bar; None shows it if the work takes longer than two seconds.

    Returns
    -------
    DocumentsReading

    Raises
    ------
    InputError
        Before anything is read for a broken question, options that cannot work, no documents or too much text;
        afterwards if none of the documents could be read.
    """
    check_span_options(DEFAULT_MAX_ANSWER_LENGTH, null)
    check_threshold(threshold)
    taken, readings = read_each(
        read_many, question, documents, max_characters=max_characters, progress=progress
    )
    return join_readings(question, taken, readings, null=null, threshold=threshold)


def read_each(
    read_many: ReadMany,
    question: str,
    documents: Iterable[Any],
    *,
    max_characters: int | None = None,
    progress: bool | None = None,
) -> tuple[tuple[Document, ...], tuple[Reading | FailedReading, ...]]:
    """Read each document by itself.

    Parameters
    ----------
    read_many : ReadMany
        Reads (question, text) pairs.
    question : str
        The question.
    documents : iterable of object
        Documents in any form that `as_document` accepts.
    max_characters : int or None, default None
        The limit for all documents together; None sets no limit.
    progress : bool or None, default None
        Whether to show a bar; None shows it if the work takes longer than two seconds.

    Returns
    -------
    tuple of (tuple of Document, tuple of Reading or FailedReading)
        The documents, and the reading of each or the reason why there is none.

    Raises
    ------
    InputError
        As `read_documents` does before reading.
    """
    check_text(question, "question")
    given = _as_list(documents)
    taken = [_taken(item, d) for d, item in enumerate(given)]
    _check_size(taken, max_characters)
    taken = _without_copies(given, taken)
    readable = [Example(question, one.text, _id(one)) for one in taken if isinstance(one, Document)]
    # All at once, and so to the end: a Ctrl-C that comes while an unfinished generator is thrown away is lost.
    readings = iter(list(read_many(readable, progress=progress)))
    return (
        tuple(one if isinstance(one, Document) else _unread(one) for one in taken),
        tuple(next(readings) if isinstance(one, Document) else one for one in taken),
    )


def _as_list(documents: Iterable[Any]) -> list[Any]:
    table = rows_of_table(documents)
    if table is not None:
        documents = table
    elif isinstance(documents, str | bytes | Mapping | Document) or not isinstance(documents, Iterable):
        raise InputError(
            "documents has to be a list of documents, but is one "
            f"{type(documents).__name__}: {shown(documents)}. Put it into a list: [document]."
        )
    given = list(documents)
    if not given:
        raise InputError("There is no document to read; documents is empty.")
    return given


def _taken(item: Any, d: int) -> Document | FailedReading:
    """A document that can be handed to the reader, or why it cannot."""
    try:
        document = as_document(item)
        if document.text is None:
            name = "" if document.id is None else f" (id {shown(document.id)})"
            raise InputError(f"Document {d}{name} has no text: its content is None.")
    except InputError as error:
        return FailedReading(item, error)
    return document


def _without_copies(
    given: list[Any], taken: list[Document | FailedReading]
) -> list[Document | FailedReading]:
    """The documents, where one that was given before is marked as not read again."""
    copies = copies_of([one if isinstance(one, Document) else Document(None) for one in taken])
    return [
        FailedReading(given[d], _copy_error(d, copies[d])) if d in copies else one
        for d, one in enumerate(taken)
    ]


def _copy_error(d: int, first: int) -> InputError:
    return InputError(
        f"Document {d} is document {first} again, with the same id and text. It was read once, and counts once."
    )


def _unread(failed: FailedReading) -> Document:
    """What is known of a document that could not even be handed to the reader."""
    try:
        return as_document(failed.given)
    except InputError:
        return Document(None)


def _check_size(taken: Iterable[Document | FailedReading], most: int | None) -> None:
    total = sum(len(one.text) for one in taken if isinstance(one, Document) and isinstance(one.text, str))
    if most is not None and total > most:
        raise InputError(
            f"The documents have {total:,} characters together, and reading at most {most:,} at once fits into memory. "
            "Put them into an index and ask that (qalens.retrieval.Index, reader.ask), or raise max_memory."
        )


def _id(document: Document) -> str | None:
    return None if document.id is None else str(document.id)


def join_readings(
    question: str,
    documents: Iterable[Document],
    readings: Iterable[Reading | FailedReading],
    *,
    null: NullRule = "min",
    threshold: float = 0.0,
) -> DocumentsReading:
    """Combine the readings of several documents for one question into one distribution, and decide.

    For a single document this is the distribution of its own reading.

    Parameters
    ----------
    question : str
        The question.
    documents : iterable of Document
        D documents.
    readings : iterable of Reading or FailedReading
        Their readings.
    null : NullRule, default "min"
        Which null score is used for the collection: "min", "mean" or "max" over all windows of all documents.
    threshold : float, default 0.0
        No answer if null score − best score of all documents is above it, in logits.

    Returns
    -------
    DocumentsReading

    Raises
    ------
    InputError
        For a collection without any reading, with the first reason.
    ModelError
        For scores that are all minus infinity.
    """
    check_span_options(DEFAULT_MAX_ANSWER_LENGTH, null)
    documents = tuple(documents)
    # Without ids, two documents with one text may well be two places.
    copies = copies_of([one if one.id is not None else Document(None) for one in documents])
    # A copy would take its share of the probability although its answer is the same place.
    readings = tuple(
        FailedReading(one, _copy_error(d, copies[d])) if d in copies and isinstance(one, Reading) else one
        for d, one in enumerate(readings)
    )
    readings = counted_once(documents, readings)
    made = [one for one in readings if isinstance(one, Reading)]
    if not made:
        why = next((f" The first of them: {one.error}" for one in readings if one.error is not None), "")
        raise InputError(f"None of the {len(documents)} documents could be read.{why}")
    null_score = float(_RULES[null](np.concatenate([one.spans.null_scores for one in made])))
    log_mass = np.array([_log_mass(one) for one in readings])
    log_normalizer = float(np.logaddexp(null_score, np.logaddexp.reduce(log_mass)))
    if log_normalizer == -math.inf:
        raise ModelError(
            "Every span of every document and the null score are minus infinity; nothing is left to choose."
        )
    best = _best(readings)
    placed = None
    if best is not None:
        d, answer = best
        placed = _placed(answer, d, documents[d], log_normalizer)
    return DocumentsReading(
        question=question,
        documents=documents,
        readings=readings,
        null=null,
        null_score=null_score,
        log_mass=log_mass,
        log_normalizer=log_normalizer,
        decision=decision_of(placed, null_score, log_normalizer, threshold),
    )


def _log_mass(reading: Reading | FailedReading) -> float:
    if isinstance(reading, FailedReading) or not len(reading.spans):
        return -math.inf
    score = reading.spans.score
    top = float(score.max())
    return top if math.isinf(top) else top + math.log(float(np.exp(score - top).sum()))


def _spans_of(reading: Reading | FailedReading) -> SpanDistribution:
    if isinstance(reading, FailedReading):
        raise InputError(f"The document could not be read, so it has no spans: {reading.error}")
    return reading.spans


def _with_spans(readings: Iterable[Reading | FailedReading]) -> Iterator[tuple[int, Reading]]:
    return ((d, one) for d, one in enumerate(readings) if isinstance(one, Reading) and len(one.spans))


def _most_promising(readings: Iterable[Reading | FailedReading], k: int) -> list[int]:
    """The `k` documents with the best single spans: no other can hold one of the `k` best of all."""
    ranked = sorted((-float(one.spans.score.max()), d) for d, one in _with_spans(readings))
    return [d for _, d in ranked[:k]]


def _best(readings: tuple[Reading | FailedReading, ...]) -> tuple[int, Answer] | None:
    for d in _most_promising(readings, 1):
        return d, _spans_of(readings[d]).top(1)[0]
    return None


def _placed(answer: Answer, d: int, document: Document, log_normalizer: float) -> DocumentAnswer:
    return DocumentAnswer(
        text=answer.text,
        span=answer.span,
        score=answer.score,
        probability=math.exp(answer.score - log_normalizer),
        window=answer.window,
        tokens=answer.tokens,
        document=d,
        source=document,
    )


def one_reading(given: object) -> Reading:
    """A reading as it is, and one of many documents as the reading of one text.

    Parameters
    ----------
    given : object
        What was given.

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> one_reading(planted_reading("Who?", "Ada kept it.", answer="Ada")).answer.text
    'Ada'
    """
    reading = given.joined() if isinstance(given, DocumentsReading) else given
    if not isinstance(reading, Reading):
        raise no_reading(reading)
    return reading
