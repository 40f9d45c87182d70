"""What takes the place of a word that is masked: a token without information, words of the text, or a masked model's guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.explain.targets import Target
from qalens.explain.words import Word, window_words
from qalens.readings.reading import Reading
from qalens.text.windows import Role

MaskedBy = Literal["mask", "pad", "text"] | torch.nn.Module
# Where the replacement is drawn, the target is a mean over so many draws.
_DRAWS = 4
_ROWS = 16


def check_replacement(by: MaskedBy, blanks: Mapping[str, int]) -> None:
    """Check that words can be replaced in this way with a tokenizer.

    Parameters
    ----------
    by : MaskedBy
        What replaces a word.
    blanks : mapping of str to int
        The ids of the mask and padding tokens.

    Raises
    ------
    InputError
        For a replacement that is unknown or needs a token that the tokenizer does not have.

    Examples
    --------
    >>> check_replacement("pad", {"pad": 0})
    """
    if isinstance(by, torch.nn.Module) or by in ("mask", "pad"):
        token = {"pad": "pad"}.get(by, "mask") if isinstance(by, str) else "mask"
        if token not in blanks:
            raise InputError(
                f"The tokenizer has no {token} token, so words cannot be masked in place with it; "
                'by="text" puts words of the text there.'
            )
    elif by != "text":
        raise InputError(
            f'by has to be "mask", "pad", "text" or a masked language model, but is {shown(by)}.'
        )


def replacement_name(by: MaskedBy) -> str:
    """The name of a replacement in a record.

    Parameters
    ----------
    by : MaskedBy
        What replaces a word.

    Returns
    -------
    str

    Examples
    --------
    >>> replacement_name("text")
    'text'
    """
    return by if isinstance(by, str) else type(by).__name__


def replacement_ids(
    reading: Reading,
    target: Target,
    words: Sequence[Word],
    by: MaskedBy,
    blanks: Mapping[str, int],
    *,
    seed: int,
) -> NDArray[np.int64]:
    """The token ids that replace those of a window if a word is masked.

    Parameters
    ----------
    reading : Reading
        The reading.
    target : Target
        The target, with its window.
    words : sequence of Word
        The words that may be masked; all other tokens keep their ids.
    by : MaskedBy
        "mask" or "pad": that token. "text": runs of as many tokens, each from the beginning of a word of the same
        window's text, without the words of the target's own spans. A masked language model over the same token ids:
        what it draws for each word with that word alone masked, never the token that was there.
    blanks : mapping of str to int
        The ids of the mask and padding tokens: {"mask": id, "pad": id}.
    seed : int
        Of the draws.

    Returns
    -------
    ndarray of int64
        (R, T): R draws, or one.
    """
    n = int(reading.windows.lengths[target.window])
    own = reading.windows.model_inputs["input_ids"][target.window, :n]
    if isinstance(by, torch.nn.Module):
        return _guessed(by, reading, target.window, own, words, blanks["mask"], seed)
    found = np.repeat(own[None], 1 if by in blanks else _DRAWS, 0)
    if by in blanks:
        for word in words:
            found[:, list(word.tokens)] = blanks[by]
        return found
    return _drawn(found, own, reading, target, words, seed)


def _drawn(
    found: NDArray[np.int64],
    own: NDArray[np.int64],
    reading: Reading,
    target: Target,
    words: Sequence[Word],
    seed: int,
) -> NDArray[np.int64]:
    """Words of the text in the place of each word."""
    spans = [pair for pair in (target.tokens, target.rival_tokens) if pair is not None]
    hidden = {t for first, last in spans for t in range(first, last + 1)}
    roles = reading.windows.role[target.window, : len(own)]
    source = [
        w for w in window_words(reading.windows, target.window)
        if w.role == Role.CONTEXT and not hidden.intersection(w.tokens)
    ]  # fmt: skip
    if not source:
        raise InputError("The text of this window has no word beside those of the target to draw from.")
    rng = np.random.default_rng(seed)
    usable = np.array([t for t in range(len(own)) if roles[t] == Role.CONTEXT and t not in hidden])
    for row in found:
        for word in words:
            first = source[int(rng.integers(len(source)))].tokens[0]
            # Behind the end of the text its beginning follows, so that a run always has its length.
            places = (np.searchsorted(usable, first) + np.arange(len(word.tokens))) % len(usable)
            row[list(word.tokens)] = own[usable[places]]
    return found


def _guessed(
    model: torch.nn.Module,
    reading: Reading,
    window: int,
    own: NDArray[np.int64],
    words: Sequence[Word],
    mask_id: int,
    seed: int,
) -> NDArray[np.int64]:
    """What a masked language model draws for each word."""
    rng = np.random.default_rng(seed)
    device = next(model.parameters()).device
    same = {
        name: torch.tensor(rows[window : window + 1, : len(own)], device=device)
        for name, rows in reading.windows.model_inputs.items()
    }
    found = np.repeat(own[None], _DRAWS, 0)
    for k in range(0, len(words), _ROWS):
        some = words[k : k + _ROWS]
        ids = np.repeat(own[None], len(some), 0)
        for row, word in zip(ids, some, strict=True):
            row[list(word.tokens)] = mask_id
        logits = _logits(model, same, torch.tensor(ids, device=device))
        for row, word in zip(logits, some, strict=True):
            for t in word.tokens:
                found[:, t] = _sampled(row[t], int(own[t]), rng)
    return found


def _logits(model: Any, same: Mapping[str, torch.Tensor], ids: torch.Tensor) -> NDArray[np.float64]:
    """(B, T, V): the prediction of the masked language model for every token."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            output = model(**{k: v.expand(len(ids), -1) for k, v in same.items()} | {"input_ids": ids})
    finally:
        model.train(training)
    logits = getattr(output, "logits", None)
    if logits is None or logits.ndim != 3 or logits.shape[-1] <= int(ids.max()):
        raise InputError(
            f"{type(model).__name__} is no masked language model over the ids of this tokenizer: it has to give logits "
            "(batch, tokens, vocabulary), as AutoModelForMaskedLM does."
        )
    return logits.double().cpu().numpy()


def _sampled(logits: NDArray[np.float64], own: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draws from a softmax without the token that was there."""
    weights = np.exp(logits - logits.max())
    weights[own] = 0
    return rng.choice(len(weights), _DRAWS, p=weights / weights.sum())
