"""Two readings side by side, in characters: against dictionaries of spans, and against what was planted."""

from __future__ import annotations

import math
import pickle
import random
import time
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from checkpoints import QUESTION, SENTENCES, STORY, TOKENIZERS, model
from hypothesis import given, settings
from hypothesis import strategies as st

from qalens.errors import InputError
from qalens.explain.counterfactual.alignment import align
from qalens.explain.counterfactual.difference import ReadingDiff, compare, same_text
from qalens.explain.counterfactual.edits import DropSentence, KeepSentence, ReplaceWords
from qalens.reader import Reader
from qalens.readings.reading import FailedReading
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan

TEXT = " ".join(SENTENCES[:4])
CHANGES = {
    "equal": lambda text: text,
    "a sentence less": lambda text: DropSentence(1).apply(QUESTION, text).context,
    "one sentence": lambda text: KeepSentence(2).apply(QUESTION, text).context,
    "a word more": lambda text: text.replace("lamp", "old lamp", 1),
    "a name changed": lambda text: text.replace("Ada Marlow", "Tobias"),
    "doubled": lambda text: f"{text} {text}",
    "another": lambda _: " ".join(SENTENCES[6:9]),
}


@lru_cache
def reader(architecture: str, seed: int = 0) -> Reader:
    return Reader(model(architecture, seed=seed), TOKENIZERS[architecture](), max_length=64)


@lru_cache
def diff_of(change: str, one: str = "bert-uncased", other: str = "bert-uncased") -> ReadingDiff:
    before = reader(one).read(QUESTION, TEXT)
    return compare(before, reader(other, seed=1).read(QUESTION, CHANGES[change](TEXT)))


# --- the distance, once more with dictionaries --------------------------------------------------------------------------


def span_probabilities(reading) -> dict[tuple[int, int], float]:
    spans = reading.spans
    return {
        (int(a), int(b)): math.exp(z - spans.log_normalizer)
        for a, b, z in zip(spans.start, spans.end, spans.score, strict=True)
    }


def follow(span: tuple[int, int], places: dict[int, int]) -> tuple[int, int] | None:
    """Where a span stands in the other text, character by character."""
    there = [places.get(c) for c in range(*span)]
    if None in there or there != list(range(there[0], there[0] + len(there))):
        return None
    return there[0], there[-1] + 1


def events(diff: ReadingDiff) -> tuple[dict, dict]:
    """The two distributions over what can be compared: spans in characters after, no answer, "gone" and "new"."""
    forward = {c: int(place) for c, place in enumerate(diff.alignment) if place >= 0}
    backward = {place: c for c, place in forward.items()}
    p, q = {"none": diff.before.no_answer_probability}, {"none": diff.after.no_answer_probability}
    for span, mass in span_probabilities(diff.before).items():
        event = follow(span, forward) or "gone"
        p[event] = p.get(event, 0.0) + mass
    for span, mass in span_probabilities(diff.after).items():
        event = span if follow(span, backward) else "new"
        q[event] = q.get(event, 0.0) + mass
    return p, q


def jensen_shannon(p: dict, q: dict) -> float:
    total = 0.0
    for event in p.keys() | q.keys():
        a, b = p.get(event, 0.0), q.get(event, 0.0)
        total += sum(x / 2 * math.log2(x / ((a + b) / 2)) for x in (a, b) if x > 0)
    return math.sqrt(max(0.0, total))


PAIRS = [("bert-uncased", "bert-uncased"), ("bert-uncased", "roberta"), ("xlm-roberta", "albert")]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("change", CHANGES)
def test_distance_and_bins_are_those_of_dictionaries(change, pair):
    diff = diff_of(change, *pair)
    p, q = events(diff)
    assert diff.distance == pytest.approx(jensen_shannon(p, q), abs=1e-7)
    assert 0 < diff.distance < 1
    assert diff.gone_probability == pytest.approx(p.get("gone", 0.0), abs=1e-12)
    assert diff.new_probability == pytest.approx(q.get("new", 0.0), abs=1e-12)


def test_the_reference_meets_every_kind_of_event():
    p, q = events(diff_of("a word more", "bert-uncased", "roberta"))
    assert p["gone"] > 0
    assert q["new"] > 0
    assert p.keys() & q.keys() > {"none"}
    assert p.keys() - q.keys() > {"gone"}
    assert q.keys() - p.keys() > {"new"}


@pytest.mark.parametrize("architecture", ["bert-uncased", "roberta", "albert"])
def test_a_reading_is_at_no_distance_from_itself(architecture):
    diff = compare(*[reader(architecture).read(QUESTION, STORY)] * 2)
    assert diff.distance == 0.0
    assert (diff.no_answer_change, diff.margin_change) == (0.0, 0.0)
    assert not diff.inclusion_change().any()
    assert not diff.answer_changed


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_distance_of_equal_texts_is_symmetric(pair):
    diff = diff_of("equal", *pair)
    back = compare(diff.after, diff.before)
    assert back.distance == pytest.approx(diff.distance, abs=1e-12)
    assert (back.inclusion_change() == -diff.inclusion_change()).all()


def test_the_distance_through_an_edit_is_symmetric_too():
    diff = diff_of("a sentence less")
    kept = diff.alignment >= 0
    backward = np.full(len(diff.after.context), -1)
    backward[diff.alignment[kept]] = np.flatnonzero(kept)
    back = ReadingDiff(diff.after, diff.before, backward)
    assert back.distance == pytest.approx(diff.distance, abs=1e-12)
    assert (back.gone_probability, back.new_probability) == (diff.new_probability, diff.gone_probability)


def test_disjoint_readings_are_at_distance_one():
    one, other = (
        planted_reading("Who?", "Ada saw Tobias.", answer=a, strength=40) for a in ("Ada", "Tobias")
    )
    assert compare(one, other).distance == pytest.approx(1.0, abs=1e-9)


@settings(deadline=None)
@given(st.floats(-8, 8), st.floats(-8, 8))
def test_two_outcomes_give_the_textbook_value(x, y):
    def coin(null):
        return planted_reading("Who?", "Ada", answer="Ada", strength=0.0, null=null)

    one, other = coin(x), coin(y)
    p, q = (1 / (1 + math.exp(-2 * null)) for null in (x, y))
    expected = jensen_shannon({"none": p, "ada": 1 - p}, {"none": q, "ada": 1 - q})
    assert len(one.spans) == 1
    assert compare(one, other).distance == pytest.approx(expected, abs=1e-7)


def test_a_text_without_any_token_has_nothing_but_no_answer():
    nothing, something = (planted_reading("Who?", text, answer=None) for text in ("\x01\x02", "Ada"))
    assert len(nothing.spans) == 0
    assert compare(nothing, nothing).distance == 0.0
    assert math.isnan(compare(nothing, nothing).margin_change)
    assert 0 < compare(nothing, something).distance < 1
    assert compare(something, nothing).distance == compare(nothing, something).distance


# --- no answer and the answer -------------------------------------------------------------------------------------------


def test_changes_are_after_minus_before():
    diff = diff_of("equal")
    assert diff.no_answer_change == diff.after.no_answer_probability - diff.before.no_answer_probability
    assert diff.margin_change == diff.after.margin - diff.before.margin
    assert diff.no_answer_change != 0


ANSWERS = [
    ("Ada saw Tobias.", "Ada", "Ada saw Tobias.", "Ada", "same_span"),
    ("Ada saw Tobias.", "Tobias", "So Ada saw Tobias.", "Tobias", "same_span"),
    ("Ada saw Tobias.", "Ada", "Tobias saw Ada.", "Ada", "same_text"),
    ("The lamp burned.", "The lamp", "The lamp burned.", "lamp", "same_text"),
    ("Ada saw Tobias.", "Ada", "Ada saw Tobias.", "Tobias", "other"),
    ("Ada saw Tobias.", "Ada", "Ada saw Tobias.", "Ada saw", "other"),
    ("Ada saw Tobias.", "Ada", "Ada saw Tobias.", None, "gone"),
    ("Ada saw Tobias.", None, "Ada saw Tobias.", "Ada", "appeared"),
    ("Ada saw Tobias.", None, "Tobias slept.", None, "none"),
    ("Was it ! or ?", "!", "Was it ! or ?", "?", "other"),
]


@pytest.mark.parametrize(("text", "answer", "other_text", "other", "change"), ANSWERS)
def test_what_became_of_the_answer(text, answer, other_text, other, change):
    diff = compare(
        planted_reading("Who?", text, answer=answer), planted_reading("Who?", other_text, answer=other)
    )
    assert diff.answer_change == change
    assert diff.answer_changed == (change in ("other", "gone", "appeared"))


def test_each_reading_is_decided_at_its_own_threshold():
    one = planted_reading("Who?", "Ada rowed.", answer="Ada")
    assert compare(one, one.with_threshold(-100)).answer_change == "gone"


def test_a_replaced_answer_is_the_same_text_at_most():
    before = planted_reading("Who?", "Ada rowed.", answer="Ada")
    edited = ReplaceWords({CharSpan(0, 3): "Ada"}).apply("Who?", "Ada rowed.")
    assert ReadingDiff(before, before, edited.alignment).answer_change == "same_text"


def test_a_span_is_followed_where_all_of_it_stays_together():
    before = planted_reading("Who?", "Ada saw Tobias row.", answer="Ada")
    after = planted_reading("Who?", "Then Ada saw old Tobias.", answer="Tobias")
    diff = compare(before, after)
    assert diff.follow(CharSpan(0, 3)) == CharSpan(5, 8)
    assert diff.follow(CharSpan(0, 7)) == CharSpan(5, 12)
    assert diff.follow(CharSpan(0, 14)) is None
    assert diff.follow(CharSpan(8, 18)) is None
    assert diff.follow(CharSpan(3, 3)) is None
    assert diff.candidate(CharSpan(8, 14)) == after.answer
    assert diff.candidate(CharSpan(1, 3)) is None
    assert diff.candidate(CharSpan(15, 18)) is None


def test_a_replaced_letter_tears_its_span_apart():
    reading = planted_reading("Who?", "Ada", answer="Ada")
    diff = ReadingDiff(reading, reading, np.array([0, -1, 2]))
    assert diff.follow(CharSpan(0, 3)) is None
    assert diff.gone_probability == diff.new_probability == reading.answer.probability


@pytest.mark.parametrize("span", [(0, 1), (0, 2), (0, 3)])
def test_a_span_that_begins_with_a_gone_character_is_gone(span):
    before, after = (planted_reading("Who?", text, answer=None) for text in ("(Ada", "Ada"))
    diff = compare(before, after)
    assert diff.alignment.tolist() == [-1, 0, 1, 2]
    assert diff.follow(CharSpan(*span)) is None


# --- characters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given_answer", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_inclusion_moves_with_its_character(change, given_answer):
    diff = diff_of(change)
    old, new = (r.spans.inclusion(given_answer=given_answer) for r in (diff.before, diff.after))
    moved = diff.inclusion_change(given_answer=given_answer)
    assert moved.shape == (len(TEXT),)
    for c, place in enumerate(diff.alignment):
        assert moved[c] == (new[place] if place >= 0 else 0.0) - old[c]
    fresh = diff.new_inclusion(given_answer=given_answer)
    seen = set(diff.alignment.tolist())
    assert fresh.tolist() == [0.0 if c in seen else new[c] for c in range(len(new))]
    assert moved.sum() + fresh.sum() == pytest.approx(new.sum() - old.sum())
    assert diff.new.tolist() == [c not in seen for c in range(len(new))]
    assert diff.gone.tolist() == [place < 0 for place in diff.alignment]


# --- what can be compared -----------------------------------------------------------------------------------------------


def test_both_questions_texts_and_models_are_kept():
    before = reader("bert-uncased").read(QUESTION, TEXT)
    after = reader("roberta").read("What did the lamp burn?", TEXT)
    diff = compare(before, after)
    assert (diff.before.question, diff.after.question) == (QUESTION, "What did the lamp burn?")
    assert diff.before.source.name == "BertForQuestionAnswering"
    assert diff.after.source.name == "RobertaForQuestionAnswering"
    assert diff.alignment.tolist() == list(range(len(TEXT)))


@pytest.mark.parametrize("side", [0, 1])
def test_what_is_no_reading_is_refused(side):
    good = planted_reading("Who?", "Ada", answer=None)
    for wrong, message in [
        (
            FailedReading(None, InputError("The context is empty.")),
            "could not be read .* The context is empty",
        ),
        ("Ada", "Expected a Reading, as reader.read gives it, but got str"),
    ]:
        pair = [good, good]
        pair[side] = wrong
        with pytest.raises(InputError, match=message):
            compare(*pair)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([0, 1], "A text of 3 characters needs an alignment of 3 whole numbers"),
        ([0.0, 1.0, 2.0], "whole numbers, not float64"),
        ([0, 1, 3], "rising places from 0 to 2"),
        ([0, -2, 2], "holds -1 or rising"),
        ([1, 0, 2], "rising"),
        ([0, 0, 2], "rising"),
        ([[0, 1, 2]], "of shape \\(1, 3\\)"),
    ],
)
def test_an_alignment_that_does_not_fit_is_refused(places, message):
    reading = planted_reading("Who?", "Ada", answer=None)
    with pytest.raises(InputError, match=message):
        ReadingDiff(reading, reading, np.array(places))


def test_a_difference_is_read_only_and_can_be_pickled():
    diff = diff_of("a word more")
    with pytest.raises(ValueError, match="read-only"):
        diff.alignment[0] = 5
    again = pickle.loads(pickle.dumps(diff))
    assert again.distance == diff.distance
    assert repr(again) == repr(diff)


def test_a_difference_says_in_one_line_what_happened():
    one, other = (planted_reading("Who?", "Ada rowed.", answer=a) for a in ("Ada", None))
    assert repr(compare(one, other)) == "ReadingDiff('Ada' → no answer, P(no answer) +1.000)"
    assert repr(compare(other, one)) == "ReadingDiff(no answer → 'Ada', P(no answer) -1.000)"


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("the Lamp", "lamp!", True),
        ("lamp", "lamps", False),
        ("!", "!", True),
        ("!", "?", False),
        ("a", "the", False),
    ],
)
def test_answers_are_compared_as_squad_does(a, b, same):
    assert same_text(a, b) == same
    assert same_text(b, a) == same


# --- where the characters went ------------------------------------------------------------------------------------------

ALIGNMENTS = {
    "nothing in common": ("Ada", "Tobias", "Ada", "Tobias"),
    "a word more at the front": ("Ada rowed", "So Ada rowed", "", "So "),
    "a word more at the end": ("Ada rowed", "Ada rowed home", "", " home"),
    "a word more inside": ("Ada rowed", "Ada often rowed", "", "often "),
    "a word changed": ("Ada rowed home", "Ada walked home", "rowed ", "walked "),
    "part of a word": ("The lamps burned", "The lamp burned", "lamps ", "lamp "),
    "other blanks": ("Ada  rowed\nhome", "Ada rowed home", "  \n", "  "),
    "a blank at the front": ("Ada", "  Ada", "", "  "),
    "a full stop": ("Ada rowed.", "Ada rowed", ".", ""),
    "two places": ("Ada kept the lamp and the bell", "Eve kept the lamp or the bell", "Ada and ", "Eve or "),
    "a word moved": ("bell Ada rowed home", "Ada rowed home bell", "bell ", " bell"),
    "Chinese": ("灯塔很高", "灯塔不高", "很", "不"),
    "an accent": ("Zoe\u0301 rowed", "Zoe rowed", "Zoe\u0301 ", "Zoe "),
    "emptied": ("Ada", "", "Ada", ""),
    "filled": ("", "Ada", "", "Ada"),
}


def gone_and_new(before: str, after: str) -> tuple[str, str]:
    alignment = align(before, after)
    seen = set(alignment.tolist())
    gone = "".join(c for c, place in zip(before, alignment, strict=True) if place < 0)
    return gone, "".join(c for k, c in enumerate(after) if k not in seen)


@pytest.mark.parametrize(("before", "after", "gone", "new"), ALIGNMENTS.values(), ids=list(ALIGNMENTS))
def test_whole_words_stay_or_go(before, after, gone, new):
    assert gone_and_new(before, after) == (gone, new)
    assert gone_and_new(after, before) == (new, gone)
    assert align(before, before).tolist() == list(range(len(before)))


WORDS = st.lists(st.sampled_from(["Ada", "kept", "the", "lamp", "bell", " ", "\n", ".", "灯"]), max_size=25)


@settings(deadline=None)
@given(WORDS.map(" ".join) | st.text(), WORDS.map(" ".join) | st.text())
def test_aligned_characters_are_equal_and_keep_their_order(before, after):
    alignment = align(before, after)
    assert alignment.shape == (len(before),)
    kept = np.flatnonzero(alignment >= 0)
    assert all(before[c] == after[alignment[c]] for c in kept)
    assert (np.diff(alignment[kept]) > 0).all()
    assert alignment.max(initial=-1) < len(after)


def longest_common(a: list[str], b: list[str]) -> int:
    """How many words two lists have in common in the same order: the textbook table."""
    row = [0] * (len(b) + 1)
    for x in a:
        above = row
        row = [0]
        for j, y in enumerate(b):
            row.append(above[j] + 1 if x == y else max(above[j + 1], row[j]))
    return row[-1]


TWOS = st.lists(st.sampled_from("ab"), min_size=1, max_size=14)


@settings(deadline=None)
@given(TWOS, TWOS)
def test_words_that_repeat_are_aligned_with_as_few_changes_as_can_be(a, b):
    # Framed so that nothing is stripped, and with every word twice at least, so that none is an anchor.
    a, b = ["x", *"abab", *a, *"abab", "x"], ["y", *"abab", *b, *"abab", "y"]
    alignment = align(" ".join(a), " ".join(b))
    assert (alignment[::2] >= 0).sum() == longest_common(a, b)


def test_more_changes_than_are_searched_at_a_time_are_found_too():
    before, after = "a b " * 2000, "a c b c " * 2000
    assert gone_and_new(before, after) == ("", "c " * 4000)


def test_texts_that_repeat_and_texts_with_nothing_in_common_are_aligned_in_time():
    rng = random.Random(0)
    repeating = "Ada kept the lamp. " * 5000
    edited = repeating
    for at in (90_007, 60_002, 30_003, 8):
        edited = edited[:at] + "old " + edited[at:]
    one, other = (" ".join(rng.choice(STORY.split()) for _ in range(17_000)) for _ in range(2))
    began = time.monotonic()
    assert (align(repeating, edited) >= 0).mean() > 0.999
    assert 0 < (align(one, other) >= 0).mean() < 1
    assert time.monotonic() - began < 60


def test_a_long_text_is_compared_in_time():
    text = (STORY + " ") * 20
    before = planted_reading(QUESTION, text, answer="Ada Marlow")
    after = planted_reading(QUESTION, text.replace("whale oil", "whale-oil", 1), answer="Ada Marlow")
    diff = compare(before, after)
    assert diff.answer_change == "same_span"
    assert diff.distance < 0.01
    assert replace(diff, after=before, alignment=np.arange(len(text))).distance == 0.0
