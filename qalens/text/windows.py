"""A question and a text of any length as overlapping windows that fit a model.

The text is tokenized once and whole, and the windows are cut out of its tokens with arithmetic of our own: the
same windows as a fast tokenizer's `truncation="only_second"` gives, without its panics on odd lengths, in time
linear in the text, and with special tokens that a user typed ("[SEP]") read as the text they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.records import read_only
from qalens.text.examples import check_text
from qalens.text.layout import CutText, columns_of
from qalens.text.layout import Role as Role
from qalens.text.pair_tokenizer import EncodedText, PairTokenizer

DEFAULT_MAX_LENGTH = 384
DEFAULT_STRIDE = 128
# What a reading of one character costs at most, with one token a character and 30 tokens to an answer: 30 spans of 36
# bytes, and the tokens. Plain English takes a sixth of it.
BYTES_PER_CHARACTER = 1400


# As plain numbers, which arrays compare with faster.
_CONTEXT, _PADDING = int(Role.CONTEXT), int(Role.PADDING)


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """One question and its text as W windows of at most T tokens, padded on the right.

    Windows are made by `make_windows`. All arrays are read-only.

    Attributes
    ----------
    question : str
        The question.
    context : str
        The text.
    model_inputs : dict of str to ndarray of int64
        The arguments of the model by name, each (W, T) int64; `token_type_ids` only if the tokenizer returns them.
        Arguments that a model does not accept are not passed to it.
    tokens : ndarray of object
        (W, T): the token strings, for display.
    role : ndarray of int8
        (W, T): a `Role` for each token.
    offsets : ndarray of int64
        (W, T, 2): character ranges, in the question for question tokens, in the context for context tokens, (0, 0)
        elsewhere.
    context_index : ndarray of int64
        (W, T): the index of the token among all tokens of the context, −1 elsewhere.
    null_index : ndarray of int64
        (W,): the position of the null token ([CLS], `<s>`), which represents no answer; 0 if there is none.
    padding : dict of str to int
        The padding value of each of `model_inputs`.
    """

    question: str
    context: str
    model_inputs: dict[str, NDArray[np.int64]]
    tokens: NDArray[np.object_]
    role: NDArray[np.int8]
    offsets: NDArray[np.int64]
    context_index: NDArray[np.int64]
    null_index: NDArray[np.int64]
    padding: dict[str, int]

    def __post_init__(self) -> None:
        shape = self.role.shape
        for name, array in {
            **self.model_inputs,
            "tokens": self.tokens,
            "context_index": self.context_index,
        }.items():
            if array.shape != shape:
                raise InputError(f"Windows of shape {shape} cannot hold {name} of shape {array.shape}.")
        if self.offsets.shape != (*shape, 2) or self.null_index.shape != shape[:1]:
            raise InputError(f"Windows of shape {shape}: offsets or null_index have another shape.")
        for array in (*self.model_inputs.values(), self.tokens, self.role, self.offsets):
            array.flags.writeable = False
        self.context_index.flags.writeable = self.null_index.flags.writeable = False

    def __len__(self) -> int:
        """W, the number of windows."""
        return len(self.role)

    @property
    def answerable(self) -> NDArray[np.bool_]:
        """(W, T): whether a token may be part of an answer, as the tokens of the context may."""
        return self.role == _CONTEXT

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(W,): the number of tokens of each window without padding."""
        return (self.role != _PADDING).sum(1)

    @property
    def char_ranges(self) -> NDArray[np.int64]:
        """(W, 2): the range of characters that each window holds; together they cover the whole context.

        Characters without a token (whitespace, and what the tokenizer discards) belong to the token before them.
        """
        ranges = np.zeros((len(self), 2), np.int64)
        ranges[-1, 1] = len(self.context)
        for w in range(1, len(self)):
            ranges[w, 0] = self._first_offset(w)
        starts = self._token_starts()
        for w in range(len(self) - 1):
            ranges[w, 1] = starts[self.context_index[w].max() + 1]
        return ranges

    def _first_offset(self, w: int) -> int:
        return int(self.offsets[w, self.answerable[w], 0][0])

    def _token_starts(self) -> NDArray[np.int64]:
        starts = np.zeros(int(self.context_index.max()) + 1, np.int64)
        inside = self.answerable
        starts[self.context_index[inside]] = self.offsets[..., 0][inside]
        return starts

    def __repr__(self) -> str:
        W, T = self.role.shape
        return f"Windows({W} × {T} tokens, {len(self.context):,} characters)"


def check_geometry(tokenizer: PairTokenizer, max_length: int, stride: int | None) -> int:
    """Check `max_length` and `stride`, and return the stride to use.

    Parameters
    ----------
    tokenizer : PairTokenizer
        The tokenizer, for the number of its special tokens.
    max_length : int
        Tokens of one window, special tokens included.
    stride : int or None
        Overlap of neighbouring windows in tokens; None takes the smaller of 128 and a third of `max_length`.

    Returns
    -------
    int

    Raises
    ------
    InputError
        For lengths with which no window could move forward.
    """
    for name, value, least in (("max_length", max_length, 1), ("stride", stride, 0)):
        if value is not None and not is_whole(value, least):
            raise InputError(
                f"{name} has to be a whole number of tokens from {least} on, but is {shown(value)}."
            )
    room = max_length - tokenizer.n_special
    if room < 2:
        raise InputError(
            f"max_length {max_length} leaves no room: {tokenizer.n_special} special tokens, one token of the "
            f"question and one of the text need at least {tokenizer.n_special + 2}."
        )
    if stride is None:
        return min(DEFAULT_STRIDE, max_length // 3, room - 2)
    if stride > room - 2:
        raise InputError(
            f"stride {stride} is too large: a window of max_length {max_length} holds {tokenizer.n_special} special "
            f"tokens and at least one of the question, so its overlap can be at most {room - 2}. The stride is the "
            "overlap of two windows, not the step between them."
        )
    return stride


def make_windows(
    tokenizer: Any,
    question: str,
    context: str,
    *,
    max_length: int = DEFAULT_MAX_LENGTH,
    stride: int | None = None,
    max_memory: int | None = None,
) -> Windows:
    """Cut a question and a text into windows of at most `max_length` tokens that overlap by `stride`.

    Each window is [null] question [sep] piece of the text [sep], in the tokenizer's form of a pair. With space for R
    tokens of the text the pieces start at 0, R − stride, 2 (R − stride), …; the last one may be short. A question
    that would leave the text less than half of a window, or less than the stride and a quarter of that half, is
    truncated with a warning.

    Parameters
    ----------
    tokenizer : object
        A `PairTokenizer` or any fast tokenizer of transformers.
    question : str
        The question.
    context : str
        The text, of any length.
    max_length : int, default DEFAULT_MAX_LENGTH
        Tokens of one window, special tokens included.
    stride : int or None, default None
        Overlap in tokens; None takes the smaller of 128 and a third of `max_length`.
    max_memory : int or None, default None
        Bytes that a reading of this text may take; None sets no limit.

    Returns
    -------
    Windows

    Raises
    ------
    InputError
        For an empty, blank or broken question or text, for lengths that cannot work, and for a text too long for
        `max_memory`.

    Examples
    --------
    >>> from qalens.testing import toy_tokenizer
    >>> windows = make_windows(toy_tokenizer(), "Who kept the lamp?", "Ada kept the lamp.")
    >>> len(windows), windows.tokens[0, :8].tolist()
    (1, ['[CLS]', 'who', 'kept', 'the', 'lamp', '?', '[SEP]', 'ada'])
    """
    if not isinstance(tokenizer, PairTokenizer):
        tokenizer = PairTokenizer(tokenizer)
    stride = check_geometry(tokenizer, max_length, stride)
    check_pair(question, context, max_memory)
    return lay_out(
        tokenizer, [cut_text(tokenizer, question, context, {}, max_length=max_length, stride=stride)]
    )[0]


def check_pair(question: Any, context: Any, max_memory: int | None) -> None:
    """Check a question and a text before anything is done with them.

    Parameters
    ----------
    question, context : object
        The question and the text.
    max_memory : int or None
        Bytes that a reading of the text may take; None sets no limit.

    Raises
    ------
    InputError
        As in `make_windows`.
    """
    check_text(question, "question")
    check_text(context, "context")
    check_memory(len(context), max_memory)


def cut_text(
    tokenizer: PairTokenizer,
    question: str,
    context: str,
    encoded: Mapping[str, EncodedText],
    *,
    max_length: int,
    stride: int,
) -> CutText:
    """Where the windows of a question and a text begin, as `make_windows` cuts them.

    Parameters
    ----------
    tokenizer : PairTokenizer
        The tokenizer.
    question, context : str
        The question and the text, checked by `check_pair`.
    encoded : mapping of str to EncodedText
        What is encoded already; anything else is encoded here.
    max_length, stride : int
        As in `make_windows`, checked by `check_geometry`.

    Returns
    -------
    CutText

    Raises
    ------
    InputError
        For a text on which the tokenizer fails.
    """
    asked, text = (encoded[one] if one in encoded else tokenizer.encode(one) for one in (question, context))
    n_question = _question_length(len(asked), max_length - tokenizer.n_special, stride)
    room = max_length - tokenizer.n_special - n_question
    return CutText(question, context, asked, text, n_question, room, window_starts(len(text), room, stride))


def window_starts(tokens: int, room: int, stride: int) -> NDArray[np.int64]:
    """The tokens of a text at which its windows begin.

    Parameters
    ----------
    tokens : int
        The tokens of the text.
    room : int
        How many of them fit into a window.
    stride : int
        The overlap of two windows.

    Returns
    -------
    ndarray of int64
        (W,).
    """
    return np.arange(0, tokens - stride, room - stride) if tokens > room else np.zeros(1, np.int64)


def check_memory(characters: int, max_memory: int | None) -> None:
    """Check that a text fits into the memory that a reading may take.

    Parameters
    ----------
    characters : int
        The length of the text.
    max_memory : int or None
        The limit in bytes; None sets no limit.

    Raises
    ------
    InputError
        For a text that is too long.
    """
    needed = characters * BYTES_PER_CHARACTER
    if max_memory is not None and needed > max_memory:
        raise InputError(
            f"The text has {characters:,} characters; reading it at once may take {needed / 2**30:.1f} GiB and only "
            f"{max_memory / 2**30:.1f} GiB may be used. Read it in parts, or raise max_memory."
        )


def _question_length(tokens: int, room: int, stride: int) -> int:
    """How many tokens of the question are kept; `room` is what question and text share."""
    half = room // 2
    longest = max(1, min(room - half, room - stride - max(1, half // 4)))
    if tokens > longest:
        warnings.warn(
            f"The question has {tokens} tokens; a window has room for {longest} of them beside the text, so the end "
            "of the question is cut. A larger max_length or a smaller stride keeps more.",
            stacklevel=4,
        )
    return min(tokens, longest)


def lay_out(tokenizer: PairTokenizer, cuts: Sequence[CutText]) -> list[Windows]:
    """The windows of some questions and texts, all of them laid out together.

    The windows follow each other in arrays that are filled once; those of one text are a part of these.

    Parameters
    ----------
    tokenizer : PairTokenizer
        The tokenizer of the windows.
    cuts : sequence of CutText
        The questions and texts.

    Returns
    -------
    list of Windows
        One item for each, in the same order.
    """
    if not cuts:
        return []
    columns, null_index = columns_of(tokenizer, cuts)
    padding = {"input_ids": tokenizer.pad_id, "attention_mask": 0}
    if tokenizer.has_segments:
        padding["token_type_ids"] = tokenizer.pad_type
    windows, at, row = [], 0, 0
    for cut in cuts:
        W, T = len(cut.starts), tokenizer.n_special + cut.n_question + min(cut.room, len(cut.text))
        part = {
            name: array[at : at + W * T].reshape(W, T, *array.shape[1:]) for name, array in columns.items()
        }
        windows.append(
            Windows(
                cut.question,
                cut.context,
                model_inputs={name: part[name] for name in padding},
                tokens=part["tokens"],
                role=part["role"],
                offsets=part["offsets"],
                context_index=part["context_index"],
                null_index=null_index[row : row + W],
                padding=padding,
            )
        )
        at, row = at + W * T, row + W
    return windows
