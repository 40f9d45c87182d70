"""Edits change what they say and nothing else, and what they do to a reading is what reading by hand shows."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from checkpoints import CONFIGS, QUESTION, SENTENCES, STORY, TOKENIZERS, model
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_model import rule_reader

from qalens.errors import InputError, ModelError
from qalens.explain.counterfactual.difference import ReadingDiff
from qalens.explain.counterfactual.edits import DropSentence, Edited, KeepSentence, MaskWords, ReplaceWords
from qalens.explain.counterfactual.effects import EditOutcomes
from qalens.explain.counterfactual.masking import covered_tokens, mask_token, mask_windows, seen_characters
from qalens.explain.sentences import split_sentences
from qalens.explain.words import word_spans
from qalens.reader import Reader
from qalens.spans.distribution import SpanLogits
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text.examples import CharSpan
from qalens.text.windows import Role, make_windows

TEXT = " ".join(SENTENCES[:4])


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer())


@pytest.fixture(scope="module")
def narrow():
    """A reader that cuts the text into many windows."""
    return Reader(toy_model(), toy_tokenizer(), max_length=48, stride=12)


def span_of(words: str, text: str = TEXT) -> CharSpan:
    at = text.index(words)
    return CharSpan(at, at + len(words))


# --- sentences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sentences", [0, 2, 3, (1,), (0, 3), (3, 0), [1, 2], np.int64(1), range(1, 3)])
def test_dropping_and_keeping_part_the_text(sentences):
    chosen = {int(sentences)} if isinstance(sentences, int | np.integer) else {*sentences}
    pieces = [span.of(TEXT) for span in split_sentences(TEXT)]
    dropped, kept = (edit(sentences).apply(QUESTION, TEXT) for edit in (DropSentence, KeepSentence))
    assert dropped.context == "".join(piece for k, piece in enumerate(pieces) if k not in chosen)
    assert kept.context == "".join(piece for k, piece in enumerate(pieces) if k in chosen)
    assert dropped.question == kept.question == QUESTION
    assert ((dropped.alignment >= 0) ^ (kept.alignment >= 0)).all()


@pytest.mark.parametrize("edit", [DropSentence, KeepSentence])
@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        (4, "There is no sentence 4: the text has 4, counted from 0 to 3"),
        ((0, 7), "There is no sentence 7"),
        (-1, "There is no sentence -1"),
    ],
)
def test_a_sentence_that_is_not_there_is_refused(edit, sentences, message):
    with pytest.raises(InputError, match=message):
        edit(sentences).apply(QUESTION, TEXT)


@pytest.mark.parametrize("sentences", [(), "1", None, 1.0, (1, "2"), True, [[1]]])
def test_what_numbers_no_sentence_is_refused(sentences):
    with pytest.raises(InputError, match="Name sentences by a number or by several"):
        DropSentence(sentences)


@pytest.mark.parametrize(
    ("sentences", "text", "message"),
    [
        (0, "Ada rowed.", "Without its only sentence no text is left to read. Leave one in, or mask words"),
        (range(4), TEXT, "Without all its 4 sentences no text is left"),
    ],
)
def test_dropping_everything_is_refused(sentences, text, message):
    with pytest.raises(InputError, match=message):
        DropSentence(sentences).apply(QUESTION, text)


def test_edits_are_equal_by_what_they_change():
    assert DropSentence(1) == DropSentence((1,)) == DropSentence([1, 1])
    assert KeepSentence((2, 0)) == KeepSentence((0, 2))
    assert DropSentence(1) != KeepSentence(1)
    assert MaskWords((3, 5)) == MaskWords([CharSpan(3, 5)]) == MaskWords([(3, 5), (3, 5)])
    assert MaskWords((3, 5)) != MaskWords((3, 5), where="question")
    assert ReplaceWords({(3, 5): "x"}) == ReplaceWords([(CharSpan(3, 5), "x")])
    assert len({DropSentence(1), DropSentence((1,)), MaskWords((3, 5))}) == 2


# --- words --------------------------------------------------------------------------------------------------------------


REPLACED = {
    "one word": ([("Ada Marlow", "Eve")], "Eve kept"),
    "out": ([("Ada ", "")], "Marlow kept"),
    "two": ([("kept", "lit"), ("Ada", "Eve")], "Eve Marlow lit"),
    "neighbours": ([("Ada", "Eve"), (" Marlow", " Lee")], "Eve Lee kept"),
    "the same": ([("Ada", "Ada")], "Ada Marlow kept"),
}


@pytest.mark.parametrize(("words", "begins"), REPLACED.values(), ids=list(REPLACED))
def test_replaced_words_are_gone_and_all_others_stay(words, begins):
    edit = ReplaceWords({span_of(old): new for old, new in words})
    edited = edit.apply(QUESTION, TEXT)
    assert edited.context.startswith(begins)
    assert edited.question == QUESTION
    gone = {c for old, _ in words for c in range(span_of(old).start, span_of(old).end)}
    assert set(np.flatnonzero(edited.alignment < 0)) == gone
    assert all(TEXT[c] == edited.context[place] for c, place in enumerate(edited.alignment) if place >= 0)
    assert len(edited.context) == len(TEXT) - len(gone) + sum(len(new) for _, new in words)


def test_an_empty_span_puts_words_in():
    edited = ReplaceWords({CharSpan(4, 4): "old "}).apply("Who?", "Ada rowed")
    assert edited.context == "Ada old rowed"
    assert edited.alignment.tolist() == [0, 1, 2, 3, 8, 9, 10, 11, 12]


def test_words_of_the_question_leave_the_text_alone():
    edited = ReplaceWords({(0, 3): "Whom"}, where="question").apply("Who rowed?", TEXT)
    assert (edited.question, edited.context) == ("Whom rowed?", TEXT)
    assert edited.alignment.tolist() == list(range(len(TEXT)))


@settings(deadline=None)
@given(st.data())
def test_any_replacement_keeps_every_other_character(data):
    text = data.draw(st.text("ab .", min_size=1, max_size=12))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2)))
    spans = [CharSpan(*pair) for pair in zip(cuts[::2], cuts[1::2], strict=False)]
    words = {span: data.draw(st.text("xy", max_size=3)) for span in spans}
    words[spans[0]] += "x"
    edited = ReplaceWords(words).apply("Who?", text)
    left, expected = 0, ""
    for span in spans:
        expected += text[left : span.start] + words[span]
        left = span.end
    assert edited.context == expected + text[left:]
    for c, place in enumerate(edited.alignment):
        assert (place < 0) == any(span.start <= c < span.end for span in spans)
        assert place < 0 or edited.context[place] == text[c]
    assert (np.diff(edited.alignment[edited.alignment >= 0]) > 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReplaceWords({(0, 5): "x", (4, 6): "y"}), "overlap; a character can be replaced only once"),
        (lambda: ReplaceWords([((0, 5), "x"), ((0, 5), "y")]), "overlap"),
        (lambda: ReplaceWords({(0, 5): 7}), "New words have to be a str, but are of type int: 7"),
        (lambda: ReplaceWords({(0, 5): "x"}, where="answer"), "where has to be .* but is 'answer'"),
        (lambda: ReplaceWords({"Ada": "x"}), "Expected a CharSpan, an Answer or a pair .* but got 'Ada'"),
        (lambda: MaskWords((0, 5), where=None), "where has to be .* but is None"),
        (lambda: MaskWords("Ada"), "Expected a CharSpan"),
        (lambda: MaskWords(7), "Expected a CharSpan, an Answer or a pair .* but got 7"),
        (lambda: MaskWords([(0, 5), (1, 2, 3)]), "but got \\(1, 2, 3\\)"),
        (lambda: MaskWords((5, 2)), "A span needs 0 <= start <= end"),
        (lambda: MaskWords(()).apply("Who?", "Ada"), "given no words"),
        (lambda: MaskWords((1, 9)).apply("Who?", "Ada"), "reaches past the text, which has 3 characters"),
        (
            lambda: MaskWords((3, 4)).apply("Who?", "Ada rowed"),
            "nothing to mask at \\[3, 4\\) of the context",
        ),
        (lambda: MaskWords((1, 1)).apply("Who?", "Ada"), "nothing to mask"),
        (lambda: MaskWords((3, 9), where="question").apply("Who?", TEXT), "reaches past the text"),
        (lambda: ReplaceWords({(1, 9): "x"}).apply("Who?", "Ada"), "reaches past the text"),
        (lambda: ReplaceWords({(0, 3): ""}).apply("Who?", "Ada"), "The context after the change is empty"),
        (
            lambda: ReplaceWords({(0, 4): " "}, where="question").apply("Who?", TEXT),
            "The question after .* blank",
        ),
    ],
)
def test_words_that_cannot_be_changed_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_an_answer_can_be_masked_as_it_is(reader):
    reading = reader.read(QUESTION, TEXT)
    best = reading.decision.best
    assert MaskWords(best) == MaskWords(best.span) == MaskWords([best])


# --- masking in place ---------------------------------------------------------------------------------------------------


def covered(windows, w: int, t: int, role: Role, spans: list[CharSpan], text: str) -> bool:
    start, end = windows.offsets[w, t]
    return windows.role[w, t] == role and any(
        span.start <= c < span.end and not text[c].isspace() for span in spans for c in range(start, end)
    )


@pytest.mark.parametrize("architecture", TOKENIZERS)
@pytest.mark.parametrize(
    ("where", "words"), [("context", ("Marlow", "kept the")), ("question", ("Who", "lamp"))]
)
def test_masking_changes_ids_and_strings_of_the_covered_tokens_and_nothing_else(architecture, where, words):
    tokenizer = TOKENIZERS[architecture]()
    windows = planted_windows(tokenizer)
    text = {"context": TEXT, "question": QUESTION}[where]
    spans = [span_of(word, text) for word in words]
    masked = mask_windows(windows_logits(windows), spans, mask_token(tokenizer), where=where).windows
    assert masked is not windows
    for name in ("role", "offsets", "context_index", "null_index"):
        assert getattr(masked, name) is getattr(windows, name)
    assert (masked.question, masked.context, masked.padding) == (QUESTION, TEXT, windows.padding)
    for name, array in windows.model_inputs.items():
        assert name == "input_ids" or (masked.model_inputs[name] == array).all()
    role = {"context": Role.CONTEXT, "question": Role.QUESTION}[where]
    W, T = windows.role.shape
    hit = np.array([[covered(windows, w, t, role, spans, text) for t in range(T)] for w in range(W)])
    assert hit.any()
    ids, old = masked.model_inputs["input_ids"], windows.model_inputs["input_ids"]
    assert (ids == np.where(hit, tokenizer.mask_token_id, old)).all()
    assert (masked.tokens == np.where(hit, tokenizer.mask_token, windows.tokens)).all()


def planted_windows(tokenizer):
    return make_windows(tokenizer, QUESTION, TEXT, max_length=40)


def windows_logits(windows):
    zeros = np.zeros(windows.role.shape, np.float32)
    return SpanLogits(windows, zeros, zeros.copy())


def test_a_token_that_begins_with_the_blank_before_it_is_not_masked_by_the_blank():
    windows = planted_windows(TOKENIZERS["deberta-v2"]())
    tokens = [TEXT[a:b] for a, b in windows.offsets[windows.role == Role.CONTEXT].tolist()]
    assert " the" in tokens
    with_blank, without = (covered_tokens(windows, [span_of(words)]) for words in ("kept ", "kept"))
    assert without.any()
    assert (with_blank == without).all()


def test_seen_characters_are_those_that_a_token_holds(narrow):
    windows = narrow.read(QUESTION, f"{STORY} \x01 {STORY}").windows
    for where, role in (("context", Role.CONTEXT), ("question", Role.QUESTION)):
        seen = seen_characters(windows, where=where)
        held = {c for a, b in windows.offsets[windows.role == role].tolist() for c in range(a, b)}
        assert set(np.flatnonzero(seen)) == held
    assert len(seen_characters(windows)) == len(windows.context)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_a_masked_reading_is_what_the_model_says_to_the_masked_windows(architecture):
    reader = Reader(model(architecture), TOKENIZERS[architecture](), max_length=48, stride=10)
    reading = reader.read(QUESTION, STORY)
    diff = reader.edit(reading, MaskWords(span_of("whale oil", STORY)))
    windows = diff.after.windows
    assert len(windows) > 3
    (direct,) = reader.model.logits([windows])
    real = np.arange(windows.role.shape[1]) < windows.lengths[:, None]
    for ours, theirs in ((diff.after.logits.start, direct.start), (diff.after.logits.end, direct.end)):
        assert np.allclose(ours[real], theirs[real], rtol=0, atol=1e-4)
    same = (windows.model_inputs["input_ids"] == reading.windows.model_inputs["input_ids"]).all(1)
    assert 0 < same.sum() < len(same)
    assert (diff.after.logits.start[same] == reading.logits.start[same]).all()
    assert (diff.after.logits.start[~same] != reading.logits.start[~same]).any()


def test_a_masked_reading_keeps_its_question_text_and_example(reader):
    (reading,) = reader.read_many(
        [replace(reader.read(QUESTION, TEXT).example, id="7", gold=(CharSpan(0, 3),))]
    )
    diff = reader.edit(reading, MaskWords(span_of("kept")))
    assert diff.after.example is reading.example
    assert (diff.after.windows.offsets == reading.windows.offsets).all()
    assert diff.alignment.tolist() == list(range(len(TEXT)))
    assert "[MASK]" in diff.after.windows.tokens
    assert "[MASK]" not in reading.windows.tokens
    assert diff.distance > 0


def test_only_windows_with_masked_words_are_read_again():
    reader = rule_reader(lambda question, text: "ada" if "ada" in text else None, max_length=24, stride=4)
    reading = reader.read(QUESTION, STORY)
    read = reader.model.module.texts
    assert read == len(reading.windows) > 8
    reader.edit(reading, MaskWords(span_of("Ada", STORY)))
    assert reader.model.module.texts == read + 1
    reader.edit(reading, MaskWords(span_of("Who", QUESTION), where="question"))
    assert reader.model.module.texts == 2 * read + 1


def test_masking_twice_masks_both(reader):
    reading = reader.read(QUESTION, TEXT)
    one, other = MaskWords(span_of("kept")), MaskWords(span_of("burned"))
    twice = reader.edit(reader.edit(reading, one).after, other).after
    both = reader.edit(reading, MaskWords([*one.spans, *other.spans])).after
    assert (twice.windows.tokens == both.windows.tokens).all()
    assert np.allclose(twice.logits.start, both.logits.start, rtol=0, atol=1e-5)
    again = reader.edit(twice, other).after
    assert np.allclose(again.logits.start, twice.logits.start, rtol=0, atol=1e-5)


def test_the_text_of_a_masked_reading_is_not_changed_behind_its_masks(reader):
    masked = reader.edit(reader.read(QUESTION, TEXT), MaskWords(span_of("kept"))).after
    with pytest.raises(InputError, match="This reading has masked words, and its text does not know of them"):
        reader.edit(masked, DropSentence(1))


def test_a_mask_token_that_is_typed_is_text(reader):
    reading = reader.read(QUESTION, f"[MASK] {TEXT}")
    assert reader.edit(reading, DropSentence(1)).after.context.startswith("[MASK] Ada")


def test_a_tokenizer_without_a_mask_token_says_what_to_use():
    tokenizer = toy_tokenizer()
    tokenizer.mask_token = None
    reader = Reader(toy_model(), tokenizer)
    reading = reader.read(QUESTION, TEXT)
    for attempt in (lambda: reader.edit(reading, MaskWords((0, 3))), lambda: reader.smallest_flip(reading)):
        with pytest.raises(
            InputError, match=r"has no mask token, .* Replace them with ReplaceWords, or drop"
        ):
            attempt()
    assert reader.edit(reading, ReplaceWords({(0, 3): "Eve"})).after.context.startswith("Eve")


def test_words_that_no_token_holds_cannot_be_masked(reader):
    reading = reader.read(QUESTION, f"\x01\x02 {TEXT}")
    with pytest.raises(InputError, match="No token of the context holds any of these characters"):
        reader.edit(reading, MaskWords((0, 2)))


# --- the facade -----------------------------------------------------------------------------------------------------


EDITS = [
    DropSentence(0),
    KeepSentence((1, 3)),
    ReplaceWords({CharSpan(0, 3): "Tobias"}),
    ReplaceWords({CharSpan(0, 3): "Where"}, where="question"),
]


@pytest.mark.parametrize("edit", EDITS, ids=repr)
def test_an_edited_reading_is_the_reading_of_the_edited_text(narrow, edit):
    reading = narrow.read(QUESTION, TEXT)
    diff = narrow.edit(reading, edit)
    edited = edit.apply(QUESTION, TEXT)
    by_hand = narrow.read(edited.question, edited.context)
    assert diff.before is reading
    assert (diff.after.question, diff.after.context) == (edited.question, edited.context)
    assert (diff.alignment == edited.alignment).all()
    assert (diff.after.spans.start == by_hand.spans.start).all()
    assert np.allclose(diff.after.spans.score, by_hand.spans.score, rtol=0, atol=1e-4)


def test_an_edit_of_ones_own_needs_one_method(reader):
    class Shout:
        def apply(self, question, context):
            return Edited(question.upper(), context.upper(), np.arange(len(context)))

    diff = reader.edit(reader.read(QUESTION, TEXT), Shout())
    assert diff.after.context == TEXT.upper()
    assert diff.distance == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(
    "options", [{"threshold": 1e6}, {"threshold": -1e6}, {"max_answer_length": 2}, {"null": "max"}]
)
def test_an_edited_reading_is_decided_as_the_reading_was(narrow, options):
    reading = narrow.with_options(**options).read(QUESTION, TEXT)
    diff = narrow.edit(reading, MaskWords(span_of("burned")))
    again = narrow.with_options(**options).edit(reading, MaskWords(span_of("burned")))
    assert diff.after.decision == again.after.decision
    assert diff.after.decision.threshold == reading.decision.threshold
    assert (diff.after.max_answer_length, diff.after.null) == (reading.max_answer_length, reading.null)
    assert len(diff.after.spans) == len(reading.spans)


def test_what_the_reader_did_not_read_is_refused(reader):
    other = Reader(toy_model(1), toy_tokenizer()).read(QUESTION, TEXT)
    planted = planted_reading(QUESTION, TEXT, answer="Ada")
    for reading in (other, planted):
        for ask in (
            lambda r: reader.edit(r, DropSentence(0)),
            reader.sentence_effects,
            reader.smallest_sentences,
            reader.smallest_flip,
        ):
            with pytest.raises(InputError, match="Read the text again with this reader"):
                ask(reading)


@pytest.mark.parametrize("edit", [None, 1, "drop", DropSentence])
def test_what_is_no_edit_is_refused(reader, edit):
    with pytest.raises(InputError, match="Expected an edit such as DropSentence"):
        reader.edit(reader.read(QUESTION, TEXT), edit)


def test_an_edit_that_the_model_fails_on_raises_its_reason():
    reader = rule_reader(overflow_without("ada"))
    reading = reader.read(QUESTION, TEXT)
    with pytest.raises(ModelError, match="gave nan as start logit"):
        reader.edit(reading, MaskWords(span_of("Ada")))


def overflow_without(word):
    def rule(question, text):
        if word not in text:
            raise FloatingPointError
        return word

    return rule


# --- what every sentence does -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [384, 32])
def test_sentence_effects_are_those_of_reading_every_text_by_hand(width):
    reader = Reader(toy_model(), toy_tokenizer(), max_length=width)
    reading = reader.read(QUESTION, TEXT)
    effects = reader.sentence_effects(reading)
    best = reading.decision.best
    assert effects.sentences == split_sentences(TEXT)
    assert effects.target == best
    for edit, outcomes in ((DropSentence, effects.without), (KeepSentence, effects.alone)):
        for k in range(4):
            edited = edit(k).apply(QUESTION, TEXT)
            after = reader.read(QUESTION, edited.context)
            diff = ReadingDiff(reading, after, edited.alignment)
            there = diff.follow(best.span)
            found = there and after.spans.find(there.start, there.end)
            row = [outcomes.no_answer_probability[k], outcomes.margin[k], outcomes.distance[k]]
            expected = [after.no_answer_probability, after.margin, diff.distance]
            assert row == pytest.approx(expected, abs=1e-5)
            score, probability = (found.score, found.probability) if found else (-np.inf, 0.0)
            assert outcomes.answer_score[k] == pytest.approx(score, abs=1e-5)
            assert outcomes.answer_probability[k] == pytest.approx(probability, abs=1e-5)
            assert outcomes.changes[k] == diff.answer_change
            assert outcomes.errors[k] is None
            assert (outcomes.answers[k] is None) == (after.answer is None)
    assert effects.without.answer_score.min() == -np.inf < effects.alone.answer_score.max()
    holder = effects.holds_target
    assert holder.tolist() == [span.overlaps(best.span) for span in effects.sentences]
    assert (
        effects.no_answer_effect == effects.without.no_answer_probability - reading.no_answer_probability
    ).all()
    assert effects.answer_effect[holder] == pytest.approx(-best.probability)


def test_a_planted_answer_hangs_on_its_sentence_alone():
    reader = rule_reader(lambda question, text: "tobias" if "tobias" in text else None)
    text = "Ada was in the room. It was on. Tobias was what it was."
    effects = reader.sentence_effects(reader.read(QUESTION, text.replace("Tobias", "Lamp")))
    assert effects.without.changes == ("none", "none", "none")
    reader = rule_reader(lambda question, text: "lamp" if {"lamp", "ada"} <= text else None)
    effects = reader.sentence_effects(reader.read(QUESTION, text.replace("Tobias", "Lamp")))
    assert effects.without.changes == ("gone", "same_span", "gone")
    assert effects.alone.changes == ("gone", "gone", "gone")
    assert (effects.no_answer_effect > 0.9).tolist() == [True, False, True]
    assert (effects.answer_effect < -0.9).tolist() == [True, False, True]
    assert effects.alone.answer_probability[2] > 0
    assert effects.alone.answer_probability[0] == 0.0


def test_a_text_of_one_sentence_cannot_lose_it(reader):
    reading = reader.read(QUESTION, "Ada kept the lamp.")
    effects = reader.sentence_effects(reading)
    assert np.isnan(effects.without.margin).all()
    assert np.isnan(effects.no_answer_effect).all()
    assert np.isnan(effects.answer_effect).all()
    (error,) = effects.without.errors
    assert "Without its only sentence" in str(error)
    assert (effects.without.answers, effects.without.changes) == ((None,), (None,))
    assert effects.alone.errors == (None,)
    assert effects.alone.distance[0] == pytest.approx(0.0, abs=1e-3)
    assert repr(effects) == "SentenceEffects(1 sentences, 1 readings failed)"


def test_one_failed_reading_takes_no_other_down():
    def rule(question, text):
        if "lamp" not in text:
            raise FloatingPointError
        return "ada"

    reader = rule_reader(rule)
    reading = reader.read(QUESTION, "Ada kept it. It was on. The lamp was on.")
    effects = reader.sentence_effects(reading)
    failed = [error is not None for error in (*effects.without.errors, *effects.alone.errors)]
    assert failed == [False, False, True, True, True, False]
    assert np.isnan(effects.without.no_answer_probability).tolist() == failed[:3]
    assert np.isnan(effects.alone.distance).tolist() == failed[3:]
    assert isinstance(effects.without.errors[2], ModelError)
    assert effects.without.changes == ("gone", "same_span", None)
    assert repr(effects.without) == "EditOutcomes(3 edits, 1 change the answer, 1 failed)"


def test_sentence_effects_hold_no_readings_but_the_first(reader):
    effects = reader.sentence_effects(reader.read(QUESTION, STORY))
    assert len(effects.sentences) == len(SENTENCES)
    rows = len(pickle.dumps((effects.without, effects.alone)))
    assert rows < 20_000 < len(pickle.dumps(effects.reading))
    for array in (effects.without.margin, effects.alone.answer_score):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0


def test_the_bar_counts_the_readings(reader, capsys):
    reading = reader.read(QUESTION, TEXT)
    reader.sentence_effects(reading, progress=True)
    assert "8/8" in capsys.readouterr().err
    reader.sentence_effects(reading, progress=False)
    assert capsys.readouterr().err == ""


def test_outcomes_of_unequal_length_are_refused():
    one = np.zeros(1)
    with pytest.raises(InputError, match="1 edits cannot have margin of shape \\(2,\\)"):
        EditOutcomes(one, np.zeros(2), one, one, one, (None,), ("none",), (None,))
    with pytest.raises(InputError, match="1 edits need 1 answers"):
        EditOutcomes(one, one, one, one, one, (None,), (), (None,))


def test_every_word_of_a_text_can_be_masked(reader):
    reading = reader.read(QUESTION, TEXT)
    for span in word_spans(TEXT)[:12]:
        assert reader.edit(reading, MaskWords(span)).distance > 0
