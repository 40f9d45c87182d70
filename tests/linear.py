"""A model whose every logit is a sum over its tokens, so that what each token contributes is known in closed form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from qalens.reader import Reader
from qalens.testing import toy_tokenizer

D = 6


class Tables(nn.Module):
    """Three tables whose rows add up, named as in a BERT."""

    def __init__(self, words: int):
        super().__init__()
        self.word_embeddings = nn.Embedding(words, D)
        self.position_embeddings = nn.Embedding(200, D)
        self.token_type_embeddings = nn.Embedding(2, D)

    def forward(self, ids: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)[None]
        return (
            self.word_embeddings(ids) + self.position_embeddings(places) + self.token_type_embeddings(types)
        )


class Linear(nn.Module):
    """Logit t is Σ over tokens u of pull[t, u] · (embedding of u @ direction), for start and for end."""

    def __init__(self, seed: int = 0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embeddings = Tables(len(toy_tokenizer()))
            self.directions = nn.Parameter(torch.randn(2, D))

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def pulls(self, T: int) -> torch.Tensor:
        """(2, T, T): how strongly the logits of each token (first) depend on each token (second)."""
        t = torch.arange(T, dtype=self.directions.dtype)
        return torch.stack([torch.sin(1.3 * t[:, None] + 0.7 * t + k) for k in (0.0, 2.0)])

    def shape(self, x: torch.Tensor) -> torch.Tensor:
        """What happens to the embeddings first: nothing. Models that are not linear change this."""
        return x

    def forward(self, input_ids: Any, attention_mask: Any = None, token_type_ids: Any = None) -> Any:
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        x = self.shape(self.embeddings(input_ids, types))
        if attention_mask is not None:
            x = x * attention_mask[..., None]
        start, end = (
            torch.einsum("tu,bu->bt", pull, x @ direction)
            for pull, direction in zip(self.pulls(x.shape[1]), self.directions, strict=True)
        )
        return SimpleNamespace(start_logits=start, end_logits=end)


def linear_reader(module: nn.Module | None = None, **options: Any) -> Reader:
    """A reader of such a model; of a new one where none is given."""
    return Reader(Linear() if module is None else module, toy_tokenizer(), **options)


def contributions(
    module: Linear, moved: np.ndarray, tokens: tuple[int, int], shares: tuple[int, ...] = (0, 1)
) -> np.ndarray:
    """(T,): what moving each embedding by `moved` (T, D) adds to start[tokens[0]] + end[tokens[1]], or to one of them."""
    pulls = module.pulls(len(moved)).detach().double().numpy()
    directions = module.directions.detach().double().numpy()
    return np.sum([pulls[k, tokens[k]] * (moved @ directions[k]) for k in shares], axis=0)
