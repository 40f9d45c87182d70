"""Windows are those of the tokenizer itself, hold every character, and no length makes them fail in any other way."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import transformers
from checkpoints import QUESTION, SENTENCES, STORY, TOKENIZERS
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from qalens.errors import InputError
from qalens.testing import toy_tokenizer
from qalens.text.token_edges import _IS_BLANK
from qalens.text.windows import (
    BYTES_PER_CHARACTER,
    PairTokenizer,
    Role,
    Windows,
    check_geometry,
    cut_text,
    lay_out,
    make_windows,
)

PAIRS = {name: PairTokenizer(make()) for name, make in TOKENIZERS.items()}
TOY = PairTokenizer(toy_tokenizer())
EVERY_TOKENIZER = pytest.mark.parametrize("name", TOKENIZERS)


def tokens_of(name: str, text: str) -> int:
    return len(PAIRS[name].encode(text))


def length_with_room(name: str, question: str, room: int) -> int:
    """The max_length that leaves `room` tokens for the text."""
    return PAIRS[name].n_special + tokens_of(name, question) + room


def windows_of_tokenizer(tokenizer: Any, question: str, context: str, max_length: int, stride: int) -> Any:
    return tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
    )


def roles_of_tokenizer(encoding: Any, w: int) -> list[int]:
    names = {None: Role.SPECIAL, 0: Role.QUESTION, 1: Role.CONTEXT}
    return [int(names[part]) for part in encoding.sequence_ids(w)]


def assert_same_windows(name: str, question: str, context: str, max_length: int, stride: int) -> Windows:
    tokenizer = TOKENIZERS[name]()
    expected = windows_of_tokenizer(tokenizer, question, context, max_length, stride)
    windows = make_windows(PAIRS[name], question, context, max_length=max_length, stride=stride)
    assert windows.lengths.tolist() == [len(ids) for ids in expected["input_ids"]]
    for w, n in enumerate(windows.lengths):
        ids = expected["input_ids"][w]
        assert windows.model_inputs["input_ids"][w, :n].tolist() == ids
        assert windows.offsets[w, :n].tolist() == [list(pair) for pair in expected["offset_mapping"][w]]
        assert windows.role[w, :n].tolist() == roles_of_tokenizer(expected, w)
        assert windows.tokens[w, :n].tolist() == tokenizer.convert_ids_to_tokens(ids)
        assert windows.null_index[w] == ids.index(tokenizer.cls_token_id)
        assert windows.model_inputs["attention_mask"][w].sum() == n
        if "token_type_ids" in windows.model_inputs:
            assert windows.model_inputs["token_type_ids"][w, :n].tolist() == expected["token_type_ids"][w]
    return windows


def assert_covered(windows: Windows, context: str) -> None:
    """Every token of the text is in some window, and the windows' characters leave no gap."""
    seen = np.unique(windows.context_index[windows.answerable])
    assert seen.tolist() == list(range(len(seen)))
    ranges = windows.char_ranges
    assert ranges[0, 0] == 0
    assert ranges[-1, 1] == len(context)
    assert (ranges[1:, 0] <= ranges[:-1, 1]).all()


# --- many texts at once ---------------------------------------------------------------------------------------------


@EVERY_TOKENIZER
def test_texts_that_are_laid_out_together_have_the_windows_that_each_has_alone(name):
    pair, geometry = PAIRS[name], {"max_length": 64, "stride": 16}
    texts = [
        (QUESTION, STORY),
        ("Who?", "the lamp"),
        (QUESTION, "\x00"),
        ("Who?", STORY[:300]),
        ("Who?", "the lamp"),
    ]
    encoded = pair.encode_all(text for both in texts for text in both)
    together = lay_out(pair, [cut_text(pair, *both, encoded, **geometry) for both in texts])
    for both, windows in zip(texts, together, strict=True):
        alone = make_windows(pair, *both, **geometry)
        for column in ("tokens", "role", "offsets", "context_index", "null_index"):
            assert getattr(windows, column).tolist() == getattr(alone, column).tolist()
        assert {k: v.tolist() for k, v in windows.model_inputs.items()} == {
            k: v.tolist() for k, v in alone.model_inputs.items()
        }
        assert (windows.question, windows.context, windows.padding) == (*both, alone.padding)
        assert not any(array.flags.writeable for array in (windows.role, windows.tokens, windows.null_index))


def test_nothing_is_laid_out_for_nothing():
    assert lay_out(TOY, []) == []


def test_recent_texts_are_encoded_once_and_no_more_of_them_are_held_than_a_chunk_has():
    pair = PairTokenizer(toy_tokenizer())
    found = pair.encode_all(["ada", "lamp", "ada"])
    assert list(found) == ["ada", "lamp"]
    assert pair.encode("lamp") is found["lamp"]
    assert pair.encode_all(["lamp"])["lamp"] is found["lamp"]
    for k in range(40):
        pair.encode(f"{k} " + "a" * 19_000)
    assert sum(map(len, pair._recent)) <= 400_000
    assert pair.encode("ada") is not found["ada"]


# --- the same windows as the tokenizer itself makes -----------------------------------------------------------------

# Tokens of room for a text of n tokens, stride, and how many windows there are then.
GEOMETRIES = (
    (lambda n: n, 0, 1),
    (lambda n: n, 13, 1),
    (lambda n: n + 1, 13, 1),
    (lambda n: n - 1, 0, 2),
    (lambda n: n - 1, 25, 2),
    (lambda n: -(-n // 2), 0, 2),
    (lambda n: -(-n // 2) + 7, 14, 2),
    (lambda n: 40, 0, None),
    (lambda n: 40, 1, None),
    (lambda n: 40, 25, None),
)


@EVERY_TOKENIZER
def test_windows_are_those_of_the_tokenizer(name):
    for room_of, stride, count in GEOMETRIES:
        room = room_of(tokens_of(name, STORY))
        windows = assert_same_windows(name, QUESTION, STORY, length_with_room(name, QUESTION, room), stride)
        assert_covered(windows, STORY)
        assert count in (None, len(windows)), (room, stride)


@EVERY_TOKENIZER
def test_short_texts_are_one_window(name):
    for question in ("?", "Who kept the lamp, and why?"):
        for text in ("a", "1", "lamp", " lamp ", "Ada kept\r\n\tthe lamp."):
            windows = assert_same_windows(name, question, text, 96, 16)
            assert len(windows) == 1
            assert_covered(windows, text)


@EVERY_TOKENIZER
@settings(deadline=None, max_examples=25)
@given(
    sentences=st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=12),
    room=st.integers(24, 90),
    overlap=st.floats(0, 0.5),
)
def test_windows_are_those_of_the_tokenizer_for_any_text(name, sentences, room, overlap):
    context = "  ".join(sentences)
    windows = assert_same_windows(
        name, "Who?", context, length_with_room(name, "Who?", room), int(room * overlap)
    )
    assert_covered(windows, context)


def test_pairs_of_roberta_have_two_separators_and_no_segments():
    windows = make_windows(PAIRS["roberta"], "a", "b")
    assert windows.tokens[0].tolist() == ["<s>", "a", "</s>", "</s>", "b", "</s>"]
    assert set(windows.model_inputs) == {"input_ids", "attention_mask"}


def test_the_null_token_of_xlnet_stands_at_the_end_in_segment_two():
    windows = make_windows(PAIRS["xlnet"], "a", STORY, max_length=64)
    last = windows.lengths - 1
    assert windows.null_index.tolist() == last.tolist()
    assert set(windows.tokens[np.arange(len(windows)), last]) == {"<cls>"}
    assert set(windows.model_inputs["token_type_ids"][np.arange(len(windows)), last]) == {2}


@EVERY_TOKENIZER
def test_padding_is_on_the_right_and_is_never_read(name):
    tokenizer = TOKENIZERS[name]()
    windows = make_windows(PAIRS[name], QUESTION, STORY, max_length=64, stride=10)
    padding = windows.role == Role.PADDING
    assert padding[-1].any()
    assert (np.diff(padding.astype(int), axis=1) >= 0).all()
    assert set(windows.model_inputs["input_ids"][padding]) == {tokenizer.pad_token_id}
    assert not windows.model_inputs["attention_mask"][padding].any()
    assert not windows.answerable[padding].any()
    for input_name, value in windows.padding.items():
        assert set(windows.model_inputs[input_name][padding]) == {value}


# --- every length works or is refused -------------------------------------------------------------------------------


def test_every_max_length_and_stride_works_or_is_refused():
    context = "ada kept the lamp of the room " * 3
    made = 0
    for max_length in range(1, 41):
        for stride in range(41):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    windows = make_windows(
                        TOY, "who kept it and why?", context, max_length=max_length, stride=stride
                    )
                except InputError:
                    # Three special tokens and one of the question leave so much; one token has to be new.
                    assert stride > max_length - 5
                    continue
            made += 1
            assert windows.lengths.max() <= max_length
            assert windows.context_index.max() == 20
            assert_covered(windows, context)
    assert made > 600


@EVERY_TOKENIZER
@settings(deadline=None, max_examples=40)
@given(
    max_length=st.integers(1, 60),
    stride=st.one_of(st.none(), st.integers(0, 60)),
    question=st.text("ab ?", min_size=1, max_size=80).filter(str.strip),
    context=st.text("ab .", min_size=1, max_size=200).filter(str.strip),
)
def test_any_lengths_work_or_are_refused(name, max_length, stride, question, context):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            windows = make_windows(PAIRS[name], question, context, max_length=max_length, stride=stride)
        except InputError:
            return
    assert windows.lengths.max() <= max_length
    assert_covered(windows, context)
    # Each window brings something new.
    newest = windows.context_index.max(1)
    assert (np.diff(newest) > 0).all()


@pytest.mark.parametrize(
    ("max_length", "stride", "message"),
    [
        (0, None, "max_length has to be a whole number of tokens from 1 on, but is 0"),
        (-1, None, "max_length has to be"),
        (True, None, "max_length has to be .* but is True"),
        (64.0, None, "max_length has to be .* but is 64.0"),
        ("64", None, "max_length has to be .* but is '64'"),
        (4, None, "max_length 4 leaves no room: 3 special tokens, .* need at least 5"),
        (64, -1, "stride has to be a whole number of tokens from 0 on, but is -1"),
        (64, 1.5, "stride has to be"),
        (64, 60, "stride 60 is too large: .* its overlap can be at most 59"),
    ],
)
def test_lengths_that_cannot_work_are_refused(max_length, stride, message):
    with pytest.raises(InputError, match=message):
        make_windows(TOY, "Who?", "Ada kept the lamp.", max_length=max_length, stride=stride)


@pytest.mark.parametrize(("max_length", "stride"), [(384, 128), (512, 128), (96, 32), (9, 3), (6, 1), (5, 0)])
def test_the_default_stride_is_a_third_and_at_most_128(max_length, stride):
    assert check_geometry(TOY, max_length, None) == stride


@pytest.mark.parametrize("stride", [0, 20, 50])
def test_a_long_question_is_cut_with_a_warning(stride):
    question = "who kept the lamp and why? " * 20
    context = "ada kept the lamp of the room " * 10
    with pytest.warns(UserWarning, match="The question has 140 tokens; .* the end of the question is cut"):
        windows = make_windows(TOY, question, context, max_length=64, stride=stride)
    asked = windows.role[0] == Role.QUESTION
    assert windows.tokens[0, asked][:4].tolist() == ["who", "kept", "the", "lamp"]
    assert 0 < asked.sum() <= 31
    assert windows.answerable[0].sum() > stride
    assert_covered(windows, context)


def test_a_question_that_fits_is_not_cut():
    windows = make_windows(TOY, "who kept the lamp and why?", "ada kept the lamp " * 40, max_length=64)
    assert (windows.role == Role.QUESTION).sum(1).tolist() == [7] * len(windows)


# --- special tokens that somebody typed -----------------------------------------------------------------------------


TYPED = ("[SEP]", "[CLS]", "[PAD]", "[MASK]", "<s>", "</s>", "<pad>", "<sep>", "<cls>", "<mask>")


@EVERY_TOKENIZER
def test_a_special_token_that_is_typed_is_text(name):
    tokenizer = TOKENIZERS[name]()
    plain = make_windows(PAIRS[name], "Who?", "The lamp")
    for typed in TYPED:
        context = f"The {typed} lamp{typed} {typed}"
        windows = make_windows(PAIRS[name], f"Who {typed}?", context)
        special = np.isin(
            windows.model_inputs["input_ids"],
            [i for i in tokenizer.all_special_ids if i != tokenizer.unk_token_id],
        )
        assert (special == (windows.role == Role.SPECIAL)).all(), typed
        assert special.sum() == PAIRS[name].n_special
        assert windows.tokens[0, windows.null_index[0]] == plain.tokens[0, plain.null_index[0]]
        covered = {c for a, b in windows.offsets[windows.answerable] for c in range(a, b)}
        assert covered >= {c for c, letter in enumerate(context) if letter != " "}, typed


def test_a_special_token_that_is_typed_is_spelt_like_any_word():
    windows = make_windows(TOY, "[CLS]", "a[SEP] lamp")
    assert windows.tokens[0, windows.role[0] == Role.QUESTION].tolist() == ["[", "c", "##l", "##s", "]"]
    assert windows.tokens[0, windows.answerable[0]].tolist() == ["a", "[", "s", "##e", "##p", "]", "lamp"]


@EVERY_TOKENIZER
def test_making_windows_leaves_the_tokenizer_as_it_was(name):
    tokenizer = TOKENIZERS[name]()
    rust = tokenizer.backend_tokenizer
    rust.enable_padding(length=40, direction="left")
    rust.enable_truncation(9, stride=2)
    before = rust.to_str(), rust.padding, rust.truncation, rust.encode_special_tokens, tokenizer.padding_side
    make_windows(tokenizer, QUESTION, f"{STORY} [SEP] </s>", max_length=64)
    after = rust.to_str(), rust.padding, rust.truncation, rust.encode_special_tokens, tokenizer.padding_side
    assert after == before
    assert len(tokenizer.backend_tokenizer.encode("lamp")) == 40


@EVERY_TOKENIZER
def test_settings_of_the_tokenizer_do_not_change_the_windows(name):
    tokenizer = TOKENIZERS[name]()
    tokenizer.backend_tokenizer.enable_padding(length=200)
    tokenizer.backend_tokenizer.enable_truncation(5)
    tokenizer.padding_side = "left"
    ours = make_windows(tokenizer, QUESTION, STORY, max_length=64, stride=8)
    plain = make_windows(PAIRS[name], QUESTION, STORY, max_length=64, stride=8)
    for input_name, values in plain.model_inputs.items():
        assert ours.model_inputs[input_name].tolist() == values.tolist()


# --- what is refused ------------------------------------------------------------------------------------------------


def whitespace_tokenizer(template: str | None) -> Any:
    vocabulary = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4}
    rust = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    rust.pre_tokenizer = pre_tokenizers.Whitespace()
    if template is not None:
        rust.post_processor = processors.TemplateProcessing(
            single="$A", pair=template, special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (
            transformers.CanineTokenizer(),
            "CanineTokenizer is a slow tokenizer and gives no character offsets",
        ),
        (object(), "object is a slow tokenizer"),
        (whitespace_tokenizer("[CLS] $B:1 [SEP] $A:0"), "puts the text before the question"),
    ],
)
def test_tokenizers_that_cannot_work_are_refused(tokenizer, message):
    with pytest.raises(InputError, match=message):
        PairTokenizer(tokenizer)


@pytest.mark.parametrize("pair", [None, "$A [SEP] $B [SEP]"], ids=["decoder", "encoder and decoder"])
def test_without_a_null_token_the_first_token_stands_for_no_answer(pair):
    windows = make_windows(
        whitespace_tokenizer(pair), "who was it", "it was me " * 9, max_length=12, stride=2
    )
    assert len(windows) > 2
    assert PairTokenizer(whitespace_tokenizer(pair)).null_id is None
    assert windows.null_index.tolist() == [0] * len(windows)
    assert (windows.role[:, 0] == Role.QUESTION).all()


@pytest.mark.parametrize(
    ("question", "text", "message"),
    [
        ("", "Ada", "The question is empty"),
        ("Who?", "", "The context is empty"),
        (" \n", "Ada", "The question is blank \\(2 whitespace characters\\)"),
        ("Who?", "\u2003\t ", "The context is blank \\(3 whitespace characters\\)"),
        (None, "Ada", "The question has to be a str, but is of type NoneType"),
        ("Who?", b"Ada", "The context has to be a str, but is of type bytes"),
        ("Who?", "Ada \udcff", "The context holds a lone surrogate \\('\\\\udcff'\\) at character 4"),
    ],
)
def test_texts_that_cannot_be_read_are_refused(question, text, message):
    with pytest.raises(InputError, match=message):
        make_windows(TOY, question, text)


def test_a_text_beyond_the_memory_is_refused_before_it_is_tokenized():
    context = "ada kept the lamp " * 1000
    needed = len(context) * BYTES_PER_CHARACTER
    assert len(make_windows(TOY, "Who?", context, max_memory=needed)) > 1
    with pytest.raises(
        InputError, match=r"The text has 18,000 characters; .* GiB may be used. Read it in parts"
    ):
        make_windows(TOY, "Who?", context, max_memory=needed - 1)


# --- the record -----------------------------------------------------------------------------------------------------


def test_the_arrays_of_windows_are_read_only():
    windows = make_windows(TOY, "Who?", "Ada kept the lamp.")
    arrays = (*windows.model_inputs.values(), windows.tokens, windows.role, windows.offsets)
    for array in (*arrays, windows.context_index, windows.null_index):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("field", ["tokens", "context_index", "offsets", "null_index", "model_inputs"])
def test_windows_refuse_arrays_of_another_shape(field):
    windows = make_windows(TOY, "Who?", "Ada kept the lamp.")
    fields = {name: getattr(windows, name) for name in windows.__dataclass_fields__}
    value = fields[field]
    fields[field] = {"input_ids": value["input_ids"][:, 1:]} if field == "model_inputs" else value[..., :0]
    with pytest.raises(InputError, match="Windows of shape"):
        Windows(**fields)


def test_windows_show_their_size_and_no_text():
    windows = make_windows(TOY, "Who?", "Ada kept the lamp.")
    assert repr(windows) == "Windows(1 × 10 tokens, 18 characters)"
    assert len(windows) == 1


def test_white_space_is_what_python_takes_for_it():
    blanks = [code for code in range(0x110000) if chr(code).isspace()]
    assert np.flatnonzero(_IS_BLANK).tolist() == blanks


def test_the_last_texts_are_remembered_and_long_ones_are_not():
    tokenizer = PairTokenizer(toy_tokenizer())
    first, long = tokenizer.encode("Ada kept the lamp."), "lamp " * 5000
    assert tokenizer.encode("Ada kept the lamp.") is first
    assert tokenizer.encode(long) is not tokenizer.encode(long)
    for k in range(512):
        tokenizer.encode(f"lamp {k}")
    again = tokenizer.encode("Ada kept the lamp.")
    assert again is not first
    assert again.ids.tolist() == first.ids.tolist()
