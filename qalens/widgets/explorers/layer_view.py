"""What the explorer of layers shows, as JSON and as numbers for the browser."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from qalens.display.content.layers import layer_name, layers_table
from qalens.display.html.page import nodes
from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import digits_for
from qalens.readings.reading import Reading
from qalens.text.token_edges import context_runs, token_range, trimmed_edges
from qalens.text.windows import Role
from qalens.widgets.explorer import floats, ints
from qalens.widgets.headline import head_view

if TYPE_CHECKING:
    from qalens.explain.layers.heads import HeadAblation
    from qalens.explain.layers.logit_lens import LayerTrace

# Cells of a map that are sent for all windows together: 4 bytes each for starts and again for ends.
_MOST_CELLS = 400_000
_STRONGEST = 6


def kept_windows(trace: LayerTrace) -> tuple[int, ...]:
    """The windows whose tokens can be drawn: all, or of a very long text those with the best spans.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> kept_windows(reader.logit_lens(reader.read("Who kept the lamp?", "Ada kept the lamp.")))
    (0,)
    """
    reading = trace.reading
    W, T = reading.windows.role.shape
    room = max(1, _MOST_CELLS // (len(trace) * T))
    if room >= W:
        return tuple(range(W))
    best = np.full(W, -np.inf)
    np.maximum.at(best, reading.spans.window, reading.spans.score)
    first = [] if reading.decision.best is None else [reading.decision.best.window]
    others = [w for w in np.argsort(-best, kind="stable").tolist() if w not in first]
    return tuple(sorted((*first, *others)[:room]))


def trace_view(trace: LayerTrace, windows: tuple[int, ...]) -> dict[str, Any]:
    """What there is to see of a trace, as JSON: the decision, a row for each layer, and the tokens of some windows.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> trace = reader.logit_lens(reader.read("Who kept the lamp?", "Ada kept the lamp."))
    >>> [row["name"] for row in trace_view(trace, (0,))["layers"]]
    ['embeddings', 'layer 1', 'layer 2']
    """
    reading = trace.reading
    best = reading.decision.best
    return {
        "head": head_view(reading),
        "context": reading.context,
        "answered": reading.answer is not None,
        "best": None if best is None else [best.span.start, best.span.end],
        "text": None if best is None else clip_middle(best.text, 300),
        "layers": [_layer(trace, k) for k in range(len(trace))],
        "table": nodes(layers_table(trace)),
        "windows": [_window(reading, w) for w in windows],
        "many": len(reading.windows),
    }


def _layer(trace: LayerTrace, k: int) -> dict[str, Any]:
    """What a layer is called, and the characters of its best span, which it may reject."""
    decision = trace.decisions[k]
    return {
        "name": layer_name(k),
        "answered": decision.answer is not None,
        "span": None if decision.best is None else [decision.best.span.start, decision.best.span.end],
    }


def _window(reading: Reading, w: int) -> dict[str, Any]:
    """One window: how many tokens it has, which of them are the text, and the strings of the others by their place."""
    windows = reading.windows
    places, numbers, counts = context_runs(windows)
    low, _ = token_range(windows)
    n = int(windows.lengths[w])
    others = np.flatnonzero(windows.role[w, :n] != Role.CONTEXT).tolist()
    asked = np.flatnonzero(windows.role[w, :n] == Role.QUESTION)
    return {
        "number": w,
        "length": n,
        "place": int(places[w]),
        "first": int(numbers[w]) - low,
        "count": int(counts[w]),
        "asked": [int(asked[0]), int(asked[-1]) + 1] if len(asked) else [0, 0],
        "others": {str(t): clip(str(windows.tokens[w, t]), 24) for t in others},
    }


def trace_arrays(trace: LayerTrace, windows: tuple[int, ...]) -> dict[str, bytes]:
    """The numbers of a trace as bytes, for its layers + 1 layers and the N tokens of the text.

    - `places`: int32 (N, 2): the characters at which the tokens begin and end, without blanks at their edges
    - `inclusion`: float32 (layers + 1, N): the probability to be in the answer, if there is one, for each layer
    - `edges`: float32, for each of the `windows` (layers + 1, T) of start and then of end: the softmax over its tokens
    """
    reading = trace.reading
    low, N = token_range(reading.windows)
    begin, finish = trimmed_edges(reading.windows, low, N)
    solid, at = begin < finish, np.minimum(begin, max(0, len(reading.context) - 1))
    inclusion = np.zeros((len(trace), N), np.float32)
    for k in range(len(trace)):
        inclusion[k] = np.where(solid, trace.at(k).spans.inclusion(given_answer=True)[at], 0.0)
    edges = [part.ravel() for w in windows for part in trace.marginals(w)]
    return {
        "places": ints(np.stack([begin, finish], 1)),
        "inclusion": floats(inclusion),
        "edges": floats(np.concatenate(edges)),
    }


def heads_target(reading: Reading, ablation: HeadAblation) -> str:
    """What a map of heads is about: "answer", …, "margin", or "other" for a span that is not the reading's own."""
    target, best = ablation.target, reading.decision.best
    if target.name == "no_answer":
        return "no_answer"
    if best is not None and target.name == "contrast" and (target.span, target.rival) == (None, best.span):
        return "margin"
    if best is not None and target.name != "contrast" and target.span == best.span:
        return target.name
    return "other"


def heads_entry(reading: Reading, ablation: HeadAblation) -> dict[str, Any]:
    """One map of heads as the browser draws it: the changes by layer and head, and the strongest of them."""
    change = ablation.change
    most = float(np.abs(change[np.isfinite(change)]).max(initial=0.0))
    strongest = [h for h in ablation.strongest(_STRONGEST) if math.isfinite(h.change) and h.change]
    return {
        "target": heads_target(reading, ablation),
        "by": ablation.by,
        "words": clip(ablation.target.words, 300),
        "amount": _number(ablation.value),
        "change": [[_number(x) for x in row] for row in change.tolist()],
        "most": most,
        "digits": digits_for(most),
        "strongest": [[h.layer, h.head, _number(h.change)] for h in strongest],
    }


def _number(value: float) -> float | None:
    """Five digits are more than is shown; None for what is no number."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
