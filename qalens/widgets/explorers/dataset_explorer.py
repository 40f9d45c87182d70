"""The explorer of a data set: which questions went right or wrong, filtered, sorted and searched."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import traitlets

from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import MISSING, logit
from qalens.display.parts import Cell, Quote, Row, Table
from qalens.errors import InputError, shown
from qalens.evaluation.data.inputs import Item, read_examples
from qalens.evaluation.report import Report, report_of
from qalens.evaluation.rows import OUTCOMES, ExampleRow, TextSpan, example_row, row_of
from qalens.readings.reading import FailedReading, Reading
from qalens.text.examples import NO_ANSWER, Example
from qalens.widgets.explorer import Explorer, check_reading, first_rows

if TYPE_CHECKING:
    from ipywidgets import HBox
    from matplotlib.figure import Figure

SORTS = ("order", "margin", "score", "probability", "f1", "text length")
FILTERS = (*OUTCOMES, "not scored")
# What a slice is made by: a name, and what a row has there.
SLICES: dict[str, Callable[[ExampleRow], str | None]] = {
    "question word": lambda row: row.question_word,
    "what was said": lambda row: (
        None if row.margin is None else NO_ANSWER if row.answer is None else "answered"
    ),
    "title": lambda row: row.title,
    "document": lambda row: row.document,
    "cause": lambda row: row.cause,
    "text length": lambda row: _length(row.text_length),
    "windows": lambda row: None if row.windows is None else "one" if row.windows == 1 else "several",
}
_LENGTHS = (250, 500, 1_000, 2_000)  # characters
MOST_ROWS = 20_000  # a browser lists more only slowly, and nobody reads them
_QUESTION = 300  # columns that are shown
_ANSWER = 120


class DatasetExplorer(Explorer):
    """Explore the readings of a data set: filter them by outcome, sort and search them, and open one.

    Parameters
    ----------
    source : iterable of Reading, Report, or questions
        Readings, as `reader.read_many` gives them, with or without gold answers; a `Report`, which has no texts to show; or,
        with `reader`, whatever `qalens.evaluate` takes: a SQuAD file, rows, a data frame, examples.
    reader : Reader, optional
        Reads the questions, if `source` are such.
    **options
        Those of the attributes below that are traits: they can be observed, linked and set.

    Attributes
    ----------
    outcomes : list of str
        Trait: which outcomes are listed, names of `OUTCOMES` and "not scored"; all by default.
    query : str
        Trait: only questions, answers and texts that hold these letters, in whatever case.
    slice_by, slice : str
        Traits: only questions that have this value there: "question word", "what was said", "title", "document", "cause", "text
        length" or "windows"; "" (default) lists all.
    sort : {"order", "margin", "score", "probability", "f1", "text length"}
        Trait: the order of the list; "order", that of the data, by default.
    descending : bool
        Trait: turns the order round.
    selected : int or None
        Trait: the number of the row that is open.
    layout : ipywidgets.Layout
        As with every ipywidget.
    rows : tuple of ExampleRow
        All rows.
    listed : tuple of int
        The numbers of the rows that pass the filters, in order.
    report : Report
        A report of these alone, with its figures, tables and files.
    opens : bool
        Whether the text of the selected row is shown in the list itself.

    Raises
    ------
    InputError
        Where there is nothing to show, for more than 20,000 rows, and for an option that does not fit.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> explorer = DatasetExplorer([planted_reading("Who kept it?", "Ada kept it.", answer="Ada")], query="tom")
    >>> explorer.listed
    ()
    >>> explorer.query = "ada"
    >>> explorer.listed
    (0,)
    """

    script = "dataset_explorer"
    height = 820

    outcomes = traitlets.List(traitlets.Unicode(), default_value=list(FILTERS)).tag(sync=True)
    query = traitlets.Unicode("").tag(sync=True)
    slice_by = traitlets.Unicode("").tag(sync=True)
    slice = traitlets.Unicode("").tag(sync=True)
    opens = traitlets.Bool(True).tag(sync=True)
    sort = traitlets.Unicode("order").tag(sync=True)
    descending = traitlets.Bool(False).tag(sync=True)
    selected = traitlets.Int(default_value=None, allow_none=True).tag(sync=True)

    def __init__(
        self,
        source: Any,
        *,
        reader: Any = None,
        **options: Any,
    ):
        self.reader = reader
        self.readings, self._whole = _opened(source, reader)
        self.rows = self._whole.rows
        super().__init__({"view": dataset_view(self.rows, self.readings)}, **options)

    @property
    def listed(self) -> tuple[int, ...]:
        """The numbers of the rows that pass the filters, in the order of the list."""
        texts = [_found_in(row, reading) for row, reading in zip(self.rows, self.readings, strict=True)]
        query, kept = self.query.strip().lower(), set(self.outcomes)
        numbers = [
            k
            for k, row in enumerate(self.rows)
            if outcome_name(row) in kept and query in texts[k].lower() and self._in_slice(row)
        ]
        return tuple(sorted(numbers, key=lambda k: _place(self.rows[k], k, self.sort, self.descending)))

    def _in_slice(self, row: ExampleRow) -> bool:
        return not (self.slice_by and self.slice) or SLICES[self.slice_by](row) == self.slice

    @property
    def report(self) -> Report:
        """The rows that are listed, as a report of their own."""
        return replace(self._whole, rows=tuple(self.rows[k] for k in self.listed))

    @property
    def reading(self) -> Reading | FailedReading | None:
        """The selected reading; None where nothing is selected or the source holds no readings."""
        return None if self.selected is None else self.readings[self.selected]

    def with_details(self) -> HBox:
        """This list, and beside it all explorers of whatever reading is selected.

        Returns
        -------
        ipywidgets.HBox
        """
        from qalens.widgets.details import ListAndReading

        return ListAndReading(self)

    @traitlets.validate("outcomes")
    def _check_outcomes(self, proposal: Mapping[str, Any]) -> list[str]:
        for name in proposal["value"]:
            if name not in FILTERS:
                raise InputError(f"There is no outcome {shown(name)}; there are {', '.join(FILTERS)}.")
        return proposal["value"]

    @traitlets.validate("sort")
    def _check_sort(self, proposal: Mapping[str, Any]) -> str:
        if proposal["value"] not in SORTS:
            raise InputError(f"Rows can be sorted by {', '.join(SORTS)}, not by {shown(proposal['value'])}.")
        return proposal["value"]

    @traitlets.validate("slice_by")
    def _check_slice(self, proposal: Mapping[str, Any]) -> str:
        if proposal["value"] not in ("", *SLICES):
            raise InputError(f"There are slices by {', '.join(SLICES)}, not by {shown(proposal['value'])}.")
        return proposal["value"]

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Mapping[str, Any]) -> int | None:
        k = proposal["value"]
        if k is not None and not 0 <= k < len(self.rows):
            raise InputError(f"selected is {k}, but the rows are numbered 0 to {len(self.rows) - 1}.")
        return k

    def summary(self) -> str:
        """How many questions there are."""
        return f"{len(self.rows):,} question{'s' if len(self.rows) != 1 else ''} and what became of them"

    def table(self) -> Table:
        """The first questions of the list with what became of them."""
        rows = [self.view["rows"][k] for k in self.listed]
        return first_rows(("question", "answer", "outcome", "F1", "margin"), tuple(map(_told, rows)))

    def figure(self) -> Figure:
        """How many questions had which outcome, as a figure of matplotlib."""
        from qalens.display.plots.axes import new_figure
        from qalens.display.plots.evaluation import outcomes

        figure = new_figure(7.2, 2.8)
        outcomes(self.report, ax=figure.subplots())
        return figure


def dataset_view(
    rows: Sequence[ExampleRow], readings: Sequence[Reading | FailedReading | None]
) -> dict[str, Any]:
    """What the explorer shows, as JSON: the rows, and every text once.

    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> from qalens.evaluation.rows import row_of
    >>> view = dataset_view([row_of(reading)], [reading])
    >>> view["texts"], view["rows"][0]["answer"]
    (['Ada kept it.'], 'Ada')
    """
    texts: dict[str, int] = {}
    shown = []
    for row, reading in zip(rows, readings, strict=True):
        context = _context(reading)
        text = None if context is None else texts.setdefault(context, len(texts))
        shown.append({**_shown(row), "text": text})
    return {
        "rows": shown,
        "texts": list(texts),
        "outcomes": list(FILTERS),
        "sorts": list(SORTS),
        "slices": _slices(rows),
    }


def _told(row: Mapping[str, Any]) -> Row:
    answer = NO_ANSWER if row["answer"] is None else Quote(row["answer"])
    f1 = MISSING if row["f1"] is None else f"{100 * row['f1']:.1f}"
    margin = MISSING if row["margin"] is None else logit(row["margin"])
    return Row(tuple(map(Cell, (Quote(row["question"]), answer, row["outcome"], f1, margin))))


def _slices(rows: Sequence[ExampleRow]) -> dict[str, list[str | None]]:
    """For each kind of slice that tells some rows from others the value of each row."""
    values = {name: [of(row) for row in rows] for name, of in SLICES.items()}
    return {name: found for name, found in values.items() if len(set(found)) > 1}


def _length(characters: int) -> str:
    """A length of a text as one of few.

    >>> _length(250), _length(700), _length(9_000)
    ('up to 250 characters', '501 to 1,000 characters', 'over 2,000 characters')
    """
    above = [most for most in _LENGTHS if characters > most]
    if not above:
        return f"up to {_LENGTHS[0]:,} characters"
    if len(above) == len(_LENGTHS):
        return f"over {above[-1]:,} characters"
    return f"{above[-1] + 1:,} to {_LENGTHS[len(above)]:,} characters"


def outcome_name(row: ExampleRow) -> str:
    """The outcome of a row, or "not scored" where it has none."""
    return "not scored" if row.outcome is None else row.outcome


def _opened(source: Any, reader: Any) -> tuple[tuple[Reading | FailedReading | None, ...], Report]:
    """The readings (None where a report has none) and a report of all."""
    if isinstance(source, Report):
        readings, whole = (None,) * len(source.rows), source
    else:
        items = _items(source)
        readings = _read(items, reader)
        rows = [
            example_row(i.example, r, title=i.title, cause=i.cause) if i.reading is None else row_of(r)
            for i, r in zip(items, readings, strict=True)
        ]
        found = {r.source for r in readings if isinstance(r, Reading)}
        whole = replace(report_of(rows), source=found.pop() if len(found) == 1 else None)
    if len(readings) > MOST_ROWS:
        raise InputError(
            f"DatasetExplorer lists up to {MOST_ROWS:,} questions, but got {len(readings):,}; take a part of them, "
            "such as the false answers alone."
        )
    return readings, whole


def _items(source: Any) -> list[Item]:
    """The questions of a source, in whichever form it comes; readings that failed keep their place."""
    if isinstance(source, Iterable) and not isinstance(source, str | bytes | Mapping):
        source = list(source)
        if any(isinstance(one, FailedReading) for one in source):
            return [Item(Example("", ""), "", reading=one) for one in source]
    items = list(islice(read_examples(source), MOST_ROWS + 1))
    if not items:
        raise InputError("DatasetExplorer needs at least one question, but got none.")
    if all(item.error for item in items):
        raise InputError(
            f"DatasetExplorer found no question that can be read. {items[0].place}: {items[0].error}"
        )
    return items


def _read(items: Sequence[Item], reader: Any) -> tuple[Reading | FailedReading, ...]:
    """What was read of each: by the reader, or before."""
    unread = [item for item in items if item.reading is None and item.error is None]
    if unread and reader is None:
        raise InputError("DatasetExplorer got examples; give it a reader too, and it reads them.")
    fresh = iter(reader.read_many([item.example for item in unread]) if unread else ())
    return tuple(_reading_of(item, fresh) for item in items)


def _reading_of(item: Item, fresh: Iterator[Reading | FailedReading]) -> Reading | FailedReading:
    if item.error is not None:
        return FailedReading(item.example, InputError(f"{item.place}: {item.error}"))
    reading = next(fresh) if item.reading is None else item.reading
    return reading if isinstance(reading, FailedReading) else check_reading(reading, "DatasetExplorer")


def _context(reading: Reading | FailedReading | None) -> str | None:
    if isinstance(reading, Reading):
        return reading.context
    given = reading.given if reading is not None else None
    return given.context if isinstance(given, Example) and isinstance(given.context, str) else None


def _found_in(row: ExampleRow, reading: Reading | FailedReading | None) -> str:
    """All texts of a row that a search looks through."""
    said = "" if row.answer is None else row.answer.text
    context = _context(reading)
    return "\n".join([row.question, said, *row.gold_texts, "" if context is None else context])


def _place(row: ExampleRow, k: int, sort: str, descending: bool) -> tuple[bool, float, int]:
    """Where a row stands: those without the number last, equal ones in the order of the data."""
    value = {
        "order": float(k),
        "margin": row.margin,
        "score": row.score,
        "probability": row.probability if row.answer is not None else row.no_answer_probability,
        "f1": row.f1,
        "text length": float(row.text_length),
    }[sort]
    if value is None or not math.isfinite(value):
        return True, 0.0, k
    return False, -value if descending else value, k


def _shown(row: ExampleRow) -> dict[str, Any]:
    def number(value: float | None) -> float | None:
        return None if value is None or not math.isfinite(value) else value

    return {
        "question": clip(row.question, _QUESTION),
        "answer": None if row.answer is None else clip_middle(row.answer.text, _ANSWER),
        "best": _span(row.best),
        "golds": None
        if row.golds is None
        else [clip_middle(t, _ANSWER) for t in dict.fromkeys(row.gold_texts)],
        "gold_spans": [_span(gold) for gold in dict.fromkeys(row.golds or ())],
        "outcome": outcome_name(row),
        "cause": None if row.cause is None else clip(row.cause, _QUESTION),
        "f1": number(row.f1),
        "margin": number(row.margin),
        "score": number(row.score),
        "probability": number(row.probability if row.answer is not None else row.no_answer_probability),
        "place": None if row.answer is None else number(row.cluster_probability),
        "length": row.text_length,
        "document": None if row.document is None else clip(row.document, _ANSWER),
        "error": None if row.error is None else clip(row.error, _QUESTION),
    }


def _span(span: TextSpan | None) -> list[int] | None:
    return None if span is None else [span.start, span.end]
