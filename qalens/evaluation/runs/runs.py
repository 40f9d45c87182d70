"""Long runs over data sets on disk: stopped at any point and resumed, they give the same rows.

A run lives in a folder (see `folder`). It reads the questions in shards (`shards`), lets an engine compute those that are
not there yet (`engines`), and writes each as it is done. What is finished is never computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qalens.checks import is_whole
from qalens.errors import InputError, QalensError, shown
from qalens.evaluation.data.inputs import row_as_json, rows_of
from qalens.evaluation.data.shards import Shard, shards_of
from qalens.evaluation.report import Report, report_of
from qalens.evaluation.rows import ExampleRow
from qalens.evaluation.runs.engines import Engine, EngineName, cores, engine_named
from qalens.evaluation.runs.folder import DATA, RunFolder, locked, read_manifest
from qalens.evaluation.runs.jobs import Attributing, Evaluating, Job, ReadingAll, Task
from qalens.evaluation.runs.manifest import DataFile, manifest_of
from qalens.files import as_path, written
from qalens.progress import Bar
from qalens.readings.reading import Source
from qalens.records import brief


@brief
@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk, finished or not: its rows, and what they were computed with.

    Attributes
    ----------
    folder : Path
        The folder.
    manifest : mapping of str to object
        The model, the options and the data, as plain values.
    questions : int
        The number of rows of the finished run.
    finished : int
        The number of rows that are finished.
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
        """The finished rows, in the order of the questions, one shard in memory at a time.

        Returns
        -------
        iterator of dict of str to object

        Raises
        ------
        InputError
            For a shard other than what was written.
        """
        kept = RunFolder(self.folder, self.manifest)
        for number in sorted(kept.finished()):
            yield from kept.rows(number)

    def report(self) -> Report:
        """The report of a finished evaluation, the same as that of `evaluate` without a folder.

        Returns
        -------
        Report

        Raises
        ------
        InputError
            For a run that is not finished or not an evaluation.
        """
        if self.manifest["job"]["name"] != "evaluate" or not self.done:
            raise InputError(
                f"{self.folder} holds {self.finished:,} of {self.questions:,} rows of the job "
                f"{shown(self.manifest['job']['name'])}; a report is made of a finished evaluation. Start the run again to go on."
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
    """How a run is computed. Only `limit` affects the rows: how many there are.

    Attributes
    ----------
    engine : EngineName, default "loop"
        "loop", "processes" on this machine, or "ray" on a cluster.
    workers : int or None, default None
        The number of processes or actors; None chooses.
    threads : int or None, default None
        CPU threads of each worker; None takes those that the run was started with.
    shard_size : int or None, default None
        Questions that are computed, written and lost together; None takes 512.
    limit : int or None, default None
        Only the first questions; None takes all.
    """

    engine: EngineName = "loop"
    workers: int | None = None
    threads: int | None = None
    shard_size: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        for name in ("workers", "threads", "shard_size", "limit"):
            value = getattr(self, name)
            if value is not None and (not is_whole(value, 1)):
                raise InputError(f"{name} has to be a whole number from 1 on, but is {shown(value)}.")
            if value is not None:
                object.__setattr__(self, name, int(value))  # as JSON can write it

    def worker_count(self) -> int:
        """The number of workers; 0 means as many as a Ray cluster has capacity for.

        Returns
        -------
        int
        """
        if self.workers is not None:
            return self.workers
        if self.engine == "processes":
            return max(2, cores() // 4)
        return 1 if self.engine == "loop" else 0

    def thread_count(self, reader: Any, there: Mapping[str, Any] | None) -> int:
        """CPU threads of each worker: those requested, those of the run that is resumed, or as many as suit the engine.

        Parameters
        ----------
        reader : object
            The reader.
        there : mapping of str to object or None
            The manifest of the run that is resumed, or None.

        Returns
        -------
        int
        """
        if self.threads is not None:
            return self.threads
        if there is not None:
            return there["threads"]
        if self.engine == "processes":
            return max(1, cores() // self.worker_count())
        if self.engine != "loop":
            return 1
        with reader.using_threads(None) as own:
            return own


def evaluate_run(
    reader: Any, data: Any, *, out: str | Path, plan: Plan | None = None, progress: bool | None = None
) -> Run:
    """Evaluate every question of a data set in a run that can be stopped and resumed; the rows are those of
    `ExampleRow`.

    Parameters
    ----------
    reader : object
        A `qalens.Reader`.
    data : object
        A file or rows, as in `inputs.read_examples`; rows are first written to the folder.
    out : str or Path
        The folder of the run; an unfinished run of the same model, options and data is resumed.
    plan : Plan or None, default None
        The engine, and how much is computed at a time.
    progress : bool or None, default None
        Whether to show a bar with rate and time left; None shows it if the work takes longer than two seconds.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        For a folder with another run or a damaged shard.
    QalensError
        For a folder that another process uses or that cannot be written.

    Examples
    --------
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
    """Read every question of a data set in a run that can be stopped and resumed: rows of `Reading.to_dict`.

    The text itself is not repeated in the rows.

    Parameters
    ----------
    reader, data, out, plan, progress
        As in `evaluate_run`.
    k : int, default 5
        How many spans are kept.

    Returns
    -------
    Run

    Examples
    --------
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
    """Explain the reading of every question in a run that can be stopped and resumed: rows of `Attribution.to_dict`.

    Parameters
    ----------
    reader, data, out, plan, progress
        As in `evaluate_run`.
    target, method, settings
        The target, the method and the options of `reader.attribute_many`.

    Returns
    -------
    Run

    Examples
    --------
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
    """Open a run on disk to look at its rows; this needs no model.

    Parameters
    ----------
    folder : str or Path
        The folder.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        For a folder without a run.
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
    """Do a job with every question of a data set, in a folder.

    Parameters
    ----------
    reader, data, out, plan, progress
        As in `evaluate_run`.
    job : Job
        What is done with each question.

    Returns
    -------
    Run
    """
    plan = Plan() if plan is None else plan
    engine = engine_named(plan.engine)
    make_reader = _maker(reader, plan)
    folder = as_path(out, "The folder of a run")
    if read_manifest(folder) is not None and open_run(folder).done:
        # Only read: no lock is taken, and the folder may be one that nobody can write.
        kept, _ = _begun(reader, job, data, folder, plan)
        kept.compare()
        return open_run(folder)
    with locked(folder):
        kept, source = _begun(reader, job, data, folder, plan)
        kept.open()
        task = Task(
            make_reader,
            job,
            str(source.path),
            kept.manifest["model"]["fingerprint"],
            kept.manifest["threads"],
            on_gpu=kept.manifest["model"]["device"] == "cuda",
        )
        _compute(kept, task, source, engine, plan, progress)
    return open_run(folder)


def _begun(reader: Any, job: Job, data: Any, out: Path, plan: Plan) -> tuple[RunFolder, DataFile]:
    """The folder with what is to be computed in it, and the file with the questions."""
    there = read_manifest(out)
    source = DataFile(_source(data, out, there))
    threads = plan.thread_count(reader, there)
    manifest = manifest_of(
        reader, job, source, limit=plan.limit, shard_size=plan.shard_size, threads=threads, there=there
    )
    return RunFolder(out, manifest), source


def _compute(
    kept: RunFolder, task: Task, source: DataFile, engine: Engine, plan: Plan, progress: bool | None
) -> None:
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
        try:
            for shard, lines in bar.through(computed):
                # Before anything of another version of the data is written, and not only at the end.
                source.check()
                _write(kept, shard, lines)
                done += shard.questions
                bar.reach(done)
        except QalensError:
            source.check()  # where the file changed, that is what went wrong
            raise


def _write(kept: RunFolder, shard: Shard, lines: bytes) -> None:
    rows = lines.count(b"\n")
    if rows != shard.questions:
        raise QalensError(f"The {shard.words} came back with {rows} rows; nothing of it was written.")
    kept.write_shard(shard.number, lines, rows=rows)


def _maker(reader: Any, plan: Plan) -> Callable[[], Any]:
    """What gives a worker its reader: this one, or in other processes the same loaded again."""
    return (lambda: reader) if plan.engine == "loop" else reader.recipe()


def _source(data: Any, out: Path, there: Mapping[str, Any] | None) -> Path:
    """The file with the questions; rows from memory are written to the folder first, or compared with those in it."""
    if isinstance(data, str | Path):
        return as_path(data, "A data set").absolute()
    path = (out / DATA).absolute()
    digest = hashlib.sha256()
    with nullcontext() if there is not None and path.is_file() else written(path) as file:
        for line in _array_lines(data):
            digest.update(line)
            if file is not None:
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
