"""How much each token of the question and the context contributes to one number of a reading, and whether to trust it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalens.errors import InputError, QalensError
from qalens.explain.targets import Target
from qalens.explain.words import Word
from qalens.reading import Reading, Source
from qalens.records import read_only
from qalens.text import CharSpan
from qalens.windows import Role

Method = Literal["integrated_gradients", "input_x_gradient", "occlusion", "shapley", "layer_conductance"]
Baseline = Literal["pad", "mask", "mean", "zero"]
Segment = Literal["question", "context", "special"]


@dataclass(frozen=True, slots=True)
class WordValue:
    """What one word contributes: its text, where it stands, the sum of its tokens' values, and the size of them together.

    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> word = reader.attribute(reading).by_word()[0]
    >>> word.text, word.role.name, word.span
    ('Who', 'QUESTION', CharSpan(start=0, end=3))
    """

    text: str
    role: Role
    span: CharSpan
    value: float
    size: float


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """What tells whether the values of an attribution can be relied on.

    - `value`, `baseline_value`: the target at the input and at the baseline (zeros for input × gradient), in logits
    - `completeness_error`: |sum of values − (value − baseline value)| over the size of that difference (at least 0.1)
    - `tolerance`, `converged`: the error that was asked for, and whether it was met, over the whole path and without
      errors of its parts cancelling; `converged` is None for methods that promise no completeness
    - `passes`: how often the model ran, counting each row of a batch
    - `detour`: the share of the path from baseline to input on which another span than at the input scores best; None
      where there is no path
    - `agreement`: {baseline: Spearman rank correlation of the values by word with those under that baseline}; nan where
      ranks cannot be compared, or the model gives nan on the way to that baseline; empty where it was not asked for
    - `answer_share`: the share of all |values| that lies on the target's own span (for no-answer: on the best span); None
      where this window does not hold it

    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> trust = reader.attribute(reading).trust
    >>> trust.converged, trust.completeness_error <= trust.tolerance, sorted(trust.agreement)
    (True, True, ['mask', 'mean', 'zero'])
    """

    value: float
    baseline_value: float
    completeness_error: float
    tolerance: float
    converged: bool | None
    passes: int
    detour: float | None
    agreement: dict[str, float]
    answer_share: float | None


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """What each token of a window contributes to a target, in logits; the values of a faithful one sum to its change.

    For the T tokens of the target's window, without padding:

    - `target`: the number that is explained; `method`, `baseline`, `over`: how (`baseline` is None for a method that
      has none); `layer`: of which layer, for layer conductance
    - `tokens` (T,), `roles` (T,), `offsets` (T, 2): as in `Windows`
    - `values` (T,): contributions; positive speaks for the target
    - `sizes` (T,): how much goes through each token, whichever way, in logits: the Euclidean length of its contribution over
      the coordinates of its embedding, as a mean along the path. A value is their sum, where much can cancel; a size is
      never negative and adds up to nothing. (Over the hidden states for layer conductance; |value| for occlusion and
      Shapley values, which know no coordinates.)
    - `start_values`, `end_values` (T,): what comes through the start and through the end logits; they sum to `values`;
      None where they were not asked for
    - `parts`: {"word": (T,), …}: what comes through each part of the embedding; they sum to `values`
    - `words`: the words of the window with their tokens
    - `source`: the model that is explained, as in `Reading`
    - `trust`: whether the values can be relied on; its fields can be read from here too

    Made by `reader.attribute`. All arrays are read-only.

    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> attribution = reader.attribute(reading)
    >>> attribution.values.shape == attribution.tokens.shape
    True
    """

    question: str
    context: str
    target: Target
    method: Method
    baseline: Baseline | None
    over: str
    tokens: NDArray[np.object_]
    roles: NDArray[np.int8]
    offsets: NDArray[np.int64]
    values: NDArray[np.float64]
    sizes: NDArray[np.float64]
    parts: dict[str, NDArray[np.float64]]
    words: tuple[Word, ...]
    trust: Trust
    start_values: NDArray[np.float64] | None = None
    end_values: NDArray[np.float64] | None = None
    layer: int | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        T = len(self.tokens)
        arrays = {"roles": self.roles, "values": self.values, "sizes": self.sizes, **self.parts}
        arrays |= {n: a for n in ("start_values", "end_values") if (a := getattr(self, n)) is not None}
        for name, array in arrays.items():
            if array.shape != (T,):
                raise InputError(f"{T} tokens cannot have {name} of shape {array.shape}.")
            array.flags.writeable = False
        if self.offsets.shape != (T, 2):
            raise InputError(f"{T} tokens cannot have offsets of shape {self.offsets.shape}.")
        self.tokens.flags.writeable = self.offsets.flags.writeable = False

    @property
    def model(self) -> str:
        """The name of the model that is explained, "" where it is not known."""
        return "" if self.source is None else self.source.name

    @property
    def completeness_error(self) -> float:
        """How far the sum of the values is from the change of the target, as a share of it."""
        return self.trust.completeness_error

    @property
    def converged(self) -> bool | None:
        """Whether the completeness error is within the tolerance; None for methods that promise none."""
        return self.trust.converged

    def by_word(self) -> tuple[WordValue, ...]:
        """The words of question and context in their order, each with the sum of its tokens' values and their size.

        The size of a word is the length of the vector that its tokens make together: the root of the sum of the squares of
        theirs.
        """
        text = {Role.QUESTION: self.question, Role.CONTEXT: self.context}
        return tuple(
            WordValue(
                w.span.of(text[w.role]),
                w.role,
                w.span,
                float(self.values[list(w.tokens)].sum()),
                float(np.linalg.norm(self.sizes[list(w.tokens)])),
            )
            for w in self.words
        )

    def top(self, k: int = 10, *, by: Literal["value", "size"] = "value") -> tuple[WordValue, ...]:
        """The `k` words that count most, largest first: by |value|, or by size, in which nothing cancels.

        Raises `InputError` for a negative `k` and for another `by`.
        """
        if k < 0:
            raise InputError(f"top needs a number of words from 0 on, but got {k}.")
        if by not in ("value", "size"):
            raise InputError(f'by has to be "value" or "size", but is {by!r}.')
        return tuple(sorted(self.by_word(), key=lambda w: -abs(getattr(w, by)))[:k])

    def by_segment(self) -> dict[Segment, float]:
        """The sums of the values over the question, the context, and the special tokens."""
        roles: dict[Segment, Role] = {
            "question": Role.QUESTION,
            "context": Role.CONTEXT,
            "special": Role.SPECIAL,
        }
        return {name: float(self.values[self.roles == role].sum()) for name, role in roles.items()}

    def by_part(self) -> dict[str, float]:
        """The sums of the values by part of the embedding: word, position, segment, those that were varied."""
        return {name: float(values.sum()) for name, values in self.parts.items()}

    def to_dict(self) -> dict[str, object]:
        """The values by word and what tells whether to trust them, as plain numbers and strings, ready for JSON."""
        trust = self.trust
        return {
            "question": self.question,
            "target": self.target.words,
            "method": self.method,
            "baseline": self.baseline,
            "words": [
                {
                    "text": w.text,
                    "in": w.role.name.lower(),
                    "start": w.span.start,
                    "end": w.span.end,
                    "value": w.value,
                    "size": w.size,
                }
                for w in self.by_word()
            ],
            "value": trust.value,
            "baseline_value": trust.baseline_value,
            "completeness_error": trust.completeness_error,
            "converged": trust.converged,
            "detour": trust.detour,
            "agreement": {name: None if math.isnan(r) else r for name, r in trust.agreement.items()},
            "answer_share": trust.answer_share,
        }

    def _repr_html_(self) -> str:
        # As with readings: a record only knows its picture when a notebook asks for it.
        from qalens.views.attribution import attribution_html

        return attribution_html(self)

    def __repr__(self) -> str:
        state = {True: "converged", False: "NOT converged", None: "no promise of completeness"}[
            self.converged
        ]
        return (
            f"Attribution({self.target.words}, {self.method}, {len(self.tokens)} tokens, completeness error "
            f"{self.completeness_error:.1%}, {state})"
        )


@dataclass(frozen=True, slots=True, eq=False)
class FailedAttribution:
    """What stands in the place of an attribution that could not be made: the reading (or what was given), and why.

    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> (failed,) = reader.attribute_many(reader.read_many([("Who?", "")]))
    >>> type(failed.reading).__name__, type(failed.error).__name__
    ('FailedReading', 'InputError')
    """

    reading: object
    error: QalensError

    def _repr_html_(self) -> str:
        from qalens.views.attribution import failed_attribution_html

        return failed_attribution_html(self)

    def __repr__(self) -> str:
        return f"FailedAttribution({self.error})"


def answer_share(reading: Reading, target: Target, values: NDArray[np.float64]) -> float | None:
    """The share of the values' sizes on the target's span, or on the best span where the target has none."""
    tokens = target.tokens
    if tokens is None:
        best = reading.decision.best
        if best is None or best.window != target.window:
            return None
        tokens = best.tokens
    total = float(np.abs(values).sum())
    return float(np.abs(values[tokens[0] : tokens[1] + 1]).sum()) / total if total else None


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's rank correlation, equal values sharing their ranks; nan where one of them is constant.

    >>> rank_correlation([1, 2, 3], [10, 20, 15])
    0.5
    """
    x, y = _ranks(np.asarray(a, float)), _ranks(np.asarray(b, float))
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread else float("nan")


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]
