"""The spans that an answer may be, with the score of the best copy of each, from the logits of all windows.

They are worked out in a band of N tokens of the text × L lengths, where merging the copies that windows hold of a span is
one maximum over arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qalens.spans.logits import SpanLogits
from qalens.text.token_edges import context_runs, token_range, trimmed_edges

_Runs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
# What is worked on at a time where a text is long.
_BLOCK_TOKENS = 4096
# Places of the band up to which a single window is done at once: 546 tokens with answers of 30.
_ONE_WINDOW = 1 << 14
_FIELDS = {
    "start": np.int64,
    "end": np.int64,
    "score": np.float64,
    "window": np.int32,
    "token_start": np.int32,
    "token_end": np.int32,
}


def legal_spans(logits: SpanLogits, *, max_answer_length: int) -> dict[str, NDArray]:
    """Find the distinct legal character spans, sorted by start, then end.

    The spans are computed block by block, so that little memory is used beside the result.

    Parameters
    ----------
    logits : SpanLogits
        Start and end logits of W windows.
    max_answer_length : int
        The longest answer in tokens.

    Returns
    -------
    dict of str to ndarray
        The (S,) arrays of a `SpanDistribution` by name.
    """
    windows = logits.windows
    low, N = token_range(windows)
    L = max(1, min(max_answer_length, N))
    begin, finish = trimmed_edges(windows, low, N)
    runs = context_runs(windows)
    if len(windows) == 1 and N > 0 and N * L <= _ONE_WINDOW:
        found = _of_one_window(logits, int(runs[0][0]), begin, finish, L)
        if found is not None:
            return found
    most = _most_spans(runs, low, N, L)
    whole = {name: np.empty(most, dtype) for name, dtype in _FIELDS.items()}
    S = 0
    for first, last in _blocks(begin):
        band, window = _best_copies(logits, runs, low + first, low + last, L)
        part = _character_spans(band, window, first, begin, finish, len(windows.context))
        shift = (runs[0] - runs[1])[part["window"]] + low
        part["token_start"] += shift
        part["token_end"] += shift
        n = len(part["start"])
        for name, array in whole.items():
            array[S : S + n] = part[name]
        S += n
    return {name: array[:S] for name, array in whole.items()}


def _of_one_window(
    logits: SpanLogits, first: int, begin: NDArray[np.int64], finish: NDArray[np.int64], L: int
) -> dict[str, NDArray] | None:
    """The spans of a single window whose text begins at the token `first`, where none has to be merged or left out.

    None where two of them may have the same characters, one may be empty, or one is masked.
    """
    N = len(begin)
    starts, ends = (x[0, first : first + N].astype(np.float64) for x in (logits.start, logits.end))
    apart = (begin[1:] > begin[:-1]).all() and (finish[1:] > finish[:-1]).all() and (begin < finish).all()
    if not apart or min(starts.min(), ends.min()) == -np.inf:
        return None
    i, j = _token_pairs(N, L)
    return {
        "start": begin[i],
        "end": finish[j],
        "score": starts[i] + ends[j],
        "window": np.zeros(len(i), np.int32),
        "token_start": np.add(i, first, dtype=np.int32, casting="same_kind"),
        "token_end": np.add(j, first, dtype=np.int32, casting="same_kind"),
    }


def _token_pairs(N: int, L: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the last token of each span of at most L of N tokens, sorted by the first, then the last; L ≤ N."""
    whole = N - L + 1  # so many tokens have L spans that start there; those behind have fewer
    (i, j), (last_i, last_j) = _first_pairs(L), _last_pairs(L)
    return (
        np.concatenate([i[: whole * L], last_i + whole]),
        np.concatenate([j[: whole * L], last_j + whole]),
    )


@lru_cache(maxsize=32)
def _first_pairs(L: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tokens = np.arange(_ONE_WINDOW // L)
    i = np.repeat(tokens, L)
    return i, i + np.tile(np.arange(L), len(tokens))


@lru_cache(maxsize=32)
def _last_pairs(L: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.triu_indices(L - 1)


def _most_spans(runs: _Runs, low: int, N: int, L: int) -> int:
    """How many token spans the windows hold, each counted once."""
    reach = np.zeros(N, np.int64)
    _, number, count = runs
    for at, n in zip((number - low).tolist(), count.tolist(), strict=True):
        if n:
            np.maximum(reach[at : at + n], np.arange(n, 0, -1), out=reach[at : at + n])
    return int(np.minimum(reach, L).sum())


def _blocks(begin: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    """Runs of tokens to work on at a time, cut only where a token begins at a new character.

    Then all copies of one character span are in one block. Tokens that go backwards stay in one block.
    """
    N = len(begin)
    if (np.diff(begin) < 0).any():
        return [(0, N)]
    fresh = np.flatnonzero(np.diff(begin, prepend=-1) > 0)
    cuts = [0]
    while cuts[-1] < N:
        k = np.searchsorted(fresh, cuts[-1] + _BLOCK_TOKENS)
        cuts.append(int(fresh[k]) if k < len(fresh) else N)
    return pairwise(cuts)


def _best_copies(
    logits: SpanLogits, runs: _Runs, first: int, last: int, L: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Two arrays (last - first, L): score of the span that starts at a token with so many more, and its window.

    The maximum over the windows that hold the span; -inf where none does. Equal copies: the first window.
    """
    place, number, count = runs
    band = np.full((last - first, L), -np.inf)
    window = np.zeros((last - first, L), np.int32)
    for w in np.flatnonzero((number < last) & (number + count > first)):
        a, b = max(first, int(number[w])), min(last, int(number[w] + count[w]))
        shift = int(place[w] - number[w])
        behind = min(b + L - 1, int(number[w] + count[w]))
        ends = np.full(b - a + L - 1, -np.inf)
        ends[: behind - a] = logits.end[w, a + shift : behind + shift]
        starts = logits.start[w, a + shift : b + shift, None].astype(np.float64)
        score = starts + np.lib.stride_tricks.sliding_window_view(ends, L)
        here = slice(a - first, b - first)
        better = score > band[here]
        np.copyto(band[here], score, where=better)
        np.copyto(window[here], w, where=better)
    return band, window


def _character_spans(
    band: NDArray[np.float64],
    window: NDArray[np.int32],
    first: int,
    begin: NDArray[np.int64],
    finish: NDArray[np.int64],
    C: int,
) -> dict[str, NDArray]:
    """The distinct character spans behind a band of token spans whose first row is the seen token `first`.

    `token_start` and `token_end` count the seen tokens of the text, not yet those of the window.
    """
    place = np.flatnonzero(band > -np.inf)
    score, where = band.ravel()[place], window.ravel()[place]
    row, length = np.divmod(place, band.shape[1])
    # Long texts have millions of spans: what is not needed any more is freed.
    del place
    i = row + first
    j = i + length
    del row, length
    spans = {
        "start": begin[i],
        "end": finish[j],
        "score": score,
        "window": where,
        "token_start": i,
        "token_end": j,
    }
    keep = _best_of_equal(spans["start"], spans["end"], score, where, C)
    return spans if keep is None else {name: array[keep] for name, array in spans.items()}


def _best_of_equal(
    start: NDArray, end: NDArray, score: NDArray, window: NDArray, C: int
) -> NDArray[np.int64] | None:
    """Indices of the best copy of each distinct, non-empty character span, sorted by start, then end.

    Of equal copies that of the first window, there the first.

    None where they are all of that kind already, as with tokenizers that cut a text at characters.
    """
    key = start * (C + 1) + end
    if (np.diff(key) > 0).all() and (start < end).all():
        return None
    kept = np.flatnonzero(start < end)
    order = np.lexsort((window[kept], -score[kept], key[kept]))
    kept = kept[order]
    return kept[np.diff(key[kept], prepend=-1) != 0]
