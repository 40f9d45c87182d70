"""A target as a function of which words of its window are masked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import InputError, ModelError
from qalens.explain.attribution.embeddings import TargetFunction, WindowInput
from qalens.explain.attribution.record import Attribution
from qalens.explain.faithfulness.replacements import MaskedBy, replacement_ids
from qalens.explain.words import Word
from qalens.models.model import QAModel
from qalens.readings.reading import Reading


class MaskedTarget:
    """The words of one window that may be masked, and the target with any set of them masked.

    `words` are the varied words without special tokens and the words of the target's own spans; `passes` counts the
    rows that went through the model.

    Raises
    ------
    InputError
        If there is no such word.
    """

    def __init__(
        self,
        model: QAModel,
        reading: Reading,
        attribution: Attribution,
        *,
        by: MaskedBy,
        blanks: Mapping[str, int],
        seed: int,
        batch_tokens: int | None,
    ):
        target = attribution.target
        self.target = target
        self.model = model
        self.words = _maskable(attribution)
        if not self.words:
            raise InputError(
                "Every word of this window belongs to the target itself; there is nothing to mask."
            )
        self._window = WindowInput(model, reading, target.window)
        self._function = TargetFunction(reading, target)
        ids = replacement_ids(reading, target, self.words, by, blanks, seed=seed)
        self._instead = torch.as_tensor(ids, device=model.device)
        if batch_tokens is None:
            batch_tokens = model.batch_tokens
        T = self._window.shape[0]
        self._batch = max(1, batch_tokens // T)
        self._holds = np.zeros((len(self.words), T), bool)
        for k, word in enumerate(self.words):
            self._holds[k, list(word.tokens)] = True
        self._known: dict[bytes, float] = {}

    @property
    def passes(self) -> int:
        """The number of rows that went through the model."""
        return len(self._known) * len(self._instead)

    def values(self, masked: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The target with sets of words masked; the same set always gives the same number.

        Parameters
        ----------
        masked : ndarray of bool
            (R, n words).

        Returns
        -------
        ndarray of float64
            (R,).
        """
        new = {row.tobytes(): row for row in masked if row.tobytes() not in self._known}
        if new:
            self._known.update(zip(new, self._computed(np.stack(list(new.values()))).tolist(), strict=True))
        return np.array([self._known[row.tobytes()] for row in masked])

    def _computed(self, masked: NDArray[np.bool_]) -> NDArray[np.float64]:
        tokens = masked.astype(np.int64) @ self._holds.astype(np.int64) > 0
        found = []
        for k in range(0, len(tokens), self._batch):
            here = torch.as_tensor(tokens[k : k + self._batch], device=self.model.device)
            draws = [
                self._function(*self._window.scores_of_ids(torch.where(here, ids, self._window.ids)))
                for ids in self._instead
            ]
            found.append(torch.stack(draws).mean(0).cpu().numpy())
        values = np.concatenate(found)
        if not np.isfinite(values).all():
            raise ModelError(
                f"{self.model.name} gives {values[~np.isfinite(values)][0]} for the {self.target.words} of a text with masked "
                "words; nothing can be tested with that."
            )
        return values


def _maskable(attribution: Attribution) -> list[Word]:
    """The words that were varied, without those of the target's own spans."""
    target = attribution.target
    own = {
        t
        for pair in (target.tokens, target.rival_tokens)
        if pair is not None
        for t in range(pair[0], pair[1] + 1)
    }
    return [
        w
        for w in attribution.words
        if attribution.over in ("all", w.role.name.lower()) and not own.intersection(w.tokens)
    ]
