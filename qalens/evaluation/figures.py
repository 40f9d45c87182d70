"""The figures of a set of rows with their intervals: over all questions, and apart for questions of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.evaluation.bootstrap import DEFAULT_RESAMPLES, Estimate, estimates
from qalens.evaluation.columns import By, Columns, columns, groups
from qalens.evaluation.rows import ExampleRow

SliceBy = Literal["question word", "answer length", "text length", "windows", "cause", "title"]
# Where a new bin begins, in words, characters and windows.
_EDGES = {
    "answer length": (1, 2, 3, 5, 9),
    "text length": (0, 500, 1000, 2000, 5000),
    "windows": (1, 2, 3, 5),
}
_UNITS = {"answer length": "words", "text length": "characters", "windows": "windows"}


@dataclass(frozen=True, slots=True)
class Figures:
    """Exact match and F1 in percent with their intervals, over all scored questions and apart by kind.

    - `abstained`: the share of questions without an answer
    - `by`: what was drawn for the intervals: "question", "text" or "title"; `level`: how wide they are
    - `unscored`: rows without known gold answers; `failed`: texts that could not be read, which count as no answer
    """

    exact: Estimate
    f1: Estimate
    has_answer_exact: Estimate
    has_answer_f1: Estimate
    no_answer_exact: Estimate
    abstained: Estimate
    by: By
    level: float
    unscored: int
    failed: int

    def __str__(self) -> str:
        named = {
            "exact": self.exact,
            "F1": self.f1,
            "HasAns exact": self.has_answer_exact,
            "HasAns F1": self.has_answer_f1,
            "NoAns exact": self.no_answer_exact,
            "abstained": self.abstained,
        }
        lines = [
            f"{name:<14}{estimate!s:<24}{estimate.count:>8,}"
            for name, estimate in named.items()
            if estimate.count
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Slice:
    """The questions of one kind: how many there are, and their figures in percent."""

    name: str
    exact: Estimate
    f1: Estimate
    abstained: Estimate

    @property
    def count(self) -> int:
        """How many scored questions there are."""
        return self.exact.count


@dataclass(frozen=True, slots=True)
class Slices:
    """All scored questions by one property; a question stands in exactly one slice.

    - `by`: the property; `slices`: in the order of the property, or largest first where it has none
    - `whole`: the figures over all of them
    """

    by: SliceBy
    slices: tuple[Slice, ...]
    whole: Slice

    def __len__(self) -> int:
        return len(self.slices)

    def __getitem__(self, name: str) -> Slice:
        for one in self.slices:
            if one.name == name:
                return one
        raise InputError(
            f"There is no slice {name!r}; there are {', '.join(one.name for one in self.slices)}."
        )

    def __str__(self) -> str:
        lines = [
            f"{one.name:<24}{one.count:>7,}  {one.exact!s:<24}{one.f1!s:<24}{one.abstained.value:>6.1f}"
            for one in (*self.slices, self.whole)
        ]
        return "\n".join([f"{self.by:<24}{'n':>7}  {'exact':<24}{'F1':<24}{'abst.':>6}", *lines])


def figures(
    rows: Sequence[ExampleRow],
    *,
    by: By = "question",
    resamples: int = DEFAULT_RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Figures:
    """The figures of rows with percentile intervals.

    - `by`: what is drawn: "question", or whole groups of them, "text" or "title": questions of one text share its
      difficulty, and then intervals are wider and more honest
    - `resamples`, `level`, `seed`: of the bootstrap

    Raises `InputError` where no row can be scored.

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer=None)
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> print(figures([row, row]).exact)
    100.00 [100.00, 100.00]
    """
    table = columns(rows)
    kept = [rows[k] for k in table.index.tolist()]
    has = table.answerable.astype(float)
    ones = np.ones(len(table))
    abstained = (~table.answered).astype(float)
    parts = [table.exact, table.f1, table.exact * has, table.f1 * has, table.exact * (1 - has), abstained]
    above = np.stack(parts, axis=1)
    below = np.stack([ones, ones, has, has, 1 - has, ones], axis=1)
    found = estimates(above, below, groups(kept, by), resamples=resamples, seed=seed, level=level)
    failed = int(table.failed.sum())
    return Figures(*found, by=by, level=level, unscored=len(rows) - len(table), failed=failed)


def slices(
    rows: Sequence[ExampleRow],
    property: SliceBy = "question word",
    *,
    by: By = "question",
    resamples: int = DEFAULT_RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Slices:
    """The figures apart for questions of each kind.

    - `property`: "question word", "answer length" in words of the shortest gold answer, "text length" in characters,
      "windows", "cause" of unanswerability, "title"
    - `by`, `resamples`, `level`, `seed`: for the intervals, as in `figures`

    Raises `InputError` for another property, and where no row can be scored.

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer=None)
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> [(one.name, one.count) for one in slices([row, row]).slices]
    [('who', 2)]
    """
    if property not in get_args(SliceBy):
        raise InputError(
            f"There are slices by {', '.join(map(repr, get_args(SliceBy)))}, but not by {property!r}."
        )
    table = columns(rows)
    kept = [rows[k] for k in table.index.tolist()]
    names = [_KINDS[property](row) for row in kept]
    group = groups(kept, by)
    place = {name: k for k, name in enumerate(_order(names, property))}
    numbers = np.array([place[name] for name in names])
    made = [
        _slice(name, table, group, numbers == k, resamples=resamples, seed=seed, level=level)
        for name, k in place.items()
    ]
    everything = np.ones(len(table), bool)
    whole = _slice("all", table, group, everything, resamples=resamples, seed=seed, level=level)
    return Slices(property, tuple(made), whole)


def _slice(
    name: str,
    table: Columns,
    group: NDArray[np.int64],
    inside: NDArray[np.bool_],
    *,
    resamples: int,
    seed: int,
    level: float,
) -> Slice:
    """One slice; its intervals come from its own questions alone."""
    own = table.take(inside)
    above = np.stack([own.exact, own.f1, ~own.answered], axis=1).astype(float)
    _, numbers = np.unique(group[inside], return_inverse=True)
    found = estimates(above, np.ones_like(above), numbers, resamples=resamples, seed=seed, level=level)
    return Slice(name, *found)


def _order(names: Sequence[str], property: SliceBy) -> list[str]:
    """The names of the slices in the order in which they are shown."""
    count = Counter(names)
    if property in _EDGES:
        planned = [*_bin_names(property), *_WITHOUT]
        return sorted(count, key=planned.index)
    return sorted(count, key=lambda name: (name in _WITHOUT, -count[name], name))


_WITHOUT = ("no answer", "not known", "not read", "answerable")


def _bin_names(property: SliceBy) -> list[str]:
    edges, unit = _EDGES[property], _UNITS[property]
    names = []
    for k, low in enumerate(edges):
        high = edges[k + 1] - 1 if k + 1 < len(edges) else None
        number = f"{low:,}" if high == low else f"{low:,} or more" if high is None else f"{low:,}–{high:,}"
        names.append(f"{number} {unit[:-1] if number == '1' else unit}")
    return names


def _bin(property: SliceBy, value: int | None, without: str) -> str:
    if value is None:
        return without
    at = int(np.searchsorted(_EDGES[property], value, side="right")) - 1
    return _bin_names(property)[max(0, at)]


def _cause(row: ExampleRow) -> str:
    return "answerable" if row.golds else "not known" if row.cause is None else row.cause


_KINDS: dict[SliceBy, Callable[[ExampleRow], str]] = {
    "question word": lambda row: row.question_word,
    "answer length": lambda row: _bin("answer length", row.answer_length, "no answer"),
    "text length": lambda row: _bin("text length", row.text_length, "not read"),
    "windows": lambda row: _bin("windows", row.windows, "not read"),
    "cause": _cause,
    "title": lambda row: "not known" if row.title is None else row.title,
}
