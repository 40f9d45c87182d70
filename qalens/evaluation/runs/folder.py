"""The folder of a run: a manifest that says what is computed, and the shards that are finished.

    run.json              what is computed: the model, its options, the data
    data.json             the questions, where they came from memory and not from a file
    shards/0000000.jsonl  the rows of one shard, one line each, and a last line with their checksum
    report.jsonl          the report, where the run was an evaluation and is finished
    lock                  held by the process that works on the run
    owner                 which process that is

A file appears whole or not at all (`qalens.files`). JSON lines rather than Parquet: they need no package, keep every bit of
a number, and can be looked at with any tool.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import reprlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from qalens.errors import InputError, QalensError
from qalens.files import PART, as_path, is_of_the_system, write_file, writing

FORMAT = 1
MANIFEST = "run.json"
DATA = "data.json"
REPORT = "report.jsonl"
_SHARDS, _LOCK, _OWNER = "shards", "lock", "owner"
_FOOTER_BYTES = 512
# What a manifest has to hold, and of what kind; whole numbers from 1 on.
_NEEDED: dict[str, type] = {
    "format": int,
    "job.name": str,
    "model.fingerprint": str,
    "model.device": str,
    "reader": dict,
    "data.sha256": str,
    "data.questions": int,
    "shard_size": int,
    "threads": int,
    "about.model": str,
}
_ADVICE = (
    "What was finished before is kept. Free some space or take a folder that can be written, and start the run again: it goes on "
    "where it stopped."
)


class RunFolder:
    """A folder on disk that holds one run, finished or not.

    Parameters
    ----------
    path : str or Path
        The folder.
    manifest : mapping of str to object
        What is computed, as plain JSON values; values under "about" may differ when a run is resumed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     folder = RunFolder(Path(out) / "run", {"model": "a", "shards": 1})
    ...     with locked(folder.path):
    ...         folder.open()
    ...         folder.write_shard(0, b'{"id": 1}\\n', rows=1)
    ...     folder.finished(), list(folder.rows(0))
    ({0: 1}, [{'id': 1}])
    """

    def __init__(self, path: str | Path, manifest: Mapping[str, Any]):
        self.path = Path(path)
        self.manifest = manifest
        self.run_id = _digest(json.dumps(_identity(manifest), sort_keys=True).encode())[:16]

    def open(self) -> None:
        """Write the manifest, or compare it with the existing one.

        Raises
        ------
        InputError
            For another manifest.
        """
        if read_manifest(self.path) is None:
            content = json.dumps(self.manifest, indent=2) + "\n"
            write_file(self.path / MANIFEST, content, advice=_ADVICE)
        else:
            self.compare()
        with writing(self.path / _SHARDS, _ADVICE):
            (self.path / _SHARDS).mkdir(exist_ok=True)
            for folder in (self.path, self.path / _SHARDS):
                for left in folder.glob(f"*{PART}"):  # of a process that was killed while it wrote
                    left.unlink()

    def compare(self) -> None:
        """Check that the folder does not hold another run.

        Raises
        ------
        InputError
            For another run.
        """
        there = read_manifest(self.path)
        if there is not None and (differences := _differences(_identity(there), _identity(self.manifest))):
            about = ", ".join(f"{key} {value}" for key, value in there["about"].items())
            raise InputError(
                f"{self.path} holds a run of something else ({about}): {'; '.join(differences)}. Go on with what it was "
                "started with, or give another folder; what is in it stays as it is."
            )

    def write_shard(self, number: int, lines: bytes, *, rows: int) -> None:
        """Write the rows of a shard; they are on the disk when this returns.

        Parameters
        ----------
        number : int
            The index of the shard.
        lines : bytes
            One JSON line for each row.
        rows : int
            The number of rows.
        """
        footer = {
            "shard": number,
            "rows": rows,
            "bytes": len(lines),
            "sha256": _digest(lines),
            "run": self.run_id,
        }
        content = lines + json.dumps(footer).encode() + b"\n"
        write_file(self._shard(number), content, advice=_ADVICE)

    def finished(self) -> dict[int, int]:
        """The finished shards with their numbers of rows.

        Returns
        -------
        dict of int to int

        Raises
        ------
        InputError
            For a shard that is cut short or belongs to another run.
        """
        found = {}
        for entry in sorted(self._shard(0).parent.glob("*.jsonl")):
            if is_of_the_system(entry.name):
                continue
            number = int(entry.stem) if re.fullmatch("[0-9]{7,18}", entry.stem) else -1
            if number < 0 or entry != self._shard(number):
                raise InputError(f"{entry} is no shard of this run; move it out of the way.")
            with self._opened(number) as file:
                found[number] = self._footer(file, number)["rows"]
        return found

    def rows(self, number: int) -> Iterator[dict[str, Any]]:
        """Read the rows of a shard after checking its checksum.

        Parameters
        ----------
        number : int
            The index of the shard.

        Returns
        -------
        iterator of dict of str to object

        Raises
        ------
        InputError
            For rows other than those that were written.
        """
        with self._opened(number) as file:
            footer = self._footer(file, number)
            file.seek(0)
            lines = file.read(footer["bytes"])
        if _digest(lines) != footer["sha256"]:
            raise self._damaged(number, "its checksum is another one")
        try:
            rows = [json.loads(line) for line in lines.splitlines()]
        except (ValueError, RecursionError) as error:
            raise self._damaged(number, f"a row is no JSON ({error})") from error
        if len(rows) != footer["rows"] or not all(isinstance(row, dict) for row in rows):
            raise self._damaged(number, f"it does not hold {footer['rows']} rows")
        return iter(rows)

    @contextmanager
    def _opened(self, number: int) -> Iterator[BinaryIO]:
        try:
            with self._shard(number).open("rb") as file:
                yield file
        except OSError as error:
            raise InputError(f"{self._shard(number)} cannot be read: {error.strerror}.") from error

    def _shard(self, number: int) -> Path:
        return self.path / _SHARDS / f"{number:07d}.jsonl"

    def _footer(self, file: BinaryIO, number: int) -> dict[str, Any]:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _FOOTER_BYTES))
        last = file.read().splitlines(keepends=True)[-1:]
        try:
            footer = json.loads(last[0])
            whole = footer["bytes"] + len(last[0]) == size and last[0].endswith(b"\n")
            place = footer["shard"], footer["run"]
            _ = range(footer["bytes"]), range(footer["rows"]), footer["sha256"]
        except (IndexError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._damaged(number, "it does not end with its checksum") from error
        if not whole:
            raise self._damaged(number, "it is longer or shorter than it was written")
        if place != (number, self.run_id):
            raise self._damaged(number, "it belongs to another run or place")
        return footer

    def _damaged(self, number: int, reason: str) -> InputError:
        return InputError(
            f"{self._shard(number)} is damaged: {reason}. Delete this file and start the run again: its questions are "
            "computed anew, all others are kept."
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is created if needed; the lock is released when the process ends, however it
    ends.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    QalensError
        For a folder that another process has locked or that cannot be written.
    """
    with writing(path, _ADVICE):
        path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / _LOCK)
    with _lock_refused(path):
        lock.acquire(timeout=0)
    owner = path / _OWNER
    try:
        write_file(owner, f"process {os.getpid()} on {socket.gethostname()}\n", advice=_ADVICE)
        yield
    finally:
        with suppress(OSError):
            owner.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _lock_refused(path: Path) -> Iterator[None]:
    """Say why a folder could not be locked."""
    try:
        yield
    except Timeout:
        try:
            owner = (path / _OWNER).read_text("utf-8", "replace").strip()
        except OSError:  # it works and has not said yet who it is
            owner = ""
        raise QalensError(
            f"Another process works on {path} ({owner or 'which one is not known'}). Wait until it is done or stop it; "
            "two cannot write one run."
        ) from None
    except (OSError, NotImplementedError) as error:
        raise QalensError(
            f"{path} cannot be locked ({getattr(error, 'strerror', None) or error}), so nothing would keep two processes "
            "apart. Take a folder that can be written, on a file system with locks."
        ) from error


def read_manifest(path: str | Path) -> dict[str, Any] | None:
    """The manifest of the run in a folder.

    Parameters
    ----------
    path : str or Path
        The folder.

    Returns
    -------
    dict of str to object or None
        None if no run was started.

    Raises
    ------
    InputError
        For a folder with other files, and for a manifest that is damaged or of another version.
    """
    folder = as_path(path, "The folder of a run")
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        _check_free(folder)
        return None
    except OSError as error:
        raise InputError(f"{folder / MANIFEST} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{folder / MANIFEST} is no whole manifest ({error}). Give another folder."
        ) from error
    if fault := _fault(manifest):
        raise InputError(
            f"{folder / MANIFEST} is no manifest of a run that this version of qalens started: {fault}. Give another folder."
        )
    return manifest


def _fault(manifest: Any) -> str | None:
    """What is wrong with a manifest, None where it has all that is asked of it."""
    for name, kind in _NEEDED.items():
        value = manifest
        for key in name.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if type(value) is not kind or (isinstance(value, int) and value < 1):
            return f"{name} is {reprlib.repr(value)}"
    return None if manifest["format"] == FORMAT else f"format is {manifest['format']}, not {FORMAT}"


def _check_free(folder: Path) -> None:
    """Raise `InputError` where there is a file, or a folder with files of others."""
    if folder.is_file():
        raise InputError(f"{folder} is a file, and a run lives in a folder. Give the name of a folder.")
    try:
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}.") from error
    other = [name for name in names if name not in (_LOCK, _OWNER, DATA) and not is_of_the_system(name)]
    if other:
        raise InputError(
            f"{folder} holds other files ({', '.join(other[:3])}) and no run. Give an empty folder or a new one."
        )


def _identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name != "about"}


def _differences(there: Any, here: Any, name: str = "") -> list[str]:
    """Where two manifests differ, one line for each value."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        return [
            line
            for key in dict.fromkeys([*there, *here])
            for line in _differences(there.get(key), here.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if there == here else [f"{name} is {there!r} there and {here!r} here"]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
