"""The question-answering pipeline of transformers 4 once more, slowly: windows by the tokenizer itself, spans by plain loops.

Written from what the old pipeline did, and it shares no code with `qalens.integrations`: one window at a time goes through
the model, and every pair of tokens is looked at. Only for tokenizers that pad on the right.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch


class Span(NamedTuple):
    score: float
    start: int
    end: int


def old_answers(
    tokenizer: Any, module: Any, question: str, context: str, **options: Any
) -> list[dict[str, Any]]:
    """What the old pipeline answered: the best candidates of each window, equal texts added up."""
    top_k, align = options.get("top_k", 1), options.get("align_to_words", True)
    answers: list[dict[str, Any]] = []
    for spans, _ in windows(tokenizer, module, question, context, options, trim=False):
        candidates = sorted(spans, key=lambda span: -span.score)[: 2 * top_k + 10 if align else top_k]
        for span in candidates:
            text = context[span.start : span.end]
            same = [one for one in answers if one["answer"].lower() == text.lower()]
            if same:
                same[0]["score"] += span.score
            else:
                answers.append({**span._asdict(), "answer": text})
    answers += no_answer(tokenizer, module, question, context, options)
    return sorted(answers, key=lambda one: -one["score"])[:top_k]


def best_places(
    tokenizer: Any, module: Any, question: str, context: str, **options: Any
) -> list[dict[str, Any]]:
    """The same products, but of each place the best copy, without blanks, and nothing added up."""
    best: dict[tuple[int, int], float] = {}
    for spans, _ in windows(tokenizer, module, question, context, options, trim=True):
        for score, start, end in spans:
            if start < end:
                best[start, end] = max(score, best.get((start, end), 0.0))
    answers = [
        {"score": score, "start": start, "end": end, "answer": context[start:end]}
        for (start, end), score in best.items()
    ]
    answers += no_answer(tokenizer, module, question, context, options)
    return sorted(answers, key=lambda one: -one["score"])[: options.get("top_k", 1)]


def no_answer(tokenizer: Any, module: Any, question: str, context: str, options: Any) -> list[dict[str, Any]]:
    if not options.get("handle_impossible_answer", False):
        return []
    null = min(null for _, null in windows(tokenizer, module, question, context, options, trim=False))
    return [{"score": null, "start": 0, "end": 0, "answer": ""}]


def windows(tokenizer: Any, module: Any, question: str, context: str, options: Any, *, trim: bool):
    """For each window its possible spans and the score of no answer."""
    length = options.get("max_seq_len") or min(tokenizer.model_max_length, 384)
    overlap = options.get("doc_stride")
    encoding = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=length,
        stride=min(length // 2, 128) if overlap is None else overlap,
        return_overflowing_tokens=True,
    )
    for w, one in enumerate(encoding.encodings):
        inputs = {
            name: torch.tensor([encoding[name][w]])
            for name in tokenizer.model_input_names
            if name in encoding
        }
        with torch.no_grad():
            output = module(**inputs)
        null = one.ids.index(tokenizer.cls_token_id)
        tokens = [t for t, part in enumerate(one.sequence_ids) if part == 1]
        start = probabilities(output.start_logits[0].tolist(), [*tokens, null])
        end = probabilities(output.end_logits[0].tolist(), [*tokens, null])
        begin, finish = edges(one, tokens, align=options.get("align_to_words", True))
        spans = []
        for i in tokens:
            for j in tokens:
                score = start[i] * end[j]
                if i <= j < i + options.get("max_answer_len", 15) and score > 0:
                    place = begin[i], finish[j]
                    spans.append(Span(score, *(trimmed(context, *place) if trim else place)))
        yield spans, start[null] * end[null]


def probabilities(logits: list[float], places: list[int]) -> dict[int, float]:
    top = max(logits[t] for t in places)
    weights = {t: math.exp(logits[t] - top) for t in places}
    total = sum(weights.values())
    return {t: weight / total for t, weight in weights.items()}


def edges(encoding: Any, tokens: list[int], *, align: bool) -> tuple[dict[int, int], dict[int, int]]:
    """The character at which each token begins and behind which it ends, or the word that it belongs to."""
    offsets, words = encoding.offsets, encoding.word_ids
    begin, finish = {}, {}
    for t in tokens:
        mates = [u for u in tokens if words[u] == words[t]] if align else [t]
        begin[t] = min(offsets[u][0] for u in mates)
        finish[t] = max(offsets[u][1] for u in mates)
    return begin, finish


def trimmed(context: str, start: int, end: int) -> tuple[int, int]:
    while start < end and context[start].isspace():
        start += 1
    while start < end and context[end - 1].isspace():
        end -= 1
    return start, end
