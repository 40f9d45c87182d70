"""Does an attribution name the words that matter? Mask them, or all others, and see what the target does.

Words are masked in place, by the id of the mask token, so that positions and offsets hold. Special tokens and the spans of
the target itself are never masked. All changes are in the logits of the target.

Sources: comprehensiveness and sufficiency after DeYoung et al. 2020 (ERASER), insertion and deletion after Petsiuk et al.
2018 (RISE), normalising by the best and the worst order after Edin et al. 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import InputError, ModelError
from qalens.explain.attribution import Attribution
from qalens.explain.passes import TargetFunction, WindowInput, explaining
from qalens.explain.targets import Target
from qalens.explain.words import Word
from qalens.model import QAModel
from qalens.reading import Reading
from qalens.records import read_only

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
_CURVE = np.linspace(0, 1, 21)


@dataclass(frozen=True, slots=True)
class Score:
    """One measure of a ranking: its value, how random rankings do, and where it stands between the worst and the best.

    - `value`: mean change of the target in logits over the shares of words
    - `random_mean`, `random_sd`: the same over random rankings of the same words
    - `z`: by how many standard deviations the ranking does better than random ones; nan where those are all alike
    - `normalised`: 0 for the worst and 1 for the best order that was found (random ones, the order of occlusion and its
      reverse, and this one and its reverse); nan where all are alike
    """

    value: float
    random_mean: float
    random_sd: float
    z: float
    normalised: float


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Faithfulness:
    """What happens to a target when the words that an attribution ranks first are masked, or all others.

    - `target`, `method`: of the attribution; `words`: how many words could be masked
    - `shares` (K,): shares of the words, highest values first
    - `comprehensiveness` (K,): target at the input minus target without those words; more is better
    - `sufficiency` (K,): target at the input minus target with only those words; less is better
    - `comprehensive`, `sufficient`: each of the two as one `Score`, over all shares
    - `steps` (P,), `deletion` (P,), `insertion` (P,): the target itself when a share of the words is masked, and when a
      share is put back into a text where all are masked, highest values first
    - `value`: the target at the input; `passes`: how often the model ran

    All arrays are read-only.

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

    def _repr_html_(self) -> str:
        from qalens.views.faithfulness import faithfulness_html

        return faithfulness_html(self)

    def __repr__(self) -> str:
        c, s = self.comprehensive, self.sufficient
        return (
            f"Faithfulness({self.method}, {self.target.words}: comprehensiveness {c.value:.2f} (z {c.z:+.1f}), "
            f"sufficiency {s.value:.2f} (z {s.z:+.1f}))"
        )


def _area(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(np.diff(x) @ (y[1:] + y[:-1]) / 2)


def faithfulness(
    model: QAModel,
    reading: Reading,
    attributions: Sequence[Attribution],
    *,
    mask_id: int | None,
    random_rankings: int = 20,
    seed: int = 0,
    batch_tokens: int | None = None,
) -> tuple[Faithfulness, ...]:
    """Test the rankings of several attributions of one target of one reading; they share what they are compared with.

    - `mask_id`: the id of the tokenizer's mask token
    - `random_rankings`: how many, drawn with `seed`, the z-scores come from
    - `batch_tokens`: tokens of one batch; None suits the device

    Raises `InputError` for a tokenizer without a mask token, for attributions of another reading, by other weights
    than made it, or of different targets or words, and where no word can be masked.
    """
    mask_id = check_masking(mask_id, random_rankings, seed)
    _check(reading, attributions)
    with explaining(model, gradients=False):
        ground = _Ground(model, reading, attributions[0], mask_id, batch_tokens)
        orders = [_order(a, ground.words) for a in attributions]
        reference = _reference(ground, random_rankings, seed)
        return tuple(
            _tested(ground, attribution, order, reference)
            for attribution, order in zip(attributions, orders, strict=True)
        )


def check_masking(mask_id: int | None, random_rankings: int, seed: int) -> int:
    """The id of the mask token, after refusing what no attribution can be tested with."""
    if mask_id is None:
        raise InputError("The tokenizer has no mask token, so words cannot be masked in place.")
    for name, value, least in (("random_rankings", random_rankings, 2), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name} has to be a whole number from {least} on, but is {value!r}.")
    return mask_id


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


class _Ground:
    """The words of one window that may be masked, and the target with any set of them masked."""

    def __init__(
        self,
        model: QAModel,
        reading: Reading,
        attribution: Attribution,
        mask_id: int,
        batch_tokens: int | None,
    ):
        target = attribution.target
        self.target = target
        self.model = model
        self.words = _maskable(attribution)
        if not self.words:
            raise InputError(
                "Every word of this window belongs to the target itself; there is nothing to mask."
            )
        self._window = WindowInput(model, reading, target.window)
        self._function = TargetFunction(reading, target)
        self._mask_id = mask_id
        if batch_tokens is None:
            batch_tokens = model.batch_tokens
        self._batch = max(1, batch_tokens // self._window.shape[0])
        T, n = self._window.shape[0], len(self.words)
        self._holds = np.zeros((n, T), bool)
        for k, word in enumerate(self.words):
            self._holds[k, list(word.tokens)] = True
        self._known: dict[bytes, float] = {}

    @property
    def passes(self) -> int:
        """How often the model ran."""
        return len(self._known)

    def values(self, masked: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(R,): the target with those words masked, (R, n words); the same words masked again give the same number."""
        new = {row.tobytes(): row for row in masked if row.tobytes() not in self._known}
        if new:
            self._known.update(zip(new, self._computed(np.stack(list(new.values()))).tolist(), strict=True))
        return np.array([self._known[row.tobytes()] for row in masked])

    def _computed(self, masked: NDArray[np.bool_]) -> NDArray[np.float64]:
        tokens = masked.astype(np.int64) @ self._holds.astype(np.int64) > 0
        found = []
        for k in range(0, len(tokens), self._batch):
            here = torch.as_tensor(tokens[k : k + self._batch], device=self.model.device)
            ids = torch.where(here, self._mask_id, self._window.ids)
            found.append(self._function(*self._window.scores_of_ids(ids)).cpu().numpy())
        values = np.concatenate(found)
        if not np.isfinite(values).all():
            raise ModelError(
                f"{self.model.name} gives {values[~np.isfinite(values)][0]} for the {self.target.words} of a text with masked "
                "words; nothing can be tested with that."
            )
        return values


def _maskable(attribution: Attribution) -> list[Word]:
    """The words that were varied, without those of the target's own spans."""
    target = attribution.target
    own = {
        t
        for pair in (target.tokens, target.rival_tokens)
        if pair is not None
        for t in range(pair[0], pair[1] + 1)
    }
    return [
        w
        for w in attribution.words
        if attribution.over in ("all", w.role.name.lower()) and not own.intersection(w.tokens)
    ]


def _order(attribution: Attribution, words: Sequence[Word]) -> NDArray[np.int64]:
    """The words from the highest value, which speaks most for the target, to the lowest; equal ones in their order."""
    return np.argsort([-attribution.values[list(w.tokens)].sum() for w in words], kind="stable")


# --- measures ---------------------------------------------------------------------------------------------------------


def _first(order: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(K, n): the first so many words of an order; a share above 0 is at least one word."""
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    counts = np.ceil(shares * len(order) - 1e-9).astype(np.int64)
    return rank < counts[:, None]


def _changes(ground: _Ground, orders: Sequence[NDArray[np.int64]], value: float) -> NDArray[np.float64]:
    """(R, 2, K): comprehensiveness and sufficiency of R orders by share."""
    masks = np.stack([_first(order, np.array(SHARES)) for order in orders])
    both = np.stack([masks, ~masks], 1)
    return value - ground.values(both.reshape(-1, masks.shape[-1])).reshape(both.shape[:3])


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    """What every ranking of one ground is compared with: the target at the input, (R, 2) means of random and of other orders."""

    value: float
    random: NDArray[np.float64]
    others: NDArray[np.float64]


def _reference(ground: _Ground, rankings: int, seed: int) -> _Reference:
    n = len(ground.words)
    single = np.concatenate([np.zeros((1, n), bool), np.eye(n, dtype=bool)])
    values = ground.values(single)
    occlusion = np.argsort(values[1:], kind="stable")
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(n) for _ in range(rankings)]
    random = _changes(ground, orders, values[0]).mean(2)
    others = _changes(ground, [occlusion, occlusion[::-1]], values[0]).mean(2)
    return _Reference(float(values[0]), random, others)


def _tested(
    ground: _Ground, attribution: Attribution, order: NDArray[np.int64], reference: _Reference
) -> Faithfulness:
    own, reverse = _changes(ground, [order, order[::-1]], reference.value)
    found = np.concatenate([reference.random, reference.others, [own.mean(1), reverse.mean(1)]])
    # Little change with only the first words left is good: sufficiency counts the other way round.
    scores = [
        _score(float(own[k].mean()), reference.random[:, k], found[:, k], sign)
        for k, sign in enumerate((1, -1))
    ]
    masks = _first(order, _CURVE)
    curves = ground.values(np.concatenate([masks, ~masks])).reshape(2, -1)
    return Faithfulness(
        target=attribution.target,
        method=attribution.method,
        words=len(ground.words),
        shares=np.array(SHARES),
        comprehensiveness=own[0].copy(),
        sufficiency=own[1].copy(),
        comprehensive=scores[0],
        sufficient=scores[1],
        steps=_CURVE.copy(),
        deletion=curves[0].copy(),
        insertion=curves[1].copy(),
        value=reference.value,
        passes=ground.passes,
    )


def _score(value: float, random: NDArray[np.float64], found: NDArray[np.float64], sign: int) -> Score:
    mean = float(random.mean())
    # Equal numbers have a deviation too, of rounding.
    sd = float(random.std(ddof=1)) if np.ptp(random) else 0.0
    worst, best = ((found * sign).min(), (found * sign).max())
    return Score(
        value=value,
        random_mean=mean,
        random_sd=sd,
        z=sign * (value - mean) / sd if sd > 0 else float("nan"),
        normalised=float((sign * value - worst) / (best - worst)) if best > worst else float("nan"),
    )
