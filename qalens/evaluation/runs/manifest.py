"""What a run computes, as plain values: two runs with the same manifest have the same rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qalens.errors import InputError
from qalens.evaluation.runs.folder import FORMAT
from qalens.evaluation.runs.jobs import Job
from qalens.text.file_index import pieces_of

SHARD_SIZE = 512


def manifest_of(
    reader: Any,
    job: Job,
    data: DataFile,
    *,
    limit: int | None,
    shard_size: int | None,
    threads: int,
    there: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """All that the rows of a run depend on, and under "about" further information.

    Parameters
    ----------
    reader : object
        The reader.
    job : Job
        What is done with each question.
    data : DataFile
        The file with the questions.
    limit : int or None
        The number of questions, None for all.
    shard_size : int or None
        Questions of one shard; None takes that of `there`, or 512. It affects the rows, since questions of one shard
        share batches.
    threads : int
        CPU threads of each worker.
    there : mapping of str to object or None
        The manifest of the run that is resumed, None for a new one.

    Returns
    -------
    dict of str to object

    Raises
    ------
    InputError
        For a file without a question.
    """
    known = {} if there is None else there
    manifest = {
        "format": FORMAT,
        "job": {"name": job.name, **job.options()},
        "model": {
            "fingerprint": reader.model.fingerprint,
            "tokenizer": _tokenizer_fingerprint(reader.tokenizer),
            "device": reader.model.device.type,
            "dtype": str(reader.model.dtype).removeprefix("torch."),
        },
        # How much memory a text may take says where it is refused, not how it is read.
        "reader": {name: _plain(value) for name, value in reader.options.items() if name != "max_memory"},
        "data": {"sha256": data.sha256, "limit": limit},
        "shard_size": known.get("shard_size", SHARD_SIZE) if shard_size is None else shard_size,
        "threads": threads,
        "about": {"model": reader.model.name, "data": data.path.name},
    }
    same_data = all(known.get("data", {}).get(name) == manifest["data"][name] for name in ("sha256", "limit"))
    manifest["data"]["questions"] = known["data"]["questions"] if same_data else _count(data.path, limit)
    return manifest


class DataFile:
    """The file with the questions of a run, which must not change while the run is in progress.

    `sha256` is its checksum when the run began.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InputError
        For a file that cannot be read.

    Examples
    --------
    >>> from qalens.datasets import SAMPLE_FILE
    >>> DataFile(SAMPLE_FILE).check()
    """

    def __init__(self, path: Path):
        self.path = path
        # Looked at before the checksum is taken, so that a change meanwhile shows.
        self._state = self._now()
        self.sha256 = self._digest()

    def check(self) -> None:
        """Check that the file has not changed; this is fast if nothing touched it.

        Raises
        ------
        InputError
            For a changed file.
        """
        state = self._now()
        if state == self._state:
            return
        if self._digest() != self.sha256:
            raise InputError(
                f"{self.path} changed while the run was at work, and the rows of two versions must not be in one run. "
                "What was written before belongs to the file as it was: put that back and start the run again, or give "
                "another folder."
            )
        self._state = state

    def _now(self) -> tuple[int, ...]:
        """What changes with every change of the file, in practice."""
        with self._reading():
            found = self.path.stat()
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino

    def _digest(self) -> str:
        with self._reading(), self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self.path} cannot be read as a data set: {error.strerror}.") from error


def _count(path: Path, limit: int | None) -> int:
    questions = 0
    for piece in pieces_of(path):
        questions += piece.questions
        if limit is not None and questions >= limit:
            return limit
    if not questions:
        raise InputError(f"{path} holds no questions.")
    return questions


def _tokenizer_fingerprint(tokenizer: Any) -> str:
    """Some letters that tell a tokenizer from others; how it would pad or truncate does not count, since nothing does."""
    told = json.loads(tokenizer.backend_tokenizer.to_str())
    kept = {name: told[name] for name in told if name not in ("padding", "truncation")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """A number that JSON gives back as it is; infinity in words."""
    return repr(value) if isinstance(value, float) and value in (float("inf"), float("-inf")) else value
