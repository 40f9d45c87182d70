"""What a run does with each question: read, evaluate or explain it; and all that a worker needs for that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from qalens.errors import QalensError
from qalens.evaluation.data.inputs import Item
from qalens.evaluation.data.readings import read_items
from qalens.evaluation.data.shards import Shard, items_of
from qalens.evaluation.rows import example_rows
from qalens.readings.reading import FailedReading

JobName = Literal["evaluate", "read", "attribute", "behavior"]


class Job(Protocol):
    """What is done with the questions of a shard; the result must not depend on where and when it is done."""

    @property
    def name(self) -> JobName:
        """The name of the job in a manifest."""
        ...

    def options(self) -> dict[str, Any]:
        """The options that affect the rows, as plain JSON values.

        Returns
        -------
        dict of str to object
        """
        ...

    def rows(self, reader: Any, items: list[Item]) -> Iterator[dict[str, Any]]:
        """Compute one row for each question, in order.

        Parameters
        ----------
        reader : object
            The reader.
        items : list of Item
            The questions of a shard.

        Returns
        -------
        iterator of dict of str to object
            Plain JSON values.
        """
        ...


@dataclass(frozen=True, slots=True)
class Evaluating:
    """Read each question and compare the answer with the gold answers: rows of `ExampleRow.to_dict`."""

    name: JobName = field(default="evaluate", init=False)

    def options(self) -> dict[str, Any]:
        """None."""
        return {}

    def rows(self, reader: Any, items: list[Item]) -> Iterator[dict[str, Any]]:
        """One `ExampleRow` as a dictionary for each question.

        Parameters
        ----------
        reader : object
            The reader.
        items : list of Item
            The questions.

        Returns
        -------
        iterator of dict of str to object
        """
        for row in example_rows(read_items(reader, items)):
            yield row.to_dict()


@dataclass(frozen=True, slots=True)
class ReadingAll:
    """Read each question: rows of `Reading.to_dict`, without the text.

    Attributes
    ----------
    k : int, default 5
        How many spans are kept.
    name : JobName
        The name of the job in a manifest.
    """

    k: int = 5
    name: JobName = field(default="read", init=False)

    def options(self) -> dict[str, Any]:
        """How many spans are kept."""
        return {"k": self.k}

    def rows(self, reader: Any, items: list[Item]) -> Iterator[dict[str, Any]]:
        """One reading as a dictionary for each question; a failed one has its `error`.

        Parameters
        ----------
        reader : object
            The reader.
        items : list of Item
            The questions.

        Returns
        -------
        iterator of dict of str to object
        """
        for item, reading in read_items(reader, items):
            said = reading.to_dict() if isinstance(reading, FailedReading) else reading.to_dict(self.k)
            yield {"place": item.place, **{name: said[name] for name in said if name != "context"}}


@dataclass(frozen=True, slots=True)
class Attributing:
    """Explain each reading in the same way: rows of `Attribution.to_dict`.

    Attributes
    ----------
    target, method, settings
        The target, the method and the options of `reader.attribute_many`.
    name : JobName
        The name of the job in a manifest.
    """

    target: Any = "answer"
    method: str = "integrated_gradients"
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: JobName = field(default="attribute", init=False)

    def options(self) -> dict[str, Any]:
        """Target, method and options; those that are not plain values as their repr.

        Returns
        -------
        dict of str to object
        """
        given = {"target": self.target, "method": self.method, **self.settings}
        return {key: json.loads(json.dumps(value, default=repr)) for key, value in given.items()}

    def rows(self, reader: Any, items: list[Item]) -> Iterator[dict[str, Any]]:
        """One attribution as a dictionary for each question; a failed one has its `error`.

        Parameters
        ----------
        reader : object
            The reader.
        items : list of Item
            The questions.

        Returns
        -------
        iterator of dict of str to object
        """
        readings = (reading for _, reading in read_items(reader, items))
        found = reader.attribute_many(readings, self.target, self.method, progress=False, **self.settings)
        for item, one in zip(items, found, strict=True):
            beside = {"id": item.example.id, "place": item.place}
            error = getattr(one, "error", None)
            yield {**beside, "error": str(error)} if error is not None else {**beside, **one.to_dict()}


@dataclass(frozen=True, slots=True)
class Task:
    """All that a worker needs, in any process: how to get the reader, what to do, and with which data.

    Attributes
    ----------
    make_reader : callable
        Makes the reader; for other processes it has to be picklable.
    job : Job
        What is done with each question.
    data : str
        The file with the questions.
    fingerprint : str
        That of the model that the run was started with.
    threads : int
        CPU threads of each worker; another number could change the last bits of a result.
    on_gpu : bool, default False
        Whether the reader computes on a CUDA GPU.
    """

    make_reader: Callable[[], Any]
    job: Job
    data: str
    fingerprint: str
    threads: int
    on_gpu: bool = False

    def open(self) -> Callable[[Shard], bytes]:
        """Load the reader.

        Returns
        -------
        callable
            A function that turns a shard into its rows, one JSON line each, in ASCII.

        Raises
        ------
        QalensError
            For another model than the run was started with.
        """
        reader = self.make_reader()
        if reader.model.fingerprint != self.fingerprint:
            raise QalensError(
                f"A worker loaded {reader.model.name} and got other weights than the run was started with: the "
                "checkpoint changed on disk, or the reader was changed after loading. Save the model that you mean to a "
                "folder and load it from there."
            )

        def work(shard: Shard) -> bytes:
            with reader.using_threads(self.threads):
                rows = self.job.rows(reader, items_of(self.data, shard))
                return b"".join(json.dumps(row).encode("ascii") + b"\n" for row in rows)

        return work
