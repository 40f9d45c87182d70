"""Smallest sets are those that trying every set shows, and a search says what it spent and what it knows."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from checkpoints import SENTENCES, STORY
from rule_model import rule_reader

from qalens.errors import InputError, ModelError
from qalens.explain.counterfactual.difference import same_text
from qalens.explain.counterfactual.edits import KeepSentence, MaskWords
from qalens.explain.counterfactual.fewest_words import SmallestFlip
from qalens.explain.sentences import split_sentences
from qalens.explain.words import word_spans
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.examples import CharSpan

QUESTION = "Who kept the lamp?"
# Words that the toy tokenizer has as one token each.
TEXT = "Ada kept the lamp. It was on. Text for the room. Why did it answer? Where is it?"
K = 5


def words_of(found: SmallestFlip) -> list[str]:
    text = found.reading.context if found.where == "context" else found.reading.question
    return [span.of(text).lower() for span in found.words]


def says(answer, *needed, unless=()):
    """A rule: answer where the text has these words and none of those."""
    return lambda question, text: answer if {*needed, answer} <= text and not {*unless} & text else None


# --- the fewest sentences -----------------------------------------------------------------------------------------------


PLANTED = {
    "its own sentence": (says("lamp"), (0,)),
    "one more sentence": (says("lamp", "room"), (0, 2)),
    "two more sentences": (says("lamp", "on", "where"), (0, 1, 4)),
    "all sentences": (says("lamp", "on", "room", "answer", "where"), (0, 1, 2, 3, 4)),
    "one of two places": (says("the"), (0,)),
    "another place": (lambda question, text: "the" if "room" in text else None, (2,)),
}


@pytest.mark.parametrize(("rule", "sentences"), PLANTED.values(), ids=list(PLANTED))
def test_the_planted_sentences_are_found_and_proven(rule, sentences):
    reader = rule_reader(rule)
    reading = reader.read(QUESTION, TEXT)
    found = reader.smallest_sentences(reading)
    assert found.reading is reading
    assert found.sentences == sentences
    assert found.proven
    assert found.errors == ()
    assert found.spans == tuple(split_sentences(TEXT)[k] for k in sentences)
    assert same_text(found.diff.after.answer.text, reading.answer.text)
    assert found.diff.after.context == KeepSentence(sentences).apply(QUESTION, TEXT).context
    assert found.diff.before is reading


def keeping_sets(reader, reading) -> list[tuple[int, ...]]:
    """Every set of sentences that keeps what the reading says, by reading them all; see `smallest_sentences`."""
    pieces = split_sentences(reading.context)
    best = reading.decision.best
    sets = []
    for size in range(1, len(pieces) + 1):
        for chosen in itertools.combinations(range(len(pieces)), size):
            said = reader.edit(reading, KeepSentence(chosen)).after.answer
            if reading.answer is None:
                holds = all(k in chosen for k, piece in enumerate(pieces) if piece.overlaps(best.span))
                kept = said is None and holds
            else:
                kept = said is not None and same_text(said.text, reading.answer.text)
            if kept:
                sets.append(chosen)
    return sets


def random_rule(seed: int):
    """A rule without any order in it: for each set of words it answers with one of three, or not."""

    def rule(question, text):
        known = sorted(text & {"ada", "lamp", "on", "room", "answer", "where"})
        return random.Random(f"{seed} {known}").choice(["ada", "the", "it", None])

    return rule


@pytest.mark.parametrize("seed", range(12))
def test_trying_every_set_finds_no_smaller_one(seed):
    reader = rule_reader(random_rule(seed))
    reading = reader.read(QUESTION, TEXT)
    found = reader.smallest_sentences(reading)
    sets = keeping_sets(reader, reading)
    assert found.sentences in sets
    assert found.proven
    assert len(found.sentences) == min(map(len, sets))
    assert found.readings <= 2**K


@pytest.mark.parametrize("seed", range(6))
def test_trying_every_set_finds_no_smaller_one_for_a_real_model(seed):
    reader = Reader(toy_model(seed), toy_tokenizer(), threshold=[0.0, -20.0][seed % 2], max_answer_length=3)
    reading = reader.read(QUESTION, TEXT)
    assert (reading.answer is None) == bool(seed % 2)
    found = reader.smallest_sentences(reading)
    sets = keeping_sets(reader, reading)
    assert found.sentences in sets
    assert found.proven
    assert len(found.sentences) == min(map(len, sets))


def test_an_abstention_is_shown_on_the_span_that_was_turned_down():
    """Alone, the first sentence leads to an answer; only with the third the model turns its best span down."""
    reader = rule_reader(says("lamp", unless=["room"]))
    reading = reader.read(QUESTION, TEXT)
    assert reading.answer is None
    assert reading.decision.best.span.overlaps(split_sentences(TEXT)[0])
    found = reader.smallest_sentences(reading)
    assert found.sentences == (0, 2)
    assert found.diff.after.answer is None
    assert found.proven


def test_a_text_of_one_sentence_needs_it_and_no_reading():
    reader = rule_reader(says("lamp"))
    found = reader.smallest_sentences(reader.read(QUESTION, "Ada kept the lamp."))
    assert (found.sentences, found.readings, found.proven) == ((0,), 0, True)
    assert found.diff.distance == 0.0
    assert repr(found) == "SmallestSentences(0 of 1 sentences, proven smallest, 0 readings)"


def test_sets_without_a_word_of_the_answer_cost_no_reading():
    reader = rule_reader(says("lamp", "where"))
    found = reader.smallest_sentences(reader.read(QUESTION, TEXT))
    # The sentence of the lamp alone, then with each of the four others.
    assert found.sentences == (0, 4)
    assert found.readings == 5


def test_a_set_is_read_once_however_many_sentences_have_the_answer():
    reader = rule_reader(says("it", "ada", "room"))
    found = reader.smallest_sentences(reader.read(QUESTION, TEXT))
    assert {0, 2} < set(found.sentences)
    # Three sentences have the answer: they alone, the nine pairs with one of them, and all ten triples.
    assert found.readings == 3 + 9 + 10


def test_part_of_a_word_can_be_the_answer():
    text = TEXT.replace("lamp", "lamps")
    reader = rule_reader(says("lamp", "where"))
    reading = reader.read(QUESTION, text)
    assert reading.answer.text == "lamp"
    assert "lamps" in text
    found = reader.smallest_sentences(reading)
    assert (found.sentences, found.readings) == ((0, 4), 5)


@pytest.mark.parametrize("budget", range(1, 9))
def test_a_budget_is_kept_and_what_it_did_not_reach_is_not_proven(budget):
    reader = rule_reader(says("lamp", "on", "where"))
    reading = reader.read(QUESTION, TEXT)
    read = reader.model.module.texts
    found = reader.smallest_sentences(reading, budget=budget)
    assert found.readings == reader.model.module.texts - read <= budget
    assert set(found.sentences) >= {0, 1, 4}
    # One set of one sentence and four of two have to be read before three can be proven the fewest.
    assert found.proven == (len(found.sentences) == 3 and budget > 5)
    assert reader.smallest_sentences(reading, budget=20).proven


def test_the_most_promising_sentences_come_first():
    """The answer grows with every needed sentence, so a small budget goes the right way among many others."""
    fillers = "It is it. " * 10
    text = f"{fillers}Ada kept the lamp. {fillers}Text was on. {fillers}Why room?"
    reader = rule_reader(lambda question, words: ("lamp", 2.0 * len({"on", "room"} & words) - 3.0))
    found = reader.smallest_sentences(reader.read(QUESTION, text))
    assert found.sentences == (10, 21, 32)
    assert found.proven
    # One alone, with each of the 32 others, and a first batch of the 496 sets of three.
    assert found.readings == 1 + 32 + 64
    assert repr(found) == "SmallestSentences(10, 21, 32 of 33 sentences, proven smallest, 97 readings)"


@pytest.mark.parametrize("budget", [0, -1, 1.5, None, True, "9"])
def test_a_budget_that_is_none_is_refused(budget):
    reader = rule_reader(says("lamp"))
    reading = reader.read(QUESTION, TEXT)
    for search in (reader.smallest_sentences, reader.smallest_flip):
        with pytest.raises(InputError, match="budget has to be a whole number of readings from 1 on"):
            search(reading, budget=budget)


def failing_without(needed, rule):
    """A rule that overflows where a word is missing."""

    def overflowing(question, text):
        if needed not in text:
            raise FloatingPointError
        return rule(question, text)

    return overflowing


def test_sets_that_cannot_be_read_are_named_and_leave_the_rest_unharmed():
    reader = rule_reader(failing_without("on", says("lamp", "where")))
    found = reader.smallest_sentences(reader.read(QUESTION, TEXT))
    assert found.sentences == (0, 1, 4)
    assert not found.proven
    assert all(isinstance(error, ModelError) for error in found.errors)
    # The lamp alone, with every one of three others, and with every two of them.
    assert len(found.errors) == 1 + 3 + 3


def test_an_answer_of_punctuation_is_kept_too():
    reader = rule_reader(lambda question, text: "?" if {"?", "answer"} <= text else None)
    found = reader.smallest_sentences(reader.read(QUESTION, TEXT))
    assert found.sentences == (3,)


# --- the fewest words ---------------------------------------------------------------------------------------------------


FLIPS = {
    "one word": (says("lamp", "room"), ["room"]),
    "either of two": (lambda q, t: "lamp" if {"on", "room"} & t else None, ["on", "room"]),
    "one of three": (lambda q, t: "lamp" if {"on", "room", "where"} & t else None, ["on", "room", "where"]),
    "what stood against it": (says("lamp", unless=["room"]), ["room"]),
    "two that stood against it": (says("lamp", unless=["room", "where"]), ["room", "where"]),
}


@pytest.mark.parametrize(("rule", "words"), FLIPS.values(), ids=list(FLIPS))
def test_the_planted_words_are_found_and_proven(rule, words):
    reader = rule_reader(rule)
    reading = reader.read(QUESTION, TEXT)
    found = reader.smallest_flip(reading)
    assert words_of(found) == words
    assert found.flipped
    assert found.proven
    assert (found.diff.after.answer is None) != (reading.answer is None)
    again = reader.edit(reading, MaskWords(found.words)).after
    assert (again.windows.tokens == found.diff.after.windows.tokens).all()


def flipping_sets(reader, reading, candidates, most: int) -> dict[int, list[tuple[CharSpan, ...]]]:
    """Every set of words whose masking leads from an answer to none or back, by size; see `smallest_flip`."""
    sets = {size: [] for size in range(1, most + 1)}
    for size in sets:
        for chosen in itertools.combinations(candidates, size):
            said = reader.edit(reading, MaskWords(chosen)).after.answer
            if reading.answer is None:
                flips = said is not None and not any(said.span.overlaps(word) for word in chosen)
            else:
                flips = said is None
            if flips:
                sets[size].append(chosen)
    return sets


SHORT = "Ada kept the lamp on. Why was it the room?"


@pytest.mark.parametrize("seed", range(16))
def test_trying_every_set_of_words_finds_no_smaller_one(seed):
    def rule(question, text):
        known = sorted(text & {"kept", "on", "why", "was", "room"})
        return "lamp" if random.Random(f"{seed} {known}").random() < [0.25, 0.75][seed % 2] else None

    reader = rule_reader(rule)
    reading = reader.read(QUESTION, SHORT)
    found = reader.smallest_flip(reading)
    candidates = tuple(
        span
        for span in word_spans(SHORT)
        if span.of(SHORT) not in ".?" and not (reading.answer and span.overlaps(reading.answer.span))
    )
    assert found.candidates == candidates
    sets = flipping_sets(reader, reading, candidates, 3)
    smallest = next((size for size, some in sets.items() if some), None)
    if smallest is None:
        assert not found.proven or len(found.words) > 3
    else:
        assert found.proven
        assert len(found.words) == smallest
        assert found.words in sets[smallest]


@pytest.mark.parametrize("seed", range(6))
def test_a_real_model_is_flipped_by_the_word_that_moves_it_most(seed):
    tilted = Reader(toy_model(seed), toy_tokenizer(), max_answer_length=3)
    margin = tilted.read(QUESTION, TEXT).margin
    reader = tilted.with_options(threshold=margin + [0.05, -0.05][seed % 2])
    reading = reader.read(QUESTION, TEXT)
    assert (reading.answer is None) == bool(seed % 2)
    found = reader.smallest_flip(reading)
    by_hand = [reader.edit(reading, MaskWords(word)).after.margin for word in found.candidates]
    assert found.margins == pytest.approx(by_hand, abs=1e-4)
    if reading.answer is not None:
        assert found.words == (found.candidates[int(np.argmax(by_hand))],)
    assert len(found.words) == 1
    assert found.proven
    assert (found.diff.after.answer is None) != (reading.answer is None)


def best_score(reading, *barred: CharSpan) -> float:
    """The best score of a span that overlaps none of some others, one span after the other."""
    spans = (reading.spans.at(s) for s in range(len(reading.spans)))
    return max(a.score for a in spans if not any(a.span.overlaps(other) for other in barred))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_several_flips_to_an_answer_the_clearest_is_taken(seed):
    tilted = Reader(toy_model(seed), toy_tokenizer(), max_answer_length=3)
    reader = tilted.with_options(threshold=tilted.read(QUESTION, TEXT).margin - 0.05)
    reading = reader.read(QUESTION, TEXT)
    lead = {}
    for word in reader.smallest_flip(reading).candidates:
        after = reader.edit(reading, MaskWords(word)).after
        if after.answer is not None and not after.answer.span.overlaps(word):
            lead[word] = best_score(after, word) - after.spans.null_score
    assert len(lead) > 1
    assert reader.smallest_flip(reading).words == (max(lead, key=lead.get),)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_of_several_flips_to_another_answer_the_clearest_is_taken(seed):
    reader = Reader(toy_model(seed), toy_tokenizer(), max_answer_length=3, threshold=1e6)
    reading = reader.read(QUESTION, TEXT)
    old = reading.answer
    lead = {}
    for word in reader.smallest_flip(reading, budget=30).candidates:
        after = reader.edit(reading, MaskWords(word)).after
        said = after.answer
        if not said.span.overlaps(old.span) and not said.span.overlaps(word) and said.text != old.text:
            lead[word] = (
                best_score(after, word, old.span) - after.spans.find(old.span.start, old.span.end).score
            )
    assert len(lead) > 1
    assert reader.smallest_flip(reading, to="other_answer").words == (max(lead, key=lead.get),)


def test_words_of_the_question_flip_too():
    reader = rule_reader(lambda question, text: "ada" if {"who", "kept"} <= question else None)
    reading = reader.read(QUESTION, TEXT)
    found = reader.smallest_flip(reading, where="question")
    assert words_of(found) in (["who"], ["kept"])
    assert found.where == "question"
    assert [word.of(QUESTION) for word in found.candidates] == ["Who", "kept", "the", "lamp"]
    assert not reader.smallest_flip(reading).flipped


def test_words_of_a_question_that_was_cut_are_no_candidates():
    reader = rule_reader(says("lamp"), max_length=16, stride=2)
    question = "Who kept the lamp on in the room of Ada?"
    with pytest.warns(UserWarning, match="the end of the question is cut"):
        reading = reader.read(question, "Ada kept the lamp.")
    found = reader.smallest_flip(reading, where="question")
    assert 0 < len(found.candidates) < 9
    assert found.errors == ()


def test_the_answer_is_protected_unless_asked():
    reader = rule_reader(says("lamp"))
    reading = reader.read(QUESTION, TEXT)
    found = reader.smallest_flip(reading, budget=200)
    assert not found.flipped
    assert "lamp" not in [word.of(TEXT) for word in found.candidates]
    assert words_of(reader.smallest_flip(reading, protect_answer=False)) == ["lamp"]


def test_an_answer_that_holds_masked_words_is_none():
    """Masking "room" makes the model point at the mask, which nobody can read; masking "on" at a word."""

    def rule(question, text):
        if "room" not in text:
            return "[MASK]"
        return None if "on" in text else "lamp"

    reader = rule_reader(rule)
    reading = reader.read(QUESTION, TEXT)
    room = TEXT.index("room")
    assert reader.edit(reading, MaskWords((room, room + 4))).after.answer.text == "room"
    assert words_of(reader.smallest_flip(reading)) == ["on"]
    reader = rule_reader(lambda question, text: None if "room" in text else "[MASK]")
    assert not reader.smallest_flip(reader.read(QUESTION, TEXT), budget=60).flipped


OTHER = {
    "another answer": ("other_answer", ["kept"]),
    "either": ("any", ["kept"]),
    "none at all": ("opposite", ["on"]),
}


@pytest.mark.parametrize(("to", "words"), OTHER.values(), ids=list(OTHER))
def test_a_flip_goes_where_it_was_asked_to(to, words):
    def rule(question, text):
        if "on" not in text:
            return None
        return "lamp" if "kept" in text else "room"

    reader = rule_reader(rule)
    if to == "any":
        reader = rule_reader(lambda question, text: "lamp" if "kept" in text else "room")
    reading = reader.read(QUESTION, TEXT)
    found = reader.smallest_flip(reading, to=to)
    assert words_of(found) == words
    assert found.to == to
    said = found.diff.after.answer
    assert (said and said.text) == (None if to == "opposite" else "room")


def test_the_same_text_elsewhere_is_no_other_answer():
    reader = rule_reader(lambda question, text: "lamp")
    reading = reader.read(QUESTION, "Ada kept the lamp. It was the lamp.")
    found = reader.smallest_flip(reading, to="other_answer", protect_answer=False)
    assert reader.edit(reading, MaskWords(reading.answer)).after.answer.span.start > 20
    assert not found.flipped


def test_other_edges_are_no_other_answer():
    reader = rule_reader(lambda question, text: "ada kept" if "on" in text else "ada")
    reading = reader.read(QUESTION, "Ada kept it on.")
    assert reading.answer.text == "Ada kept"
    assert not reader.smallest_flip(reading, to="other_answer").flipped


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": "answer"}, "where has to be one of 'context', 'question', but is 'answer'"),
        ({"to": "none"}, "to has to be one of 'opposite', 'other_answer', 'any', but is 'none'"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    reader = rule_reader(says("lamp"))
    reading = reader.read(QUESTION, TEXT)
    read = reader.model.module.texts
    with pytest.raises(InputError, match=message):
        reader.smallest_flip(reading, **options)
    assert reader.model.module.texts == read


def test_an_abstention_has_no_other_answer():
    reader = rule_reader(says("lamp", "when"))
    with pytest.raises(InputError, match="The reading abstains, so there is no answer to be another"):
        reader.smallest_flip(reader.read(QUESTION, TEXT), to="other_answer")


def test_where_nothing_flips_the_record_says_so():
    reader = rule_reader(lambda question, text: "the")
    reading = reader.read(QUESTION, "Ada kept the lamp.")
    found = reader.smallest_flip(reading)
    assert (found.words, found.diff, found.flipped) == ((), None, False)
    # Three words beside the answer, and every set of them.
    assert len(found.candidates) == 3
    assert found.readings == 2**3 - 1
    assert found.proven
    assert repr(found) == "SmallestFlip(nothing flips; proven, 7 readings)"
    assert not reader.smallest_flip(reading, budget=6).proven


def test_a_text_that_is_its_answer_has_nothing_to_mask():
    reader = rule_reader(lambda question, text: "lamp")
    found = reader.smallest_flip(reader.read(QUESTION, "lamp."))
    assert (found.candidates, found.readings, found.flipped, found.proven) == ((), 0, False, True)


@pytest.mark.parametrize("budget", [1, 2, 5, 10, 22, 23, 30, 60, 180, 900])
def test_the_budget_of_a_flip_is_kept(budget):
    reader = rule_reader(lambda q, t: "lamp" if {"on", "room", "where"} & t else None)
    reading = reader.read(QUESTION, TEXT)
    read = reader.model.module.texts
    found = reader.smallest_flip(reading, budget=budget)
    assert found.readings == reader.model.module.texts - read <= budget
    assert len(found.candidates) == 17
    assert np.isfinite(found.margins).sum() == min(17, max(1, budget * 3 // 4))
    # No single word shows the way: many are masked, and those taken out that are not needed.
    assert not found.words or {"on", "room", "where"} <= set(words_of(found))
    assert (len(found.words) == 3) == (budget >= 60)
    # All 17 words and 136 pairs have to be read before three words are proven the fewest.
    assert found.proven == (budget >= 180)


def test_words_near_the_answer_are_read_first():
    reader = rule_reader(says("lamp", "kept"))
    text = "It is it. " * 30 + "Ada kept the lamp. " + "It is it. " * 30
    found = reader.smallest_flip(reader.read(QUESTION, text), budget=8)
    assert words_of(found) == ["kept"]
    assert found.proven
    read = np.flatnonzero(np.isfinite(found.margins))
    assert len(read) == 6
    assert read.tolist() == list(range(read[0], read[0] + 6))


def test_words_that_help_are_grown_together():
    held_by = {"on", "room", "where"}
    reader = rule_reader(lambda question, text: ("lamp", 2.0 * len(held_by & text) - 1.0))
    reading = reader.read(QUESTION, TEXT)
    found = reader.smallest_flip(reading, budget=26)
    assert set(words_of(found)) == held_by
    # 17 words, the sets of 2, 4, 7 and 11 most effective ones, three to thin the second of them, and half of what is left.
    assert found.readings == 17 + 4 + 3 + 1
    assert not found.proven
    assert reader.smallest_flip(reading, budget=200).proven


def test_words_that_pull_together_are_grown_and_thinned():
    reader = Reader(toy_model(3), toy_tokenizer(), max_answer_length=3)
    reading = reader.read(QUESTION, STORY)
    singles = reader.smallest_flip(reading.with_threshold(1e6), budget=120)
    hardest = np.nanmax(singles.margins)
    held = reading.with_threshold(hardest + 0.5)
    assert held.answer is not None
    found = reader.smallest_flip(held, budget=400)
    assert found.flipped
    assert len(found.words) >= 2
    assert found.diff.after.margin > hardest + 0.5
    for word in found.words:
        fewer = MaskWords([other for other in found.words if other != word])
        assert reader.edit(held, fewer).after.answer is not None


def test_failures_among_single_words_are_named():
    reader = rule_reader(failing_without("on", says("lamp", "room")))
    found = reader.smallest_flip(reader.read(QUESTION, TEXT))
    assert words_of(found) == ["room"]
    assert len(found.errors) == 1
    assert np.isnan(found.margins).sum() == 1
    assert found.candidates[int(np.isnan(found.margins).argmax())].of(TEXT) == "on"
    # No set is smaller than one word, whatever could not be read.
    assert found.proven


def test_failures_leave_larger_sets_unproven():
    reader = rule_reader(failing_without("on", lambda q, t: "lamp" if {"room", "where"} & t else None))
    found = reader.smallest_flip(reader.read(QUESTION, TEXT))
    assert words_of(found) == ["room", "where"]
    assert not found.proven


def test_long_texts_are_searched_near_the_answer():
    text = " ".join(SENTENCES * 6)
    reader = rule_reader(says("lamp", "kept"), max_length=64)
    reading = reader.read(QUESTION, text)
    windows = len(reading.windows)
    read = reader.model.module.texts
    found = reader.smallest_flip(reading, budget=40)
    assert found.readings <= 40
    # Each masked word stands in two windows at most, of many.
    assert reader.model.module.texts - read <= 80 < windows * 40


def test_the_bar_counts_the_readings(capsys):
    reader = rule_reader(says("lamp", "room"))
    reading = reader.read(QUESTION, TEXT)
    reader.smallest_flip(reading, progress=True)
    reader.smallest_sentences(reading, progress=True)
    shown = capsys.readouterr().err
    assert "17 readings" in shown
    reader.smallest_flip(reading, progress=False)
    assert capsys.readouterr().err == ""


def test_a_flip_without_its_difference_is_refused():
    reading = rule_reader(says("lamp")).read(QUESTION, TEXT)
    nothing = np.zeros(0)
    with pytest.raises(InputError, match="words and what masking them does, or neither"):
        SmallestFlip(reading, "context", "opposite", (CharSpan(0, 3),), None, (), nothing, 0, False)
    with pytest.raises(InputError, match="0 words cannot have margins of shape \\(1,\\)"):
        SmallestFlip(reading, "context", "opposite", (), None, (), np.zeros(1), 0, False)
