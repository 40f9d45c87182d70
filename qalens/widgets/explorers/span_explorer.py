"""The explorer of one reading: its text, its spans, and how probable each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from qalens.checks import is_whole
from qalens.display.content.documents import places
from qalens.display.content.evaluation.promises import numbered
from qalens.display.content.reading import classic, no_answer, uncertainty
from qalens.display.content.span_groups import MOST_GROUPS, Group, groups, listed, rival, spans_table
from qalens.display.content.token_axis import token_axis
from qalens.display.content.windows import null_window
from qalens.display.html.page import nodes
from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import MISSING, probability
from qalens.display.parts import Cell, Row, Table
from qalens.display.wording import set_sentence
from qalens.errors import InputError, shown
from qalens.evaluation.promises.sets import PredictionSet
from qalens.readings.documents import DocumentsReading
from qalens.readings.joined import JoinedReading
from qalens.readings.reading import Reading
from qalens.records import finite
from qalens.spans.distribution import Answer
from qalens.text.examples import NO_ANSWER
from qalens.text.token_edges import context_runs, trimmed_edges
from qalens.widgets.explorer import Explorer, check_reading, floats, ints
from qalens.widgets.headline import head_view, in_one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ANSWER = 300
_NAME = 40  # of the name of a document


class SpanExplorer(Explorer):
    """Explore the spans of one reading: every token, every span, and why this one was chosen.

    The decision; the text with its tokens shaded by the probability of being in the answer; the probability of each token as a
    start and as an end; every span as a cell of a map; the best spans in groups of near-copies; the three uncertainties; and the
    classic score with what it gives away. Pointing at a token shows its best partner; a click on a token, a cell or a row, or a
    drag over the text, selects a span.

    Keys in the text: arrows, Home and End move; Enter selects the best span of a token; Shift and an arrow choose a span token by
    token; Escape selects none.

    Parameters
    ----------
    reading : Reading, DocumentsReading or PredictionSet
        What is shown. Several answers (`reading.answers()`), and the places of a prediction set, are numbered in the text and in
        the list. The reading of many documents is shown whole, one document after the other, with the probability that each
        of them holds the answer; choosing one selects its best span, and the best spans name theirs.
    **options
        The attributes below, which are traits: they can be observed, linked and set.

    Attributes
    ----------
    selected : tuple of (int, int) or None
        The selected span as (start, end) in characters. Of many documents the characters are those of `DocumentsReading.joined`.
    scale : {"probability", "logits"}
        What the strips show; "probability" by default.
    given_answer : bool
        Probabilities if there is an answer (default), or with the possibility that there is none.
    layout : ipywidgets.Layout
        As with every ipywidget.

    Raises
    ------
    InputError
        For what is no reading, for a `FailedReading`, and for an option that does not fit.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> explorer = SpanExplorer(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> explorer.selected = (9, 17)
    >>> explorer.selected_text
    'the lamp'
    """

    script = "span_explorer"
    height = 900

    selected = traitlets.Tuple(default_value=None, allow_none=True).tag(sync=True)
    scale = traitlets.Unicode("probability").tag(sync=True)
    given_answer = traitlets.Bool(True).tag(sync=True)
    places = traitlets.Bytes().tag(sync=True)
    logits = traitlets.Bytes().tag(sync=True)
    chances = traitlets.Bytes().tag(sync=True)

    def __init__(self, reading: Reading | DocumentsReading | PredictionSet, **options: Any):
        found = reading if isinstance(reading, PredictionSet) else None
        self.reading = check_reading(reading if found is None else found.reading, "SpanExplorer")
        view = span_view(self.reading, found)
        super().__init__({"view": view, **span_arrays(self.reading)}, **options)

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
            raise InputError(f'scale has to be "probability" or "logits", but is {shown(proposal["value"])}.')
        return proposal["value"]

    def summary(self) -> str:
        """The question and what the model said."""
        return f"{clip(self.reading.question, 120)} — {in_one_line(self.reading)}"

    def table(self) -> Table:
        """The best spans with their probabilities, and no answer."""
        spans = spans_table(self.reading, groups(self.reading.spans))
        none = (NO_ANSWER, "", probability(self.reading.no_answer_probability))
        said = (*none, *[MISSING] * (len(spans.columns) - len(none)))
        return replace(spans, rows=(*spans.rows, Row(tuple(map(Cell, said)))))

    def figure(self) -> Figure:
        """The start and end marginals, the span map, the ranking and the decision as a figure of matplotlib."""
        from qalens.display import plots

        return plots.overview(self.reading, given_answer=self.given_answer)


def check_range(value: Any, size: int) -> tuple[int, int] | None:
    """The (start, end) of a stretch of a text of `size` characters, or None; raises `InputError` for anything else.

    >>> check_range([0, 3], 18)
    (0, 3)
    """
    if value is None:
        return None
    pair = tuple(value)
    if len(pair) != 2 or not all(map(is_whole, pair)):
        raise InputError(f"selected has to be (start, end) in characters or None, but is {shown(value)}.")
    if not 0 <= pair[0] < pair[1] <= size:
        raise InputError(f"The text has {size:,} characters and no stretch {pair[0]}–{pair[1]}.")
    return int(pair[0]), int(pair[1])


def span_view(reading: Reading, found: PredictionSet | None = None) -> dict[str, Any]:
    """What the explorer shows of a reading, as JSON: all but the numbers of each token (`span_arrays`).

    - `numbers`: the places with a number, as (number, start, end): those of a set, else those taken as answers where these are
      several
    - `set`: what the set promises, in words; None without a set

    >>> from qalens.testing import planted_reading
    >>> view = span_view(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> view["answer"]["text"], view["picks"][0]
    ('Ada', [0, 3])
    """
    numbers = listed(reading) if found is None else numbered(found)
    spans, clusters = reading.spans, groups(reading.spans, max(MOST_GROUPS, len(numbers)))
    other = rival(reading, clusters)
    shown = [*no_answer(reading), *uncertainty(reading), *classic(reading)]
    return {
        "head": head_view(reading),
        "context": reading.context,
        "answer": None if reading.answer is None else _answer(reading.answer),
        "best": None if reading.decision.best is None else _answer(reading.decision.best),
        "rival": None if other is None else _answer(other),
        "none": reading.no_answer_probability,
        "longest": reading.max_answer_length,
        "log_normalizer": spans.log_normalizer,
        "log_total": _log_total(clusters),
        "null": _null_logits(reading),
        "windows": _windows(reading),
        "documents": documents_view(reading) if isinstance(reading, JoinedReading) else None,
        "ranking": nodes(spans_table(reading, clusters, numbers)) if clusters else [],
        "picks": [_pair(one) for group in clusters for one in (group.best, *group.copies)],
        "below": nodes(*shown),
        "numbers": [[k, span.start, span.end] for span, k in numbers.items()],
        "set": None if found is None else set_sentence(found),
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


def documents_view(reading: JoinedReading) -> dict[str, Any]:
    """What each document is called and its characters of the text, and the list of them with the best span of each.

    >>> from qalens.readings.documents import join_readings
    >>> from qalens.readings.provenance import Document
    >>> from qalens.testing import planted_reading
    >>> text = "Ada kept the lamp."
    >>> whole = join_readings("Who?", [Document(text, id="log")], [planted_reading("Who?", text, answer="Ada")])
    >>> documents_view(whole.joined())["places"]
    [['log', [0, 18]]]
    """
    table, best = places(reading)
    names = [clip(reading.name_of(d), _NAME) for d in range(len(reading.places))]
    return {
        "places": [[name, [p.start, p.end]] for name, p in zip(names, reading.places, strict=True)],
        "list": nodes(table),
        "picks": [None if one is None else _pair(one) for one in best],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "text": clip_middle(answer.text, _ANSWER),
        "span": _pair(answer),
        "p": answer.probability,
        "score": finite(answer.score),
        "window": answer.window,
    }


def _pair(answer: Answer) -> list[int]:
    return [answer.span.start, answer.span.end]


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
