"""The fewest words whose masking flips a decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, QalensError, shown
from qalens.explain.counterfactual.budgeted_search import Chosen, Found, Goal, Trials, by_distance
from qalens.explain.counterfactual.difference import ReadingDiff, same_text
from qalens.explain.counterfactual.edits import Edit, MaskWords, Where
from qalens.explain.counterfactual.effects import ReadEdits
from qalens.explain.counterfactual.masking import seen_characters
from qalens.explain.words import word_spans
from qalens.readings.reading import Reading
from qalens.records import Shown, read_only
from qalens.spans.distribution import SpanDistribution
from qalens.text.examples import CharSpan

Flip = Literal["opposite", "other_answer", "any"]


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class SmallestFlip(Shown):
    """The fewest words whose masking flips a decision; none if no flip was found.

    Attributes
    ----------
    reading : Reading
        The reading before.
    where, to
        As in `smallest_flip`.
    words : tuple of CharSpan
        The words to mask, as spans of the text or of the question; empty if nothing flipped.
    diff : ReadingDiff or None
        The effect of masking them; None if nothing flipped.
    candidates : tuple of CharSpan
        The N words that could be masked.
    margins : ndarray of float64
        (N,): the null margin with that word alone masked, in logits; nan if it was not read.
    readings : int
        How many readings were used.
    proven : bool
        Whether it is certain that no smaller set flips, or without words that no set at all does.
    errors : tuple of QalensError, default ()
        Why some could not be read.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer(), threshold=50)
    >>> flip = reader.smallest_flip(reader.read("Who kept the lamp?", "Ada kept the lamp."), budget=40)
    >>> flip.flipped, flip.words
    (False, ())
    """

    reading: Reading
    where: Where
    to: Flip
    words: tuple[CharSpan, ...]
    diff: ReadingDiff | None
    candidates: tuple[CharSpan, ...]
    margins: NDArray[np.float64]
    readings: int
    proven: bool
    errors: tuple[QalensError, ...] = ()

    def __post_init__(self) -> None:
        if self.margins.shape != (len(self.candidates),):
            raise InputError(
                f"{len(self.candidates)} words cannot have margins of shape {self.margins.shape}."
            )
        if (self.diff is None) != (not self.words):
            raise InputError("A flip has words and what masking them does, or neither.")
        self.margins.flags.writeable = False

    @property
    def flipped(self) -> bool:
        """Whether a flip was found."""
        return self.diff is not None

    def __repr__(self) -> str:
        text = self.reading.context if self.where == "context" else self.reading.question
        said = ", ".join(repr(span.of(text)) for span in self.words) or "nothing flips"
        sure = "proven" if self.proven else "not proven"
        return f"SmallestFlip({said}; {sure}, {self.readings} readings)"


def smallest_flip(
    reading: Reading,
    read: ReadEdits,
    *,
    where: Where = "context",
    to: Flip = "opposite",
    protect_answer: bool = True,
    budget: int = 512,
) -> SmallestFlip:
    """Find the fewest words whose masking flips the decision of a reading at its threshold.

    Words can be masked if they have a letter or digit and a token holds them.

    Parameters
    ----------
    reading : Reading
        The reading.
    read : ReadEdits
        Reads the text after edits.
    where : Where, default "context"
        "context" masks words of the text, "question" those of the question.
    to : Flip, default "opposite"
        "opposite" (from an answer to none, from none to an answer), "other_answer" (from an answer to one with
        another text that shares no character with it) or "any" (either).
    protect_answer : bool, default True
        Never mask the words of the answer itself, since hiding it is a trivial flip; a reading that abstains has no
        answer to protect.
    budget : int, default 512
        The most readings to use.

    Returns
    -------
    SmallestFlip

    Raises
    ------
    InputError
        For options that cannot work.

    Notes
    -----
    Every word alone is read first, nearest to the answer first and with at most three quarters of the budget if there
    are more. If none flips, the words that moved the decision most are masked together, more and more of them until
    it flips, and those that are not needed are removed again; then all pairs, triples, … smaller than that are read,
    the most effective words first, within the budget.
    """
    _check_flip(reading, where, to)
    words = _maskable(reading, where, protect_answer)

    def mask(chosen: Chosen) -> Edit:
        return MaskWords([words[k] for k in chosen], where=where)

    goal = _goal(reading, to, lambda chosen: [words[k] for k in chosen] if where == "context" else [])
    trials = Trials(reading, read, goal=goal, edit=mask, budget=budget)
    best = reading.decision.best if where == "context" else None
    found, complete, margins = _singles(trials, by_distance(words, None if best is None else best.span))
    if found is None:
        order = trials.sorted(range(len(words)))
        found = _grown(trials, order)
        most = len(words) if found is None else len(found.chosen) - 1
        smaller, whole = trials.smallest(range(2, most + 1), lambda size: combinations(order, size))
        found, complete = smaller or found, complete and whole
    return SmallestFlip(
        reading=reading,
        where=where,
        to=to,
        words=() if found is None else tuple(sorted(words[k] for k in found.chosen)),
        diff=None if found is None else found.diff,
        candidates=words,
        margins=margins,
        readings=trials.spent,
        proven=(found is not None and len(found.chosen) == 1) or (complete and not trials.errors),
        errors=tuple(trials.errors),
    )


def _check_flip(reading: Reading, where: Any, to: Any) -> None:
    for name, value, known in (("where", where, get_args(Where)), ("to", to, get_args(Flip))):
        if value not in known:
            raise InputError(f"{name} has to be one of {', '.join(map(repr, known))}, but is {shown(value)}.")
    if to == "other_answer" and reading.answer is None:
        raise InputError('The reading abstains, so there is no answer to be another; take to="opposite".')


def _maskable(reading: Reading, where: Where, protect_answer: bool) -> tuple[CharSpan, ...]:
    """Words with a letter or digit that a token holds, without those of a protected answer."""
    text = reading.context if where == "context" else reading.question
    seen = seen_characters(reading.windows, where=where)
    answer = reading.answer if where == "context" and protect_answer else None
    return tuple(
        span
        for span in word_spans(text)
        if any(map(str.isalnum, span.of(text)))
        and seen[span.start : span.end].any()
        and not (answer is not None and span.overlaps(answer.span))
    )


def _goal(reading: Reading, to: Flip, hidden: Callable[[Chosen], list[CharSpan]]) -> Goal:
    """What counts as a flip; `hidden` gives the characters of the text that a set of words masks."""
    answer, threshold = reading.answer, reading.decision.threshold

    def new_answer(chosen: Chosen, diff: ReadingDiff) -> bool:
        said = diff.after.answer
        if said is None or any(said.span.overlaps(span) for span in hidden(chosen)):
            return False
        return answer is None or not (said.span.overlaps(answer.span) or same_text(said.text, answer.text))

    def towards_new(chosen: Chosen, diff: ReadingDiff) -> float:
        """By how much the best span that may be said leads over the old answer, or over no answer."""
        spans, barred = diff.after.spans, hidden(chosen)
        if answer is None:
            return _best_apart(spans, barred) - (spans.null_score - threshold)
        old = diff.candidate(answer.span)
        return _best_apart(spans, [*barred, answer.span]) - (-np.inf if old is None else old.score)

    def silence(_: Chosen, diff: ReadingDiff) -> bool:
        return diff.after.answer is None

    def towards_silence(_: Chosen, diff: ReadingDiff) -> float:
        return diff.after.margin - threshold

    if answer is None or to == "other_answer":
        return Goal(new_answer, towards_new)
    if to == "opposite":
        return Goal(silence, towards_silence)
    return Goal(
        lambda chosen, diff: silence(chosen, diff) or new_answer(chosen, diff),
        lambda chosen, diff: max(towards_silence(chosen, diff), towards_new(chosen, diff)),
    )


def _best_apart(spans: SpanDistribution, others: Sequence[CharSpan]) -> float:
    """The best score of a span that shares no character with others; minus infinity where there is none."""
    apart = np.ones(len(spans), bool)
    for other in others:
        apart &= (spans.end <= other.start) | (spans.start >= other.end)
    return float(spans.score[apart].max(initial=-np.inf))


def _singles(trials: Trials, order: Sequence[int]) -> tuple[Found | None, bool, NDArray[np.float64]]:
    """Mask every word alone: the one that flips most clearly, whether all were read, and the margins (N,)."""
    margins = np.full(len(order), np.nan)

    def note(chosen: Chosen, diff: ReadingDiff) -> None:
        margins[chosen[0]] = diff.after.margin

    some = order[: max(1, trials.left * 3 // 4)]
    found = trials.nearest([(k,) for k in some], batch=len(some), note=note)
    return found, len(some) == len(order), margins


def _grown(trials: Trials, order: Sequence[int]) -> Found | None:
    """The most effective words, masked together until it flips, then without those that are not needed for it.

    Together, since each of several words that hold a decision up may do nothing alone.
    """
    sizes = [1]
    while sizes[-1] < len(order):
        sizes.append(min(len(order), sizes[-1] * 3 // 2 + 1))
    sets, _ = trials.affordable(tuple(order[:n]) for n in sizes if n > 1)
    found = trials.nearest(sets, batch=4)
    if found is None:
        return None
    for k in reversed(found.chosen):
        fewer = tuple(other for other in found.chosen if other != k)
        if len(fewer) > 1:
            found = trials.nearest([fewer]) or found
    return found
