"""Long runs over data sets on disk: stopped at any point and gone on with, they give the same rows.

A run lives in a folder (see `folder`). It reads the questions in shards (`shards`), lets an engine compute those that are
not there yet (`engines`), and writes each as it is done. What is finished is never computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qalens.errors import InputError, QalensError
from qalens.evaluation.engines import Engine, EngineName, cores, engine_named
from qalens.evaluation.folder import DATA, RunFolder, locked, read_manifest, written
from qalens.evaluation.inputs import row_as_json, rows_of
from qalens.evaluation.jobs import Attributing, Evaluating, Job, ReadingAll, Task
from qalens.evaluation.manifest import manifest_of
from qalens.evaluation.report import Report, report_of
from qalens.evaluation.rows import ExampleRow
from qalens.evaluation.shards import Shard, shards_of
from qalens.progress import Bar
from qalens.reading import Source


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk, finished or not: which rows there are, and what they were computed with.

    - `folder`: where it is; `manifest`: the model, the options and the data, as plain values
    - `questions`: how many rows there will be; `finished`: how many there are
    """

    folder: Path
    manifest: Mapping[str, Any]
    questions: int
    finished: int

    @property
    def done(self) -> bool:
        """Whether every question has its row."""
        return self.finished == self.questions

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows that are finished, in the order of the questions, one shard in memory at a time.

        Raises `InputError` for a shard that is not what was written.
        """
        kept = RunFolder(self.folder, self.manifest)
        for number in sorted(kept.finished()):
            yield from kept.rows(number)

    def report(self) -> Report:
        """The report of a finished evaluation: the same as `evaluate` gives without a folder.

        Raises `InputError` for a run that is not finished or no evaluation.
        """
        if self.manifest["job"]["name"] != "evaluate" or not self.done:
            raise InputError(
                f"{self.folder} holds {self.finished:,} of {self.questions:,} rows of the job "
                f"{self.manifest['job']['name']!r}; a report is made of a finished evaluation. Start the run again to go on."
            )
        report = report_of(
            map(ExampleRow.from_dict, self.rows()),
            options={
                # Infinity is a word in the manifest. How large the batches are is no option of what is said.
                name: float(value) if value in ("inf", "-inf") else value
                for name, value in self.manifest["reader"].items()
                if name != "batch_tokens"
            },
        )
        if all(row.failed for row in report.rows):
            return report
        model = self.manifest["model"]
        return replace(report, source=Source(self.manifest["about"]["model"], model["fingerprint"]))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is computed; nothing here changes what the rows say, but `limit` how many there are.

    - `engine`: "loop", "processes" on this machine, or "ray" on a cluster; `workers`: how many of them (None: as suits)
    - `threads`: of the CPU for each worker; None takes those the run was started with
    - `shard_size`: questions that are computed, written and lost together; None takes 512
    - `limit`: only the first questions; None: all
    """

    engine: EngineName = "loop"
    workers: int | None = None
    threads: int | None = None
    shard_size: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        for name in ("workers", "threads", "shard_size", "limit"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InputError(f"{name} has to be a whole number from 1 on, but is {value!r}.")

    def worker_count(self) -> int:
        """How many workers; for Ray 0 stands for as many as there is room for."""
        if self.workers is not None:
            return self.workers
        return {"loop": 1, "processes": max(2, cores() // 4)}.get(self.engine, 0)

    def thread_count(self, reader: Any, there: Mapping[str, Any] | None) -> int:
        """Threads of each worker: those asked for, those of the run that goes on, or as many as suit the engine."""
        if self.threads is not None:
            return self.threads
        if there is not None:
            return there["threads"]
        with reader.using_threads(None) as own:
            return {"loop": own, "processes": max(1, cores() // self.worker_count())}.get(self.engine, 1)


def evaluate_run(
    reader: Any, data: Any, *, out: str | Path, plan: Plan | None = None, progress: bool | None = None
) -> Run:
    """Read every question of a data set and hold the answers against the gold ones, in a run that survives.

    - `data`: a file or rows, as in `inputs.read_examples`; rows are first written to the folder
    - `out`: the folder of the run; where it holds an unfinished run of the same model, options and data, it goes on
    - `plan`: with which engine, and how much at a time
    - `progress`: shows a bar with rate and time left; None only when it takes longer than two seconds

    The rows are dictionaries of `ExampleRow`. Raises `InputError` where the folder holds a run of something else or a
    damaged shard, `QalensError` where another process works on it or it cannot be written.

    >>> import tempfile
    >>> import qalens
    >>> rows = [{"question": "Who kept the lamp?", "context": "Ada kept the lamp."}, {"question": "Who?"}]
    >>> with tempfile.TemporaryDirectory() as out:
    ...     run = evaluate_run(qalens.load(), rows, out=out)
    ...     run.done, [row["error"] for row in run.rows()]
    (True, [None, "row 2: There is no 'context'."])
    """
    return run(reader, Evaluating(), data, out=out, plan=plan, progress=progress)


def read_run(
    reader: Any,
    data: Any,
    *,
    out: str | Path,
    k: int = 5,
    plan: Plan | None = None,
    progress: bool | None = None,
) -> Run:
    """Read every question of a data set in a run that survives: rows of `Reading.to_dict` with the `k` best spans.

    The text itself is not repeated in the rows. The other arguments are those of `evaluate_run`.

    >>> import tempfile
    >>> import qalens
    >>> with tempfile.TemporaryDirectory() as out:
    ...     run = read_run(qalens.load(), [("Who kept the lamp?", "Ada kept the lamp.")], out=out)
    ...     [row["answer"]["text"] for row in run.rows()]
    ['Ada']
    """
    return run(reader, ReadingAll(k), data, out=out, plan=plan, progress=progress)


def attribute_run(
    reader: Any,
    data: Any,
    *,
    out: str | Path,
    target: Any = "answer",
    method: str = "integrated_gradients",
    settings: Mapping[str, Any] | None = None,
    plan: Plan | None = None,
    progress: bool | None = None,
) -> Run:
    """Explain the reading of every question of a data set in a run that survives: rows of `Attribution.to_dict`.

    `target`, `method` and `settings` are target, method and options of `reader.attribute_many`; the other arguments are
    those of `evaluate_run`.

    >>> import tempfile
    >>> import qalens
    >>> with tempfile.TemporaryDirectory() as out:
    ...     data = [("Who kept the lamp?", "Ada kept the lamp.")]
    ...     run = attribute_run(qalens.load(), data, out=out, method="input_x_gradient")
    ...     [row["words"][0]["text"] for row in run.rows()]
    ['Who']
    """
    job = Attributing(target, method, {} if settings is None else dict(settings))
    reader.attribute_many(
        [], target, method, **job.settings
    )  # an option that cannot work is refused before anything
    return run(reader, job, data, out=out, plan=plan, progress=progress)


def open_run(folder: str | Path) -> Run:
    """A run that is on disk, to look at its rows; no model is needed.

    Raises `InputError` where the folder holds none.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(f"{folder} holds no run.")
    kept = RunFolder(folder, manifest)
    return Run(kept.path, manifest, manifest["data"]["questions"], sum(kept.finished().values()))


def run(
    reader: Any,
    job: Job,
    data: Any,
    *,
    out: str | Path,
    plan: Plan | None = None,
    progress: bool | None = None,
) -> Run:
    """Do a job with every question of a data set, in a folder; the arguments are those of `evaluate_run`."""
    plan = Plan() if plan is None else plan
    engine = engine_named(plan.engine)
    make_reader = _maker(reader, plan)
    with locked(Path(out)):
        there = read_manifest(out)
        source = _source(data, Path(out), there)
        manifest = manifest_of(
            reader,
            job,
            source,
            limit=plan.limit,
            shard_size=plan.shard_size,
            threads=plan.thread_count(reader, there),
            there=there,
        )
        kept = RunFolder(out, manifest)
        kept.open()
        task = Task(
            make_reader,
            job,
            str(source),
            manifest["model"]["fingerprint"],
            manifest["threads"],
            on_gpu=manifest["model"]["device"] == "cuda",
        )
        _compute(kept, task, engine, plan, progress)
    return open_run(out)


def _compute(kept: RunFolder, task: Task, engine: Engine, plan: Plan, progress: bool | None) -> None:
    """Compute and write the shards that are not there yet."""
    finished = kept.finished()
    done, questions = sum(finished.values()), kept.manifest["data"]["questions"]
    if done == questions:
        return
    shards = shards_of(task.data, size=kept.manifest["shard_size"], limit=plan.limit)
    waiting = (shard for shard in shards if shard.number not in finished)
    with (
        Bar(questions, progress, done=done) as bar,
        closing(engine(task, waiting, plan.worker_count())) as computed,
    ):
        for shard, lines in computed:
            _write(kept, shard, lines)
            bar.update(shard.questions)


def _write(kept: RunFolder, shard: Shard, lines: bytes) -> None:
    rows = lines.count(b"\n")
    if rows != shard.questions:
        raise QalensError(f"The {shard.words} came back with {rows} rows; nothing of it was written.")
    kept.write_shard(shard.number, lines, rows=rows)


def _maker(reader: Any, plan: Plan) -> Callable[[], Any]:
    """What gives a worker its reader: this one, or in other processes the same loaded again."""
    return (lambda: reader) if plan.engine == "loop" else reader.recipe()


def _source(data: Any, out: Path, there: Mapping[str, Any] | None) -> Path:
    """The file with the questions; rows from memory are written to the folder first."""
    if isinstance(data, str | Path):
        return Path(data).resolve()
    path = (out / DATA).resolve()
    digest = hashlib.sha256()
    with written(path) as file:
        for line in _array_lines(data):
            digest.update(line)
            file.write(line)
        if there is not None and there["data"]["sha256"] != digest.hexdigest():
            raise InputError(
                f"{out} holds a run over other questions than were given now. Give the same again, or another folder; "
                "what is in it stays as it is."
            )
    return path


def _array_lines(data: Any) -> Iterator[bytes]:
    """Rows as a JSON array, one a line."""
    before = b"[\n"
    for row in rows_of(data):
        yield before + row_as_json(row).encode("ascii")
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"
