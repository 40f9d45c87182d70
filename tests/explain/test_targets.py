"""What is explained is settled once: this span, these tokens, this window; what cannot be explained is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from checkpoints import QUESTION, SENTENCES, STORY

from qalens.errors import InputError
from qalens.explain.targets import Contrast, Target, as_span, best_spans, check_source, check_target, resolve
from qalens.reader import Reader
from qalens.readings.reading import FailedReading, Source
from qalens.spans.decision import decide
from qalens.spans.distribution import SpanLogits, span_distribution
from qalens.spans.per_window import span_copies
from qalens.testing import planted_logits, planted_reading, toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example

ADA = "Ada kept the lamp."
ANSWER = CharSpan(0, 3)
LAMP = CharSpan(13, 17)


@pytest.fixture(scope="module")
def short():
    return planted_reading(QUESTION, ADA, answer="Ada")


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=64, stride=24, max_answer_length=8)


@pytest.fixture(scope="module")
def long(reader):
    reading = reader.read(QUESTION, STORY)
    assert len(reading.windows) > 8
    return reading


def changed(reading, start, end):
    """A reading with other logits, and all that follows from them."""
    logits = SpanLogits(reading.windows, start, end)
    spans = span_distribution(logits, max_answer_length=reading.max_answer_length)
    return replace(reading, logits=logits, spans=spans, decision=decide(spans))


# --- one window -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "span", "expected"),
    [
        ("answer", None, Target("answer", "score of “Ada”", 0, ANSWER, (7, 7))),
        ("start", None, Target("start", "start logit of “Ada”", 0, ANSWER, (7, 7))),
        ("end", None, Target("end", "end logit of “Ada”", 0, ANSWER, (7, 7))),
        ("answer", LAMP, Target("answer", "score of “lamp”", 0, LAMP, (10, 10))),
        ("answer", (0, 18), Target("answer", "score of “Ada kept the lamp.”", 0, CharSpan(0, 18), (7, 11))),
        ("no_answer", None, Target("no_answer", "logit of P(no answer)", 0, None, None)),
        ("null_score", None, Target("null_score", "null score", 0, None, None)),
        (
            Contrast(ANSWER, LAMP),
            None,
            Target("contrast", "“Ada” over “lamp”", 0, ANSWER, (7, 7), LAMP, (10, 10)),
        ),
        (Contrast(ANSWER), None, Target("contrast", "“Ada” over no answer", 0, ANSWER, (7, 7))),
        (
            Contrast(None, LAMP),
            None,
            Target("contrast", "no answer over “lamp”", 0, None, None, LAMP, (10, 10)),
        ),
    ],
)
def test_a_target_is_settled(short, target, span, expected):
    assert resolve(short, target, span=span) == expected


@pytest.mark.parametrize(
    "span",
    [
        LAMP,
        (13, 17),
        [13, 17],
        (np.int64(13), np.int32(17)),
        "answer",
    ],
    ids=["CharSpan", "tuple", "list", "numpy", "Answer"],
)
def test_a_span_can_be_given_in_several_forms(short, span):
    given = short.spans.find(13, 17) if span == "answer" else span
    assert as_span(short, given) == LAMP
    assert resolve(short, "answer", span=given) == resolve(short, "answer", span=LAMP)
    assert resolve(short, Contrast(given)) == resolve(short, Contrast(LAMP))


def test_where_the_reading_abstains_its_best_span_is_explained_and_the_note_says_so(short):
    abstaining = short.with_threshold(-math.inf)
    assert abstaining.answer is None
    found = resolve(abstaining, "start")
    assert found.span == ANSWER
    assert found.note == "the reading abstains; this is its best span"
    assert resolve(abstaining, "start", span=ANSWER).note == ""


def test_a_long_span_is_shortened_in_words_alone(reader):
    reading = reader.with_options(max_length=384).read(QUESTION, SENTENCES[4])
    found = resolve(reading, "answer", span=(0, len(SENTENCES[4])))
    assert found.words == f"score of “{SENTENCES[4][:59]}…”"
    assert found.span == CharSpan(0, len(SENTENCES[4]))
    assert found.tokens[1] - found.tokens[0] >= reading.max_answer_length


def test_blanks_within_a_span_are_one_in_words():
    reading = planted_reading("Who?", "Ada \n\t kept", answer="Ada")
    assert resolve(reading, "answer", span=(0, 11)).words == "score of “Ada kept”"


# --- several windows --------------------------------------------------------------------------------------------------


def test_a_span_is_explained_where_its_best_copy_stands(long):
    for span in long.spans.top(40):
        found = resolve(long, "answer", span=span)
        assert (found.window, found.tokens, found.span) == (span.window, span.tokens, span.span)
        assert found.note == f"window {span.window + 1} of {len(long.windows)}"


def test_the_answer_itself_is_explained_where_it_was_found(long):
    best = long.decision.best
    for target in ("answer", "start", "end"):
        found = resolve(long, target)
        assert (found.window, found.tokens, found.span) == (best.window, best.tokens, best.span)


@pytest.mark.parametrize(("null", "pick"), [("min", np.argmin), ("max", np.argmax)])
def test_no_answer_is_explained_where_the_null_score_counts(reader, null, pick):
    reading = reader.with_options(null=null).read(QUESTION, STORY)
    found = resolve(reading, "no_answer")
    assert found.window == pick(reading.logits.null_scores)
    assert reading.logits.null_scores[found.window] == reading.spans.null_score
    assert found.note == (
        f"window {found.window + 1} of {len(reading.windows)}; the spans and null scores of the others are held as they are"
    )
    alone = resolve(reading, "null_score")
    assert (alone.window, alone.note) == (
        found.window,
        f"window {found.window + 1} of {len(reading.windows)}",
    )


def test_where_null_scores_are_averaged_no_answer_is_explained_at_the_best_span(reader):
    reading = reader.with_options(null="mean").read(QUESTION, STORY)
    assert resolve(reading, "no_answer").window == reading.decision.best.window
    assert resolve(reading, "null_score").window == reading.decision.best.window


def test_a_contrast_is_settled_in_the_window_with_the_best_sum(long):
    spans = [s.span for s in long.spans.top(300)]
    seen, shared = set(), 0
    for a, b in pairwise(spans):
        scores = [{c.window: c.score for c in span_copies(long.logits, s)} for s in (a, b)]
        both = {w: scores[0][w] + scores[1][w] for w in scores[0].keys() & scores[1].keys()}
        if not both:
            with pytest.raises(InputError, match="No window holds both"):
                resolve(long, Contrast(a, b))
            continue
        found = resolve(long, Contrast(a, b))
        assert found.window == max(both, key=lambda w: both[w])
        assert (found.span, found.rival) == (a, b)
        seen.add(found.window)
        shared += len(both) > 1
    assert len(seen) > 2
    assert shared > 5


def test_a_contrast_with_no_answer_is_settled_at_the_span_and_says_whose_null_score_that_is(long):
    nulls, noted = long.logits.null_scores, set()
    for span in map(long.spans.at, range(0, len(long.spans), 7)):
        found = resolve(long, Contrast(span, None))
        assert (found.window, found.tokens) == (span.window, span.tokens)
        counts = nulls[found.window] == long.spans.null_score
        assert found.note.endswith("; its null score is not the one that counts") != counts
        noted.add(counts)
    assert noted == {True, False}


def test_a_contrast_is_that_of_probabilities_unless_its_note_names_a_better_copy(long):
    told = set()
    for a, b in pairwise(long.spans.top(300)):
        try:
            found = resolve(long, Contrast(a.span, b.span))
        except InputError:
            continue
        value = sum(
            sign * float(long.logits.start[found.window, i] + long.logits.end[found.window, j])
            for sign, (i, j) in ((1, found.tokens), (-1, found.rival_tokens))
        )
        expected = math.log(a.probability / b.probability)
        better = "that counts is in window" in found.note
        assert better != (value == pytest.approx(expected, abs=1e-3))
        for side, quoted in ((a, found.words.split(" over ")[0]), (b, found.words.split(" over ")[-1])):
            here = max(
                c.score for c in span_copies(long.logits, side.span) if c.window == found.window
            ) == pytest.approx(side.score)
            said = f"the copy of {quoted} that counts is in window {side.window + 1}"
            assert here or said in found.note
        told.add(better)
    assert told == {True, False}


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "span", "message"),
    [
        (
            "anser",
            None,
            'Unknown target \'anser\'; choose "answer", "start", "end", "no_answer", "null_score" or a Contrast',
        ),
        (None, None, "Unknown target None"),
        (7, None, "Unknown target 7"),
        ((0, 3), None, "Unknown target \\(0, 3\\)"),
        (["answer"], None, "Unknown target \\['answer'\\]"),
        ("no_answer", ANSWER, 'The target "no_answer" is about no span; leave span out'),
        ("null_score", ANSWER, 'The target "null_score" is about no span; leave span out'),
        (Contrast(ANSWER), LAMP, "A Contrast holds its own spans; leave span out"),
        ("answer", (0, 19), "The span \\[0, 19\\) is outside the text, whose 18 characters are \\[0, 18\\)"),
        ("answer", (-1, 3), "The span \\[-1, 3\\) is outside the text"),
        ("start", (3, 3), "The span \\[3, 3\\) is outside the text"),
        ("end", (9, 4), "The span \\[9, 4\\) is outside the text"),
        ("answer", CharSpan(4, 4), "The span \\[4, 4\\) is outside"),
        ("answer", (10**12, 10**12 + 1), "The span .* is outside the text"),
        (
            "answer",
            "Ada",
            "Expected an Answer, a CharSpan or a pair \\(start, end\\) of characters, but got 'Ada'",
        ),
        ("answer", 3, "Expected an Answer, .* but got 3"),
        ("answer", (0.0, 3.7), "Expected an Answer, .* but got \\(0.0, 3.7\\)"),
        ("answer", ("0", "3"), "Expected an Answer, .* but got \\('0', '3'\\)"),
        ("answer", (0, 3, 5), "Expected an Answer, .* but got \\(0, 3, 5\\)"),
        ("answer", slice(0, 3), "Expected an Answer"),
        ("answer", (math.nan, 3), "Expected an Answer"),
        (
            "answer",
            (1, 3),
            "No window holds tokens that start at character 1 and end at 3. A target has to begin and end where tokens do, "
            "in one window. The nearest span of whole tokens is .*“Ada”",
        ),
        ("answer", (3, 8), "No window holds tokens that start at character 3"),
        (Contrast((0, 3), (1, 3)), None, "No window holds tokens that start at character 1"),
        (Contrast((0, 3), (0, 30)), None, "The span \\[0, 30\\) is outside the text"),
        (Contrast("no_answer"), None, "Expected an Answer, .* but got 'no_answer'"),
        (Contrast(ANSWER, ANSWER), None, "A contrast needs two different sides, but both are “Ada”"),
        (Contrast(ANSWER, (0, 3)), None, "A contrast needs two different sides, but both are “Ada”"),
        (Contrast([13, 17], LAMP), None, "A contrast needs two different sides, but both are “lamp”"),
        (Contrast(None, None), None, "A contrast needs two different sides, but both are no answer"),
    ],
)
def test_what_is_no_target_is_refused(short, target, span, message):
    with pytest.raises(InputError, match=message):
        resolve(short, target, span=span)


@pytest.mark.parametrize("form", [lambda a: a.span, lambda a: (a.span.start, a.span.end), lambda a: a])
def test_an_answer_against_its_own_span_is_no_contrast(short, form):
    with pytest.raises(InputError, match="A contrast needs two different sides, but both are “Ada”"):
        resolve(short, Contrast(short.answer, form(short.answer)))


def test_spans_that_no_window_shares_are_no_contrast(long):
    first, last = (max(long.spans.top(2000), key=lambda s: sign * s.span.start) for sign in (-1, 1))
    with pytest.raises(
        InputError, match=r"No window holds both “.*” and “.*”; each is explained in its own window"
    ):
        resolve(long, Contrast(first, last))


def test_an_answer_to_another_text_is_refused(short):
    other = planted_reading(QUESTION, "Tobias slept all day.", answer="Tobias slept")
    with pytest.raises(
        InputError, match="'Tobias slept' is of another text: at \\[0, 12\\) this one has 'Ada kept the'"
    ):
        resolve(short, "answer", span=other.answer)


@pytest.mark.parametrize("target", ["no_answer", "answer", "start"])
def test_a_text_without_a_span_is_refused(target):
    reading = planted_reading("Who?", "\x01\x02", answer=None)
    assert len(reading.spans) == 0
    with pytest.raises(InputError, match="The text has no span that could be an answer"):
        resolve(reading, target)
    assert resolve(reading, "null_score").words == "null score"  # which there is all the same


def test_what_the_model_rules_out_is_refused(short):
    start, end = short.logits.start.copy(), short.logits.end.copy()
    start[0, 10] = -np.inf  # lamp
    masked = changed(short, start, end)
    for target in ("answer", "start"):
        with pytest.raises(
            InputError, match=r"The model rules this out: the (score|start logit) of “lamp” is minus inf"
        ):
            resolve(masked, target, span=LAMP)
    assert resolve(masked, "end", span=LAMP).tokens == (10, 10)
    for sides in ((LAMP, ANSWER), (ANSWER, LAMP), (LAMP, None)):
        with pytest.raises(
            InputError, match="The model rules this out: the score of “lamp” is minus infinity"
        ):
            resolve(masked, Contrast(*sides))
    end = end.copy()
    end[0, 0] = -np.inf  # the null token
    masked = changed(short, start.copy(), end)
    for target in ("no_answer", "null_score"):
        with pytest.raises(InputError, match="The model rules this out: the null score is minus infinity"):
            resolve(masked, target)
    with pytest.raises(
        InputError, match="The model rules this out: the score of no answer is minus infinity"
    ):
        resolve(masked, Contrast(ANSWER))


@pytest.mark.parametrize(
    "target", ["answer", "no_answer", "null_score", Contrast((0, 3), None), Contrast("what", "ever")]
)
def test_a_target_can_be_checked_without_a_reading(target):
    check_target(target)


@pytest.mark.parametrize("target", ["anser", None, 0, "contrast", Contrast])
def test_no_target_is_found_out_without_a_reading(target):
    with pytest.raises(InputError, match="Unknown target"):
        check_target(target)


# --- whose reading ----------------------------------------------------------------------------------------------------


def test_a_reading_of_this_model_is_taken_wherever_it_was_made(reader, long):
    check_source(reader.model, long)
    check_source(Reader(toy_model(), toy_tokenizer()).model, long)


def test_what_is_no_reading_of_this_model_is_refused(reader, long, short):
    failed = FailedReading(Example("Who?", ""), InputError("The context is empty."))
    other = Reader(toy_model(1), toy_tokenizer()).read(QUESTION, ADA)
    for reading, message in (
        (failed, "This text could not be read, so there is nothing to explain: The context is empty."),
        (None, "Expected a Reading, as reader.read gives it, but got NoneType"),
        ("Ada", "but got str"),
        (long.spans, "but got SpanDistribution"),
        (
            short,
            "This reading was made by no model with other weights than those of BertForQuestionAnswering here",
        ),
        (other, "made by BertForQuestionAnswering with other weights than those of .* Read the text again"),
        (replace(long, source=Source("x", "0" * 16)), "made by x with other weights"),
    ):
        with pytest.raises(InputError, match=message):
            check_source(reader.model, reading)


# --- the best span of many logits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("longest", [1, 2, 5, 30])
@pytest.mark.parametrize("rows", [1, 7])
def test_best_spans_are_those_of_plain_loops(long, longest, rows):
    reading = replace(long, max_answer_length=longest)
    rng = np.random.default_rng(longest)
    for w in (0, 3, len(long.windows) - 1):
        n = int(long.windows.lengths[w])
        start, end = rng.normal(size=(2, rows, n))
        inside = np.flatnonzero(long.windows.answerable[w])
        found = best_spans(reading, w, start, end)
        assert found.shape == (rows, 2)
        for s, e, pair in zip(start, end, found.tolist(), strict=True):
            legal = [(i, j) for i in inside for j in inside if i <= j < i + longest]
            assert tuple(pair) == max(legal, key=lambda ij: s[ij[0]] + e[ij[1]])


def test_the_best_span_of_a_window_is_that_of_its_distribution():
    logits = planted_logits("Ada kept the lamp in it.", answer="the lamp")
    reading = planted_reading("What is it?", "Ada kept the lamp in it.", answer="the lamp")
    n = int(logits.windows.lengths[0])
    found = best_spans(reading, 0, logits.start[:, :n].astype(float), logits.end[:, :n].astype(float))
    assert tuple(found[0]) == reading.answer.tokens
