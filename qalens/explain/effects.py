"""What edits do to a reading: one edit, many, and every sentence of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, QalensError
from qalens.explain.difference import AnswerChange, ReadingDiff
from qalens.explain.edits import DropSentence, Edit, KeepSentence
from qalens.explain.sentences import split_sentences
from qalens.reading import FailedReading, Reading
from qalens.records import read_only
from qalens.spans import Answer
from qalens.text import CharSpan

# Reads one reading's question and text anew after each of several edits, in their order.
ReadEdits = Callable[[Iterable[Edit]], Iterator[Reading | FailedReading]]


def read_edits(
    reading: Reading, edits: Iterable[Edit], read: ReadEdits
) -> Iterator[ReadingDiff | FailedReading]:
    """What each edit does to a reading, in their order; what cannot be read stands there as a `FailedReading`.

    `read` gives the readings after the edits; they are decided at the threshold of `reading`.
    """
    edits = list(edits)
    for edit, after in zip(edits, read(edits), strict=True):
        if isinstance(after, FailedReading):
            yield after
            continue
        alignment = edit.apply(reading.question, reading.context).alignment
        yield ReadingDiff(reading, after.with_threshold(reading.decision.threshold), alignment)


def edit_reading(reading: Reading, edit: Edit, read: ReadEdits) -> ReadingDiff:
    """What one edit does to a reading; raises the reason where it cannot be read."""
    if isinstance(edit, type) or not hasattr(edit, "apply"):
        raise InputError(
            f"Expected an edit such as DropSentence(0) or MaskWords(span), but got {edit!r:.80}."
        )
    (outcome,) = read_edits(reading, [edit], read)
    if isinstance(outcome, FailedReading):
        raise outcome.error
    return outcome


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class EditOutcomes:
    """What K edits of one reading led to, as plain numbers; a row that could not be read is nan, with its reason kept.

    All (K,), after the edit and in the order of the edits:

    - `no_answer_probability`: P(∅)
    - `margin`: null score − best score, in logits
    - `answer_score`, `answer_probability`: of the span that the first reading answered with (or would answer with, where
      it abstained), followed to where it stands now; -inf and 0 where it is gone or no legal span
    - `distance`: Jensen–Shannon distance from the first reading (see `ReadingDiff.distance`)
    - `answers`: what is answered, None for no answer
    - `changes`: what became of the answer (see `ReadingDiff.answer_change`), None where it could not be read
    - `errors`: why a row could not be read, None where it could
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
    """What each of many edits leads to, in numbers alone: one reading after the other is looked at and let go."""
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
class SentenceEffects:
    """What every sentence of a text does: the text without it, and it alone.

    - `reading`: the reading of the whole text, which all are compared with
    - `sentences`: the K sentences as spans of its text
    - `target`: the answer that is followed; where the reading abstains the best span, None where it has no span
    - `without`, `alone`: the `EditOutcomes` of dropping each sentence, and of keeping each alone

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
        """(K,): change of P(∅) when the sentence is dropped; above 0 where it holds the answer up, nan where unknown."""
        return self.without.no_answer_probability - self.reading.no_answer_probability

    @property
    def answer_effect(self) -> NDArray[np.float64]:
        """(K,): change of P(target) when the sentence is dropped; below 0 where it holds the answer up."""
        return self.without.answer_probability - (0.0 if self.target is None else self.target.probability)

    @property
    def holds_target(self) -> NDArray[np.bool_]:
        """(K,): the sentences that hold characters of the target."""
        return np.array(
            [self.target is not None and s.overlaps(self.target.span) for s in self.sentences], bool
        )

    def _repr_html_(self) -> str:
        from qalens.views.sentences import sentence_effects_html

        return sentence_effects_html(self)

    def __repr__(self) -> str:
        failed = sum(error is not None for error in (*self.without.errors, *self.alone.errors))
        return f"SentenceEffects({len(self.sentences)} sentences{f', {failed} readings failed' if failed else ''})"


def sentence_effects(reading: Reading, read: ReadEdits) -> SentenceEffects:
    """Drop every sentence in turn, and keep every sentence alone: 2 K readings in one stream, of which numbers are kept.

    A text of one sentence cannot lose it: `without` is nan there, with the reason in its `errors`. Where a text has
    several windows, dropping a sentence also moves where they are cut, and a small part of an effect may be due to that.
    """
    sentences = split_sentences(reading.context)
    K = len(sentences)
    edits: list[Edit] = [edit(k) for edit in (DropSentence, KeepSentence) for k in range(K)]
    both = edit_outcomes(reading, edits, read)
    without, alone = (_rows(both, slice(first, first + K)) for first in (0, K))
    return SentenceEffects(reading, sentences, reading.decision.best, without, alone)


def _rows(outcomes: EditOutcomes, rows: slice) -> EditOutcomes:
    return EditOutcomes(**{f.name: getattr(outcomes, f.name)[rows] for f in fields(EditOutcomes)})
