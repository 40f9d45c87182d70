"""Exact match, F1, best thresholds and average precision, as SQuAD 2.0 and 1.1 count them.

All figures come out of one table: what is accepted, what was said, and how strongly none was preferred. It is made from
prediction files, from readings or from rows. Sums run in the order of the data, one after the other, and F1 goes by way
of precision and recall, so that figures equal the published ones to the last digit.

Sources: Rajpurkar et al. 2016 and 2018, and the published evaluation rules of both data sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_number
from qalens.errors import InputError, shown
from qalens.evaluation.rows import ExampleRow, Readable, row_of
from qalens.evaluation.scores.answers import accepted, best_match, exact_match, f1
from qalens.records import brief
from qalens.text.examples import Example

__all__ = [
    "SquadScores",
    "exact_match",
    "f1",
    "gold_texts",
    "score_predictions",
    "squad1_scores",
    "squad_scores",
]


@brief
@dataclass(frozen=True, slots=True)
class SquadScores:
    """Exact match and F1 in percent, over all questions and for answerable and unanswerable ones.

    A part without a single question has the value None, as do the last seven without no-answer odds.

    Attributes
    ----------
    total, has_answer_total, no_answer_total : int
        The number of questions.
    exact, f1 : float
        Over all questions.
    has_answer_exact, has_answer_f1 : float or None
        Over answerable questions.
    no_answer_exact : float or None
        Over unanswerable questions.
    best_exact, best_f1 : float or None, default None
        The best metric over all thresholds.
    best_exact_threshold, best_f1_threshold : float or None, default None
        The threshold of each. If answering nothing is best, it is -inf for margins, and 0 for the odds of prediction
        files, which are probabilities to the official script.
    exact_average_precision, f1_average_precision : float or None, default None
        Area under precision and recall of answering, most confident first.
    oracle_average_precision : float or None, default None
        The area of a model whose answers are all right.
    """

    total: int
    exact: float
    f1: float
    has_answer_total: int
    has_answer_exact: float | None
    has_answer_f1: float | None
    no_answer_total: int
    no_answer_exact: float | None
    best_exact: float | None = None
    best_exact_threshold: float | None = None
    best_f1: float | None = None
    best_f1_threshold: float | None = None
    exact_average_precision: float | None = None
    f1_average_precision: float | None = None
    oracle_average_precision: float | None = None

    def to_dict(self) -> dict[str, float | int]:
        """The metrics under the names and in the order of the official SQuAD 2.0 script, without those that are None.

        If answering nothing is best, its threshold is 0, as in the official script, whose odds are probabilities.

        Returns
        -------
        dict of str to float or int

        Examples
        --------
        >>> SquadScores(1, 100.0, 100.0, 1, 100.0, 100.0, 0, None).to_dict()
        {'exact': 100.0, 'f1': 100.0, 'total': 1, 'HasAns_exact': 100.0, 'HasAns_f1': 100.0, 'HasAns_total': 1}
        """
        named = {"exact": self.exact, "f1": self.f1, "total": self.total}
        named |= _part("HasAns", self.has_answer_exact, self.has_answer_f1, self.has_answer_total)
        # Without an answer to match, F1 is 1 or 0 as exact match is.
        named |= _part("NoAns", self.no_answer_exact, self.no_answer_exact, self.no_answer_total)
        more = {
            "best_exact": self.best_exact,
            "best_exact_thresh": self.best_exact_threshold,
            "best_f1": self.best_f1,
            "best_f1_thresh": self.best_f1_threshold,
            "pr_exact_ap": self.exact_average_precision,
            "pr_f1_ap": self.f1_average_precision,
            "pr_oracle_ap": self.oracle_average_precision,
        }
        shown = {name: value for name, value in more.items() if value is not None}
        return named | {name: 0.0 if value == -math.inf else value for name, value in shown.items()}


def gold_texts(example: Example) -> list[str]:
    """The accepted answers of an example as texts; [""] if there is none, as in the SQuAD 2.0 rules.

    Parameters
    ----------
    example : Example
        The example.

    Returns
    -------
    list of str

    Examples
    --------
    >>> gold_texts(Example("Who?", "Ada", gold=()))
    ['']
    """
    return accepted(span.of(example.context) for span in example.gold or ())


def squad_scores(items: Iterable[Readable | ExampleRow]) -> SquadScores:
    """The SQuAD metrics of readings, of one text or of many documents, or of rows.

    A failed reading counts as no answer. The best thresholds and the average precision use the null margin, and the
    best span as the answer. Without a single question all totals are 0.

    Parameters
    ----------
    items : iterable of Readable or ExampleRow
        Readings or rows; those without known gold answers are left out (`DocumentsReading.with_gold` gives them to a
        reading of documents).

    Returns
    -------
    SquadScores

    Examples
    --------
    >>> from dataclasses import replace
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import CharSpan
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> known = replace(reading, example=replace(reading.example, gold=(CharSpan(0, 3),)))
    >>> squad_scores([known]).exact
    100.0
    """
    rows = [row for row in map(row_of, items) if row.exact is not None]
    if not rows:
        return SquadScores(0, 0.0, 0.0, 0, None, None, 0, None)
    decided = _Table(
        np.array([bool(row.golds) for row in rows]),
        np.array([row.answer is not None for row in rows]),
        np.array([row.exact for row in rows], float),
        np.array([row.f1 for row in rows], float),
    )
    best = _Table(
        decided.answerable,
        np.array([row.best is not None for row in rows]),
        np.array([row.best_exact for row in rows], float),
        np.array([row.best_f1 for row in rows], float),
    )
    odds = np.array([math.inf if row.margin is None else row.margin for row in rows])
    return _scores(decided, best, odds, np.argsort(odds, kind="stable"), nothing=-math.inf)


def score_predictions(
    golds: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    *,
    odds: Mapping[str, float] | None = None,
    threshold: float = 1.0,
) -> SquadScores:
    """Score predictions by question id, as the official SQuAD 2.0 script does.

    Parameters
    ----------
    golds : mapping of str to sequence of str
        The accepted answers of each question, none for an unanswerable one.
    predictions : mapping of str to str
        The answer to each question, "" for none; questions without a prediction are left out of every metric (the
        official script stops there).
    odds : mapping of str to float or None, default None
        How strongly no answer was preferred: a probability, or null score − best score; None takes 0 for all, and
        gives no best thresholds and no average precision.
    threshold : float, default 1.0
        No answer if the odds are above it; 1, the default of the official script, changes no prediction if odds are
        probabilities.

    Returns
    -------
    SquadScores

    Raises
    ------
    InputError
        If no question has a prediction.

    Notes
    -----
    Of questions with equal odds the sweep for the best threshold may take some and leave others, in the order of
    `odds`, as in the official script; `thresholds.sweep` never does.

    References
    ----------
    Rajpurkar et al. 2018; the official SQuAD 2.0 script.

    Examples
    --------
    >>> golds = {"1": ["Ada", "Ada Marlow"], "2": []}
    >>> score_predictions(golds, {"1": "ada", "2": "Tobias"}, odds={"1": 0.1, "2": 0.9}).best_exact_threshold
    0.1
    """
    ids = [id for id in golds if id in predictions]
    if not ids:
        raise InputError(
            f"None of the {len(golds):,} questions has a prediction; the ids of the {len(predictions):,} predictions "
            "are others."
        )
    exact, overlap = np.array([best_match(golds[id], predictions[id]) for id in ids]).T
    answerable, answered = (np.array([bool(texts[id]) for id in ids]) for texts in (golds, predictions))
    raw = _Table(answerable, answered, exact, overlap)
    if odds is None:
        return _scores(raw)
    _check_odds(ids, odds)
    values = np.array([odds[id] for id in ids], float)
    # Equal odds stay in the order of the file that holds them.
    place = {id: k for k, id in enumerate(odds)}
    order = np.lexsort((np.array([place[id] for id in ids]), values))
    return _scores(raw.with_none(values > threshold), raw, values, order)


def squad1_scores(golds: Mapping[str, Sequence[str]], predictions: Mapping[str, str]) -> dict[str, float]:
    """Exact match and F1 under the names and rules of the official SQuAD 1.1 script.

    They differ from those of 2.0 if a question has no prediction (it counts 0) and if two answers normalise to
    nothing (their F1 is 0).

    Parameters
    ----------
    golds : mapping of str to sequence of str
        The accepted answers of each question.
    predictions : mapping of str to str
        The answer to each question.

    Returns
    -------
    dict of str to float

    Raises
    ------
    InputError
        For a question without an accepted answer.

    References
    ----------
    Rajpurkar et al. 2016; the official SQuAD 1.1 script.

    Examples
    --------
    >>> squad1_scores({"1": ["Ada"], "2": ["lamp"]}, {"1": "ada"})
    {'exact_match': 50.0, 'f1': 50.0}
    """
    if not golds:
        raise InputError("There is no question to score.")
    empty = [id for id, texts in golds.items() if not texts]
    if empty:
        raise InputError(
            f"SQuAD 1.1 knows no unanswerable question, but {shown(empty[0])} has no accepted answer."
        )
    exact = overlap = 0.0
    for id, texts in golds.items():
        if id in predictions:
            said = predictions[id]
            exact += max(exact_match(text, said) for text in texts)
            overlap += max(f1(text, said) if accepted([said]) != [""] else 0.0 for text in texts)
    return {"exact_match": 100.0 * exact / len(golds), "f1": 100.0 * overlap / len(golds)}


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """All (N,): whether there is an answer, whether one was given, and its exact match and F1, from 0 to 1."""

    answerable: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    exact: NDArray[np.float64]
    f1: NDArray[np.float64]

    def with_none(self, none: NDArray[np.bool_]) -> _Table:
        """The same table where some questions get no answer, whatever was predicted."""
        exact, overlap = (np.where(none, ~self.answerable, x).astype(float) for x in (self.exact, self.f1))
        return _Table(self.answerable, self.answered & ~none, exact, overlap)


def _scores(
    decided: _Table,
    raw: _Table | None = None,
    odds: NDArray[np.float64] | None = None,
    order: NDArray[np.int64] | None = None,
    nothing: float = 0.0,
) -> SquadScores:
    has = decided.answerable
    figures = SquadScores(
        total=len(has),
        exact=_percent(decided.exact) or 0.0,
        f1=_percent(decided.f1) or 0.0,
        has_answer_total=int(has.sum()),
        has_answer_exact=_percent(decided.exact[has]),
        has_answer_f1=_percent(decided.f1[has]),
        no_answer_total=int((~has).sum()),
        no_answer_exact=_percent(decided.exact[~has]),
    )
    if raw is None or odds is None or order is None:
        return figures
    exact, exact_at = _best_threshold(raw, raw.exact, odds, order, nothing)
    overlap, overlap_at = _best_threshold(raw, raw.f1, odds, order, nothing)
    precision = [_average_precision(has, x, odds, order) for x in (raw.exact, raw.f1, has.astype(float))]
    names = ("exact_average_precision", "f1_average_precision", "oracle_average_precision")
    return replace(
        figures,
        best_exact=exact,
        best_exact_threshold=exact_at,
        best_f1=overlap,
        best_f1_threshold=overlap_at,
        **dict(zip(names, precision, strict=True)),
    )


def _best_threshold(
    table: _Table,
    scores: NDArray[np.float64],
    odds: NDArray[np.float64],
    order: NDArray[np.int64],
    nothing: float,
) -> tuple[float, float]:
    """The best figure in percent, and the odds up to which it answers; `nothing` where answering nothing is best."""
    gains = np.where(table.answerable, scores, -table.answered.astype(float))[order]
    totals = np.cumsum(np.concatenate([[float((~table.answerable).sum())], gains]))
    best = int(totals.argmax())
    return 100.0 * float(totals[best]) / len(scores), float(odds[order[best - 1]]) if best else nothing


def _average_precision(
    answerable: NDArray[np.bool_],
    scores: NDArray[np.float64],
    odds: NDArray[np.float64],
    order: NDArray[np.int64],
) -> float | None:
    """Σ precision · step of recall, in percent, over the places where a threshold can be; None without an answer."""
    count = int(answerable.sum())
    if not count:
        return None
    right = np.cumsum(np.where(answerable, scores, 0.0)[order])
    sorted_odds = odds[order]
    last = np.append(sorted_odds[1:] != sorted_odds[:-1], True)
    precision, recall = (right / np.arange(1, len(right) + 1))[last], right[last] / count
    return 100.0 * float(np.cumsum(precision * np.diff(recall, prepend=0.0))[-1])


def _part(name: str, exact: float | None, overlap: float | None, total: int) -> dict[str, float | int]:
    if exact is None or overlap is None:
        return {}
    return {f"{name}_exact": exact, f"{name}_f1": overlap, f"{name}_total": total}


def _percent(values: NDArray[np.float64]) -> float | None:
    # Added one after the other: numpy's own sum adds in pairs, and rounds otherwise.
    return 100.0 * float(np.cumsum(values)[-1]) / len(values) if len(values) else None


def _check_odds(ids: Sequence[str], odds: Mapping[str, float]) -> None:
    for id in ids:
        if id not in odds:
            raise InputError(f"Question {shown(id)} has a prediction but no no-answer odds.")
        value = odds[id]
        if not is_number(value):
            raise InputError(
                f"The no-answer odds of question {shown(id)} have to be a number, but are {shown(value)}."
            )
