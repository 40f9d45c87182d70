"""JSON read piece by piece, so that a file of any size takes the memory of its largest piece."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from qalens.errors import InputError, shown

_BLANKS = " \t\n\r"
# What Python's decoder says, as the object of a sentence.
_PLAIN = {
    "Expecting value": "a value",
    "Expecting property name enclosed in double quotes": "a name in double quotes",
    "Expecting ',' delimiter": "a comma",
    "Expecting ':' delimiter": "a colon",
}
_FIRST_READ = 1 << 18
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _whole_number(digits: str) -> int | float:
    """A number as JSON has it; one of more digits than Python reads is infinite, and so no place and no id."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


DECODER = json.JSONDecoder(parse_int=_whole_number)


class Located(NamedTuple):
    """A JSON value and the bytes `[offset, offset + length)` of the file that hold it.

    Attributes
    ----------
    value : object
        The value.
    offset : int
        The first byte.
    length : int
        The number of bytes.
    """

    value: Any
    offset: int
    length: int


class JsonStream:
    """Reads the JSON of a binary file: objects and arrays member by member, everything else as a whole.

    Bytes that are not UTF-8 become lone surrogates, so that only the text that holds them is damaged.

    Parameters
    ----------
    file : BinaryIO
        A binary file.
    name : str
        The name of the file in messages.

    Raises
    ------
    InputError
        At the first position that is not JSON.

    Examples
    --------
    >>> import io
    >>> stream = JsonStream(io.BytesIO(b'{"version": 2, "data": [10, 20]}'), "a file")
    >>> for key in stream.members():
    ...     print(key, [stream.value().value for _ in stream.elements()] if key == "data" else stream.value().value)
    version 2
    data [10, 20]
    """

    def __init__(self, file: BinaryIO, name: str):
        self._file, self._name = file, name
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text, self._at, self._ended = "", 0, False
        # A character of the text, and how many bytes of the file come before it.
        self._mark, self._mark_bytes = 0, 0
        if file.read(3) == BYTE_ORDER_MARK:
            self._mark_bytes = 3
        else:
            file.seek(0)

    def peek(self) -> str:
        """The next character that is not whitespace, not yet consumed; "" at the end of the file.

        Returns
        -------
        str
        """
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(self._text) or not self._more(_FIRST_READ):
                return self._text[self._at : self._at + 1]

    def offset(self) -> int:
        """The number of bytes that were consumed.

        Returns
        -------
        int
        """
        return self._bytes_before(self._at)

    def place(self) -> int:
        """The number of bytes before the next character that is not whitespace.

        Returns
        -------
        int
        """
        self.peek()
        return self.offset()

    def members(self) -> Iterator[str]:
        """Iterate over the keys of the next object; consume the value of each before the next key.

        Returns
        -------
        iterator of str
        """
        self._expect("{")
        more = self.peek() != "}"
        while more:
            key = self.value().value
            if not isinstance(key, str):
                raise self._fault("a key in quotes")
            self._expect(":")
            yield key
            more = self._another("}")
        self._at += 1

    def elements(self) -> Iterator[None]:
        """Iterate over the elements of the next array; consume each before the next one.

        Returns
        -------
        iterator of None
        """
        self._expect("[")
        more = self.peek() != "]"
        while more:
            yield
            more = self._another("]")
        self._at += 1

    def value(self) -> Located:
        """Consume the next value as a whole.

        Returns
        -------
        Located
            The value and its bytes.
        """
        if not self.peek():
            raise self._fault("a value")
        size = _FIRST_READ
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not (self._is_cut(error) and self._more(size)):
                    raise self._fault(error.msg) from error
            except RecursionError as error:
                raise self._fault("fewer values inside each other") from error
            else:
                # A number at the end of what was read may go on behind it.
                if end < len(self._text) or not self._more(size):
                    break
            size *= 2
        offset = self._bytes_before(self._at)
        self._at = end
        return Located(value, offset, self._bytes_before(end) - offset)

    def end(self) -> None:
        """Check that nothing follows.

        Raises
        ------
        InputError
            For anything but whitespace before the end of the file.
        """
        if self.peek():
            raise self._fault("nothing more")

    def _another(self, close: str) -> bool:
        """Whether a comma and another value come before the bracket that closes; takes the comma."""
        if self.peek() == close:
            return False
        self._expect(",")
        if self.peek() == close:
            raise self._fault("another value after the comma")
        return True

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            raise self._fault(f"{character!r}")
        self._at += 1

    def _is_cut(self, error: json.JSONDecodeError) -> bool:
        """Whether a value may be wrong only because its end was not read yet."""
        # The longest piece that makes sense only as a whole: a pair of \\uXXXX escapes.
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - 12

    def _more(self, size: int) -> bool:
        if self._ended:
            return False
        self._bytes_before(self._at)
        self._text, self._at, self._mark = self._text[self._at :], 0, 0
        data = self._file.read(size)
        self._ended = not data
        self._text += self._decoder.decode(data, final=self._ended)
        return True

    def _bytes_before(self, at: int) -> int:
        """How many bytes of the file come before a character of the text; moves the mark there."""
        passed = self._text[self._mark : at]
        self._mark, self._mark_bytes = at, self._mark_bytes + _bytes(passed)
        return self._mark_bytes

    def _fault(self, expected: str) -> InputError:
        place = self._bytes_before(self._at)
        found = self._text[self._at : self._at + 20] if self.peek() else "the end of the file"
        return InputError(
            f"{self._name} is no whole JSON: at byte {place:,} expected {_PLAIN.get(expected, expected)}, but found {shown(found)}."
        )


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
