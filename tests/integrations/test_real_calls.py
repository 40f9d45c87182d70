"""The pipeline, collections and retrievers called as people call them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from qalens.errors import InputError
from qalens.integrations.pipeline_answers import edges_of
from qalens.integrations.pipeline_inputs import inputs_of
from qalens.integrations.transformers import QuestionAnsweringPipeline
from qalens.reader import Reader
from qalens.readings.documents import join_readings
from qalens.readings.provenance import Document
from qalens.retrieval import Index
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text.pair_tokenizer import PairTokenizer

K, A = "Who kept the lamp?", "Ada Marlow kept the lamp of the lighthouse for thirty years."
ROWS = [{"question": K, "context": A}, {"question": "Who slept?", "context": "Tobias slept."}]
PAIRS = [tuple(row.values()) for row in ROWS]
QUESTIONS, TEXTS = map(list, zip(*PAIRS, strict=True))


class Column:
    """What `datasets` gives for one column: a sequence that is no list."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, k):
        return self.values[k]

    def __iter__(self):
        return iter(self.values)


@pytest.fixture(scope="module")
def nlp():
    return QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu")


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), threshold=50)


def assert_same(given, wanted):
    """The same answers, up to the last digits that a batch changes."""
    assert isinstance(given, list)
    assert [(one["answer"], one["start"]) for one in given] == [
        (one["answer"], one["start"]) for one in wanted
    ]
    assert [one["score"] for one in given] == pytest.approx([one["score"] for one in wanted], rel=1e-4)


HOLDERS = {
    "lists": list,
    "tuples": tuple,
    "arrays": lambda values: np.array(values, object),
    "arrays of str": np.array,
    "Series": lambda values: pd.Series(values, index=[7, 3]),
    "columns of a data set": Column,
    "generators": lambda values: (value for value in values),
}


@pytest.mark.parametrize("held", HOLDERS.values(), ids=list(HOLDERS))
def test_questions_and_texts_come_in_whatever_holds_them(nlp, held):
    wanted = [nlp(question=question, context=context) for question, context in PAIRS]
    for given in (
        {"question": held(QUESTIONS), "context": held(TEXTS)},
        {"text": held(QUESTIONS), "text_pair": held(TEXTS)},
    ):
        assert_same(nlp(given), wanted)
    assert_same(nlp(question=held(QUESTIONS), context=held(TEXTS)), wanted)
    if held is not tuple:  # which is a question with its text
        assert_same(nlp(held(QUESTIONS), held(TEXTS)), wanted)
        assert_same(nlp(K, held(TEXTS)), [nlp(question=K, context=text) for text in TEXTS])
    assert_same(
        nlp(question=held(QUESTIONS), context=A),
        [nlp(question=question, context=A) for question in QUESTIONS],
    )
    assert_same(
        nlp({"question": K, "context": held(TEXTS)}), [nlp(question=K, context=text) for text in TEXTS]
    )


def test_a_list_of_one_gives_a_list_and_a_frame_its_rows(nlp):
    assert_same(nlp({"question": [K], "context": [A]}), [nlp(K, A)])
    assert_same(list(nlp(pd.DataFrame(ROWS))), nlp(ROWS))


def test_two_tuples_are_two_questions_with_their_texts(nlp):
    assert_same(nlp(*PAIRS), nlp(ROWS))


def test_lists_of_two_lengths_are_refused():
    with pytest.raises(InputError, match="2 questions and 1 contexts cannot be paired"):
        inputs_of(([K, K], [A]), None, None)
    with pytest.raises(InputError, match="2 questions and 1 contexts cannot be paired"):
        inputs_of(({"question": [K, K], "context": [A]},), None, None)


@pytest.mark.parametrize(
    "options", [{"scores": "product"}, {"scores": "transformers"}, {"max_question_len": 4}]
)
@pytest.mark.parametrize("broken", [("Who \ud83d?", A), (K, "Ada \udcff kept."), ("", A), (K, "")])
def test_one_broken_question_harms_no_other(options, broken):
    nlp = QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu", **options)
    first, failed, last = nlp(question=[K, broken[0], K], context=[A, broken[1], A])
    assert_same([first, last], [nlp(K, A)] * 2)
    assert failed["answer"] is None
    assert "lone surrogate" in failed["error"] or "is empty" in failed["error"]


# --- words, where a script has no blanks -------------------------------------------------------------------------------

UNSPACED = {
    "Chinese": "马拉林德在一九一一年修理了市政厅的钟。",
    "Japanese": "エイダは三十年間灯台の灯を守った。",
    "Thai": "เอดาดูแลประภาคารสามสิบปี",
    "kana of half width": "ｴｲﾀﾞﾊｻﾝｼﾞｭｳﾈﾝｶﾝﾄｳﾀﾞｲﾉﾋｦﾏﾓｯﾀ｡",
    "Lao": "ເອດາດູແລປະພາຄານສາມສິບປີ",
    "Tibetan": "ཨེ་ཌས་ལོ་སུམ་ཅུའི་རིང་གློག་ཞུ་བསྲུངས།",
    "mixed": "Ada在1911年修理了钟。",
}


def metaspace():
    """A tokenizer that, as that of XLM-R, takes everything between blanks for one word and each letter for a token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(set("▁" + "".join(UNSPACED.values()) + K + A))
    vocabulary = [
        ("<s>", 0.0),
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        *((one, -1.0) for one in letters),
    ]
    rust = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    rust.pre_tokenizer = pre_tokenizers.Metaspace()
    rust.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=rust,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


def reader_of(tokenizer):
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    return Reader(BertForQuestionAnswering(config), tokenizer, max_length=96)


@pytest.mark.parametrize("context", UNSPACED.values(), ids=list(UNSPACED))
def test_an_answer_is_the_span_itself_where_words_have_no_blanks_between_them(context):
    tokenizer = metaspace()
    pair = PairTokenizer(tokenizer)
    reading = reader_of(tokenizer).read("Who?", context)
    edges = edges_of(reading.windows, pair, words=True)
    for answer in reading.spans.top(20):
        i, j = reading.windows.context_index[answer.window, list(answer.tokens)].tolist()
        start, end = edges.characters(i, j)
        assert (start, end) == (answer.span.start, answer.span.end) or context.startswith("Ada")
        assert end - start <= len(answer.text) + 5


def test_a_word_with_blanks_around_it_stays_one():
    tokenizer = metaspace()
    reading = reader_of(tokenizer).read("Who?", A)
    edges = edges_of(reading.windows, PairTokenizer(tokenizer), words=True)
    assert {A[slice(*edges.characters(k, k))] for k in range(edges.low, edges.low + len(edges.begin))} == set(
        A.split()
    )


@pytest.mark.parametrize("align", [True, False])
def test_answers_have_the_probability_of_what_they_show(align):
    nlp = QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu", align_to_words=align)
    every = nlp(K, A, top_k=10_000, handle_impossible_answer=True, return_reading=True)
    assert math.isclose(sum(one["score"] for one in every), 1.0, abs_tol=1e-9)
    assert len({(one["start"], one["end"]) for one in every}) == len(every)
    spans = every[0]["reading"].spans
    if not align:
        assert [one["score"] for one in every if one["answer"]] == pytest.approx(
            [one.probability for one in spans.top(10_000)]
        )


# --- documents ---------------------------------------------------------------------------------------------------------

LOG = {"id": "log", "text": A}
DIARY = {"id": "diary", "text": "Tobias slept."}
COPIES = {
    "the same dictionary": [LOG, DIARY, LOG],
    "as two retrievers score it": [{**LOG, "score": 3.0}, DIARY, {**LOG, "score": 0.5}],
    "with other meta": [LOG, DIARY, {**LOG, "page": 2}],
    "a text without an id": [A, "Tobias slept.", A],
    "documents": [Document(A, id=1), Document("Tobias slept."), Document(A, id=1)],
    "three times": [LOG, DIARY, LOG, LOG],
}


@pytest.mark.parametrize("documents", COPIES.values(), ids=list(COPIES))
def test_a_copy_of_a_document_adds_nothing(reader, documents):
    once = reader.read_documents(K, documents[:2])
    twice = reader.read_documents(K, documents)
    assert twice.log_normalizer == once.log_normalizer
    assert [(one.text, one.document, one.probability) for one in twice.top(9)] == [
        (one.text, one.document, one.probability) for one in once.top(9)
    ]
    assert len(twice) == len(documents)
    number, failed = twice.failed[0]
    assert (number, twice.document_probabilities[number]) == (2, 0.0)
    assert "Document 2 is document 0 again" in str(failed.error)
    assert twice.joined().no_answer_probability == pytest.approx(once.no_answer_probability)


@pytest.mark.parametrize(
    "documents",
    [
        [LOG, {**LOG, "id": "other"}],
        [LOG, {**LOG, "text": A + " "}],
        [{"text": A, "page": 1}, {"text": A, "page": 2}],
    ],
    ids=["another id", "another text", "another page"],
)
def test_documents_that_differ_count_each(reader, documents):
    assert not reader.read_documents(K, documents).failed


def test_copies_add_nothing_where_readings_are_joined():
    made = [planted_reading(K, A, answer="Ada Marlow") for _ in range(2)]
    copies = [Document(A, id="log"), Document(A, id="log")]
    once = join_readings(K, copies[:1], made[:1])
    assert join_readings(K, copies, made).log_normalizer == once.log_normalizer


TABLES = {
    "a frame": lambda rows: pd.DataFrame(rows),
    "a frame with gaps": lambda rows: pd.DataFrame([*rows, {"text": "Gulls.", "page": 3.0}]),
    "an Arrow table": lambda rows: pytest.importorskip("pyarrow").Table.from_pylist(rows),
    "columns": lambda rows: {name: [row[name] for row in rows] for name in rows[0]},
    "an array with fields": lambda rows: np.array([tuple(row.values()) for row in rows], [("id", object), ("text", object)]),
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_a_table_of_documents_is_read_by_its_rows(reader, table):
    reading = reader.read_documents(K, table([LOG, DIARY]))
    assert [(one.id, one.text) for one in reading.documents[:2]] == [("log", A), ("diary", "Tobias slept.")]
    assert [one.id for one in reading.documents[2:]] == [None] * (len(reading) - 2)
    assert not reading.failed
    index = Index.build(table([LOG, DIARY]))
    assert index.search("lamp", 1)[0].id == "log"


def test_a_table_without_texts_is_refused(reader):
    with pytest.raises(
        InputError, match=r"None of the 2 documents could be read.*needs its text under one of"
    ):
        reader.read_documents(K, pd.DataFrame({"title": ["a", "b"]}))
