"""The explorer of a data set: which questions went right or wrong, filtered, sorted and searched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import traitlets

from qalens.errors import InputError
from qalens.evaluation.report import Report, report_of
from qalens.evaluation.rows import OUTCOMES, ExampleRow, TextSpan, row_of
from qalens.reading import FailedReading, Reading
from qalens.text import Example
from qalens.views.markup import clip, clip_middle
from qalens.widgets.explorer import Explorer, check_reading
from qalens.widgets.in_words import Table, outcomes_table

if TYPE_CHECKING:
    from ipywidgets import VBox
    from matplotlib.figure import Figure

SORTS = ("order", "margin", "score", "probability", "f1", "text length")
FILTERS = (*OUTCOMES, "not scored")
MOST_ROWS = 20_000  # a browser lists more only slowly, and nobody reads them
_QUESTION = 300  # columns that are shown
_ANSWER = 120


class DatasetExplorer(Explorer):
    """Explore the readings of a data set: filter them by outcome, sort and search them, and open one.

    - `source`: readings of examples with gold answers, as `reader.read_many` gives them; a `Report`, which has no
      texts to show; or examples, with `reader`
    - `reader`: reads the examples, if `source` are such
    - `outcomes`: which outcomes are listed, a list of names of `OUTCOMES` and "not scored"; all by default
    - `query`: only questions, answers and texts that hold these letters, in whatever case
    - `sort`: "order" (of the data, default), "margin", "score", "probability", "f1" or "text length";
      `descending` turns it round
    - `selected`: the number of the row that is open, or None
    - `layout`: as with every ipywidget

    All of them are traits: they can be observed, linked and set. `rows` are all rows, `listed` the numbers of those that
    pass the filters, in order; `report` is a `Report` of these alone, with its figures, tables and files.
    `with_details()` puts the explorers of the selected reading under the list.

    Raises `InputError` where there is nothing to show, for more than 20,000 rows, and for an option that does not fit.

    >>> from qalens.testing import planted_reading
    >>> explorer = DatasetExplorer([planted_reading("Who kept it?", "Ada kept it.", answer="Ada")], query="tom")
    >>> explorer.listed
    ()
    >>> explorer.query = "ada"
    >>> explorer.listed
    (0,)
    """

    script = "dataset_explorer.js"
    height = 820

    outcomes = traitlets.List(traitlets.Unicode(), default_value=list(FILTERS)).tag(sync=True)
    query = traitlets.Unicode("").tag(sync=True)
    sort = traitlets.Unicode("order").tag(sync=True)
    descending = traitlets.Bool(False).tag(sync=True)
    selected = traitlets.Int(default_value=None, allow_none=True).tag(sync=True)

    def __init__(
        self,
        source: Report | Iterable[Reading | FailedReading | Example],
        *,
        reader: Any = None,
        **options: Any,
    ):
        self.readings, self._whole = _opened(source, reader)
        self.rows = self._whole.rows
        super().__init__({"view": dataset_view(self.rows, self.readings)}, **options)

    @property
    def listed(self) -> tuple[int, ...]:
        """The numbers of the rows that pass the filters, in the order of the list."""
        texts = [_found_in(row, reading) for row, reading in zip(self.rows, self.readings, strict=True)]
        query, kept = self.query.strip().lower(), set(self.outcomes)
        numbers = [
            k for k, row in enumerate(self.rows) if outcome_name(row) in kept and query in texts[k].lower()
        ]
        return tuple(sorted(numbers, key=lambda k: _place(self.rows[k], k, self.sort, self.descending)))

    @property
    def report(self) -> Report:
        """The rows that are listed, as a report of their own."""
        return replace(self._whole, rows=tuple(self.rows[k] for k in self.listed))

    @property
    def reading(self) -> Reading | FailedReading | None:
        """The selected reading; None where nothing is selected or the source holds no readings."""
        return None if self.selected is None else self.readings[self.selected]

    def with_details(self) -> VBox:
        """This list, and under it the span and the no-answer explorer of whatever reading is selected."""
        from qalens.widgets.details import details_below

        return details_below(self)

    @traitlets.validate("outcomes")
    def _check_outcomes(self, proposal: Mapping[str, Any]) -> list[str]:
        for name in proposal["value"]:
            if name not in FILTERS:
                raise InputError(f"There is no outcome {name!r}; there are {', '.join(FILTERS)}.")
        return proposal["value"]

    @traitlets.validate("sort")
    def _check_sort(self, proposal: Mapping[str, Any]) -> str:
        if proposal["value"] not in SORTS:
            raise InputError(f"Rows can be sorted by {', '.join(SORTS)}, not by {proposal['value']!r}.")
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
        rows = self.view["rows"]
        return outcomes_table([rows[k] for k in self.listed])

    def figure(self) -> Figure:
        """How many questions had which outcome, as a figure of matplotlib."""
        from matplotlib.figure import Figure

        from qalens.views.outcome_plots import outcomes

        figure = Figure(figsize=(7.2, 2.8), layout="constrained")
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
    return {"rows": shown, "texts": list(texts), "outcomes": list(FILTERS), "sorts": list(SORTS)}


def outcome_name(row: ExampleRow) -> str:
    """The outcome of a row, or "not scored" where it has none."""
    return "not scored" if row.outcome is None else row.outcome


def _opened(source: Any, reader: Any) -> tuple[tuple[Reading | FailedReading | None, ...], Report]:
    """The readings (None where a report has none) and a report of all."""
    if isinstance(source, Report):
        readings, whole = (None,) * len(source.rows), source
    else:
        readings = _read(source, reader)
        rows = [row_of(reading) for reading in readings]
        found = {r.source for r in readings if isinstance(r, Reading)}
        whole = replace(report_of(rows), source=found.pop() if len(found) == 1 else None)
    if len(readings) > MOST_ROWS:
        raise InputError(
            f"DatasetExplorer lists up to {MOST_ROWS:,} questions, but got {len(readings):,}; take a part of them, "
            "such as the false answers alone."
        )
    return readings, whole


def _read(source: Any, reader: Any) -> tuple[Reading | FailedReading, ...]:
    if isinstance(source, str) or not isinstance(source, Iterable):
        raise InputError(
            f"DatasetExplorer needs readings, examples with a reader, or a Report, but got {source!r:.80}."
        )
    items = tuple(source)
    if not items:
        raise InputError("DatasetExplorer needs at least one question, but got none.")
    if reader is not None:
        return tuple(reader.read_many(items))
    for item in items:
        if isinstance(item, Example):
            raise InputError("DatasetExplorer got examples; give it a reader too, and it reads them.")
    return tuple(
        item if isinstance(item, FailedReading) else check_reading(item, "DatasetExplorer") for item in items
    )


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
    missing = value is None or not math.isfinite(value)
    return missing, 0.0 if missing else -value if descending else value, k


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
        "cause": row.cause,
        "f1": number(row.f1),
        "margin": number(row.margin),
        "score": number(row.score),
        "probability": number(row.probability if row.answer is not None else row.no_answer_probability),
        "length": row.text_length,
        "error": None if row.error is None else clip(row.error, _QUESTION),
    }


def _span(span: TextSpan | None) -> list[int] | None:
    return None if span is None else [span.start, span.end]
