"""The front door: fields for a question and a text, and the explorers of what a model reads in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets
import traitlets

from qalens.documents import DocumentsReading
from qalens.errors import InputError, QalensError
from qalens.reading import FailedReading, Reading
from qalens.views.markup import clip
from qalens.widgets.attribution_explorer import AttributionExplorer
from qalens.widgets.cells import shown_in_this_cell
from qalens.widgets.compare_explorer import CompareExplorer
from qalens.widgets.computing import ComputingExplorer, check_choice, failure
from qalens.widgets.explorer import Explorer, check_reading
from qalens.widgets.following import IDLE, READING, Following
from qalens.widgets.layer_explorer import LayerExplorer
from qalens.widgets.no_answer_explorer import NoAnswerExplorer, no_answer_view
from qalens.widgets.span_explorer import SpanExplorer, span_arrays, span_view

_QUESTION = "Who carried the mail across the pass?"
_CONTEXT = (
    "The road over the pass was closed from November to April. In those months Mathis Brunner carried the mail across "
    "on skis, twice a week and alone. His sister Lena ran the post office in the valley, sorted the letters by lamplight, "
    "and noted in a green book on which days he did not come back before dark."
)
_TITLES = {
    "spans": "Spans",
    "no_answer": "Answer or not",
    "why": "Why",
    "layers": "Layers",
    "compare": "Before and after",
}
_WITHOUT_MODEL = ("spans", "no_answer")
_LAYERS = {"state": "reading", "words": "asking every layer…"}


class QuestionDesk(Explorer):
    """The upper part of the front door: the fields, how the reading is, and the tabs.

    - `question`, `context`: what stands in the fields; `status`: how the reading is; `tab`: the tab that is open

    >>> QuestionDesk("Who?", "Ada kept it.", ["spans"], live=True).tab
    'spans'
    """

    script = "front_door.js"
    shared = ("editor.js",)

    question = traitlets.Unicode().tag(sync=True)
    context = traitlets.Unicode().tag(sync=True)
    status = traitlets.Dict().tag(sync=True)
    tab = traitlets.Unicode().tag(sync=True)

    def __init__(self, question: str, context: str, tabs: list[str], *, live: bool):
        titles = [[name, _TITLES[name]] for name in tabs]
        data = {"view": {"tabs": titles, "live": live}, "question": question, "context": context}
        super().__init__({**data, "status": IDLE, "tab": tabs[0]})

    def summary(self) -> str:
        """The question."""
        return clip(self.question, 120)


class FrontDoor(ipywidgets.VBox):
    """A question, a text, and the explorers of the reading as tabs; `qalens.explore` makes it.

    - `reading`: what is shown; it can be observed
    - `question`, `context`: what is asked for; setting them reads in the background, as typing does, and the last one wins
    - `tab`: "spans", "no_answer", "why", "layers" or "compare"; each explorer is made when its tab is first opened
    - `explorer`: the one that is shown; "compare" holds what is read now against what was read first

    >>> from qalens.testing import planted_reading
    >>> door = explore(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> door.tab = "no_answer"
    >>> type(door.explorer).__name__
    'NoAnswerExplorer'
    """

    reading = traitlets.Instance(Reading, read_only=True)
    question = traitlets.Unicode()
    context = traitlets.Unicode()
    tab = traitlets.Unicode("spans")

    # Of the class, so that nothing follows before all is there.
    _reads: Following | None = None

    def __init__(self, reading: Reading, *, reader: Any = None):
        self._reader = reader
        self._first = reading
        # For each tab that was opened: its explorer, and what it shows.
        self._opened: dict[str, tuple[Explorer, Reading]] = {}
        self._tabs = list(_WITHOUT_MODEL if reader is None else _TITLES)
        self._asked = (reading.question, reading.context)
        self._desk = QuestionDesk(*self._asked, self._tabs, live=reader is not None)
        self.set_trait("reading", reading)
        super().__init__(question=reading.question, context=reading.context)
        self._reads = Following(self._read)
        self._traces = Following(self._traced)
        self._links = [
            traitlets.link((self._desk, name), (self, name)) for name in ("question", "context", "tab")
        ]
        self._turn()

    @property
    def explorer(self) -> Explorer:
        """The explorer that is shown."""
        return self.children[-1]

    @property
    def status(self) -> Mapping[str, str]:
        """How the reading is: its `state` ("idle", "reading" or "failed") and `words` that say so."""
        return self._desk.status

    # --- reading ---

    @traitlets.validate("question", "context")
    def _check_text(self, proposal: Mapping[str, Any]) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        if self._reader is None and value != getattr(self.reading, name):
            raise InputError(f"The {name} cannot change without a model; explore(reader) takes one.")
        return value

    @traitlets.observe("question", "context")
    def _typed(self, _: object) -> None:
        asked = (self.question, self.context)
        if self._reads is None or asked == self._asked:
            return
        self._asked = asked
        # What explains the text before is of no use any more, and the model does one thing at a time.
        for explorer, _reading in self._opened.values():
            if isinstance(explorer, ComputingExplorer):
                explorer.cancel()
        if asked == (self.reading.question, self.reading.context):
            self._reads.drop()
            self._desk.status = IDLE
            return
        self._desk.status = READING
        self._reads.ask(lambda: self._reader.read(*asked))

    def _read(self, outcome: Any) -> None:
        if isinstance(outcome, Exception):
            self._refused(outcome)
            return
        self.set_trait("reading", outcome)
        self._turn()

    def _refused(self, error: Exception) -> None:
        words = f"{failure(error)} The picture shows what was there before."
        self._desk.status = {"state": "failed", "words": words}

    # --- tabs ---

    @traitlets.validate("tab")
    def _check_tab(self, proposal: Mapping[str, Any]) -> str:
        return check_choice("tab", proposal["value"], self._tabs)

    @traitlets.observe("tab")
    def _turned(self, _: object) -> None:
        if self._reads is not None:
            self._turn()

    def _turn(self) -> None:
        """Show the explorer of the open tab for what was read last; the old one stays until it is there."""
        if self.tab == "layers" and not self._is_fresh("layers"):
            reading = self.reading
            self._desk.status = _LAYERS
            self._traces.ask(lambda: (reading, self._reader.lens(reading)))
            return
        try:
            explorer = self._explorer(self.tab)
        except QalensError as error:
            self._refused(error)
            return
        self._put(explorer)
        self._rest()

    def _rest(self) -> None:
        """Say no more that something is being read, where nothing is."""
        asked_and_read = (self.reading.question, self.reading.context) == self._asked
        if self._desk.status["state"] == "reading" and asked_and_read:
            self._desk.status = IDLE

    def _traced(self, outcome: Any) -> None:
        if isinstance(outcome, Exception):
            self._refused(outcome)
            return
        reading, trace = outcome
        if reading is not self.reading:
            return
        self._keep("layers", LayerExplorer(reading, trace, reader=self._reader), reading)
        if self.tab == "layers":
            self._put(self._opened["layers"][0])
            self._rest()

    def _is_fresh(self, tab: str) -> bool:
        return tab in self._opened and self._opened[tab][1] is self.reading

    def _explorer(self, tab: str) -> Explorer:
        """The explorer of a tab for what was read last."""
        if self._is_fresh(tab):
            return self._opened[tab][0]
        if tab in self._opened and tab != "why":
            explorer = self._opened[tab][0]
            _show(explorer, self.reading)
        else:
            explorer = self._made(tab)
        self._keep(tab, explorer, self.reading)
        return explorer

    def _made(self, tab: str) -> Explorer:
        if tab == "spans":
            return SpanExplorer(self.reading)
        if tab == "no_answer":
            return NoAnswerExplorer(self.reading)
        if tab == "why":
            return AttributionExplorer(self.reading, reader=self._reader)
        return CompareExplorer(self._first, self.reading, reader=self._reader, editable=False)

    def _keep(self, tab: str, explorer: Explorer, reading: Reading) -> None:
        old = self._opened.get(tab)
        self._opened[tab] = (explorer, reading)
        if old is not None and old[0] is not explorer:
            # On the page it is exchanged first.
            if old[0] in self.children:
                self._put(explorer)
            old[0].close()

    def _put(self, explorer: Explorer) -> None:
        if self.children != (self._desk, explorer):
            self.children = (self._desk, explorer)

    # --- life ---

    def close(self) -> None:
        """Stop what is being read, and take everything off every page and out of the kernel."""
        if self._reads is not None:
            self._reads.drop()
            self._traces.drop()
        for explorer, _ in self._opened.values():
            explorer.close()
        self._desk.close()
        super().close()
        self.layout.close()
        vars(self).pop("_repr_mimebundle_", None)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        if self.comm is None:
            for widget in (*self.children, self):
                widget.layout.open()
                widget.open()
        shown_in_this_cell(self)
        spans = self._explorer("spans")
        data = super()._repr_mimebundle_(**kwargs) or {}
        return {**data, "text/html": spans.frame(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"FrontDoor({self.reading!r})"


def explore(reader: Any, question: str | None = None, context: str | None = None) -> FrontDoor:
    """Type a question and a text in a notebook, and see how the model decides.

    - `reader`: a `Reader`; or a `Reading` or `DocumentsReading`, which is shown as it is, with what needs no model
    - `question`, `context`: what to begin with; without them a small example

    The fields are read along while one types; the explorers stand below as tabs. What is shown is the `reading` of the
    object that is returned, which is a widget. Raises `InputError` for what neither reads nor is a reading, and as
    `reader.read` does.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> door = explore(Reader(toy_model(), toy_tokenizer()), "Who kept the lamp?", "Ada kept the lamp.")
    >>> door.reading.question
    'Who kept the lamp?'
    """
    if isinstance(reader, FailedReading):
        raise InputError(f"There is nothing to explore, since the text could not be read: {reader.error}")
    if isinstance(reader, Reading | DocumentsReading):
        if question is not None or context is not None:
            raise InputError(
                "A Reading has its question and its text already; give explore a reader to read others."
            )
        return FrontDoor(check_reading(reader, "explore"))
    if not callable(getattr(reader, "read", None)):
        raise InputError(
            f"explore needs a Reader, as qalens.load() gives it, or a Reading, but got {reader!r:.80}."
        )
    if (question is None) != (context is None):
        raise InputError("explore needs both a question and a text to begin with, or neither.")
    if question is None or context is None:
        question, context = _QUESTION, _CONTEXT
    return FrontDoor(reader.read(question, context), reader=reader)


def _show(explorer: Explorer, reading: Reading) -> None:
    """Another reading in the same picture, so that nothing on the page moves."""
    if isinstance(explorer, CompareExplorer):
        explorer.show(explorer.diff.before, reading)
    elif isinstance(explorer, SpanExplorer):
        with explorer.hold_sync():
            explorer.reading = reading
            for name, value in {"selected": None, **span_arrays(reading), "view": span_view(reading)}.items():
                setattr(explorer, name, value)
    elif isinstance(explorer, NoAnswerExplorer):
        explorer.readings = (reading,)
        explorer.view = no_answer_view(explorer.readings)
