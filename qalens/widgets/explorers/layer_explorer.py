"""The explorer of a model's inside: what its head would say after each layer, and what each attention head does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from qalens.display.content.layers import layers_table
from qalens.display.labels import clip
from qalens.display.parts import Table
from qalens.errors import InputError, shown
from qalens.readings.documents import DocumentsReading
from qalens.readings.reading import Reading
from qalens.widgets.computing import ComputingExplorer, check_choice, several
from qalens.widgets.explorer import check_reading
from qalens.widgets.explorers.layer_view import (
    heads_entry,
    heads_target,
    kept_windows,
    trace_arrays,
    trace_view,
)
from qalens.widgets.explorers.span_explorer import check_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qalens.explain.layers.heads import HeadAblation
    from qalens.explain.layers.logit_lens import LayerTrace

_TARGETS = ("answer", "start", "end", "no_answer", "margin")
_NAMES = {
    "answer": "score of the answer",
    "start": "start logit of the answer",
    "end": "end logit of the answer",
    "no_answer": "logit of P(no answer)",
    "margin": "margin",
}


class LayerExplorer(ComputingExplorer):
    """Explore how an answer comes about, layer by layer, and on which attention heads it depends.

    For every layer the best span, the probabilities of the answer and of no answer, and the null margin; where the answer
    settles, and where it settles that there is one; the probability of each token as a start and as an end in every
    layer; and the map of heads. A layer that is chosen shades the text by what it alone would answer. Keys: arrows move through
    the layers, the cells of both maps, and the text; Home and End go to the ends.

    Parameters
    ----------
    reading : Reading or DocumentsReading
        What is traced.
    trace : LayerTrace, optional
        Its trace; None asks the reader for it.
    heads : HeadAblation or sequence of HeadAblation, optional
        Maps of heads of the reading.
    reader : Reader, optional
        The `Reader` that made the reading; with it the explorer computes the map of heads that is chosen, in a thread, shows how
        far it is, and can be stopped.
    **options
        The attributes below, which are traits: they can be observed, linked and set.

    Attributes
    ----------
    layer : int
        The layer that is shown in the text; 0 is the embeddings, -1 (default) the last.
    selected : tuple of (int, int) or None
        A part of the text that is marked in it, as (start, end) in characters.
    window : int or None
        The window whose tokens are drawn, from 0 on; None takes that of the best span.
    target : {"answer", "start", "end", "no_answer", "margin"}
        The number whose change by each head is shown.
    by : {"zero", "mean"}
        What takes the place of a head's output.

    Raises
    ------
    InputError
        For what is no reading, for a trace or heads of another one, and where there is neither trace nor reader.

    Examples
    --------
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> LayerExplorer(reading, reader.logit_lens(reading)).layer
    2
    """

    script = "layer_explorer"
    height = 1000

    layer = traitlets.Int(-1).tag(sync=True)
    selected = traitlets.Tuple(default_value=None, allow_none=True).tag(sync=True)
    window = traitlets.Int(None, allow_none=True).tag(sync=True)
    target = traitlets.Unicode("answer").tag(sync=True)
    by = traitlets.Unicode("zero").tag(sync=True)
    places = traitlets.Bytes().tag(sync=True)
    inclusion = traitlets.Bytes().tag(sync=True)
    edges = traitlets.Bytes().tag(sync=True)

    def __init__(
        self,
        reading: Reading | DocumentsReading,
        trace: LayerTrace | None = None,
        heads: HeadAblation | Iterable[HeadAblation] = (),
        *,
        reader: Any = None,
        **options: Any,
    ):
        reading = self.reading = check_reading(reading, "LayerExplorer")
        given = check_heads(reading, heads)
        self.trace = _trace(reading, trace, reader)
        self._windows = kept_windows(self.trace)
        if options.get("window") is None:
            best = reading.decision.best
            options["window"] = 0 if best is None else best.window
        data = {"view": trace_view(self.trace, self._windows), **trace_arrays(self.trace, self._windows)}
        super().__init__(given, reader, data, **options)
        self.layer = self.layer if self.layer >= 0 else len(self.trace) - 1
        if given and not {"target", "by"} & set(options):
            self._choose(0)
        self._settle()

    @property
    def heads(self) -> HeadAblation | None:
        """The map of heads that is shown; None where there is none."""
        return self.record

    @property
    def choice(self) -> tuple[str, str]:
        """The target and the replacement that the map of heads is asked for."""
        return self.target, self.by

    # --- choosing ---

    @traitlets.validate("layer")
    def _check_layer(self, proposal: Mapping[str, Any]) -> int:
        layer, n = proposal["value"], len(self.trace)
        if not -n <= layer < n:
            raise InputError(
                f"There is no layer {layer}; there are 0 (the embeddings) to {n - 1} (the last)."
            )
        return layer % n

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Mapping[str, Any]) -> tuple[int, int] | None:
        return check_range(proposal["value"], len(self.reading.context))

    @traitlets.validate("window")
    def _check_window(self, proposal: Mapping[str, Any]) -> int:
        return check_choice("window", proposal["value"], self._windows)

    @traitlets.validate("target", "by")
    def _check_name(self, proposal: Mapping[str, Any]) -> str:
        name = proposal["trait"].name
        return check_choice(name, proposal["value"], _TARGETS if name == "target" else ("zero", "mean"))

    @traitlets.observe("target", "by")
    def _chosen(self, _: object) -> None:
        self._show_or_compute()

    @traitlets.observe("shown")
    def _turned(self, _: object) -> None:
        if self._settled and self.shown >= 0 and not self._fits(self.choice, self.record):
            self._choose(self.shown)

    def _choose(self, place: int) -> None:
        record = self._records[place]
        name = heads_target(self.reading, record)
        with self.hold_trait_notifications():
            # A map of a target that has no name here is only reached by its place.
            if name in _TARGETS:
                self.target = name
            self.by = record.by

    def _fits(self, choice: tuple[str, str], record: HeadAblation) -> bool:
        return choice == (heads_target(self.reading, record), record.by)

    def _entry(self, record: HeadAblation) -> dict[str, Any]:
        return heads_entry(self.reading, record)

    # --- computing ---

    def _compute(self, choice: tuple[str, str], watch: Callable[[int], None] | None) -> HeadAblation:
        target, by = choice
        return self.reader.ablate_heads(self.reading, target, by=by, watch=watch)

    def _doing(self, choice: tuple[str, str]) -> str:
        return f"the {_NAMES[choice[0]]} without each head"

    def _progress(self, done: int) -> str:
        return f"{done} heads done"

    # --- static exports ---

    def summary(self) -> str:
        """The question, and where the answer settles."""
        trace = self.trace
        return (
            f"{clip(self.reading.question, 120)} — the answer settles at layer {trace.answer_settles}, whether there is "
            f"one at layer {trace.answerability_settles}, of {len(trace) - 1}"
        )

    def table(self) -> Table:
        """What the head of the model says after each layer."""
        return layers_table(self.trace)

    def figure(self) -> Figure:
        """The layers as a figure of matplotlib, and beside them the map of heads where there is one."""
        from qalens.display import plots
        from qalens.display.plots.axes import new_figure

        rows = len(self.trace)
        height = 1.8 + 0.3 * (rows + 2)
        if self.heads is None:
            figure = new_figure(7.2, height)
            plots.logit_lens(self.trace, ax=figure.add_subplot())
            return figure
        figure = new_figure(7.2, height + 1.2 + 0.25 * max(6, rows))
        above, below = figure.subplots(
            2, 1, height_ratios=(height, figure.get_figheight() - height), squeeze=False
        )[:, 0]
        plots.logit_lens(self.trace, ax=above)
        plots.heads(self.heads, ax=below)
        return figure


def _trace(reading: Reading, trace: Any, reader: Any) -> LayerTrace:
    """The trace that was given, or the reader's; `InputError` where it is none, or of another reading."""
    from qalens.explain.layers.logit_lens import LayerTrace

    if trace is None:
        if reader is None:
            raise InputError(
                "LayerExplorer needs something to show: a trace, as reader.logit_lens(reading) gives it, or the reader itself, as "
                "reader=…"
            )
        trace = reader.logit_lens(reading)
    if not isinstance(trace, LayerTrace):
        raise InputError(
            f"A trace has to be one, as reader.logit_lens(reading) gives it, but is {shown(trace)}."
        )
    if not _same(trace.reading, reading):
        raise InputError("The trace is of another reading than the one that is shown.")
    return trace


def check_heads(reading: Reading, heads: Any) -> list[HeadAblation]:
    """The maps of heads as a list, or `InputError` where one is none, or of another reading.

    >>> from qalens.testing import planted_reading
    >>> check_heads(planted_reading("Who?", "Ada kept it.", answer="Ada"), ())
    []
    """
    if heads is None or (isinstance(heads, tuple | list) and not heads):
        return []
    from qalens.explain.layers.heads import HeadAblation

    given = several(heads, HeadAblation)
    for one in given:
        if not isinstance(one, HeadAblation):
            raise InputError(
                f"heads has to be a HeadAblation, as reader.ablate_heads(reading) gives it, or several, but holds {shown(one)}."
            )
        if not _same(one.reading, reading):
            raise InputError("The map of heads is of another reading than the one that is shown.")
    return given


def _same(one: Reading, other: Reading) -> bool:
    """Whether two records are of one reading: the same text, read by the same weights in the same way."""
    if one is other:
        return True
    told = [
        (r.question, r.context, r.source, r.windows.role.shape, r.max_answer_length, r.null)
        for r in (one, other)
    ]
    return told[0] == told[1]
