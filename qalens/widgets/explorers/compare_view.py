"""What the CompareExplorer shows of two readings: plain data for the browser, made from their difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.display.labels import clip, clip_middle
from qalens.display.text_flow import Stretch, flow
from qalens.display.wording import change_words, decision_sentence
from qalens.explain.counterfactual.difference import ReadingDiff
from qalens.explain.words import word_spans
from qalens.readings.reading import Reading
from qalens.records import finite
from qalens.spans.distribution import Answer
from qalens.text.examples import CharSpan
from qalens.widgets.explorer import floats, ints
from qalens.widgets.headline import head_view

_SPAN = 72
_BEST = 20  # spans of each reading whose probabilities go along
_NAME = 60


def compare_view(diff: ReadingDiff) -> dict[str, Any]:
    """What the explorer shows of a difference, as JSON; the numbers of its characters stand in `compare_arrays`.

    Both texts are one flow: at each place what is gone, then what is new (`display.text_flow.flow`). `stretches` are its
    parts as [kind, start in the flow, start in the text it is from]; a "kept" one is from the text before.

    >>> from qalens.explain.counterfactual.difference import compare
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", f"{name} kept it.", answer=name) for name in ("Ada", "Tom"))
    >>> view = compare_view(compare(one, other))
    >>> view["text"], view["stretches"]
    ('Ada Tom kept it.', [['gone', 0, 0], ['new', 4, 0], ['kept', 8, 4]])
    """
    stretches = flow(diff)
    places = flow_places(diff, stretches)
    return {
        "text": "".join(_texts(diff, stretches)),
        "stretches": _starts(stretches),
        "labels": labels(diff),
        "sides": [_side(reading) for reading in (diff.before, diff.after)],
        "became": change_words(diff),
        "none": diff.no_answer_change,
        "distance": diff.distance,
        "gone": diff.gone_probability,
        "new": diff.new_probability,
        "spans": span_rows(diff, places),
    }


def compare_arrays(diff: ReadingDiff) -> dict[str, bytes]:
    """The numbers of each character of the flow of both texts, as bytes.

    - `words`: int32 (N, 2): the characters of the flow at which its N words begin and end
    - `inclusion`: float32 (2, F): the probability to be in the answer before and after, nan where a text does not have
      the character

    >>> from qalens.explain.counterfactual.difference import compare
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", "Ada kept it.", answer=a) for a in ("Ada", None))
    >>> arrays = compare_arrays(compare(one, other))
    >>> np.frombuffer(arrays["inclusion"], "<f4").reshape(2, -1)[:, 0].round(2).tolist()
    [1.0, 0.0]
    """
    stretches = flow(diff)
    inclusion = np.full((2, sum(s.end - s.start for s in stretches)), np.nan)
    for row, reading, places in zip(
        inclusion, (diff.before, diff.after), flow_places(diff, stretches), strict=True
    ):
        row[places] = reading.spans.inclusion()
    words: list[tuple[int, int]] = []
    at = 0
    for text in _texts(diff, stretches):
        words += [(at + word.start, at + word.end) for word in word_spans(text)]
        at += len(text)
    return {"words": ints(np.array(words, np.int32).reshape(-1, 2)), "inclusion": floats(inclusion)}


def flow_places(
    diff: ReadingDiff, stretches: Sequence[Stretch]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each character of the text before, and of the text after, its place in the flow of both.

    >>> from qalens.explain.counterfactual.difference import compare
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", f"{name} it.", answer=name) for name in ("Ada", "Tom"))
    >>> diff = compare(one, other)
    >>> [places.tolist()[:5] for places in flow_places(diff, flow(diff))]
    [[0, 1, 2, 3, 8], [4, 5, 6, 7, 8]]
    """
    before, after = np.zeros(len(diff.before.context), np.int64), np.zeros(len(diff.after.context), np.int64)
    at = 0
    for part in stretches:
        here = np.arange(at, at + part.end - part.start)
        if part.kind == "new":
            after[part.start : part.end] = here
        else:
            before[part.start : part.end] = here
        if part.kind == "kept":
            after[diff.alignment[part.start : part.end]] = here
        at += len(here)
    return before, after


def labels(diff: ReadingDiff) -> list[str]:
    """What the two readings are called: before and after, or their models where nothing else differs.

    >>> from qalens.explain.counterfactual.difference import compare
    >>> from qalens.testing import planted_reading
    >>> labels(compare(*[planted_reading("Who?", "Ada kept it.", answer=a) for a in ("Ada", None)]))
    ['before', 'after']
    """
    one, other = diff.before, diff.after
    same_text = (one.question, one.context) == (other.question, other.context)
    if not same_text or one.source is None or other.source is None or one.source == other.source:
        return ["before", "after"]
    if one.source.name == other.source.name:
        return ["one model", "the other"]
    return [clip(one.source.name, _NAME), clip(other.source.name, _NAME)]


def span_rows(diff: ReadingDiff, places: tuple[NDArray[np.int64], NDArray[np.int64]]) -> list[dict[str, Any]]:
    """The best spans of both readings, each once, with both probabilities; the most probable first.

    - `p`: before and after, None where a text does not have the span
    - `ranges`: its characters in the flow; `after`: its (start, end) in the text after, or None
    - `answer`: whether it is the answer before, and after
    """
    rows: dict[tuple[bool, int, int], dict[str, Any]] = {}
    for old, new in _pairs(diff):
        shown, side = (new, 1) if new is not None else (old, 0)
        if shown is None:
            continue
        answers = [
            a is not None and r.answer is not None and a.span == r.answer.span
            for a, r in ((old, diff.before), (new, diff.after))
        ]
        rows[side == 1, shown.span.start, shown.span.end] = {
            "text": clip_middle(shown.text, _SPAN),
            "p": [None if a is None else a.probability for a in (old, new)],
            "ranges": _runs(places[side][shown.span.start : shown.span.end]),
            "after": None if new is None else [new.span.start, new.span.end],
            "answer": answers,
        }
    return sorted(rows.values(), key=lambda row: -max(p for p in row["p"] if p is not None))


def _pairs(diff: ReadingDiff) -> Iterator[tuple[Answer | None, Answer | None]]:
    backward = np.full(len(diff.after.context), -1)
    backward[diff.alignment[~diff.gone]] = np.flatnonzero(~diff.gone)
    back = ReadingDiff(diff.after, diff.before, backward)
    for old in diff.before.spans.top(_BEST):
        yield old, diff.candidate(old.span)
    for new in diff.after.spans.top(_BEST):
        yield back.candidate(new.span), new


def _runs(places: NDArray[np.int64]) -> list[list[int]]:
    cuts = [0, *(1 + np.flatnonzero(np.diff(places) != 1)).tolist(), len(places)]
    return [[int(places[a]), int(places[b - 1]) + 1] for a, b in pairwise(cuts) if a < b]


def _texts(diff: ReadingDiff, stretches: Sequence[Stretch]) -> list[str]:
    texts = {"kept": diff.before.context, "gone": diff.before.context, "new": diff.after.context}
    return [texts[part.kind][part.start : part.end] for part in stretches]


def _starts(stretches: Sequence[Stretch]) -> list[list[Any]]:
    found, at = [], 0
    for part in stretches:
        found.append([part.kind, at, part.start])
        at += part.end - part.start
    return found


def _side(reading: Reading) -> dict[str, Any]:
    return {
        "head": head_view(reading),
        "model": None if reading.source is None else clip(reading.source.name, _NAME),
        "none": reading.no_answer_probability,
        "margin": finite(reading.margin),
        "threshold": finite(reading.decision.threshold),
        "sentence": decision_sentence(reading),
    }


def follow(diff: ReadingDiff, stretch: tuple[int, int] | None) -> tuple[int, int] | None:
    """Where a stretch of the text before stands in the text after, or None.

    >>> from qalens.explain.counterfactual.difference import compare
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", text, answer="Ada") for text in ("Ada kept it.", "So Ada kept it."))
    >>> follow(compare(one, other), (0, 8))
    (3, 11)
    """
    found = None if stretch is None else diff.follow(CharSpan(*stretch))
    return None if found is None else (found.start, found.end)
