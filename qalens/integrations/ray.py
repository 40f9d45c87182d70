"""Runs on a Ray cluster: the same shards and rows as on one machine, computed by a pool of actors (`qalens[ray]`).

The engine of `qalens.evaluate(…, engine="ray")`; see docs/runs.md. Every node has to find the data file and the checkpoint
under the same path, as on a shared file system. Only shards are sent: their positions in the file go out, rows come back.
"""

from __future__ import annotations

import logging
import os
import pickle
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from qalens.errors import InputError, MissingExtraError, QalensError, shown
from qalens.evaluation.data.shards import Shard
from qalens.evaluation.runs.jobs import Task
from qalens.evaluation.runs.worker_process import told

# Shards in one pass of Ray Data. Each pass starts its actors anew; without an end it would hold all shards at once.
_PASS = 4096
# How often Ray tries a shard again whose actor died, after the first time.
_RETRIES = 2


def shards_on_ray(
    task: Task, shards: Iterator[Shard], workers: int
) -> Generator[tuple[Shard, bytes], None, None]:
    """Compute shards by actors of a Ray cluster, in any order.

    It uses the cluster that this process is connected to, else the one that RAY_ADDRESS names, else it starts one on
    this machine and stops it afterwards. An actor takes as many CPUs as it has threads, and one GPU if the reader is
    on one.

    Parameters
    ----------
    task : Task
        What is computed.
    shards : iterator of Shard
        The shards that are missing.
    workers : int
        The number of actors; 0 starts as many as the cluster has capacity for.

    Returns
    -------
    Generator of tuple of (Shard, bytes), None, None
        Each shard with its rows.

    Raises
    ------
    MissingExtraError
        For a missing Ray.
    InputError
        For a cluster without capacity for the actors.
    QalensError
        If actors keep dying.
    """
    with _connected() as ray:
        count = _fitting(ray, task, workers)
        while wave := list(islice(shards, _PASS)):
            yield from _wave(ray, task, wave, min(count, len(wave)))


class ShardActor:
    """An actor: it loads a reader once, and turns shards into rows."""

    def __init__(self, task: Task):
        self._failed: QalensError | None = None
        try:
            self._work = task.open()
        except QalensError as error:  # an actor that cannot start would be started again
            self._failed = error

    def __call__(self, table: Any) -> Any:
        """The rows of each shard in a table, or why there are none."""
        import pyarrow as pa

        rows, errors = [], []
        for content in table.column("shard").to_pylist():
            lines, error = self._rows(pickle.loads(content))
            rows.append(lines)
            errors.append(pickle.dumps(error))
        binary = pa.binary()
        return pa.table(
            {
                "number": table.column("number"),
                "rows": pa.array(rows, binary),
                "error": pa.array(errors, binary),
            }
        )

    def _rows(self, shard: Shard) -> tuple[bytes, QalensError | None]:
        if self._failed is not None:
            return b"", self._failed
        try:
            return self._work(shard), None
        except Exception as error:  # raised here it would come out wrapped in Ray's own
            return b"", told(error)


def _wave(ray: Any, task: Task, shards: list[Shard], workers: int) -> Iterator[tuple[Shard, bytes]]:
    """Compute some shards with a pool of actors."""
    waiting = {shard.number: shard for shard in shards}
    items = [{"number": shard.number, "shard": pickle.dumps(shard)} for shard in shards]
    found = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        ShardActor,
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers),
        fn_constructor_args=(task,),
        num_cpus=task.threads,
        num_gpus=1 if task.on_gpu else None,
        max_task_retries=_RETRIES,
    )
    rows = iter(found.iter_rows())
    while waiting:
        try:
            row = next(rows)
        except ray.exceptions.RayError as error:
            left = ", ".join(str(number) for number in list(waiting)[:8])
            raise QalensError(
                f"Ray gave up: actors died {_RETRIES + 1} times at one shard. Of this pass the shards {left} are not "
                f"finished, one of the first of them did it; what is finished is kept. ({type(error).__name__}: {error!s:.300})"
            ) from error
        if (failed := pickle.loads(row["error"])) is not None:
            raise failed
        yield waiting.pop(row["number"]), row["rows"]


def _fitting(ray: Any, task: Task, workers: int) -> int:
    """How many actors to start; more than the cluster has capacity for would wait forever."""
    room, largest = 0, 0.0
    for node in ray.nodes():
        if node["Alive"]:
            cpus, gpus = (node["Resources"].get(name, 0.0) for name in ("CPU", "GPU"))
            largest = max(largest, cpus)
            room += int(min(cpus // task.threads, gpus) if task.on_gpu else cpus // task.threads)
    wanted = f"{task.threads} CPU{'s' if task.threads > 1 else ''}{' and a GPU' if task.on_gpu else ''}"
    if room == 0:
        raise InputError(
            f"No node of the Ray cluster has {wanted} for a worker; the largest has {largest:g} CPUs. Ask for fewer threads"
            f"{', or load the reader with device=' + repr('cpu') if task.on_gpu else ''}."
        )
    if workers > room:
        raise InputError(
            f"The Ray cluster has room for {room} workers with {wanted} each, not for {workers}. Ask for fewer workers or "
            "threads."
        )
    return workers if workers else room


@contextmanager
def _connected() -> Iterator[Any]:
    """Ray, connected to a cluster; one that was started here ends here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray warns of its own settings, from threads of its own too: errors for those who turn warnings into errors.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray = _imported()
        started = not ray.is_initialized()
        if started:
            address = os.environ.get("RAY_ADDRESS", "local")
            own = {"include_dashboard": False} if address == "local" else {}
            try:
                ray.init(address=address, logging_level=logging.WARNING, **own)
            except (
                Exception
            ) as error:  # Ray raises what its parts raise, RuntimeError and a bare Exception among them
                raise QalensError(
                    f"Ray cannot start, or reach the cluster at {shown(address)} (RAY_ADDRESS): {type(error).__name__}: "
                    f'{error!s:.300}. On one machine engine="processes" needs no Ray.'
                ) from error
        context = ray.data.DataContext.get_current()
        before = context.enable_progress_bars, context.print_on_execution_start
        # The run has a bar of its own.
        context.enable_progress_bars = context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        try:
            yield ray
        finally:
            context.enable_progress_bars, context.print_on_execution_start = before
            if started:
                ray.shutdown()


def _imported() -> Any:
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError as error:
        raise MissingExtraError(
            'The engine "ray" needs Ray Data: pip install "qalens[ray]". On one machine engine="processes" needs nothing.'
        ) from error
    return ray
