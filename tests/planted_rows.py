"""Rows of an evaluation: with numbers that a test chose, and with random ones that come from real readings."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from qalens.evaluation.rows import TextSpan, example_row, redecided
from qalens.readings.reading import Reading, Source
from qalens.spans.decision import decide
from qalens.spans.distribution import SpanLogits, span_distribution
from qalens.testing import planted_reading, toy_tokenizer
from qalens.text.examples import CharSpan, Example
from qalens.text.windows import make_windows

TEXT = "Ada kept the lamp. Tom slept by the door, and it was day."
QUESTIONS = (
    "Who kept the lamp?",
    "What did Ada keep?",
    "When was it?",
    "How many slept?",
    "Name the keeper.",
)


tokenizer = lru_cache(toy_tokenizer)


def random_reading(
    seed,
    *,
    text=TEXT,
    question="Who kept the lamp?",
    threshold=0.0,
    gold=None,
    id=None,
    null=0.0,
    **windows,
):
    """A reading with random logits, of a scale that is random too, and the null token's higher by `null`."""
    rng = np.random.default_rng(seed)
    cut = make_windows(tokenizer(), question, text, **windows)
    start, end = rng.normal(0, rng.uniform(0.5, 4), (2, *cut.role.shape)).astype(np.float32)
    rows = np.arange(len(cut))
    start[rows, cut.null_index] += null
    end[rows, cut.null_index] += null
    spans = span_distribution(SpanLogits(cut, start, end))
    return Reading(
        example=Example(question, text, id=id, gold=gold),
        windows=cut,
        logits=SpanLogits(cut, start, end),
        spans=spans,
        decision=decide(spans, threshold=threshold),
        max_answer_length=30,
        source=Source("a random model", "0123456789abcdef"),
    )


def listed_reading(*words, text="Ada kept the lamp in the room.", **windows):
    """A reading of which several words, each a token, are equally good answers."""
    cut = make_windows(tokenizer(), "Who or what?", text, **windows)
    at = [text.index(word) for word in words]
    start = np.where(np.isin(cut.offsets[..., 0], at) & cut.answerable, 9.0, -9.0).astype(np.float32)
    spans = span_distribution(SpanLogits(cut, start, start), max_answer_length=1)
    return Reading(
        example=Example("Who or what?", text),
        windows=cut,
        logits=SpanLogits(cut, start, start),
        spans=spans,
        decision=decide(spans),
        max_answer_length=1,
    )


@lru_cache
def random_rows(count, *, seed=0, texts=7):
    """Rows of random readings of a few texts: half of them unanswerable, some decided rightly."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(count):
        text = f"{TEXT} {'It was late. ' * int(rng.integers(0, texts))}"
        question = QUESTIONS[int(rng.integers(0, len(QUESTIONS)))]
        null = float(rng.choice([0.0, 9.0]))
        reading = random_reading(1000 * seed + k, text=text, question=question, id=str(k), null=null)
        gold = (CharSpan(0, 3), CharSpan(0, 12)) if rng.random() < 0.5 else ()
        best = reading.decision.best
        if gold and best is not None and rng.random() < 0.5:
            gold = (*gold, best.span)
        known = replace(reading.example, gold=gold)
        rows.append(example_row(known, reading, title=f"article {len(text) % 3}"))
    return tuple(rows)


_BASE = planted_reading("Who kept it?", TEXT, answer="Ada")
_ROW = example_row(Example("Who kept it?", TEXT, id="0", gold=(CharSpan(0, 3),)), _BASE)
_ADA = TextSpan("Ada", 0, 3)


def row(number=0, *, margin=-1.0, answerable=True, exact=1.0, f1=None, threshold=0.0, **changes):
    """A row whose best span is as good as a test wants, decided at a threshold.

    `exact` and `f1` are those of the best span where there is an answer; without one every answer is wrong.
    """
    best = {"best_exact": exact, "best_f1": exact if f1 is None else f1} if answerable else {}
    said = TextSpan("Ada" if exact else "Tom", 0, 3)
    planted = replace(
        _ROW,
        id=str(number),
        golds=(_ADA,) if answerable else (),
        best=said,
        margin=margin,
        answer_length=1 if answerable else None,
        text_id=changes.pop("text_id", f"text {number}"),
    )
    planted = redecided(planted, threshold)
    unanswered = {"best_exact": 0.0, "best_f1": 0.0} if not answerable else best
    planted = replace(planted, **unanswered)
    if answerable and planted.answer is not None:
        planted = replace(planted, exact=best["best_exact"], f1=best["best_f1"])
    return replace(planted, **changes)
