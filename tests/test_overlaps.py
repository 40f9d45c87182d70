"""Splits of one source that overlap: against plain loops over all places, and what is no overlap stays as it was."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from planted_rows import random_reading

from qalens.readings.documents import join_readings
from qalens.readings.provenance import Document, as_document
from qalens.readings.reading import FailedReading

QUESTION = "Who kept the lamp?"
SOURCE = (
    "Ada kept the lamp. Tom slept by the door, and it was day. Gulls cried, and the lamp went out at nine."
)
# The first character of each split and the one past its last.
CUTS = {
    "two": [(0, 57), (19, 101)],
    "three on one place": [(0, 57), (9, 80), (19, 101)],
    "one inside another": [(0, 101), (19, 57)],
    "the same twice": [(0, 57), (0, 57)],
    "in another order": [(58, 101), (0, 57), (42, 80)],
    "side by side": [(0, 18), (19, 57)],
}


def haystack(start, **meta):
    return {"source_id": "log", "split_id": 3, "split_idx_start": start, **meta}


def splits(cuts, meta=haystack):
    documents = [Document(SOURCE[a:b], id=f"split {k}", meta=meta(a)) for k, (a, b) in enumerate(cuts)]
    return documents, [random_reading(k, text=one.text) for k, one in enumerate(documents)]


def by_hand(readings, places):
    """{(source place, start, end): the best score}, and the log of the normaliser."""
    best: dict = {}
    for reading, (source, first) in zip(readings, places, strict=True):
        for start, end, score in zip(
            reading.spans.start, reading.spans.end, reading.spans.score, strict=True
        ):
            key = source, first + int(start), first + int(end)
            best[key] = max(best.get(key, -math.inf), float(score))
    null = min(float(one.spans.null_scores.min()) for one in readings)
    return best, float(np.logaddexp(null, np.logaddexp.reduce(list(best.values()))))


@pytest.mark.parametrize("cuts", CUTS.values(), ids=list(CUTS))
@pytest.mark.parametrize("meta", [haystack, lambda a: {"source": "log.txt", "start_index": np.int64(a)}])
def test_a_place_of_a_source_counts_once_with_its_best_score(cuts, meta):
    documents, readings = splits(cuts, meta)
    reading = join_readings(QUESTION, documents, readings)
    best, log_normalizer = by_hand(readings, [("log", a) for a, _ in cuts])
    assert reading.log_normalizer == pytest.approx(log_normalizer)
    found = {
        (cuts[one.document][0] + one.span.start, cuts[one.document][0] + one.span.end): one.score
        for one in reading.top(10**6)
    }
    assert found == pytest.approx({key[1:]: score for key, score in best.items()})
    assert len(reading.top(10**6)) == len(best)
    total = sum(reading.document_probabilities) + reading.no_answer_probability
    assert total == pytest.approx(1)
    assert reading.joined().document_probabilities() == pytest.approx(reading.document_probabilities)


def test_the_order_of_splits_changes_no_probability():
    documents, readings = splits(CUTS["three on one place"])
    told = set()
    for order in permutations(range(3)):
        reading = join_readings(QUESTION, [documents[k] for k in order], [readings[k] for k in order])
        told.add((round(reading.log_normalizer, 9), reading.top(1)[0].id, reading.top(1)[0].span))
    assert len(told) == 1


def test_a_split_that_lost_spans_is_decided_anew_and_still_sums_to_one():
    documents, readings = splits(CUTS["the same twice"])
    reading = join_readings(QUESTION, documents, readings)
    for one in reading.readings:
        assert one.spans.probabilities().sum() + one.spans.null_probability == pytest.approx(1)
        assert one.decision.best.score == one.spans.score.max()
    kept = sum(len(one.spans) for one in reading.readings)
    assert kept == len(readings[0].spans) == len(readings[1].spans)


def test_a_split_of_which_nothing_is_left_is_shown_and_joined():
    documents, (first, _) = splits(CUTS["the same twice"])
    reading = join_readings(QUESTION, documents, [first, first])
    assert [len(one.spans) for one in reading.readings] == [len(first.spans), 0]
    assert reading.document_probabilities[1] == 0
    assert reading.log_normalizer == pytest.approx(first.spans.log_normalizer)
    whole = reading.joined()
    assert whole.decision.best.score == reading.decision.best.score
    assert whole.places[1].start < whole.places[1].end
    assert "split 1" in reading._repr_html_()


NO_OVERLAPS = {
    "sources of other names": [haystack(0), {**haystack(19), "source_id": "diary"}],
    "no source": [{"split_idx_start": 0}, {"split_idx_start": 19}],
    "no place": [{"source_id": "log"}, {"source_id": "log"}],
    "a place that is none": [haystack(0), haystack(-1)],
    "a truth value": [haystack(0), haystack(True)],
    "a place in words": [haystack(0), haystack("19")],
    "a place that says something else": [haystack(0), haystack(20)],
    "two forms": [haystack(0), {"source": "log", "start_index": 19}],
    "no meta": [{}, {}],
}


@pytest.mark.parametrize("metas", NO_OVERLAPS.values(), ids=list(NO_OVERLAPS))
def test_what_is_not_told_to_be_one_place_counts_each(metas):
    cuts = [(0, 57), (19, 101)]
    documents, readings = splits(cuts)
    documents = [Document(one.text, one.id, meta) for one, meta in zip(documents, metas, strict=True)]
    reading = join_readings(QUESTION, documents, readings)
    _, log_normalizer = by_hand(readings, [(k, 0) for k in range(2)])
    assert reading.log_normalizer == pytest.approx(log_normalizer)
    assert reading.readings == tuple(readings)


def test_a_split_that_was_not_read_takes_no_place_away():
    documents, readings = splits(CUTS["two"])
    failed = FailedReading(documents[0], ValueError("no"))
    reading = join_readings(QUESTION, documents, [failed, readings[1]])
    assert reading.readings == (failed, readings[1])


def test_rows_of_a_table_are_splits_too():
    frame = pd.DataFrame([{"text": SOURCE[a:b], "source": "log", "start_index": a} for a, b in CUTS["two"]])
    documents = [as_document(row) for row in frame.to_dict("records")]
    readings = [random_reading(k, text=one.text) for k, one in enumerate(documents)]
    reading = join_readings(QUESTION, documents, readings)
    _, log_normalizer = by_hand(readings, [("log", a) for a, _ in CUTS["two"]])
    assert reading.log_normalizer == pytest.approx(log_normalizer)


def test_splits_as_haystack_makes_them_count_each_place_once():
    haystack = pytest.importorskip("haystack")
    from haystack.components.preprocessors import DocumentSplitter

    splitter = DocumentSplitter(split_by="word", split_length=8, split_overlap=3)
    documents = [as_document(one) for one in splitter.run([haystack.Document(content=SOURCE)])["documents"]]
    readings = [random_reading(k, text=one.text) for k, one in enumerate(documents)]
    places = [(one.meta["source_id"], one.meta["split_idx_start"]) for one in documents]
    best, log_normalizer = by_hand(readings, places)
    reading = join_readings(QUESTION, documents, readings)
    assert len(documents) > 2
    assert sum(len(one.spans) for one in readings) > len(best)
    assert reading.log_normalizer == pytest.approx(log_normalizer)
