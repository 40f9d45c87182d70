"""Words masked in place: other ids for their tokens, the same places and offsets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.explain.counterfactual.edits import Where
from qalens.records import brief
from qalens.spans.distribution import SpanLogits
from qalens.text.examples import CharSpan
from qalens.text.windows import Role, Windows

_ROLES = {"context": Role.CONTEXT, "question": Role.QUESTION}


def mask_token(tokenizer: Any) -> tuple[int, str]:
    """The id and the string of a tokenizer's mask token.

    Parameters
    ----------
    tokenizer : object
        The tokenizer.

    Returns
    -------
    tuple of (int, str)

    Raises
    ------
    InputError
        For a tokenizer without one.

    Examples
    --------
    >>> from qalens.testing import toy_tokenizer
    >>> mask_token(toy_tokenizer())
    (4, '[MASK]')
    """
    token = getattr(tokenizer, "mask_token", None)
    if token is None:
        raise InputError(
            f"{type(tokenizer).__name__} has no mask token, so words cannot be masked in place. Replace them with "
            "ReplaceWords, or drop whole sentences with DropSentence."
        )
    return int(tokenizer.mask_token_id), str(token)


@brief
@dataclass(frozen=True, slots=True, eq=False)
class MaskedWindows:
    """The windows of a reading with words masked in place; only those that changed have to be read again.

    Attributes
    ----------
    before : SpanLogits
        The logits of the windows before masking.
    windows : Windows
        All W windows, with masked ids and token strings.
    rows : ndarray of int64
        The indices of the windows that changed.
    """

    before: SpanLogits
    windows: Windows
    rows: NDArray[np.int64]

    @property
    def changed(self) -> Windows:
        """The windows that changed, alone."""
        whole, rows = self.windows, self.rows
        return replace(
            whole,
            model_inputs={name: array[rows] for name, array in whole.model_inputs.items()},
            tokens=whole.tokens[rows],
            role=whole.role[rows],
            offsets=whole.offsets[rows],
            context_index=whole.context_index[rows],
            null_index=whole.null_index[rows],
        )

    def complete(self, logits: SpanLogits) -> SpanLogits:
        """The logits of all windows: new ones for those that changed, the old ones for the others.

        Parameters
        ----------
        logits : SpanLogits
            The logits of the changed windows.

        Returns
        -------
        SpanLogits
        """
        start, end = self.before.start.copy(), self.before.end.copy()
        start[self.rows], end[self.rows] = logits.start, logits.end
        return SpanLogits(self.windows, start, end)


def mask_windows(
    before: SpanLogits, spans: Iterable[CharSpan], mask: tuple[int, str], *, where: Where = "context"
) -> MaskedWindows:
    """Mask the tokens of some characters: other ids at the same positions and offsets.

    Parameters
    ----------
    before : SpanLogits
        The logits of the windows.
    spans : iterable of CharSpan
        The characters.
    mask : tuple of (int, str)
        The id and the string of `mask_token`.
    where : Where, default "context"
        "context" or "question".

    Returns
    -------
    MaskedWindows

    Raises
    ------
    InputError
        For characters that no token holds, as at the end of a truncated question.

    Examples
    --------
    >>> from qalens.testing import planted_logits, toy_tokenizer
    >>> logits = planted_logits("Ada kept the lamp.", answer="Ada")
    >>> masked = mask_windows(logits, [CharSpan(4, 8)], mask_token(toy_tokenizer()))
    >>> masked.windows.tokens[0, -7:].tolist()
    ['[SEP]', 'ada', '[MASK]', 'the', 'lamp', '.', '[SEP]']
    """
    windows = before.windows
    hit = covered_tokens(windows, spans, where=where)
    if not hit.any():
        raise InputError(
            f"No token of the {where} holds any of these characters, so there is nothing to mask."
        )
    id, token = mask
    ids, tokens = windows.model_inputs["input_ids"].copy(), windows.tokens.copy()
    ids[hit], tokens[hit] = id, token
    masked = replace(windows, model_inputs={**windows.model_inputs, "input_ids": ids}, tokens=tokens)
    return MaskedWindows(before, masked, np.flatnonzero(hit.any(1)))


def covered_tokens(
    windows: Windows, spans: Iterable[CharSpan], *, where: Where = "context"
) -> NDArray[np.bool_]:
    """The tokens that hold a character of some spans; whitespace does not count.

    Parameters
    ----------
    windows : Windows
        W windows.
    spans : iterable of CharSpan
        The characters.
    where : Where, default "context"
        "context" or "question".

    Returns
    -------
    ndarray of bool
        (W, T).
    """
    text = windows.context if where == "context" else windows.question
    inside = np.zeros(len(text) + 1, np.int64)
    for span in spans:
        inside[1 + span.start : 1 + span.end] = [not character.isspace() for character in span.of(text)]
    before = np.cumsum(inside)
    held = (
        before[windows.offsets[..., 1].clip(max=len(text))]
        > before[windows.offsets[..., 0].clip(max=len(text))]
    )
    return held & (windows.role == _ROLES[where])


def seen_characters(windows: Windows, *, where: Where = "context") -> NDArray[np.bool_]:
    """For each character of the text, or of the question, whether a token holds it.

    Parameters
    ----------
    windows : Windows
        W windows.
    where : Where, default "context"
        "context" or "question".

    Returns
    -------
    ndarray of bool
        (C,) for the text.
    """
    size = len(windows.context if where == "context" else windows.question)
    edges = windows.offsets[windows.role == _ROLES[where]]
    depth = np.bincount(edges[:, 0], minlength=size + 1) - np.bincount(edges[:, 1], minlength=size + 1)
    return np.cumsum(depth)[:size] > 0


def check_unmasked(windows: Windows, tokenizer: Any) -> None:
    """Check that windows hold no masked words, which an edit of the text would silently bring back.

    Parameters
    ----------
    windows : Windows
        The windows.
    tokenizer : object
        Their tokenizer.

    Raises
    ------
    InputError
        For windows with masked words.
    """
    id = getattr(tokenizer, "mask_token_id", None)
    words = (windows.role == Role.CONTEXT) | (windows.role == Role.QUESTION)
    if id is not None and (words & (windows.model_inputs["input_ids"] == id)).any():
        raise InputError(
            "This reading has masked words, and its text does not know of them. Change the text first and mask words then: "
            "reader.edit(reader.edit(reading, DropSentence(0)).after, MaskWords(…))."
        )
