"""How good a reader is on a data set: one row for each question, and everything that follows from the rows."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from qalens.decision import check_threshold
from qalens.errors import InputError, MissingExtraError
from qalens.evaluation.bootstrap import DEFAULT_RESAMPLES
from qalens.evaluation.calibration import DEFAULT_BINS, Calibration, Event, calibration
from qalens.evaluation.columns import By, Metric
from qalens.evaluation.comparison import Comparison, compare_rows
from qalens.evaluation.figures import Figures, SliceBy, Slices, figures, slices
from qalens.evaluation.rows import OUTCOMES, ExampleRow, Outcome, Readable, redecided, row_of, unscored
from qalens.evaluation.squad import SquadScores, squad_scores
from qalens.evaluation.temperature import Temperature, fit_temperature
from qalens.evaluation.thresholds import (
    CheapestThreshold,
    CrossFit,
    ThresholdCurve,
    cheapest,
    cross_fit,
    sweep,
)
from qalens.reading import Source

if TYPE_CHECKING:
    import pandas

_FORMAT = {"format": "qalens evaluation report", "version": 1}


@dataclass(frozen=True, slots=True)
class Report:
    """How a reader did on a data set; in a notebook it shows itself.

    - `rows`: one `ExampleRow` for each question, in the order of the data
    - `source`: the model that read; None where not a single text could be read
    - `options`: the options of the reader by name, as plain values

    Everything else is computed from the rows. `report_of` makes one of rows, `qalens.evaluate` of a reader and questions.

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import CharSpan, Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> known = Example("Who kept it?", "Ada kept it.", id="1", gold=(CharSpan(0, 3),))
    >>> report = report_of([example_row(known, reading)])
    >>> report.scores.exact, report.outcomes["right span"]
    (100.0, 1)
    """

    rows: tuple[ExampleRow, ...]
    source: Source | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many questions there are, unscored and failed ones among them."""
        return len(self.rows)

    def __getitem__(self, id: str) -> ExampleRow:
        """The row of a question by its id; an `InputError` where there is none."""
        for row in self.rows:
            if row.id == id:
                return row
        raise InputError(f"There is no question with the id {id!r} among {len(self):,}.")

    @property
    def scores(self) -> SquadScores:
        """The figures as SQuAD 2.0 counts them, with the best thresholds and average precision by the margin."""
        return squad_scores(self.rows)

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """How many questions had each outcome, in the order of `OUTCOMES`."""
        count = Counter(row.outcome for row in self.rows)
        return {outcome: count[outcome] for outcome in OUTCOMES}

    @property
    def errors(self) -> tuple[ExampleRow, ...]:
        """The rows with an error: texts that could not be read, gold answers that could not be used, ids that stand twice."""
        return tuple(row for row in self.rows if row.error is not None)

    def figures(
        self, *, by: By = "question", resamples: int = DEFAULT_RESAMPLES, level: float = 0.95, seed: int = 0
    ) -> Figures:
        """Exact match and F1 with intervals; options as in `qalens.evaluation.figures.figures`."""
        return figures(self.rows, by=by, resamples=resamples, level=level, seed=seed)

    def slices(
        self,
        property: SliceBy = "question word",
        *,
        by: By = "question",
        resamples: int = DEFAULT_RESAMPLES,
        level: float = 0.95,
        seed: int = 0,
    ) -> Slices:
        """The figures apart for questions of each kind; options as in `qalens.evaluation.figures.slices`."""
        return slices(self.rows, property, by=by, resamples=resamples, level=level, seed=seed)

    def thresholds(self) -> ThresholdCurve:
        """All figures at all no-answer thresholds."""
        return sweep(self.rows)

    def cross_fit(
        self,
        *,
        metric: Metric = "f1",
        folds: int = 5,
        by: By = "text",
        resamples: int = 1000,
        level: float = 0.95,
        seed: int = 0,
    ) -> CrossFit:
        """Choose a threshold and tell honestly what it is worth; as `qalens.evaluation.thresholds.cross_fit`."""
        return cross_fit(
            self.rows, metric=metric, folds=folds, by=by, resamples=resamples, level=level, seed=seed
        )

    def cheapest_threshold(
        self,
        *,
        false_answer: float = 1.0,
        missed: float = 1.0,
        wrong_span: float | None = None,
        metric: Metric = "exact",
    ) -> CheapestThreshold:
        """The threshold at which mistakes cost least; as `qalens.evaluation.thresholds.cheapest`."""
        return cheapest(
            self.rows, false_answer=false_answer, missed=missed, wrong_span=wrong_span, metric=metric
        )

    def calibration(
        self,
        *,
        event: Event = "decision",
        temperature: float | Literal["cross-fitted"] | None = "cross-fitted",
        bins: int = DEFAULT_BINS,
        folds: int = 5,
        by: By = "text",
        seed: int = 0,
    ) -> Calibration:
        """Hold several confidences against what was right; as `qalens.evaluation.calibration.calibration`."""
        return calibration(
            self.rows, event=event, temperature=temperature, bins=bins, folds=folds, by=by, seed=seed
        )

    def temperature(
        self, *, by: By = "text", resamples: int = 1000, level: float = 0.95, seed: int = 0
    ) -> Temperature:
        """The temperature under which what is right is most likely; as `temperature.fit_temperature`."""
        return fit_temperature(self.rows, by=by, resamples=resamples, level=level, seed=seed)

    def compare(
        self,
        other: Report,
        *,
        by: By = "question",
        resamples: int = DEFAULT_RESAMPLES,
        level: float = 0.95,
        seed: int = 0,
    ) -> Comparison:
        """This report before, another after: paired differences, McNemar's test and which questions turned.

        Options as in `qalens.evaluation.comparison.compare_rows`. Raises `InputError` for what is no report.
        """
        if not isinstance(other, Report):
            raise InputError(f"A report is compared with another Report, but got {other!r:.80}.")
        return compare_rows(self.rows, other.rows, by=by, resamples=resamples, level=level, seed=seed)

    def with_threshold(self, threshold: float) -> Report:
        """The same readings decided at another no-answer threshold, in logits; no text is read again."""
        check_threshold(threshold)
        rows = tuple(redecided(row, threshold) for row in self.rows)
        return replace(self, rows=rows, options={**self.options, "threshold": float(threshold)})

    def with_causes(self, causes: Mapping[str, str]) -> Report:
        """The same report with causes of unanswerability by question id; a question that is not there keeps its own."""
        rows = (
            row if row.id is None else replace(row, cause=causes.get(row.id, row.cause)) for row in self.rows
        )
        return replace(self, rows=tuple(rows))

    def to_pandas(self) -> pandas.DataFrame:
        """One line for each question, with texts, numbers and outcomes as columns.

        Raises `MissingExtraError` where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError(
                "A table for pandas needs pandas, which is not installed: pip install pandas"
            ) from error
        return pd.DataFrame([_flat(row) for row in self.rows], columns=_COLUMNS)

    def save(self, path: str | Path) -> Path:
        """Write the report to a file, as JSON lines: one for the report, one for each row; `Report.load` reads it again.

        A name that ends in ".gz" is compressed. The same report gives the same bytes. What stood there stays until the new
        file is whole.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        try:
            with _opened(part, "wb", compressed=target.suffix == ".gz") as file:
                for line in self._lines():
                    file.write(json.dumps(line).encode("ascii") + b"\n")
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        return target

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """The report that `save` wrote; an `InputError` where the file is something else or not whole."""
        try:
            with _opened(Path(path), "rb", compressed=Path(path).suffix == ".gz") as file:
                head = json.loads(file.readline())
                if {key: head.get(key) for key in _FORMAT} != _FORMAT:
                    raise InputError(f"{path} is no report of this version of qalens.")
                rows = tuple(ExampleRow.from_dict(json.loads(line)) for line in file)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
        except (ValueError, AttributeError, EOFError) as error:
            raise InputError(
                f"{path} is no report that Report.save wrote, or not a whole one ({error})."
            ) from error
        if len(rows) != head["rows"]:
            raise InputError(f"{path} is cut short: it holds {len(rows):,} of {head['rows']:,} rows.")
        source = None if head["source"] is None else Source(**head["source"])
        return cls(rows, source, head["options"])

    def _lines(self) -> Iterator[dict[str, Any]]:
        source = (
            None
            if self.source is None
            else {"name": self.source.name, "fingerprint": self.source.fingerprint}
        )
        yield {**_FORMAT, "rows": len(self), "source": source, "options": dict(self.options)}
        for row in self.rows:
            yield row.to_dict()

    def _repr_html_(self) -> str:
        from qalens.views.evaluation import report_html

        return report_html(self)

    def __repr__(self) -> str:
        scores = self.scores
        name = "" if self.source is None else f"{self.source.name}: "
        figures = f"exact {scores.exact:.2f}, F1 {scores.f1:.2f}" if scores.total else "none scored"
        return f"Report({name}{len(self):,} questions, {figures})"


def report_of(
    rows: Iterable[ExampleRow | Readable],
    *,
    source: Source | None = None,
    options: Mapping[str, Any] | None = None,
) -> Report:
    """Make a report of rows, or of readings, in their order.

    - `source`: the model that read, `options`: how

    A row whose id stood before is kept without a judgement, with the reason in its `error`. Raises `InputError` where
    there is no row at all.

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", id="1", gold=()), reading)
    >>> [one.error for one in report_of([row, row]).rows]
    [None, "The id '1' stood before; only its first question counts."]
    """
    kept = tuple(_once(map(row_of, rows)))
    if not kept:
        raise InputError("There is no question to evaluate: the data set is empty.")
    return Report(kept, source, {} if options is None else dict(options))


def _once(rows: Iterable[ExampleRow]) -> Iterator[ExampleRow]:
    seen: set[str] = set()
    for row in rows:
        if row.id is not None and row.id in seen:
            yield unscored(row, f"The id {row.id!r} stood before; only its first question counts.")
            continue
        if row.id is not None:
            seen.add(row.id)
        yield row


_SPANS = ("answer", "best")
_LISTS = ("masses", "cluster_masses", "gold_scores")


def _flat(row: ExampleRow) -> dict[str, Any]:
    """A row as one line of a table: spans as three columns, gold answers as a list of texts."""
    line: dict[str, Any] = {}
    for name in ExampleRow.__dataclass_fields__:
        value = getattr(row, name)
        if name in _SPANS:
            parts = (None, None, None) if value is None else (value.text, value.start, value.end)
            line |= dict(zip((name, f"{name}_start", f"{name}_end"), parts, strict=True))
        elif name == "golds":
            line[name] = None if value is None else [gold.text for gold in value]
        elif name not in _LISTS:
            line[name] = value
    return line


_COLUMNS = [
    column
    for name in ExampleRow.__dataclass_fields__
    if name not in _LISTS
    for column in ((name, f"{name}_start", f"{name}_end") if name in _SPANS else (name,))
]


@contextmanager
def _opened(
    path: Path, mode: Literal["rb", "wb"], *, compressed: bool
) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with path.open(mode) as raw:
        if not compressed:
            yield raw
            return
        # Without the time and the name of the file, which would make every copy another one.
        with gzip.GzipFile(filename="", mode=mode, fileobj=raw, mtime=0) as file:
            yield file
