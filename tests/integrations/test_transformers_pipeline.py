"""`pipeline("question-answering")` is there when it is asked for, takes what it took, and answers with readings."""

from __future__ import annotations

import math
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
import transformers
from checkpoints import QUESTION, STORY, save
from planted import planted_pipeline
from transformers import pipelines
from transformers.pipelines.pt_utils import KeyDataset, KeyPairDataset

import qalens
from qalens.errors import InputError, ModelError
from qalens.integrations.transformers import QuestionAnsweringPipeline, register, unregister
from qalens.testing import toy_model, toy_tokenizer

TEXT = "Ada Marlow kept the lamp. Tobias repaired the bell."
ASKED = {"question": "Who kept the lamp?", "context": TEXT}
OTHER = {"question": "Who repaired the bell?", "context": TEXT}
PAIRS = [("Who kept the lamp?", TEXT), ("Who repaired the bell?", TEXT)]


@pytest.fixture
def registered():
    register()
    yield
    unregister()


@pytest.fixture(scope="module")
def nlp():
    return QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu")


def known():
    return dict(getattr(pipelines, "REMOVED_TASKS", {})), dict(pipelines.PIPELINE_REGISTRY.supported_tasks)


def same(ours, expected):
    """The same answers; batches of another size move a score in its last digits."""
    assert len(ours) == len(expected)
    for one, other in zip(ours, expected, strict=True):
        assert one == {**other, "score": pytest.approx(other["score"], rel=1e-5)}


# --- the name ---------------------------------------------------------------------------------------------------------


def test_importing_changes_nothing():
    program = (
        "from transformers import pipelines\n"
        "before = dict(getattr(pipelines, 'REMOVED_TASKS', {})), dict(pipelines.PIPELINE_REGISTRY.supported_tasks)\n"
        "import qalens.integrations.transformers\n"
        "after = dict(getattr(pipelines, 'REMOVED_TASKS', {})), dict(pipelines.PIPELINE_REGISTRY.supported_tasks)\n"
        "assert before == after and 'question-answering' not in after[1]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=900)


def test_the_name_comes_and_goes_and_nothing_else_changes():
    before = known()
    register()
    register()
    during = known()
    assert during[1].pop("question-answering")["impl"] is QuestionAnsweringPipeline
    assert "question-answering" not in during[0]
    assert during[1] == before[1]
    unregister()
    unregister()
    assert known() == before
    with pytest.raises(KeyError, match="question-answering"):
        transformers.pipeline("question-answering", model=toy_model(), tokenizer=toy_tokenizer())


def test_a_pipeline_that_somebody_else_registered_is_put_back():
    tasks = pipelines.PIPELINE_REGISTRY.supported_tasks
    theirs = {"impl": object, "pt": ()}
    tasks["question-answering"] = theirs
    try:
        register()
        assert tasks["question-answering"] is not theirs
        unregister()
        assert tasks["question-answering"] is theirs
    finally:
        unregister()
        tasks.pop("question-answering", None)


@pytest.mark.usefixtures("registered")
def test_a_folder_an_object_and_nothing_name_a_model(tmp_path):
    folder = str(save(tmp_path / "bert", "bert-uncased"))
    by_name = transformers.pipeline("question-answering", model=folder, tokenizer=folder, device="cpu")
    by_object = transformers.pipeline(
        "question-answering", model=by_name.model, tokenizer=by_name.tokenizer, device=-1
    )
    assert by_name(**ASKED) == by_object(**ASKED)
    assert by_name.device == torch.device("cpu")
    bundled = transformers.pipeline("question-answering", dtype=torch.float32, device="cpu")
    assert bundled(**ASKED)["answer"] == "Ada Marlow"


@pytest.mark.usefixtures("registered")
def test_what_a_pipeline_saves_loads_without_code(tmp_path):
    model, tokenizer = toy_model(), toy_tokenizer()
    nlp = transformers.pipeline("question-answering", model=model, tokenizer=tokenizer, device="cpu")
    nlp.model.save_pretrained(tmp_path)
    nlp.tokenizer.save_pretrained(tmp_path)
    assert not hasattr(nlp, "_registered_impl")
    again = transformers.pipeline("question-answering", model=str(tmp_path), device="cpu")
    assert again(**ASKED)["score"] == pytest.approx(nlp(**ASKED)["score"], rel=1e-5)


def test_a_model_without_a_head_and_a_float16_one_on_a_cpu_say_so(caplog):
    with pytest.raises(ModelError, match="no question-answering head"):
        QuestionAnsweringPipeline(toy_model().bert, toy_tokenizer(), device="cpu")
    QuestionAnsweringPipeline(toy_model().half(), toy_tokenizer(), device="cpu")
    assert "slow on a CPU" in caplog.text


# --- what it takes, what it gives -------------------------------------------------------------------------------------


class Column(torch.utils.data.Dataset):
    """A data set as torch has them: a length and items, and no end of its own."""

    def __getitem__(self, k):
        return {"pair": (ASKED, OTHER)[k % 2], **OTHER, "id": k}

    def __len__(self):
        return 2


SINGLE = {
    "keywords": ((), ASKED),
    "a dict": ((ASKED,), {}),
    "two strings": ((ASKED["question"], TEXT), {}),
    "an example": ((qalens.Example(**ASKED),), {}),
    "an example of the old kind": (
        (SimpleNamespace(question_text=ASKED["question"], context_text=TEXT),),
        {},
    ),
}
SEVERAL = {
    "dicts": (([ASKED, OTHER],), {}),
    "a tuple of dicts": (((ASKED, OTHER),), {}),
    "dicts by place": ((ASKED, OTHER), {}),
    "pairs": ((PAIRS,), {}),
    "lists": ((), {"question": [ASKED["question"], OTHER["question"]], "context": [TEXT, TEXT]}),
    "questions about one text": (
        (),
        {"question": [ASKED["question"], OTHER["question"]], "context": TEXT},
    ),
}
STREAMS = {
    "a generator": lambda: (one for one in (ASKED, OTHER)),
    "an iterator": lambda: iter([ASKED, OTHER]),
    "KeyDataset": lambda: KeyDataset(Column(), "pair"),
    "KeyPairDataset": lambda: KeyPairDataset([ASKED, OTHER], "question", "context"),
}


@pytest.mark.parametrize(("given", "named"), SINGLE.values(), ids=list(SINGLE))
def test_one_question_gives_one_dict(nlp, given, named):
    answer = nlp(*given, **named)
    assert list(answer) == ["score", "start", "end", "answer"]
    same([answer], [nlp(**ASKED)])
    assert answer["answer"] == TEXT[answer["start"] : answer["end"]]


@pytest.mark.parametrize(("given", "named"), SEVERAL.values(), ids=list(SEVERAL))
def test_several_questions_give_a_list(nlp, given, named):
    answers = nlp(*given, **named)
    assert isinstance(answers, list)
    same(answers, [nlp(**ASKED), nlp(**OTHER)])


@pytest.mark.parametrize("stream", STREAMS.values(), ids=list(STREAMS))
def test_a_stream_gives_a_stream(nlp, stream):
    answers = nlp(stream(), batch_size=2)
    assert iter(answers) is answers
    same(list(answers), nlp([ASKED, OTHER]))


def test_a_stream_is_read_some_hundred_windows_at_a_time(nlp):
    taken = []

    def questions():
        for k in range(10_000):
            taken.append(k)
            yield ASKED

    next(nlp(questions()))
    assert 1 <= len(taken) < 1000


NO_QUESTIONS = {
    "nothing": ((), {}),
    "a question alone": ((), {"question": "Who?"}),
    "a string alone": (("Who?",), {}),
    "both ways": ((ASKED,), ASKED),
    "lists of two lengths": ((), {"question": ["Who?", "Why?"], "context": [TEXT]}),
    "a number": ((7,), {}),
    "a dict without a context": (({"question": "Who?"},), {}),
    "a context that is None": (({"question": "Who?", "context": None},), {}),
    "a context that is empty": (({"question": "Who?", "context": ""},), {}),
}


@pytest.mark.parametrize(("given", "named"), NO_QUESTIONS.values(), ids=list(NO_QUESTIONS))
def test_what_is_no_question_is_an_error(nlp, given, named):
    with pytest.raises(InputError):
        nlp(*given, **named)


def test_nothing_gives_nothing(nlp):
    assert nlp([]) == []
    assert nlp(question=[], context=[]) == []
    assert list(nlp(iter([]))) == []


BAD_OPTIONS = {
    "top_k": 0,
    "max_answer_len": 0,
    "doc_stride": -1,
    "max_seq_len": 4,
    "max_question_len": 0,
    "align_to_words": "yes",
    "scores": "sum",
    "batch_size": 0,
    "topk": 0,
    "cut": 2,
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_an_option_that_cannot_work_is_an_error(nlp, name):
    with pytest.raises(
        InputError, match="top_k" if name == "topk" else name.replace("max_seq_len", "max_length")
    ):
        nlp(**ASKED, **{name: BAD_OPTIONS[name]})


def test_options_of_a_call_change_that_call_alone():
    nlp = QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu", top_k=3)
    assert len(nlp(**ASKED)) == 3
    assert isinstance(nlp(**ASKED, top_k=1), dict)
    assert len(nlp(**ASKED, topk=2)) == 2
    assert nlp(**ASKED, top_k=None, padding="max_length", num_workers=4) == nlp(**ASKED)
    assert nlp(**ASKED, batch_size=1) == nlp(**ASKED)


# --- what it says -----------------------------------------------------------------------------------------------------


def test_scores_are_probabilities_of_one_distribution(nlp):
    asked = {"question": QUESTION, "context": STORY, "max_seq_len": 48, "doc_stride": 12}
    answers = nlp(**asked, top_k=5, align_to_words=False, handle_impossible_answer=True, return_reading=True)
    reading = answers[0]["reading"]
    assert len(reading.windows) > 2
    assert reading.max_answer_length == 15
    expected = [(a.probability, a.span.start, a.span.end) for a in reading.spans.top(5)]
    expected.append((reading.no_answer_probability, 0, 0))
    expected.sort(key=lambda one: -one[0])
    assert [(one["start"], one["end"]) for one in answers] == [span[1:] for span in expected[:5]]
    assert [one["score"] for one in answers] == pytest.approx([span[0] for span in expected[:5]])


def test_no_answer_is_said_where_it_is_likelier_and_allowed():
    model = toy_model()
    with torch.no_grad():
        model.qa_outputs.weight.zero_()
        model.qa_outputs.bias.fill_(0.0)
    nlp = QuestionAnsweringPipeline(model, toy_tokenizer(), device="cpu")
    short = {"question": "Who?", "context": "Ada"}
    # One span and no answer, equally likely.
    (span, nothing) = nlp(**short, top_k=2, handle_impossible_answer=True)
    assert (span["answer"], nothing["answer"]) == ("Ada", "")
    assert (nothing["start"], nothing["end"]) == (0, 0)
    assert span["score"] == pytest.approx(0.5)
    assert nothing["score"] == pytest.approx(0.5)
    assert len(nlp(**short, top_k=2)) == 1


def test_a_cut_lists_every_place_that_reaches_it(nlp):
    asked = {
        "question": QUESTION,
        "context": STORY,
        "max_seq_len": 48,
        "doc_stride": 12,
        "align_to_words": False,
    }
    answers = nlp(**asked, cut=0.02, return_reading=True)
    reading = answers[0]["reading"].with_threshold(math.inf)
    places = [place for place in reading.answers(0.02) if place.taken]
    assert len(places) > 2
    assert [(one["start"], one["end"]) for one in answers] == [
        (place.best.span.start, place.best.span.end) for place in places
    ]
    assert [one["score"] for one in answers] == [place.probability for place in places]
    assert isinstance(nlp(**asked), dict)


def test_a_cut_gives_a_list_also_of_one_answer_and_of_none():
    logits = {"[CLS]": -9.0, "ada": 6.0, "x": 6.0}
    nlp = planted_pipeline(logits, logits, max_answer_len=1)
    both = nlp("Who?", "Ada kept the lamp. X slept.", cut=0.1)
    assert sorted(one["answer"] for one in both) == ["Ada", "X"]
    assert [one["score"] for one in both] == pytest.approx([0.5, 0.5], abs=0.01)
    assert [one["answer"] for one in nlp(**{**ASKED, "context": "Ada kept the lamp."}, cut=0.1)] == ["Ada"]
    silent = planted_pipeline({"[CLS]": 9.0}, {"[CLS]": 9.0})
    (none,) = silent(**ASKED, cut=0.1, handle_impossible_answer=True)
    assert (none["answer"], none["start"], none["end"]) == ("", 0, 0)
    assert none["score"] > 0.99
    assert len(silent(**ASKED, cut=0.1)) == 1
    (failed,) = nlp([{"question": "Who?", "context": ""}], cut=0.1)
    assert [one["answer"] for one in failed] == [None]


@pytest.mark.parametrize("scores", ["product", "transformers"])
def test_a_cut_counts_probabilities(nlp, scores):
    with pytest.raises(InputError, match="cut counts probabilities"):
        nlp(**ASKED, cut=0.1, scores=scores)


@pytest.mark.parametrize("scores", ["probability", "product", "transformers"])
def test_the_reading_behind_an_answer_can_be_explained(nlp, scores):
    answers = nlp(**ASKED, top_k=2, return_reading=True, scores=scores)
    reading = answers[0]["reading"]
    assert reading is answers[1]["reading"]
    assert reading.logits.start.shape == reading.windows.role.shape
    attribution = nlp.reader.attribute(reading, "no_answer", "input_x_gradient")
    assert len(attribution.values) == reading.windows.lengths[0]


def test_words_are_whole_where_they_are_aligned(nlp):
    text = "Tobias-Anselm repaired the foghorn."
    asked = {"question": "Who?", "context": text, "top_k": 40}
    words = {one["answer"] for one in nlp(**asked)}
    pieces = {one["answer"] for one in nlp(**asked, align_to_words=False)}
    edges = {0, 6, 7, 13, 14, 22, 23, 26, 27, 34, 35}
    assert {edge for one in nlp(**asked) for edge in (one["start"], one["end"])} <= edges
    assert pieces - words


def test_a_question_is_cut_at_a_word(nlp):
    asked = {"question": "Who kept the lamp of the lighthouse?", "context": TEXT, "return_reading": True}
    assert nlp(**asked, max_question_len=4)["reading"].question == "Who kept the lamp"
    assert nlp(**asked, max_question_len=8)["reading"].question == "Who kept the lamp of the"
    assert nlp(**asked)["reading"].question == asked["question"]


def test_a_text_without_a_token_has_no_answer(nlp):
    bare = {"question": "Who?", "context": "\x07\x08"}
    assert nlp(**bare) == {"score": 0.0, "start": 0, "end": 0, "answer": ""}
    assert nlp(**bare, top_k=3) == []
    assert nlp(**bare, handle_impossible_answer=True)["score"] == pytest.approx(1.0)
    assert nlp(**bare, scores="product")["answer"] == ""


def test_defaults_are_the_old_ones(nlp):
    assert nlp.reader.max_length == 384
    assert nlp.reader.stride == 128
    assert nlp.reader.max_answer_length == 15
    short = QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu", max_seq_len=100)
    assert short.reader.stride == 50
    tiny = QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu", max_seq_len=8)
    assert tiny.reader.stride == 3
