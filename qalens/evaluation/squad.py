"""Exact match and F1 as SQuAD 2.0 counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from qalens.reading import FailedReading, Reading
from qalens.spans import normalize_answer
from qalens.text import Example


@dataclass(frozen=True, slots=True)
class SquadScores:
    """Exact match and F1 in percent, over all questions and apart for answerable and unanswerable ones.

    A part without a single question has the value None.
    """

    total: int
    exact: float
    f1: float
    has_answer_total: int
    has_answer_exact: float | None
    has_answer_f1: float | None
    no_answer_total: int
    no_answer_exact: float | None


def exact_match(gold: str, predicted: str) -> int:
    """1 where two answers are equal without case, ASCII punctuation, articles and extra blanks, else 0.

    No answer is the empty string here, as in the SQuAD 2.0 files.

    >>> exact_match("The lamp room.", "lamp room"), exact_match("", "lamp")
    (1, 0)
    """
    return int(normalize_answer(gold) == normalize_answer(predicted))


def f1(gold: str, predicted: str) -> float:
    """The harmonic mean of precision and recall over the words of two answers, normalised as in `exact_match`.

    Where either of them is empty it is 1 if both are, else 0.

    >>> f1("the upper lamp room", "lamp room")
    0.8
    """
    gold_words, words = normalize_answer(gold).split(), normalize_answer(predicted).split()
    if not gold_words or not words:
        return float(gold_words == words)
    same = sum((Counter(gold_words) & Counter(words)).values())
    return 2 * same / (len(gold_words) + len(words))


def gold_texts(example: Example) -> list[str]:
    """The accepted answers of an example as texts; [""] where there is none, as the SQuAD 2.0 scripts have it."""
    texts = [span.of(example.context) for span in example.gold or ()]
    return [text for text in texts if normalize_answer(text)] or [""]


def squad_scores(readings: Iterable[Reading | FailedReading]) -> SquadScores:
    """Exact match and F1 of readings of examples with gold answers; a failed reading counts as no answer.

    Source: Rajpurkar et al. 2018 and the published evaluation rules of SQuAD 2.0.

    >>> from dataclasses import replace
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import CharSpan
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> known = replace(reading, example=replace(reading.example, gold=(CharSpan(0, 3),)))
    >>> squad_scores([known]).exact
    100.0
    """
    exact: dict[bool, list[int]] = {True: [], False: []}
    overlap: dict[bool, list[float]] = {True: [], False: []}
    for reading in readings:
        example = reading.given if isinstance(reading, FailedReading) else reading.example
        predicted = "" if reading.answer is None else reading.answer.text
        golds = gold_texts(example)
        kind = golds != [""]
        exact[kind].append(max(exact_match(gold, predicted) for gold in golds))
        overlap[kind].append(max(f1(gold, predicted) for gold in golds))
    everything = exact[True] + exact[False]
    return SquadScores(
        total=len(everything),
        exact=_percent(everything) or 0.0,
        f1=_percent(overlap[True] + overlap[False]) or 0.0,
        has_answer_total=len(exact[True]),
        has_answer_exact=_percent(exact[True]),
        has_answer_f1=_percent(overlap[True]),
        no_answer_total=len(exact[False]),
        no_answer_exact=_percent(exact[False]),
    )


def _percent(values: list[int] | list[float]) -> float | None:
    return 100.0 * sum(values) / len(values) if values else None
