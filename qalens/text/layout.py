"""The tokens of many windows in one set of arrays, filled part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from qalens.records import brief
from qalens.text.pair_tokenizer import EncodedText, PairTokenizer


class Role(IntEnum):
    """The role of a token: special, question, context or padding.

    Examples
    --------
    >>> Role.CONTEXT.name
    'CONTEXT'
    """

    SPECIAL = 0
    QUESTION = 1
    CONTEXT = 2
    PADDING = 3


# As plain numbers, which arrays compare with faster.
_SPECIAL, _QUESTION, _CONTEXT, _PADDING = map(int, Role)


@brief
@dataclass(frozen=True, slots=True, eq=False)
class CutText:
    """A question and a text in tokens, and where the windows begin.

    Attributes
    ----------
    question, context : str
        The question and the text.
    asked, text : EncodedText
        Their tokens.
    n_question : int
        How many tokens of the question are kept.
    room : int
        How many tokens of the text fit beside them.
    starts : ndarray of int64
        (W,): the token of the text at which each window begins.
    """

    question: str
    context: str
    asked: EncodedText
    text: EncodedText
    n_question: int
    room: int
    starts: NDArray[np.int64]


def columns_of(
    tokenizer: PairTokenizer, cuts: Sequence[CutText]
) -> tuple[dict[str, NDArray], NDArray[np.int64]]:
    """The tokens of all windows of some questions and texts, one row of a window after the other.

    A row has parts: special tokens one by one, the question, a piece of the text, and padding up to the longest row of its text.

    Parameters
    ----------
    tokenizer : PairTokenizer
        The tokenizer of the windows.
    cuts : sequence of CutText
        The questions and texts.

    Returns
    -------
    tuple of (dict of str to ndarray, ndarray of int64)
        The columns by name: those of `Windows`, each with one entry for a token; and for each row the place of its null token.
        All arrays are read-only, and so are parts of them.
    """
    parts = _Parts(tokenizer, [(cut, first) for cut in cuts for first in cut.starts.tolist()])
    ids, role = parts.spread(parts.ids, np.int64), parts.spread(parts.role, np.int8)
    offsets, index = np.zeros((len(ids), 2), np.int64), np.full(len(ids), -1)
    index[role == _CONTEXT] = parts.context_index()
    for kind, pieces in ((_QUESTION, parts.questions()), (_CONTEXT, parts.texts())):
        here = role == kind
        ids[here] = np.concatenate([encoded.ids[kept] for encoded, kept in pieces])
        offsets[here] = np.concatenate([encoded.offsets[kept] for encoded, kept in pieces])
    columns: dict[str, NDArray] = {
        "input_ids": ids,
        "attention_mask": (role != _PADDING).astype(np.int64),
        "token_type_ids": parts.spread(parts.types, np.int64),
        "tokens": tokenizer.token_strings(ids),
        "role": role,
        "offsets": offsets,
        "context_index": index,
    }
    null_index = parts.null_index(tokenizer.null_id)
    for array in (*columns.values(), null_index):
        array.flags.writeable = False
    return columns, null_index


class _Parts:
    """The P parts of each row: their ids, segments and roles, which are those of all rows, and their lengths.

    The ids of questions and texts, which are no single ones, are filled in afterwards.
    """

    def __init__(self, tokenizer: PairTokenizer, rows: Sequence[tuple[CutText, int]]):
        self.rows = rows
        self.role, self.ids, self.types = _of_a_row(tokenizer)
        self.counts = np.ones((len(rows), len(self.role)), np.int64)
        self.counts[:, self.role.index(_QUESTION)] = [cut.n_question for cut, _ in rows]
        self.n_text = np.array([min(cut.room, len(cut.text) - first) for cut, first in rows])
        self.counts[:, self.role.index(_CONTEXT)] = self.n_text
        self.counts[:, -1] = [min(cut.room, len(cut.text)) for cut, _ in rows] - self.n_text

    def spread(self, values: list[int], dtype: type) -> NDArray:
        """What is the same for all tokens of a part, for each token."""
        return np.repeat(np.tile(np.array(values, dtype), len(self.rows)), self.counts.ravel())

    def questions(self) -> list[tuple[EncodedText, slice]]:
        return [(cut.asked, slice(cut.n_question)) for cut, _ in self.rows]

    def texts(self) -> list[tuple[EncodedText, slice]]:
        return [(cut.text, slice(first, first + cut.room)) for cut, first in self.rows]

    def context_index(self) -> NDArray[np.int64]:
        """For each token of a text its number there."""
        n = self.n_text
        first = np.array([first for _, first in self.rows])
        return np.arange(n.sum()) + np.repeat(first + n - np.cumsum(n), n)

    def null_index(self, id: int | None) -> NDArray[np.int64]:
        """(rows,): the place of the first special token with that id; the first of all where there is none."""
        special = (k for k, role in enumerate(self.role) if role == _SPECIAL)
        part = next((k for k in special if self.ids[k] == id), 0)
        return self.counts[:, :part].sum(1)


def _of_a_row(tokenizer: PairTokenizer) -> tuple[list[int], list[int], list[int]]:
    """The roles, ids and segments of the parts of a row: special tokens one by one, question, text, padding."""
    before, between, after = (ids.tolist() for ids in tokenizer.special_ids)
    before_types, between_types, after_types = (types.tolist() for types in tokenizer.special_types)
    role = [_SPECIAL] * len(before) + [_QUESTION] + [_SPECIAL] * len(between) + [_CONTEXT]
    role += [_SPECIAL] * len(after) + [_PADDING]
    ids = [*before, 0, *between, 0, *after, tokenizer.pad_id]
    types = [*before_types, tokenizer.question_type, *between_types, tokenizer.context_type]
    return role, ids, [*types, *after_types, tokenizer.pad_type]
