"""Does an attribution name the words that matter? Mask them, or all others, and see what the target does.

Words are masked in place, token by token, so that positions and offsets hold. Special tokens and the spans of the target
itself are never masked. All changes are in the logits of the target.

Sources: comprehensiveness and sufficiency after DeYoung et al. 2020 (ERASER), insertion and deletion after Petsiuk et al.
2018 (RISE), normalising by the best and the worst order of the input, found by a beam search, after Edin et al. 2024.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.explain.attribution.embeddings import explaining
from qalens.explain.attribution.record import Attribution
from qalens.explain.faithfulness.masked_target import MaskedTarget
from qalens.explain.faithfulness.order_search import highest_mean
from qalens.explain.faithfulness.replacements import MaskedBy, check_replacement, replacement_name
from qalens.explain.targets import Target
from qalens.explain.words import Word
from qalens.models.model import QAModel
from qalens.readings.reading import Reading
from qalens.records import Shown, brief, read_only

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
_CURVE = np.linspace(0, 1, 21)


@brief
@dataclass(frozen=True, slots=True)
class Score:
    """One measure of a ranking, compared with random rankings and with the worst and best orders.

    Attributes
    ----------
    value : float
        The mean change of the target in logits over the shares of words.
    random_mean, random_sd : float
        The same over random rankings of the same words.
    z : float
        By how many standard deviations the ranking is better than random ones; nan if those are all equal.
    normalised : float
        The position between `worst` (0) and `best` (1); nan if the two are equal.
    p : float
        The probability that a random ranking is as good or better: (1 + number of those) / (1 + all), so at least
        1/201 with 200 of them.
    worst, best : float
        The least and the most favourable value of any order on this reading: random ones, those of all attributions
        tested together and their reverses, that of occlusion, and those of a beam search.
    rankings : int
        The number of random rankings.
    """

    value: float
    random_mean: float
    random_sd: float
    z: float
    normalised: float
    p: float
    worst: float
    best: float
    rankings: int

    @property
    def z_error(self) -> float:
        """The Monte-Carlo standard error of `z` from the number of random rankings; nan if `z` is."""
        n = self.rankings
        # Of a mean and of a standard deviation, both estimated from n draws that are nearly normal.
        return float(np.sqrt(1 / n + self.z**2 / (2 * (n - 1))))


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Faithfulness(Shown):
    """What happens to a target when the words that an attribution ranks first are masked, or all others.

    All arrays are read-only.

    Attributes
    ----------
    target, method
        Of the attribution.
    words : int
        The number of words that could be masked.
    shares : ndarray of float64
        (K,): shares of the words, highest values first.
    comprehensiveness : ndarray of float64
        (K,): target at the input − target without those words; more is better.
    sufficiency : ndarray of float64
        (K,): target at the input − target with only those words; less is better.
    comprehensive, sufficient : Score
        Each of the two as one `Score`, over all shares.
    steps : ndarray of float64
        (P,): the shares of the words for the two curves.
    deletion : ndarray of float64
        (P,): the target when a share of the words is masked, highest values first.
    insertion : ndarray of float64
        (P,): the target when a share of the words is put back into a text in which all are masked, highest values
        first.
    value : float
        The target at the input.
    passes : int
        The number of rows that went through the model.
    by : str, default "mask"
        What replaced the words.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> tested = reader.faithfulness(reading, reader.attribute(reading))
    >>> tested.shares.tolist()
    [0.01, 0.05, 0.1, 0.2, 0.5]
    """

    target: Target
    method: str
    words: int
    shares: NDArray[np.float64]
    comprehensiveness: NDArray[np.float64]
    sufficiency: NDArray[np.float64]
    comprehensive: Score
    sufficient: Score
    steps: NDArray[np.float64]
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]
    value: float
    passes: int
    by: str = "mask"

    def __post_init__(self) -> None:
        for names, length in (
            (("comprehensiveness", "sufficiency"), len(self.shares)),
            (("deletion", "insertion"), len(self.steps)),
        ):
            for name in names:
                if getattr(self, name).shape != (length,):
                    raise InputError(
                        f"{name} has to have the shape ({length},), but has {getattr(self, name).shape}."
                    )
        for array in (
            self.shares,
            self.comprehensiveness,
            self.sufficiency,
            self.steps,
            self.deletion,
            self.insertion,
        ):
            array.flags.writeable = False

    @property
    def deletion_area(self) -> float:
        """The area under the deletion curve, in logits; less is better."""
        return _area(self.steps, self.deletion)

    @property
    def insertion_area(self) -> float:
        """The area under the insertion curve, in logits; more is better."""
        return _area(self.steps, self.insertion)

    def __repr__(self) -> str:
        c, s = self.comprehensive, self.sufficient
        return (
            f"Faithfulness({self.method}, {self.target.words}: comprehensiveness {c.value:.2f} (z {c.z:+.1f} ± "
            f"{c.z_error:.1f}, p {c.p:.3f}), sufficiency {s.value:.2f} (z {s.z:+.1f} ± {s.z_error:.1f}, p {s.p:.3f}))"
        )


def _area(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(np.diff(x) @ (y[1:] + y[:-1]) / 2)


def faithfulness(
    model: QAModel,
    reading: Reading,
    attributions: Sequence[Attribution],
    *,
    mask_id: int | None = None,
    pad_id: int | None = None,
    by: MaskedBy = "mask",
    random_rankings: int = 200,
    beam: int = 1,
    seed: int = 0,
    batch_tokens: int | None = None,
) -> tuple[Faithfulness, ...]:
    """Test the rankings of several attributions of one target of one reading against the same comparisons.

    Parameters
    ----------
    model : QAModel
        The model that made the reading.
    reading : Reading
        The reading.
    attributions : sequence of Attribution
        Attributions of one target.
    mask_id, pad_id : int or None, default None
        The ids of the tokenizer's mask and padding tokens, None if it has none.
    by : MaskedBy, default "mask"
        What replaces a masked word, as in `replacements.replacement_ids`.
    random_rankings : int, default 200
        The number of random rankings for z and p.
    beam : int, default 1
        The width of the beam search for the best and the worst order; 0 does no search, and takes the bounds from the
        other orders.
    seed : int, default 0
        Draws the random rankings.
    batch_tokens : int or None, default None
        Tokens of one batch; None chooses for the device.

    Returns
    -------
    tuple of Faithfulness

    Raises
    ------
    InputError
        For a tokenizer without the token of `by`, for attributions of another reading, by other weights than made it,
        or of different targets or words, and if no word can be masked.

    References
    ----------
    DeYoung et al. 2020 (ERASER); Petsiuk et al. 2018 (RISE); Edin et al. 2024.
    """
    blanks = {name: id for name, id in (("mask", mask_id), ("pad", pad_id)) if id is not None}
    check_masking(by, blanks, random_rankings, beam, seed)
    _check(reading, attributions)
    with explaining(model, gradients=False):
        masked = MaskedTarget(
            model, reading, attributions[0], by=by, blanks=blanks, seed=seed, batch_tokens=batch_tokens
        )
        orders = [_order(a, masked.words) for a in attributions]
        reference = _reference(masked, orders, random_rankings, beam, seed)
        return tuple(
            replace(_tested(masked, attribution, order, reference), by=replacement_name(by))
            for attribution, order in zip(attributions, orders, strict=True)
        )


def check_masking(
    by: MaskedBy, blanks: Mapping[str, int], random_rankings: int, beam: int, seed: int
) -> None:
    """Check the options of `faithfulness`.

    Parameters
    ----------
    by : MaskedBy
        What replaces a masked word.
    blanks : mapping of str to int
        The ids of the mask and padding tokens.
    random_rankings : int
        The number of random rankings.
    beam : int
        The width of the beam search.
    seed : int
        Of the random rankings.

    Raises
    ------
    InputError
        For options with which no attribution can be tested.
    """
    check_replacement(by, blanks)
    for name, value, least in (("random_rankings", random_rankings, 2), ("beam", beam, 0), ("seed", seed, 0)):
        if not is_whole(value, least):
            raise InputError(f"{name} has to be a whole number from {least} on, but is {shown(value)}.")


def _check(reading: Reading, attributions: Sequence[Attribution]) -> None:
    if not attributions:
        raise InputError("There is no attribution to test.")
    first = attributions[0]
    for a in attributions:
        if not isinstance(a, Attribution):
            raise InputError(
                f"Expected an Attribution, as reader.attribute gives it, but got {type(a).__name__}."
            )
        w = a.target.window
        if (
            (a.question, a.context) != (reading.question, reading.context)
            or w >= len(reading.windows)
            or not np.array_equal(reading.windows.tokens[w, : len(a.tokens)], a.tokens)
        ):
            raise InputError("The attribution is of another reading than the one it is to be tested on.")
        if _fingerprint(a) != _fingerprint(reading):
            raise InputError(
                f"The attribution explains {a.model or 'no model that is known'}, whose weights are not those that made the "
                "reading. Attribute this reading again, then test that attribution."
            )
        if a.target != first.target or a.over != first.over:
            raise InputError(
                f"All attributions have to explain the same target over the same words, but one explains "
                f"{a.target.words} over {a.over} and another {first.target.words} over {first.over}."
            )


def _fingerprint(record: Attribution | Reading) -> str | None:
    return None if record.source is None else record.source.fingerprint


def _order(attribution: Attribution, words: Sequence[Word]) -> NDArray[np.int64]:
    """The words from the highest value, which speaks most for the target, to the lowest; equal ones in their order."""
    return np.argsort([-attribution.values[list(w.tokens)].sum() for w in words], kind="stable")


# --- measures ---------------------------------------------------------------------------------------------------------


def _counts(shares: NDArray[np.float64], words: int) -> NDArray[np.int64]:
    """How many words a share is; one above 0 is at least one word."""
    return np.ceil(shares * words - 1e-9).astype(np.int64)


def _first(order: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(K, n): the first so many words of an order."""
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank < _counts(shares, len(order))[:, None]


def _changes(masked: MaskedTarget, orders: Sequence[NDArray[np.int64]], value: float) -> NDArray[np.float64]:
    """(R, 2, K): comprehensiveness and sufficiency of R orders by share."""
    masks = np.stack([_first(order, np.array(SHARES)) for order in orders])
    both = np.stack([masks, ~masks], 1)
    return value - masked.values(both.reshape(-1, masks.shape[-1])).reshape(both.shape[:3])


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    """What all rankings of one reading are compared with, for comprehensiveness and sufficiency.

    The target at the input, (R, 2) means of random orders, and the (2,) lowest and highest means of any order.
    """

    value: float
    random: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]


def _reference(
    masked: MaskedTarget, orders: Sequence[NDArray[np.int64]], rankings: int, beam: int, seed: int
) -> _Reference:
    n = len(masked.words)
    values = masked.values(np.concatenate([np.zeros((1, n), bool), np.eye(n, dtype=bool)]))
    occlusion = np.argsort(values[1:], kind="stable")
    rng = np.random.default_rng(seed)
    random = _changes(masked, [rng.permutation(n) for _ in range(rankings)], values[0]).mean(2)
    known = _changes(masked, [o for own in (occlusion, *orders) for o in (own, own[::-1])], values[0]).mean(2)
    found = np.concatenate([random, known, *([_searched(masked, values[0], beam)] if beam else [])])
    return _Reference(float(values[0]), random, found.min(0), found.max(0))


def _searched(masked: MaskedTarget, value: float, beam: int) -> NDArray[np.float64]:
    """(2, 2): the lowest and the highest comprehensiveness and sufficiency that a beam search finds."""
    counts, n = _counts(np.array(SHARES), len(masked.words)), len(masked.words)

    def bound(measure: int, sign: int) -> float:
        def change(sets: NDArray[np.bool_]) -> NDArray[np.float64]:
            return sign * (value - masked.values(~sets if measure else sets))

        return sign * highest_mean(change, counts, n, beam)

    return np.array([[bound(measure, sign) for measure in (0, 1)] for sign in (-1, 1)])


def _tested(
    masked: MaskedTarget, attribution: Attribution, order: NDArray[np.int64], reference: _Reference
) -> Faithfulness:
    (own,) = _changes(masked, [order], reference.value)
    masks = _first(order, _CURVE)
    curves = masked.values(np.concatenate([masks, ~masks])).reshape(2, -1)
    return Faithfulness(
        target=attribution.target,
        method=attribution.method,
        words=len(masked.words),
        shares=np.array(SHARES),
        comprehensiveness=own[0].copy(),
        sufficiency=own[1].copy(),
        comprehensive=_score(float(own[0].mean()), reference, 0),
        sufficient=_score(float(own[1].mean()), reference, 1),
        steps=_CURVE.copy(),
        deletion=curves[0].copy(),
        insertion=curves[1].copy(),
        value=reference.value,
        passes=masked.passes,
    )


def _score(value: float, reference: _Reference, measure: int) -> Score:
    random, ends = (
        reference.random[:, measure],
        (float(reference.lowest[measure]), float(reference.highest[measure])),
    )
    # Little change with only the first words left is good: sufficiency counts the other way round.
    sign = -1 if measure else 1
    worst, best = ends[::sign]
    # Equal numbers have a deviation too, of rounding.
    sd = float(random.std(ddof=1)) if np.ptp(random) else 0.0
    mean = float(random.mean())
    return Score(
        value=value,
        random_mean=mean,
        random_sd=sd,
        z=sign * (value - mean) / sd if sd > 0 else float("nan"),
        normalised=(value - worst) / (best - worst) if best != worst else float("nan"),
        p=float((1 + (sign * random >= sign * value).sum()) / (1 + len(random))),
        worst=worst,
        best=best,
        rankings=len(random),
    )
