"""The public fakes: real little objects that do as they are told."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import checkpoints
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qalens.errors import InputError
from qalens.spans.distribution import span_distribution
from qalens.testing import planted_logits, planted_reading, toy_model, toy_tokenizer
from qalens.text.windows import make_windows

TEXT = "Ada kept the lamp. The lamp room was Ada's to keep; ada kept it."


# --- the toy model and its tokenizer ----------------------------------------------------------------------------


def test_the_toy_model_of_one_seed_is_always_the_same():
    one, same, other = toy_model(), toy_model(0), toy_model(1)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_toy_model_leaves_the_random_state_of_torch_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    toy_model(1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("make", [toy_model, lambda: checkpoints.model("bert-uncased")])
def test_making_a_model_leaves_the_generators_of_other_devices_alone(monkeypatch, make):
    # What torch.manual_seed calls for every device, whether it is there or not.
    reached = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reached.append)
    make()
    assert reached == []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
    assert reached == [0]


def test_the_toy_model_reads_what_the_toy_tokenizer_writes():
    model, tokenizer = toy_model(), toy_tokenizer()
    assert not model.training
    inputs = make_windows(tokenizer, "Who?", TEXT).model_inputs
    with torch.inference_mode():
        start = model(**{name: torch.tensor(array) for name, array in inputs.items()}).start_logits
    assert start.shape == inputs["input_ids"].shape
    assert start.std() > 0.1  # weights large enough that logits differ


def test_every_id_of_the_toy_tokenizer_has_a_row_in_the_toy_model():
    rows = toy_model().get_input_embeddings().num_embeddings
    assert sorted(toy_tokenizer().get_vocab().values()) == list(range(rows))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Ada kept it", ["ada", "kept", "it"]),
        ("LIT", ["l", "##i", "##t"]),
        ("lamp-room!", ["lamp", "-", "room", "!"]),
        ("é 🙂", ["e", "[UNK]"]),
    ],
)
def test_the_toy_tokenizer_knows_some_words_and_spells_the_others(text, tokens):
    assert toy_tokenizer().tokenize(text) == tokens


# --- planted answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", ["Ada", "lamp", "the lamp. The", "lit", "Ada's", ".", "kept it.", "'s", "🙂"]
)
@pytest.mark.parametrize("max_length", [20, 384])
def test_a_planted_answer_is_the_best_span_at_its_first_place(answer, max_length):
    text = TEXT + " lit 🙂 s"
    spans = span_distribution(planted_logits(text, answer=answer, max_length=max_length))
    best = spans.top(1)[0]
    assert (best.text, best.span.start, best.score) == (answer, text.index(answer), 24.0)
    assert best.probability > 0.99


def test_logits_point_nowhere_else():
    logits = planted_logits(TEXT, answer="the lamp", strength=5, null=2)
    places = {name: np.argwhere(getattr(logits, name)[0]).ravel().tolist() for name in ("start", "end")}
    tokens = logits.windows.tokens[0]
    assert [tokens[t] for t in places["start"]] == ["[CLS]", "the"]
    assert [tokens[t] for t in places["end"]] == ["[CLS]", "lamp"]
    assert logits.start[0, places["start"]].tolist() == logits.end[0, places["end"]].tolist() == [2, 5]
    assert logits.start.dtype == logits.end.dtype == np.float32


@pytest.mark.parametrize("max_length", [16, 384])
def test_without_an_answer_every_null_token_is_ahead(max_length):
    logits = planted_logits(TEXT, answer=None, strength=7, max_length=max_length)
    assert set(logits.null_scores.tolist()) == {14.0}
    assert span_distribution(logits).null_probability > 0.99
    assert logits.start.sum() == logits.end.sum() == 7 * len(logits.windows)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 20), st.integers(-20, 20))
def test_strength_and_null_are_the_logits(strength, null):
    spans = span_distribution(planted_logits(TEXT, answer="Ada", strength=strength, null=null))
    assert (spans.top(1)[0].score, spans.null_score) == (2 * strength, 2 * null)


@pytest.mark.parametrize("answer", ["Grace", "Ada  kept", "LAMP"])
def test_an_answer_that_the_text_does_not_hold_is_refused(answer):
    with pytest.raises(InputError, match=rf"^The context does not hold '{answer}'\.$"):
        planted_logits(TEXT, answer=answer)


@pytest.mark.parametrize("answer", ["ept", "kep", "", " kept", "Ada "])
def test_an_answer_that_cuts_a_token_is_refused(answer):
    message = rf"^No window holds the first '{answer}' of the context from token edge to token edge\.$"
    with pytest.raises(InputError, match=message):
        planted_logits(TEXT, answer=answer)


def test_an_answer_that_no_window_holds_whole_is_refused():
    with pytest.raises(InputError, match=r"^No window holds the first 'Ada kept the lamp\. The lamp room"):
        planted_logits(TEXT, answer=TEXT[:32], max_length=12)


@pytest.mark.parametrize(
    ("answer", "threshold", "text"), [("Ada", 0.0, "Ada"), ("Ada", -50, None), (None, 0.0, None)]
)
def test_a_planted_reading_is_decided(answer, threshold, text):
    reading = planted_reading("Who?", TEXT, answer=answer, threshold=threshold)
    assert (reading.answer.text if reading.answer else None) == text
    assert (reading.question, reading.context, reading.example.gold) == ("Who?", TEXT, None)
    assert reading.windows is reading.logits.windows
    assert reading.decision.threshold == threshold


# --- the tokenizers of the tests ----------------------------------------------------------------------------------


def digests():
    return {
        name: hashlib.sha256(make().backend_tokenizer.to_str().encode()).hexdigest()
        for name, make in checkpoints.TOKENIZERS.items()
    }


def test_the_tokenizers_of_the_tests_are_the_same_in_every_process():
    code = "import json, test_testing\nprint(json.dumps(test_testing.digests()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    assert json.loads(done.stdout) == digests()
