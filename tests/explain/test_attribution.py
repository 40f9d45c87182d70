"""The record of an attribution: sums by word, segment and part, ranks, and what a JSON file can hold."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalens.errors import InputError
from qalens.explain.attribution.record import (
    Attribution,
    Diagnostics,
    FailedAttribution,
    answer_share,
    rank_correlation,
)
from qalens.explain.targets import Contrast, resolve
from qalens.explain.words import window_words
from qalens.readings.reading import Source
from qalens.testing import planted_reading
from qalens.text.windows import Role

READING = planted_reading("Who kept it?", "Ada kept the lantern.", answer="Ada")
# [CLS] who kept it ? [SEP] ada kept the l ##a ##n ##t ##e ##r ##n . [SEP]
VALUES = np.array([0.5, 1, -2, 0, 0.25, -0.5, 4, -1, 0, 1, 1, 1, -1, 1, 1, 1, -3, 2], float)
# Three and four make five, over the first two tokens of "lantern".
SIZES = np.array([1, 2, 2, 1, 1, 0, 4, 1, 1, 3, 4, 0, 0, 0, 0, 0, 3, 2], float)
TRUST = Diagnostics(
    value=6.25,
    baseline_value=1.0,
    completeness_error=0.125,
    tolerance=0.05,
    converged=False,
    passes=41,
    other_span_share=0.5,
    agreement={"mask": 0.75, "zero": math.nan},
    answer_share=0.2,
)


def planted(**changes) -> Attribution:
    windows = READING.windows
    fields = {
        "question": READING.question,
        "context": READING.context,
        "target": resolve(READING, "answer"),
        "method": "integrated_gradients",
        "baseline": "pad",
        "over": "all",
        "tokens": windows.tokens[0].copy(),
        "roles": windows.role[0].copy(),
        "offsets": windows.offsets[0].copy(),
        "values": VALUES.copy(),
        "magnitudes": SIZES.copy(),
        "parts": {"word": VALUES * 0.75, "position": VALUES * 0.25},
        "words": window_words(windows, 0),
        "diagnostics": TRUST,
        "source": Source("toy", "planted"),
    }
    return Attribution(**fields | changes)


# --- sums -------------------------------------------------------------------------------------------------------------


def test_a_word_has_the_sum_of_its_tokens():
    words = planted().by_word()
    assert [(w.text, w.role.name, w.value) for w in words] == [
        ("Who", "QUESTION", 1),
        ("kept", "QUESTION", -2),
        ("it", "QUESTION", 0),
        ("?", "QUESTION", 0.25),
        ("Ada", "CONTEXT", 4),
        ("kept", "CONTEXT", -1),
        ("the", "CONTEXT", 0),
        ("lantern", "CONTEXT", 5),
        (".", "CONTEXT", -3),
    ]
    assert all(
        w.span.of(READING.question if w.role == Role.QUESTION else READING.context) == w.text for w in words
    )


def test_the_size_of_a_word_is_the_length_of_its_tokens_together():
    sizes = {(w.text, w.role.name): w.magnitude for w in planted().by_word()}
    assert sizes["lantern", "CONTEXT"] == 5
    assert sizes["kept", "QUESTION"] == 2


def test_the_segments_hold_everything():
    segments = planted().by_segment()
    assert segments == {"question": -0.75, "context": 5.0, "special": 2.0}
    assert sum(segments.values()) == VALUES.sum()


def test_the_parts_hold_everything():
    assert planted().by_part() == {"word": VALUES.sum() * 0.75, "position": VALUES.sum() * 0.25}


@pytest.mark.parametrize(
    ("k", "texts"),
    [
        (0, []),
        (1, ["lantern"]),
        (4, ["lantern", "Ada", ".", "kept"]),
        (99, ["lantern", "Ada", ".", "kept", "Who", "kept", "?", "it", "the"]),
    ],
)
def test_the_largest_words_come_first_whatever_their_sign(k, texts):
    assert [w.text for w in planted().top(k)] == texts


def test_words_can_be_ordered_by_their_size():
    # "kept" of the question comes before "kept" of the text, which it is as large as by value.
    assert [w.text for w in planted().top(5, by="magnitude")] == ["lantern", "Ada", ".", "Who", "kept"]


def test_words_are_ordered_by_value_or_size():
    with pytest.raises(InputError, match='by has to be "value" or "magnitude", but is '):
        planted().top(by="length")


def test_a_negative_number_of_words_is_refused():
    with pytest.raises(InputError, match="top needs a number of words from 0 on, but got -1"):
        planted().top(-1)


# --- the record -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": VALUES[:-1]}, "18 tokens cannot have values of shape \\(17,\\)"),
        ({"magnitudes": SIZES[:-1]}, "18 tokens cannot have magnitudes of shape \\(17,\\)"),
        ({"values": VALUES[None]}, "18 tokens cannot have values of shape \\(1, 18\\)"),
        ({"roles": np.zeros(3, np.int8)}, "18 tokens cannot have roles of shape \\(3,\\)"),
        ({"offsets": np.zeros((18, 3), np.int64)}, "18 tokens cannot have offsets of shape \\(18, 3\\)"),
        ({"parts": {"word": VALUES[1:]}}, "18 tokens cannot have word of shape \\(17,\\)"),
        ({"start_values": VALUES[2:]}, "18 tokens cannot have start_values of shape \\(16,\\)"),
        ({"end_values": VALUES[2:]}, "18 tokens cannot have end_values of shape \\(16,\\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        planted(**changes)


def test_every_array_is_read_only():
    one = planted(start_values=VALUES.copy(), end_values=VALUES.copy())
    arrays = [
        one.tokens,
        one.roles,
        one.offsets,
        one.values,
        one.magnitudes,
        one.start_values,
        one.end_values,
        *one.parts.values(),
    ]
    assert len(arrays) == 9
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_trust_can_be_read_from_the_attribution():
    assert (planted().completeness_error, planted().converged) == (0.125, False)


@pytest.mark.parametrize(
    ("converged", "words"),
    [(True, "converged"), (False, "NOT converged"), (None, "no promise of completeness")],
)
def test_an_attribution_says_whether_to_trust_it(converged, words):
    shown = repr(planted(diagnostics=replace(TRUST, converged=converged)))
    assert shown == (
        "Attribution(score of “Ada”, integrated_gradients, 18 tokens, completeness error 12.5%, "
        + words
        + ")"
    )


def test_an_attribution_becomes_json_and_what_is_nan_becomes_null():
    found = json.loads(json.dumps(planted().to_dict(), allow_nan=False))
    assert found["words"][7] == {
        "text": "lantern",
        "in": "context",
        "start": 13,
        "end": 20,
        "value": 5.0,
        "magnitude": 5.0,
        "error": None,
    }
    assert found["agreement"] == {"mask": 0.75, "zero": None}
    rest = {name: value for name, value in found.items() if name not in ("words", "agreement")}
    assert rest == {
        "question": "Who kept it?",
        "target": "score of “Ada”",
        "method": "integrated_gradients",
        "baseline": "pad",
        "value": 6.25,
        "baseline_value": 1.0,
        "completeness_error": 0.125,
        "converged": False,
        "other_span_share": 0.5,
        "answer_share": 0.2,
    }


def test_the_error_of_a_word_is_that_of_its_tokens_together():
    errors = np.linspace(0.1, 0.2, len(VALUES))
    one = planted(errors=errors.copy())
    for word, found in zip(one.words, one.by_word(), strict=True):
        assert found.error == pytest.approx(errors[list(word.tokens)].sum())
    assert f"error of a word at most {max(w.error for w in one.by_word()):.2g})" in repr(one)
    with pytest.raises(InputError, match="18 tokens cannot have errors of shape"):
        planted(errors=np.zeros(3))


def test_an_attribution_survives_a_pickle():
    one = planted()
    again = pickle.loads(pickle.dumps(one))
    assert again.by_word() == one.by_word()
    assert (again.target, again.converged) == (one.target, False)


def test_a_failed_attribution_tells_why():
    assert (
        repr(FailedAttribution(None, InputError("The lamp is out."))) == "FailedAttribution(The lamp is out.)"
    )


# --- the share on the answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "share"),
    [
        ("answer", 4 / 21.25),
        ("no_answer", 4 / 21.25),  # the best span stands for it
        (Contrast((13, 20), None), 7 / 21.25),
        (Contrast(None, (13, 20)), 4 / 21.25),
    ],
)
def test_the_share_of_the_answer_is_by_size(target, share):
    assert answer_share(READING, resolve(READING, target), VALUES) == pytest.approx(share)


def test_there_is_no_share_of_nothing_and_none_where_the_answer_is_elsewhere():
    assert answer_share(READING, resolve(READING, "answer"), np.zeros(18)) is None
    elsewhere = replace(resolve(READING, "no_answer"), window=3)
    assert answer_share(READING, elsewhere, VALUES) is None


# --- ranks ------------------------------------------------------------------------------------------------------------


def by_hand(a, b):
    """Spearman's correlation from ranks counted one by one."""

    def ranks(x):
        return [sum(other < one for other in x) + (sum(other == one for other in x) + 1) / 2 for one in x]

    return np.corrcoef(ranks(a), ranks(b))[0, 1]


PAIRS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=12)


@settings(deadline=None, max_examples=200)
@given(PAIRS)
def test_rank_correlation_equals_ranks_counted_by_hand(pairs):
    a, b = zip(*pairs, strict=True)
    found = rank_correlation(a, b)
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(by_hand(a, b), abs=1e-12)


@pytest.mark.parametrize(("a", "b", "r"), [([1, 2, 3], [-5, 0, 100], 1), ([1, 2, 3], [3, 2, 1], -1)])
def test_ranks_alone_count(a, b, r):
    assert rank_correlation(a, b) == pytest.approx(r)


@pytest.mark.parametrize(("a", "b"), [([1], [2]), ([1, 1], [1, 2])])
def test_what_is_constant_has_no_correlation(a, b):
    assert math.isnan(rank_correlation(a, b))
