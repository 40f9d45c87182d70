"""Two evaluations of the same questions: is the difference more than chance, and which questions turned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.evaluation.bootstrap import DEFAULT_RESAMPLES, Estimate, estimates
from qalens.evaluation.columns import By, columns, groups
from qalens.evaluation.rows import OUTCOMES, ExampleRow, Outcome


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure before and after in percent, and after − before in points with its interval."""

    name: str
    before: float
    after: float
    change: Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same questions in two evaluations, one after the other.

    - `differences`: exact match and F1, over all and apart by kind; kinds without a question are left out
    - `pairs`: the rows of each question, before and after
    - `gained`, `lost`: how many went from wrong to right and from right to wrong, by exact match
    - `p`: the exact two-sided p of McNemar's test: how often chance alone turns the questions that turned at least so
      unevenly
    - `alone_before`, `alone_after`: questions that only one of the two has, or could score
    - `by`, `level`: of the intervals
    """

    differences: tuple[Difference, ...]
    pairs: tuple[tuple[ExampleRow, ExampleRow], ...]
    gained: int
    lost: int
    p: float
    alone_before: int
    alone_after: int
    by: By
    level: float

    def __getitem__(self, name: str) -> Difference:
        for one in self.differences:
            if one.name == name:
                return one
        raise InputError(
            f"There is no figure {name!r}; there are {', '.join(d.name for d in self.differences)}."
        )

    def flips(
        self, before: Outcome | bool, after: Outcome | bool
    ) -> tuple[tuple[ExampleRow, ExampleRow], ...]:
        """The questions that went from one outcome to another; True stands for right, False for wrong.

        Raises `InputError` for what is no outcome.
        """
        for wanted in (before, after):
            if not isinstance(wanted, bool) and wanted not in OUTCOMES:
                raise InputError(
                    f"{wanted!r} is no outcome; there are {', '.join(OUTCOMES)}, and True and False."
                )
        return tuple(pair for pair in self.pairs if _is(pair[0], before) and _is(pair[1], after))

    def table(self) -> NDArray[np.int64]:
        """(6, 6): how many questions went from one of `OUTCOMES` (rows) to another (columns).

        A text that could not be read has no outcome and stands nowhere.
        """
        counts = np.zeros((len(OUTCOMES), len(OUTCOMES)), np.int64)
        for before, after in self.pairs:
            if before.outcome is not None and after.outcome is not None:
                counts[OUTCOMES.index(before.outcome), OUTCOMES.index(after.outcome)] += 1
        return counts

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain numbers, ready for JSON."""
        changes = {
            d.name: {"before": d.before, "after": d.after, "low": d.change.low, "high": d.change.high}
            for d in self.differences
        }
        return {
            "questions": len(self.pairs),
            "gained": self.gained,
            "lost": self.lost,
            "p": self.p,
            **changes,
        }

    def __str__(self) -> str:
        lines = [f"{d.name:<14}{d.before:>7.2f} → {d.after:>6.2f}   {d.change}" for d in self.differences]
        turned = f"{self.gained:,} became right, {self.lost:,} wrong; McNemar p = {self.p:.2g}"
        return "\n".join([f"{len(self.pairs):,} questions", *lines, turned])

    def _repr_html_(self) -> str:
        from qalens.views.evaluation_comparison import comparison_html

        return comparison_html(self)


def compare_rows(
    before: Sequence[ExampleRow],
    after: Sequence[ExampleRow],
    *,
    by: By = "question",
    resamples: int = DEFAULT_RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Hold two evaluations of the same questions against each other.

    Questions are matched by id, and where there are no ids by question and text. Only those that both could score count.

    - `by`, `resamples`, `level`, `seed`: of the paired bootstrap: a question is drawn with both its rows; "text" and
      "title" draw whole groups

    Raises `InputError` where they share no question, and where a shared id stands for different questions.

    Sources: McNemar 1947; Efron and Tibshirani 1993 for the bootstrap.

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> known = Example("Who kept it?", "Ada kept it.", id="1", gold=())
    >>> said = [planted_reading("Who kept it?", "Ada kept it.", answer=answer) for answer in ("Ada", None)]
    >>> found = compare_rows(*([example_row(known, reading)] for reading in said))
    >>> found.gained, found.lost, found["exact"].change.value
    (1, 0, 100.0)
    """
    pairs = _pairs(before, after)
    first, second = (columns([pair[k] for pair in pairs]) for k in (0, 1))
    kinds = {
        "": np.ones(len(pairs)),
        "HasAns ": first.answerable.astype(float),
        "NoAns ": (~first.answerable) * 1.0,
    }
    plan = [
        (f"{kind}{metric}", weight, metric.lower())
        for kind, weight in kinds.items()
        for metric in ("exact", "F1")
    ]
    # Without an answer to match, F1 is exact match.
    plan = [one for one in plan if one[1].any() and one[0] != "NoAns F1"]
    old, new = (np.stack([getattr(t, metric) * w for _, w, metric in plan], axis=1) for t in (first, second))
    below = np.stack([weight for _, weight, _ in plan], axis=1)
    group = groups([pair[0] for pair in pairs], by)
    changes = estimates(new - old, below, group, resamples=resamples, seed=seed, level=level)
    values = (100 * x.sum(0) / below.sum(0) for x in (old, new))
    gained = int(((first.exact < 1) & (second.exact == 1)).sum())
    lost = int(((first.exact == 1) & (second.exact < 1)).sum())
    return Comparison(
        differences=tuple(
            Difference(name, float(a), float(b), change)
            for (name, *_), a, b, change in zip(plan, *values, changes, strict=True)
        ),
        pairs=tuple(pairs),
        gained=gained,
        lost=lost,
        p=mcnemar_p(gained, lost),
        alone_before=len(before) - len(pairs),
        alone_after=len(after) - len(pairs),
        by=by,
        level=level,
    )


def mcnemar_p(gained: int, lost: int) -> float:
    """The exact two-sided p of McNemar's test: a fair coin thrown once for each question that turned.

    >>> mcnemar_p(0, 5), mcnemar_p(4, 4)
    (0.0625, 1.0)
    """
    n, k = gained + lost, min(gained, lost)
    if 2 * k == n:
        return 1.0
    # log of the binomial terms 0 … k, since their size leaves every float where thousands turned.
    steps = np.log(np.arange(n, n - k, -1)) - np.log(np.arange(1, k + 1))
    terms = np.concatenate([[0.0], np.cumsum(steps)]) - n * math.log(2)
    return float(min(1.0, 2 * math.exp(np.logaddexp.reduce(terms))))


def _pairs(before: Sequence[ExampleRow], after: Sequence[ExampleRow]) -> list[tuple[ExampleRow, ExampleRow]]:
    """The rows of each question that both could score."""
    there = {_key(row): row for row in after if row.exact is not None}
    pairs = [(row, there[_key(row)]) for row in before if row.exact is not None and _key(row) in there]
    if not pairs:
        raise InputError(
            f"The evaluations of {len(before):,} and of {len(after):,} questions share none that both could score; a "
            "comparison needs the same questions with the same ids and known gold answers."
        )
    for one, other in pairs:
        if (one.question, one.text_id, one.answerable) != (other.question, other.text_id, other.answerable):
            raise InputError(
                f"The id {one.id!r} stands for different questions, texts or gold answers: {one.question!r:.60} and "
                f"{other.question!r:.60}."
            )
    return pairs


def _key(row: ExampleRow) -> tuple[str, ...]:
    return (row.question, row.text_id) if row.id is None else (row.id,)


def _is(row: ExampleRow, wanted: Outcome | bool) -> bool:
    return (row.exact == 1) is wanted if isinstance(wanted, bool) else row.outcome == wanted
