"""A small model for lessons: it answers with Ada where its text says that somebody kept something, and else not at all."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from qalens.reader import Reader
from qalens.testing import toy_tokenizer

LOW, HIGH = -8.0, 8.0  # the start and end logit of other tokens, and of Ada


class Keeper(nn.Module):
    """Words as unit vectors. "kept" makes Ada the place where an answer starts and ends, "lamp" speaks for no answer.

    `pause` are the seconds that every pass waits, so that a lesson can watch long work.
    """

    def __init__(self) -> None:
        super().__init__()
        known = toy_tokenizer().get_vocab()
        self.words = nn.Embedding.from_pretrained(torch.eye(len(known)))
        self.ada, self.kept, self.lamp = known["ada"], known["kept"], known["lamp"]
        self.pause = 0.0

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        time.sleep(self.pause)
        words = self.words(input_ids)
        inside = (token_type_ids * attention_mask).to(words.dtype)
        told, lamp = (
            (words[..., k] * inside).sum(-1, keepdim=True).clamp(0, 1) for k in (self.kept, self.lamp)
        )
        logits = LOW + (HIGH - LOW) * words[..., self.ada] * inside * told
        # The first token stands for no answer.
        logits = torch.cat([lamp, logits[:, 1:]], 1)
        return SimpleNamespace(start_logits=logits, end_logits=logits.clone())


def keeper_reader() -> Reader:
    """A reader with small windows, two of them in a batch, so that an article is many."""
    return Reader(Keeper(), toy_tokenizer(), max_length=128, stride=32, batch_tokens=256)
