"""The positions of the questions in a file: paragraphs and rows by their bytes, so that any part can be read by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from qalens.errors import InputError, shown
from qalens.text.json_stream import BYTE_ORDER_MARK, DECODER, JsonStream, Located
from qalens.text.question_rows import holds_questions, rows_inside
from qalens.text.text_files import open_text

_EXPECTED = "expected SQuAD JSON with a list under 'data', JSON lines with 'question' and 'context', or a JSON array of such rows."
_Form = Literal["squad", "array", "lines", "values"]
_LINES = (".jsonl", ".ndjson", ".jsonlines")
_LONGEST_FIRST_LINE = 1 << 24
# What a line has to hold to be more than one question; anything else is counted without being read.
_MANY = re.compile(rb'"(qas|paragraphs|data)"')


class Piece(NamedTuple):
    """A row, a paragraph with its questions, or a whole article: bytes `[offset, offset + length)` of a file.

    Attributes
    ----------
    offset : int
        The first byte.
    length : int
        The number of bytes.
    questions : int
        The number of questions.
    place : str
        Where in the file it is, in words.
    title : str or None, default None
        The title of the article that it belongs to.
    """

    offset: int
    length: int
    questions: int
    place: str
    title: str | None = None


def pieces_of(path: str | Path) -> Iterator[Piece]:
    """Find the pieces of a file that hold questions, in order; the file is read once and never held as a whole.

    Bytes are counted in the text that `text_files.open_text` returns.

    Parameters
    ----------
    path : str or Path
        A file of any form that `qalens.evaluate` reads.

    Returns
    -------
    iterator of Piece

    Raises
    ------
    InputError
        For a file that does not exist, holds no questions in a known form, or is cut short.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "rows.jsonl"
    ...     _ = path.write_bytes(b'{"question": "Who?", "context": "Ada."}\\n\\n{"question": "Why?", "context": "Ada."}\\n')
    ...     [(piece.place, piece.offset) for piece in pieces_of(path)]
    [('line 1', 0), ('line 3', 41)]
    """
    with open_text(path) as file:
        form = _form(file, path)
        file.seek(0)
        if form == "lines":
            yield from _lines(file)
            return
        stream = JsonStream(file, str(path))
        if form == "squad":
            yield from _squad(stream, path)
            stream.end()
        elif form == "array":
            yield from _array(stream)
            stream.end()
        else:
            yield from _values(stream)


def load_pieces(path: str | Path, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, Any]]:
    """Read the values of pieces of a file.

    Parameters
    ----------
    path : str or Path
        The file.
    pieces : iterable of Piece
        Pieces of it, as `pieces_of` returns them.

    Returns
    -------
    iterator of tuple of (Piece, object)
        Each piece with its value; with an `InputError` as the value if a line is not JSON.
    """
    with open_text(path) as file:
        for piece in pieces:
            file.seek(piece.offset)
            yield piece, _value(file.read(piece.length))


def _value(line: bytes) -> Any:
    text = line.decode("utf-8", "surrogateescape")
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        return InputError(f"This is no JSON ({error}): {shown(text.strip()[:80])}")


def _form(file: BinaryIO, path: str | Path) -> _Form:
    """What kind of file this is: lines where its ending says so and they do, else by what comes first in it."""
    if Path(path).name.lower().removesuffix(".gz").endswith(_LINES) and not _opens_a_list(file):
        return "lines"
    file.seek(0)
    stream = JsonStream(file, str(path))
    first = stream.peek()
    if first == "[":
        return "array"
    if first != "{":
        raise InputError(f"{path} holds no questions: {_found(file)}{_EXPECTED}")
    begin, keys = stream.place(), []
    for key in stream.members():
        if key == "data":
            return "squad"
        keys.append(key)
        stream.value()
    end = stream.offset()
    if not stream.peek() and not (holds_questions(keys)):
        raise InputError(
            f"{path} holds no questions: {_EXPECTED} Its keys are {', '.join(map(shown, keys[:8])) or 'none'}."
        )
    more, following = stream.peek(), stream.place()
    file.seek(end)
    # Also values that no line feed parts, such as lines that end as those of old Macs did.
    if more and b"\n" not in file.read(following - end):
        return "values"
    return "values" if _has_breaks(file, begin, following) else "lines"


def _opens_a_list(file: BinaryIO) -> bool:
    """Whether the first line only begins something that continues in the next, or holds what are lines to others."""
    line = b"\n"
    while line and not line.strip():
        line = file.readline(_LONGEST_FIRST_LINE).removeprefix(BYTE_ORDER_MARK)
    line = line.strip()
    return line == b"{" or b"\r" in line or (line.startswith(b"[") and isinstance(_value(line), InputError))


def _has_breaks(file: BinaryIO, begin: int, end: int) -> bool:
    file.seek(begin)
    return b"\n" in file.read(end - begin).strip()


def _found(file: BinaryIO) -> str:
    """What a file seems to be that is no JSON, as the beginning of a sentence."""
    file.seek(0)
    head = file.readline(_LONGEST_FIRST_LINE).removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace").strip()
    if not head:
        return ""
    separated = next((sign for sign in ",;\t|" if sign in head), None)
    if separated is not None and "question" in head.lower():
        return f"it looks like a table with columns separated by {separated!r}; give pandas.read_csv(path, sep={separated!r}) instead. "
    return f"it begins with {shown(head)}; "


def _lines(file: BinaryIO) -> Iterator[Piece]:
    offset = 0
    for number, line in enumerate(file, 1):
        mark = len(BYTE_ORDER_MARK) if number == 1 and line.startswith(BYTE_ORDER_MARK) else 0
        if line[mark:].strip():
            count = _questions(_value(line[mark:])) if _MANY.search(line) else 1
            yield from _piece(offset + mark, len(line) - mark, count, f"line {number}")
        offset += len(line)


def _array(stream: JsonStream) -> Iterator[Piece]:
    for number, _ in enumerate(stream.elements(), 1):
        yield from _whole(stream.value(), f"row {number}")


def _values(stream: JsonStream) -> Iterator[Piece]:
    number = 0
    while stream.peek():
        number += 1
        yield from _whole(stream.value(), f"row {number}")


def _squad(stream: JsonStream, path: str | Path) -> Iterator[Piece]:
    for key in stream.members():
        if key != "data":
            stream.value()
        elif stream.peek() != "[":
            raise InputError(f"{path} is no SQuAD file: expected a list under 'data'.")
        else:
            for number, _ in enumerate(stream.elements(), 1):
                yield from _article(stream, number)


def _article(stream: JsonStream, number: int) -> Iterator[Piece]:
    """The paragraphs of an article; what is in its place, such as a row, unchanged."""
    if stream.peek() != "{":
        yield from _whole(stream.value(), f"article {number}")
        return
    # The title may come after the paragraphs, so their positions are held until the article ends.
    pieces: list[Piece] | None = None
    others: dict[str, Any] = {}
    begin = stream.place()
    for key in stream.members():
        if key == "paragraphs" and stream.peek() == "[":
            pieces = [
                piece
                for k, _ in enumerate(stream.elements(), 1)
                for piece in _whole(stream.value(), f"article {number}, paragraph {k}")
            ]
        else:
            others[key] = stream.value().value
    if pieces is None:
        name = "article" if "paragraphs" in others or "qas" in others else "row"
        yield from _piece(begin, stream.offset() - begin, _questions(others), f"{name} {number}")
        return
    title = others.get("title")
    for piece in pieces:
        yield piece._replace(title=title if isinstance(title, str) else None)


def _whole(found: Located, place: str) -> Iterator[Piece]:
    yield from _piece(found.offset, found.length, _questions(found.value), place)


def _piece(offset: int, length: int, questions: int, place: str) -> Iterator[Piece]:
    # A paragraph without a question is none; what is no paragraph at all counts as one question, a broken one.
    if questions:
        yield Piece(offset, length, questions, place)


def _questions(value: Any) -> int:
    return sum(1 for _ in rows_inside(value))
