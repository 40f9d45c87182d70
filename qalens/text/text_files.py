"""Reading text files: unpacked, decoded, and with an error of ours for what is no text."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from qalens.errors import InputError
from qalens.files import as_path

# What is unpacked or decoded is held in memory up to so many bytes, and beyond in a temporary file.
_IN_MEMORY = 1 << 26
_PACKED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_OTHER_FORMS = {
    b"PAR1": "a Parquet file: give pandas.read_parquet(path)",
    b"ARROW1": "an Arrow file: give pandas.read_feather(path)",
    b"PK\x03\x04": "a ZIP archive (or an Excel table): unpack it, or give pandas.read_excel(path)",
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it, or pack it with gzip",
    b"\x89HDF": "an HDF5 file: give pandas.read_hdf(path)",
    b"SQLite format 3": "a database: give the rows of a query",
    b"%PDF": "a PDF document: give its text",
    b"\x80\x04\x95": "a Python pickle, which is never loaded: it could run code",
    b"\x80\x05\x95": "a Python pickle, which is never loaded: it could run code",
}


def open_text(path: str | Path) -> BinaryIO:
    """The bytes of a text file as UTF-8, ready to be read and to seek in.

    A file packed with gzip, bzip2 or xz is unpacked; UTF-16 and UTF-32 are recognised by their byte-order mark, or by the zero bytes
    of ASCII characters, and decoded. A mark of UTF-8 stays. Bytes that are no UTF-8 stay, too: who reads decides what they spoil.

    Parameters
    ----------
    path : str or Path
        The file; its ending does not count.

    Returns
    -------
    BinaryIO
        An open file that the caller closes.

    Raises
    ------
    InputError
        Where the file is not there or cannot be read, is damaged, or is of a known form that is no text, such as Parquet.

    Examples
    --------
    >>> import gzip, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "text.gz"
    ...     _ = path.write_bytes(gzip.compress("läutete".encode("utf-16")))
    ...     with open_text(path) as text:
    ...         text.read().decode()
    'läutete'
    """
    try:
        file = open(as_path(path, "The file"), "rb")  # noqa: SIM115 - it is handed on
    except OSError as error:
        raise InputError(f"{path} cannot be read as a text: {error.strerror or error}.") from error
    try:
        return _decoded(_unpacked(file, path), path)
    except BaseException:
        file.close()
        raise


def read_text(path: str | Path) -> str:
    """Read the whole text of a file, decoded as `open_text` does it, without a byte-order mark and with its line ends.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    str

    Raises
    ------
    InputError
        As `open_text` does, and for bytes that are not UTF-8, with the position of the first.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"\\xef\\xbb\\xbfAda kept it."); file.flush()
    ...     read_text(file.name)
    'Ada kept it.'
    """
    with open_text(path) as file:
        return _strict(file.read(), path)


def decode_text(data: bytes, name: str = "the text") -> str:
    """Decode bytes, such as standard input, as `read_text` decodes a file with the same bytes.

    Parameters
    ----------
    data : bytes
        The bytes.
    name : str, default "the text"
        The name of the source in messages.

    Returns
    -------
    str

    Raises
    ------
    InputError
        For bytes that are not a text.

    Examples
    --------
    >>> decode_text("Zoë".encode("utf-16"))
    'Zoë'
    """
    with _decoded(_unpacked(io.BytesIO(data), name), name) as file:
        return _strict(file.read(), name)


def _strict(data: bytes, name: str | Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is no UTF-8 text: byte {error.start:,} (0x{data[error.start]:02x}) cannot be read. It may be in an older "
            "encoding such as Windows-1252; save it as UTF-8 first."
        ) from error


def _unpacked(file: BinaryIO, name: str | Path) -> BinaryIO:
    head = _head(file)
    for mark, what in _OTHER_FORMS.items():
        if head.startswith(mark):
            raise InputError(f"{name} is no text but {what}.")
    unpack = next((unpack for mark, unpack in _PACKED.items() if head.startswith(mark)), None)
    if unpack is None:
        return file
    whole = _temporary()
    try:
        with file, unpack(file) as packed:
            shutil.copyfileobj(packed, whole, 1 << 20)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        whole.close()
        raise InputError(f"{name} cannot be unpacked: {error}.") from error
    whole.seek(0)
    return _unpacked(whole, name)


def _decoded(file: BinaryIO, name: str | Path) -> BinaryIO:
    # What the standard library's JSON goes by: byte-order marks, and the zero bytes of ASCII characters.
    encoding = json.detect_encoding(_head(file)[:4])
    if encoding.startswith("utf-8"):
        return file
    whole = _temporary()
    try:
        with file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
            for piece in iter(lambda: text.read(1 << 20), ""):
                whole.write(piece.encode("utf-8"))
    except UnicodeError as error:
        whole.close()
        raise InputError(f"{name} looks like {encoding.upper()} and is no such text: {error}.") from error
    whole.seek(0)
    return whole


def _head(file: BinaryIO) -> bytes:
    head = file.read(16)
    file.seek(0)
    return head


def _temporary() -> BinaryIO:
    return cast(BinaryIO, SpooledTemporaryFile(max_size=_IN_MEMORY))
