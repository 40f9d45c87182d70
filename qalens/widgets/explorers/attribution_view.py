"""What the explorer of attributions shows, as JSON and as numbers for the browser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.display import numbers, wording
from qalens.display.content.attribution import (
    StrongWord,
    cautions,
    diagnostics,
    largest_value,
    strongest,
    strongest_words,
    sum_of,
    sums,
    values_legend,
)
from qalens.display.html.page import nodes
from qalens.display.html.parts import legend
from qalens.display.labels import clip, clip_middle
from qalens.display.parts import Key
from qalens.display.wording import listed
from qalens.explain.attribution.record import Attribution
from qalens.readings.reading import Reading
from qalens.text.examples import NO_ANSWER
from qalens.text.token_edges import token_range, trimmed_edges
from qalens.text.windows import Role
from qalens.widgets.explorer import ints
from qalens.widgets.headline import head_view

_SPANS = 8
_LONGEST = 120  # columns of a span in the list
_NAME_WIDTH = 40

Side = tuple[int, int] | tuple[()]


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
    >>> view["head"]["said"], view["best"], view["asked"]["begin"]
    ([['Ada', True]], [0, 3], [0, 4, 9, 11])
    """
    best = reading.decision.best
    asked = reading.windows.offsets[0, reading.windows.role[0] == Role.QUESTION]
    return {
        "question": reading.question,
        "context": reading.context,
        "head": head_view(reading),
        "best": None if best is None else [best.span.start, best.span.end],
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
    """One attribution as the browser draws it: values by token and by word, and parts as nodes, as in still views.

    - `question`, `context`: `value` of each token, the number of its `word`, and `word_value`; `first` is the number of the
      first token in the text (0 for the question)
    - `most`: the largest size by unit, which gets the full colour
    - `picks`: of each of the strongest words the side that it stands on, and its token there
    """
    chosen = choice_of(attribution)
    sides = {"question": _side(attribution, Role.QUESTION), "context": _side(attribution, Role.CONTEXT)}
    low, _ = token_range(reading.windows)
    index = reading.windows.context_index[attribution.target.window]
    sides["context"]["first"] = int(index[index >= 0][0]) - low if (index >= 0).any() else 0
    tokens = (abs(v) for side in sides.values() for v in side["value"] if v is not None)
    most = {"word": largest_value(attribution), "token": max(tokens, default=0.0)}
    return {
        "target": chosen.target,
        "span": list(chosen.span),
        "rival": list(chosen.rival),
        "method": chosen.method,
        "baseline": chosen.baseline,
        "words": clip(attribution.target.words, 300),
        "sentence": because(attribution),
        "how": wording.method(attribution),
        "note": clip(" · ".join(filter(None, (attribution.model, attribution.target.note))), 300),
        "amount": _number(attribution.diagnostics.value),
        **sides,
        "sums": {"question": sum_of(attribution, "question"), "context": sum_of(attribution, "context")},
        "most": most,
        "digits": {unit: numbers.digits_for(size) for unit, size in most.items()},
        "legend": {unit: _legend(attribution, size, unit) for unit, size in most.items()},
        "warnings": nodes(*cautions(attribution)),
        "strongest": nodes(strongest(attribution)),
        "picks": [_pick(attribution, word, sides) for word in strongest_words(attribution)],
        "evidence": nodes(sums(attribution), diagnostics(attribution)),
    }


def _legend(attribution: Attribution, most: float, unit: str) -> Any:
    """The legend of the values by a unit, with what only a whole text has: what is outside, and the special tokens."""
    scale, keys = values_legend(attribution, most, unit)
    tokens = np.flatnonzero(attribution.roles == Role.SPECIAL)
    digits = numbers.digits_for(most)
    special = [
        f"{clip(str(attribution.tokens[t]), 20)} {numbers.signed(float(attribution.values[t]), digits)}"
        for t in tokens
    ]
    if most and attribution.values[tokens].any():
        keys.append(Key(f"special tokens: {' · '.join(special)}"))
    return legend(scale, keys).to_json()


def _pick(attribution: Attribution, word: StrongWord, sides: dict[str, Any]) -> list[Any]:
    side = "question" if word.role == Role.QUESTION else "context"
    before = np.flatnonzero(attribution.roles == word.role) < word.token
    return [side, int(before.sum()) + sides[side]["first"]]


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


def because(attribution: Attribution) -> str:
    """In one sentence which words matter most to what is explained, and which most against it.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> because(reader.attribute(reader.read("Who kept it?", "Ada kept it."), "no_answer", "occlusion"))[:41]
    'What contributes most to no answer: “Ada”'
    """
    target, found = attribution.target, strongest_words(attribution)
    what = {"no_answer": NO_ANSWER, "null_score": NO_ANSWER}.get(target.name, f"the {target.words}")
    if target.name == "answer" and target.span is not None:
        what = f"“{clip_middle(target.span.of(attribution.context), _NAME_WIDTH)}”"
    most = [_named(one) for one in found if one.value > 0][:3]
    against = [_named(one) for one in found if one.value < 0][:2]
    if not found:
        return f"No word contributes anything to {what}."
    said = f"What contributes most to {what}: {listed(most)}." if most else f"No word contributes to {what}."
    return f"{said} Most against it: {listed(against)}." if against else said


def _named(word: StrongWord) -> str:
    return f"“{clip(word.text, _NAME_WIDTH)}”" + (" in the question" if word.role == Role.QUESTION else "")


def _number(value: float) -> float | None:
    """Five digits are more than is shown; None for what is no number."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
