"""Words: every token of question and text belongs to one, whatever the script, the tokenizer and the cut."""

from __future__ import annotations

import time

import pytest
from checkpoints import QUESTION, STORY, TOKENIZERS
from hypothesis import given, settings
from hypothesis import strategies as st

from qalens.errors import InputError
from qalens.explain.words import window_words, word_spans
from qalens.testing import toy_tokenizer
from qalens.text.examples import CharSpan
from qalens.text.windows import PairTokenizer, Role, Windows, make_windows

PAIRS = {name: PairTokenizer(make()) for name, make in TOKENIZERS.items()}
few = settings(deadline=None, max_examples=60)


# --- words of a text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ada kept the lamp.", ["Ada", "kept", "the", "lamp", "."]),
        ("Ada's well-known 3.5 m", ["Ada's", "well-known", "3.5", "m"]),
        ("the keeper’s 1,871 U.S. lamps", ["the", "keeper’s", "1,871", "U.S", ".", "lamps"]),
        ("(twice) -- “a week”!", ["(", "twice", ")", "-", "-", "“", "a", "week", "”", "!"]),
        ("snake_case x2", ["snake_case", "x2"]),
        ("灯台の光", ["灯", "台", "の", "光"]),
        ("Ada灯", ["Ada", "灯"]),
        ("कुत्ता सोया", ["कुत्ता", "सोया"]),
        ("cafe\u0301 au lait", ["cafe\u0301", "au", "lait"]),
        ("た\u3099め", ["た\u3099", "め"]),
        ("등대의 불", ["등대의", "불"]),
        ("a\u00a0b\u2003c", ["a", "b", "c"]),
        ("🗼🗼", ["🗼", "🗼"]),
        ("\u200b", ["\u200b"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_the_words_of_a_text_are_these(text, words):
    assert [span.of(text) for span in word_spans(text)] == words


@few
@given(st.text(max_size=60))
def test_words_hold_every_character_that_is_no_blank_once(text):
    spans = word_spans(text)
    covered = [k for span in spans for k in range(span.start, span.end)]
    assert covered == [k for k, c in enumerate(text) if not c.isspace()]
    assert [span for span in spans if not len(span)] == []


# --- words of a window ------------------------------------------------------------------------------------------------


def assert_partition(windows: Windows, w: int) -> None:
    """Each token of question and text belongs to exactly one word, of its own role, and no other token to any."""
    words = window_words(windows, w)
    for role in (Role.QUESTION, Role.CONTEXT):
        held = [t for word in words if word.role == role for t in word.tokens]
        assert sorted(held) == [t for t, r in enumerate(windows.role[w]) if r == role]
    assert {word.role for word in words} <= {Role.QUESTION, Role.CONTEXT}
    assert all(word.tokens for word in words)


@few
@pytest.mark.parametrize("name", ["bert-uncased", "roberta", "xlnet", "deberta-v2"])
@given(question=st.text(min_size=1, max_size=12), text=st.text(min_size=1, max_size=80))
def test_the_words_of_a_window_share_its_tokens_out(name, question, text):
    try:
        windows = make_windows(PAIRS[name], question, text, max_length=16, stride=3)
    except InputError:  # blank
        return
    except UserWarning:  # a long question is cut
        return
    for w in range(len(windows)):
        assert_partition(windows, w)


BLANKS = st.text(alphabet=" \n\tab.", min_size=1, max_size=60).filter(str.strip)


@few
@pytest.mark.parametrize("name", ["roberta", "xlm-roberta", "bert-cased"])
@given(text=BLANKS)
def test_tokens_that_are_blank_belong_to_a_word_too(name, text):
    windows = make_windows(PAIRS[name], "a?", text, max_length=12, stride=2)
    for w in range(len(windows)):
        assert_partition(windows, w)


def test_what_is_nothing_but_blanks_is_one_word():
    windows = make_windows(PAIRS["roberta"], "Who?", "Ada" + "\n" * 40 + "lamp", max_length=16, stride=0)
    blank = next(w for w in range(len(windows)) if not _seen(windows, w).strip())
    (word,) = (word for word in window_words(windows, blank) if word.role == Role.CONTEXT)
    assert word.span == CharSpan(*windows.char_ranges[blank])
    assert len(word.tokens) == windows.answerable[blank].sum()


def _seen(windows: Windows, w: int) -> str:
    return windows.context[slice(*windows.char_ranges[w])]


def test_a_blank_token_belongs_to_the_word_behind_it_and_the_last_to_the_one_before():
    text = "Ada \n\n kept \n\n"
    windows = make_windows(PAIRS["roberta"], "Who?", text)
    words = [word for word in window_words(windows, 0) if word.role == Role.CONTEXT]
    assert [word.span.of(text) for word in words] == ["Ada", "kept"]
    tokens = windows.offsets[0, list(words[1].tokens)]
    assert tokens[0, 0] < text.index("kept")
    assert tokens[-1, 1] == len(text)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_words_of_a_window_are_those_of_the_text_that_it_touches(name):
    # A vocabulary of ten scripts has small pieces, and needs more of them for the question.
    longest = 36 if name == "xlm-roberta-scripts" else 24
    windows = make_windows(PAIRS[name], QUESTION, STORY, max_length=longest, stride=5)
    assert len(windows) > 20
    for w in range(len(windows)):
        words = window_words(windows, w)
        asked = [word.span for word in words if word.role == Role.QUESTION]
        assert asked == list(word_spans(QUESTION))
        inside = windows.offsets[w, windows.answerable[w]]
        pieces = [STORY[a:b] for a, b in inside]
        begun = [a + len(p) - len(p.lstrip()) for (a, _), p in zip(inside, pieces, strict=True)]
        # A sign that shares its only token with the word before it is part of that word there.
        touched = [s for s in word_spans(STORY) if s.end > inside[0, 0] and s.start < inside[-1, 1]]
        own = [s for s in touched if any(s.start <= a < s.end for a in begun)]
        assert [word.span for word in words if word.role == Role.CONTEXT] == own
        assert len(own) > 0.8 * len(touched)
        assert_partition(windows, w)


def test_words_that_a_window_cuts_keep_their_whole_span():
    text = "lighthouse " * 4
    windows = make_windows(toy_tokenizer(), "Who?", text, max_length=13, stride=0)
    cut = window_words(windows, 1)[-2:]
    assert [word.span.of(text) for word in cut] == ["lighthouse", "lighthouse"]
    assert sum(len(word.tokens) for word in cut) == 8
    assert len(cut[0].tokens) < len("lighthouse")


def test_each_token_stands_in_the_word_that_its_characters_are_in():
    windows = make_windows(PAIRS["bert-uncased"], QUESTION, STORY)
    for word in window_words(windows, 0):
        for start, end in windows.offsets[0, list(word.tokens)].tolist():
            assert word.span.start <= start <= end <= word.span.end


def test_a_token_over_several_words_belongs_to_the_first():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁ada▁kept", "▁the", "▁lamp", *"▁abcdefghijklmnopqrstuvwxyz?"]
    rust = Tokenizer(models.Unigram([(p, -float(k > 6) * 8) for k, p in enumerate(pieces)], unk_id=3))
    rust.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    rust.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A </s> $B", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=rust, cls_token="<s>", pad_token="<pad>", unk_token="<unk>"
    )
    windows = make_windows(tokenizer, "who?", "ada kept the lamp")
    words = [word for word in window_words(windows, 0) if word.role == Role.CONTEXT]
    assert [word.span.of("ada kept the lamp") for word in words] == ["ada", "the", "lamp"]


# --- long texts -------------------------------------------------------------------------------------------------------


def test_the_words_of_a_window_cost_the_same_in_a_long_text():
    def seconds(words: int) -> float:
        windows = make_windows(toy_tokenizer(), "Who?", "ada kept the lamp in it " * words, max_length=64)
        began = time.process_time()
        for w in (0, len(windows) // 2, len(windows) - 1):
            assert window_words(windows, w)
        return time.process_time() - began

    seconds(10)
    assert seconds(20_000) < 10 * seconds(20) + 0.1


def test_a_word_without_end_is_cut_near_the_window():
    windows = make_windows(PAIRS["roberta"], "Who?", "ab" * 2500 + " kept", max_length=64, stride=0)
    middle = len(windows) // 2
    assert_partition(windows, middle)
    (word,) = (word for word in window_words(windows, middle) if word.role == Role.CONTEXT)
    first, last = windows.offsets[middle, windows.answerable[middle]][[0, -1]]
    assert word.span == CharSpan(int(first[0]) - 100, int(last[1]) + 100)
