"""Mistakes that people make: each gives a clear error of ours, or does what was meant."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

import qalens
from qalens import widgets
from qalens.__main__ import main
from qalens.errors import QalensError
from qalens.reader import Reader
from qalens.readings.reading import Reading
from qalens.testing import toy_model, toy_tokenizer

QUESTION = "Who kept the lamp?"
TEXT = "Ada Marlow kept the lamp of the lighthouse for thirty years. Tobias slept through the winter."


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer())


@pytest.fixture(scope="module")
def reading(reader):
    return reader.read(QUESTION, TEXT)


def folder(tmp_path, **files):
    for name, content in files.items():
        (tmp_path / name.replace("_", ".")).write_bytes(content)
    return tmp_path


# What is called with (reader, reading, an empty folder), and what the error says.
REFUSED = {
    "a list as question": (lambda r, x, at: r.read([QUESTION], TEXT), "question has to be a str, .* list: .*read_many"),
    "bytes as text": (lambda r, x, at: r.read(QUESTION, b"abc"), r"context has to be a str, .* bytes: b'abc'. Decode it"),
    "a path as text": (lambda r, x, at: r.read(QUESTION, Path("a.txt")), r"has to be a str.*Read the file first: path.read_text"),
    "a file name as text": (lambda r, x, at: r.read(QUESTION, "notes.txt"), r"the name of a file, 'notes.txt'.*Path\('notes.txt'\)"),
    "a file name with blanks": (
        lambda r, x, at: r.read(QUESTION, str(folder(at / "x y", a_txt=b"Ada.") / "a.txt")), "the name of a file"),
    "an empty question": (lambda r, x, at: r.read("", TEXT), "question is empty; there is nothing to read"),
    "no text": (lambda r, x, at: r.read(QUESTION, None), r"needs a question and a text, reader.read\(question, context\)"),
    "a question alone": (lambda r, x, at: r.read(QUESTION), "got 'Who kept the lamp.' and no text"),
    "a row without a text": (lambda r, x, at: r.read({"question": QUESTION}), "There is no 'context'"),
    "a folder that is not there": (lambda r, x, at: qalens.load("/no/such/folder"), "There is no folder /no/such/folder"),
    "a relative folder that is not there": (lambda r, x, at: qalens.load("./my-modle"), "There is no folder my-modle"),
    "a folder without a model": (
        lambda r, x, at: qalens.load(folder(at, a_txt=b"Ada.")), "no checkpoint: it has no config.json, but a.txt.*save_pretrained"),
    "the folder above a model": (
        lambda r, x, at: qalens.load(Path(qalens.__file__).parent / "checkpoints"), "There is one in .*minilm-squad2"),
    "a misspelt method": (lambda r, x, at: r.attribute(x, method="integrated_gradient"), "method has to be one of 'integrated_gradients'"),
    "a misspelt target": (lambda r, x, at: r.attribute(x, "noanswer"), "Unknown target 'noanswer'; choose"),
    "words as a reading": (lambda r, x, at: r.attribute("Ada Marlow"), "Expected a Reading, as reader.read gives it"),
    "a span that is none": (lambda r, x, at: r.attribute(x, (0, 5000)), "Unknown target"),
    "a reader in an explorer": (lambda r, x, at: widgets.SpanExplorer(r), "SpanExplorer needs a Reading, as reader.read"),
    "an option of no explorer": (lambda r, x, at: widgets.SpanExplorer(x, theme="dark"), "has no option 'theme'; it knows"),
    "a misspelt option of an explorer": (lambda r, x, at: widgets.SpanExplorer(x, selcted=None), "Did you mean 'selected'"),
    "words as a selection": (lambda r, x, at: widgets.SpanExplorer(x, selected="Ada"), "SpanExplorer cannot be made so: The 'selected'"),
    "explore a word": (lambda r, x, at: qalens.explore("model"), "explore .*"),
    "explore a question alone": (lambda r, x, at: qalens.explore(r, "Who?"), "explore needs both a question and a text"),
    "a threshold in words": (lambda r, x, at: r.with_options(threshold="high"), "threshold has to be a number of logits"),
    "too long a window": (lambda r, x, at: r.with_options(max_length=5000), "max_length 5000 is more than the 512 tokens"),
    "a misspelt option": (lambda r, x, at: r.with_options(treshold=1), "Reader has no option treshold.*Did you mean 'threshold'"),
    "a misspelt option of load": (lambda r, x, at: qalens.load(treshhold=1), "qalens.load has no option treshhold.*mean 'threshold'"),
    "the device gpu": (lambda r, x, at: qalens.load(device="gpu"), "'gpu' is no device; .* is called \"cuda\""),
    "letters as questions": (lambda r, x, at: list(r.read_many("abc")), "abc cannot be read as a text: No such file"),
    "a data set that is not there": (lambda r, x, at: widgets.DatasetExplorer("nofile.json"), "nofile.json cannot be read as a text"),
    "a data set without a reader": (
        lambda r, x, at: widgets.DatasetExplorer([qalens.Example(QUESTION, TEXT)]), "give it a reader too, and it reads them"),
    "a file that is not there": (lambda r, x, at: qalens.evaluate(r, "nofile.json"), "nofile.json cannot be read as a text"),
    "a file that is no JSON": (
        lambda r, x, at: qalens.evaluate(r, folder(at, a_toml=b"[build-system]\nrequires = 1") / "a.toml"),
        "no whole JSON: at byte 1 expected a value, but found"),
    "a PDF": (
        lambda r, x, at: qalens.evaluate(r, folder(at, a_pdf=b"%PDF-1.7 \x80") / "a.pdf"), "is no text but a PDF document: give its text"),
    "no questions": (lambda r, x, at: qalens.evaluate(r, []), "the data set is empty"),
    "evaluate swapped": (lambda r, x, at: qalens.evaluate([(QUESTION, TEXT)], r), "needs a Reader first.*The two are swapped"),
    "evaluate a word": (lambda r, x, at: qalens.evaluate("model", [(QUESTION, TEXT)]), "needs a Reader first, .* got 'model'"),
    "one reading to compare": (lambda r, x, at: widgets.CompareExplorer(x), "needs another reading to compare with"),
    "layers without a trace": (lambda r, x, at: widgets.LayerExplorer(x), "needs something to show: a trace"),
    "a question in a plot": (lambda r, x, at: qalens.plots.no_answer(QUESTION), "A plot needs a Reading"),
    "a scale that is none": (lambda r, x, at: qalens.plots.marginals(x, scale="log"), "scale has to be one of"),
    "a count in words": (lambda r, x, at: x.spans.top("5"), "top needs a number of spans from 0 on, but got '5'"),
    "ask a list": (lambda r, x, at: r.ask(QUESTION, ["a", "b"]), r"needs a method search.*Index.build\(documents\)"),
    "one document": (lambda r, x, at: r.read_documents(QUESTION, "one text"), r"Put it into a list: \[document\]"),
    "a folder that is not there to write to": (
        lambda r, x, at: widgets.SpanExplorer(x).to_html(at / "no" / "x.html"), "x.html cannot be written: No such file"),
    "an id that is not there": (
        lambda r, x, at: qalens.evaluate(r, qalens.datasets.sample(), limit=1, progress=False)["x"], "no question with the id 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_gets_an_error_that_says_what_to_do(mistake, reader, reading, tmp_path):
    call, message = REFUSED[mistake]
    if mistake == "a file name with blanks":
        (tmp_path / "x y").mkdir()
    with pytest.raises(QalensError, match=message):
        call(reader, reading, tmp_path)


def test_an_unknown_cuda_device_names_those_that_are_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(QalensError, match="The device cuda is not available; here are "):
        qalens.load(device="cuda")


def test_a_hub_name_without_network_says_what_works(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(QalensError, match=r"cannot be reached\. What works offline"):
        qalens.load("somebody/a-model-that-nobody-made")


@pytest.mark.parametrize(
    ("owner", "name", "message"),
    [
        (lambda reader: reader, "atribute", "Reader has no 'atribute'. Did you mean 'attribute'"),
        (lambda reader: qalens, "plot", "Did you mean 'plots'"),
        (lambda reader: qalens, "SpanExplorer", "It is qalens.widgets.SpanExplorer"),
        (lambda reader: qalens, "evalute", "Did you mean 'evaluate'"),
        (lambda reader: widgets, "SpanExplorr", "Did you mean 'SpanExplorer'"),
        (lambda reader: qalens, "nothing_like_it", "has no attribute 'nothing_like_it'.$"),
    ],
)
def test_a_name_that_is_not_there_is_told_the_nearest(reader, owner, name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(owner(reader), name)


@pytest.mark.parametrize("given", [{"question": QUESTION, "context": TEXT}, qalens.Example(QUESTION, TEXT)])
def test_a_row_is_read_as_it_was_meant(reader, reading, given):
    assert reader.read(given).spans.top(3) == reading.spans.top(3)


def test_rows_of_read_many_are_read_as_they_were_meant(reader):
    (read,) = reader.read_many([{"question": QUESTION, "context": TEXT}])
    assert isinstance(read, Reading)


@pytest.mark.parametrize("text", [TEXT, TEXT[:60]])
def test_swapped_arguments_are_noticed(reader, text):
    with pytest.warns(UserWarning, match="look swapped.*The question comes first"):
        reader.read(text, QUESTION)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (QUESTION, TEXT),
        (QUESTION, "Who kept it? Ada did."),
        (QUESTION, "What is this?"),
        ("lamp keeper", "Why?"),
        ("Name the person who kept the lamp of the lighthouse", TEXT + " Who was he?"),
        (QUESTION, "See notes.txt"),
        (QUESTION, "Ada kept the lamp.txt of the house."),
    ],
)
def test_what_is_right_goes_without_a_word(reader, question, text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(reader.read(question, text), Reading)


def test_swapped_or_a_file_name_in_a_batch_harms_no_other(reader):
    read = list(reader.read_many([(QUESTION, "notes.txt"), (QUESTION, TEXT)]))
    assert [one.error is None for one in read] == [False, True]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evalute", "x.json"], "'evalute' is no command.*Did you mean 'evaluate'"),
        (["Who kept it?"], "no command.*--question"),
        (["--question", "Who kept it?"], "--question needs a text as well: --context"),
    ],
)
def test_a_mistake_on_the_command_line(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert re.search(message, " ".join(said.split()))
