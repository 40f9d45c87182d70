"""Summaries of readings: from the distribution against a slow count, and in one pass against those of the distribution."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from checkpoints import TOKENIZERS
from test_one_pass import ODD, TEXTS, random_logits, with_values

from qalens.spans.decision import decide
from qalens.spans.distribution import SpanLogits, span_distribution
from qalens.spans.plain_summary import plain_summaries
from qalens.spans.summary import LEAST_PLACE, TEMPERATURES, summary_of
from qalens.testing import toy_tokenizer
from qalens.text.examples import CharSpan
from qalens.text.windows import PairTokenizer


def drawn_golds(text, rng):
    """No gold answers known, none there, or one to three pieces of the text, mostly not on tokens."""
    if rng.random() < 0.3:
        return None if rng.random() < 0.5 else []
    starts = rng.integers(len(text), size=int(rng.integers(1, 4)))
    return [CharSpan(int(a), min(len(text), int(a) + int(rng.integers(1, 9)))) for a in starts]


def both(logits, golds, longest):
    """Summaries in one pass, and each from its distribution."""
    spans = [span_distribution(one, max_answer_length=longest) for one in logits]
    decisions = [decide(one) for one in spans]
    quick = plain_summaries(logits, decisions, golds, max_answer_length=longest)
    return quick, list(map(summary_of, logits, spans, decisions, golds))


def assert_same(mine, theirs):
    for field in fields(mine):
        told, right = getattr(mine, field.name), getattr(theirs, field.name)
        if field.name == "right_places" or right is None:
            assert told == right
        else:
            assert told == pytest.approx(right, rel=1e-9, abs=2e-6 if type(right) is tuple else 1e-13)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(("longest", "scale"), [(1, 4.0), (3, 1.0), (30, 8.0), (500, 4.0)])
def test_a_batch_is_summed_up_as_its_distributions_are(name, longest, scale):
    pair, rng = PairTokenizer(TOKENIZERS[name]()), np.random.default_rng(longest)
    logits = [random_logits(pair, text, rng, scale=scale) for text in TEXTS for _ in range(6)]
    golds = [drawn_golds(one.windows.context, rng) for one in logits]
    told = [pair for pair in zip(*both(logits, golds, longest), strict=True) if pair[0] is not None]
    assert len(told) > 5 or name == "xlm-roberta-scripts"  # which spells these words
    for quick, slow in told:
        assert_same(quick, slow)


def test_of_places_that_hardly_count_the_right_one_is_found():
    """Gold answers in the last tokens of texts whose probability lies elsewhere, down to 1e-30."""
    rng = np.random.default_rng(1)
    logits, golds = [], []
    for deep in range(40):
        one = random_logits(toy_tokenizer(), "the lamp of the room and the keeper of the sea " * 3, rng)
        end = len(one.windows.context.rstrip())
        logits.append(with_values(one, [(0, 2, 20.0 + deep), (1, 3, 20.0 + deep)]))
        golds.append([CharSpan(end - 3, end)])
    quick, slow = both(logits, golds, 30)
    for mine, theirs in zip(quick, slow, strict=True):
        assert_same(mine, theirs)
    assert min(one.true_place for one in slow) < 1e-25
    assert all(one.true_place > 0 for one in quick)


@pytest.mark.parametrize("odd", [*ODD, "a best span too far below for the lowest temperature"])
def test_what_needs_its_distribution_is_left_to_it_and_changes_no_neighbour(odd):
    rng = np.random.default_rng(0)
    first, last = (random_logits(toy_tokenizer(), text, rng) for text in TEXTS[:2])
    far = with_values(random_logits(toy_tokenizer(), "a b " * 20, rng), [(0, 39, 100.0), (1, 0, 100.0)])
    middle = ODD[odd](rng) if odd in ODD else far
    golds = [[CharSpan(0, 3)], [], None]
    quick, slow = both([first, middle, last], golds, 30)
    assert quick[1] is None
    assert_same(quick[0], slow[0])
    assert_same(quick[2], slow[2])


def test_sums_stay_in_their_ranges_and_equal_places_in_their_order():
    rng = np.random.default_rng(2)
    texts = ["lamp", "Ada kept the lamp.", "the lamp of the room and the keeper of the sea " * 2]
    drawn = [random_logits(toy_tokenizer(), texts[k % 3], rng, scale=3.0) for k in range(90)]
    # Without any difference, with many ties, and far apart.
    logits = [
        SpanLogits(one.windows, *(np.round(x * (0.0, 0.3, 40.0)[k // 3 % 3]) for x in (one.start, one.end)))
        for k, one in enumerate(drawn)
    ]
    golds = [drawn_golds(one.windows.context, rng) for one in logits]
    told = [pair for pair in zip(*both(logits, golds, 30), strict=True) if pair[0] is not None]
    assert len(told) > 60
    for quick, slow in told:
        assert_same(quick, slow)
        assert 0.0 <= quick.cluster_probability <= 1.0
        assert quick.given_answer <= 1.0
        assert quick.entropy >= 0.0
        assert min(*quick.masses, *quick.cluster_masses) >= 0.0
        assert "-0.0" not in map(str, (*quick.masses, *quick.cluster_masses, *quick.mean_scores))
        assert list(quick.places) == sorted(quick.places, reverse=True)


def test_a_null_token_without_a_score_takes_no_part():
    logits = random_logits(toy_tokenizer(), TEXTS[0], np.random.default_rng(0))
    start = logits.start.copy()
    start[0, logits.windows.null_index[0]] = -np.inf
    quick, slow = both([SpanLogits(logits.windows, start, logits.end)], [[]], 30)
    assert_same(quick[0], slow[0])
    assert quick[0].true_place == quick[0].null_product == 0.0


def test_a_summary_is_that_of_the_spans_counted_one_by_one():
    rng = np.random.default_rng(3)
    logits = random_logits(toy_tokenizer(), TEXTS[2], rng)
    spans = span_distribution(logits)
    decision, gold = decide(spans), CharSpan(4, 8)
    found = summary_of(logits, spans, decision, [gold])
    best = decision.best
    x = [score - best.score for score in spans.score.tolist()]
    near = [a < best.span.end and b > best.span.start for a, b in zip(spans.start, spans.end, strict=True)]
    for k, temperature in enumerate(TEMPERATURES):
        weights = [math.exp(one / temperature) for one in x]
        assert found.masses[k] == pytest.approx(math.log(math.fsum(weights)), abs=1e-6)
        close = math.fsum(w for w, n in zip(weights, near, strict=True) if n)
        assert found.cluster_masses[k] == pytest.approx(math.log(close), abs=1e-6)
        mean = math.fsum(w * one for w, one in zip(weights, x, strict=True)) / math.fsum(weights)
        assert found.mean_scores[k] == pytest.approx(mean, abs=1e-6)
    clusters = spans.clusters()
    likely = sorted((c.probability for c in clusters if c.probability >= LEAST_PLACE), reverse=True)
    assert found.places == pytest.approx(likely, abs=1e-6)
    right = [c.probability for c in clusters if c.best.span.start < gold.end and c.best.span.end > gold.start]
    assert found.true_place == pytest.approx(max(right), rel=1e-9)
    assert found.gold_scores == (spans.find(4, 8).score,)
