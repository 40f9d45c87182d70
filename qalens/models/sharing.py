"""Which windows may share a batch, so that none of them changes the logits of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# (question, window, tokens) of one window.
Place = tuple[int, int, int]


class Sharing:
    """Which windows may share a batch of one model, learnt at the first batches.

    Most models ignore padding, so windows of any lengths may share a batch. Some do not (the convolutions of
    ConvBERT, the Fourier transform of FNet), so only windows of equal lengths may. Dynamic quantization fits its
    scale to the whole batch, so each window has to go alone. One window of a batch is read once more alone, the first
    time that a batch of its kind comes: with or without padding, and at each doubling of the length, since some
    architectures read long windows differently.
    """

    def __init__(self) -> None:
        self._equal_lengths = False
        self._alone = False
        self._compared: set[tuple[bool, int]] = set()

    @property
    def words(self) -> str:
        """In words which windows share a batch, as far as is known."""
        return "none" if self._alone else "of equal lengths" if self._equal_lengths else "any"

    def size(self, places: Sequence[Place], at: int, budget: int) -> int:
        """The number of windows of the next batch.

        Parameters
        ----------
        places : sequence of Place
            Windows, sorted by length.
        at : int
            The index at which the batch begins.
        budget : int
            The tokens of a batch, padding included.

        Returns
        -------
        int
        """
        if self._alone:
            return 1
        longest = places[at][2]
        many = min(max(1, budget // longest), len(places) - at)
        if not self._equal_lengths:
            return many
        return next((k for k in range(1, many) if places[at + k][2] != longest), many)

    def is_new(self, batch: Sequence[Place]) -> bool:
        """Whether no batch of this kind has been compared yet.

        Parameters
        ----------
        batch : sequence of Place
            The windows of the batch.

        Returns
        -------
        bool
        """
        return len(batch) > 1 and _kind(batch) not in self._compared

    def learn(self, batch: Sequence[Place], *, equal: bool) -> None:
        """Record the result of a comparison.

        Parameters
        ----------
        batch : sequence of Place
            The windows of the batch.
        equal : bool
            Whether a window has the same logits alone and in this batch.
        """
        self._compared.add(_kind(batch))
        if not equal and _kind(batch)[0]:
            self._equal_lengths = True
        elif not equal:
            self._alone = True


def _kind(batch: Sequence[Place]) -> tuple[bool, int]:
    lengths = [n for _, _, n in batch]
    return min(lengths) < max(lengths), max(lengths).bit_length()


def same_logits(a: NDArray[np.float32], b: NDArray[np.float32], precision: float) -> bool:
    """Whether two sets of logits differ by rounding alone.

    Parameters
    ----------
    a, b : ndarray of float32
        Logits of one shape.
    precision : float
        The smallest step at 1.

    Returns
    -------
    bool

    Examples
    --------
    >>> logits = np.array([9.0, -3.0], np.float32)
    >>> same_logits(logits, logits + 1e-5, 1.2e-7), same_logits(logits, logits + 1e-2, 1.2e-7)
    (True, False)
    """
    # Rounding adds up over layers, so about half of the digits are left to it. What a model masks is no measure.
    scale = max(1.0, float(np.abs(a[np.abs(a) < 1e4]).max(initial=0)))
    return bool(np.allclose(a, b, rtol=0, atol=precision**0.5 / 3 * scale, equal_nan=True))
