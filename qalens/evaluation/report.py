"""How good a reader is on a data set: one row for each question, and everything that follows from the rows."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from qalens.errors import InputError, MissingExtraError, shown
from qalens.evaluation.columns import By, Metric
from qalens.evaluation.confidence.calibration import DEFAULT_BINS, Calibration, Event, calibration
from qalens.evaluation.confidence.costs import CheapestThreshold, cheapest
from qalens.evaluation.confidence.temperature import Temperature, fit_temperature
from qalens.evaluation.confidence.thresholds import CrossFit, ThresholdCurve, cross_fit, sweep
from qalens.evaluation.promises.curve import SetCurve, set_curve
from qalens.evaluation.promises.cut import AnswerCut, answer_cut
from qalens.evaluation.promises.risk import RiskControl, RiskCurve, risk_control, risk_curve
from qalens.evaluation.promises.sets import PredictionSets, Within, prediction_sets
from qalens.evaluation.rows import OUTCOMES, ExampleRow, Outcome, Readable, redecided, row_of, unscored
from qalens.evaluation.scores.comparison import Comparison, compare_rows
from qalens.evaluation.scores.figures import Figures, SliceBy, Slices, figures, slices
from qalens.evaluation.scores.squad import SquadScores, squad_scores
from qalens.files import DAMAGE, as_path, folder_made, written
from qalens.readings.reading import Source
from qalens.records import Shown
from qalens.spans.decision import check_threshold
from qalens.text.visible import visible

if TYPE_CHECKING:
    import pandas

_FORMAT = {"format": "qalens evaluation report", "version": 2}


@dataclass(frozen=True, slots=True)
class Report(Shown):
    """How a reader performed on a data set; in a notebook it displays itself.

    Everything else is computed from the rows. `report_of` makes a report from rows, `qalens.evaluate` from a reader
    and questions.

    Attributes
    ----------
    rows : tuple of ExampleRow
        One `ExampleRow` for each question, in the order of the data.
    source : Source or None, default None
        The model that read; None if no text could be read.
    options : mapping of str to object
        The options of the reader by name, as plain values.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import CharSpan, Example
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
        raise InputError(f"There is no question with the id {shown(id)} among {len(self):,}.")

    @property
    def scores(self) -> SquadScores:
        """The SQuAD 2.0 metrics, with the best thresholds and the average precision by the null margin."""
        return squad_scores(self.rows)

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """How many questions had each outcome, in the order of `OUTCOMES`."""
        count = Counter(row.outcome for row in self.rows)
        return {outcome: count[outcome] for outcome in OUTCOMES}

    @property
    def errors(self) -> tuple[ExampleRow, ...]:
        """The rows with an error: texts that could not be read, gold answers that could not be used, repeated ids."""
        return tuple(row for row in self.rows if row.error is not None)

    def figures(self, *, by: By | None = None, level: float = 0.95) -> Figures:
        """Exact match and F1 with intervals; see `qalens.evaluation.scores.figures.figures`.

        Parameters
        ----------
        by : By or None, default None
            What the intervals resample.
        level : float, default 0.95
            Of the intervals.

        Returns
        -------
        Figures
        """
        return figures(self.rows, by=by, level=level)

    def slices(
        self,
        property: SliceBy = "question word",
        *,
        most: int | None = None,
        by: By | None = None,
        level: float = 0.95,
    ) -> Slices:
        """The metrics by kind of question; see `qalens.evaluation.scores.figures.slices`.

        Parameters
        ----------
        property : SliceBy, default "question word"
            What kinds are formed by.
        most : int or None, default None
            The largest number of slices; None sets no limit.
        by : By or None, default None
            What the intervals resample.
        level : float, default 0.95
            Of the intervals.

        Returns
        -------
        Slices
        """
        return slices(self.rows, property, most=most, by=by, level=level)

    def thresholds(self) -> ThresholdCurve:
        """All metrics at all no-answer thresholds.

        Returns
        -------
        ThresholdCurve
        """
        return sweep(self.rows)

    def cross_fit(
        self,
        *,
        metric: Metric = "f1",
        folds: int = 5,
        by: By | None = None,
        resamples: int = 1000,
        level: float = 0.95,
        seed: int = 0,
    ) -> CrossFit:
        """Choose a threshold and estimate what it is worth; see `qalens.evaluation.confidence.thresholds.cross_fit`.

        Parameters
        ----------
        metric, folds, by, resamples, level, seed
            As there.

        Returns
        -------
        CrossFit
        """
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
        folds: int = 5,
        by: By | None = None,
        level: float = 0.95,
        seed: int = 0,
    ) -> CheapestThreshold:
        """The threshold at which mistakes cost least; see `qalens.evaluation.confidence.costs.cheapest`.

        Parameters
        ----------
        false_answer, missed, wrong_span
            The costs of the kinds of mistakes.
        metric, folds, by, level, seed
            As there.

        Returns
        -------
        CheapestThreshold
        """
        return cheapest(
            self.rows,
            false_answer=false_answer,
            missed=missed,
            wrong_span=wrong_span,
            metric=metric,
            folds=folds,
            by=by,
            level=level,
            seed=seed,
        )

    def calibration(
        self,
        *,
        event: Event = "decision",
        temperature: float | Literal["cross-fitted"] | None = "cross-fitted",
        bins: int = DEFAULT_BINS,
        folds: int = 5,
        by: By | None = None,
        level: float = 0.95,
        seed: int = 0,
    ) -> Calibration:
        """How well several confidences predict what is right; see
        `qalens.evaluation.confidence.calibration.calibration`.

        Parameters
        ----------
        event, temperature, bins, folds, by, level, seed
            As there.

        Returns
        -------
        Calibration
        """
        return calibration(
            self.rows,
            event=event,
            temperature=temperature,
            bins=bins,
            folds=folds,
            by=by,
            level=level,
            seed=seed,
        )

    def temperature(
        self, *, by: By | None = None, resamples: int = 1000, level: float = 0.95, seed: int = 0
    ) -> Temperature:
        """The temperature that maximises the likelihood of what is right; see `temperature.fit_temperature`.

        Parameters
        ----------
        by, resamples, level, seed
            As there.

        Returns
        -------
        Temperature
        """
        return fit_temperature(self.rows, by=by, resamples=resamples, level=level, seed=seed)

    def compare(
        self,
        other: Report,
        *,
        by: By | None = None,
        level: float = 0.95,
    ) -> Comparison:
        """Compare this report (before) with another (after): paired differences, a test by groups, and the changed
        questions.

        Parameters
        ----------
        other : Report
            The report after.
        by, level
            As in `qalens.evaluation.scores.comparison.compare_rows`.

        Returns
        -------
        Comparison

        Raises
        ------
        InputError
            For anything but a report.
        """
        if not isinstance(other, Report):
            raise InputError(f"A report is compared with another Report, but got {shown(other)}.")
        return compare_rows(self.rows, other.rows, by=by, level=level)

    def prediction_sets(
        self, coverage: float = 0.9, *, by: By = "text", within: Within | None = None
    ) -> PredictionSets:
        """A predictor of sets that hold the right place as often as stated; see `promises.sets.prediction_sets`.

        Parameters
        ----------
        coverage, by, within
            As there.

        Returns
        -------
        PredictionSets

        Examples
        --------
        >>> import qalens
        >>> report = qalens.evaluate(qalens.load(), qalens.datasets.sample(), progress=False)
        >>> sets = report.prediction_sets(coverage=0.8)
        >>> reading = qalens.load().read("Who kept it?", "Ada kept the lamp for years.")
        >>> len(sets.predict(reading)) >= 1
        True
        """
        return prediction_sets(self.rows, coverage=coverage, by=by, within=within, source=self.source)

    def set_curve(self, *, by: By = "text", folds: int = 5, seed: int = 0) -> SetCurve:
        """How large prediction sets are for each coverage, and what they hold, cross-fitted; see
        `promises.curve.set_curve`.

        Parameters
        ----------
        by, folds, seed
            As there.

        Returns
        -------
        SetCurve
        """
        return set_curve(self.rows, by=by, folds=folds, seed=seed)

    def risk_control(
        self, risk: float = 0.1, *, confidence: float = 0.9, by: By = "question", seed: int = 0
    ) -> RiskControl:
        """The no-answer threshold that controls a risk with a stated confidence; see `promises.risk.risk_control`.

        Parameters
        ----------
        risk, confidence, by, seed
            As there.

        Returns
        -------
        RiskControl
        """
        return risk_control(self.rows, risk=risk, confidence=confidence, by=by, seed=seed, source=self.source)

    def risk_curve(self, confidence: float = 0.9, *, by: By = "question", seed: int = 0) -> RiskCurve:
        """How often answers are wrong at each no-answer threshold, with bounds; see `promises.risk.risk_curve`.

        Parameters
        ----------
        confidence, by, seed
            As there.

        Returns
        -------
        RiskCurve
        """
        return risk_curve(self.rows, confidence=confidence, by=by, seed=seed)

    def answer_cut(self, precision: float = 0.9) -> AnswerCut:
        """The probability from which on a place is taken as one of several answers; see `promises.cut.answer_cut`.

        Parameters
        ----------
        precision : float, default 0.9
            The share of taken places that are right.

        Returns
        -------
        AnswerCut
        """
        return answer_cut(self.rows, precision=precision)

    def with_threshold(self, threshold: float) -> Report:
        """The same readings decided at another no-answer threshold; no text is read again.

        Parameters
        ----------
        threshold : float
            In logits.

        Returns
        -------
        Report
        """
        check_threshold(threshold)
        rows = tuple(redecided(row, threshold) for row in self.rows)
        return replace(self, rows=rows, options={**self.options, "threshold": float(threshold)})

    def with_causes(self, causes: Mapping[str, str]) -> Report:
        """The same report with causes of unanswerability.

        Parameters
        ----------
        causes : mapping of str to str
            The cause by question id; a question without one here keeps its own.

        Returns
        -------
        Report
        """
        rows = (
            row if row.id is None else replace(row, cause=causes.get(row.id, row.cause)) for row in self.rows
        )
        return replace(self, rows=tuple(rows))

    def to_pandas(self) -> pandas.DataFrame:
        """One row for each question, with texts, numbers and outcomes as columns.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingExtraError
            For a missing pandas.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError(
                "A table for pandas needs pandas, which is not installed: pip install pandas"
            ) from error
        return pd.DataFrame([_flat(row) for row in self.rows], columns=_COLUMNS)

    def save(self, path: str | Path) -> Path:
        """Write the report to a file as JSON lines, one for the report and one for each row; `Report.load` reads it.

        The same report gives the same bytes. An existing file is kept until the new one is complete.

        Parameters
        ----------
        path : str or Path
            The file; a name that ends in ".gz" is compressed.

        Returns
        -------
        Path
            The path.

        Raises
        ------
        QalensError
            For a file that cannot be written.
        """
        target = folder_made(path)
        with written(target) as raw, _packed(raw, "wb", compressed=target.suffix == ".gz") as file:
            for line in self._lines():
                file.write(json.dumps(line).encode("ascii") + b"\n")
        return target

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read a report that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Report

        Raises
        ------
        InputError
            For another file, and for one that is not complete.
        """
        source = as_path(path, "A report")
        try:
            with (
                source.open("rb") as raw,
                _packed(raw, "rb", compressed=source.suffix == ".gz") as file,
            ):
                head = json.loads(file.readline())
                if {key: head.get(key) for key in _FORMAT} != _FORMAT:
                    raise InputError(f"{path} is no report of this version of qalens.")
                rows = tuple(ExampleRow.from_dict(json.loads(line)) for line in file)
            if len(rows) != head["rows"]:
                raise InputError(f"{path} is cut short: it holds {len(rows):,} of {head['rows']:,} rows.")
            return cls(rows, _source_of(head["source"]), dict(head["options"]))
        except InputError as error:
            raise InputError(f"{path} is no whole report that Report.save wrote: {error}") from error
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
        except DAMAGE as error:
            raise InputError(
                f"{path} is no report that Report.save wrote, or not a whole one ({type(error).__name__}: {error!s:.200})."
            ) from error

    def _lines(self) -> Iterator[dict[str, Any]]:
        source = (
            None
            if self.source is None
            else {"name": self.source.name, "fingerprint": self.source.fingerprint}
        )
        yield {**_FORMAT, "rows": len(self), "source": source, "options": dict(self.options)}
        for row in self.rows:
            yield row.to_dict()

    def __repr__(self) -> str:
        scores = self.scores
        name = "" if self.source is None else f"{visible(self.source.name)}: "
        figures = f"exact {scores.exact:.2f}, F1 {scores.f1:.2f}" if scores.total else "none scored"
        return f"Report({name}{len(self):,} questions, {figures})"


def report_of(
    rows: Iterable[ExampleRow | Readable],
    *,
    source: Source | None = None,
    options: Mapping[str, Any] | None = None,
) -> Report:
    """Make a report of rows or readings.

    A row with the id of an earlier row is kept unscored, with the reason in its `error`.

    Parameters
    ----------
    rows : iterable of ExampleRow or Readable
        Rows or readings.
    source : Source or None, default None
        The model that read.
    options : mapping of str to object or None, default None
        The options of its reader.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        If there are no rows.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", id="1", gold=()), reading)
    >>> [one.error for one in report_of([row, row]).rows]
    [None, "The id '1' occurred before; only its first question counts."]
    """
    kept = tuple(_once(map(row_of, rows)))
    if not kept:
        raise InputError("There is no question to evaluate: the data set is empty.")
    return Report(kept, source, {} if options is None else dict(options))


def _once(rows: Iterable[ExampleRow]) -> Iterator[ExampleRow]:
    seen: set[str] = set()
    for row in rows:
        if row.id is not None and row.id in seen:
            yield unscored(row, f"The id {row.id!r} occurred before; only its first question counts.")
            continue
        if row.id is not None:
            seen.add(row.id)
        yield row


_SPANS = ("answer", "best")
_LISTS = ("places", "right_places", "masses", "cluster_masses", "mean_scores", "gold_scores")


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


def _source_of(given: Any) -> Source | None:
    """The model as it is written in a file."""
    if given is None:
        return None
    name, fingerprint = given["name"], given["fingerprint"]
    if not isinstance(name, str) or not isinstance(fingerprint, str):
        raise InputError("the name and the fingerprint of its model have to be texts.")
    return Source(name, fingerprint)


@contextmanager
def _packed(
    raw: BinaryIO, mode: Literal["rb", "wb"], *, compressed: bool
) -> Iterator[BinaryIO | gzip.GzipFile]:
    """A file itself, or what is compressed in it."""
    if not compressed:
        yield raw
        return
    # Without the time and the name of the file, which would make every copy another one.
    with gzip.GzipFile(filename="", mode=mode, fileobj=raw, mtime=0) as file:
        yield file
