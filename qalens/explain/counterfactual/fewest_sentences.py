"""The fewest sentences from which a model gives the same answer as from the whole text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qalens.errors import QalensError
from qalens.explain.counterfactual.budgeted_search import Chosen, Found, Goal, Trials, by_distance
from qalens.explain.counterfactual.difference import ReadingDiff, same_text
from qalens.explain.counterfactual.edits import KeepSentence
from qalens.explain.counterfactual.effects import ReadEdits
from qalens.explain.sentences import split_sentences
from qalens.readings.reading import Reading
from qalens.records import Shown
from qalens.spans.distribution import normalize_answer
from qalens.text.examples import CharSpan


@dataclass(frozen=True, slots=True, eq=False)
class SmallestSentences(Shown):
    """The fewest sentences from which a model gives the same answer as from the whole text.

    Attributes
    ----------
    reading : Reading
        The reading of the whole text.
    sentences : tuple of int
        The indices of the sentences, counted from 0 as in `split_sentences`.
    spans : tuple of CharSpan
        Their characters.
    diff : ReadingDiff
        From the whole text to those sentences alone.
    readings : int
        How many readings were used.
    proven : bool
        Whether it is certain that no smaller set suffices; False if the budget did not cover all smaller sets, or
        some could not be read.
    errors : tuple of QalensError, default ()
        Why some could not be read.

    Examples
    --------
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

    def __repr__(self) -> str:
        total = len(split_sentences(self.reading.context))
        sure = "proven smallest" if self.proven else "not proven smallest"
        numbers = ", ".join(map(str, self.sentences))
        return f"SmallestSentences({numbers} of {total} sentences, {sure}, {self.readings} readings)"


def smallest_sentences(reading: Reading, read: ReadEdits, *, budget: int = 256) -> SmallestSentences:
    """Find the fewest sentences that keep the answer of a reading.

    An answer is kept if the sentences alone lead to the same text, ignoring case, punctuation and articles, at the
    threshold of the reading. If the reading abstains, any sentence without a candidate would keep that and say
    nothing; so the set has to hold the best span, and is the least text on which the model rejects that span.

    Parameters
    ----------
    reading : Reading
        The reading of the whole text.
    read : ReadEdits
        Reads the text after edits.
    budget : int, default 256
        The most readings to use; if it ends before anything is found, all sentences are returned, and `proven` is
        False.

    Returns
    -------
    SmallestSentences

    Notes
    -----
    Sets are read by their number of sentences, the most promising first: near the answer, then together with what
    came closest. Sets that lack a word of the answer are left out, since they cannot have it. If the budget does not
    cover all sets of one number, half of what is left of it goes to the most promising ones.
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
