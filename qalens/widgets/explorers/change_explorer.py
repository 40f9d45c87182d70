"""The explorer of changes: what would change the decision, found by reading the text again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from qalens.display.labels import clip
from qalens.display.parts import Cell, Row, Table
from qalens.errors import InputError, shown
from qalens.progress import HowFar, listening
from qalens.readings.documents import DocumentsReading
from qalens.readings.reading import Reading
from qalens.widgets.computing import ComputingExplorer, check_choice, several
from qalens.widgets.explorer import check_reading
from qalens.widgets.explorers.change_view import KINDS, Change, change_entry, decision_view
from qalens.widgets.explorers.span_explorer import check_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOING = {
    "flip": "the fewest words that flip the decision",
    "sentences": "what each sentence does",
    "fewest": "the fewest sentences that keep the decision",
}
_FINDS = {"flip": "smallest_flip", "sentences": "sentence_effects", "fewest": "smallest_sentences"}


class ChangeExplorer(ComputingExplorer):
    """Explore what would change a decision: the fewest words that flip it, and what its sentences do.

    The smallest flip as struck-through words; every sentence by how much it adds to what the model says; and the fewest
    sentences on which it says the same. Each is found by reading the text again after a change, in a thread that tells how
    far it is and can be stopped.

    Parameters
    ----------
    reading : Reading or DocumentsReading
        What would change.
    changes : SmallestFlip, SentenceEffects, SmallestSentences or sequence of them, optional
        What was found already.
    reader : Reader, optional
        The `Reader` that made the reading; with it what is chosen is computed.
    **options
        The attributes below, which are traits: they can be observed, linked and set.

    Attributes
    ----------
    part : {"flip", "sentences", "fewest"}
        What is looked at, and computed where it is not there yet; "flip" by default.
    selected : tuple of (int, int) or None
        A part of the text that is marked in it, as (start, end) in characters.

    Raises
    ------
    InputError
        For what is no reading, for changes of another one, and where there is neither change nor reader.

    Examples
    --------
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> ChangeExplorer(reading, reader.smallest_sentences(reading)).part
    'fewest'
    """

    script = "change_explorer"
    height = 800

    part = traitlets.Unicode("flip").tag(sync=True)
    selected = traitlets.Tuple(default_value=None, allow_none=True).tag(sync=True)

    def __init__(
        self,
        reading: Reading | DocumentsReading,
        changes: Change | Iterable[Change] = (),
        *,
        reader: Any = None,
        **options: Any,
    ):
        reading = self.reading = check_reading(reading, "ChangeExplorer")
        given = check_changes(reading, changes)
        if not given and reader is None:
            raise InputError(
                "ChangeExplorer needs something to show: a change, as reader.smallest_flip(reading) gives it, or the reader "
                "itself, as reader=…"
            )
        if given:
            options = {"part": _kind(given[0]), **options}
        super().__init__(given, reader, {"view": decision_view(reading)}, **options)
        self._settle()

    @property
    def choice(self) -> str:
        """What is looked at: `part`."""
        return self.part

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that was given and found, in that order."""
        return self.records

    @traitlets.validate("part")
    def _check_part(self, proposal: Mapping[str, Any]) -> str:
        return check_choice("part", proposal["value"], tuple(KINDS))

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Mapping[str, Any]) -> tuple[int, int] | None:
        return check_range(proposal["value"], len(self.reading.context))

    @traitlets.observe("part")
    def _chosen(self, _: object) -> None:
        self._show_or_compute()

    def _fits(self, choice: str, record: Change) -> bool:
        return isinstance(record, KINDS[choice])

    def _entry(self, record: Change) -> dict[str, Any]:
        return change_entry(record)

    def _compute(self, choice: str, watch: Callable[[Any], None] | None) -> Change:
        find = getattr(self.reader, _FINDS[choice])
        if watch is None:
            return find(self.reading)
        with listening(watch):
            return find(self.reading, progress=False)

    def _doing(self, choice: str) -> str:
        return _DOING[choice]

    def _progress(self, done: HowFar) -> str:
        return f"{done.unit} {done.done:,} of {done.total:,}" if done.total else f"{done.done:,} {done.unit}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        self.begin()
        return bundle

    def summary(self) -> str:
        """The question, and what would change the decision."""
        said = self.found[self.shown]["sentence"] if self.shown >= 0 else "nothing was tried yet"
        return f"{clip(self.reading.question, 120)} — {said}"

    def table(self) -> Table | None:
        """What was found, a sentence each."""
        if not self.found:
            return None
        rows = tuple(Row((Cell(one["sentence"]), Cell(one["note"]))) for one in self.found)
        return Table("", "", ("what would change it", ""), rows, kind="given")

    def figure(self) -> Figure:
        """What is shown as a figure of matplotlib."""
        from qalens.display import plots

        if self.record is None:
            raise InputError("Nothing was found yet, so there is no figure; call compute() first.")
        from qalens.display.plots.axes import new_figure

        figure = new_figure(7.2, 4)
        getattr(plots, _FINDS[_kind(self.record)])(self.record, ax=figure.subplots())
        return figure


def _kind(change: Change) -> str:
    return next(name for name, kind in KINDS.items() if isinstance(change, kind))


def check_changes(reading: Reading, changes: Any) -> list[Any]:
    """The changes as a list, or `InputError` where one is none, or of another reading.

    >>> from qalens.testing import planted_reading
    >>> check_changes(planted_reading("Who?", "Ada kept it.", answer="Ada"), ["Ada"])
    Traceback (most recent call last):
    qalens.errors.InputError: A change has to be one, as reader.smallest_flip(reading) gives it, but is 'Ada'.
    """
    kinds = tuple(KINDS.values())
    given = several(changes, kinds)
    for one in given:
        if not isinstance(one, kinds):
            raise InputError(
                f"A change has to be one, as reader.smallest_flip(reading) gives it, but is {shown(one)}."
            )
        same = (one.reading.question, one.reading.context, one.reading.source)
        if same != (reading.question, reading.context, reading.source):
            raise InputError("The change is of another reading than the one that is shown.")
    return given
