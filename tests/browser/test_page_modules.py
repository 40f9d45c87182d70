"""Tokens, windows, spans and probabilities in the page are those of Python."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

import numpy as np
import pytest
from browser.node import in_node
from checkpoints import SCRIPTS, STORY, TOKENIZERS
from planted_rows import random_reading
from test_unicode import ODD_TEXTS

import qalens
from qalens.browser.letters import letters
from qalens.browser.tables import pair_template, tokenizer_tables
from qalens.display.wording import decision_sentence
from qalens.errors import InputError
from qalens.testing import toy_tokenizer
from qalens.text.pair_tokenizer import PairTokenizer
from qalens.text.windows import check_geometry, make_windows
from qalens.widgets.explorers.no_answer_explorer import no_answer_view
from qalens.widgets.explorers.span_explorer import span_arrays, span_view


def with_a_space_before():
    """A byte-level tokenizer that puts a blank before the first word."""
    tokenizer = TOKENIZERS["roberta"]()
    rust = json.loads(tokenizer.backend_tokenizer.to_str())
    rust["pre_tokenizer"]["add_prefix_space"] = rust["post_processor"]["add_prefix_space"] = True
    tokenizer._tokenizer = type(tokenizer.backend_tokenizer).from_str(json.dumps(rust))
    return tokenizer


READ = {
    "toy": toy_tokenizer,
    **{name: TOKENIZERS[name] for name in ("bert-uncased", "bert-cased", "roberta")},
    "roberta with a space before": with_a_space_before,
}


@cache
def read_by(name: str) -> tuple[PairTokenizer, dict[str, Any]]:
    """A tokenizer and its tables, which take a second to make and which nobody changes."""
    pairs = PairTokenizer(READ[name]())
    return pairs, tokenizer_tables(pairs)


def odd_texts() -> list[str]:
    """Texts of scripts and odd characters, and three hundred random mixtures of all planes of Unicode."""
    rng = random.Random(0)
    planes = (
        (0x20, 0x7F),
        (0xA0, 0x250),
        (0x300, 0x370),
        (0x370, 0x1100),
        (0x1100, 0x3000),
        (0x3000, 0xD7FF),
        (0xE000, 0x10FFFF),
    )
    mixed = [
        "".join(
            chr(rng.randint(*rng.choice(planes))) if rng.random() < 0.4 else rng.choice("abc The lamp 12,.'s")
            for _ in range(60)
        )
        for _ in range(300)
    ]
    return [STORY, *ODD_TEXTS.values(), *(text for pair in SCRIPTS.values() for text in pair), *mixed]


TOKENIZE = """
import { tokenizer } from "${js}/tokenizer.js";
const encode = tokenizer(given.tables);
console.log(JSON.stringify(given.texts.map(encode)));
"""


@pytest.mark.parametrize("name", READ)
def test_ids_and_characters_of_tokens_are_those_of_python(name, tmp_path):
    pairs, tables = read_by(name)
    texts = odd_texts()
    found = in_node(TOKENIZE, {"tables": tables, "texts": texts}, tmp_path)
    for text, told in zip(texts, found, strict=True):
        known = pairs.encode(text)
        assert told["ids"] == pairs.text_ids(known).tolist(), ascii(text)
        assert list(zip(told["starts"], told["ends"], strict=True)) == list(
            map(tuple, known.offsets.tolist())
        ), ascii(text)


@pytest.mark.parametrize("name", ["xlm-roberta", "xlnet"])
def test_another_tokenizer_is_refused_with_its_kind(name):
    with pytest.raises(
        InputError, match=r"The page reads WordPiece tokenizers of the BERT family .* but this one is Unigram"
    ):
        tokenizer_tables(PairTokenizer(TOKENIZERS[name]()))


WINDOWS = """
import { tokenizer } from "${js}/tokenizer.js";
import { makeWindows } from "${js}/windows.js";
const encode = tokenizer(given.tables);
console.log(JSON.stringify(given.cases.map(([question, context, length, stride]) =>
  makeWindows(given.template, encode(question), encode(context), length, stride))));
"""


@pytest.mark.filterwarnings("ignore:The question has")
@pytest.mark.parametrize("name", READ)
def test_windows_are_those_of_python(name, tmp_path):
    pairs, tables = read_by(name)
    questions = ("Who kept the lamp?", "Who? " * 30, "x")
    cases = [(q, c, n) for q in questions for c in (STORY, STORY * 3, "Ada.") for n in (12, 40, 64, 384)]
    strides = [check_geometry(pairs, length, None) for _, _, length in cases]
    asked = [[*case, stride] for case, stride in zip(cases, strides, strict=True)]
    given = {"tables": tables, "template": pair_template(pairs), "cases": asked}
    for (question, context, length), told in zip(cases, in_node(WINDOWS, given, tmp_path), strict=True):
        known = make_windows(pairs, question, context, max_length=length)
        assert len(told) == len(known)
        for w, window in enumerate(told):
            n = int(known.lengths[w])
            assert window["ids"] == known.model_inputs["input_ids"][w, :n].tolist()
            assert window["nullIndex"] == known.null_index[w]
            assert window["first"] == known.context_index[w, window["from"]]
            if pairs.has_segments:
                assert window["types"] == known.model_inputs["token_type_ids"][w, :n].tolist()


SPANS = """
import { distributionOf } from "${js}/distribution.js";
import { noAnswerView, spanArrays, spanView } from "${js}/views.js";
import { decisionSentence } from "${js}/decision.js";
const packed = given.map(one => {
  const logits = one.logits.map(({ start, end }) => ({ start: Float32Array.from(start), end: Float32Array.from(end) }));
  const found = distributionOf(one.context, one.text, one.windows, logits, one.longest);
  const { best, margin, nullScore } = found;
  const arrays = Object.entries(spanArrays(found)).map(([name, values]) => [name, [...values]]);
  return {
    spans: found.spans.map(s => [s.start, s.end, s.score, s.window]), margin, none: found.noAnswer,
    given: [...found.inclusion()], normalizer: found.logNormalizer,
    places: found.clusters().map(p => [p.best.start, p.best.end, p.probability, p.spans.length]),
    view: spanView(found), arrays: Object.fromEntries(arrays),
    windows: noAnswerView(found, one.question, one.text),
    sentences: one.thresholds.map(threshold => decisionSentence({ best, margin, nullScore }, threshold)),
  };
});
console.log(JSON.stringify(packed));
"""


@pytest.fixture(scope="module")
def readings():
    return [
        random_reading(seed, text=text, null=null, **lengths)
        for null in (0.0, 9.0)
        for seed, (text, lengths) in enumerate(CASES * 3)
    ]


@pytest.fixture(scope="module")
def told(readings, tmp_path_factory):
    """What the page makes of the logits of each reading."""
    return in_node(SPANS, [logits_of(one) for one in readings], tmp_path_factory.mktemp("node"))


def logits_of(reading):
    """What the page knows of a text before it makes a distribution."""
    windows, offsets = reading.windows, PairTokenizer(toy_tokenizer()).encode(reading.context).offsets
    inside = [np.flatnonzero(row) for row in windows.answerable]
    return {
        "question": reading.question,
        "context": reading.context,
        "text": {"starts": offsets[:, 0].tolist(), "ends": offsets[:, 1].tolist()},
        "windows": [
            {
                "first": int(windows.context_index[w][places[0]]),
                "count": len(places),
                "from": int(places[0]),
                "nullIndex": int(windows.null_index[w]),
            }
            for w, places in enumerate(inside)
        ],
        "logits": [
            {"start": reading.logits.start[w, :n].tolist(), "end": reading.logits.end[w, :n].tolist()}
            for w, n in enumerate(windows.lengths.tolist())
        ],
        "longest": 30,
        "thresholds": list(THRESHOLDS),
    }


THRESHOLDS = (-7.5, 0.0, 30.0)


def test_spans_probabilities_and_places_are_those_of_python(readings, told):
    for reading, page in zip(readings, told, strict=True):
        spans = reading.spans
        known = np.stack([spans.start, spans.end, spans.score, spans.window], axis=1)
        np.testing.assert_allclose(np.array(page["spans"]), known, atol=1e-6)
        assert page["margin"] == pytest.approx(reading.margin, abs=1e-6)
        assert page["none"] == pytest.approx(reading.no_answer_probability, abs=1e-6)
        assert page["normalizer"] == pytest.approx(spans.log_normalizer, abs=1e-6)
        np.testing.assert_allclose(page["given"], spans.inclusion(given_answer=True), atol=1e-6)
        places = [(p.best.span.start, p.best.span.end, p.probability, p.size) for p in spans.clusters()]
        np.testing.assert_allclose(np.array(sorted(page["places"])), np.array(sorted(places)), atol=1e-6)


def same(found, known, path="view"):
    """Whether two JSON values are the same, numbers within 1e-6."""
    if isinstance(known, dict):
        assert sorted(found) == sorted(known), path
        for name in known:
            same(found[name], known[name], f"{path}.{name}")
    elif isinstance(known, list | tuple):
        assert len(found) == len(known), path
        for k, (one, other) in enumerate(zip(found, known, strict=True)):
            same(one, other, f"{path}[{k}]")
    elif isinstance(known, float):
        assert found == pytest.approx(known, abs=1e-6), path
    else:
        assert found == known, path


def test_the_explorers_of_the_page_get_what_those_of_python_get(readings, told):
    for reading, page in zip(readings, told, strict=True):
        # As it is where it answers; the page leaves out the numbers of answers where it abstains.
        known = span_view(reading.with_threshold(1e9))
        of_python = {"head", "answer", "ranking", "below"}
        same(
            {name: page["view"][name] for name in known if name not in of_python},
            {name: known[name] for name in known if name not in of_python},
        )
        same(page["windows"], no_answer_view([reading]))
        for name, array in span_arrays(reading).items():
            numbers = np.frombuffer(array, "<i4" if name == "places" else "<f4")
            np.testing.assert_allclose(page["arrays"][name], numbers, atol=1e-6)


def test_a_decision_is_told_in_the_same_words(readings, told):
    for reading, page in zip(readings, told, strict=True):
        said = [decision_sentence(reading.with_threshold(threshold)) for threshold in THRESHOLDS]
        assert page["sentences"] == said


LETTERS = """
import { bytesOf } from "${js}/playground.js";
console.log(JSON.stringify(given.map(([letters, size]) => [...bytesOf(letters, size)])));
"""


def test_letters_are_bytes_again_in_the_page(tmp_path):
    parts = [bytes(range(256)) * 3 + b"end"[:n] for n in range(4)] + [b"", b"\xff" * 8]
    written = [letters(part) for part in parts]
    assert not any("<" in one for one in written)
    given = [[one, len(part)] for one, part in zip(written, parts, strict=True)]
    assert list(map(bytes, in_node(LETTERS, given, tmp_path))) == parts


CASES = [
    ("Ada kept the lamp. Tom slept by the door, and it was day.", {}),
    (STORY, {"max_length": 40, "stride": 10}),
    ("A cafe\u0301 by the sea 💡 and  two\u3000blanks.", {}),
]


def test_the_bundled_tokenizer_is_one_that_the_page_reads():
    tables = tokenizer_tables(PairTokenizer(qalens.load().tokenizer))
    assert tables["type"] == "wordpiece"
    assert len(tables["vocabulary"]) == 30522
