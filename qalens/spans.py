"""From start and end logits to one distribution over every legal span and no-answer.

In window w a span of tokens i..j has the score z = start[i] + end[j]; it is legal where both tokens belong to the
context and it has at most L tokens. The copies of one character span that several windows hold are merged by their
maximum. No answer has the null score n, start + end at the null token, the smallest over the windows as in the
SQuAD 2.0 scripts. All of them share one normaliser: Z = exp(n) + Σ exp(z), P(span) = exp(z) / Z, P(∅) = exp(n) / Z.

Sharing one normaliser across windows is a modelling choice; `window_distributions` gives each window its own.
"""

from __future__ import annotations

import math
import re
import string
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, ModelError
from qalens.text import CharSpan
from qalens.windows import Windows

DEFAULT_MAX_ANSWER_LENGTH = 30
NullRule = Literal["min", "mean", "max"]
_NULL_RULES = {"min": np.min, "mean": np.mean, "max": np.max}
_BLANK = re.compile(r"\s")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True, eq=False)
class SpanLogits:
    """The raw start and end logits of every token: unmasked, unscaled, as the model gave them.

    - `windows`: the `Windows` that the model read
    - `start`, `end` (W, T): float32; what stands at padding means nothing

    Raises `ModelError` where a token that is no padding has NaN or plus infinity.
    """

    windows: Windows
    start: NDArray[np.float32]
    end: NDArray[np.float32]

    def __post_init__(self) -> None:
        real = self.windows.lengths
        for name, logits in (("start", self.start), ("end", self.end)):
            if logits.shape != self.windows.role.shape:
                raise ModelError(
                    f"{name} logits of shape {logits.shape} do not fit windows of shape {self.windows.role.shape}."
                )
            bad = (np.isnan(logits) | np.isposinf(logits)) & (np.arange(logits.shape[1]) < real[:, None])
            if bad.any():
                w, t = np.argwhere(bad)[0]
                raise ModelError(
                    f"The model gave {logits[w, t]} as {name} logit of token {t} in window {w} "
                    f"({bad.sum()} such values); no probability can be told from that. Half precision often overflows: "
                    'try dtype="float32".'
                )
            logits.flags.writeable = False

    @property
    def null_scores(self) -> NDArray[np.float64]:
        """(W,): start + end logit at the null token of each window."""
        rows = np.arange(len(self.windows))
        null = self.windows.null_index
        return self.start[rows, null].astype(np.float64) + self.end[rows, null]

    def one_window(self, w: int) -> SpanLogits:
        """The same logits with window `w` alone, as if the model had seen nothing else."""
        keep = slice(w, w + 1)
        whole = self.windows
        alone = Windows(
            question=whole.question,
            context=whole.context,
            model_inputs={name: array[keep] for name, array in whole.model_inputs.items()},
            tokens=whole.tokens[keep],
            role=whole.role[keep],
            offsets=whole.offsets[keep],
            context_index=whole.context_index[keep],
            null_index=whole.null_index[keep],
            padding=whole.padding,
        )
        return SpanLogits(alone, self.start[keep], self.end[keep])

    def __repr__(self) -> str:
        W, T = self.start.shape
        return f"SpanLogits({W} × {T})"


@dataclass(frozen=True, slots=True)
class Answer:
    """One span of the context as a candidate answer; `text == context[span.start:span.end]`, always.

    `score` is start + end logit, `probability` is P(span) in the distribution over all spans and no-answer, `window`
    the window with the best copy of the span, `tokens` its first and last token there.
    """

    text: str
    span: CharSpan
    score: float
    probability: float
    window: int
    tokens: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Spans that say the same: the best of them, how many there are, and the probability of all together."""

    best: Answer
    size: int
    probability: float


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Three entropies in bits: is there an answer, which one, and where are its edges.

    With the clusters of `SpanDistribution.clusters`, `total` = `answerability` + (1 − P(∅)) · (`choice` + `edges`).
    """

    answerability: float
    choice: float
    edges: float
    total: float


@dataclass(frozen=True, slots=True, eq=False)
class SpanDistribution:
    """Every legal character span of a context, and no answer, in one distribution.

    S spans, sorted by start, then end:

    - `start`, `end` (S,): half-open character ranges, without blanks at the edges
    - `score` (S,): start + end logit of the best copy, float64
    - `window`, `token_start`, `token_end` (S,): where that copy stands; `token_end` is inclusive, as in the model
    - `null_scores` (W,): null score of each window; `null_score`: the one that counts
    - `log_normalizer`: log Z

    Made by `span_distribution`. All arrays are read-only.
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
        """The `k` best spans, best first; fewer where there are fewer. Equal scores: the earlier, then the shorter.

        >>> from qalens.testing import planted_logits
        >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
        >>> [answer.text for answer in spans.top(1)]
        ['Ada']
        """
        _check_count(k, "top", "spans")
        S = len(self)
        candidates = np.arange(S)
        if k < S:
            # All that tie with the k-th stay in, so that which of them is kept does not depend on the partition.
            worst = np.partition(self.score, S - k)[S - k] if k else math.inf
            candidates = np.flatnonzero(self.score >= worst)
        order = candidates[np.argsort(-self.score[candidates], kind="stable")][:k]
        return tuple(self.at(int(s)) for s in order)

    def at(self, s: int) -> Answer:
        """The span number `s` as an `Answer`."""
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
        """The span `[start, end)` in characters, or None where it is no legal span.

        >>> from qalens.testing import planted_logits
        >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
        >>> spans.find(0, 3).text, spans.find(1, 3)
        ('Ada', None)
        """
        low, high = np.searchsorted(self.start, [start, start + 1])
        s = low + int(np.searchsorted(self.end[low:high], end))
        return self.at(s) if s < high and self.end[s] == end else None

    def probabilities(self, *, given_answer: bool = False) -> NDArray[np.float64]:
        """(S,): P(span), or with `given_answer` P(span | there is an answer), which sums to 1 without no-answer."""
        if not len(self):
            return np.zeros(0)
        return np.exp(self.score - (_log_sum_exp(self.score) if given_answer else self.log_normalizer))

    def inclusion(self, *, given_answer: bool = False) -> NDArray[np.float64]:
        """(C,): for each character the probability that it belongs to the answer, Σ P(span) over spans that hold it.

        `given_answer` conditions on there being one, so that a text shows something where the model abstains.

        >>> from qalens.testing import planted_logits
        >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
        >>> bool(spans.inclusion()[1] > 0.9 > spans.inclusion()[5])
        True
        """
        weight = self.probabilities(given_answer=given_answer)
        C = len(self.context)
        change = _sums(self.start, weight, C + 1) - _sums(self.end, weight, C + 1)
        return np.clip(np.cumsum(change[:C]), 0.0, 1.0)

    def edges(self, *, given_answer: bool = False) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Two arrays (C,): the probability that the answer starts at a character, and that a character is its last."""
        weight = self.probabilities(given_answer=given_answer)
        C = len(self.context)
        return _sums(self.start, weight, C), _sums(self.end - 1, weight, C)

    def clusters(
        self, k: int | None = None, *, by: Literal["overlap", "text"] = "overlap"
    ) -> tuple[Cluster, ...]:
        """The spans in groups that say the same, most probable group first; all of them, or the best `k`.

        - `by="overlap"`: the best span takes every span that shares a character with it, the best of what is left
          does the same, and so on
        - `by="text"`: spans with the same text, without case, punctuation and articles (as SQuAD compares answers),
          wherever they stand; slow on texts of many thousand words

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
        """Entropy in bits of the whole distribution, no-answer included: `uncertainty().total`, without clusters."""
        p = self.probabilities()
        return _entropy(p) + _entropy(np.array([self.null_probability]))

    def uncertainty(self, *, by: Literal["overlap", "text"] = "overlap") -> Uncertainty:
        """How much of the entropy is about whether there is an answer, which it is, and where its edges are.

        H = H(P∅) + (1 − P∅) · [H(cluster) + H(span | cluster)], in bits; `by` as in `clusters`.

        >>> from qalens.testing import planted_logits
        >>> u = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada")).uncertainty()
        >>> u.total < 0.1
        True
        """
        if not len(self):
            return Uncertainty(0.0, 0.0, 0.0, 0.0)
        labels, heads = self._cluster_labels(by)
        given = self.probabilities(given_answer=True)
        choice = _entropy(_sums(labels, given, len(heads)))
        edges = max(0.0, _entropy(given) - choice)
        answerable = -math.expm1(self.null_log_prob)
        whether = _entropy(np.array([1 - answerable, answerable]))
        return Uncertainty(whether, choice, edges, whether + answerable * (choice + edges))

    def _cluster_labels(self, by: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(S,) the cluster of each span, and for each cluster its best span."""
        order = np.argsort(-self.score, kind="stable")
        if by == "overlap":
            return self._overlap_labels(order)
        if by == "text":
            return self._text_labels(order)
        raise InputError(f'Clusters go by "overlap" or by "text", not by {by!r}.')

    def _overlap_labels(self, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels = np.full(len(self), -1)
        heads = []
        longest = int((self.end - self.start).max())
        for s in order:
            if labels[s] >= 0:
                continue
            # Spans are sorted by start, so those that can reach the head stand in one run.
            low, high = np.searchsorted(self.start, [self.start[s] - longest + 1, self.end[s]])
            near = labels[low:high]
            near[(near < 0) & (self.end[low:high] > self.start[s])] = len(heads)
            heads.append(s)
        return labels, np.array(heads)

    def _text_labels(self, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels = np.empty(len(self), np.int64)
        heads: list[int] = []
        known: dict[str, int] = {}
        for s in order.tolist():
            text = self.context[self.start[s] : self.end[s]]
            key = normalize_answer(text) or text
            if key not in known:
                known[key] = len(heads)
                heads.append(s)
            labels[s] = known[key]
        return labels, np.array(heads)

    def __repr__(self) -> str:
        return f"SpanDistribution({len(self):,} spans, P(no answer) = {self.null_probability:.3f})"


def _check_count(k: int, method: str, things: str) -> None:
    if k < 0:
        raise InputError(f"{method} needs a number of {things} from 0 on, but got {k}.")


def normalize_answer(text: str) -> str:
    """A text as SQuAD compares answers: lower case, without ASCII punctuation, articles and extra blanks.

    >>> normalize_answer("The  Lamp-room!")
    'lamproom'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def span_distribution(
    logits: SpanLogits,
    *,
    max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH,
    null: NullRule = "min",
) -> SpanDistribution:
    """Turn start and end logits into one distribution over all legal spans of all windows and no-answer.

    - `max_answer_length`: L, the longest answer in tokens
    - `null`: which null score counts where there are several windows: "min" (the rule of the SQuAD 2.0 scripts),
      "mean" or "max"

    Blanks at the edges of a span are trimmed, then spans of the same characters are merged by their maximum. A text
    without a single token (control characters alone) has no span, and P(∅) is 1.

    Sources: Devlin et al. 2019, section 4.3; the SQuAD 2.0 scripts for the null score.

    >>> from qalens.testing import planted_logits
    >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
    >>> spans.top(1)[0].text, round(float(spans.probabilities().sum() + spans.null_probability), 9)
    ('Ada', 1.0)
    """
    check_span_options(max_answer_length, null)
    null_scores = logits.null_scores
    null_score = float(_NULL_RULES[null](null_scores))
    fields = _character_spans(logits.windows, *_best_copies(logits, max_answer_length))
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
    """Raise `InputError` for a longest answer or a null rule that `span_distribution` cannot use."""
    if isinstance(max_answer_length, bool) or not isinstance(max_answer_length, int) or max_answer_length < 1:
        raise InputError(
            f"max_answer_length has to be a whole number of tokens from 1 on, but is {max_answer_length!r}."
        )
    if null not in _NULL_RULES:
        raise InputError(f'null has to be "min", "mean" or "max", but is {null!r}.')


def _context_runs(windows: Windows) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each window: the place of its first context token, that token's number in the text, and how many follow."""
    inside = windows.answerable
    first = inside.argmax(1)
    return first, windows.context_index[np.arange(len(windows)), first], inside.sum(1)


def _token_range(windows: Windows) -> tuple[int, int]:
    """The number of the first token of the text that the windows hold, and how many from there to the last."""
    seen = windows.context_index[windows.answerable]
    return (int(seen.min()), int(seen.max() - seen.min()) + 1) if len(seen) else (0, 0)


def _best_copies(logits: SpanLogits, L: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """(N, L) for the N tokens that are seen: score of the span that starts there with so many more tokens, its window.

    The maximum over the windows that hold the span; -inf where none does. Equal copies: the first window.
    """
    first, number, count = _context_runs(logits.windows)
    low, N = _token_range(logits.windows)
    L = max(1, min(L, N))
    band = np.full((N, L), -np.inf)
    window = np.zeros((N, L), np.int32)
    for w in range(len(logits.windows)):
        n = int(count[w])
        run = slice(first[w], first[w] + n)
        if not n:
            continue
        ends = np.full(n + L - 1, -np.inf)
        ends[:n] = logits.end[w, run]
        score = logits.start[w, run, None].astype(np.float64) + np.lib.stride_tricks.sliding_window_view(
            ends, L
        )
        here = slice(number[w] - low, number[w] - low + n)
        if w == 0:
            band[here] = score
            continue
        better = score > band[here]
        np.copyto(band[here], score, where=better)
        np.copyto(window[here], w, where=better)
    return band, window


def _character_spans(
    windows: Windows, band: NDArray[np.float64], window: NDArray[np.int32]
) -> dict[str, NDArray]:
    """The (S,) arrays of the distinct character spans behind a band of token spans."""
    low, N = _token_range(windows)
    begin, finish = _trimmed_edges(windows, low, N)
    i, length = np.nonzero(band > -np.inf)
    j = i + length
    start, end = begin[i], finish[j]
    score, where = band[i, length], window[i, length]
    unique_edges = bool((np.diff(begin) > 0).all() and (np.diff(finish) > 0).all() and (begin < finish).all())
    if not unique_edges:
        keep = _best_of_equal(start, end, score, len(windows.context))
        i, j, start, end = (a[keep] for a in (i, j, start, end))
        score, where = score[keep], where[keep]
    first, number, _ = _context_runs(windows)
    shift = (number - first - low)[where]
    return {
        "start": start,
        "end": end,
        "score": score,
        "window": where,
        "token_start": (i - shift).astype(np.int32),
        "token_end": (j - shift).astype(np.int32),
    }


def _trimmed_edges(windows: Windows, low: int, N: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(N,) each, for the tokens from number `low` on: where they begin and finish without the blanks at their edges."""
    offsets = np.zeros((N, 2), np.int64)
    inside = windows.answerable
    offsets[windows.context_index[inside] - low] = windows.offsets[inside]
    if not N:
        return offsets[:, 0], offsets[:, 1]
    left, right = int(offsets[:, 0].min()), int(offsets[:, 1].max())
    blanks = [m.start() - left for m in _BLANK.finditer(windows.context, left, right)]
    solid = np.delete(np.arange(left, right), np.array(blanks, np.int64))
    # The first character not blank from here on, and one past the last before here.
    begin = np.append(solid, right)[np.searchsorted(solid, offsets[:, 0])]
    finish = np.append(left, solid + 1)[np.searchsorted(solid, offsets[:, 1])]
    return begin, finish


def _best_of_equal(start: NDArray, end: NDArray, score: NDArray, C: int) -> NDArray[np.int64]:
    """Indices of the best copy of each distinct, non-empty character span, sorted by start, then end."""
    kept = np.flatnonzero(start < end)
    key = start[kept] * (C + 1) + end[kept]
    order = np.lexsort((-score[kept], key))
    kept, key = kept[order], key[order]
    return kept[np.concatenate([[True], key[1:] != key[:-1]])] if len(kept) else kept


def window_distributions(
    logits: SpanLogits, *, max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH
) -> tuple[SpanDistribution, ...]:
    """W distributions, each over the spans of one window and its own null score alone.

    Their `window` fields read 0, since each knows only its own window. Compare with `span_distribution` to see what
    sharing one normaliser does.

    >>> from qalens.testing import planted_logits
    >>> logits = planted_logits("Ada kept the lamp.", answer="Ada")
    >>> [d.top(1)[0].text for d in window_distributions(logits)]
    ['Ada']
    """
    return tuple(
        span_distribution(logits.one_window(w), max_answer_length=max_answer_length)
        for w in range(len(logits.windows))
    )


def window_margins(
    logits: SpanLogits, *, max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH
) -> NDArray[np.float64]:
    """(W,): the margin of each window on its own, its null score minus its best span; inf where it has no span.

    A window with a negative margin would answer alone, whatever the whole text decides.

    >>> from qalens.testing import planted_logits
    >>> bool(window_margins(planted_logits("Ada kept the lamp.", answer="Ada"))[0] < 0)
    True
    """
    alone = window_distributions(logits, max_answer_length=max_answer_length)
    return np.array([d.null_score - d.score.max(initial=-np.inf) for d in alone])


def scores_by_window(logits: SpanLogits, span: CharSpan) -> NDArray[np.float64]:
    """(W,): the score of one character span in every window that holds it, nan in the others.

    How far the values differ shows what a little more or less context does to the answer. A span of any length
    counts, and one that the model masked reads minus infinity. Raises `InputError` where no window holds tokens with
    these edges.

    >>> from qalens.testing import planted_logits
    >>> scores_by_window(planted_logits("Ada kept the lamp.", answer="Ada"), CharSpan(0, 3)).shape
    (1,)
    """
    windows = logits.windows
    first, number, count = _context_runs(windows)
    low, N = _token_range(windows)
    begin, finish = _trimmed_edges(windows, low, N)
    starts = low + np.flatnonzero((begin == span.start) & (len(span) > 0))
    ends = low + np.flatnonzero(finish == span.end)
    scores = np.full(len(windows), np.nan)
    for w in range(len(windows)):
        i, j = (_places(tokens, first[w], number[w], count[w]) for tokens in (starts, ends))
        legal = i[:, None] <= j
        if legal.any():
            z = logits.start[w, i, None].astype(np.float64) + logits.end[w, j]
            scores[w] = z[legal].max()
    if np.isnan(scores).all():
        raise InputError(
            f"No window holds tokens that start at character {span.start} and end at {span.end}."
        )
    return scores


def _places(tokens: NDArray[np.int64], first: int, number: int, count: int) -> NDArray[np.int64]:
    """Places in a window of those tokens, numbered in the text, that it holds; see `_context_runs`."""
    return first + tokens[(number <= tokens) & (tokens < number + count)] - number


@dataclass(frozen=True, slots=True, eq=False)
class Leakage:
    """How much of the classic score p_start · p_end falls on pairs of tokens that are no prediction, by window.

    All (W,), in probability: `reversed` (the end before the start), `too_long` (more than L tokens), `mixed` (one end
    at the null token, the other in the text), `outside` (an end in the question or at a special token, blank spans, and
    copies of a span that the best one stands for); `total` is their sum. In one window P(span | legal pair) = p_start · p_end / (1 − total).
    """

    reversed: NDArray[np.float64]
    too_long: NDArray[np.float64]
    mixed: NDArray[np.float64]
    outside: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        """(W,): all that is lost."""
        return self.reversed + self.too_long + self.mixed + self.outside


def leakage(logits: SpanLogits, *, max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH) -> Leakage:
    """What the product of a start and an end softmax gives away, window by window.

    Each softmax runs over all tokens of the window that are no padding, as in transformers' old pipeline before it
    masked the question.

    >>> from qalens.testing import planted_logits
    >>> leakage(planted_logits("Ada kept the lamp.", answer="Ada")).total.shape
    (1,)
    """
    check_span_options(max_answer_length, "min")
    windows = logits.windows
    real = np.arange(logits.start.shape[1]) < windows.lengths[:, None]
    p_start, p_end = (_masked_softmax(x, real) for x in (logits.start, logits.end))
    parts = np.zeros((4, len(windows)))
    for w in range(len(windows)):
        parts[:, w] = _window_leakage(logits, w, p_start[w], p_end[w], max_answer_length)
    return Leakage(*parts)


def _window_leakage(
    logits: SpanLogits, w: int, p_start: NDArray[np.float64], p_end: NDArray[np.float64], L: int
) -> tuple[float, float, float, float]:
    windows = logits.windows
    inside, null = windows.answerable[w], windows.null_index[w]
    s, e = p_start[inside], p_end[inside]
    before = np.concatenate([[0.0], np.cumsum(e)])
    place = np.arange(len(s))
    reverse = float(s @ before[place])
    too_long = float(s @ (before[-1] - before[np.minimum(place + L, len(s))]))
    mixed = float(p_start[null] * e.sum() + s.sum() * p_end[null])
    alone = span_distribution(logits.one_window(w), max_answer_length=L)
    legal = float(p_start[alone.token_start] @ p_end[alone.token_end]) + float(p_start[null] * p_end[null])
    outside = max(0.0, 1.0 - legal - reverse - too_long - mixed)
    return reverse, too_long, mixed, outside


def _masked_softmax(logits: NDArray[np.float32], real: NDArray[np.bool_]) -> NDArray[np.float64]:
    x = np.where(real, logits.astype(np.float64), -np.inf)
    x = np.exp(x - x.max(1, keepdims=True))
    return x / x.sum(1, keepdims=True)


def _sums(places: NDArray[np.int64], weight: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """(size,): the weights that fall on each place, added up."""
    return np.bincount(places, weight, size).astype(np.float64, copy=False)


def _log_sum_exp(x: NDArray[np.float64]) -> float:
    top = x.max(initial=-np.inf)
    return float(top + np.log(np.exp(x - top).sum())) if top > -np.inf else -math.inf


def _entropy(p: NDArray[np.float64]) -> float:
    """−Σ p log2 p: entropy in bits of probabilities that sum to 1, or a part of it; zeros count nothing."""
    p = p[p > 0]
    return float(0.0 - (p * np.log2(p)).sum())
