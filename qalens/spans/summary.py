"""What is kept of a distribution where thousands of readings are counted: a few numbers in place of all its spans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.records import brief
from qalens.spans.decision import Decision
from qalens.spans.distribution import SpanDistribution
from qalens.spans.logits import SpanLogits
from qalens.spans.places import Places, likely_places
from qalens.text.examples import CharSpan

# Where the mass of all spans is known: T = 2^(k/2), from 1/8 to 8. In between calibration interpolates.
TEMPERATURES: tuple[float, ...] = tuple(2.0 ** (k / 2) for k in range(-6, 7))
# The probability from which on a place is kept; what lies below is not worth its bytes.
LEAST_PLACE = 0.001
# Of kept sums and places.
DIGITS = 6


@brief
@dataclass(frozen=True, slots=True)
class SpanSummary:
    """How the probability of one reading lies: what remains of its distribution once the spans are gone.

    Attributes
    ----------
    given_answer : float
        P(best span | there is an answer); 0 without a span.
    cluster_probability : float
        The probability of all spans that overlap the best.
    product, null_product : float
        The classic p(start) · p(end) of the best span and of the null token.
    entropy : float
        In bits.
    gold_scores : tuple of float
        The scores of those gold answers that are legal spans.
    masses, cluster_masses : tuple of float
        log Σ exp((score − best score) / T) over all spans, and over those that overlap the best, for each T of
        `TEMPERATURES`, in six digits; empty without a span.
    mean_scores : tuple of float
        The mean of score − best score at each of these T.
    places : tuple of float
        The probabilities of its places, most probable first, from 0.001 on, in six digits.
    right_places : tuple of int or None
        The indices of those whose best span overlaps a gold answer; None where none is known.
    true_place : float or None
        The probability of the most probable right place, however small; P(∅) for an unanswerable question.
    """

    given_answer: float
    cluster_probability: float
    product: float
    null_product: float
    entropy: float
    gold_scores: tuple[float, ...]
    masses: tuple[float, ...]
    cluster_masses: tuple[float, ...]
    mean_scores: tuple[float, ...]
    places: tuple[float, ...]
    right_places: tuple[int, ...] | None
    true_place: float | None


def summary_of(
    logits: SpanLogits, spans: SpanDistribution, decision: Decision, golds: Sequence[CharSpan] | None
) -> SpanSummary:
    """Summarise a distribution.

    Parameters
    ----------
    logits : SpanLogits
        What the model said.
    spans : SpanDistribution
        All spans and no answer.
    decision : Decision
        The decision between them.
    golds : sequence of CharSpan or None
        The gold answers; empty for an unanswerable question, None if unknown.

    Returns
    -------
    SpanSummary

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> found = summary_of(reading.logits, reading.spans, reading.decision, [CharSpan(0, 3)])
    >>> found.right_places, round(found.true_place, 3)
    ((0,), 1.0)
    """
    found = likely_places(spans, least=LEAST_PLACE)
    right = None if golds is None else tuple(np.flatnonzero(_on_gold(spans, found.heads, golds)).tolist())
    looked_up = [spans.find(start, end) for start, end in gold_edges(spans.context, golds)]
    return SpanSummary(
        null_product=_null_product(logits, spans),
        entropy=spans.entropy(),
        gold_scores=tuple(one.score for one in looked_up if one is not None),
        places=tuple(np.round(found.masses, DIGITS).tolist()),
        right_places=right,
        true_place=_true_place(spans, found, golds),
        **_around_the_best(logits, spans, decision),
    )


def gold_edges(context: str, golds: Sequence[CharSpan] | None) -> list[tuple[int, int]]:
    """The different gold answers as half-open characters, sorted; whitespace at either end does not count.

    Parameters
    ----------
    context : str
        The text.
    golds : sequence of CharSpan or None
        The gold answers.

    Returns
    -------
    list of (int, int)

    Examples
    --------
    >>> gold_edges("Ada kept it.", [CharSpan(3, 8), CharSpan(4, 8)])
    [(4, 8)]
    """
    edges = set()
    for gold in golds or ():
        text = context[gold.start : gold.end]
        start = gold.start + len(text) - len(text.lstrip())
        edges.add((start, start + len(text.strip())))
    return sorted(edges)


def _true_place(spans: SpanDistribution, found: Places, golds: Sequence[CharSpan] | None) -> float | None:
    """The probability of the most probable right place, 0 where none is; P(∅) where there is no answer."""
    if not golds:
        return None if golds is None else spans.null_probability
    masses = found.masses[_on_gold(spans, found.heads, golds)]
    # Only where no likely place is right do less likely ones have to be looked at, and there are many of them.
    for least in (1e-6, 1e-12, 0.0):
        if len(masses):
            break
        found = likely_places(spans, least=least)
        masses = found.masses[_on_gold(spans, found.heads, golds)]
    return float(masses.max(initial=0.0))


def _on_gold(spans: SpanDistribution, heads: NDArray[np.int64], golds: Sequence[CharSpan]) -> NDArray:
    start, end = spans.start[heads], spans.end[heads]
    touching = [(start < gold.end) & (end > gold.start) for gold in golds]
    return np.any(touching, axis=0) if touching else np.zeros(len(heads), bool)


def _around_the_best(logits: SpanLogits, spans: SpanDistribution, decision: Decision) -> dict:
    """What is counted from the best span; zeros and nothing where the text has none."""
    best = decision.best
    if best is None:
        chances = dict.fromkeys(("given_answer", "cluster_probability", "product"), 0.0)
        return {"masses": (), "cluster_masses": (), "mean_scores": (), **chances}
    near = (spans.start < best.span.end) & (spans.end > best.span.start)
    # Where every span is masked, none is worse than another.
    behind = np.zeros(len(spans)) if best.score == -math.inf else spans.score - best.score
    mass, near_mass, mean = _masses(behind, near)
    plain = TEMPERATURES.index(1.0)
    return {
        "given_answer": 1.0 / mass[plain],
        "cluster_probability": min(1.0, best.probability * near_mass[plain]),
        "product": _product(logits, best.window, best.tokens),
        "masses": tuple(np.round(np.log(mass), DIGITS).tolist()),
        "cluster_masses": tuple(np.round(np.log(near_mass), DIGITS).tolist()),
        "mean_scores": tuple(np.round(mean, DIGITS).tolist()),
    }


def _masses(
    behind: NDArray[np.float64], near: NDArray[np.bool_]
) -> tuple[list[float], list[float], list[float]]:
    """Σ exp(x / T) for each temperature, over all spans and over those `near`, and the mean of x over all of them.

    x are scores less the best; where a span is masked, its x takes no part in the mean.
    """
    sums = [(0.0, 0.0, 0.0)] * len(TEMPERATURES)
    # Three sums in one product: all, those near, and the scores themselves.
    sides = np.stack([np.ones(len(behind)), near, np.where(np.isfinite(behind), behind, 0.0)])
    for last in (len(TEMPERATURES) - 1, len(TEMPERATURES) - 2):
        power = np.exp(behind / TEMPERATURES[last])
        for k in range(last, -1, -2):
            mass, part, total = (sides @ power).tolist()
            sums[k] = mass, part, total / mass
            # Two places on T is half as large, and the power the square of this one: cheaper than taking it anew.
            power *= power
    whole, close, mean = zip(*sums, strict=True)
    return list(whole), list(close), list(mean)


def _null_product(logits: SpanLogits, spans: SpanDistribution) -> float:
    """p(start) · p(end) at the null token of the window whose null score counts, or comes closest to it."""
    counts = spans.null_scores == spans.null_score
    window = int((counts if counts.any() else -np.abs(spans.null_scores - spans.null_score)).argmax())
    null = int(logits.windows.null_index[window])
    return _product(logits, window, (null, null))


def _product(logits: SpanLogits, window: int, tokens: tuple[int, int]) -> float:
    """p(start) · p(end) of two tokens, each a softmax over all tokens of the window that are no padding."""
    length = int(logits.windows.lengths[window])
    log = 0.0
    for side, token in zip((logits.start, logits.end), tokens, strict=True):
        row = side[window, :length].astype(np.float64)
        top = float(row.max())
        log += float(row[token]) - top - math.log(float(np.exp(row - top).sum()))
    return math.exp(log)
