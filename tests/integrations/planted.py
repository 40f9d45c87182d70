"""A model whose start and end logits are planted token by token, behind the question-answering pipeline."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from qalens.integrations.transformers import QuestionAnsweringPipeline
from qalens.testing import toy_tokenizer


class Planted(torch.nn.Module):
    """Every token has the start and end logit that is planted for it, wherever it stands; others have `other`."""

    def __init__(self, start: dict[str, float], end: dict[str, float], other: float = -8.0):
        super().__init__()
        words = len(toy_tokenizer())
        self.table = torch.nn.Embedding(words, 2)
        ids = toy_tokenizer().get_vocab()
        with torch.no_grad():
            self.table.weight.fill_(other)
            for k, planted in enumerate((start, end)):
                for token, logit in planted.items():
                    self.table.weight[ids[token], k] = logit

    @property
    def device(self) -> torch.device:
        return self.table.weight.device

    def get_input_embeddings(self) -> torch.nn.Embedding:
        return self.table

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        start, end = self.table(input_ids).unbind(-1)
        return SimpleNamespace(start_logits=start, end_logits=end)


def planted_pipeline(
    start: dict[str, float], end: dict[str, float], *, other: float = -8.0, padding: str = "right", **options
) -> QuestionAnsweringPipeline:
    tokenizer = toy_tokenizer()
    tokenizer.padding_side = padding
    return QuestionAnsweringPipeline(Planted(start, end, other), tokenizer, device="cpu", **options)
