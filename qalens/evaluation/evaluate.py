"""Read every question of a data set, and keep one row of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from qalens.errors import InputError
from qalens.evaluation.engines import EngineName
from qalens.evaluation.inputs import Item, read_examples
from qalens.evaluation.report import Report, report_of
from qalens.evaluation.rows import ExampleRow, example_row, row_of
from qalens.evaluation.runs import Plan, evaluate_run
from qalens.reading import FailedReading, Reading, Source
from qalens.text import Example


class ReadsMany(Protocol):
    """What reads questions, as `qalens.Reader` does."""

    def read_many(
        self, items: Iterable[Example], *, progress: bool | None = None
    ) -> Iterator[Reading | FailedReading]:
        """A reading, or the reason why there is none, for each question in its order."""
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
    """Read every question of a data set and hold the answers against the gold ones.

    - `examples`: whatever `qalens.evaluation.inputs.read_examples` takes: `Example`s or rows from any iterable, a SQuAD
      file, JSON lines, a pandas DataFrame; read lazily, and only rows are kept. Readings that were made already count as
      they are, also those of many documents: `reader.ask(question, index).with_gold(answers)`
    - `out`: a folder for a run that can be stopped and gone on with at any point; None keeps nothing on disk
    - `engine`: with a folder "processes" computes in several processes on this machine, "ray" on a Ray cluster
    - `workers`: how many processes or actors, `threads`: of the CPU for each of them; None: as suits
    - `shard_size`: questions that are computed and written together in a folder; None: 512
    - `limit`: only the first so many questions
    - `progress` shows a bar: None only when it takes longer than two seconds

    A broken question, or a text that cannot be read, becomes a row with the reason in `error` and harms no other. Raises
    `InputError` where there is no question at all, or where the folder holds a run of something else (more on folders is in
    `qalens.evaluation.runs`).

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> from qalens.text import CharSpan
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> known = Example("Who kept the lamp?", "Ada kept the lamp.", id="1", gold=(CharSpan(0, 3),))
    >>> evaluate(reader, [known]).scores.total
    1
    """
    plan = Plan(engine=engine, workers=workers, threads=threads, shard_size=shard_size, limit=limit)
    if out is not None:
        return evaluate_run(reader, examples, out=out, plan=plan, progress=progress).report()
    if plan != Plan(limit=limit):
        raise InputError(
            "engine, workers, threads and shard_size are those of a run in a folder; name it with out=…"
        )
    source: list[Source] = []
    rows = _rows(reader, islice(read_examples(examples), limit), progress, source)
    report = report_of(rows, options=reader_options(reader))
    return replace(report, source=source[0]) if source else report


def reader_options(reader: Any) -> dict[str, Any]:
    """The options of a reader that change what it says, as plain values.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader_options(Reader(toy_model(), toy_tokenizer()))["threshold"]
    0.0
    """
    return {name: getattr(reader, name) for name in _OPTIONS if hasattr(reader, name)}


def _rows(
    reader: ReadsMany, items: Iterable[Item], progress: bool | None, source: list[Source]
) -> Iterator[ExampleRow]:
    """The row of each question in its order; `source` gets the model of the first reading."""
    waiting: deque[Item] = deque()

    def to_read() -> Iterator[Example]:
        for item in items:
            waiting.append(item)
            if item.error is None and item.reading is None:
                yield item.example

    for reading in reader.read_many(to_read(), progress=progress):
        yield from _unread(waiting)
        item = waiting.popleft()
        if isinstance(reading, Reading) and reading.source is not None and not source:
            source.append(reading.source)
        yield example_row(item.example, reading, title=item.title, cause=item.cause)
    yield from _unread(waiting)


def _unread(waiting: deque[Item]) -> Iterator[ExampleRow]:
    """Rows of the questions next in turn that never met the model: those that are broken, and those that were read before."""
    while waiting and (waiting[0].error is not None or waiting[0].reading is not None):
        item = waiting.popleft()
        if item.reading is not None:
            yield row_of(item.reading)
            continue
        failed = FailedReading(item.example, InputError(f"{item.place}: {item.error}"))
        yield example_row(item.example, failed, title=item.title, cause=item.cause)
