"""Read every question of a data set, and keep one row of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from qalens.errors import InputError, shown
from qalens.evaluation.data.inputs import Item, number_of_questions, read_examples
from qalens.evaluation.data.readings import read_items
from qalens.evaluation.report import Report, report_of
from qalens.evaluation.rows import example_rows
from qalens.evaluation.runs.engines import EngineName
from qalens.evaluation.runs.runs import Plan, evaluate_run
from qalens.progress import Bar
from qalens.readings.reading import FailedReading, Reading, Source
from qalens.text.examples import Example


class ReadsMany(Protocol):
    """The interface of a reader of questions, such as `qalens.Reader`."""

    def read_many(
        self, items: Iterable[Example], *, progress: bool | None = None
    ) -> Iterator[Reading | FailedReading]:
        """Read each question, in order.

        Parameters
        ----------
        items : iterable of Example
            The questions.
        progress : bool or None, default None
            Whether to show a bar.

        Returns
        -------
        iterator of Reading or FailedReading
            A reading, or the reason why there is none, for each.
        """
        ...


_OPTIONS = ("max_length", "stride", "max_answer_length", "threshold", "null")


def evaluate(
    reader: ReadsMany,
    examples: Any,
    *,
    out: str | Path | None = None,
    engine: EngineName = "loop",
    workers: int | None = None,
    threads: int | None = None,
    shard_size: int | None = None,
    limit: int | None = None,
    progress: bool | None = None,
) -> Report:
    """Read every question of a data set and compare the answers with the gold answers.

    A broken question, or a text that cannot be read, becomes a row with the reason in `error` and does not affect
    others. More about folders is in `qalens.evaluation.runs.runs`.

    Parameters
    ----------
    reader : ReadsMany
        A `qalens.Reader`.
    examples : object
        Anything that `qalens.evaluation.data.inputs.read_examples` accepts: `Example` objects or rows from any iterable, a
        SQuAD file, JSON lines, a pandas DataFrame. They are read lazily, and only rows are kept. Readings are used as
        they are, also those of many documents: `reader.ask(question, index).with_gold(answers)`.
    out : str, Path or None, default None
        A folder for a run that can be stopped and resumed at any point; None keeps nothing on disk.
    engine : EngineName, default "loop"
        How shards are computed with a folder: "loop" one after the other, "processes" in several processes on this
        machine, "ray" on a Ray cluster.
    workers : int or None, default None
        The number of processes or actors; None chooses.
    threads : int or None, default None
        CPU threads of each worker; None chooses.
    shard_size : int or None, default None
        Questions that are computed and written together in a folder; None takes 512.
    limit : int or None, default None
        Only the first questions; None takes all.
    progress : bool or None, default None
        Whether to show a bar; None shows it if the work takes longer than two seconds.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        For a source without questions, and for a folder with another run.

    Examples
    --------
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> from qalens.text.examples import CharSpan
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> known = Example("Who kept the lamp?", "Ada kept the lamp.", id="1", gold=(CharSpan(0, 3),))
    >>> evaluate(reader, [known]).scores.total
    1
    """
    _check_reader(reader, examples)
    plan = Plan(engine=engine, workers=workers, threads=threads, shard_size=shard_size, limit=limit)
    if out is not None:
        return evaluate_run(reader, examples, out=out, plan=plan, progress=progress).report()
    if plan != Plan(limit=limit):
        raise InputError(
            "engine, workers, threads and shard_size are those of a run in a folder; name it with out=…"
        )
    source: list[Source] = []
    read = read_items(reader, islice(read_examples(examples), limit))
    rows = example_rows(_noting(read, source))
    total = None if progress is False else number_of_questions(examples, limit)
    with Bar(total, progress) as bar:
        report = report_of(bar.counted(rows, reads=True), options=reader_options(reader))
    return replace(report, source=source[0]) if source else report


def _check_reader(reader: Any, examples: Any) -> None:
    if callable(getattr(reader, "read_many", None)):
        return
    swapped = " The two are swapped." if callable(getattr(examples, "read_many", None)) else ""
    raise InputError(
        f"qalens.evaluate(reader, questions) needs a Reader first, as qalens.load() gives it, but got {shown(reader)}.{swapped}"
    )


def reader_options(reader: Any) -> dict[str, Any]:
    """The options of a reader that affect its readings, as plain values.

    Parameters
    ----------
    reader : object
        A `qalens.Reader`.

    Returns
    -------
    dict of str to object

    Examples
    --------
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader_options(Reader(toy_model(), toy_tokenizer()))["threshold"]
    0.0
    """
    return {name: getattr(reader, name) for name in _OPTIONS if hasattr(reader, name)}


def _noting(
    read: Iterable[tuple[Item, Reading | FailedReading]], source: list[Source]
) -> Iterator[tuple[Item, Reading | FailedReading]]:
    """What was read, unchanged; `source` gets the model of the first reading."""
    for item, reading in read:
        if isinstance(reading, Reading) and reading.source is not None and not source:
            source.append(reading.source)
        yield item, reading
