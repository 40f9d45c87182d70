"""Ways to compute the shards of a run: one after the other here, or in several processes on this machine.

An engine takes a `Task` and shards and gives each shard back with its rows, in any order. A shard has the same rows
whichever engine computes it, since the batches of a shard hold nothing of another one.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from itertools import chain, islice
from multiprocessing.connection import wait
from typing import Literal, get_args

from qalens.errors import InputError, QalensError, shown
from qalens.evaluation.data.shards import Shard
from qalens.evaluation.runs.jobs import Task
from qalens.evaluation.runs.worker import Worker, receive
from qalens.progress import windows_passed

EngineName = Literal["loop", "processes", "ray"]
Engine = Callable[[Task, Iterator[Shard], int], Generator[tuple[Shard, bytes], None, None]]
# How often a shard, or the start of a worker, may end a process before the run gives up.
MAX_DEATHS = 3
_SECONDS_BETWEEN_SIGNS = 1.0


def loop(task: Task, shards: Iterator[Shard], workers: int) -> Generator[tuple[Shard, bytes], None, None]:
    """Compute one shard after the other in this process.

    Parameters
    ----------
    task : Task
        What is computed.
    shards : iterator of Shard
        The shards that are missing.
    workers : int
        Not used here.

    Returns
    -------
    Generator of tuple of (Shard, bytes), None, None
        Each shard with its rows.
    """
    work = task.open()
    for shard in shards:
        yield shard, work(shard)


def processes(
    task: Task, shards: Iterator[Shard], workers: int
) -> Generator[tuple[Shard, bytes], None, None]:
    """Compute shards in several processes on this machine, each with its own reader.

    A process that dies is replaced, and its shard is computed again.

    Parameters
    ----------
    task : Task
        What is computed.
    shards : iterator of Shard
        The shards that are missing.
    workers : int
        The number of processes.

    Returns
    -------
    Generator of tuple of (Shard, bytes), None, None
        Each shard with its rows, in any order.

    Raises
    ------
    QalensError
        For a shard on which three processes died.
    """
    first = list(islice(shards, workers))  # no more processes than there are shards
    pool = _Pool(task, chain(first, shards))
    try:
        for _ in first:
            pool.start()
        while pool.workers:
            yield from pool.wait()
    finally:
        pool.stop()


class _Pool:
    """The processes at work, the shards that wait, and what died on which shard."""

    def __init__(self, task: Task, shards: Iterator[Shard]):
        self._task, self._shards = task, shards
        self._again: deque[Shard] = deque()
        self._deaths: Counter[int | None] = Counter()
        self.workers: list[Worker] = []

    def start(self) -> None:
        """Start one more process; it gets its first shard when it is ready."""
        self.workers.append(Worker(self._task))

    def wait(self) -> Iterator[tuple[Shard, bytes]]:
        """Wait until a process has something to say; gives the shards that are done."""
        ready = wait([worker.connection for worker in self.workers], timeout=_SECONDS_BETWEEN_SIGNS)
        windows_passed(0)  # a sign of life, also before the first shard is done
        for worker in [worker for worker in self.workers if worker.connection in ready]:
            kind, content = receive(worker)
            if kind == "failed":
                raise content
            if kind == "died":
                self._replace(worker)
                continue
            done, worker.shard = worker.shard, None
            self._go_on(worker)
            if done is not None:
                yield done, content

    def stop(self) -> None:
        """End all processes."""
        for worker in self.workers:
            worker.stop()
        self.workers.clear()

    def _go_on(self, worker: Worker) -> None:
        shard = self._next()
        if shard is None:
            self.workers.remove(worker)
            worker.stop()
        else:
            worker.give(shard)

    def _replace(self, worker: Worker) -> None:
        self.workers.remove(worker)
        status, shard = worker.stop(), worker.shard
        number = None if shard is None else shard.number
        self._deaths[number] += 1
        if self._deaths[number] >= MAX_DEATHS:
            at = "before it could begin" if shard is None else f"at {shard.words}"
            raise QalensError(
                f"A worker process ended {MAX_DEATHS} times {at}, the last time with exit status {status}"
                f"{' (killed, often for lack of memory)' if status == -9 else ''}. What is finished is kept. Try fewer "
                'workers, or engine="loop", which shows what happens.'
            )
        if shard is not None:
            self._again.append(shard)
        self.start()

    def _next(self) -> Shard | None:
        return self._again.popleft() if self._again else next(self._shards, None)


def engine_named(name: EngineName) -> Engine:
    """Look up an engine.

    Parameters
    ----------
    name : EngineName
        "loop", "processes" or "ray".

    Returns
    -------
    Engine

    Raises
    ------
    InputError
        For another name.
    MissingExtraError
        For a missing Ray.
    """
    if name == "ray":
        from qalens.integrations.ray import shards_on_ray

        return shards_on_ray
    engines: dict[str, Engine] = {"loop": loop, "processes": processes}
    if name not in engines:
        raise InputError(f"engine has to be one of {', '.join(get_args(EngineName))}, but is {shown(name)}.")
    return engines[name]


def cores() -> int:
    """The number of cores that this process may use.

    Returns
    -------
    int
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
