"""Whatever characters a text has, an answer is a piece of it: `text == context[start:end]`."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
from checkpoints import TOKENIZERS, model
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qalens.errors import InputError
from qalens.reader import Reader
from qalens.readings.reading import Reading
from qalens.testing import toy_model, toy_tokenizer

# A tokenizer of each kind, with the model that goes with it.
KINDS = {
    "bert-uncased": "bert-uncased",
    "bert-cased": "bert-uncased",
    "roberta": "roberta",
    "xlm-roberta": "xlm-roberta",
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)

ODD_TEXTS = {
    "emoji": "The lamp 💡 burned 🔥🔥 all night.",
    "emoji joined by zero-width joiners": "A family 👨‍👩‍👧‍👦 came, and a 🏳️‍🌈 was flown by 👩🏽‍🚀.",
    "skin tones": "Waving 👋🏻👋🏼👋🏽👋🏾👋🏿 from the rocks.",
    "flags": "Ships from 🇳🇴🇫🇷🇯🇵 and 🏴󠁧󠁢󠁳󠁣󠁴󠁿 passed.",
    "combining marks": "A cafe\u0301 and an a\u030a\u0323 with a z\u0334\u0335\u0336.",
    "ten thousand marks on one letter": "The e" + "\u0301" * 10_000 + " was lit.",
    "marks with no letter": "\u0301\u0302 lamp \u0308",
    "Chinese": "艾达守着灯塔的灯三十年。谁来点灯？",
    "Japanese and Korean": "ランプは夜も燃えた。등대는 언덕 위에 있다.",
    "Chinese beyond the basic plane": "字𠀀𠮷𡃁 and a lamp",
    "Arabic": "كانت آدا تحرس المصباح ثلاثين عامًا.",
    "Hebrew with points": "עָדָה שָׁמְרָה עַל הַמְּנוֹרָה.",
    "both directions": "The word \u202eמנורה\u202c means lamp \u200f(lamp)\u200e.",
    "Devanagari and Thai": "दीपक जलता रहा। ตะเกียงส่องสว่าง",
    "Windows line ends": "Ada\r\nkept\r\n\r\nthe lamp.\r\n",
    "tabs and other blanks": "\tAda\x0bkept\x0cthe\u00a0lamp\u2003of\u3000old\u2028now\u2029.\x85",
    "separators of the C0 range": "a\x1cb\x1dc\x1ed\x1fe",
    "NUL": "Ada\x00kept\x00\x00the lamp\x00",
    "control characters alone": "\x00\x01\x02\x7f",
    "zero-width characters": "La\u200bmp \u200c\u200d\u2060and\ufeff lamp",
    "zero-width characters alone": "\u200b\u200d\u2060",
    "byte-order mark": "\ufeffAda kept the lamp.",
    "soft hyphen": "The light\u00adhouse\u00ad keeper",
    "ligatures": "The ﬁrst oﬃce had a ﬂag and a Ǆ.",
    "Turkish dotted I": "İSTANBUL'da Iİıi lamba",
    "sharp s": "Die Straße war naß, DIE STRAẞE AUCH.",
    "lower case that is longer": "İİİİ ŉ ǰ ΐ ΰ և",
    "full-width": "Ａｄａ　ｋｅｐｔ　ｔｈｅ　ｌａｍｐ．１２３",
    "one character that becomes many": "ﷺ ﷽ ㌖ ㎏ ¼ …",
    "Hangul in pieces": "\u1112\u1161\u11ab\u1100\u1173\u11af",
    "mathematical letters": "𝔄𝔡𝔞 𝓴𝓮𝓹𝓽 𝕥𝕙𝕖 𝚕𝚊𝚖𝚙",
    "unassigned code points": "\u0378 lamp \U000e0fff\u2fe0",
    "private use and non-characters": "\ue000\uf8ff\ufffe\uffff\U0001ffff",
    "the last code point": "lamp\U0010ffff\U0010ffff lamp",
    "the replacement character": "la\ufffdmp",
    "variation selectors": "❤️ and ❤︎ and 〆󠄀",
    "typed special tokens": "[CLS] a [SEP] lamp[PAD] <s> </s> <pad> [UNK] <unk> <mask> ▁ Ġ ##a",
    "punctuation alone": "?!…—„“”‘’·•",
    "one long word": "a" * 3_000,
    "one letter": "x",
}


@lru_cache
def reader_of(kind: str) -> Reader:
    tokenizer = TOKENIZERS[kind]()
    return Reader(
        model(KINDS[kind], vocab_size=len(tokenizer)), tokenizer, max_length=100, max_answer_length=8
    )


def assert_sound(reading: Reading) -> None:
    context = reading.context
    spans, windows = reading.spans, reading.windows
    assert math.isclose(spans.probabilities().sum() + reading.no_answer_probability, 1.0, abs_tol=1e-9)
    assert ((spans.start >= 0) & (spans.start < spans.end) & (spans.end <= len(context))).all()
    for answer in spans.top(20):
        assert answer.text == context[answer.span.start : answer.span.end]
        assert answer.text == answer.text.strip() != ""
    offsets = windows.offsets[windows.answerable]
    assert (offsets[:, 0] <= offsets[:, 1]).all()
    assert offsets.size == 0 or (offsets.min() >= 0 and offsets.max() <= len(context))
    asked = windows.offsets[windows.role == 1]
    assert asked.size == 0 or asked.max() <= len(reading.question)
    ranges = windows.char_ranges
    assert (ranges[0, 0], ranges[-1, 1]) == (0, len(context))
    assert (ranges[1:, 0] <= ranges[:-1, 1]).all()
    inclusion = spans.inclusion()
    assert len(inclusion) == len(context)
    assert ((inclusion >= 0) & (inclusion <= 1)).all()


PIECES = st.sampled_from(
    [text for text in ODD_TEXTS.values() if len(text) < 100] + list("a .\n\u0301\u200d👍🏽ßﬁ")
)
TEXTS = st.one_of(st.text(min_size=1), st.lists(PIECES, min_size=1, max_size=6).map("".join))


def with_every_odd_text(test):
    """The test with each of the odd texts as the context, and as the question."""
    for text in ODD_TEXTS.values():
        test = example(question="Who kept the lamp?", context=text)(test)
        test = example(question=text, context="Ada kept the lamp.")(test)
    return test


@EVERY_KIND
@pytest.mark.filterwarnings("ignore:The question has", "ignore:Question and text look swapped")
@with_every_odd_text
@settings(deadline=None, max_examples=60)
@given(question=TEXTS.filter(str.strip), context=TEXTS.filter(str.strip))
def test_any_text_is_read(kind, question, context):
    assert_sound(reader_of(kind).read(question, context))


@EVERY_KIND
@settings(deadline=None, max_examples=30)
@given(before=st.text(max_size=20), broken=st.characters(categories=["Cs"]), after=st.text(max_size=20))
def test_lone_surrogates_are_refused_with_their_place(kind, before, broken, after):
    with pytest.raises(InputError, match=f"context holds a lone surrogate .* at character {len(before)};"):
        reader_of(kind).read("Who?", before + broken + after)
    with pytest.raises(InputError, match="question holds a lone surrogate"):
        reader_of(kind).read(before + broken + after, "Ada")


@EVERY_KIND
def test_a_text_without_a_token_has_no_answer_or_a_visible_one(kind):
    reading = reader_of(kind).read("Who?", "\x00\x01")
    assert_sound(reading)
    if not reading.windows.answerable.any():
        assert reading.answer is None
        assert reading.no_answer_probability == 1.0


def test_an_answer_in_an_uncased_text_keeps_its_letters():
    context = "Ḿé ÀDÀ STRAẞE ﬁ"
    reading = reader_of("bert-uncased").read("Who?", context)
    assert reading.spans.find(3, 6).text == "ÀDÀ"


def test_a_million_characters_are_read_and_no_character_is_left_out():
    words = ("ada kept the lamp of the room ", "who was to keep it and why ", "the text was on the lamp ")
    context = ("".join(words) * 12_500)[:1_000_000]
    reader = Reader(toy_model(), toy_tokenizer(), max_answer_length=5)
    reading = reader.read("Who kept the lamp?", context)
    windows = reading.windows
    assert len(context) == 1_000_000
    assert len(windows) > 500
    assert_sound(reading)
    seen = np.zeros(int(windows.context_index.max()) + 1, bool)
    seen[windows.context_index[windows.answerable]] = True
    assert len(seen) > 190_000
    assert seen.all()
