"""A question and a text of any length as overlapping windows that fit a model.

The text is tokenized once and whole, and the windows are cut out of its tokens with arithmetic of our own: the
same windows as a fast tokenizer's `truncation="only_second"` gives, without its panics on odd lengths, in time
linear in the text, and with special tokens that a user typed ("[SEP]") read as the text they are.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.pair_tokenizer import PairTokenizer
from qalens.records import read_only
from qalens.text import check_text

DEFAULT_MAX_LENGTH = 384
DEFAULT_STRIDE = 128
# What a reading of one character costs at most, with one token a character and 30 tokens to an answer: 30 spans of 36
# bytes, and the tokens. Plain English takes a sixth of it.
BYTES_PER_CHARACTER = 1400
# All white space of Unicode lies below; what lies behind the end of this table is looked up in its last place.
_IS_BLANK = np.array([chr(code).isspace() for code in range(0x3002)])


class Role(IntEnum):
    """What a token is there for.

    >>> Role.CONTEXT.name
    'CONTEXT'
    """

    SPECIAL = 0
    QUESTION = 1
    CONTEXT = 2
    PADDING = 3


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """One question and its text as W windows of at most T tokens, padded on the right.

    - `model_inputs`: what the model is called with, by name, each (W, T) int64; `token_type_ids` only where
      the tokenizer gives them
    - `tokens` (W, T): the token strings, for display
    - `role` (W, T): a `Role` for each token
    - `offsets` (W, T, 2): character ranges, in the question for question tokens, in the context for context
      tokens, (0, 0) elsewhere
    - `context_index` (W, T): the number of the token among all tokens of the context, -1 elsewhere
    - `null_index` (W,): the place of the null token ([CLS], `<s>`) that stands for "no answer"
    - `padding`: what stands at padding in each of `model_inputs`

    Windows are made by `make_windows`. All arrays are read-only.
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
        """(W, T): the tokens that an answer may use, which are those of the context."""
        return self.role == Role.CONTEXT

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(W,): tokens of each window without its padding."""
        return (self.role != Role.PADDING).sum(1)

    @property
    def char_ranges(self) -> NDArray[np.int64]:
        """(W, 2): the run of characters that each window sees; together they cover the whole context.

        Characters that no token holds (blanks, and what the tokenizer throws away) count to the token before
        them.
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
    """The stride to use, after refusing every pair of `max_length` and `stride` that cannot work.

    `stride` is the overlap of neighbouring windows in tokens; None takes the smaller of 128 and a third of
    `max_length`. Raises `InputError` where no window could ever move forward.
    """
    for name, value, least in (("max_length", max_length, 1), ("stride", stride, 0)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise InputError(f"{name} has to be a whole number of tokens from {least} on, but is {value!r}.")
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

    Each window is [null] question [sep] piece of the text [sep], as the tokenizer builds pairs. With R tokens of
    room for the text the pieces start at 0, R − stride, 2 (R − stride), …; the last one may be short. A question
    that would leave the text less than half of a window, or less than the stride and a quarter of that half, is
    cut, with a warning.

    - `tokenizer`: a `PairTokenizer` or any fast tokenizer of transformers
    - `max_length`: tokens of one window, special tokens included
    - `stride`: overlap in tokens; None takes the smaller of 128 and a third of `max_length`
    - `max_memory`: bytes that a reading of this text may take; None sets no limit

    Raises `InputError` for an empty, blank or broken question or text, for lengths that cannot work, and for a
    text that `max_memory` cannot hold.

    >>> from qalens.testing import toy_tokenizer
    >>> windows = make_windows(toy_tokenizer(), "Who kept the lamp?", "Ada kept the lamp.")
    >>> len(windows), windows.tokens[0, :8].tolist()
    (1, ['[CLS]', 'who', 'kept', 'the', 'lamp', '?', '[SEP]', 'ada'])
    """
    if not isinstance(tokenizer, PairTokenizer):
        tokenizer = PairTokenizer(tokenizer)
    stride = check_geometry(tokenizer, max_length, stride)
    check_text(question, "question")
    check_text(context, "context")
    check_memory(len(context), max_memory)
    asked, text = tokenizer.encode(question), tokenizer.encode(context)
    n_question = _question_length(len(asked), max_length - tokenizer.n_special, stride)
    room = max_length - tokenizer.n_special - n_question
    n_text = len(text)
    starts = np.arange(0, max(1, n_text - stride), room - stride) if n_text > room else np.zeros(1, np.int64)
    return lay_out(tokenizer, question, context, asked, text, n_question, room, starts)


def check_memory(characters: int, max_memory: int | None) -> None:
    """Raise `InputError` for a text of so many characters that a reading may take more than `max_memory` bytes."""
    needed = characters * BYTES_PER_CHARACTER
    if max_memory is not None and needed > max_memory:
        raise InputError(
            f"The text has {characters:,} characters; reading it at once may take {needed / 2**30:.1f} GiB and only "
            f"{max_memory / 2**30:.1f} GiB may be used. Read it in parts, or raise max_memory."
        )


def _question_length(tokens: int, room: int, stride: int) -> int:
    """How many tokens of the question stay; `room` is what question and text share."""
    half = room // 2
    longest = max(1, min(room - half, room - stride - max(1, half // 4)))
    if tokens > longest:
        warnings.warn(
            f"The question has {tokens} tokens; a window has room for {longest} of them beside the text, so the end "
            "of the question is cut. A larger max_length or a smaller stride keeps more.",
            stacklevel=4,
        )
    return min(tokens, longest)


def lay_out(
    tokenizer: PairTokenizer,
    question: str,
    context: str,
    asked: Any,
    text: Any,
    n_question: int,
    room: int,
    starts: NDArray[np.int64],
) -> Windows:
    """Fill the (W, T) arrays: a fixed head, a piece of the text, and the special tokens after it.

    `asked` and `text` are what `tokenizer.encode` gives, `n_question` how many tokens of the question stay, `room` how many
    of the text fit beside them, `starts` (W,) the token of the text at which each window begins.
    """
    before, between, after = tokenizer.special_ids
    before_types, between_types, after_types = tokenizer.special_types
    text_ids = tokenizer.text_ids(text)
    text_offsets = np.array(text.offsets, np.int64).reshape(-1, 2)
    head_ids = np.concatenate([before, tokenizer.text_ids(asked)[:n_question], between])
    head_types = np.concatenate([before_types, np.full(n_question, tokenizer.question_type), between_types])
    W, H, A = len(starts), len(head_ids), len(after)
    R = min(room, len(text_ids))
    T = H + R + A

    ids = np.full((W, T), tokenizer.pad_id, np.int64)
    types = np.full((W, T), tokenizer.pad_type, np.int64)
    role = np.full((W, T), Role.PADDING, np.int8)
    offsets = np.zeros((W, T, 2), np.int64)
    index = np.full((W, T), -1, np.int64)
    ids[:, :H], types[:, :H], role[:, :H] = head_ids, head_types, Role.SPECIAL
    asking = slice(len(before), len(before) + n_question)
    role[:, asking] = Role.QUESTION
    offsets[:, asking] = np.array(asked.offsets[:n_question], np.int64).reshape(-1, 2)

    place = starts[:, None] + np.arange(R)
    inside = place < len(text_ids)
    piece = place[inside]
    body = slice(H, H + R)
    for array, values in (
        (ids, text_ids[piece]),
        (types, tokenizer.context_type),
        (role, Role.CONTEXT),
        (offsets, text_offsets[piece]),
        (index, piece),
    ):
        array[:, body][inside] = values
    rows = np.arange(W)[:, None]
    tail = (H + inside.sum(1))[:, None] + np.arange(A)
    ids[rows, tail], types[rows, tail], role[rows, tail] = after, after_types, Role.SPECIAL

    inputs = {"input_ids": ids, "attention_mask": (role != Role.PADDING).astype(np.int64)}
    if tokenizer.has_segments:
        inputs["token_type_ids"] = types
    null = (ids == tokenizer.null_id) & (role == Role.SPECIAL)
    return Windows(
        question=question,
        context=context,
        model_inputs=inputs,
        tokens=tokenizer.token_strings(ids),
        role=role,
        offsets=offsets,
        context_index=index,
        null_index=null.argmax(1),
        padding={
            name: {"input_ids": tokenizer.pad_id, "token_type_ids": tokenizer.pad_type}.get(name, 0)
            for name in inputs
        },
    )


def context_runs(windows: Windows) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each window: the place of its first context token, that token's number in the text, and how many follow."""
    inside = windows.answerable
    first = inside.argmax(1)
    return first, windows.context_index[np.arange(len(windows)), first], inside.sum(1)


def token_range(windows: Windows) -> tuple[int, int]:
    """The number of the first token of the text that the windows hold, and how many from there to the last."""
    seen = windows.context_index[windows.answerable]
    return (int(seen.min()), int(seen.max() - seen.min()) + 1) if len(seen) else (0, 0)


def trimmed_edges(windows: Windows, low: int, N: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(N,) each, for the tokens from number `low` on: where they begin and finish without the blanks at their edges."""
    offsets = np.zeros((N, 2), np.int64)
    inside = windows.answerable
    offsets[windows.context_index[inside] - low] = windows.offsets[inside]
    if not N:
        return offsets[:, 0], offsets[:, 1]
    left, right = int(offsets[:, 0].min()), int(offsets[:, 1].max())
    codes = np.frombuffer(windows.context[left:right].encode("utf-32-le"), np.uint32)
    solid = left + np.flatnonzero(~_IS_BLANK[np.minimum(codes, len(_IS_BLANK) - 1)])
    # The first character not blank from here on, and one past the last before here.
    begin = np.append(solid, right)[np.searchsorted(solid, offsets[:, 0])]
    finish = np.append(left, solid + 1)[np.searchsorted(solid, offsets[:, 1])]
    return begin, finish
