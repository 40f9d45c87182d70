"""From start and end logits to one distribution over every legal span and no-answer.

In window w a span of tokens i..j has the score z = start[i] + end[j]; it is legal where both tokens belong to the
context and it has at most L tokens. The copies of one character span that several windows hold are merged by their
maximum. No answer has the null score n, start + end at the null token, the smallest over the windows as in the
SQuAD 2.0 scripts. All of them share one normaliser: Z = exp(n) + Σ exp(z), P(span) = exp(z) / Z, P(∅) = exp(n) / Z.

Sharing one normaliser across windows is a modelling choice; `per_window.window_distributions` gives each window its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_whole
from qalens.errors import InputError, ModelError, shown
from qalens.records import brief, read_only
from qalens.spans.candidates import legal_spans
from qalens.spans.clusters import normalize_answer as normalize_answer
from qalens.spans.clusters import overlap_labels, text_labels
from qalens.spans.logits import SpanLogits
from qalens.text.examples import CharSpan

DEFAULT_MAX_ANSWER_LENGTH = 30
NullRule = Literal["min", "mean", "max"]
_NULL_RULES = {"min": np.min, "mean": np.mean, "max": np.max}
# What is worked on at a time where a text is long: what is held beside the result stays small.
_BLOCK_SPANS = 1 << 18


@brief
@dataclass(frozen=True, slots=True)
class Answer:
    """One span of the context as a candidate answer; `text == context[span.start:span.end]`, always.

    Attributes
    ----------
    text : str
        The characters of the span.
    span : CharSpan
        Where it is in the context.
    score : float
        Start logit + end logit.
    probability : float
        P(span) in the distribution over all spans and no answer.
    window : int
        The index of the window with the best copy of the span.
    tokens : tuple of (int, int)
        The first and the last token there, both inclusive.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> reading.answer.text, reading.answer.span, reading.answer.score
    ('Ada', CharSpan(start=0, end=3), 24.0)
    """

    text: str
    span: CharSpan
    score: float
    probability: float
    window: int
    tokens: tuple[int, int]


@brief
@dataclass(frozen=True, slots=True)
class Cluster:
    """Spans that name the same answer.

    Attributes
    ----------
    best : Answer
        The span with the highest score.
    size : int
        The number of spans.
    probability : float
        The probability of all of them together.
    """

    best: Answer
    size: int
    probability: float


@brief
@dataclass(frozen=True, slots=True)
class Uncertainty:
    """The entropy of a span distribution in bits, split into three parts.

    With the clusters of `SpanDistribution.clusters`, `total` = `answerability` + (1 − P(∅)) · (`choice` + `boundaries`).

    Attributes
    ----------
    answerability : float
        Whether there is an answer.
    choice : float
        Which cluster is the answer, given that there is one.
    boundaries : float
        Which span of the cluster is the answer, that is where it starts and ends.
    total : float
        The entropy of the whole distribution.
    """

    answerability: float
    choice: float
    boundaries: float
    total: float


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class SpanDistribution:
    """Every legal character span of a context, and no answer, in one distribution.

    It holds S spans, sorted by start, then end. It is made by `span_distribution`. All arrays are read-only.

    Attributes
    ----------
    context : str
        The text.
    start, end : ndarray of int64
        (S,): half-open character ranges, without whitespace at either end.
    score : ndarray of float64
        (S,): start + end logit of the best copy.
    window : ndarray of int32
        (S,): the window with that copy.
    token_start, token_end : ndarray of int32
        (S,): its tokens in the window; `token_end` is inclusive, as in the model.
    null_scores : ndarray of float64
        (W,): the null score of each window.
    null_score : float
        The null score of the distribution.
    log_normalizer : float
        log Z, where Z = exp(null score) + Σ exp(score).

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> reading.spans
    SpanDistribution(15 spans, P(no answer) = 0.000)
    """

    context: str
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    score: NDArray[np.float64]
    window: NDArray[np.int32]
    token_start: NDArray[np.int32]
    token_end: NDArray[np.int32]
    null_scores: NDArray[np.float64]
    null_score: float
    log_normalizer: float

    def __post_init__(self) -> None:
        S = len(self.start)
        for name in ("start", "end", "score", "window", "token_start", "token_end"):
            array = getattr(self, name)
            if array.shape != (S,):
                raise InputError(f"{S} spans cannot have {name} of shape {array.shape}.")
            array.flags.writeable = False
        self.null_scores.flags.writeable = False

    def __len__(self) -> int:
        """S, the number of distinct legal character spans."""
        return len(self.start)

    @property
    def log_prob(self) -> NDArray[np.float64]:
        """(S,): log P(span), natural logarithm."""
        return self.score - self.log_normalizer

    @property
    def null_log_prob(self) -> float:
        """log P(∅), natural logarithm."""
        return self.null_score - self.log_normalizer

    @property
    def null_probability(self) -> float:
        """P(∅), the probability that the text holds no answer."""
        return math.exp(self.null_log_prob)

    def top(self, k: int = 5) -> tuple[Answer, ...]:
        """The `k` best spans, best first.

        Among equal scores the earlier span comes first, then the shorter.

        Parameters
        ----------
        k : int, default 5
            How many; fewer are returned if there are fewer.

        Returns
        -------
        tuple of Answer

        Examples
        --------
        >>> from qalens.testing import planted_logits
        >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
        >>> [answer.text for answer in spans.top(1)]
        ['Ada']
        """
        _check_count(k, "top", "spans")
        return tuple(self.at(s) for s in largest_first(self.score, k).tolist())

    def at(self, s: int) -> Answer:
        """One span as an `Answer`.

        Parameters
        ----------
        s : int
            The index of the span.

        Returns
        -------
        Answer
        """
        span = CharSpan(int(self.start[s]), int(self.end[s]))
        return Answer(
            text=span.of(self.context),
            span=span,
            score=float(self.score[s]),
            probability=math.exp(self.score[s] - self.log_normalizer),
            window=int(self.window[s]),
            tokens=(int(self.token_start[s]), int(self.token_end[s])),
        )

    def find(self, start: int, end: int) -> Answer | None:
        """Look up the span `[start, end)`.

        Parameters
        ----------
        start : int
            The first character.
        end : int
            One past the last character.

        Returns
        -------
        Answer or None
            None if this is not a legal span.

        Examples
        --------
        >>> from qalens.testing import planted_logits
        >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
        >>> spans.find(0, 3).text, spans.find(1, 3)
        ('Ada', None)
        """
        low, high = np.searchsorted(self.start, [start, start + 1])
        s = low + int(np.searchsorted(self.end[low:high], end))
        return self.at(s) if s < high and self.end[s] == end else None

    def probabilities(self, *, given_answer: bool = False) -> NDArray[np.float64]:
        """P(span) of every span.

        Parameters
        ----------
        given_answer : bool, default False
            Condition on there being an answer, so that the probabilities sum to 1 without no answer.

        Returns
        -------
        ndarray of float64
            (S,).
        """
        if not len(self):
            return np.zeros(0)
        return np.exp(self.score - (_log_sum_exp(self.score) if given_answer else self.log_normalizer))

    def inclusion(self, *, given_answer: bool = False) -> NDArray[np.float64]:
        """The probability of each character to be part of the answer, Σ P(span) over the spans that hold it.

        Parameters
        ----------
        given_answer : bool, default False
            Condition on there being an answer, so that the spans show even if the model abstains.

        Returns
        -------
        ndarray of float64
            (C,).

        Examples
        --------
        >>> from qalens.testing import planted_logits
        >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
        >>> bool(spans.inclusion()[1] > 0.9 > spans.inclusion()[5])
        True
        """
        weight = self.probabilities(given_answer=given_answer)
        C = len(self.context)
        change = _sums(self.start, weight, C + 1) - _sums(self.end, weight, C + 1)
        return np.clip(np.cumsum(change[:C]), 0.0, 1.0)

    def marginals(self, *, given_answer: bool = False) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The start and end marginals by character.

        Parameters
        ----------
        given_answer : bool, default False
            Condition on there being an answer.

        Returns
        -------
        tuple of (ndarray of float64, ndarray of float64)
            Two arrays (C,): the probability that the answer starts at a character, and that a character is its last.
        """
        weight = self.probabilities(given_answer=given_answer)
        C = len(self.context)
        return _sums(self.start, weight, C), _sums(self.end - 1, weight, C)

    def clusters(
        self, k: int | None = None, *, by: Literal["overlap", "text"] = "overlap"
    ) -> tuple[Cluster, ...]:
        """Group the spans that name the same answer, most probable group first.

        Parameters
        ----------
        k : int or None, default None
            How many groups; None returns all.
        by : {"overlap", "text"}, default "overlap"
            "overlap": the best span takes every span that shares a character with it, the best of the rest does the
            same, and so on. "text": spans with the same text wherever they are, ignoring case, punctuation and
            articles as SQuAD does.

        Returns
        -------
        tuple of Cluster

        Examples
        --------
        >>> from qalens.testing import planted_logits
        >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="the lamp"))
        >>> spans.clusters(1)[0].best.text
        'the lamp'
        """
        if k is not None:
            _check_count(k, "clusters", "clusters")
        if not len(self):
            return ()
        labels, heads = self._cluster_labels(by)
        mass = _sums(labels, self.probabilities(), len(heads))
        sizes = np.bincount(labels)
        order = np.argsort(-mass, kind="stable")[:k]
        return tuple(Cluster(self.at(int(heads[c])), int(sizes[c]), float(mass[c])) for c in order)

    def entropy(self) -> float:
        """The entropy in bits of the whole distribution, no answer included.

        It equals `uncertainty().total`, without the cost of clusters.

        Returns
        -------
        float
        """
        p = self.probabilities()
        return _entropy(p) + _entropy(np.array([self.null_probability]))

    def uncertainty(self, *, by: Literal["overlap", "text"] = "overlap") -> Uncertainty:
        """Split the entropy into whether there is an answer, which one it is, and where it starts and ends.

        H = H(P∅) + (1 − P∅) · [H(cluster) + H(span | cluster)], in bits.

        Parameters
        ----------
        by : {"overlap", "text"}, default "overlap"
            How spans are grouped, as in `clusters`.

        Returns
        -------
        Uncertainty

        Examples
        --------
        >>> from qalens.testing import planted_logits
        >>> u = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada")).uncertainty()
        >>> u.total < 0.1
        True
        """
        if not len(self):
            return Uncertainty(0.0, 0.0, 0.0, 0.0)
        labels, heads = self._cluster_labels(by)
        given = self.probabilities(given_answer=True)
        # Rounding would leave less than nothing of a sum of one.
        choice = max(0.0, _entropy(_sums(labels, given, len(heads))))
        edges = max(0.0, _entropy(given) - choice)
        answerable = -math.expm1(self.null_log_prob)
        whether = _entropy(np.array([1 - answerable, answerable]))
        return Uncertainty(whether, choice, edges, whether + answerable * (choice + edges))

    def _cluster_labels(self, by: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(S,) the cluster of each span, and for each cluster its best span."""
        order = np.argsort(-self.score, kind="stable")
        if by == "overlap":
            return overlap_labels(self.start, self.end, order)
        if by == "text":
            return text_labels(self.context, self.start, self.end, order)
        raise InputError(f'Clusters go by "overlap" or by "text", not by {shown(by)}.')

    def __repr__(self) -> str:
        return f"SpanDistribution({len(self):,} spans, P(no answer) = {self.null_probability:.3f})"


def largest_first(values: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """The places of the `k` largest values, largest first; of equal ones the first.

    Parameters
    ----------
    values : ndarray of float64
        The values.
    k : int
        How many, from 0 on; fewer are returned if there are fewer.

    Returns
    -------
    ndarray of int64

    Examples
    --------
    >>> largest_first(np.array([0.1, 0.7, 0.2]), 2).tolist()
    [1, 2]
    """
    blocks = range(0, len(values), _BLOCK_SPANS)
    some = [at + _largest(k, values[at : at + _BLOCK_SPANS]) for at in blocks]
    found = np.concatenate([*some, np.zeros(0, np.int64)])
    found = found[_largest(k, values[found])]
    return found[np.argsort(-values[found], kind="stable")]


def _largest(k: int, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The places of the `k` largest values in their order; of equal ones the first."""
    n = len(values)
    if k >= n:
        return np.arange(n)
    if k < 2:
        return np.array([values.argmax()] * k, np.int64)
    last = np.partition(values, n - k)[n - k]
    above = np.flatnonzero(values > last)
    ties = np.flatnonzero(values == last)[: k - len(above)]
    return np.sort(np.concatenate([above, ties]))


def _check_count(k: int, method: str, things: str) -> None:
    if not is_whole(k, 0):
        raise InputError(f"{method} needs a number of {things} from 0 on, but got {shown(k)}.")


def span_distribution(
    logits: SpanLogits,
    *,
    max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH,
    null: NullRule = "min",
) -> SpanDistribution:
    """Turn start and end logits into one distribution over the legal spans of all windows and no answer.

    Whitespace at the ends of a span is trimmed, then spans of the same characters are merged by their maximum. A text
    without a single token (control characters alone) has no span, and P(∅) is 1.

    Parameters
    ----------
    logits : SpanLogits
        Start and end logits of W windows.
    max_answer_length : int, default DEFAULT_MAX_ANSWER_LENGTH
        L, the longest answer in tokens.
    null : NullRule, default "min"
        Which null score is used if there are several windows: "min" (the rule of the SQuAD 2.0 scripts), "mean" or
        "max".

    Returns
    -------
    SpanDistribution

    Raises
    ------
    InputError
        For options that `check_span_options` rejects.

    References
    ----------
    Devlin et al. 2019, section 4.3; the SQuAD 2.0 scripts for the null score.

    Examples
    --------
    >>> from qalens.testing import planted_logits
    >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
    >>> spans.top(1)[0].text, round(float(spans.probabilities().sum() + spans.null_probability), 9)
    ('Ada', 1.0)
    """
    return spans_of(logits, max_answer_length=max_answer_length, null=null, log_normalizer=None)


def spans_of(
    logits: SpanLogits, *, max_answer_length: int, null: NullRule, log_normalizer: float | None
) -> SpanDistribution:
    """The distribution of `span_distribution`, where the normaliser may be known already.

    Parameters
    ----------
    logits, max_answer_length, null
        As in `span_distribution`.
    log_normalizer : float or None
        log Z; None computes it.

    Returns
    -------
    SpanDistribution

    Raises
    ------
    InputError, ModelError
        As `span_distribution` does.
    """
    check_span_options(max_answer_length, null)
    null_scores = logits.null_scores
    null_score = float(_NULL_RULES[null](null_scores))
    fields = legal_spans(logits, max_answer_length=max_answer_length)
    if log_normalizer is None:
        log_normalizer = float(np.logaddexp(null_score, _log_sum_exp(fields["score"])))
    if log_normalizer == -math.inf:
        raise ModelError(
            "Every span and the null score are minus infinity; the model left nothing to choose from."
        )
    return SpanDistribution(
        context=logits.windows.context,
        null_scores=null_scores,
        null_score=null_score,
        log_normalizer=log_normalizer,
        **fields,
    )


def check_span_options(max_answer_length: int, null: NullRule) -> None:
    """Check the options of `span_distribution`.

    Parameters
    ----------
    max_answer_length : int
        The longest answer in tokens.
    null : NullRule
        The rule for the null score.

    Raises
    ------
    InputError
        For a length that is not a whole number from 1 on, or an unknown rule.
    """
    if not is_whole(max_answer_length, least=1):
        raise InputError(
            f"max_answer_length has to be a whole number of tokens from 1 on, but is {shown(max_answer_length)}."
        )
    if not isinstance(null, str) or null not in _NULL_RULES:
        raise InputError(f'null has to be "min", "mean" or "max", but is {shown(null)}.')


def _sums(places: NDArray[np.int64], weight: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """(size,): the weights that fall on each place, added up."""
    return np.bincount(places, weight, size).astype(np.float64, copy=False)


def _log_sum_exp(x: NDArray[np.float64]) -> float:
    top = x.max(initial=-np.inf)
    if top == -np.inf:
        return -math.inf
    total = math.fsum(
        float(np.exp(x[k : k + _BLOCK_SPANS] - top).sum()) for k in range(0, len(x), _BLOCK_SPANS)
    )
    return float(top) + math.log(total)


def _entropy(p: NDArray[np.float64]) -> float:
    """−Σ p log2 p: entropy in bits of probabilities that sum to 1, or a part of it; zeros count nothing."""
    p = p[p > 0]
    return float(0.0 - (p * np.log2(p)).sum())
