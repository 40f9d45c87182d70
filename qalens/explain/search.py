"""The fewest sentences on which a model says what it says of the whole text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qalens.errors import QalensError
from qalens.explain.difference import ReadingDiff, same_text
from qalens.explain.edits import KeepSentence
from qalens.explain.effects import ReadEdits
from qalens.explain.sentences import split_sentences
from qalens.explain.trials import Chosen, Found, Goal, Trials, by_distance
from qalens.reading import Reading
from qalens.spans import normalize_answer
from qalens.text import CharSpan


@dataclass(frozen=True, slots=True, eq=False)
class SmallestSentences:
    """The fewest sentences on which a model says what it says of the whole text.

    - `reading`: the reading of the whole text
    - `sentences`: the numbers of the sentences, counted from 0 as in `split_sentences`; `spans`: where they stand
    - `diff`: from the whole text to those sentences alone
    - `readings`: how many readings were spent
    - `proven`: whether it is certain that no smaller set does it; False where the budget did not reach for all
      smaller sets, or some could not be read
    - `errors`: why some could not be read

    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> smallest = reader.smallest_sentences(reading)
    >>> len(smallest.sentences) == len(smallest.spans) <= 2
    True
    """

    reading: Reading
    sentences: tuple[int, ...]
    spans: tuple[CharSpan, ...]
    diff: ReadingDiff
    readings: int
    proven: bool
    errors: tuple[QalensError, ...] = ()

    def _repr_html_(self) -> str:
        from qalens.views.sentences import smallest_sentences_html

        return smallest_sentences_html(self)

    def __repr__(self) -> str:
        total = len(split_sentences(self.reading.context))
        sure = "proven smallest" if self.proven else "not proven smallest"
        numbers = ", ".join(map(str, self.sentences))
        return f"SmallestSentences({numbers} of {total} sentences, {sure}, {self.readings} readings)"


def smallest_sentences(reading: Reading, read: ReadEdits, *, budget: int = 256) -> SmallestSentences:
    """Find the fewest sentences that keep what a reading says.

    An answer is kept where the sentences alone lead to the same text, without case, punctuation and articles, at the
    threshold of the reading. Where the reading abstains, any sentence without a candidate would keep that and tell
    nothing; so the set has to hold the best span, and shows the least text on which the model turns that very span down.

    Sets are read by size, the most promising first: near the answer, then together with what came closest. Sets that
    lack a word of the answer are left out, since they cannot have it. Where the budget does not reach for all sets of a
    size, half of what is left of it goes to the most promising ones. `budget` is the most readings to spend; where it
    ends before anything is found, all sentences are named, and `proven` is False.
    """
    pieces = split_sentences(reading.context)
    goal, needed = _goal(reading, pieces)
    trials = Trials(reading, read, goal=goal, edit=KeepSentence, budget=budget)
    best = reading.decision.best
    order = by_distance(pieces, None if best is None else best.span)
    found, complete = trials.smallest(
        range(1, len(pieces)), lambda size: _covering(trials.sorted(order), size, needed)
    )
    if found is None:
        found = Found(
            tuple(range(len(pieces))), ReadingDiff(reading, reading, np.arange(len(reading.context)))
        )
    chosen = tuple(sorted(found.chosen))
    return SmallestSentences(
        reading=reading,
        sentences=chosen,
        spans=tuple(pieces[k] for k in chosen),
        diff=found.diff,
        readings=trials.spent,
        proven=len(chosen) == 1 or (complete and not trials.errors),
        errors=tuple(trials.errors),
    )


def _goal(reading: Reading, pieces: Sequence[CharSpan]) -> tuple[Goal, list[frozenset[int]]]:
    """What is to be kept, and groups of sentences: a set that has none of a group cannot keep it."""
    answer, best = reading.answer, reading.decision.best
    if answer is None:
        needed = [k for k, piece in enumerate(pieces) if best is not None and piece.overlaps(best.span)]
        goal = Goal(lambda _, diff: diff.after.answer is None, lambda _, diff: diff.after.margin)
        return goal, [frozenset([k]) for k in needed]

    def kept(_: Chosen, diff: ReadingDiff) -> bool:
        said = diff.after.answer
        return said is not None and same_text(said.text, answer.text)

    def probability(_: Chosen, diff: ReadingDiff) -> float:
        found = diff.candidate(answer.span)
        return 0.0 if found is None else found.probability

    texts = [normalize_answer(piece.of(reading.context)) for piece in pieces]
    words = normalize_answer(answer.text).split()
    holders = {frozenset(k for k, text in enumerate(texts) if word in text) for word in words}
    # A word that no sentence has alone runs over a border, as in 北。京, and any set might bring it together.
    return Goal(kept, probability), [group for group in holders if group]


def _covering(
    order: Sequence[int],
    size: int,
    groups: Sequence[frozenset[int]],
    taken: Chosen = (),
    barred: frozenset[int] = frozenset(),
) -> Iterator[Chosen]:
    """Every set of `size` items that has one of each group, once, those that come first in `order` first."""
    unmet = [group for group in groups if not group & set(taken)]
    if not unmet:
        free = [k for k in order if k not in taken and k not in barred]
        yield from ((*taken, *rest) for rest in combinations(free, size - len(taken)))
    elif len(taken) < size:
        group = min(unmet, key=len)
        for k in order:
            if k in group and k not in barred:
                yield from _covering(order, size, groups, (*taken, k), barred)
                barred |= {k}
