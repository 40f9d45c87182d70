"""Clusters of spans are those of the plain loops that define them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qalens.spans.clusters import normalize_answer, overlap_labels, text_labels

# What makes a difference to a comparison of answers, beside letters: articles, signs, blanks, letters whose small form
# depends on their neighbours or is longer, and scripts without blanks.
PIECES = [
    "the",
    "The",
    "a",
    "an",
    "lamp",
    "T.H.E",
    "o'the",
    "the…",
    "ΟΔΟΣ",
    "Σ",
    "İ",
    "é",
    "e\u0301",
    "字",
    "字a字",
]
BLANKS = [" ", "  ", "\n", "\x1c", "\u3000", "\u200b", "-", ",", ""]


@st.composite
def scored_spans(draw):
    """A text, some of its spans sorted by start and end, and their order from the best to the worst."""
    parts = draw(
        st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(BLANKS)), min_size=1, max_size=12)
    )
    text = "".join(piece + blank for piece, blank in parts)
    place = st.integers(0, len(text) - 1)
    drawn = draw(st.sets(st.tuples(place, st.integers(1, 8)), min_size=1, max_size=40))
    spans = sorted({(a, min(len(text), a + n)) for a, n in drawn})
    # Few values, so that many scores are equal, or as many as there are spans.
    score = draw(
        st.lists(st.integers(0, draw(st.sampled_from([1, 3, 99]))), min_size=len(spans), max_size=len(spans))
    )
    start, end = np.array(spans).T.copy()
    return text, start, end, np.argsort(-np.array(score), kind="stable")


def slow_overlap(start, end, order):
    labels, heads = [-1] * len(start), []
    for s in order:
        if labels[s] >= 0:
            continue
        for t in range(len(start)):
            if labels[t] < 0 and start[t] < end[s] and start[s] < end[t]:
                labels[t] = len(heads)
        heads.append(int(s))
    return labels, heads


def slow_text(text, start, end, order):
    labels, heads = [-1] * len(start), {}
    for s in order:
        piece = text[start[s] : end[s]]
        labels[s] = (
            list(heads).index(key) if (key := normalize_answer(piece) or piece) in heads else len(heads)
        )
        heads.setdefault(key, int(s))
    return labels, list(heads.values())


@given(scored_spans())
def test_spans_that_overlap_go_to_the_best_head_that_they_meet(case):
    _, start, end, order = case
    labels, heads = overlap_labels(start, end, order)
    assert (labels.tolist(), heads.tolist()) == slow_overlap(start, end, order)


@given(scored_spans())
def test_spans_with_one_text_are_those_that_are_normalised_to_one(case):
    text, start, end, order = case
    labels, heads = text_labels(text, start, end, order)
    assert (labels.tolist(), heads.tolist()) == slow_text(text, start, end, order)


def test_many_heads_are_found_over_several_looks():
    """Every second character is a span that leads a cluster, more of them than are looked at at first."""
    n = 5_000
    start = np.repeat(np.arange(0, 2 * n, 2), 2)
    end = start + np.tile([1, 2], n)
    order = np.random.default_rng(7).permutation(2 * n)
    labels, heads = overlap_labels(start, end, order)
    rank = np.argsort(order)
    expected = np.arange(n) * 2 + (rank[1::2] < rank[::2])
    assert sorted(heads.tolist()) == expected.tolist()
    assert (labels[::2] == labels[1::2]).all()
    assert (start[heads[labels]] == start).all()
