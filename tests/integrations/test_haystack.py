"""The reader for Haystack: what it answers, how it is written down, and the faults of the old one that stay dead."""

from __future__ import annotations

import math
import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import copy
import doctest
import json
import logging
import subprocess
import sys
import tracemalloc

import pytest
import torch
from checkpoints import QUESTION, SENTENCES, STORY, save
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import ComponentDevice, Device, DeviceMap, Secret
from old_haystack import old_answers

import qalens
from haystack_integrations.components.readers.qalens import QALensExtractiveReader, extractive_reader
from qalens.errors import InputError, ModelError

DOCUMENTS = [
    Document(content=STORY, meta={"title": "the story", "page_number": 7}),
    Document(content="Tobias slept below the stairs.\fThe dog slept too.", meta={"page_number": 2}),
    Document(content=SENTENCES[4], meta={"source": {"shelf": 3}}),
]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save(tmp_path_factory.mktemp("bert"), "bert-uncased")


@pytest.fixture(scope="module")
def reader(bert):
    return QALensExtractiveReader(bert, max_seq_length=64, stride=16)


@pytest.fixture(scope="module")
def plain(bert):
    """The same checkpoint as qalens reads it."""
    return qalens.load(bert, max_length=64, stride=16)


def spans_of(answers):
    return [
        (DOCUMENTS.index(a.document), a.document_offset.start, a.document_offset.end)
        for a in answers
        if a.data is not None
    ]


# --- what an answer is ------------------------------------------------------------------------------------------


def test_answers_know_their_document_their_place_and_the_text_around_them(reader):
    answers = reader.run(QUESTION, DOCUMENTS)["answers"]
    assert len(answers) > 5
    for answer in answers:
        assert answer.query == QUESTION
        if answer.data is None:
            assert (answer.document, answer.document_offset, answer.context) == (None, None, None)
            continue
        text = answer.document.content
        place, around = answer.document_offset, answer.context_offset
        assert text[place.start : place.end] == answer.data == answer.context[around.start : around.end]
        assert answer.context in text
        assert around.start == min(150, place.start)
        assert len(answer.context) - around.end == min(150, len(text) - place.end)
        assert answer.document.meta.items() <= answer.meta.items()


def test_the_page_of_an_answer_counts_from_the_page_of_its_document(reader):
    answers = reader.run("Who slept?", DOCUMENTS[1:], top_k=100)["answers"]
    pages = {
        (a.document_offset.start > a.document.content.index("\f"), a.meta["answer_page_number"])
        for a in answers
        if a.document is DOCUMENTS[1]
    }
    assert pages == {(False, 2), (True, 3)}
    assert all("answer_page_number" not in a.meta for a in answers if a.document is DOCUMENTS[2])


def test_scores_are_probabilities_of_one_distribution(reader, plain):
    everything = reader.run(QUESTION, DOCUMENTS, top_k=10**6, overlap_threshold=None)["answers"]
    assert sum(a.score for a in everything) == pytest.approx(1)
    reading = plain.read_documents(QUESTION, DOCUMENTS)
    best = [(a.document, a.span.start, a.span.end) for a in reading.top(20)]
    assert spans_of(everything)[:20] == best
    (nothing,) = (a for a in everything if a.data is None)
    assert nothing.score == pytest.approx(reading.no_answer_probability)
    assert [a.score for a in everything] == sorted((a.score for a in everything), reverse=True)


def test_answers_of_one_document_do_not_overlap(reader):
    found = spans_of(reader.run(QUESTION, DOCUMENTS)["answers"])
    for k, (d, start, end) in enumerate(found):
        assert all(d != e or end <= s or t <= start for e, s, t in found[:k])


def test_candidates_can_be_limited_for_each_window(reader, plain):
    found = spans_of(
        reader.run(QUESTION, DOCUMENTS, top_k=10**6, overlap_threshold=None, answers_per_seq=2)["answers"]
    )
    expected = []
    for d, one in enumerate(plain.read_documents(QUESTION, DOCUMENTS).readings):
        everything = one.spans.top(10**6)
        for w in range(len(one.windows)):
            best = [a for a in everything if a.window == w][:2]
            expected += [(d, a.span.start, a.span.end) for a in best]
    assert sorted(found) == sorted(expected)


def test_a_cut_lists_the_places_that_reach_it(reader, plain):
    cut = 0.03
    found = reader.run(QUESTION, DOCUMENTS, cut=cut, no_answer=False)["answers"]
    reading = plain.read_documents(QUESTION, DOCUMENTS).with_threshold(math.inf)
    places = [place for place in reading.answers(cut) if place.taken]
    assert len(places) > 2
    assert spans_of(found) == [(p.best.document, p.best.span.start, p.best.span.end) for p in places]
    assert [one.score for one in found] == pytest.approx([place.probability for place in places])
    assert len(reader.run(QUESTION, DOCUMENTS, cut=cut, top_k=1, no_answer=False)["answers"]) == 1
    decided = reader.run(QUESTION, DOCUMENTS, cut=cut)["answers"]
    assert [one.score for one in decided if one.data is None] == [
        pytest.approx(reading.no_answer_probability)
    ]
    taken = [place for place in plain.read_documents(QUESTION, DOCUMENTS).answers(cut) if place.taken]
    assert len(decided) == len(taken) + 1


def test_no_answer_and_weak_answers_can_be_left_out(reader):
    everything = reader.run(QUESTION, DOCUMENTS)["answers"]
    without = reader.run(QUESTION, DOCUMENTS, no_answer=False)["answers"]
    assert [a.score for a in without] == [a.score for a in everything if a.data is not None]
    strong = reader.run(QUESTION, DOCUMENTS, score_threshold=everything[2].score)["answers"]
    assert [a.score for a in strong] == [a.score for a in everything[:3]]


def test_no_document_gives_no_answers(reader):
    assert reader.run(QUESTION, []) == {"answers": []}


def test_the_bundled_checkpoint_answers_and_abstains():
    reader = QALensExtractiveReader()
    documents = [
        Document(content="Ada Marlow kept the lamp of the lighthouse."),
        Document(content="Dogs sleep."),
    ]
    assert reader.run("Who kept the lamp?", documents)["answers"][0].data == "Ada Marlow"
    assert reader.run("What did the emperor eat?", documents)["answers"][0].data is None


# --- faults of the old reader that stay dead --------------------------------------------------------------------


def test_segment_ids_reach_the_model(reader, plain):
    """The old reader never passed them, so a BERT took the text for more of the question."""
    model, tokenizer = plain.model.module, plain.tokenizer
    old = QALensExtractiveReader(reader.model, scores="haystack", max_seq_length=64, stride=16)
    ours = [a.score for a in old.run(QUESTION, DOCUMENTS[:1])["answers"]]
    right, wrong = (
        [
            a.score
            for a in old_answers(
                model, tokenizer, QUESTION, [STORY], segments=s, max_seq_length=64, stride=16
            )
        ]
        for s in (True, False)
    )
    assert ours == pytest.approx(right, rel=2e-4)
    assert ours[:3] != pytest.approx(wrong[:3], rel=2e-4)


def test_no_answer_is_the_models_own_and_hangs_on_no_option(reader, plain):
    """It was a product over the answers that were kept, so it fell with every answer more."""
    expected = plain.read_documents(QUESTION, DOCUMENTS).no_answer_probability
    for options in ({}, {"top_k": 1}, {"top_k": 0}, {"overlap_threshold": None}, {"answers_per_seq": 1}):
        (nothing,) = (a for a in reader.run(QUESTION, DOCUMENTS, **options)["answers"] if a.data is None)
        assert nothing.score == pytest.approx(expected)


@pytest.mark.parametrize("scores", ["probability", "haystack"])
def test_zero_and_none_can_be_given_at_run_time(bert, scores):
    """They fell back to what the component was made with."""
    made = {
        "top_k": 2,
        "score_threshold": 0.9999,
        "overlap_threshold": 0.01,
        "max_seq_length": 64,
        "stride": 16,
    }
    reader = QALensExtractiveReader(bert, scores=scores, **made)

    def run(**options):
        return reader.run(QUESTION, DOCUMENTS, **options)["answers"]

    assert [a for a in run() if a.data is not None] == []
    assert len(run(score_threshold=0)) == len(run(score_threshold=None)) == 3
    assert [a.data for a in run(top_k=0, score_threshold=0)] == [None]
    loose, strict = (spans_of(run(top_k=50, score_threshold=None, overlap_threshold=t)) for t in (None, 0.0))
    assert len(loose) == 50
    assert any(
        d == e and start < t and s < end
        for d, start, end in loose
        for e, s, t in loose
        if (s, t) != (start, end)
    )
    assert not any(
        d == e and start < t and s < end
        for d, start, end in strict
        for e, s, t in strict
        if (s, t) != (start, end)
    )
    assert len(run(top_k=50, score_threshold=0, overlap_threshold=None, answers_per_seq=0)) == 1
    assert run(top_k=None, no_answer=None, stride=None, max_seq_length=None) == run()


def test_a_stride_of_zero_is_no_overlap(bert):
    reader = QALensExtractiveReader(bert, max_seq_length=64, stride=16)
    at_run_time = reader.run(QUESTION, DOCUMENTS, stride=0)["answers"]
    made = QALensExtractiveReader(bert, max_seq_length=64, stride=0).run(QUESTION, DOCUMENTS)["answers"]
    assert [a.score for a in at_run_time] == [a.score for a in made]
    assert [a.score for a in at_run_time] != [a.score for a in reader.run(QUESTION, DOCUMENTS)["answers"]]


@pytest.mark.parametrize("scores", ["probability", "haystack"])
@pytest.mark.parametrize("contents", [["\x00"], ["", "\x00\x07"], [""], [None]], ids=str)
def test_documents_without_a_span_give_no_answer_and_no_error(bert, scores, contents):
    """It was an IndexError."""
    reader = QALensExtractiveReader(bert, scores=scores)
    documents = [Document(content=text) for text in contents]
    (nothing,) = reader.run(QUESTION, documents)["answers"]
    assert (nothing.data, nothing.score) == (None, 1.0)
    assert reader.run(QUESTION, documents, no_answer=False)["answers"] == []


@pytest.mark.parametrize("scores", ["probability", "haystack"])
def test_a_document_without_text_is_left_out_with_a_warning(bert, scores, caplog):
    """It was a ValueError for all documents."""
    reader = QALensExtractiveReader(bert, scores=scores)
    empty = [Document(content=None, id="drawing"), Document(content="", id="blank")]
    with caplog.at_level(logging.WARNING):
        mixed = reader.run(QUESTION, [empty[0], *DOCUMENTS, empty[1]])["answers"]
    alone = reader.run(QUESTION, DOCUMENTS)["answers"]
    assert [(a.data, a.score) for a in mixed] == [(a.data, pytest.approx(a.score)) for a in alone]
    assert [name for name in ("drawing", "blank") if f"Document {name} was left out" in caplog.text] == [
        "drawing",
        "blank",
    ]


@pytest.mark.parametrize("scores", ["probability", "haystack"])
def test_a_long_query_is_cut_and_makes_no_windows_of_its_own(bert, scores):
    """It was cut into windows of the query, each beside the same end of the text."""
    reader = QALensExtractiveReader(bert, scores=scores, max_seq_length=64, stride=16)
    query = "Please tell me, if you can remember it, " * 30 + QUESTION
    with pytest.warns(UserWarning, match="The question has .* tokens; a window has room for"):
        answers = reader.run(query, DOCUMENTS, top_k=10**6, overlap_threshold=None, answers_per_seq=1)[
            "answers"
        ]
    places = [a.document_offset.start for a in answers if a.document is DOCUMENTS[0]]
    assert max(places) > len(STORY) / 2 > min(places)


def test_windows_longer_than_the_model_are_refused(bert):
    """It was a RuntimeError in the middle of the model."""
    reader = QALensExtractiveReader(bert, max_seq_length=384)
    with pytest.raises(InputError, match="max_length 384 is more than the 128 tokens"):
        reader.run(QUESTION, DOCUMENTS)


@pytest.mark.parametrize("scores", ["probability", "haystack"])
def test_memory_stays_below_what_the_result_takes(bert, scores):
    """It took 2.7 KB a character."""
    text = f"{STORY}\n" * 25
    reader = QALensExtractiveReader(bert, scores=scores)
    reader.run(QUESTION, DOCUMENTS)
    tracemalloc.start()
    reader.run(QUESTION, [Document(content=text)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1400 * len(text)


# --- what cannot work -------------------------------------------------------------------------------------------

REFUSED = {
    "top_k": (-1, "top_k has to be a whole number from 0 on, but is -1"),
    "score_threshold": (1.5, "score_threshold has to be a number from 0 to 1, or None, but is 1.5"),
    "overlap_threshold": ("much", "overlap_threshold has to be a number from 0 to 1"),
    "max_seq_length": (0, "max_seq_length has to be a whole number from 1 on"),
    "stride": (True, "stride has to be a whole number from 0 on, but is True"),
    "max_batch_size": (0, "max_batch_size has to be a whole number from 1 on"),
    "answers_per_seq": (2.5, "answers_per_seq has to be a whole number from 0 on"),
    "no_answer": ("yes", "no_answer has to be True or False"),
    "cut": (2, "cut has to lie between 0 and 1"),
}
MADE_ONLY = {
    "calibration_factor": (0, "calibration_factor has to be a number above 0"),
    "scores": ("logits", 'scores has to be "probability" or "haystack"'),
    "max_answer_length": (0, "max_answer_length has to be a whole number from 1 on"),
    "context_characters": (-1, "context_characters has to be a whole number from 0 on"),
    "model_kwargs": ({"load_in_8bit": True}, "model_kwargs has 'load_in_8bit', which this reader cannot use"),
}


@pytest.mark.parametrize("name", [*REFUSED, *MADE_ONLY])
def test_an_option_that_cannot_work_is_refused_when_made(name):
    value, message = (REFUSED | MADE_ONLY)[name]
    with pytest.raises(InputError, match=message):
        QALensExtractiveReader(**{name: value})


def test_a_cut_counts_probabilities():
    with pytest.raises(InputError, match="cut counts probabilities"):
        QALensExtractiveReader(scores="haystack", cut=0.1)


@pytest.mark.parametrize("name", REFUSED)
def test_an_option_that_cannot_work_is_refused_at_run_time_before_loading(name):
    value, message = REFUSED[name]
    reader = QALensExtractiveReader("no/such-model")
    with pytest.raises(InputError, match=message):
        reader.run(QUESTION, DOCUMENTS, **{name: value})


def test_code_of_a_checkpoint_is_never_run():
    with pytest.raises(InputError, match="never runs code that comes with a checkpoint"):
        QALensExtractiveReader(model_kwargs={"trust_remote_code": True})


def test_a_query_has_to_be_text(reader):
    with pytest.raises(InputError, match="The query has to be a str, but is of type NoneType"):
        reader.run(None, DOCUMENTS)


@pytest.mark.parametrize("scores", ["probability", "haystack"])
def test_a_model_that_fails_on_everything_is_an_error_and_no_answer_of_none(bert, scores):
    reader = QALensExtractiveReader(bert, scores=scores)
    reader.warm_up()
    with torch.no_grad():
        reader._readers._whole.model.module.qa_outputs.bias.fill_(math.nan)
    with pytest.raises(ModelError, match="The model gave nan"):
        reader.run(QUESTION, DOCUMENTS)


# --- loading and writing down -----------------------------------------------------------------------------------


def test_making_one_loads_nothing_and_warming_up_twice_loads_once(bert):
    reader = QALensExtractiveReader("no/such-model")
    with pytest.raises(ModelError):
        reader.warm_up()
    reader = QALensExtractiveReader(bert)
    assert reader._readers is None
    reader.warm_up()
    loaded = reader._readers
    reader.warm_up()
    assert reader._readers is loaded


def test_a_dtype_and_a_device_are_taken(bert):
    reader = QALensExtractiveReader(
        bert,
        device=ComponentDevice.from_str("cpu"),
        model_kwargs={"torch_dtype": torch.bfloat16},
        max_batch_size=1,
    )
    reader.warm_up()
    assert reader._readers._whole.model.dtype == torch.bfloat16
    assert reader.run(QUESTION, DOCUMENTS)["answers"]


def test_several_devices_are_refused():
    both = ComponentDevice.from_multiple(DeviceMap({"a": Device.cpu(), "b": Device.cpu()}))
    with pytest.raises(InputError, match="one device"):
        QALensExtractiveReader(device=both)


MADE = {
    "plain": {},
    "everything": {
        "device": ComponentDevice.from_str("cpu"),
        "token": Secret.from_env_var("A_TOKEN", strict=False),
        "top_k": 0,
        "score_threshold": 0.0,
        "max_seq_length": 96,
        "stride": 0,
        "max_batch_size": 4,
        "answers_per_seq": 7,
        "no_answer": False,
        "calibration_factor": 0.5,
        "overlap_threshold": None,
        "model_kwargs": {"dtype": torch.bfloat16, "revision": "main"},
        "scores": "haystack",
        "max_answer_length": 12,
        "context_characters": 0,
    },
    "a cut": {"cut": 0.2},
    "no token": {"token": None},
}


@pytest.mark.parametrize("made", MADE.values(), ids=list(MADE))
def test_it_comes_back_from_plain_data(made):
    before = QALensExtractiveReader("some/model", **copy.deepcopy(made))
    data = before.to_dict()
    assert data["type"].startswith("haystack_integrations.components.readers.qalens.")
    written = json.dumps(data)
    after = QALensExtractiveReader.from_dict(data)
    assert json.dumps(data) == written
    assert json.loads(json.dumps(after.to_dict())) == json.loads(written)
    for name, value in {"model": "some/model", **made}.items():
        assert getattr(after, name) == value
    assert before.model_kwargs == made.get("model_kwargs")


def test_a_token_is_never_written_down():
    reader = QALensExtractiveReader(token=Secret.from_token("hf_secret"))
    with pytest.raises(ValueError, match="token-based secret"):
        reader.to_dict()


def pipeline(bert) -> Pipeline:
    store = InMemoryDocumentStore()
    store.write_documents(DOCUMENTS)
    whole = Pipeline()
    whole.add_component("retriever", InMemoryBM25Retriever(store))
    whole.add_component("reader", QALensExtractiveReader(bert, max_seq_length=64, stride=16, top_k=3))
    whole.connect("retriever.documents", "reader.documents")
    return whole


def test_it_runs_in_a_pipeline_behind_a_retriever(bert, reader):
    whole = pipeline(bert)
    asked = {"retriever": {"query": QUESTION, "top_k": 2}, "reader": {"query": QUESTION}}
    answers = whole.run(asked)["reader"]["answers"]
    assert sum(a.data is not None for a in answers) == 3
    assert all(a.document is None or a.document.score is not None for a in answers)
    asked["reader"] |= {"top_k": 0, "overlap_threshold": None, "score_threshold": 0}
    assert [a.data for a in whole.run(asked)["reader"]["answers"]] == [None]


FRESH = """
import json, sys
from haystack import Document, Pipeline
whole = Pipeline.loads(sys.stdin.read())
documents = [Document(content=text) for text in json.loads(sys.argv[1])]
found = whole.run({"reader": {"query": sys.argv[2], "documents": documents}})["reader"]["answers"]
print(json.dumps([[a.data, a.score] for a in found]))
"""


@pytest.mark.slow
def test_yaml_comes_back_in_a_fresh_process_without_being_asked_to_trust_it(bert):
    whole = Pipeline()
    whole.add_component("reader", QALensExtractiveReader(bert, max_seq_length=64, stride=16, top_k=3))
    here = whole.run({"reader": {"query": QUESTION, "documents": DOCUMENTS}})["reader"]["answers"]
    texts = json.dumps([one.content for one in DOCUMENTS])
    done = subprocess.run(
        [sys.executable, "-c", FRESH, texts, QUESTION],
        input=whole.dumps(),
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [[a.data, pytest.approx(a.score)] for a in here]


def test_the_example_of_the_reader_runs():
    assert doctest.testmod(extractive_reader, raise_on_error=True).attempted > 0
