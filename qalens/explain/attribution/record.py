"""How much each token of the question and the context contributes to one number of a reading, with diagnostics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalens.errors import InputError, QalensError, shown
from qalens.explain.targets import Target
from qalens.explain.words import Word
from qalens.readings.reading import Reading, Source
from qalens.records import Shown, brief, read_only
from qalens.text.examples import CharSpan
from qalens.text.visible import visible
from qalens.text.windows import Role

Method = Literal["integrated_gradients", "input_x_gradient", "occlusion", "shapley", "layer_conductance"]
Baseline = Literal["pad", "mask", "mean", "zero"]
Segment = Literal["question", "context", "special"]


# What the errors of a method are, where they are more than how finely it computed.
_ERROR = {"shapley": "standard error"}


@brief
@dataclass(frozen=True, slots=True)
class WordValue:
    """The contribution of one word.

    `error` is how far the value may be off, as in `Attribution.errors`; None where the method does not say.

    Attributes
    ----------
    text : str
        The word.
    role : Role
        Whether it is in the question or in the context.
    span : CharSpan
        Its characters there.
    value : float
        The sum of its tokens' values, in logits.
    magnitude : float
        The magnitude of its tokens together, see `Attribution.by_word`.
    error : float or None, default None
        The uncertainty of the value, as in `Attribution.errors`; None if the method does not give it.

    Examples
    --------
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
    magnitude: float
    error: float | None = None


@brief
@dataclass(frozen=True, slots=True, eq=False)
class Diagnostics:
    """Diagnostics of an attribution: whether its values can be relied on.

    Attributes
    ----------
    value, baseline_value : float
        The target at the input and at the baseline (zeros for input × gradient), in logits.
    completeness_error : float
        `|sum of values − (value − baseline value)|` over the magnitude of that difference (at least 0.1), also called
        convergence delta. It is about the sum: errors of words that cancel are not in it, but in
        `Attribution.errors`. For Shapley values it is 0 for any number of orders, since every order adds up.
    tolerance : float
        The completeness error that was requested.
    converged : bool or None
        Whether it was met, over the whole path and without errors of its parts cancelling; None for methods that do
        not refine.
    passes : int
        The number of rows that went through the model.
    other_span_share : float or None
        The share of the path from baseline to input where another span than at the input scores best; None if there
        is no path.
    agreement : dict of str to float
        The Spearman rank correlation of the values by word with those under each other baseline; nan if ranks cannot
        be compared, or the model gives nan on the way to that baseline; empty if it was not requested. Integrated
        gradients take 8 points on the path from each, so that the second digit says nothing.
    answer_share : float or None
        The share of all `|values|` that is on the target's own span (for no answer: on the best span); None if this
        window does not hold it.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> diagnostics = reader.attribute(reading).diagnostics
    >>> diagnostics.converged, diagnostics.completeness_error <= diagnostics.tolerance, sorted(diagnostics.agreement)
    (True, True, ['mask', 'mean', 'zero'])
    """

    value: float
    baseline_value: float
    completeness_error: float
    tolerance: float
    converged: bool | None
    passes: int
    other_span_share: float | None
    agreement: dict[str, float]
    answer_share: float | None


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Attribution(Shown):
    """The contribution of each token of a window to a target, in logits; complete values sum to the change of the
    target.

    It is about the T tokens of the target's window, without padding. Made by `reader.attribute`. All arrays are
    read-only.

    Attributes
    ----------
    question, context : str
        The texts.
    target : Target
        The number that is explained.
    method, over
        The method, and the words that were varied.
    baseline : Baseline or None
        The baseline, None for a method without one.
    tokens, roles, offsets
        (T,), (T,) and (T, 2), as in `Windows`.
    values : ndarray of float64
        (T,): contributions; a positive one raises the target.
    magnitudes : ndarray of float64
        (T,): the magnitude of each token in logits, the L2 norm of its contribution over the coordinates of its
        embedding, as a mean along the path. A value is the sum of the coordinates, in which much can cancel; a
        magnitude is never negative, and magnitudes do not add up to anything. (Over the hidden states for layer
        conductance; `|value|` for occlusion and Shapley values, which have no coordinates.)
    parts : dict of str to ndarray of float64
        (T,) by part of the embedding; they sum to `values`.
    words : tuple of Word
        The words of the window with their tokens.
    diagnostics : Diagnostics
        The diagnostics; its fields can be read from here too.
    start_values, end_values : ndarray of float64 or None, default None
        (T,): contributions through the start and through the end logits, which sum to `values`; None if they were not
        requested.
    layer : int or None, default None
        The layer of a layer conductance.
    source : Source or None, default None
        The model that is explained, as in `Reading`.
    errors : ndarray of float64 or None, default None
        (T,): the uncertainty of each value in logits: for integrated gradients the change of Simpson's rule from
        panels of twice the width, for Shapley values the standard error over the orders that were drawn (shared
        evenly by the tokens of a word, as the value is); None for other methods and for a single order.

    Examples
    --------
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
    magnitudes: NDArray[np.float64]
    parts: dict[str, NDArray[np.float64]]
    words: tuple[Word, ...]
    diagnostics: Diagnostics
    start_values: NDArray[np.float64] | None = None
    end_values: NDArray[np.float64] | None = None
    layer: int | None = None
    source: Source | None = None
    errors: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        T = len(self.tokens)
        arrays = {"roles": self.roles, "values": self.values, "magnitudes": self.magnitudes, **self.parts}
        arrays |= {
            n: a for n in ("start_values", "end_values", "errors") if (a := getattr(self, n)) is not None
        }
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
        """The completeness error (convergence delta) of `diagnostics`."""
        return self.diagnostics.completeness_error

    @property
    def converged(self) -> bool | None:
        """Whether the completeness error is within the tolerance; None for methods that do not refine."""
        return self.diagnostics.converged

    def by_word(self) -> tuple[WordValue, ...]:
        """The words of question and context, in order, each with the sum of its tokens' values and their magnitude.

        The magnitude of a word is the norm of the vector of its tokens together, the root of the sum of their
        squares. Its error is the sum of theirs, as if all were off in the same direction.

        Returns
        -------
        tuple of WordValue
        """
        text = {Role.QUESTION: self.question, Role.CONTEXT: self.context}
        return tuple(
            WordValue(
                w.span.of(text[w.role]),
                w.role,
                w.span,
                float(self.values[list(w.tokens)].sum()),
                float(np.linalg.norm(self.magnitudes[list(w.tokens)])),
                None if self.errors is None else float(self.errors[list(w.tokens)].sum()),
            )
            for w in self.words
        )

    def top(self, k: int = 10, *, by: Literal["value", "magnitude"] = "value") -> tuple[WordValue, ...]:
        """The words with the largest contributions, largest first.

        Parameters
        ----------
        k : int, default 10
            How many words.
        by : {"value", "magnitude"}, default "value"
            "value" ranks by `|value|`, "magnitude" by magnitude, in which nothing cancels.

        Returns
        -------
        tuple of WordValue

        Raises
        ------
        InputError
            For a negative `k` and for another `by`.
        """
        if k < 0:
            raise InputError(f"top needs a number of words from 0 on, but got {k}.")
        if by not in ("value", "magnitude"):
            raise InputError(f'by has to be "value" or "magnitude", but is {shown(by)}.')
        return tuple(sorted(self.by_word(), key=lambda w: -abs(getattr(w, by)))[:k])

    def by_segment(self) -> dict[Segment, float]:
        """The sums of the values over the question, the context, and the special tokens.

        Returns
        -------
        dict of str to float
            In logits.
        """
        roles: dict[Segment, Role] = {
            "question": Role.QUESTION,
            "context": Role.CONTEXT,
            "special": Role.SPECIAL,
        }
        return {name: float(self.values[self.roles == role].sum()) for name, role in roles.items()}

    def by_part(self) -> dict[str, float]:
        """The sums of the values by part of the embedding: word, position, segment, those that were varied.

        Returns
        -------
        dict of str to float
            In logits.
        """
        return {name: float(values.sum()) for name, values in self.parts.items()}

    def to_dict(self) -> dict[str, object]:
        """The values by word and the diagnostics as plain numbers and strings, ready for JSON.

        Returns
        -------
        dict of str to object
        """
        diagnostics = self.diagnostics
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
                    "magnitude": w.magnitude,
                    "error": w.error,
                }
                for w in self.by_word()
            ],
            "value": diagnostics.value,
            "baseline_value": diagnostics.baseline_value,
            "completeness_error": diagnostics.completeness_error,
            "converged": diagnostics.converged,
            "other_span_share": diagnostics.other_span_share,
            "agreement": {name: None if math.isnan(r) else r for name, r in diagnostics.agreement.items()},
            "answer_share": diagnostics.answer_share,
        }

    def __repr__(self) -> str:
        worst = max((w.error for w in self.by_word() if w.error is not None), default=None)
        words = "" if worst is None else f", {_ERROR.get(self.method, 'error')} of a word at most {worst:.2g}"
        return f"Attribution({self.target.words}, {self.method}, {len(self.tokens)} tokens, {self._completeness}{words})"

    @property
    def _completeness(self) -> str:
        if self.method == "shapley":
            return "completeness holds for any number of orders"
        state = {True: "converged", False: "NOT converged", None: "no promise of completeness"}
        return f"completeness error {self.completeness_error:.1%}, {state[self.converged]}"


@dataclass(frozen=True, slots=True, eq=False)
class FailedAttribution(Shown):
    """The reason why an attribution could not be made, in its place.

    Attributes
    ----------
    reading : object
        The reading, or what was given.
    error : QalensError
        The reason.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> (failed,) = reader.attribute_many(reader.read_many([("Who?", "")]))
    >>> type(failed.reading).__name__, type(failed.error).__name__
    ('FailedReading', 'InputError')
    """

    reading: object
    error: QalensError

    def __repr__(self) -> str:
        return f"FailedAttribution({visible(str(self.error))})"


def answer_share(reading: Reading, target: Target, values: NDArray[np.float64]) -> float | None:
    """The share of all `|values|` on the target's span, or on the best span if the target has none.

    Parameters
    ----------
    reading : Reading
        The reading.
    target : Target
        The target.
    values : ndarray of float64
        (T,).

    Returns
    -------
    float or None
        None if the window does not hold the span.
    """
    tokens = target.tokens
    if tokens is None:
        best = reading.decision.best
        if best is None or best.window != target.window:
            return None
        tokens = best.tokens
    total = float(np.abs(values).sum())
    return float(np.abs(values[tokens[0] : tokens[1] + 1]).sum()) / total if total else None


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's rank correlation, with mean ranks for ties.

    Parameters
    ----------
    a, b : ArrayLike
        Numbers of one length.

    Returns
    -------
    float
        nan if one of them is constant.

    Examples
    --------
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
