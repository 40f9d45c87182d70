"""Readings after edits within a budget: what every search for a smallest set is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from qalens.errors import InputError, QalensError
from qalens.explain.difference import ReadingDiff
from qalens.explain.edits import Edit
from qalens.explain.effects import ReadEdits, read_edits
from qalens.reading import FailedReading, Reading
from qalens.text import CharSpan

# Items of a set by number: sentences of a text, words of a list.
Chosen = tuple[int, ...]
_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """What a search looks for, and how near a set comes to it, by what its edit does; larger is nearer."""

    reached: Callable[[Chosen, ReadingDiff], bool]
    nearness: Callable[[Chosen, ReadingDiff], float]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A set that reached the goal, and what its edit does."""

    chosen: Chosen
    diff: ReadingDiff


class Trials:
    """Sets of items tried one after the other, as long as the budget of readings lasts.

    - `edit`: the edit that a set stands for
    - `left`, `spent`: readings
    - `errors`: why some sets could not be read
    - `near`: for each item how near the sets with it came to the goal
    """

    def __init__(
        self,
        reading: Reading,
        read: ReadEdits,
        *,
        goal: Goal,
        edit: Callable[[Chosen], Edit],
        budget: int,
    ):
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
            raise InputError(f"budget has to be a whole number of readings from 1 on, but is {budget!r}.")
        self._reading, self._read, self._goal, self._edit = reading, read, goal, edit
        self.left, self.spent = budget, 0
        self.errors: list[QalensError] = []
        self.near: dict[int, float] = {}
        self._tried: set[frozenset[int]] = set()

    def smallest(
        self, sizes: Iterable[int], sets_of: Callable[[int], Iterable[Chosen]]
    ) -> tuple[Found | None, bool]:
        """A set of the first size that has one, and whether every set of all sizes below it was tried.

        Where the budget does not reach for a whole size, half of what is left of it goes there, so that larger sizes have
        their turn too.
        """
        complete = True
        for size in sizes:
            if not self.left:
                return None, False
            sets, whole = self.affordable(sets_of(size))
            found = self.nearest(sets)
            if found is not None:
                return found, complete
            complete &= whole
        return None, complete

    def affordable(self, sets: Iterable[Chosen]) -> tuple[list[Chosen], bool]:
        """The sets not tried yet: all where the budget allows, else the first for half of it; and whether it is all."""
        some = list(islice((s for s in sets if frozenset(s) not in self._tried), self.left + 1))
        whole = len(some) <= self.left
        return (some if whole else some[: (self.left + 1) // 2]), whole

    def nearest(
        self,
        sets: Sequence[Chosen],
        *,
        batch: int = _BATCH,
        note: Callable[[Chosen, ReadingDiff], None] | None = None,
    ) -> Found | None:
        """Of the first batch with sets that reach the goal the smallest one, of equal ones the nearest.

        Sets that were tried before are left out; they did not reach it. `note` is told of every set that could be read.
        """
        sets = [s for s in sets if frozenset(s) not in self._tried]
        for first in range(0, len(sets), max(1, batch)):
            best: tuple[tuple[int, float], Found] | None = None
            for chosen, diff in self._try(sets[first : first + batch]):
                nearness = self._goal.nearness(chosen, diff)
                for k in chosen:
                    self.near[k] = max(self.near.get(k, -np.inf), nearness)
                if note is not None:
                    note(chosen, diff)
                rank = (-len(chosen), nearness)
                if self._goal.reached(chosen, diff) and (best is None or rank > best[0]):
                    best = rank, Found(chosen, diff)
            if best is not None:
                return best[1]
        return None

    def _try(self, sets: Sequence[Chosen]) -> Iterator[tuple[Chosen, ReadingDiff]]:
        """What the edit of each set does, as far as the budget goes, without those that could not be read."""
        sets = sets[: self.left]
        self.left -= len(sets)
        self.spent += len(sets)
        self._tried.update(map(frozenset, sets))
        outcomes = read_edits(self._reading, [self._edit(chosen) for chosen in sets], self._read)
        for chosen, outcome in zip(sets, outcomes, strict=True):
            if isinstance(outcome, FailedReading):
                self.errors.append(outcome.error)
            else:
                yield chosen, outcome

    def sorted(self, order: Iterable[int]) -> list[int]:
        """Items by how near they came to the goal, the nearest first; those that were not tried last."""
        return sorted(order, key=lambda k: -self.near.get(k, -np.inf))


def by_distance(spans: Sequence[CharSpan], target: CharSpan | None) -> list[int]:
    """The numbers of some spans, those nearest to `target` first; in their own order where there is none."""
    if target is None:
        return list(range(len(spans)))
    return sorted(
        range(len(spans)), key=lambda k: max(target.start - spans[k].end, spans[k].start - target.end, 0)
    )
