"""Readings after edits within a budget: what every search for a smallest set is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from qalens.checks import is_whole
from qalens.errors import InputError, QalensError, shown
from qalens.explain.counterfactual.difference import ReadingDiff
from qalens.explain.counterfactual.edits import Edit
from qalens.explain.counterfactual.effects import ReadEdits, read_edits
from qalens.readings.reading import FailedReading, Reading
from qalens.records import brief
from qalens.text.examples import CharSpan

# Items of a set by number: sentences of a text, words of a list.
Chosen = tuple[int, ...]
_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """The goal of a search.

    Attributes
    ----------
    reached : callable
        Whether a set reaches the goal, from what its edit does.
    nearness : callable
        How close a set comes to it; larger is closer.
    """

    reached: Callable[[Chosen, ReadingDiff], bool]
    nearness: Callable[[Chosen, ReadingDiff], float]


@brief
@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A set that reached the goal.

    Attributes
    ----------
    chosen : Chosen
        The set.
    diff : ReadingDiff
        What its edit does.
    """

    chosen: Chosen
    diff: ReadingDiff


class Trials:
    """Sets of items tried one after the other, within a budget of readings.

    `left` and `spent` count readings; `errors` says why some sets could not be read; `near` is how close the sets
    with each item came to the goal.
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
        if not is_whole(budget, 1):
            raise InputError(
                f"budget has to be a whole number of readings from 1 on, but is {shown(budget)}."
            )
        self._reading, self._read, self._goal, self._edit = reading, read, goal, edit
        self.left, self.spent = budget, 0
        self.errors: list[QalensError] = []
        self.near: dict[int, float] = {}
        self._tried: set[frozenset[int]] = set()

    def smallest(
        self, sizes: Iterable[int], sets_of: Callable[[int], Iterable[Chosen]]
    ) -> tuple[Found | None, bool]:
        """Find a set of the smallest possible number of items.

        If the budget does not suffice for all sets of one number, half of what is left of it is used, so that larger
        sets are tried too.

        Parameters
        ----------
        sizes : iterable of int
            Numbers of items, ascending.
        sets_of : callable
            The sets with so many items.

        Returns
        -------
        tuple of (Found or None, bool)
            A set of the first number that has one, and whether every smaller set was tried.
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
        """The sets that were not tried yet and that the budget allows.

        Parameters
        ----------
        sets : iterable of Chosen
            The sets.

        Returns
        -------
        tuple of (list of Chosen, bool)
            All sets, or the first ones for half of the budget, and whether these are all.
        """
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
        """Read sets batch by batch until one reaches the goal.

        Sets that were tried before are left out; they did not reach it.

        Parameters
        ----------
        sets : sequence of Chosen
            The sets.
        batch : int
            How many are read at a time.
        note : callable or None, default None
            Called with every set that could be read.

        Returns
        -------
        Found or None
            The smallest one of the first batch with a success, the closest of equal ones; None if there is none.
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
        """Items by how close they came to the goal, the closest first; those that were not tried last.

        Parameters
        ----------
        order : iterable of int
            The items.

        Returns
        -------
        list of int
        """
        return sorted(order, key=lambda k: -self.near.get(k, -np.inf))


def by_distance(spans: Sequence[CharSpan], target: CharSpan | None) -> list[int]:
    """The indices of spans, those nearest to `target` first; in their own order without a target.

    Parameters
    ----------
    spans : sequence of CharSpan
        The spans.
    target : CharSpan or None
        A span of the same text, or None.

    Returns
    -------
    list of int
    """
    if target is None:
        return list(range(len(spans)))
    return sorted(
        range(len(spans)), key=lambda k: max(target.start - spans[k].end, spans[k].start - target.end, 0)
    )
