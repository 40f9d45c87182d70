"""The old Haystack reader once more, slowly: plain loops over the tokens that the tokenizer's own overflow gives.

Written from a description of what it did, and sharing no code with qalens: windows by the tokenizer, one unpadded forward
pass for each, scores by `math.exp`, overlaps character by character.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class OldAnswer:
    """One answer: the number of its document (None for no answer), its characters (0 and 0 for no answer) and its score."""

    document: int | None
    span: tuple[int, int]
    score: float


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def window_spans(
    model: Any, encoded: Any, w: int, factor: float, segments: bool
) -> list[tuple[float, int, int]]:
    """(score, start, end) of every pair of context tokens of one window, the end not before the start."""
    names = ["input_ids", *(["token_type_ids"] if segments else [])]
    with torch.inference_mode():
        out = model(**{name: torch.tensor([encoded[name][w]]) for name in names})
    starts, ends = out.start_logits[0].tolist(), out.end_logits[0].tolist()
    tokens = [t for t, part in enumerate(encoded.sequence_ids(w)) if part == 1]
    offsets = encoded["offset_mapping"][w]
    return [
        (sigmoid(factor * (starts[i] + ends[j])), offsets[i][0], offsets[j][1])
        for i in tokens
        for j in tokens
        if i <= j
    ]


def share(a: tuple[int, int], b: tuple[int, int]) -> float:
    """The part of the shorter span that both hold."""
    both = set(range(*a)) & set(range(*b))
    return len(both) / min(len(range(*a)), len(range(*b))) if both else 0.0


def old_answers(
    model: Any,
    tokenizer: Any,
    query: str,
    texts: Sequence[str],
    *,
    segments: bool,
    top_k: int = 20,
    score_threshold: float | None = None,
    max_seq_length: int = 96,
    stride: int = 24,
    answers_per_seq: int = 20,
    no_answer: bool = True,
    calibration_factor: float = 0.1,
    overlap_threshold: float | None = 0.01,
) -> list[OldAnswer]:
    pooled: list[OldAnswer] = []
    for d, text in enumerate(texts):
        encoded = tokenizer(
            query,
            text,
            truncation="longest_first",
            max_length=max_seq_length,
            stride=stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_token_type_ids=True,
        )
        for w in range(len(encoded["input_ids"])):
            spans = window_spans(model, encoded, w, calibration_factor, segments)
            best = sorted(spans, key=lambda span: -span[0])[:answers_per_seq]
            pooled += [OldAnswer(d, (start, end), score) for score, start, end in best]
    pooled.sort(key=lambda answer: -answer.score)
    kept: list[OldAnswer] = []
    for one in pooled:
        rivals = [k for k in kept if k.document == one.document]
        if overlap_threshold is None or all(share(one.span, k.span) <= overlap_threshold for k in rivals):
            kept.append(one)
    kept = kept[:top_k]
    if no_answer:
        kept.append(OldAnswer(None, (0, 0), math.prod(1 - k.score for k in kept)))
    kept.sort(key=lambda answer: -answer.score)
    return [k for k in kept if score_threshold is None or k.score >= score_threshold]
