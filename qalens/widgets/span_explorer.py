"""The explorer of one reading: its text, its spans, and how probable each of them is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from qalens.by_window import leakage
from qalens.documents import DocumentsReading
from qalens.errors import InputError
from qalens.joined import JoinedReading
from qalens.reading import Reading
from qalens.records import finite
from qalens.spans import Answer
from qalens.views.axis import token_axis
from qalens.views.markup import clip, clip_middle, percent
from qalens.views.overview import null_window
from qalens.views.ranking import Group, groups, rival
from qalens.views.verdict import decision_sentence
from qalens.widgets.explorer import Explorer, check_reading, floats, ints
from qalens.widgets.in_words import Table, spans_table
from qalens.windows import context_runs, trimmed_edges

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUESTION = 1_000  # columns of the question that are shown
_ANSWER = 300
_LONGEST = 120  # columns of a span in the list
_NAME = 40  # of the name of a document


class SpanExplorer(Explorer):
    """Explore the spans of one reading: every token, every span, and why this one was chosen.

    The decision; the text with its tokens shaded by the probability of being in the answer; the probability of each
    token as a start and as an end; every span as a cell of a map; the best spans in groups of near-copies; the three
    uncertainties; and the classic score with what it gives away. Pointing at a token shows its best partner; a click
    on a token, a cell or a row, or a drag over the text, selects a span.

    The reading of many documents is shown whole, one document after the other, with the probability that each of them holds
    the answer; choosing one selects its best span, and the best spans name theirs.

    - `selected`: the selected span as (start, end) in characters, or None. It can be observed, linked and set. Of many
      documents the characters are those of `DocumentsReading.joined`
    - `scale`: "probability" (default) or "logits", what the strips show
    - `given_answer`: probabilities if there is an answer (default), or with the possibility that there is none
    - `layout`: as with every ipywidget

    Keys in the text: arrows, Home and End move; Enter selects the best span of a token; Shift and an arrow choose a span
    token by token; Escape selects none. Raises `InputError` for what is no reading, for a `FailedReading`, and for an
    option that does not fit.

    >>> from qalens.testing import planted_reading
    >>> explorer = SpanExplorer(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> explorer.selected = (9, 17)
    >>> explorer.selected_text
    'the lamp'
    """

    script = "span_explorer.js"
    shared = ("spans.js", "span_map.js")
    height = 900

    selected = traitlets.Tuple(default_value=None, allow_none=True).tag(sync=True)
    scale = traitlets.Unicode("probability").tag(sync=True)
    given_answer = traitlets.Bool(True).tag(sync=True)
    places = traitlets.Bytes().tag(sync=True)
    logits = traitlets.Bytes().tag(sync=True)
    chances = traitlets.Bytes().tag(sync=True)

    def __init__(self, reading: Reading | DocumentsReading, **options: Any):
        self.reading = check_reading(reading, "SpanExplorer")
        super().__init__({"view": span_view(self.reading), **span_arrays(self.reading)}, **options)

    @property
    def selected_text(self) -> str | None:
        """The characters of the selected span, or None."""
        return None if self.selected is None else self.reading.context[slice(*self.selected)]

    @property
    def selected_answer(self) -> Answer | None:
        """The selected span with its score and probability; None where it is no legal span, or none is selected.

        Of many documents it is a `DocumentAnswer`, which counts in the characters of its document and names it.
        """
        found = None if self.selected is None else self.reading.spans.find(*self.selected)
        if found is not None and isinstance(self.reading, JoinedReading):
            return self.reading.in_document(found)
        return found

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Mapping[str, Any]) -> tuple[int, int] | None:
        return check_range(proposal["value"], len(self.reading.context))

    @traitlets.validate("scale")
    def _check_scale(self, proposal: Mapping[str, Any]) -> str:
        if proposal["value"] not in ("probability", "logits"):
            raise InputError(f'scale has to be "probability" or "logits", but is {proposal["value"]!r}.')
        return proposal["value"]

    def summary(self) -> str:
        """The question and what the model said."""
        reading = self.reading
        if reading.answer is None:
            said = f"no answer ({percent(reading.no_answer_probability)})"
        else:
            said = f"{clip(reading.answer.text, 80)} ({percent(reading.answer.probability)})"
        return f"{clip(reading.question, 120)} — {said}"

    def table(self) -> Table:
        """The best spans with their probabilities."""
        return spans_table(self.view)

    def figure(self) -> Figure:
        """The edges, the span map, the ranking and the decision as a figure of matplotlib."""
        from qalens.views import plots

        return plots.overview(self.reading, given_answer=self.given_answer)


def check_range(value: Any, size: int) -> tuple[int, int] | None:
    """The (start, end) of a stretch of a text of `size` characters, or None; raises `InputError` for anything else.

    >>> check_range([0, 3], 18)
    (0, 3)
    """
    if value is None:
        return None
    pair = tuple(value)
    if len(pair) != 2 or any(isinstance(place, bool) or not isinstance(place, int) for place in pair):
        raise InputError(f"selected has to be (start, end) in characters or None, but is {value!r}.")
    if not 0 <= pair[0] < pair[1] <= size:
        raise InputError(f"The text has {size:,} characters and no stretch {pair[0]}–{pair[1]}.")
    return pair


def span_view(reading: Reading) -> dict[str, Any]:
    """What the explorer shows of a reading, as JSON: all but the numbers of each token (`span_arrays`).

    >>> from qalens.testing import planted_reading
    >>> view = span_view(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> view["answer"]["text"], view["groups"][0]["best"]["span"]
    ('Ada', [0, 3])
    """
    spans, found = reading.spans, groups(reading.spans)
    other = rival(reading, found)
    return {
        "question": clip(reading.question, _QUESTION),
        "context": reading.context,
        "answer": None if reading.answer is None else _answer(reading.answer),
        "best": None if reading.decision.best is None else _answer(reading.decision.best),
        "rival": None if other is None else _answer(other),
        "none": reading.no_answer_probability,
        "sentence": decision_sentence(reading),
        "longest": reading.max_answer_length,
        "log_normalizer": spans.log_normalizer,
        "log_total": _log_total(found),
        "null": _null_logits(reading),
        "windows": _windows(reading),
        "documents": documents_view(reading) if isinstance(reading, JoinedReading) else None,
        "groups": [_group(reading, group) for group in found],
        "uncertainty": _uncertainty(reading),
        "classic": classic(reading),
    }


def span_arrays(reading: Reading) -> dict[str, bytes]:
    """The numbers of each token as bytes, in the order of the text.

    - `places`: int32 (N, 2): the characters at which the N tokens begin and end, without blanks at their edges
    - `logits`: float32, for each window the start logits of its context tokens, then their end logits
    - `chances`: float32 (3, N), given an answer: the probability to be in it, to be its start, to be its end

    >>> from qalens.testing import planted_reading
    >>> arrays = span_arrays(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> np.frombuffer(arrays["places"], "<i4").reshape(-1, 2)[:2].tolist()
    [[0, 3], [4, 8]]
    """
    windows = reading.windows
    axis = token_axis(reading)
    begin, finish = trimmed_edges(windows, 0, len(axis))
    parts: list[NDArray[np.float32]] = []
    for w, (first, _, count) in enumerate(zip(*context_runs(windows), strict=True)):
        inside = slice(int(first), int(first + count))
        parts += [reading.logits.start[w, inside], reading.logits.end[w, inside]]
    inclusion = np.append(reading.spans.inclusion(given_answer=True), 0.0)
    within = np.where(begin < finish, inclusion[np.minimum(begin, len(reading.context))], 0.0)
    return {
        "places": ints(np.stack([begin, finish], 1)),
        "logits": floats(np.concatenate(parts)),
        "chances": floats(np.stack([within, axis.start, axis.end])),
    }


def documents_view(reading: JoinedReading) -> list[dict[str, Any]]:
    """For each document what it is called, its characters of the text, the probability it holds, and its best span.

    >>> from qalens.documents import join_readings
    >>> from qalens.provenance import Document
    >>> from qalens.testing import planted_reading
    >>> text = "Ada kept the lamp."
    >>> whole = join_readings("Who?", [Document(text, id="log")], [planted_reading("Who?", text, answer="Ada")])
    >>> documents_view(whole.joined())[0]["name"]
    'log'
    """
    spans, masses = reading.spans, reading.document_probabilities()
    shown = []
    for d, place in enumerate(reading.places):
        first, last = np.searchsorted(spans.start, [place.start, place.end])
        best = spans.at(int(first + spans.score[first:last].argmax())) if first < last else None
        shown.append(
            {
                "name": clip(reading.name_of(d), _NAME),
                "span": [place.start, place.end],
                "p": float(masses[d]),
                "best": None if best is None else [best.span.start, best.span.end],
                "text": None if best is None else clip_middle(best.text, _LONGEST),
            }
        )
    return shown


def classic(reading: Reading) -> dict[str, Any] | None:
    """The product of two softmaxes for the best span in its window, and what share of such products is no prediction.

    None where the text has no span.

    >>> from qalens.testing import planted_reading
    >>> found = classic(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> round(found["start"] * found["end"], 3) == round(found["score"], 3)
    True
    """
    best = reading.decision.best
    if best is None:
        return None
    alone = reading.logits.one_window(best.window)
    lost = leakage(alone, max_answer_length=reading.max_answer_length)
    length = int(alone.windows.lengths[0])
    start, end = (
        _softmax(logits[0, :length])[token]
        for logits, token in zip((alone.start, alone.end), best.tokens, strict=True)
    )
    names = ("reversed", "too_long", "mixed", "outside")
    return {
        "start": float(start),
        "end": float(end),
        "score": float(start * end),
        "lost": {name: float(getattr(lost, name)[0]) for name in names},
        "window": best.window,
    }


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    x = logits.astype(np.float64)
    x = np.exp(x - x.max())
    return x / x.sum()


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "text": clip_middle(answer.text, _ANSWER),
        "span": [answer.span.start, answer.span.end],
        "p": answer.probability,
        "score": finite(answer.score),
        "window": answer.window,
    }


def _group(reading: Reading, group: Group) -> dict[str, Any]:
    def row(answer: Answer) -> dict[str, Any]:
        first, last = answer.tokens
        return {
            **_answer(answer),
            "text": clip_middle(answer.text, _LONGEST),
            "given": group.given(answer),
            "start": finite(float(reading.logits.start[answer.window, first])),
            "end": finite(float(reading.logits.end[answer.window, last])),
        }

    return {
        "best": row(group.best),
        "copies": [row(copy) for copy in group.copies],
        "size": group.cluster.size,
        "hidden": group.hidden,
        "p": group.cluster.probability,
        "given": group.given_answer,
    }


def _log_total(found: tuple[Group, ...]) -> float | None:
    """Log of the sum of exp(score) over all spans, or None where there is none."""
    return finite(found[0].log_total) if found else None


def _null_logits(reading: Reading) -> dict[str, Any] | None:
    """The start and end logit of the null token whose score counts, or None where it is the mean of several."""
    w = null_window(reading)
    if w is None:
        return None
    token = int(reading.windows.null_index[w])
    start, end = reading.logits.start[w, token], reading.logits.end[w, token]
    return {"window": w, "start": finite(float(start)), "end": finite(float(end))}


def _windows(reading: Reading) -> list[list[int]]:
    """For each window the number of its first token of the text, and how many it holds."""
    _, number, count = context_runs(reading.windows)
    return np.stack([number, count], 1).tolist()


def _uncertainty(reading: Reading) -> dict[str, float] | None:
    if not len(reading.spans):
        return None
    bits = reading.spans.uncertainty()
    answerable = -math.expm1(reading.spans.null_log_prob)
    return {
        "whether": bits.answerability,
        "which": answerable * bits.choice,
        "where": answerable * bits.edges,
        "total": bits.total,
    }
