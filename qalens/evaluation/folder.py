"""The folder of a run: a manifest that says what is computed, and the shards that are finished.

    run.json              what is computed: the model, its options, the data
    data.json             the questions, where they came from memory and not from a file
    shards/0000000.jsonl  the rows of one shard, one line each, and a last line with their checksum
    report.jsonl          the report, where the run was an evaluation and is finished
    lock                  held by the process that works on the run

A file appears whole or not at all: it is written beside its place, forced to the disk, and renamed. JSON lines rather than
Parquet: they need no package, keep every bit of a number, and can be looked at with any tool.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from qalens.errors import InputError, QalensError

try:
    import fcntl
except ModuleNotFoundError:  # Windows has no such locks; there nothing keeps two processes apart
    fcntl = None

MANIFEST = "run.json"
DATA = "data.json"
REPORT = "report.jsonl"
_SHARDS, _LOCK, _PART = "shards", "lock", ".part"
_FOOTER_BYTES = 512


class RunFolder:
    """A folder on disk that holds one run, finished or not.

    - `path`: the folder
    - `manifest`: what is computed, as plain JSON values; what stands under "about" may differ when a run goes on

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
        """Write the manifest, or compare it with the one that is there; raises `InputError` where they differ."""
        there = read_manifest(self.path)
        if there is None:
            write_file(self.path / MANIFEST, json.dumps(self.manifest, indent=2).encode() + b"\n")
        elif differences := _differences(_identity(there), _identity(self.manifest)):
            about = ", ".join(f"{key} {value}" for key, value in there.get("about", {}).items())
            raise InputError(
                f"{self.path} holds a run of something else ({about}): {'; '.join(differences)}. Go on with what it was "
                "started with, or give another folder; what is in it stays as it is."
            )
        with writing(self.path / _SHARDS):
            (self.path / _SHARDS).mkdir(exist_ok=True)
            for left in (self.path / _SHARDS).glob(
                f"*{_PART}"
            ):  # of a process that was killed while it wrote
                left.unlink()

    def write_shard(self, number: int, lines: bytes, *, rows: int) -> None:
        """Keep the rows of a shard, one JSON line each; they are on the disk when this returns."""
        footer = {
            "shard": number,
            "rows": rows,
            "bytes": len(lines),
            "sha256": _digest(lines),
            "run": self.run_id,
        }
        write_file(self._shard(number), lines + json.dumps(footer).encode() + b"\n")

    def finished(self) -> dict[int, int]:
        """The shards that are there, by number, with how many rows each has.

        Raises `InputError` for one that is cut short or belongs to another run.
        """
        found = {}
        for entry in sorted(self._shard(0).parent.glob("*.jsonl")):
            if not entry.stem.isdigit():
                raise InputError(f"{entry} is no shard of this run; move it out of the way.")
            with entry.open("rb") as file:
                found[int(entry.stem)] = self._footer(file, int(entry.stem))["rows"]
        return found

    def rows(self, number: int) -> Iterator[dict[str, Any]]:
        """The rows of a shard, after its checksum was compared; raises `InputError` where they are not what was written."""
        with self._shard(number).open("rb") as file:
            footer = self._footer(file, number)
            file.seek(0)
            lines = file.read(footer["bytes"])
        if _digest(lines) != footer["sha256"]:
            raise self._damaged(number, "its checksum is another one")
        return map(json.loads, lines.splitlines())

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
            _ = footer["rows"], footer["sha256"]
        except (IndexError, ValueError, TypeError, KeyError) as error:
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
    """Hold the lock of a folder, which is made where it is not there; the lock goes when the process ends, however it ends.

    Raises `QalensError` where another process holds it or the folder cannot be written.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        file = open(path / _LOCK, "a+", encoding="utf-8")  # noqa: SIM115
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise QalensError(
                    f"Another process works on {path} ({file.read().strip() or 'which one is not known'}). Wait until "
                    "it is done or stop it; two cannot write one run."
                ) from None
            except OSError as error:
                raise QalensError(
                    f"The file system of {path} gives no locks ({error.strerror}), so nothing would keep two processes "
                    "apart. Take a folder on another one."
                ) from error
        with writing(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
        yield


def read_manifest(path: str | Path) -> dict[str, Any] | None:
    """What a folder holds a run of, None where nothing was started; raises `InputError` for a folder with other files."""
    folder = Path(path)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        _check_free(folder)
        return None
    except ValueError as error:
        raise InputError(
            f"{folder / MANIFEST} is no whole manifest ({error}). Give another folder."
        ) from error
    if not isinstance(manifest, dict):
        raise InputError(f"{folder / MANIFEST} is no manifest of a run. Give another folder.")
    return manifest


def _check_free(folder: Path) -> None:
    ours = {_LOCK, DATA, f"{DATA}{_PART}", f"{MANIFEST}{_PART}"}
    other = (
        sorted(entry.name for entry in folder.iterdir() if entry.name not in ours) if folder.is_dir() else []
    )
    if other:
        raise InputError(
            f"{folder} holds other files ({', '.join(other[:3])}) and no run. Give an empty folder or a new one."
        )


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, whenever the process or the machine stops."""
    with written(path) as file:
        file.write(content)


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which takes its place at the end, as with `write_file`; not after an error."""
    part = path.with_name(f"{path.name}{_PART}")
    with writing(path):
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _sync_folder(path.parent)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say what could not be written, and what to do, where the system refuses to write."""
    try:
        yield
    except OSError as error:
        raise QalensError(
            f"{path} cannot be written: {error.strerror}. What was finished before is kept. Make room or take a folder "
            "that can be written, and start the run again: it goes on where it stopped."
        ) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last: on most systems it is the folder that has to reach the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
