"""The distribution over spans once more, slowly: plain loops over the fields of `Windows` and the raw logits.

It is compared with `qalens.spans.distribution` and shares no code with it: no array arithmetic, only `math.exp`, `math.fsum` and
dictionaries. Spans are pairs (start, end) of characters throughout.
"""

from __future__ import annotations

import functools
import math
import re
import string
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import regex

from qalens.spans.distribution import SpanLogits
from qalens.text.windows import Role

Span = tuple[int, int]


# --- every legal pair of tokens ---------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def cuts(context: str) -> tuple[int, ...]:
    """Where a span may begin or end: between graphemes, and beside blanks."""
    graphemes = [0, *(found.end() for found in regex.finditer(r"\X", context))]
    return (*graphemes, *(k + 1 for k, character in enumerate(context) if character.isspace()))


# Kept, since every pair of tokens asks for one of a few hundred places.
@functools.lru_cache(maxsize=10_000)
def whole_start(context: str, start: int) -> int:
    """Behind the blanks at `start`, and before the grapheme that it cuts."""
    while start < len(context) and context[start].isspace():
        start += 1
    return max(cut for cut in cuts(context) if cut <= start)


@functools.lru_cache(maxsize=10_000)
def whole_end(context: str, end: int) -> int:
    """Before the blanks at `end`, and behind the grapheme that it cuts."""
    while end > 0 and context[end - 1].isspace():
        end -= 1
    return min(cut for cut in cuts(context) if cut >= end)


def whole(context: str, start: int, end: int) -> Span:
    """The span of two tokens: without blanks at its edges, and with whole graphemes at both."""
    return whole_start(context, start), whole_end(context, end)


def context_tokens(logits: SpanLogits, w: int) -> list[int]:
    """Places of the tokens of window `w` that belong to the context."""
    return [t for t, role in enumerate(logits.windows.role[w]) if role == Role.CONTEXT]


def pair_score(logits: SpanLogits, w: int, i: int, j: int) -> float:
    return float(logits.start[w, i]) + float(logits.end[w, j])


def token_spans(logits: SpanLogits, w: int, longest: int) -> Iterator[tuple[int, int, Span, float]]:
    """(i, j, span, score) of every legal pair of window `w` that is not blank and not masked."""
    context, offsets = logits.windows.context, logits.windows.offsets
    tokens = context_tokens(logits, w)
    for i in tokens:
        for j in tokens:
            if not i <= j < i + longest:
                continue
            start, end = whole(context, int(offsets[w, i, 0]), int(offsets[w, j, 1]))
            score = pair_score(logits, w, i, j)
            if start < end and score > -math.inf:
                yield i, j, (start, end), score


def best_copies(logits: SpanLogits, w: int, longest: int) -> dict[Span, tuple[float, int, int]]:
    """The best copy (score, i, j) of every span of one window."""
    best: dict[Span, tuple[float, int, int]] = {}
    for i, j, span, score in token_spans(logits, w, longest):
        if span not in best or score > best[span][0]:
            best[span] = score, i, j
    return best


def null_scores(logits: SpanLogits) -> list[float]:
    return [pair_score(logits, w, int(n), int(n)) for w, n in enumerate(logits.windows.null_index)]


# --- one distribution -------------------------------------------------------------------------------------------


def log_sum_exp(values: list[float]) -> float:
    top = max(values)
    return top + math.log(math.fsum(math.exp(v - top) for v in values))


def bits(probabilities: list[float]) -> float:
    return math.fsum(-p * math.log2(p) for p in probabilities if p > 0)


NULL_RULES = {"min": min, "max": max, "mean": lambda values: math.fsum(values) / len(values)}


@dataclass
class Reference:
    """All spans with their best scores, the null score, and what follows from them."""

    context: str
    scores: dict[Span, float]
    windows: dict[Span, int]
    null: float

    @classmethod
    def of(cls, logits: SpanLogits, longest: int = 30, null: str = "min") -> Reference:
        scores: dict[Span, float] = {}
        windows: dict[Span, int] = {}
        for w in range(len(logits.windows.role)):
            for span, (score, _, _) in best_copies(logits, w, longest).items():
                if span not in scores or score > scores[span]:
                    scores[span], windows[span] = score, w
        return cls(logits.windows.context, scores, windows, NULL_RULES[null](null_scores(logits)))

    @functools.cached_property
    def log_z(self) -> float:
        return log_sum_exp([self.null, *self.scores.values()])

    @functools.cached_property
    def p(self) -> dict[Span, float]:
        return {span: math.exp(score - self.log_z) for span, score in self.scores.items()}

    @property
    def p_null(self) -> float:
        return math.exp(self.null - self.log_z)

    @functools.cached_property
    def p_given_answer(self) -> dict[Span, float]:
        if not self.scores:
            return {}
        log_mass = log_sum_exp(list(self.scores.values()))
        return {span: math.exp(score - log_mass) for span, score in self.scores.items()}

    def inclusion(self, given_answer: bool = False) -> list[float]:
        p = self.p_given_answer if given_answer else self.p
        return [
            math.fsum(p[start, end] for start, end in p if start <= c < end) for c in range(len(self.context))
        ]

    def marginals(self, given_answer: bool = False) -> tuple[list[float], list[float]]:
        p, places = self.p_given_answer if given_answer else self.p, range(len(self.context))
        return (
            [math.fsum(p[span] for span in p if span[0] == c) for c in places],
            [math.fsum(p[span] for span in p if span[1] - 1 == c) for c in places],
        )

    def ranked(self) -> list[Span]:
        """Best first; equal scores: the earlier, then the shorter."""
        return sorted(self.scores, key=lambda span: (-self.scores[span], span))

    def groups(self, by: str) -> list[list[Span]]:
        """The clusters, the best span of each at its head, in the order of their heads."""
        if by == "text":
            keyed: dict[str, list[Span]] = defaultdict(list)
            for start, end in self.ranked():
                text = self.context[start:end]
                keyed[squad_normal(text) or text].append((start, end))
            return list(keyed.values())
        left, found = self.ranked(), []
        while left:
            head = left[0]
            group = [s for s in left if s[0] < head[1] and head[0] < s[1]]
            found.append(group)
            left = [s for s in left if s not in group]
        return found

    def clusters(self, by: str) -> list[tuple[Span, int, float]]:
        """(best span, size, probability), most probable first."""
        groups = [(g[0], len(g), math.fsum(self.p[s] for s in g)) for g in self.groups(by)]
        return sorted(groups, key=lambda group: -group[2])

    def entropy(self) -> float:
        return bits([self.p_null, *self.p.values()])

    def uncertainty(self, by: str) -> tuple[float, float, float]:
        """H(P∅), H(cluster | answer) and H(span | cluster), each from its own definition."""
        given = self.p_given_answer
        masses = [(g, math.fsum(given[s] for s in g)) for g in self.groups(by)]
        within = math.fsum(m * bits([given[s] / m for s in g]) for g, m in masses if m > 0)
        answered = math.fsum(self.p.values())
        return bits([self.p_null, answered]), bits([m for _, m in masses]), within


def squad_normal(text: str) -> str:
    """How the SQuAD scripts compare answers: lower case, no punctuation, no articles, single blanks."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


# --- the rule of the SQuAD 2.0 scripts --------------------------------------------------------------------------


def squad2_choice(logits: SpanLogits, threshold: float = 0.0, longest: int = 30) -> str:
    """The text of the best pair over all windows, "" where the smallest null score is ahead by more than `threshold`."""
    best_score, best_text = -math.inf, ""
    null = math.inf
    windows = logits.windows
    for w in range(len(windows.role)):
        null = min(null, pair_score(logits, w, int(windows.null_index[w]), int(windows.null_index[w])))
        tokens = context_tokens(logits, w)
        for i in tokens:
            for j in tokens:
                if j < i or j - i + 1 > longest:
                    continue
                score = pair_score(logits, w, i, j)
                if score > best_score:
                    begin, finish = int(windows.offsets[w, i, 0]), int(windows.offsets[w, j, 1])
                    best_score, best_text = score, windows.context[begin:finish]
    return "" if null - best_score > threshold else best_text


# --- what the classic score loses -------------------------------------------------------------------------------


def softmax(values: list[float]) -> list[float]:
    log_z = log_sum_exp(values)
    return [math.exp(v - log_z) for v in values]


def window_softmaxes(logits: SpanLogits, w: int) -> tuple[list[float], list[float]]:
    """Start and end softmax of one window over all tokens that are no padding."""
    real = [t for t, role in enumerate(logits.windows.role[w]) if role != Role.PADDING]
    return softmax([float(logits.start[w, t]) for t in real]), softmax(
        [float(logits.end[w, t]) for t in real]
    )


def leakage_parts(logits: SpanLogits, w: int, longest: int) -> dict[str, Any]:
    """Every pair of tokens of one window put into a drawer, and the probability of each drawer."""
    p_start, p_end = window_softmaxes(logits, w)
    context, null = set(context_tokens(logits, w)), int(logits.windows.null_index[w])
    legal = {(i, j) for _, i, j in best_copies(logits, w, longest).values()} | {(null, null)}
    drawers: dict[str, list[float]] = defaultdict(list)
    for i in range(len(p_start)):
        for j in range(len(p_end)):
            if (i, j) in legal:
                name = "legal"
            elif i in context and j in context:
                name = "reversed" if j < i else "too_long" if j >= i + longest else "outside"
            elif (i == null and j in context) or (i in context and j == null):
                name = "mixed"
            else:
                name = "outside"
            drawers[name].append(p_start[i] * p_end[j])
    return {name: math.fsum(drawers[name]) for name in ("legal", "reversed", "too_long", "mixed", "outside")}
