"""The facade: one text or many, the same readings, in order, and a reason for everything that is not read."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from checkpoints import QUESTION, SENTENCES, STORY

from qalens.errors import InputError, ModelError, QalensError
from qalens.models.model import QAModel
from qalens.reader import Reader, Variant
from qalens.readings.reading import FailedReading, Reading
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example
from qalens.text.windows import BYTES_PER_CHARACTER, make_windows


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=64)


def same(ours: Reading, theirs: Reading) -> bool:
    return (
        ours.example == theirs.example
        and [a.span for a in ours.spans.top(3)] == [a.span for a in theirs.spans.top(3)]
        and np.allclose(ours.spans.probabilities(), theirs.spans.probabilities(), rtol=0, atol=1e-6)
        and math.isclose(ours.no_answer_probability, theirs.no_answer_probability, abs_tol=1e-6)
        and (ours.answer is None) == (theirs.answer is None)
    )


# --- one text ---------------------------------------------------------------------------------------------------------


def test_a_reading_keeps_what_it_was_made_of(reader):
    reading = reader.read(QUESTION, STORY)
    assert (reading.question, reading.context) == (QUESTION, STORY)
    assert reading.logits.windows is reading.windows
    assert reading.max_answer_length == 30
    windows = make_windows(toy_tokenizer(), QUESTION, STORY, max_length=64)
    assert reading.windows.model_inputs["input_ids"].tolist() == windows.model_inputs["input_ids"].tolist()


@pytest.mark.parametrize(
    ("question", "text", "message"),
    [
        ("", "Ada", "The question is empty"),
        ("Who?", "", "The context is empty"),
        ("Who?", " \n\t", "The context is blank \\(3 whitespace characters\\)"),
        (None, "Ada", "The question has to be a str, but is of type NoneType: None"),
        ("Who?", 7, "The context has to be a str, but is of type int: 7"),
        ("Who?", ["Ada"], "The context has to be a str, but is of type list"),
        ("Who?", "\ud800", "The context holds a lone surrogate"),
    ],
)
def test_what_cannot_be_read_is_refused(reader, question, text, message):
    with pytest.raises(InputError, match=message):
        reader.read(question, text)


def test_a_text_beyond_the_memory_is_refused():
    text = "ada kept the lamp " * 50
    reader = Reader(toy_model(), toy_tokenizer(), max_memory=len(text) * BYTES_PER_CHARACTER)
    assert reader.read("Who?", text).error is None
    with pytest.raises(InputError, match="The text has 901 characters; reading it at once may take"):
        reader.read("Who?", text + "!")
    first, last = reader.read_many([("Who?", text + "!"), ("Who?", text)])
    assert "Read it in parts, or raise max_memory" in str(first.error)
    assert last.error is None


# --- many texts -------------------------------------------------------------------------------------------------------


PAIRS = [(question, sentence) for question, sentence in itertools.product(("Who?", QUESTION), SENTENCES)]


@pytest.mark.parametrize(
    "form",
    [
        lambda pairs: pairs,
        tuple,
        iter,
        lambda pairs: (list(pair) for pair in pairs),
        lambda pairs: [Example(*pair) for pair in pairs],
        lambda pairs: dict(enumerate(pairs)).values(),
    ],
    ids=["list", "tuple", "iterator", "lists", "examples", "view"],
)
def test_many_texts_are_read_as_each_alone_and_in_order(reader, form):
    readings = list(reader.read_many(form([*PAIRS, ("Who?", STORY)])))
    assert len(readings) == len(PAIRS) + 1
    for reading, pair in zip(readings, [*PAIRS, ("Who?", STORY)], strict=True):
        assert same(reading, reader.read(*pair))


def test_an_example_stays_with_its_reading(reader):
    example = Example("Who?", SENTENCES[0], id="7", gold=(CharSpan(0, 3),))
    (reading,) = reader.read_many([example])
    assert reading.example is example
    assert reading.to_dict()["id"] == "7"


def test_no_text_gives_no_reading(reader):
    assert list(reader.read_many([])) == []


JUNK = [
    (None, "Expected an Example or a \\(question, context\\) pair, but got None"),
    (7, "Expected an Example .* but got 7"),
    ("ab", "Expected an Example .* but got 'ab'"),
    ((), "Expected an Example"),
    (("Who?",), "Expected an Example"),
    (("Who?", "Ada", "7"), "Expected an Example"),
    ({"Who?", "Ada"}, "Expected an Example"),
    (("Who?", ""), "The context is empty"),
    (("", "Ada"), "The question is empty"),
    (("Who?", "  "), "The context is blank \\(2 whitespace"),
    (("Who?", None), "The context has to be a str, but is of type NoneType"),
    ((3, "Ada"), "The question has to be a str, but is of type int"),
    (b"ab", "Expected an Example .* but got b.ab."),
    (("Who?", "Ada \udfff"), "The context holds a lone surrogate"),
    (Example("Who?", ""), "The context is empty"),
]


@pytest.mark.parametrize(("junk", "message"), JUNK)
def test_what_cannot_be_read_fails_in_its_place_with_its_reason(reader, junk, message):
    first, failed, last = reader.read_many([PAIRS[0], junk, PAIRS[1]])
    assert same(first, reader.read(*PAIRS[0]))
    assert same(last, reader.read(*PAIRS[1]))
    assert isinstance(failed, FailedReading)
    is_pair = isinstance(junk, tuple) and len(junk) == 2
    assert failed.given == (Example(*junk) if is_pair else junk)
    assert failed.answer is None
    assert isinstance(failed.error, InputError)
    with pytest.raises(InputError, match=message):
        raise failed.error


def test_junk_alone_never_reaches_the_model(reader):
    outcomes = list(reader.read_many(junk for junk, _ in JUNK))
    assert all(isinstance(outcome, FailedReading) for outcome in outcomes)
    assert len(outcomes) == len(JUNK)


class Counted:
    """Texts that count how many of them were taken."""

    def __init__(self, items):
        self.items = items
        self.taken = 0

    def __iter__(self):
        for item in self.items:
            self.taken += 1
            yield item


def test_nothing_is_taken_before_the_first_reading_is_asked_for(reader):
    items = Counted(PAIRS)
    readings = reader.read_many(items)
    assert items.taken == 0
    next(readings)
    assert items.taken > 0


def test_only_a_few_hundred_texts_are_taken_ahead(reader):
    endless = Counted(itertools.cycle([("Who?", "Ada kept it."), ("Who?", "")]))
    readings = reader.read_many(endless)
    for read in range(1, 1001):
        next(readings)
        assert read <= endless.taken <= read + 300
    readings.close()


def test_long_texts_are_not_taken_ahead_at_all(reader):
    long = ("Who?", "ada kept the lamp of the room " * 3000)
    items = Counted([long] * 3)
    reading = next(reader.read_many(items))
    assert len(reading.windows) > 256
    assert items.taken == 1


def test_an_error_of_the_users_own_generator_comes_through(reader):
    def items():
        yield PAIRS[0]
        raise ZeroDivisionError("the database went away")

    with pytest.raises(ZeroDivisionError, match="the database went away"):
        list(reader.read_many(items()))


def test_a_qalens_error_of_the_users_own_generator_is_no_failed_reading(reader):
    def items():
        raise QalensError("from outside")
        yield

    with pytest.raises(QalensError, match="from outside"):
        list(reader.read_many(items()))


@pytest.mark.parametrize("items", [None, 7])
def test_what_is_no_collection_is_no_collection(reader, items):
    with pytest.raises(InputError, match=r"A data set is a file, .* but got (NoneType|int)"):
        list(reader.read_many(items))


# --- the progress bar -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False), (None, False)])
def test_the_bar_shows_when_asked_for(reader, capsys, progress, shown):
    list(reader.read_many(PAIRS[:4], progress=progress))
    captured = capsys.readouterr()
    assert ("4/4" in captured.err) == shown
    assert ("question" in captured.err) == shown
    assert captured.out == ""
    assert shown or captured.err == ""


def test_a_bar_over_a_generator_counts_without_a_total(reader, capsys):
    list(reader.read_many(iter(PAIRS[:4]), progress=True))
    assert "4 questions" in capsys.readouterr().err


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 513}, "max_length 513 is more than the 512 tokens that .* can take"),
        ({"max_length": 4}, "max_length 4 leaves no room"),
        ({"max_length": "64"}, "max_length has to be a whole number .* but is '64'"),
        ({"max_length": 64.0}, "max_length has to be a whole number"),
        ({"stride": 380}, "stride 380 is too large"),
        ({"max_answer_length": 0}, "max_answer_length has to be a whole number"),
        ({"threshold": math.nan}, "threshold has to be a number"),
        ({"threshold": "0"}, "threshold has to be a number"),
        ({"null": "median"}, 'null has to be "min", "mean" or "max"'),
        ({"batch_tokens": 0}, "batch_tokens has to be a whole number of tokens from 1 on, but is 0"),
        ({"batch_tokens": -5}, "batch_tokens has to be"),
        ({"batch_tokens": 1.5}, "batch_tokens has to be"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Reader(toy_model(), toy_tokenizer(), **options)


OPTIONS = {
    "max_length": 48,
    "stride": 7,
    "max_answer_length": 3,
    "threshold": -2.5,
    "null": "max",
    "batch_tokens": 100,
    "max_memory": 10**9,
}


@pytest.mark.parametrize(("name", "value"), OPTIONS.items())
def test_with_options_changes_what_it_names_and_nothing_else(reader, name, value):
    before = {option: getattr(reader, option) for option in OPTIONS}
    changed = reader.with_options(**{name: value})
    assert getattr(changed, name) == value
    kept = [
        option for option in OPTIONS if option != name and not (name == "max_length" and option == "stride")
    ]
    assert all(getattr(changed, option) == before[option] for option in kept)
    assert {option: getattr(reader, option) for option in OPTIONS} == before
    assert changed.model is reader.model
    assert changed.pair is reader.pair


def test_with_options_can_go_back_to_a_default(reader):
    assert reader.with_options(stride=None).stride == 21
    assert reader.with_options(max_length=None).max_length == 384
    assert reader.with_options(batch_tokens=None).batch_tokens is None


def test_another_max_length_brings_its_own_stride(reader):
    assert reader.with_options(max_length=30).stride == 10


def test_an_unknown_option_is_refused_with_those_that_there_are(reader):
    with pytest.raises(
        InputError, match="Reader has no option top_k; it has max_length, stride, max_answer_length"
    ):
        reader.with_options(top_k=5)


def test_max_answer_length_bounds_every_span(reader):
    spans = reader.with_options(max_answer_length=2).read(QUESTION, STORY).spans
    assert (spans.token_end - spans.token_start).max() == 1


@pytest.mark.parametrize(
    ("threshold", "answers"), [(math.inf, True), (-math.inf, False), (1e6, True), (-1e6, False)]
)
def test_the_threshold_decides(reader, threshold, answers):
    reading = reader.with_options(threshold=threshold).read(QUESTION, STORY)
    assert (reading.answer is not None) == answers
    assert reading.decision.threshold == threshold
    assert same(reading.with_threshold(0), reader.read(QUESTION, STORY))


def test_the_threshold_is_compared_with_the_margin(reader):
    margin = reader.read(QUESTION, STORY).margin
    assert reader.with_options(threshold=margin).read(QUESTION, STORY).answer is not None
    assert (
        reader.with_options(threshold=math.nextafter(margin, -math.inf)).read(QUESTION, STORY).answer is None
    )


@pytest.mark.parametrize(("null", "rule"), [("min", np.min), ("mean", np.mean), ("max", np.max)])
def test_the_null_rule_picks_the_null_score(reader, null, rule):
    spans = reader.with_options(null=null).read(QUESTION, STORY).spans
    assert len(spans.null_scores) > 2
    assert spans.null_score == rule(spans.null_scores)


# --- stability --------------------------------------------------------------------------------------------------------


def test_stability_reads_every_pair_that_can_work(reader):
    rows = reader.stability(QUESTION, STORY, max_lengths=(24, 64, 512), strides=(0, 8, 40))
    assert [(row.max_length, row.stride) for row in rows] == [
        (24, 0),
        (24, 8),
        (64, 0),
        (64, 8),
        (64, 40),
        (512, 0),
        (512, 8),
        (512, 40),
    ]
    for row in rows:
        reading = reader.with_options(max_length=row.max_length, stride=row.stride).read(QUESTION, STORY)
        assert isinstance(row, Variant)
        assert row.windows == len(reading.windows)
        assert row.no_answer_probability == reading.no_answer_probability
        assert (row.answer, row.best, row.margin) == (reading.answer, reading.decision.best, reading.margin)
    windows = {(row.max_length, row.stride): row.windows for row in rows}
    assert windows[24, 8] > windows[24, 0] > windows[64, 0] > windows[512, 0] == 1


def test_stability_takes_parts_of_the_readers_own_length(reader):
    rows = reader.stability(QUESTION, STORY, strides=(0,))
    assert [row.max_length for row in rows] == [21, 32, 42, 64]


def test_stability_of_no_length_at_all_is_empty(reader):
    assert reader.stability(QUESTION, STORY, max_lengths=()) == ()


def test_stability_of_a_text_that_cannot_be_read_is_refused(reader):
    with pytest.raises(InputError, match="The context is empty"):
        reader.stability(QUESTION, "")


# --- the reader itself ------------------------------------------------------------------------------------------------


def test_a_reader_takes_a_module_or_a_wrapped_one():
    module = toy_model()
    wrapped = QAModel(module, name="toy")
    assert Reader(wrapped, toy_tokenizer()).model is wrapped
    assert same(
        Reader(wrapped, toy_tokenizer()).read(*PAIRS[0]), Reader(module, toy_tokenizer()).read(*PAIRS[0])
    )


def test_a_reader_shows_its_model_and_options(reader):
    shown = repr(reader.with_options(threshold=1.25))
    assert shown.startswith(
        "Reader(QAModel('BertForQuestionAnswering', BertForQuestionAnswering, cpu, float32)"
    )
    assert shown.endswith("max_length=64, stride=21, max_answer_length=30, threshold=1.25)")


def test_a_failure_of_the_model_is_a_model_error_alone_and_a_failed_reading_among_many():
    module = toy_model()
    module.resize_token_embeddings(20)
    reader = Reader(module, toy_tokenizer())
    with pytest.raises(ModelError, match="they do not belong together"):
        reader.read(*PAIRS[0])
    (failed,) = reader.read_many([PAIRS[0]])
    assert isinstance(failed.error, ModelError)
    assert failed.given == Example(*PAIRS[0])
