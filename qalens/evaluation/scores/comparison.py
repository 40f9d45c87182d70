"""Two evaluations of the same questions: is the difference more than chance, and which questions turned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.evaluation.columns import DRAWN, By, columns, drawn_by, groups
from qalens.evaluation.intervals import Estimate, changes, shares
from qalens.evaluation.rows import OUTCOMES, ExampleRow, Outcome
from qalens.records import Shown, brief


@brief
@dataclass(frozen=True, slots=True)
class Difference:
    """One metric before and after.

    Attributes
    ----------
    name : str
        The metric.
    before, after : float
        In percent.
    change : Estimate
        After − before in points, with its interval.
    """

    name: str
    before: float
    after: float
    change: Estimate


@brief
@dataclass(frozen=True, slots=True)
class Comparison(Shown):
    """The same questions in two evaluations.

    Attributes
    ----------
    differences : tuple of Difference
        Exact match and F1, over all questions and by kind; kinds without a question are left out.
    pairs : tuple of tuple of (ExampleRow, ExampleRow)
        The rows of each question, before and after.
    gained, lost : int
        How many changed from wrong to right and from right to wrong, by exact match.
    odds_ratio : Estimate
        Gained / lost with its interval, inf if nothing was lost; its count is how many changed.
    p : float
        The exact two-sided p of a sign-flip test over groups; with questions as groups it is McNemar's exact test.
    alone_before, alone_after : int
        Questions that only one of the two has, or could score.
    by : By
        What the intervals resample.
    level : float
        Of the intervals.
    """

    differences: tuple[Difference, ...]
    pairs: tuple[tuple[ExampleRow, ExampleRow], ...]
    gained: int
    lost: int
    odds_ratio: Estimate
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
            f"There is no figure {shown(name)}; there are {', '.join(d.name for d in self.differences)}."
        )

    def flips(
        self, before: Outcome | bool, after: Outcome | bool
    ) -> tuple[tuple[ExampleRow, ExampleRow], ...]:
        """The questions that changed from one outcome to another.

        Parameters
        ----------
        before, after : Outcome or bool
            An outcome, or True for right and False for wrong.

        Returns
        -------
        tuple of tuple of (ExampleRow, ExampleRow)

        Raises
        ------
        InputError
            For anything that is not an outcome.
        """
        for wanted in (before, after):
            if not isinstance(wanted, bool) and wanted not in OUTCOMES:
                raise InputError(
                    f"{shown(wanted)} is no outcome; there are {', '.join(OUTCOMES)}, and True and False."
                )
        return tuple(pair for pair in self.pairs if _is(pair[0], before) and _is(pair[1], after))

    def table(self) -> NDArray[np.int64]:
        """(6, 6): how many questions changed from one of `OUTCOMES` (rows) to another (columns).

        A text that could not be read has no outcome and is not counted.

        Returns
        -------
        ndarray of int64
        """
        counts = np.zeros((len(OUTCOMES), len(OUTCOMES)), np.int64)
        for before, after in self.pairs:
            if before.outcome is not None and after.outcome is not None:
                counts[OUTCOMES.index(before.outcome), OUTCOMES.index(after.outcome)] += 1
        return counts

    def to_dict(self) -> dict[str, Any]:
        """The metrics as plain numbers, ready for JSON.

        Returns
        -------
        dict of str to object
        """
        changes = {
            d.name: {"before": d.before, "after": d.after, "low": d.change.low, "high": d.change.high}
            for d in self.differences
        }
        return {
            "questions": len(self.pairs),
            "gained": self.gained,
            "lost": self.lost,
            "odds_ratio": self.odds_ratio.value,
            "p": self.p,
            "by": self.by,
            **changes,
        }

    def __str__(self) -> str:
        lines = [f"{d.name:<14}{d.before:>7.2f} → {d.after:>6.2f}   {d.change}" for d in self.differences]
        turned = f"{self.gained:,} became right, {self.lost:,} wrong: odds ratio {self.odds_ratio}, p = {self.p:.2g}"
        note = f"{self.level:.0%} intervals and p over {DRAWN[self.by]}"
        return "\n".join([f"{len(self.pairs):,} questions", *lines, turned, note])


def compare_rows(
    before: Sequence[ExampleRow],
    after: Sequence[ExampleRow],
    *,
    by: By | None = None,
    level: float = 0.95,
) -> Comparison:
    """Hold two evaluations of the same questions against each other.

    Parameters
    ----------
    before, after
        Rows, matched by id, and where there are no ids by question and text. Only those that both could score count.
    by
        What is thought of as drawn, always with both its rows: "question", "text" or "title"; None as in
        `qalens.evaluation.scores.figures.figures`.
    level
        How often the intervals should hold the difference over all questions there could be.

    Returns
    -------
    Comparison
        Differences with intervals (`qalens.evaluation.intervals.changes`), an odds ratio, and a test.

    Raises
    ------
    InputError
        Where they share no question, and where a shared id belongs to different questions.

    Notes
    -----
    The test flips the signs of whole groups, which is McNemar's exact test (1947) where each question is a group of its
    own; the distribution is added up, not drawn.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
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
    by = drawn_by([pair[0] for pair in pairs], by)
    group = groups([pair[0] for pair in pairs], by)
    moved = changes(100 * (new - old), below, group, most=100.0, level=level)
    values = (100 * x.sum(0) / below.sum(0) for x in (old, new))
    gained, lost = (first.exact < 1) & (second.exact == 1), (first.exact == 1) & (second.exact < 1)
    return Comparison(
        differences=tuple(
            Difference(name, float(a), float(b), change)
            for (name, *_), a, b, change in zip(plan, *values, moved, strict=True)
        ),
        pairs=tuple(pairs),
        gained=int(gained.sum()),
        lost=int(lost.sum()),
        odds_ratio=_odds_ratio(gained, lost, group, level),
        p=sign_flip_p(np.bincount(group, gained.astype(float) - lost).astype(float)),
        alone_before=len(before) - len(pairs),
        alone_after=len(after) - len(pairs),
        by=by,
        level=level,
    )


def sign_flip_p(balance: NDArray[np.float64]) -> float:
    """How often `|Σ ± balance|` is at least `|Σ balance|` when a fair coin gives each group its sign: exact and two-sided.

    Parameters
    ----------
    balance
        (G,): for each group how many questions it gained, less those it lost; whole numbers.

    Returns
    -------
    float
        For balances of −1, 0 and 1 the p of McNemar's exact test.

    Examples
    --------
    >>> round(sign_flip_p(np.array([-1.0] * 5)), 6), sign_flip_p(np.array([3.0, -3.0]))
    (0.0625, 1.0)
    """
    from scipy.stats import binom

    size, groups = np.unique(np.abs(np.rint(balance)).astype(np.int64), return_counts=True)
    chance = np.ones(1)  # of Σ from −(len − 1) / 2 on
    for m, k in zip(size.tolist(), groups.tolist(), strict=True):
        if m:
            # k groups of this size add up to m · (2j − k) where j of them come out positive.
            steps = np.zeros(2 * m * k + 1)
            steps[:: 2 * m] = binom.pmf(np.arange(k + 1), k, 0.5)
            chance = np.convolve(chance, steps)
    reach, seen = (len(chance) - 1) // 2, round(abs(float(balance.sum())))
    far = np.abs(np.arange(-reach, reach + 1)) >= seen
    return float(min(1.0, chance[far].sum()))


def _odds_ratio(
    gained: NDArray[np.bool_], lost: NDArray[np.bool_], group: NDArray[np.int64], level: float
) -> Estimate:
    """Gained / lost: the odds of the share that was gained among those that turned."""
    turned = (gained | lost).astype(float)
    (share,) = shares(gained[:, None].astype(float), turned[:, None], group, level=level)
    value, low, high = (math.inf if x == 100 else x / (100 - x) for x in (share.value, share.low, share.high))
    return Estimate(value, low, high, share.count)


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
                f"The id {shown(one.id)} belongs to different questions, texts or gold answers: {shown(one.question)} and "
                f"{shown(other.question)}."
            )
    return pairs


def _key(row: ExampleRow) -> tuple[str, ...]:
    return (row.question, row.text_id) if row.id is None else (row.id,)


def _is(row: ExampleRow, wanted: Outcome | bool) -> bool:
    return (row.exact == 1) is wanted if isinstance(wanted, bool) else row.outcome == wanted
