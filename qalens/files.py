"""Files that are there whole or not at all, whenever the process or the machine stops.

A file is written beside its place, forced to the disk, and renamed: until then an existing file is untouched. A
process that is killed leaves at most a hidden file that ends in ".part" beside it, which may be deleted.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from qalens.errors import InputError, QalensError

PART = ".part"
# What the content of a damaged file raises where it is made into records: its compression, JSON that is none or of another form.
DAMAGE = (EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError, RecursionError)
_ADVICE = "An existing file is untouched. Free some space, or give a path that can be written."


def as_path(given: Any, what: str) -> Path:
    """Check that a value is a path.

    Parameters
    ----------
    given : object
        A str or path-like object.
    what : str
        The name of the value in the message.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        For anything that no system accepts as a path.

    Examples
    --------
    >>> as_path("a\\0b", "The data set")
    Traceback (most recent call last):
    qalens.errors.InputError: The data set has to be a path, but 'a\\x00b' is none: a path holds no NUL character.
    """
    try:
        path = Path(given)
        if b"\0" in os.fsencode(path):
            raise ValueError("a path holds no NUL character")
    except (TypeError, ValueError) as error:
        shown = repr(given) if isinstance(given, str | os.PathLike) else f"of type {type(given).__name__}"
        raise InputError(f"{what} has to be a path, but {shown[:200]} is none: {error}.") from error
    return path


def is_of_the_system(name: str) -> bool:
    """Whether a file is what systems leave in every folder, or a part that a killed process left.

    Parameters
    ----------
    name : str
        The name of the file.

    Returns
    -------
    bool

    Examples
    --------
    >>> [is_of_the_system(name) for name in (".DS_Store", "._run.json", "Thumbs.db", "run.json")]
    [True, True, True, False]
    """
    return name.startswith(".") or name.lower() in ("desktop.ini", "thumbs.db")


def folder_made(path: str | Path) -> Path:
    """Create the folder of a file if it does not exist.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Path
        The path of the file.

    Raises
    ------
    InputError
        For a value that is not a path.
    QalensError
        For a folder that cannot be created.
    """
    target = as_path(path, "The place of a file")
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def write_file(path: str | Path, content: bytes | str, *, advice: str = _ADVICE) -> Path:
    """Write a file as a whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file.
    content : bytes or str
        Bytes, or a str that is written as UTF-8 with its line ends; a lone surrogate, which has no UTF-8 form,
        becomes "?".
    advice : str
        What an error recommends to do.

    Returns
    -------
    Path
        The path of the file.

    Raises
    ------
    InputError
        For a value that is not a path.
    QalensError
        For a file that cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(Path(folder) / "a.txt", "Ada\\n").read_bytes()
    b'Ada\\n'
    """
    with written(path, advice=advice) as file:
        file.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)
    return Path(path)


@contextmanager
def written(path: str | Path, *, advice: str = _ADVICE) -> Iterator[BinaryIO]:
    """Open a file to write piece by piece; it replaces the old one at the end, and after an error the old one is kept.

    A link is followed, a replaced file passes on its permissions, and anything that is not a regular file (a pipe,
    `/dev/stdout`) is written directly.

    Parameters
    ----------
    path : str or Path
        The file.
    advice : str
        What an error recommends to do.

    Yields
    ------
    BinaryIO
        A binary file.

    Raises
    ------
    InputError
        For a value that is not a path.
    QalensError
        For a file that cannot be written.
    """
    target = as_path(path, "The place of a file")
    with writing(target, advice):
        whole = Path(os.path.realpath(target))
        if whole.exists() and not whole.is_file():
            with whole.open("wb") as file:
                yield file
            return
        part = whole.with_name(f".{secrets.token_hex(6)}{PART}")
        try:
            with part.open("xb") as file:
                with suppress(OSError):  # there may be none yet, or a drive that knows no permissions
                    shutil.copymode(whole, part)
                yield file
                file.flush()
                _to_disk(file.fileno())
            part.replace(whole)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(whole.parent)


@contextmanager
def writing(path: Path, advice: str = _ADVICE) -> Iterator[None]:
    """Turn an error of the system into one that says what could not be written, and what to do.

    Parameters
    ----------
    path : Path
        What is written.
    advice : str
        What the error recommends to do.

    Raises
    ------
    QalensError
        In the place of an `OSError`.
    """
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the latter is said of drives without locks
        reason = getattr(error, "strerror", None) or error
        raise QalensError(f"{path} cannot be written: {reason}. {advice}") from error


def sync_file(path: Path) -> None:
    """Flush a file that another library wrote, and its name in its folder, to the disk.

    Parameters
    ----------
    path : Path
        The file.
    """
    with path.open("rb+") as file:
        _to_disk(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable: on most systems the folder itself has to be flushed to the disk.

    Windows does not open folders, and makes renames durable by itself.

    Parameters
    ----------
    folder : Path
        The folder.
    """
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _to_disk(handle: int) -> None:
    """Force what was written to the disk; on macOS `fsync` alone would leave it in the cache of the drive."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):  # a network drive may not know how
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)
