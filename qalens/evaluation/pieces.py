"""Where in a file the questions stand: paragraphs and rows by their bytes, so that any part can be read by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from qalens.errors import InputError
from qalens.evaluation.json_stream import BYTE_ORDER_MARK, JsonStream

_Form = Literal["squad", "array", "lines"]


class Piece(NamedTuple):
    """A paragraph with its questions, or one row: bytes `[offset, offset + length)` of a file.

    `questions` is how many there are, `place` where it stands in words, `title` the article it belongs to.
    """

    offset: int
    length: int
    questions: int
    place: str
    title: str | None
    is_paragraph: bool


def pieces_of(path: str | Path) -> Iterator[Piece]:
    """The pieces of a file with questions, in their order; the file is read once and never held whole.

    Raises `InputError` where the file is not there, cannot be told for one with questions, or is cut short.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
    ...     _ = file.write('{"question": "Who?", "context": "Ada."}\\n\\n{"question": "Why?", "context": "Ada."}\\n')
    ...     file.flush()
    ...     [(piece.place, piece.offset) for piece in pieces_of(file.name)]
    [('line 1', 0), ('line 3', 41)]
    """
    with _open(path) as file:
        form = _form(file, path)
        file.seek(0)
        if form == "lines":
            yield from _lines(file)
            return
        stream = JsonStream(file, str(path))
        yield from _array(stream) if form == "array" else _squad(stream, path)
        stream.end()


def load_pieces(path: str | Path, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, Any]]:
    """Each piece with the value that is written there; with an `InputError` where a line is no JSON."""
    with _open(path) as file:
        for piece in pieces:
            file.seek(piece.offset)
            text = file.read(piece.length).decode("utf-8", "surrogateescape")
            try:
                yield piece, json.loads(text)
            except (ValueError, RecursionError) as error:
                yield piece, InputError(f"This is no JSON ({error}): {text.strip()!r:.80}")


def _open(path: str | Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path} cannot be read as a data set: {error.strerror}.") from error


def _form(file: BinaryIO, path: str | Path) -> _Form:
    """What kind of file this is, from its ending where that is clear, else from the keys that come first."""
    if Path(path).suffix.lower() in (".jsonl", ".ndjson"):
        return "lines"
    stream = JsonStream(file, str(path))
    first = stream.peek()
    if first == "[":
        return "array"
    if first == "{":
        for key in stream.members():
            if key == "data":
                return "squad"
            if key in ("question", "context"):
                return "lines"
            stream.value()
    raise InputError(
        f"{path} holds no questions: expected SQuAD JSON with a list under 'data', JSON lines with 'question' and "
        "'context', or a JSON array of such rows."
    )


def _lines(file: BinaryIO) -> Iterator[Piece]:
    offset = 0
    for number, line in enumerate(file, 1):
        mark = len(BYTE_ORDER_MARK) if number == 1 and line.startswith(BYTE_ORDER_MARK) else 0
        if line[mark:].strip():
            yield Piece(offset + mark, len(line) - mark, 1, f"line {number}", None, False)
        offset += len(line)


def _array(stream: JsonStream) -> Iterator[Piece]:
    for number, _ in enumerate(stream.elements(), 1):
        found = stream.value()
        yield Piece(found.offset, found.length, 1, f"row {number}", None, False)


def _squad(stream: JsonStream, path: str | Path) -> Iterator[Piece]:
    for key in stream.members():
        if key != "data":
            stream.value()
        elif stream.peek() != "[":
            raise InputError(f"{path} is no SQuAD file: expected a list under 'data'.")
        else:
            for number, _ in enumerate(stream.elements(), 1):
                yield from _article(stream, f"article {number}")


def _article(stream: JsonStream, place: str) -> Iterator[Piece]:
    if stream.peek() != "{":
        yield _paragraph(stream, place)
        return
    # The title may come after the paragraphs, so where these stand is held until the article ends.
    pieces: list[Piece] = []
    title = None
    for key in stream.members():
        if key == "paragraphs" and stream.peek() == "[":
            for number, _ in enumerate(stream.elements(), 1):
                pieces.append(_paragraph(stream, f"{place}, paragraph {number}"))
        elif key == "paragraphs":
            pieces.append(_paragraph(stream, place))
        else:
            value = stream.value().value
            title = value if key == "title" and isinstance(value, str) else title
    for piece in pieces:
        if piece.questions:
            yield piece._replace(title=title)


def _paragraph(stream: JsonStream, place: str) -> Piece:
    value, offset, length = stream.value()
    questions = value.get("qas") if isinstance(value, Mapping) else None
    # What is no paragraph counts as one question, a broken one.
    return Piece(offset, length, len(questions) if isinstance(questions, list) else 1, place, None, True)
