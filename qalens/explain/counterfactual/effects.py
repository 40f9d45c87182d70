"""What edits do to a reading: one edit, many, and every sentence of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, QalensError, shown
from qalens.explain.counterfactual.difference import AnswerChange, ReadingDiff
from qalens.explain.counterfactual.edits import DropSentence, Edit, KeepSentence
from qalens.explain.sentences import split_sentences
from qalens.readings.reading import FailedReading, Reading
from qalens.records import Shown, read_only
from qalens.spans.distribution import Answer
from qalens.text.examples import CharSpan

# Reads one reading's question and text anew after each of several edits, in their order.
ReadEdits = Callable[[Iterable[Edit]], Iterator[Reading | FailedReading]]


def read_edits(
    reading: Reading, edits: Iterable[Edit], read: ReadEdits
) -> Iterator[ReadingDiff | FailedReading]:
    """Read a text after each of several edits.

    Parameters
    ----------
    reading : Reading
        The reading before; its threshold decides the others.
    edits : iterable of Edit
        The edits.
    read : ReadEdits
        Reads the text after edits.

    Returns
    -------
    iterator of ReadingDiff or FailedReading
        In the order of the edits; a `FailedReading` for what cannot be read.
    """
    edits = list(edits)
    for edit, after in zip(edits, read(edits), strict=True):
        if isinstance(after, FailedReading):
            yield after
            continue
        alignment = edit.apply(reading.question, reading.context).alignment
        yield ReadingDiff(reading, after.with_threshold(reading.decision.threshold), alignment)


def edit_reading(reading: Reading, edit: Edit, read: ReadEdits) -> ReadingDiff:
    """Read a text after one edit.

    Parameters
    ----------
    reading : Reading
        The reading before.
    edit : Edit
        The edit.
    read : ReadEdits
        Reads the text after edits.

    Returns
    -------
    ReadingDiff

    Raises
    ------
    QalensError
        If it cannot be read.
    """
    if isinstance(edit, type) or not hasattr(edit, "apply"):
        raise InputError(
            f"Expected an edit such as DropSentence(0) or MaskWords(span), but got {shown(edit)}."
        )
    (outcome,) = read_edits(reading, [edit], read)
    if isinstance(outcome, FailedReading):
        raise outcome.error
    return outcome


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class EditOutcomes:
    """The results of K edits of one reading as plain numbers; all (K,), in the order of the edits.

    A row that could not be read is nan, with its reason in `errors`.

    Attributes
    ----------
    no_answer_probability : ndarray of float64
        P(∅).
    margin : ndarray of float64
        The null margin, in logits.
    answer_score, answer_probability : ndarray of float64
        Of the answer of the first reading (or its best span, if it abstained), followed to its new position; -inf and
        0 if it is gone or not a legal span.
    distance : ndarray of float64
        Jensen–Shannon distance from the first reading (see `ReadingDiff.distance`).
    answers : tuple of Answer or None
        The answer, None for no answer.
    changes : tuple of AnswerChange or None
        How the answer changed (see `ReadingDiff.answer_change`), None if the text could not be read.
    errors : tuple of QalensError or None
        Why a row could not be read, or None.
    """

    no_answer_probability: NDArray[np.float64]
    margin: NDArray[np.float64]
    answer_score: NDArray[np.float64]
    answer_probability: NDArray[np.float64]
    distance: NDArray[np.float64]
    answers: tuple[Answer | None, ...]
    changes: tuple[AnswerChange | None, ...]
    errors: tuple[QalensError | None, ...]

    def __post_init__(self) -> None:
        K = len(self.answers)
        if len(self.changes) != K or len(self.errors) != K:
            raise InputError(f"{K} edits need {K} answers, changes and errors each.")
        for name in ("no_answer_probability", "margin", "answer_score", "answer_probability", "distance"):
            array = getattr(self, name)
            if array.shape != (K,):
                raise InputError(f"{K} edits cannot have {name} of shape {array.shape}.")
            array.flags.writeable = False

    def __len__(self) -> int:
        """K, the number of edits."""
        return len(self.answers)

    def __repr__(self) -> str:
        changed = sum(change in ("other", "appeared", "gone") for change in self.changes)
        failed = sum(error is not None for error in self.errors)
        return f"EditOutcomes({len(self)} edits, {changed} change the answer{f', {failed} failed' if failed else ''})"


def edit_outcomes(reading: Reading, edits: Iterable[Edit], read: ReadEdits) -> EditOutcomes:
    """Read a text after each of many edits and keep only numbers: one reading at a time is held.

    Parameters
    ----------
    reading : Reading
        The reading before.
    edits : iterable of Edit
        The edits.
    read : ReadEdits
        Reads the text after edits.

    Returns
    -------
    EditOutcomes
    """
    target = reading.decision.best
    numbers, answers, changes, errors = [], [], [], []
    for outcome in read_edits(reading, edits, read):
        failed = isinstance(outcome, FailedReading)
        numbers.append([np.nan] * 5 if failed else _numbers_of(outcome, target))
        answers.append(None if failed else outcome.after.answer)
        changes.append(None if failed else outcome.answer_change)
        errors.append(outcome.error if failed else None)
    no_answer, margin, score, probability, distance = np.array(numbers, np.float64).reshape(-1, 5).T.copy()
    return EditOutcomes(
        no_answer_probability=no_answer,
        margin=margin,
        answer_score=score,
        answer_probability=probability,
        distance=distance,
        answers=tuple(answers),
        changes=tuple(changes),
        errors=tuple(errors),
    )


def _numbers_of(diff: ReadingDiff, target: Answer | None) -> list[float]:
    found = None if target is None else diff.candidate(target.span)
    score, probability = (-np.inf, 0.0) if found is None else (found.score, found.probability)
    return [diff.after.no_answer_probability, diff.after.margin, score, probability, diff.distance]


@dataclass(frozen=True, slots=True, eq=False)
class SentenceEffects(Shown):
    """The effect of every sentence of a text: the text without it, and it alone.

    Attributes
    ----------
    reading : Reading
        The reading of the whole text, to which all are compared.
    sentences : tuple of CharSpan
        The K sentences as spans of its text.
    target : Answer or None
        The answer that is followed; if the reading abstains the best span, None if it has no span.
    without, alone : EditOutcomes
        The `EditOutcomes` of dropping each sentence, and of keeping each alone.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> effects = reader.sentence_effects(reading)
    >>> effects.sentences[1].of(reading.context), effects.no_answer_effect.shape
    ('Tobias slept.', (2,))
    """

    reading: Reading
    sentences: tuple[CharSpan, ...]
    target: Answer | None
    without: EditOutcomes
    alone: EditOutcomes

    def __post_init__(self) -> None:
        if not len(self.sentences) == len(self.without) == len(self.alone):
            raise InputError("SentenceEffects needs one row without and one alone for each sentence.")

    @property
    def no_answer_effect(self) -> NDArray[np.float64]:
        """(K,): change of P(∅) when the sentence is dropped; above 0 if it supports the answer, nan if unknown."""
        return self.without.no_answer_probability - self.reading.no_answer_probability

    @property
    def answer_effect(self) -> NDArray[np.float64]:
        """(K,): change of P(target) when the sentence is dropped; below 0 if it supports the answer."""
        return self.without.answer_probability - (0.0 if self.target is None else self.target.probability)

    @property
    def holds_target(self) -> NDArray[np.bool_]:
        """(K,): the sentences that hold characters of the target."""
        return np.array(
            [self.target is not None and s.overlaps(self.target.span) for s in self.sentences], bool
        )

    def __repr__(self) -> str:
        failed = sum(error is not None for error in (*self.without.errors, *self.alone.errors))
        return f"SentenceEffects({len(self.sentences)} sentences{f', {failed} readings failed' if failed else ''})"


def sentence_effects(reading: Reading, read: ReadEdits) -> SentenceEffects:
    """Drop every sentence in turn, and keep every sentence alone: 2 K readings, of which only numbers are kept.

    A text of one sentence cannot lose it: `without` is nan there, with the reason in its `errors`. In a text of
    several windows, dropping a sentence also moves the windows, and a small part of an effect may be due to that.

    Parameters
    ----------
    reading : Reading
        The reading of the whole text.
    read : ReadEdits
        Reads the text after edits.

    Returns
    -------
    SentenceEffects
    """
    sentences = split_sentences(reading.context)
    K = len(sentences)
    edits: list[Edit] = [edit(k) for edit in (DropSentence, KeepSentence) for k in range(K)]
    both = edit_outcomes(reading, edits, read)
    without, alone = (_rows(both, slice(first, first + K)) for first in (0, K))
    return SentenceEffects(reading, sentences, reading.decision.best, without, alone)


def _rows(outcomes: EditOutcomes, rows: slice) -> EditOutcomes:
    return EditOutcomes(**{f.name: getattr(outcomes, f.name)[rows] for f in fields(EditOutcomes)})
