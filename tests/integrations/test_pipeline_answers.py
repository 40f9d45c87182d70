"""Answers of the pipeline with probabilities: against a count of all spans one by one, and what it takes for long texts."""

from __future__ import annotations

import tracemalloc
from collections import defaultdict

import numpy as np
import pytest
from checkpoints import TOKENIZERS

from qalens.integrations.pipeline_answers import edges_of, probable_answers
from qalens.integrations.pipeline_options import PipelineOptions
from qalens.readings.reading import Reading
from qalens.spans.decision import decide
from qalens.spans.distribution import SpanLogits, largest_first, span_distribution
from qalens.text.examples import Example
from qalens.text.windows import PairTokenizer, make_windows

TEXTS = {
    "plain": "Ada kept the lamp, and the keeper's room; the sea was calm. ",
    "decomposed": "Zoe\u0308 le\u0301ft the re\u0301sume\u0301 to A\u0301da. ",
    "unspaced": "東京の灯台は一八四三年に建てられた。 ",
}


def reading_of(pair, text, longest, seed=0):
    windows = make_windows(pair, "Who kept it?", text, max_length=96)
    start, end = np.random.default_rng(seed).normal(0, 3, (2, *windows.role.shape)).astype(np.float32)
    logits = SpanLogits(windows, start, end)
    spans = span_distribution(logits, max_answer_length=longest)
    return Reading(Example("Who kept it?", text), windows, logits, spans, decide(spans), longest)


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", TOKENIZERS)
def test_each_answer_has_the_probability_of_all_spans_that_widen_to_it(name, text, words):
    pair = PairTokenizer(TOKENIZERS[name]())
    reading = reading_of(pair, TEXTS[text] * 4, 15)
    edges, spans = edges_of(reading.windows, pair, words=words), reading.spans
    index = reading.windows.context_index
    slow = defaultdict(float)
    for s, p in enumerate(spans.probabilities().tolist()):
        tokens = index[spans.window[s], [spans.token_start[s], spans.token_end[s]]].tolist()
        slow[edges.characters(*tokens)] += p
    found = probable_answers(reading, pair, PipelineOptions(top_k=10**6, align_to_words=words))
    assert {(one.start, one.end): one.score for one in found} == pytest.approx(slow, rel=1e-9)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    best = probable_answers(reading, pair, PipelineOptions(top_k=3, align_to_words=words))
    assert best == found[:3]


@pytest.mark.parametrize("text", TEXTS)
def test_what_it_takes_grows_as_the_text_does(text):
    pair = PairTokenizer(TOKENIZERS["roberta"]())
    most = []
    for times in (40, 320):
        reading = reading_of(pair, TEXTS[text] * times, 5)
        tracemalloc.start()
        probable_answers(reading, pair, PipelineOptions())
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] < 12 * most[0]


def test_the_largest_come_first_and_of_equal_ones_the_first():
    values = np.random.default_rng(0).integers(0, 9, 200).astype(np.float64)
    order = sorted(range(200), key=lambda k: (-values[k], k))
    for k in (1, 5, 199, 200, 300):
        assert largest_first(values, k).tolist() == order[:k]
