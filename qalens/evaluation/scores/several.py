"""Figures for questions with several answers, all of which are required."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from qalens.errors import InputError
from qalens.readings.reading import DEFAULT_CUT, FailedReading, Reading
from qalens.records import brief
from qalens.spans.clusters import normalize_answer
from qalens.text.examples import Example

Required = Sequence[Sequence[str]]
_JACCARD = 0.5  # of words, from which on two answers are the same to CUAD
_LEFT_OUT = re.compile(r"[.,;:]")


@brief
@dataclass(frozen=True, slots=True)
class Overlap:
    """Precision, recall and their harmonic mean, in percent.

    Attributes
    ----------
    precision : float
        The share of given answers that are required.
    recall : float
        The share of required answers that were given.
    f1 : float
        Their harmonic mean.
    """

    precision: float
    recall: float
    f1: float


@brief
@dataclass(frozen=True, slots=True)
class SeveralScores:
    """The two metrics of MultiSpanQA (Li et al. 2022).

    Attributes
    ----------
    exact : Overlap
        Answers counted as equal texts.
    partial : Overlap
        Answers counted by their overlap.
    questions : int
        The number of questions.
    """

    exact: Overlap
    partial: Overlap
    questions: int


def several_scores(said: Sequence[Sequence[str]], required: Sequence[Required]) -> SeveralScores:
    """Score lists of answers against lists of required answers.

    Exact: an answer counts where its normalised text is that of a required one, each required one once. Partial: an answer
    counts by the longest piece of text that it shares with the required answer it fits best, over its own length for
    precision and over that of the required one for recall. Both are summed over all questions.

    Parameters
    ----------
    said
        The answers to each question; an empty list where the model abstains.
    required
        For each question the answers that are all required, each with its accepted alternatives; an empty list where there
        is no answer. A question without either counts as one right answer, as in MultiSpanQA's script.

    Raises
    ------
    InputError
        If the two are not as long.

    Examples
    --------
    >>> scores = several_scores([["Ada", "Tom"]], [[["Ada"], ["Tom Lind", "Lind"], ["Eva"]]])
    >>> round(scores.exact.precision, 1), round(scores.exact.recall, 1), round(scores.partial.recall, 1)
    (50.0, 33.3, 56.9)
    """
    if len(said) != len(required):
        raise InputError(
            f"There are answers to {len(said):,} questions, but {len(required):,} have required ones."
        )
    exact, partial = np.zeros(4), np.zeros(4)
    for answers, golds in zip(said, required, strict=True):
        texts = list(dict.fromkeys(map(normalize_answer, answers))) or [""]
        wanted = [[normalize_answer(text) for text in alternatives] for alternatives in golds] or [[""]]
        exact += _exact(texts, wanted)
        partial += _partial(texts, wanted)
    return SeveralScores(_overlap(exact), _overlap(partial), len(said))


def score_several(readings: Iterable[Reading | FailedReading], *, cut: float = DEFAULT_CUT) -> SeveralScores:
    """Score the answers of readings whose examples know which answers are required.

    Parameters
    ----------
    readings
        Readings; those whose example has neither `required` nor `gold` are left out. A text that could not be read counts as
        no answer.
    cut
        From which probability on a place is an answer, as in `Reading.answers`.

    Raises
    ------
    InputError
        If no reading has known answers.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import CharSpan
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> known = replace(reading, example=replace(reading.example, required=((CharSpan(0, 3),),)))
    >>> score_several([known]).exact.f1
    100.0
    """
    said, required = [], []
    for reading in readings:
        example = reading.given if isinstance(reading, FailedReading) else reading.example
        wanted = required_texts(example) if isinstance(example, Example) else None
        if wanted is None:
            continue
        places = () if isinstance(reading, FailedReading) else reading.answers(cut)
        said.append([place.best.text for place in places if place.taken])
        required.append(wanted)
    if not said:
        raise InputError("None of the readings has an example with known answers; there is nothing to score.")
    return several_scores(said, required)


def required_texts(example: Example) -> list[list[str]] | None:
    """The required answers of an example with their alternatives.

    Parameters
    ----------
    example : Example
        The example; `gold` without `required` is one answer.

    Returns
    -------
    list of list of str or None
        None if they are not known.
    """
    if example.required is not None:
        return [[span.of(example.context) for span in one] for one in example.required]
    if example.gold is None:
        return None
    return [[span.of(example.context) for span in example.gold]] if example.gold else []


def precision_at_recall(
    said: Sequence[Sequence[tuple[str, float]]], required: Sequence[Required], *, recall: float = 0.8
) -> float:
    """The best precision among the cuts that find at least so large a share of the required answers; in percent.

    As CUAD (Hendrycks et al. 2021) counts: an answer finds a required one where they share at least half of their words
    (Jaccard). 0 where no cut finds so many.

    Parameters
    ----------
    said
        For each question its answers with their probabilities.
    required
        As in `several_scores`.
    recall
        The share of required answers that have to be found, 0.8 in CUAD.

    Examples
    --------
    >>> said = [[("Ada Lind", 0.9), ("the lamp", 0.2)], [("Tom", 0.6)]]
    >>> precision_at_recall(said, [[["Ada Lind"]], [["Tom"]]])
    100.0
    """
    total = sum(map(len, required))
    if not total:
        return 0.0
    best = 0.0
    for cut in sorted({probability for answers in said for _, probability in answers}):
        found = wrong = 0
        for answers, golds in zip(said, required, strict=True):
            kept = [text for text, probability in answers if probability >= cut]
            found += sum(any(_alike(text, gold) for text in kept for gold in one) for one in golds)
            wrong += sum(not any(_alike(text, gold) for one in golds for gold in one) for text in kept)
        if found >= recall * total:
            best = max(best, found / (found + wrong))
    return 100 * best


def _exact(texts: list[str], wanted: list[list[str]]) -> np.ndarray:
    """Right answers and answers, found and required ones."""
    hits = sum(any(text in alternatives for text in texts) for alternatives in wanted)
    right = sum(any(text in alternatives for alternatives in wanted) for text in texts)
    return np.array([min(right, hits), len(texts), hits, len(wanted)], float)


def _partial(texts: list[str], wanted: list[list[str]]) -> np.ndarray:
    """The same with what answers share in part."""
    shared = [[max(_shared(text, gold) for gold in one) for one in wanted] for text in texts]
    precise = sum(max(pair[0] for pair in row) for row in shared)
    found = sum(max(row[k][1] for row in shared) for k in range(len(wanted)))
    return np.array([precise, len(texts), found, len(wanted)], float)


def _shared(said: str, gold: str) -> tuple[float, float]:
    """The longest common piece over the length of what was said, and over that of the gold answer."""
    if not said or not gold:
        return float(said == gold), float(said == gold)
    size = SequenceMatcher(None, gold, said).find_longest_match().size
    return size / len(said), size / len(gold)


def _alike(said: str, gold: str) -> bool:
    ours, theirs = (set(_LEFT_OUT.sub("", text).lower().replace("/", " ").split()) for text in (said, gold))
    return bool(ours | theirs) and len(ours & theirs) / len(ours | theirs) >= _JACCARD


def _overlap(counts: np.ndarray) -> Overlap:
    right, answers, found, wanted = counts.tolist()
    precision, recall = right / answers if answers else 0.0, found / wanted if wanted else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Overlap(100 * precision, 100 * recall, 100 * f1)
