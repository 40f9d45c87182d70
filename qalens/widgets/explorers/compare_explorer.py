"""The explorer of a difference: two models on one text, or one text before and after an edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import traitlets

from qalens.display.content.difference import numbers_table
from qalens.display.labels import clip
from qalens.display.parts import Table
from qalens.errors import InputError
from qalens.explain.counterfactual.difference import ReadingDiff, compare
from qalens.progress import HowFar
from qalens.readings.reading import Reading
from qalens.spans.distribution import Answer
from qalens.text.examples import NO_ANSWER
from qalens.widgets.computing import failure
from qalens.widgets.explorer import Explorer, check_reading
from qalens.widgets.explorers.compare_view import compare_arrays, compare_view, follow, labels
from qalens.widgets.explorers.span_explorer import check_range
from qalens.widgets.following import IDLE, READING, STOPPED, Following, so_far

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class CompareExplorer(Explorer):
    """Explore what differs between two readings: of two models, or of a text before and after an edit.

    Both decisions; for each character the probability to be in the answer before, after, and the difference; both texts as
    one, with what is gone and what is new; and both distributions side by side. All of it is in characters, so the
    models need not have one tokenizer. Keys in the text: arrows, Home and End move; Enter selects the best span with a word;
    Shift and an arrow choose a part of the text word by word; Escape selects none.

    Parameters
    ----------
    before : Reading, DocumentsReading or ReadingDiff, optional
        One of two readings, or the difference of both. Readings need no model.
    after : Reading or DocumentsReading, optional
        The other reading.
    reader : Reader, optional
        With it the question and the text can be edited, in the picture or as traits, and a reading follows in the background;
        the last edit wins, and the old picture stays until the new one is there.
    other : Reader, optional
        Another reader; then every text is read by both, `reader` before and `other` after.
    question, context : str, optional
        What is read first, where there is no reading to begin with.
    **options
        The attributes below, which are traits: they can be observed, linked and set.

    Attributes
    ----------
    diff : ReadingDiff
        What is shown; it can be observed.
    question, context : str
        What is asked for now; setting them needs a reader.
    selected : tuple of (int, int) or None
        A part of the text after, as (start, end) in characters.
    editable : bool
        Whether the picture has fields for the question and the text (default, where there is a reader).
    layout : ipywidgets.Layout
        As with every ipywidget.

    Raises
    ------
    InputError
        For what is no reading, for a question without a reader, and where there is nothing to compare.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", "Ada kept the lamp.", answer=a) for a in ("Ada", None))
    >>> CompareExplorer(one, other).diff
    ReadingDiff('Ada' → no answer, P(no answer) +1.000)
    """

    script = "compare_explorer"
    height = 1000

    question = traitlets.Unicode().tag(sync=True)
    context = traitlets.Unicode().tag(sync=True)
    selected = traitlets.Tuple(default_value=None, allow_none=True).tag(sync=True)
    editable = traitlets.Bool(True).tag(sync=True)
    picture = traitlets.Dict().tag(sync=True)
    words = traitlets.Bytes().tag(sync=True)
    inclusion = traitlets.Bytes().tag(sync=True)
    status = traitlets.Dict().tag(sync=True)
    diff = traitlets.Any(read_only=True)

    # Of the class, so that one that was refused can be let go.
    _following: Following | None = None

    def __init__(
        self,
        before: ReadingDiff | Reading | None = None,
        after: Reading | None = None,
        *,
        reader: Any = None,
        other: Any = None,
        question: str | None = None,
        context: str | None = None,
        **options: Any,
    ):
        self.reader, self.other = reader, other
        diff = _first(before, after, reader, other, question, context)
        self.set_trait("diff", diff)
        data = {
            "view": {"live": reader is not None},
            **_state(diff),
            "question": diff.after.question,
            "context": diff.after.context,
            "status": IDLE,
        }
        super().__init__(data, **options)
        self._following = Following(self._heard, self._tell)
        self._asked = (self.question, self.context)
        self.on_msg(self._told)

    @property
    def selected_text(self) -> str | None:
        """The characters of the selected stretch, or None."""
        return None if self.selected is None else self.diff.after.context[slice(*self.selected)]

    @property
    def selected_answers(self) -> tuple[Answer | None, Answer | None]:
        """What each of the two readings gives to the selected stretch; None where it is no legal span."""
        if self.selected is None:
            return None, None
        diff: ReadingDiff = self.diff
        there = follow(compare(diff.after, diff.before), self.selected)
        earlier = None if there is None else diff.before.spans.find(*there)
        return earlier, diff.after.spans.find(*self.selected)

    @property
    def reading(self) -> bool:
        """Whether a text is being read in the background."""
        return self._following is not None and self._following.busy

    def show(self, before: Reading, after: Reading) -> None:
        """Show two other readings in the same picture; a selected part stays where it is still there.

        Parameters
        ----------
        before, after : Reading
            The two readings.
        """
        self._show(compare(before, after), keep_fields=False)

    def keep(self) -> None:
        """Take the text as it is now for the one before, so that the next edits are held against it."""
        self.show(self.diff.after, self.diff.after)

    def restore(self) -> None:
        """Ask for the question and the text before again."""
        with self.hold_trait_notifications():
            self.question, self.context = self.diff.before.question, self.diff.before.context

    def close(self) -> None:
        """Let nothing be heard of what is being read, and take the explorer off every page."""
        if self._following is not None:
            self._following.drop()
        super().close()

    # --- reading along ---

    @traitlets.validate("question", "context")
    def _check_text(self, proposal: Mapping[str, Any]) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        if self.reader is None and value != getattr(self.diff.after, name):
            raise InputError(
                f"The {name} cannot change without a model that reads it; pass a reader as reader=…"
            )
        return value

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Mapping[str, Any]) -> tuple[int, int] | None:
        return check_range(proposal["value"], len(self.diff.after.context))

    @traitlets.observe("question", "context")
    def _typed(self, _: object) -> None:
        asked = (self.question, self.context)
        if self._following is None or asked == self._asked:
            return
        self._asked = asked
        if asked == (self.diff.after.question, self.diff.after.context):
            self._following.drop()
            self.status = IDLE
            return
        self._ask()

    def _ask(self) -> None:
        if self._following is not None:
            asked = self._asked
            self.status = READING
            self._following.ask(lambda: self._read(*asked))

    def _tell(self, how_far: HowFar) -> None:
        self.status = so_far("reading", how_far)

    def _stop(self) -> None:
        """Let go of what is being read; the picture stays that of the text before."""
        if self._following is not None and self._following.busy:
            self._following.drop()
            self.status = STOPPED

    def _read(self, question: str, context: str) -> tuple[ReadingDiff, dict[str, Any]]:
        """Read and prepare the picture, in the thread."""
        if self.other is None:
            diff = compare(self.diff.before, self.reader.read(question, context))
        else:
            diff = compare(self.reader.read(question, context), self.other.read(question, context))
        return diff, _state(diff)

    def _heard(self, outcome: Any) -> None:
        if isinstance(outcome, Exception):
            words = f"{failure(outcome)} What is shown below is of the text before."
            self.status = {"state": "failed", "words": words}
        else:
            self._show(*outcome)

    def _show(
        self, diff: ReadingDiff, state: dict[str, Any] | None = None, *, keep_fields: bool = True
    ) -> None:
        """Another difference in the same picture, in one message."""
        selected = self.selected
        moved = None if selected is None else follow(compare(self.diff.after, diff.after), selected)
        with self.hold_sync():
            self.selected = None
            self.set_trait("diff", diff)
            for name, value in (_state(diff) if state is None else state).items():
                setattr(self, name, value)
            self.selected, self.status = moved, IDLE
            if not keep_fields:
                self._asked = (diff.after.question, diff.after.context)
                self.question, self.context = self._asked
        if not keep_fields and self._following is not None:
            self._following.drop()

    def _told(self, _: object, content: Any, __: object) -> None:
        """A button of the picture was pressed."""
        asked = content.get("do") if isinstance(content, dict) else None
        does = {"keep": self.keep, "restore": self.restore, "stop": self._stop, "read": self._ask}
        if asked in does:
            does[asked]()

    # --- static exports ---

    def summary(self) -> str:
        """The question and what became of the answer."""
        diff: ReadingDiff = self.diff
        said = (NO_ANSWER if r.answer is None else clip(r.answer.text, 80) for r in (diff.before, diff.after))
        return f"{clip(diff.after.question, 120)} — {' → '.join(said)}"

    def table(self) -> Table:
        """The probabilities and the margin, before and after."""
        return replace(numbers_table(self.diff), columns=("", *labels(self.diff), "change"))

    def _reading_in_words(self) -> Reading:
        return self.diff.after

    def figure(self) -> Figure:
        """The difference over the characters as a figure of matplotlib."""
        from qalens.display import plots
        from qalens.display.plots.axes import new_figure

        figure = new_figure(7.2, 3.2)
        plots.difference(self.diff, ax=figure.subplots())
        return figure


def _first(
    before: Any, after: Any, reader: Any, other: Any, question: str | None, context: str | None
) -> ReadingDiff:
    """What is shown first, out of what was given."""
    if other is not None and reader is None:
        raise InputError(
            "CompareExplorer needs a reader=… beside other=…: one reads before, the other after."
        )
    if before is None and after is None:
        if reader is None or question is None or context is None:
            raise InputError(
                "CompareExplorer needs two readings, a ReadingDiff as qalens.explain.compare(before, after) gives it, or "
                "reader=… with question=… and context=…"
            )
        before = reader.read(question, context)
        return compare(before, before if other is None else other.read(question, context))
    if question is not None or context is not None:
        raise InputError("CompareExplorer takes readings or a question and a text to read, not both.")
    if isinstance(before, ReadingDiff) and after is None:
        return before
    before = check_reading(before, "CompareExplorer")
    if after is None:
        if reader is None:
            raise InputError("CompareExplorer needs another reading to compare with, or a reader=…")
        return compare(before, before if other is None else other.read(before.question, before.context))
    return compare(before, check_reading(after, "CompareExplorer"))


def _state(diff: ReadingDiff) -> dict[str, Any]:
    return {"picture": compare_view(diff), **compare_arrays(diff)}
