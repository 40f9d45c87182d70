"""One distribution over spans: against plain loops, against invariants, against planted answers."""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import (
    Reference,
    best_copies,
    leakage_parts,
    null_scores,
    squad2_choice,
    token_spans,
    window_softmaxes,
)

from qalens.errors import InputError, ModelError
from qalens.spans import candidates as legal_spans
from qalens.spans import distribution as spans_module
from qalens.spans.decision import decide
from qalens.spans.distribution import SpanDistribution, SpanLogits, normalize_answer, span_distribution
from qalens.spans.per_window import (
    leakage,
    scores_by_window,
    span_copies,
    window_distributions,
    window_margins,
)
from qalens.spans.places import likely_places
from qalens.testing import planted_logits, toy_tokenizer
from qalens.text.examples import CharSpan
from qalens.text.windows import PairTokenizer, Windows, make_windows

CLOSE = {"rel": 0, "abs": 1e-9}
few = settings(deadline=None, max_examples=60)
QUESTION = "Who?"


# --- tokenizers of three families -------------------------------------------------------------------------------


def wrapped(rust: Any) -> Any:
    """A tokenizer that builds pairs as RoBERTa does."""
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    rust.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(token, rust.token_to_id(token)) for token in ("<s>", "</s>")],
    )
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=rust, pad_token="<pad>", **names)


def metaspace() -> Any:
    """Unigram over blanks written as ▁: tokens begin with a blank, are blank, or hold two words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = ["▁lamp", "▁the", "▁ada", "▁kept", "la", "mp", "▁ada▁kept", "▁", "▁▁"]
    letters = [chr(c) for c in range(33, 127)]
    scores = [(t, 0.0) for t in specials] + [(t, -3.0) for t in pieces] + [(t, -8.0) for t in letters]
    rust = Tokenizer(models.Unigram(scores, unk_id=3))
    rust.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    return wrapped(rust)


def byte_level() -> Any:
    """Byte-pairs: tokens begin with a blank, and the bytes of one character share its offsets."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    rust = Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rust.train_from_iterator(["Ada kept the lamp of the lamp room.", "The lamp was lit."], trainer)
    return wrapped(rust)


TOKENIZERS = {"wordpiece": toy_tokenizer, "metaspace": metaspace, "bytes": byte_level}


@functools.cache
def pair_tokenizer(name: str) -> PairTokenizer:
    return PairTokenizer(TOKENIZERS[name]())


# --- random readings --------------------------------------------------------------------------------------------

WORDS = [
    "lamp",
    "ada",
    "Ada",
    "kept",
    "the",
    "The",
    "a",
    "room",
    "it",
    "of",
    ".",
    ",",
    "-",
    "été",
    "🙂",
    "zq",
]
GAPS = [" ", " ", " ", " ", "", "  ", "\n", "\u00a0"]


def random_logits(windows: Windows, seed: int, masked: float = 0.0) -> SpanLogits:
    """Normal logits in steps of 1/1024, so that a small shift is exact in float32; a share of them is -inf."""
    rng = np.random.default_rng(seed)
    start, end = (
        np.round(rng.normal(0, 3, windows.role.shape) * 1024).astype(np.float32) / 1024 for _ in range(2)
    )
    for logits in (start, end):
        hidden = (rng.random(logits.shape) < masked) & windows.answerable
        logits[hidden] = -np.inf
        logits[np.arange(logits.shape[1]) >= windows.lengths[:, None]] = np.nan
    return SpanLogits(windows, start, end)


@st.composite
def texts(draw: Any, max_words: int = 45) -> str:
    # Lists come out short on their own; two texts in three shall fill several windows.
    least = draw(st.sampled_from([1, 12, 30]))
    words = draw(st.lists(st.sampled_from(WORDS), min_size=least, max_size=max_words))
    gaps = draw(st.lists(st.sampled_from(GAPS), min_size=len(words), max_size=len(words)))
    return draw(st.sampled_from(["", " "])) + "".join(w + g for w, g in zip(words, gaps, strict=True))


@st.composite
def readings(draw: Any, names: tuple[str, ...] = tuple(TOKENIZERS), masked: float = 0.1) -> SpanLogits:
    """Random logits over a random text: one window or many, with NaN at padding."""
    windows = make_windows(
        pair_tokenizer(draw(st.sampled_from(names))),
        QUESTION,
        draw(texts()),
        max_length=draw(st.integers(16, 40)),
        stride=draw(st.one_of(st.none(), st.integers(0, 5))),
    )
    return random_logits(windows, draw(st.integers(0, 10**6)), draw(st.sampled_from([0.0, masked])))


longest = st.sampled_from([1, 2, 3, 5, 30])


def plain(text: str, seed: int = 0, tokenizer: str = "wordpiece", **lengths: Any) -> SpanLogits:
    return random_logits(make_windows(pair_tokenizer(tokenizer), QUESTION, text, **lengths), seed)


def shifted(logits: SpanLogits, by_start: float, by_end: float) -> SpanLogits:
    return SpanLogits(logits.windows, logits.start + np.float32(by_start), logits.end + np.float32(by_end))


def with_offsets(logits: SpanLogits, edges: np.ndarray) -> SpanLogits:
    """The same logits where the tokens of the context have the offsets `edges` (N, 2)."""
    windows = logits.windows
    offsets = windows.offsets.copy()
    offsets[windows.answerable] = edges[windows.context_index[windows.answerable]]
    return SpanLogits(replace(windows, offsets=offsets), logits.start, logits.end)


def permuted(logits: SpanLogits, order: list[int]) -> SpanLogits:
    """The same windows in another order."""
    old = logits.windows
    names = ("tokens", "role", "offsets", "context_index", "null_index")
    inputs = {name: array[order] for name, array in old.model_inputs.items()}
    windows = replace(old, model_inputs=inputs, **{name: getattr(old, name)[order] for name in names})
    return SpanLogits(windows, logits.start[order], logits.end[order])


def pairs(spans: SpanDistribution) -> list[tuple[int, int]]:
    return list(zip(spans.start.tolist(), spans.end.tolist(), strict=True))


LAMP = (
    "Ada kept  the lamp of the lamp-room, été 🙂 kept the lamp. The lamp kept Ada; ada kept it in the room."
)


# --- the random texts reach the hard cases ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokenizer", "blank_edges", "shared_offsets"),
    [("wordpiece", False, False), ("metaspace", True, True), ("bytes", True, True)],
)
def test_the_tokenizers_differ_in_blanks_and_shared_offsets(tokenizer, blank_edges, shared_offsets):
    windows = plain(LAMP, tokenizer=tokenizer).windows
    offsets = [tuple(o) for o in windows.offsets[0][windows.answerable[0]].tolist()]
    assert any(LAMP[a:b] != LAMP[a:b].strip() for a, b in offsets) == blank_edges
    assert (len(set(offsets)) < len(offsets)) == shared_offsets


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_one_character_span_with_many_copies_is_one_span(tokenizer):
    logits = plain(LAMP, tokenizer=tokenizer, max_length=24)
    copies = [span for w in range(len(logits.windows)) for _, _, span, _ in token_spans(logits, w, 30)]
    spans = span_distribution(logits)
    assert len(logits.windows) > 1
    assert len(copies) > len(spans) == len(set(copies)) == len(set(pairs(spans)))


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("length", [2, 30])
def test_of_equal_copies_that_of_the_first_window_counts_and_there_the_first(tokenizer, length):
    windows = plain(LAMP, tokenizer=tokenizer, max_length=24).windows
    logits = SpanLogits(windows, *np.zeros((2, *windows.role.shape), np.float32))
    spans = span_distribution(logits, max_answer_length=length)
    expected = {}
    for w in range(len(windows)):
        for i, j, span, _ in token_spans(logits, w, length):
            expected.setdefault(span, (w, i, j))
    found = zip(spans.window.tolist(), spans.token_start.tolist(), spans.token_end.tolist(), strict=True)
    assert dict(zip(pairs(spans), found, strict=True)) == expected


# --- against plain loops ----------------------------------------------------------------------------------------


@few
@given(readings(), longest, st.sampled_from(["min", "mean", "max"]))
def test_spans_scores_and_probabilities_equal_the_loops(logits, length, null):
    spans = span_distribution(logits, max_answer_length=length, null=null)
    loops = Reference.of(logits, length, null)
    assert pairs(spans) == sorted(loops.scores)
    assert spans.score.tolist() == [loops.scores[s] for s in pairs(spans)]
    assert spans.window.tolist() == [loops.windows[s] for s in pairs(spans)]
    assert spans.null_scores.tolist() == null_scores(logits)
    assert spans.log_normalizer == pytest.approx(loops.log_z, **CLOSE)
    assert spans.probabilities().tolist() == pytest.approx([loops.p[s] for s in pairs(spans)], **CLOSE)
    assert spans.null_probability == pytest.approx(loops.p_null, **CLOSE)


@few
@given(readings(), longest)
def test_every_span_stands_at_the_tokens_it_names(logits, length):
    spans = span_distribution(logits, max_answer_length=length)
    copies = {w: best_copies(logits, w, length) for w in range(len(logits.windows))}
    for s, span in enumerate(pairs(spans)):
        score, i, j = copies[int(spans.window[s])][span]
        assert (spans.score[s], spans.token_start[s], spans.token_end[s]) == (score, i, j)


@few
@given(readings(), longest, st.booleans())
def test_inclusion_and_edges_equal_the_loops(logits, length, given_answer):
    spans = span_distribution(logits, max_answer_length=length)
    loops = Reference.of(logits, length)
    inclusion = spans.inclusion(given_answer=given_answer)
    assert inclusion.tolist() == pytest.approx(loops.inclusion(given_answer), **CLOSE)
    for edge, expected in zip(
        spans.marginals(given_answer=given_answer), loops.marginals(given_answer), strict=True
    ):
        assert edge.tolist() == pytest.approx(expected, **CLOSE)


@few
@given(readings(), longest, st.sampled_from(["overlap", "text"]))
def test_clusters_equal_the_loops(logits, length, by):
    spans = span_distribution(logits, max_answer_length=length)
    found = spans.clusters(by=by)
    expected = Reference.of(logits, length).clusters(by)
    # The mass orders the clusters; where two are alike to the last digits either may come first.
    assert [c.probability for c in found] == pytest.approx([mass for _, _, mass in expected], **CLOSE)
    assert sorted(((c.best.span.start, c.best.span.end), c.size) for c in found) == sorted(
        (head, size) for head, size, _ in expected
    )
    assert sum(c.size for c in found) == len(spans)
    assert spans.clusters(2, by=by) == found[:2]


@few
@given(readings(), longest, st.sampled_from(["overlap", "text"]))
def test_uncertainty_and_entropy_equal_the_loops(logits, length, by):
    spans = span_distribution(logits, max_answer_length=length)
    loops = Reference.of(logits, length)
    found = spans.uncertainty(by=by)
    whether, choice, edges = loops.uncertainty(by)
    assert (found.answerability, found.choice, found.boundaries) == pytest.approx(
        (whether, choice, edges), **CLOSE
    )
    assert found.total == pytest.approx(loops.entropy(), **CLOSE)
    assert spans.entropy() == pytest.approx(loops.entropy(), **CLOSE)
    assert min(found.answerability, found.choice, found.boundaries) >= 0


@few
@given(st.integers(1, 14), st.integers(0, 10**6), longest, st.data())
def test_any_offsets_that_a_tokenizer_may_give_equal_the_loops(words, seed, length, data):
    """Tokens that share one edge or both, of no width, or blank: whatever runs from left to right."""
    text = "ab  c " * words
    logits = plain(text, seed, max_length=24, stride=4)
    windows = logits.windows
    N, C = int(windows.context_index.max()) + 1, len(text)
    edges = st.lists(st.integers(0, C), min_size=N, max_size=N).map(sorted)
    start = np.array(data.draw(edges))
    edge = np.stack([start, np.maximum(start, data.draw(edges))], -1)
    logits = with_offsets(logits, edge)
    spans = span_distribution(logits, max_answer_length=length)
    loops = Reference.of(logits, length)
    assert pairs(spans) == sorted(loops.scores)
    assert spans.score.tolist() == [loops.scores[s] for s in pairs(spans)]


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param([(0, 1), (1, 3), (2, 3), (3, 4), (4, 5)], id="one end for two tokens"),
        pytest.param([(0, 1), (1, 2), (1, 3), (3, 4), (4, 5)], id="one start for two tokens"),
        pytest.param([(0, 0), (1, 1), (2, 2), (3, 4), (4, 5)], id="tokens of no width"),
        pytest.param([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)], id="plain"),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_odd_edges_give_every_span_once_with_its_best_score(edges, seed):
    logits = with_offsets(plain("abcde", seed), np.array(edges))
    spans, loops = span_distribution(logits), Reference.of(logits)
    assert pairs(spans) == sorted(loops.scores)
    assert spans.score.tolist() == [loops.scores[s] for s in pairs(spans)]


def test_of_equal_copies_the_first_window_is_named():
    logits = flat(LAMP, max_length=24, stride=8)
    spans = span_distribution(logits)
    assert spans.window.tolist() == [Reference.of(logits).windows[s] for s in pairs(spans)]


@few
@given(readings(masked=0.0), longest)
def test_every_window_alone_equals_the_loops(logits, length):
    alone = window_distributions(logits, max_answer_length=length)
    margins = window_margins(logits, max_answer_length=length)
    assert len(alone) == len(margins) == len(logits.windows)
    for w, spans in enumerate(alone):
        loops = {span: score for span, (score, _, _) in best_copies(logits, w, length).items()}
        assert pairs(spans) == sorted(loops)
        assert spans.score.tolist() == [loops[s] for s in pairs(spans)]
        assert spans.null_scores.tolist() == [spans.null_score] == [null_scores(logits)[w]]
        assert set(spans.window.tolist()) <= {0}
        assert spans.probabilities().sum() + spans.null_probability == pytest.approx(1, abs=1e-12)
        assert margins[w] == null_scores(logits)[w] - max(loops.values(), default=-math.inf)


@few
@given(readings(masked=0.0), st.data())
def test_scores_by_window_equal_the_loops(logits, data):
    spans = span_distribution(logits)
    if not len(spans):
        return
    span = data.draw(st.sampled_from(pairs(spans)))
    found = scores_by_window(logits, CharSpan(*span))
    # A span may be longer in tokens than the text of one window: every length counts.
    copies = [best_copies(logits, w, 10**6).get(span) for w in range(len(logits.windows))]
    assert [None if np.isnan(s) else s for s in found] == [None if c is None else c[0] for c in copies]
    assert np.nanmax(found) >= spans.find(*span).score


@few
@given(readings(masked=0.0), st.data())
def test_copies_of_a_span_stand_where_the_loops_find_them(logits, data):
    every = {span for w in range(len(logits.windows)) for span in best_copies(logits, w, 10**6)}
    if not every:
        return
    span = data.draw(st.sampled_from(sorted(every)))
    loops = {w: best_copies(logits, w, 10**6).get(span) for w in range(len(logits.windows))}
    found = span_copies(logits, CharSpan(*span))
    assert [(copy.window, copy.score) for copy in found] == [(w, c[0]) for w, c in loops.items() if c]
    for copy in found:
        i, j = copy.tokens
        assert (i, j, span, copy.score) in token_spans(logits, copy.window, 10**6)


def test_copies_are_found_in_every_window_that_holds_the_span_whole():
    logits = plain("ada kept the lamp in it", max_length=9, stride=2)
    assert len(logits.windows) > 1
    held = [copy.window for copy in span_copies(logits, CharSpan(9, 17))]
    inside = [
        {"the", "lamp"} <= set(tokens[places])
        for tokens, places in zip(logits.windows.tokens, logits.windows.answerable, strict=True)
    ]
    assert held == [w for w, both in enumerate(inside) if both]


def test_a_copy_that_the_model_rules_out_scores_minus_infinity():
    logits = changed(plain("ada kept it"), "start", slice(None), -np.inf)
    (copy,) = span_copies(logits, CharSpan(4, 11))
    assert copy.score == -np.inf
    assert logits.windows.tokens[0, list(copy.tokens)].tolist() == ["kept", "it"]


@pytest.mark.parametrize("span", [(0, 2), (1, 3), (3, 4), (4, 9), (0, 99)])
def test_a_span_that_no_window_holds_has_no_copies(span):
    with pytest.raises(
        InputError, match=f"No window holds tokens that start at character {span[0]} and end at {span[1]}"
    ):
        span_copies(plain("ada kept it"), CharSpan(*span))


@pytest.mark.parametrize("seed", range(12))
def test_scores_by_window_know_the_order_of_tokens_that_share_a_character(seed):
    logits = plain("ada 🙂 kept", seed, "bytes")
    assert (logits.windows.offsets[0][logits.windows.answerable[0]] == [4, 5]).all(1).sum() == 4
    score, _, _ = best_copies(logits, 0, 30)[4, 5]
    assert scores_by_window(logits, CharSpan(4, 5)).tolist() == [score]


@few
@given(readings(), longest)
def test_leakage_equals_the_loops_part_by_part(logits, length):
    lost = leakage(logits, max_answer_length=length)
    for w in range(len(logits.windows)):
        parts = leakage_parts(logits, w, length)
        for name in ("reversed", "too_long", "mixed", "outside"):
            assert getattr(lost, name)[w] == pytest.approx(parts[name], **CLOSE), name
        assert lost.total[w] == pytest.approx(1 - parts["legal"], **CLOSE)


# --- the classic score and the SQuAD 2.0 scripts ----------------------------------------------------------------


@few
@given(readings(), longest)
def test_in_one_window_the_classic_score_is_the_probability_times_what_did_not_leak(logits, length):
    legal = 1 - leakage(logits, max_answer_length=length).total
    for w, spans in enumerate(window_distributions(logits, max_answer_length=length)):
        p_start, p_end = map(np.array, window_softmaxes(logits, w))
        null = logits.windows.null_index[w]
        classic = p_start[spans.token_start] * p_end[spans.token_end]
        # P = classic / legal, multiplied out: dividing by a legal share near 0 would only show its rounding.
        assert spans.probabilities() * legal[w] == pytest.approx(classic, rel=0, abs=1e-12)
        assert spans.null_probability * legal[w] == pytest.approx(p_start[null] * p_end[null], abs=1e-12)


@settings(deadline=None, max_examples=80)
@given(readings(("wordpiece",)), longest, st.sampled_from([-5.0, -1.0, 0.0, 0.5, 4.0, math.inf, -math.inf]))
def test_the_decision_is_that_of_the_squad_2_scripts(logits, length, threshold):
    spans = span_distribution(logits, max_answer_length=length)
    answer = decide(spans, threshold=threshold).answer
    assert ("" if answer is None else answer.text) == squad2_choice(logits, threshold, length)


def test_the_decisions_of_many_windows_are_both_answers_and_abstentions():
    logits = [plain(LAMP, seed, max_length=24, stride=6) for seed in range(60)]
    choices = [squad2_choice(x, 2.0) for x in logits]
    answers = [decide(span_distribution(x), threshold=2.0).answer for x in logits]
    assert [a.text if a else "" for a in answers] == choices
    # The smallest of several null scores is seldom ahead of the best span, so the null tokens get a push as well.
    pushed = [SpanLogits(x.windows, x.start + 9 * (x.windows.role == 0), x.end) for x in logits]
    choices = [squad2_choice(x) for x in pushed]
    assert 5 < choices.count("") < 55
    answers = [decide(span_distribution(x)).answer for x in pushed]
    assert [a.text if a else "" for a in answers] == choices


# --- invariants -------------------------------------------------------------------------------------------------


@few
@given(readings(), longest, st.sampled_from(["min", "mean", "max"]))
def test_all_spans_and_no_answer_sum_to_one(logits, length, null):
    spans = span_distribution(logits, max_answer_length=length, null=null)
    assert spans.probabilities().sum() + spans.null_probability == pytest.approx(1, abs=1e-12)
    assert np.exp(spans.log_prob).sum() + math.exp(spans.null_log_prob) == pytest.approx(1, abs=1e-12)
    if len(spans):
        assert spans.probabilities(given_answer=True).sum() == pytest.approx(1, abs=1e-12)
        starts, ends = spans.marginals()
        assert starts.sum() == pytest.approx(1 - spans.null_probability, abs=1e-12)
        assert ends.sum() == pytest.approx(1 - spans.null_probability, abs=1e-12)
    assert spans.inclusion().max() <= 1


@few
@given(readings(), st.integers(-40, 40), st.integers(-40, 40))
def test_a_constant_on_all_logits_changes_no_probability(logits, a, b):
    before, after = span_distribution(logits), span_distribution(shifted(logits, a, b))
    assert pairs(after) == pairs(before)
    assert after.probabilities() == pytest.approx(before.probabilities(), **CLOSE)
    assert after.null_probability == pytest.approx(before.null_probability, **CLOSE)
    assert after.score == pytest.approx(before.score + a + b, **CLOSE)


@few
@given(readings(), st.data(), st.sampled_from(["min", "mean", "max"]))
def test_the_order_of_the_windows_changes_their_numbers_and_nothing_else(logits, data, null):
    order = data.draw(st.permutations(range(len(logits.windows))))
    before = span_distribution(logits, null=null)
    after = span_distribution(permuted(logits, order), null=null)
    assert pairs(after) == pairs(before)
    assert after.score.tolist() == before.score.tolist()
    assert [order[w] for w in after.window] == before.window.tolist()
    assert after.token_start.tolist() == before.token_start.tolist()
    assert after.token_end.tolist() == before.token_end.tolist()
    assert after.null_scores.tolist() == before.null_scores[order].tolist()
    assert after.log_normalizer == pytest.approx(before.log_normalizer, **CLOSE)


@few
@given(readings())
def test_every_answer_is_a_piece_of_the_text_without_blanks_at_its_edges(logits):
    spans = span_distribution(logits)
    for s in range(len(spans)):
        answer = spans.at(s)
        assert answer.text == spans.context[answer.span.start : answer.span.end]
        assert answer.text
        assert answer.text == answer.text.strip()


def test_nothing_that_is_handed_in_changes():
    windows = make_windows(pair_tokenizer("wordpiece"), QUESTION, LAMP, max_length=24)
    start, end = np.random.default_rng(0).normal(0, 3, (2, *windows.role.shape)).astype(np.float32)
    kept = start.copy(), end.copy(), windows.offsets.copy(), windows.role.copy()
    logits = SpanLogits(windows, start, end)
    spans = span_distribution(logits)
    scores = spans.score.copy()
    spans.inclusion(), spans.marginals(), spans.clusters(), spans.clusters(by="text"), spans.top(9)
    spans.uncertainty(), window_margins(logits), leakage(logits), scores_by_window(logits, CharSpan(0, 3))
    for now, before in zip((start, end, windows.offsets, windows.role), kept, strict=True):
        assert (now == before).all()
    assert (spans.score == scores).all()


ARRAYS = ["start", "end", "score", "window", "token_start", "token_end", "null_scores"]


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_a_distribution_are_read_only(name):
    array = getattr(span_distribution(planted_logits(LAMP, answer="Ada")), name)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


@pytest.mark.parametrize("name", ["start", "end"])
def test_logits_are_read_only(name):
    with pytest.raises(ValueError, match="read-only"):
        getattr(planted_logits(LAMP, answer="Ada"), name)[0] = 1


@pytest.mark.parametrize("name", ["score", "window", "token_end"])
def test_a_distribution_with_arrays_of_different_length_is_refused(name):
    spans = span_distribution(planted_logits("Ada kept it", answer="Ada"))
    with pytest.raises(InputError, match=rf"^6 spans cannot have {name} of shape \(5,\)\.$"):
        replace(spans, **{name: getattr(spans, name)[:-1]})


# --- top, at, find ----------------------------------------------------------------------------------------------


def flat(text: str, **lengths: Any) -> SpanLogits:
    """All logits 0: every span ties with every other."""
    windows = make_windows(pair_tokenizer("wordpiece"), QUESTION, text, **lengths)
    return SpanLogits(windows, *np.zeros((2, *windows.role.shape), np.float32))


@few
@given(readings(), st.integers(0, 60))
def test_top_is_the_beginning_of_the_ranking(logits, k):
    top = span_distribution(logits).top(k)
    assert [(a.span.start, a.span.end) for a in top] == Reference.of(logits).ranked()[:k]


def test_top_of_more_than_there_is_gives_all_and_of_none_nothing():
    spans = span_distribution(flat("Ada kept it"))
    assert len(spans.top(100)) == len(spans.top(6)) == len(spans) == 6
    assert spans.top(0) == ()


@pytest.mark.parametrize("k", range(1, 8))
def test_of_equal_scores_the_earlier_then_the_shorter_comes_first(k):
    ranking = ["Ada", "Ada kept", "Ada kept it", "kept", "kept it", "it"]
    assert [a.text for a in span_distribution(flat("Ada kept it")).top(k)] == ranking[:k]


@pytest.mark.parametrize("k", range(1, 7))
def test_ties_at_the_edge_of_top_are_kept_in_that_order(k):
    logits = flat("Ada kept it")
    start = logits.start.copy()
    start[0, logits.windows.context_index[0] == 1] = 2  # "kept …" ahead of all others
    ranking = ["kept", "kept it", "Ada", "Ada kept", "Ada kept it", "it"]
    top = span_distribution(SpanLogits(logits.windows, start, logits.end)).top(k)
    assert [a.text for a in top] == ranking[:k]


@pytest.mark.parametrize(("method", "things"), [("top", "spans"), ("clusters", "clusters")])
def test_a_negative_number_is_refused(method, things):
    spans = span_distribution(planted_logits("Ada kept it", answer="Ada"))
    with pytest.raises(InputError, match=rf"^{method} needs a number of {things} from 0 on, but got -1\.$"):
        getattr(spans, method)(-1)


def test_clusters_go_by_overlap_or_by_text():
    with pytest.raises(InputError, match=r"""^Clusters go by "overlap" or by "text", not by 'tokens'\.$"""):
        span_distribution(planted_logits("Ada kept it", answer="Ada")).clusters(by="tokens")


@few
@given(readings(), st.data())
def test_find_finds_every_span_and_nothing_else(logits, data):
    spans = span_distribution(logits)
    there = pairs(spans)
    for s in range(len(spans)):
        assert spans.find(*there[s]) == spans.at(s)
    C = len(spans.context)
    start, end = data.draw(st.integers(-2, C + 2)), data.draw(st.integers(-2, C + 2))
    assert (spans.find(start, end) is not None) == ((start, end) in there)


def test_an_answer_carries_its_place_score_and_probability():
    spans = span_distribution(planted_logits("Ada kept the lamp.", answer="the lamp"))
    answer = spans.top(1)[0]
    s = pairs(spans).index((9, 17))
    assert (answer.text, answer.span, answer.score) == ("the lamp", CharSpan(9, 17), 24.0)
    assert answer.probability == pytest.approx(spans.probabilities()[s], rel=1e-12)
    assert (answer.window, answer.tokens) == (0, (int(spans.token_start[s]), int(spans.token_end[s])))


def test_clusters_by_text_take_the_same_words_at_several_places():
    text = "The lamp was lit. Ada kept the lamp; a Lamp!"
    clusters = span_distribution(planted_logits(text, answer="the lamp")).clusters(1, by="text")
    assert (clusters[0].best.text, clusters[0].best.span) == ("the lamp", CharSpan(27, 35))
    spans = span_distribution(plain(text))
    alike = [s for s in range(len(spans)) if normalize_answer(spans.at(s).text) == "lamp"]
    assert clusters[0].size == len(alike) > 5


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Lamp-room!", "lamproom"),
        ("an answer, a theory", "answer theory"),
        ("\tAda\n kept ", "ada kept"),
        ("the", ""),
        ("U.S.A.", "usa"),
        ("a–b", "–b"),
    ],
)
def test_answers_are_compared_as_in_squad(text, normal):
    assert normalize_answer(text) == normal


# --- logits that are masked, broken or extreme ------------------------------------------------------------------


def changed(logits: SpanLogits, name: str, where: Any, value: float) -> SpanLogits:
    parts = {"start": logits.start.copy(), "end": logits.end.copy()}
    parts[name][where] = value
    return SpanLogits(logits.windows, **parts)


@pytest.mark.parametrize(
    ("name", "left"), [("start", "Ada Ada kept Ada kept it it"), ("end", "Ada Ada kept it kept it it")]
)
def test_a_span_that_the_model_masked_drops_out(name, left):
    logits = flat("Ada kept it")
    masked = changed(logits, name, logits.windows.context_index == 1, -np.inf)
    spans = span_distribution(masked)
    assert " ".join(spans.at(s).text for s in range(len(spans))) == left
    assert spans.null_probability == pytest.approx(1 / 5, abs=1e-12)


def test_a_masked_copy_leaves_the_span_to_the_other_windows():
    logits = plain(LAMP, max_length=24, stride=8)
    spans = span_distribution(logits)
    shared = next(
        span for span in pairs(spans) if np.isfinite(scores_by_window(logits, CharSpan(*span))).sum() == 2
    )
    copies = scores_by_window(logits, CharSpan(*shared))
    answer = spans.find(*shared)
    masked = changed(logits, "start", (answer.window, answer.tokens[0]), -np.inf)
    assert span_distribution(masked).find(*shared).score == np.nanmin(copies)
    assert scores_by_window(masked, CharSpan(*shared))[answer.window] == -np.inf


def test_a_masked_null_token_gives_no_answer_no_probability():
    logits = flat("Ada kept it")
    spans = span_distribution(changed(logits, "start", (0, logits.windows.null_index[0]), -np.inf))
    assert spans.null_probability == 0
    assert spans.probabilities().tolist() == pytest.approx([1 / 6] * 6, abs=1e-12)
    assert spans.uncertainty().answerability == 0


def test_all_masked_is_an_error_of_the_model():
    windows = flat("Ada kept it").windows
    nothing = np.full(windows.role.shape, -np.inf, np.float32)
    with pytest.raises(ModelError, match=r"^Every span and the null score are minus infinity"):
        span_distribution(SpanLogits(windows, nothing, nothing.copy()))


@pytest.mark.parametrize("name", ["start", "end"])
@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (np.inf, "inf")])
@pytest.mark.parametrize("token", [0, 2, 5])
def test_a_logit_that_is_no_number_is_an_error_of_the_model(name, value, said, token):
    message = rf"^The model gave {said} as {name} logit of token {token} in window 0 \(1 such values\)"
    with pytest.raises(ModelError, match=message):
        changed(flat("Ada kept it"), name, (0, token), value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_what_stands_at_padding_means_nothing(value):
    clean = flat(LAMP + " lamp", max_length=24)
    padding = np.arange(clean.start.shape[1]) >= clean.windows.lengths[:, None]
    assert padding.any()
    dirty = changed(changed(clean, "start", padding, value), "end", padding, value)
    before, after = span_distribution(clean), span_distribution(dirty)
    assert after.probabilities().tolist() == before.probabilities().tolist()
    assert after.null_probability == before.null_probability
    assert leakage(dirty).total.tolist() == leakage(clean).total.tolist()
    assert window_margins(dirty).tolist() == window_margins(clean).tolist()


def test_logits_of_another_shape_are_refused():
    windows = flat("Ada kept it").windows
    message = r"^end logits of shape \(1, 3\) do not fit windows of shape \(1, 8\)\.$"
    with pytest.raises(ModelError, match=message):
        SpanLogits(windows, np.zeros((1, 8), np.float32), np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("where", ["everywhere", "null", "one span", "spread"])
def test_extreme_logits_do_not_overflow(size, where):
    logits = flat(LAMP, max_length=24)
    windows = logits.windows
    places = {
        "everywhere": np.ones(windows.role.shape, bool),
        "null": np.arange(windows.role.shape[1]) == windows.null_index[:, None],
        "one span": windows.context_index == 3,
        "spread": np.random.default_rng(0).random(windows.role.shape) < 0.5,
    }[where]
    extreme = changed(changed(logits, "start", places, size), "end", places, size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spans = span_distribution(extreme)
        lost = leakage(extreme).total
        u = spans.uncertainty()
    assert np.exp(spans.log_prob).sum() + math.exp(spans.null_log_prob) == pytest.approx(1, abs=1e-9)
    assert np.isfinite(spans.log_prob).all()
    assert ((lost >= 0) & (lost <= 1 + 1e-12)).all()
    assert u.total == pytest.approx(spans.entropy(), abs=1e-9)
    assert spans.inclusion().min() >= 0


# --- short texts, and texts that give no token ------------------------------------------------------------------


@pytest.mark.parametrize("L", [1, 2, 4, 30])
@pytest.mark.parametrize(("extra", "windows"), [(0, 1), (1, 2)])
def test_a_text_of_exactly_one_window_and_one_token_more(extra, windows, L):
    room = 20 - 3 - 2  # [CLS] who ? [SEP] … [SEP]
    logits = flat(" ".join(["lamp"] * (room + extra)), max_length=20, stride=10)
    assert len(logits.windows) == windows
    spans = span_distribution(logits, max_answer_length=L)
    # All logits are 0, so every span is as likely as no answer. The second window starts five tokens on.
    tokens = range(room + extra)
    S = sum(j < room or i >= 5 for i in tokens for j in tokens if i <= j < i + L)
    assert len(spans) == S
    assert spans.null_probability == pytest.approx(1 / (S + 1), abs=1e-12)
    assert spans.entropy() == pytest.approx(math.log2(S + 1), abs=1e-9)


@pytest.mark.parametrize("text", ["lamp", " lamp\n", "🙂"])
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_text_of_one_word_has_itself_as_its_best_cluster(text, tokenizer):
    spans = span_distribution(plain(text, tokenizer=tokenizer))
    (cluster,) = [c for c in spans.clusters() if spans.find(c.best.span.start, c.best.span.end)][:1]
    assert cluster.best.text in text.strip()
    assert spans.find(text.index(text.strip()), len(text.rstrip())).text == text.strip()


def test_a_text_of_one_token_has_one_span():
    spans = span_distribution(flat("lamp"))
    assert (len(spans), spans.null_probability) == (1, pytest.approx(0.5))
    assert spans.uncertainty().total == pytest.approx(1)
    assert spans.inclusion().tolist() == pytest.approx([0.5] * 4)


def test_a_text_without_a_token_has_no_answer():
    logits = flat("\x00")
    spans = span_distribution(logits)
    assert (len(spans), spans.null_probability, spans.null_log_prob) == (0, 1.0, 0.0)
    assert (spans.top(3), spans.find(0, 1), spans.clusters()) == ((), None, ())
    assert spans.inclusion().tolist() == spans.inclusion(given_answer=True).tolist() == [0.0]
    assert [edge.tolist() for edge in spans.marginals()] == [[0.0], [0.0]]
    u = spans.uncertainty()
    assert (u.answerability, u.choice, u.boundaries, u.total, spans.entropy()) == (0, 0, 0, 0, 0)
    decision = decide(spans)
    assert (decision.answer, decision.best, decision.margin) == (None, None, math.inf)
    assert window_margins(logits).tolist() == [math.inf]
    # Of the 25 pairs of the 5 tokens ([CLS] who ? [SEP] [SEP]) one is legal: null with null.
    assert leakage(logits).total == pytest.approx(24 / 25)


@pytest.mark.parametrize("tokenizer", ["metaspace", "bytes"])
def test_spans_of_blanks_alone_are_no_spans(tokenizer):
    logits = plain("\u3000 lamp  \u00a0 ", tokenizer=tokenizer)
    spans = span_distribution(logits)
    assert max(a.span.end for a in spans.top(99)) == 6
    assert min(a.span.start for a in spans.top(99)) == 2


# --- options ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "texts"),
    [
        (1, ["Ada", "kept", "it"]),
        (2, ["Ada", "Ada kept", "kept", "kept it", "it"]),
        (3, ["Ada", "Ada kept", "Ada kept it", "kept", "kept it", "it"]),
        (10**9, ["Ada", "Ada kept", "Ada kept it", "kept", "kept it", "it"]),
    ],
)
def test_the_longest_answer_counts_tokens(length, texts):
    spans = span_distribution(flat("Ada kept it"), max_answer_length=length)
    assert [spans.at(s).text for s in range(len(spans))] == texts


@pytest.mark.parametrize("compute", [span_distribution, window_distributions, window_margins, leakage])
@pytest.mark.parametrize("length", [0, -1, 2.0, "3", None, True])
def test_a_longest_answer_that_cannot_be_is_refused(compute, length):
    message = rf"^max_answer_length has to be a whole number of tokens from 1 on, but is {length!r}\.$"
    with pytest.raises(InputError, match=message):
        compute(flat("Ada kept it"), max_answer_length=length)


@pytest.mark.parametrize("null", ["median", None, 0])
def test_an_unknown_null_rule_is_refused(null):
    with pytest.raises(InputError, match=rf'^null has to be "min", "mean" or "max", but is {null!r}\.$'):
        span_distribution(flat("Ada kept it"), null=null)


@pytest.mark.parametrize(
    "span", [CharSpan(1, 3), CharSpan(0, 4), CharSpan(4, 4), CharSpan(90, 99), CharSpan(3, 8)]
)
def test_scores_by_window_of_what_is_no_span_are_refused(span):
    message = rf"^No window holds tokens that start at character {span.start} and end at {span.end}\.$"
    with pytest.raises(InputError, match=message):
        scores_by_window(flat("Ada kept it"), span)


def test_an_empty_span_has_no_score_even_at_a_token_of_no_width():
    logits = with_offsets(plain("abcde"), np.array([(0, 1), (1, 1), (1, 2), (3, 4), (4, 5)]))
    with pytest.raises(
        InputError, match=r"^No window holds tokens that start at character 1 and end at 1\.$"
    ):
        scores_by_window(logits, CharSpan(1, 1))


def test_scores_by_window_read_a_span_longer_than_any_answer():
    logits = plain("lamp " * 40)
    found = scores_by_window(logits, CharSpan(0, len("lamp " * 40) - 1))
    assert span_distribution(logits).find(0, 199) is None
    assert found.shape == (1,)
    assert np.isfinite(found).all()


# --- what a record says of itself -------------------------------------------------------------------------------


def test_records_say_how_large_they_are():
    logits = flat("Ada kept it")
    assert repr(logits) == "SpanLogits(1 × 8)"
    assert repr(span_distribution(logits)) == "SpanDistribution(6 spans, P(no answer) = 0.143)"


# --- a long text ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_logits() -> SpanLogits:
    words = np.random.default_rng(3).choice(["lamp", "ada", "kept", "the", "room", "of"], 23_000)
    text = " ".join(words) + " zz " + " ".join(words[:100])
    assert len(text) > 100_000
    return planted_logits(text, answer="zz", max_length=128)


def test_the_planted_answer_of_a_long_text_is_found(long_logits):
    spans = span_distribution(long_logits)
    assert len(long_logits.windows) > 200
    best = spans.top(1)[0]
    assert best.text == "zz"
    assert spans.clusters(1)[0].best == best
    u = spans.uncertainty()
    assert u.total == pytest.approx(spans.entropy(), abs=1e-6)
    assert spans.probabilities().sum() + spans.null_probability == pytest.approx(1, abs=1e-12)


def test_many_windows_are_each_looked_at_alone(long_logits):
    margins = window_margins(long_logits)
    holds = np.isfinite(scores_by_window(long_logits, span_distribution(long_logits).top(1)[0].span))
    assert 1 <= holds.sum() <= 3
    assert (margins[holds] == -24).all()
    assert (margins[~holds] > -24).all()
    assert (leakage(long_logits).total[holds] < 0.01).all()


# --- places -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(readings(), longest, st.sampled_from([0.0, 0.001, 0.2]))
def test_places_are_those_that_a_loop_over_all_spans_finds(logits, most, least):
    spans = span_distribution(logits, max_answer_length=most)
    left = sorted(range(len(spans)), key=lambda s: -spans.score[s])
    expected = []
    while left:
        a, b = spans.start[left[0]], spans.end[left[0]]
        near = [s for s in left if spans.start[s] < b and spans.end[s] > a]
        expected.append((sum(spans.probabilities()[near]), left[0], len(near)))
        left = [s for s in left if s not in near]
    places = likely_places(spans, least=least)
    kept = [one for one in expected if one[0] >= least]
    found = {head: (mass, size) for mass, head, size in kept}
    assert set(places.heads.tolist()) == set(found)
    for head, mass, size in zip(places.heads.tolist(), places.masses, places.sizes, strict=True):
        assert (mass, size) == (pytest.approx(found[head][0], abs=1e-9), found[head][1])
    assert (np.diff(places.masses) <= 0).all()


# --- one window needs no merging --------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(readings(masked=0.0), longest, st.data())
def test_one_window_at_once_gives_the_spans_of_the_band(logits, most, data):
    alone = logits.one_window(data.draw(st.integers(0, len(logits.windows) - 1)))
    at_once = span_distribution(alone, max_answer_length=most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(legal_spans, "_ONE_WINDOW", 0)
        merged = span_distribution(alone, max_answer_length=most)
    for name in ("start", "end", "score", "window", "token_start", "token_end"):
        assert getattr(at_once, name).tolist() == getattr(merged, name).tolist()
        assert getattr(at_once, name).dtype == getattr(merged, name).dtype
    assert (at_once.log_normalizer, at_once.null_score) == (merged.log_normalizer, merged.null_score)


@pytest.mark.parametrize(
    ("tokenizer", "masked", "at_once"),
    [("wordpiece", 0.0, True), ("wordpiece", 1.0, False), ("bytes", 0.0, False)],
)
def test_spans_that_are_masked_or_share_characters_go_through_the_band(
    monkeypatch, tokenizer, masked, at_once
):
    logits = plain("Ada kept the 🙂 lamp.", tokenizer=tokenizer)
    if masked:
        start = logits.start.copy()
        start[0, logits.windows.answerable[0].argmax()] = -np.inf
        logits = SpanLogits(logits.windows, start, logits.end)
    merged = []
    copies = legal_spans._best_copies
    monkeypatch.setattr(legal_spans, "_best_copies", lambda *given: merged.append(1) or copies(*given))
    span_distribution(logits)
    assert (not merged) == at_once


# --- long texts are worked on in blocks -------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(readings(), longest, st.sampled_from([1, 2, 7]), st.integers(0, 9))
def test_the_size_of_a_block_changes_nothing(logits, most, size, k):
    whole = span_distribution(logits, max_answer_length=most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(legal_spans, "_BLOCK_TOKENS", size)
        patch.setattr(spans_module, "_BLOCK_SPANS", size)
        blocks = span_distribution(logits, max_answer_length=most)
        spans = [answer.span for answer in blocks.top(k)]
    assert spans == [answer.span for answer in whole.top(k)]
    for name in ("start", "end", "score", "window", "token_start", "token_end"):
        assert getattr(blocks, name).tolist() == getattr(whole, name).tolist()
    assert blocks.log_normalizer == pytest.approx(whole.log_normalizer, abs=1e-12)
