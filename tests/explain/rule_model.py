"""A question-answering model that follows a rule of its test: what it answers is known for every set of words."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import torch

from qalens.reader import Reader
from qalens.testing import toy_tokenizer

# From the words of the question and those of the text to the word to answer with, or None; a pair also gives its logit,
# which leads to an answer from 0 on.
Rule = Callable[[set[str], set[str]], str | tuple[str, float] | None]


class RuleModel(torch.nn.Module):
    """Answers with the first place of the words that `rule` names, or not at all; `texts` counts the windows it read.

    A rule that raises `FloatingPointError` makes NaN logits, as an overflow would.
    """

    def __init__(self, rule: Rule):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.rule = rule
        self.tokenizer = toy_tokenizer()
        self.texts = 0

    def forward(self, input_ids, attention_mask, token_type_ids):
        start, end = torch.full((2, *input_ids.shape), -20.0)
        self.texts += len(input_ids)
        for row, (ids, real, segments) in enumerate(
            zip(input_ids, attention_mask, token_type_ids, strict=True)
        ):
            tokens = self.tokenizer.convert_ids_to_tokens(ids[real == 1].tolist())
            first = segments.tolist().index(1)
            try:
                answer = self.rule(set(tokens[:first]), set(tokens[first:]))
            except FloatingPointError:
                start[row] = torch.nan
                continue
            words, logit = answer if isinstance(answer, tuple) else (answer, 6.0)
            words = (words or "[CLS]").split()
            places = [t for t in range(first, len(tokens)) if tokens[t : t + len(words)] == words]
            start[row, 0] = end[row, 0] = 0.0 if places else logit
            for t in places[:1]:
                start[row, t] = end[row, t + len(words) - 1] = logit
        return SimpleNamespace(start_logits=start, end_logits=end)


def rule_reader(rule: Rule, **options) -> Reader:
    """A reader whose model follows a rule.

    It sees no padding, so no window of a batch is read again alone to compare, and tests can count what was read.
    """
    reader = Reader(RuleModel(rule), toy_tokenizer(), **options)
    reader.model._sharing.is_new = lambda batch: False
    return reader
