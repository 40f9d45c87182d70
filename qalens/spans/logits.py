"""Start and end logits: how well an answer would start, and how well it would end, at every token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.errors import ModelError
from qalens.records import read_only
from qalens.text.windows import Windows

_TOO_LARGE = 1e12


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class SpanLogits:
    """The start and end logits of every token, unmasked and unscaled, as the model returned them.

    Attributes
    ----------
    windows : Windows
        The `Windows` that the model read.
    start, end : ndarray of float32
        (W, T): the logits; values at padding have no meaning.

    Raises
    ------
    ModelError
        For NaN, plus infinity, or 10^12 and more at a token that is not padding.

    Examples
    --------
    >>> from qalens.testing import planted_logits
    >>> logits = planted_logits("Ada kept the lamp.", answer="Ada")
    >>> logits.start.shape == logits.windows.role.shape
    True
    """

    windows: Windows
    start: NDArray[np.float32]
    end: NDArray[np.float32]

    def __post_init__(self) -> None:
        real = self.windows.lengths
        for name, logits in (("start", self.start), ("end", self.end)):
            if logits.shape != self.windows.role.shape:
                raise ModelError(
                    f"{name} logits of shape {logits.shape} do not fit windows of shape {self.windows.role.shape}."
                )
            logits.flags.writeable = False
            # Mostly all is well, and one check is enough: the maximum with a NaN is NaN, which is not below anything.
            if logits.max(initial=0) < _TOO_LARGE:
                continue
            # Beyond that, the logarithm of a number of spans would be lost beside a score.
            bad = ~(logits < _TOO_LARGE) & (np.arange(logits.shape[1]) < real[:, None])
            if bad.any():
                w, t = np.argwhere(bad)[0]
                raise ModelError(
                    f"The model gave {logits[w, t]} as {name} logit of token {t} in window {w} "
                    f"({bad.sum()} such values); no probability can be told from that. In half precision that is often an "
                    'overflow, and dtype="float32" avoids it.'
                )

    @property
    def null_scores(self) -> NDArray[np.float64]:
        """(W,): start + end logit at the null token of each window."""
        rows = np.arange(len(self.windows))
        null = self.windows.null_index
        return self.start[rows, null].astype(np.float64) + self.end[rows, null]

    def one_window(self, w: int) -> SpanLogits:
        """The logits of one window alone.

        Parameters
        ----------
        w : int
            The index of the window.

        Returns
        -------
        SpanLogits
        """
        keep = slice(w, w + 1)
        whole = self.windows
        alone = Windows(
            question=whole.question,
            context=whole.context,
            model_inputs={name: array[keep] for name, array in whole.model_inputs.items()},
            tokens=whole.tokens[keep],
            role=whole.role[keep],
            offsets=whole.offsets[keep],
            context_index=whole.context_index[keep],
            null_index=whole.null_index[keep],
            padding=whole.padding,
        )
        return SpanLogits(alone, self.start[keep], self.end[keep])

    def __repr__(self) -> str:
        W, T = self.start.shape
        return f"SpanLogits({W} × {T})"
