"""`explore`: fields for a question and a text, and the explorers of what a model reads in them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from qalens.errors import InputError, QalensError
from qalens.explain.counterfactual.difference import compare
from qalens.readings.reading import Reading
from qalens.widgets import tabs
from qalens.widgets.computing import ComputingExplorer, check_choice, failure
from qalens.widgets.explorer import Explorer
from qalens.widgets.explorers.compare_view import follow
from qalens.widgets.explorers.layer_explorer import LayerExplorer
from qalens.widgets.explorers.span_explorer import check_range
from qalens.widgets.following import IDLE, READING, STOPPED, Following, so_far
from qalens.widgets.notebook_cells import shown_in_this_cell
from qalens.widgets.question_fields import QuestionFields

# What was read this long before the next edit was looked at, and is what the next one is compared with.
_LOOKED_AT = 4.0  # seconds
_LAYERS = {"state": "reading", "words": "asking every layer…", "share": None}
_OLD = "What is shown below is of the text before."


class ReadingExplorer(ipywidgets.VBox):
    """A question, a text, and the explorers of the reading as tabs; `qalens.explore` makes it.

    Parameters
    ----------
    reading : Reading
        What is shown at first.
    reader : Reader, optional
        The `Reader` that made it; with it the question and the text can be edited and every tab computes.
    folded : bool, default False
        Whether the fields are folded away at first.

    Attributes
    ----------
    reading : Reading
        What is shown; it can be observed.
    question, context : str
        What is asked for; setting them reads in the background, as typing does, and the last one wins.
    tab : {"spans", "no_answer", "why", "change", "layers", "compare"}
        The open tab; each explorer is made when its tab is first opened.
    explorer : Explorer
        The one that is shown.
    selected : tuple of (int, int) or None
        The span that is selected in all of them, as (start, end) in characters.
    before : Reading
        What "compare" compares the reading with: what was read and looked at before, or what `pin` held.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> from qalens.widgets import explore
    >>> explored = explore(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> explored.tab = "no_answer"
    >>> type(explored.explorer).__name__
    'NoAnswerExplorer'
    """

    reading = traitlets.Instance(Reading, read_only=True)
    question = traitlets.Unicode()
    context = traitlets.Unicode()
    tab = traitlets.Unicode("spans")
    selected = traitlets.Tuple(default_value=None, allow_none=True)

    # Of the class, so that nothing follows before all is there.
    _reads: Following | None = None

    def __init__(self, reading: Reading, *, reader: Any = None, folded: bool = False):
        self._reader = reader
        self.before = reading
        self._pinned, self._since = False, time.monotonic()
        self._turning = threading.RLock()
        # For each tab that was opened: its explorer, and what it shows.
        self._opened: dict[str, tuple[Explorer, Reading]] = {}
        self._tabs = [name for name in tabs.TITLES if reader is not None or name in tabs.WITHOUT_MODEL]
        self._asked = (reading.question, reading.context)
        self._fields = QuestionFields(
            *self._asked,
            {name: tabs.TITLES[name] for name in self._tabs},
            live=reader is not None,
            folded=folded,
            pressed={"stop": self.stop, "read": self._ask},
        )
        self.set_trait("reading", reading)
        super().__init__(question=reading.question, context=reading.context)
        self.add_class("ql-exploring")
        self._reads = Following(self._read, self._telling("reading"))
        self._traces = Following(self._traced, self._telling("asking every layer,"))
        self._links = [
            traitlets.link((self._fields, name), (self, name)) for name in ("question", "context", "tab")
        ]
        self._turn()

    @property
    def explorer(self) -> Explorer:
        """The explorer that is shown."""
        return self.children[-1]

    @property
    def status(self) -> Mapping[str, Any]:
        """How the reading is: its `state` ("idle", "reading", "stopped" or "failed"), `words` that say so, and the `share`
        that is done, where that is known.
        """
        return self._fields.status

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
            self._fields.status = IDLE
            return
        self._ask()

    def _ask(self) -> None:
        """Read what stands in the fields, or ask the layers where their tab waits for that."""
        asked = self._asked
        if self._reads is None or asked == (self.reading.question, self.reading.context):
            self._turn()
            return
        self._fields.status = READING
        self._reads.ask(lambda: self._reader.read(*asked))

    def stop(self) -> None:
        """Let go of what is being read; what is shown stays."""
        if self._reads is not None and self._reads.busy:
            self._reads.drop()
            self._fields.status = STOPPED
        elif self._traces.busy:
            self._traces.drop()
            self._fields.status = IDLE
            self.tab = self._fields.shown_tab

    def _telling(self, doing: str) -> Callable[[Any], None]:
        def tell(how_far: Any) -> None:
            self._fields.status = so_far(doing, how_far)

        return tell

    def _read(self, outcome: Any) -> None:
        if isinstance(outcome, Exception):
            self._refused(outcome)
            return
        moved = None
        if self.selected is not None:
            moved = follow(compare(self.reading, outcome), self.selected)
            self.selected = None
        now = time.monotonic()
        if not self._pinned and now - self._since >= _LOOKED_AT:
            self.before = self.reading
        self._since = now
        self.set_trait("reading", outcome)
        self._turn()
        self.selected = moved

    def _refused(self, error: Exception) -> None:
        self._fields.status = {"state": "failed", "words": f"{failure(error)} {_OLD}", "share": None}

    # --- before and after ---

    def pin(self) -> None:
        """Hold what is read now: from now on it is what "compare" holds every reading against."""
        self._pinned, self.before = True, self.reading
        if "compare" in self._opened:
            self._opened["compare"] = (self._opened["compare"][0], self.before)
            tabs.go_on(self._opened["compare"][0], self.reading, self.before)

    def go_back(self) -> None:
        """Ask for the question and the text before again."""
        with self.hold_trait_notifications():
            self.question, self.context = self.before.question, self.before.context

    # --- the selection ---

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Mapping[str, Any]) -> tuple[int, int] | None:
        return check_range(proposal["value"], len(self.reading.context))

    @traitlets.observe("selected")
    def _selected(self, _: object) -> None:
        for tab in self._opened:
            self._select_in(tab)

    def _select_in(self, tab: str) -> None:
        explorer, reading = self._opened[tab]
        name = tabs.selection_of(explorer)
        # What is out of sight and of an older text gets it when it is shown again; what computes, when it is in sight.
        in_sight = tab == self.tab or name != "span"
        if name is not None and reading is self.reading and in_sight:
            setattr(explorer, name, self.selected)

    def _watch(self, explorer: Explorer) -> Explorer:
        """From now on what is selected in this explorer is selected in all of them."""
        name = tabs.selection_of(explorer)

        def selected(change: Mapping[str, Any]) -> None:
            shown = (explorer, self.reading)
            if shown in self._opened.values() and change["new"] != ():
                self.selected = change["new"]

        if name is not None:
            explorer.observe(selected, name)
        return explorer

    # --- tabs ---

    @traitlets.validate("tab")
    def _check_tab(self, proposal: Mapping[str, Any]) -> str:
        return check_choice("tab", proposal["value"], self._tabs)

    @traitlets.observe("tab")
    def _turned(self, _: object) -> None:
        if self._reads is not None:
            self._turn()

    def _turn(self) -> None:
        """Show the explorer of the open tab for what was read last."""
        # Outside a kernel what was read is heard in its own thread, while somebody may turn to another tab.
        with self._turning:
            self._turn_to(self.tab)

    def _turn_to(self, tab: str) -> None:
        if tab == "layers" and not self._is_fresh("layers"):
            reading = self.reading
            self._fields.status = _LAYERS
            self._traces.ask(lambda: (reading, self._reader.logit_lens(reading)))
            return
        if self._traces is not None and self._traces.busy:
            self._traces.drop()
        try:
            explorer = self._explorer(tab)
        except QalensError as error:
            self._refused(error)
            return
        self._put(explorer, tab)
        self._select_in(tab)
        self._rest()

    def _rest(self) -> None:
        """Say no more that something is being read, where nothing is."""
        asked_and_read = (self.reading.question, self.reading.context) == self._asked
        if self._fields.status["state"] == "reading" and asked_and_read:
            self._fields.status = IDLE

    def _traced(self, outcome: Any) -> None:
        if isinstance(outcome, Exception):
            self._refused(outcome)
            return
        reading, trace = outcome
        if reading is not self.reading:
            return
        self._keep("layers", self._watch(LayerExplorer(reading, trace, reader=self._reader)), reading)
        if self.tab == "layers":
            self._put(self._opened["layers"][0], "layers")
            self._select_in("layers")
            self._rest()

    def _is_fresh(self, tab: str) -> bool:
        return tab in self._opened and self._opened[tab][1] is self.reading

    def _explorer(self, tab: str) -> Explorer:
        """The explorer of a tab for what was read last."""
        if self._is_fresh(tab):
            return self._opened[tab][0]
        explorer = self._opened[tab][0] if tab in self._opened else None
        if explorer is None or not tabs.go_on(explorer, self.reading, self.before):
            explorer = self._watch(self._made(tab))
        self._keep(tab, explorer, self.reading)
        return explorer

    def _made(self, tab: str) -> Explorer:
        if tab != "compare":
            return tabs.make(tab, self.reading, self._reader)
        return tabs.BeforeAndAfter(
            self.before, self.reading, self._reader, keep=self.pin, restore=self.go_back
        )

    def _keep(self, tab: str, explorer: Explorer, reading: Reading) -> None:
        old = self._opened.get(tab)
        self._opened[tab] = (explorer, reading)
        if old is not None and old[0] is not explorer:
            # On the page it is exchanged first.
            if old[0] in self.children:
                self._put(explorer, tab)
            old[0].close()

    def _put(self, explorer: Explorer, tab: str) -> None:
        if self.children != (self._fields, explorer):
            self.children = (self._fields, explorer)
        self._fields.shown_tab = tab

    # --- still twins ---

    def to_html(self, path: str | Path | None = None) -> str:
        """The explorer of the open tab as one HTML page, which stays interactive without kernel and network.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it too, whole or not at all.

        Returns
        -------
        str

        Raises
        ------
        QalensError
            Where it cannot be written.
        """
        return self.explorer.to_html(path)

    # --- life ---

    def close(self) -> None:
        """Stop what is being read, and take everything off every page and out of the kernel."""
        if self._reads is not None:
            self._reads.drop()
            self._traces.drop()
        for explorer, _ in self._opened.values():
            explorer.close()
        self._fields.close()
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
        return f"ReadingExplorer({self.reading!r})"
