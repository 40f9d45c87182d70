"""What the explorer of attributions shows, as JSON and as numbers for the browser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.explain.attribution import Attribution
from qalens.reading import Reading
from qalens.views import wording
from qalens.views.markup import clip, clip_middle
from qalens.widgets.explorer import ints
from qalens.windows import Role, token_range, trimmed_edges

_SPANS = 8
_LONGEST = 120  # columns of a span in the list
_STRONGEST = 10
_NAME_WIDTH = 40

Side = tuple[int, int] | tuple[()]
# The sums of an attribution that have a name for people.
_SEGMENTS = {"question": "question", "context": "text", "special": "special tokens"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What is explained and how, as plain values: two choices of the same are equal.

    - `target`: "answer", "start", "end", "no_answer", "null_score" or "contrast"
    - `span`, `rival`: the characters of the span, and of what a contrast holds against it; () for no answer, and where
      the target has none
    - `method`; `baseline`: None where any will do
    """

    target: str
    span: Side
    rival: Side
    method: str
    baseline: str | None

    def asks_for(self, found: Choice) -> bool:
        """Whether something that was computed is what this choice asks for.

        >>> asked = Choice("no_answer", (), (), "occlusion", None)
        >>> asked.asks_for(Choice("no_answer", (), (), "occlusion", "pad"))
        True
        """
        same = (self.target, self.span, self.rival, self.method) == (
            found.target,
            found.span,
            found.rival,
            found.method,
        )
        return same and (None in (self.baseline, found.baseline) or self.baseline == found.baseline)


def choice_of(attribution: Attribution) -> Choice:
    """The choice that an attribution is the outcome of."""
    target = attribution.target
    span, rival = (() if s is None else (s.start, s.end) for s in (target.span, target.rival))
    return Choice(target.name, span, rival, attribution.method, attribution.baseline)


def reading_view(reading: Reading) -> dict[str, Any]:
    """What there is to see of a reading before anything is explained: question, text, decision, and spans to choose from.

    >>> from qalens.testing import planted_reading
    >>> view = reading_view(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    >>> view["answer"], view["best"], view["asked"]["begin"]
    ('Ada', [0, 3], [0, 4, 9, 11])
    """
    best = reading.decision.best
    asked = reading.windows.offsets[0, reading.windows.role[0] == Role.QUESTION]
    return {
        "question": reading.question,
        "context": reading.context,
        "answer": None if reading.answer is None else clip_middle(reading.answer.text, _LONGEST),
        "best": None if best is None else [best.span.start, best.span.end],
        "probability": 0.0 if best is None else best.probability,
        "none": reading.no_answer_probability,
        "asked": {"begin": asked[:, 0].tolist(), "end": asked[:, 1].tolist()},
        "spans": [
            {"span": [a.span.start, a.span.end], "text": clip_middle(a.text, _LONGEST), "p": a.probability}
            for a in reading.spans.top(_SPANS)
        ],
    }


def reading_arrays(reading: Reading) -> dict[str, bytes]:
    """The N tokens of the text as bytes.

    - `places`: int32 (N, 2): the characters at which each begins and ends, without blanks at its edges
    - `holders`: int32 (N, 2): the first and last token of the best span that holds it; the token itself where none does
    """
    low, N = token_range(reading.windows)
    begin, finish = trimmed_edges(reading.windows, low, N)
    return {
        "places": ints(np.stack([begin, finish], 1)),
        "holders": ints(best_holders(reading, low, N)),
    }


def best_holders(reading: Reading, low: int, N: int) -> NDArray[np.int64]:
    """(N, 2): for each token the first and last token of the best span that holds it, counted from token `low` on.

    Where no span holds a token it stands for itself.

    >>> from qalens.testing import planted_reading
    >>> best_holders(planted_reading("Who?", "Ada kept the lamp", answer="the lamp"), 0, 4).tolist()
    [[0, 3], [1, 3], [2, 3], [2, 3]]
    """
    spans = reading.spans
    index = reading.windows.context_index
    first = index[spans.window, spans.token_start] - low
    last = index[spans.window, spans.token_end] - low
    best, holder = np.full(N, -np.inf), np.repeat(np.arange(N)[:, None], 2, 1)
    score = np.full((N, int((last - first).max(initial=0)) + 1), -np.inf)
    score[first, last - first] = spans.score
    # From token i on, the best span of at least k + 1 tokens: the one that holds token i + k.
    longer = np.arange(score.shape[1])[None].repeat(N, 0)
    for k in range(score.shape[1] - 2, -1, -1):
        better = score[:, k + 1] > score[:, k]
        longer[better, k] = longer[better, k + 1]
        score[better, k] = score[better, k + 1]
    for k in range(min(N, score.shape[1])):
        begins = np.flatnonzero(score[: N - k, k] > best[k:])
        best[begins + k] = score[begins, k]
        holder[begins + k] = np.stack([begins, begins + longer[begins, k]], 1)
    return holder


def attribution_entry(reading: Reading, attribution: Attribution) -> dict[str, Any]:
    """One attribution as the browser draws it: values by token and by word, sums, and what tells whether to trust them.

    - `question`, `context`: `value` of each token, the number of its `word`, and `word_value`; `first` is the number of the
      first token in the text (0 for the question)
    - `most`: the largest size by unit, which gets the full colour
    - all words are for people, made as in the still views
    """
    chosen = choice_of(attribution)
    sides = {"question": _side(attribution, Role.QUESTION), "context": _side(attribution, Role.CONTEXT)}
    low, _ = token_range(reading.windows)
    index = reading.windows.context_index[attribution.target.window]
    sides["context"]["first"] = int(index[index >= 0][0]) - low if (index >= 0).any() else 0
    most = {
        unit: max((abs(v) for side in sides.values() for v in side[name] if v is not None), default=0.0)
        for unit, name in (("word", "word_value"), ("token", "value"))
    }
    return {
        "target": chosen.target,
        "span": list(chosen.span),
        "rival": list(chosen.rival),
        "method": chosen.method,
        "baseline": chosen.baseline,
        "words": clip(attribution.target.words, 300),
        "how": wording.method(attribution),
        "model": clip(attribution.model, 120),
        "note": clip(attribution.target.note, 300),
        "amount": _number(attribution.trust.value),
        **sides,
        "special": _special(attribution),
        "most": most,
        "digits": {unit: wording.digits_for(size) for unit, size in most.items()},
        "strongest": _strongest(attribution, sides),
        "sums": _sums(attribution),
        "warnings": wording.warnings(attribution),
        "trust": [[name, words] for name, words in wording.trust_rows(attribution)],
        "passes": attribution.trust.passes,
    }


def _side(attribution: Attribution, role: Role) -> dict[str, Any]:
    """The tokens of the question or of the text: values, and the words that they belong to."""
    words = [w for w in attribution.words if w.role == role]
    number = {token: k for k, word in enumerate(words) for token in word.tokens}
    tokens = np.flatnonzero(attribution.roles == role)
    return {
        "first": 0,
        "value": [_number(attribution.values[t]) for t in tokens],
        "word": [number.get(t, -1) for t in tokens.tolist()],
        "word_value": [_number(attribution.values[list(w.tokens)].sum()) for w in words],
    }


def _special(attribution: Attribution) -> list[list[Any]]:
    """The special tokens with their values."""
    tokens = np.flatnonzero(attribution.roles == Role.SPECIAL)
    return [[clip(str(attribution.tokens[t]), 20), _number(attribution.values[t])] for t in tokens]


def _strongest(attribution: Attribution, sides: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The words with the largest values, largest first, each with its first token."""
    texts = {"question": attribution.question, "context": attribution.context}
    roles = {"question": Role.QUESTION, "context": Role.CONTEXT}
    found = []
    for where, side in sides.items():
        spans = [w.span for w in attribution.words if w.role == roles[where]]
        first = {}
        for t, word in enumerate(side["word"]):
            first.setdefault(word, t + side["first"])
        for word, value in enumerate(side["word_value"]):
            if value:
                text = clip(spans[word].of(texts[where]), _NAME_WIDTH)
                found.append({"where": where, "token": first[word], "text": text, "value": value})
    return sorted(found, key=lambda one: -abs(one["value"]))[:_STRONGEST]


def _sums(attribution: Attribution) -> list[list[Any]]:
    """[name, sum, apart]: sums by segment, and by end and part where they are known; `apart` begins a group."""
    rows: list[list[Any]] = [
        [_SEGMENTS[name], _number(value), False] for name, value in attribution.by_segment().items()
    ]
    if attribution.start_values is not None and attribution.end_values is not None:
        rows.append(["through start logits", _number(attribution.start_values.sum()), True])
        rows.append(["through end logits", _number(attribution.end_values.sum()), False])
    if len(attribution.parts) > 1:
        for k, (part, value) in enumerate(attribution.by_part().items()):
            rows.append([f"{part} embedding", _number(value), k == 0])
    return rows


def _number(value: float) -> float | None:
    """Five digits are more than is shown; None for what is no number."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
