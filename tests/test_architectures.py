"""A reading's logits are those that a plain loop with transformers gives, for every family of models."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import transformers
from checkpoints import EVERY_CONFIG, QUESTION, STORY, TOKENIZERS, model, save

import qalens
from qalens.errors import InputError, ModelError
from qalens.models.model import QAModel
from qalens.reader import Reader
from qalens.text.windows import make_windows

EVERY_ARCHITECTURE = pytest.mark.parametrize("architecture", EVERY_CONFIG)
# The most tokens that each can take with 128 positions: RoBERTa's kin lose two to their padding index.
LIMITS = {
    "bert-uncased": 128,
    "distilbert": 128,
    "electra": 128,
    "albert": 128,
    "deberta-v2": 128,
    "mpnet": 126,
    "roberta": 126,
    "xlm-roberta": 126,
    "electra-german": 128,
    "xlm-roberta-scripts": 126,
    "longformer": 126,
    "modernbert": 128,
    "big-bird": 128,
    "xlnet": None,
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Readers of checkpoints that were saved to disk and loaded back, by architecture."""

    @cache
    def load(architecture: str) -> Reader:
        folder = save(tmp_path_factory.mktemp(architecture), architecture)
        return qalens.load(folder, device="cpu", max_length=96, stride=24)

    return load


def plain_loop(tokenizer, module, question, context, max_length, stride):
    """(start, end) of each window, as anyone would write it without qalens."""
    encoding = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
    )
    names = [name for name in tokenizer.model_input_names if name in encoding]
    windows = []
    for w in range(len(encoding["input_ids"])):
        inputs = {name: torch.tensor([encoding[name][w]]) for name in names}
        with torch.no_grad():
            output = module(**inputs)
        windows.append((output.start_logits[0].numpy(), output.end_logits[0].numpy()))
    return windows


@EVERY_ARCHITECTURE
@pytest.mark.parametrize("text", [STORY, "Ada kept the lamp.", "lamp"], ids=["story", "sentence", "word"])
def test_a_reading_equals_a_plain_loop(reader, architecture, text):
    ours = reader(architecture)
    tokenizer = transformers.AutoTokenizer.from_pretrained(ours.model.name)
    module = transformers.AutoModelForQuestionAnswering.from_pretrained(ours.model.name).eval()
    expected = plain_loop(tokenizer, module, QUESTION, text, max_length=96, stride=24)
    reading = ours.read(QUESTION, text)
    assert len(reading.windows) == len(expected)
    assert (len(expected) > 1) == (text == STORY)
    for w, (start, end) in enumerate(expected):
        n = len(start)
        assert n == reading.windows.lengths[w]
        np.testing.assert_allclose(reading.logits.start[w, :n], start, rtol=0, atol=1e-5)
        np.testing.assert_allclose(reading.logits.end[w, :n], end, rtol=0, atol=1e-5)


@EVERY_ARCHITECTURE
def test_random_weights_tell_the_tokens_apart(reader, architecture):
    logits = reader(architecture).read(QUESTION, STORY).logits
    assert logits.start.std() > 1e-3
    assert logits.end.std() > 1e-3


@EVERY_ARCHITECTURE
def test_segments_are_given_exactly_where_the_tokenizer_gives_them(reader, architecture):
    ours = reader(architecture)
    given = "token_type_ids" in TOKENIZERS[architecture]()("a", "b")
    assert ("token_type_ids" in ours.read(QUESTION, STORY).windows.model_inputs) == given


@pytest.mark.parametrize("architecture", ["bert-uncased", "electra", "xlnet"])
def test_withholding_the_segments_changes_the_logits(reader, architecture):
    ours = reader(architecture)
    windows = make_windows(ours.tokenizer, QUESTION, STORY, max_length=96)
    inputs = dict(windows.model_inputs)
    with_segments, _ = ours.model.forward(inputs)
    del inputs["token_type_ids"]
    without, _ = ours.model.forward(inputs)
    assert np.abs(with_segments - without).max() > 0.01


@EVERY_ARCHITECTURE
def test_the_length_limit_is_that_of_the_positions(reader, architecture):
    assert reader(architecture).model.max_length == LIMITS[architecture]


@pytest.mark.parametrize("architecture", [name for name in LIMITS if LIMITS[name]])
def test_the_limit_can_be_used_and_not_one_token_more(reader, architecture):
    ours, limit = reader(architecture), LIMITS[architecture]
    reading = ours.with_options(max_length=limit).read(QUESTION, STORY)
    assert reading.windows.lengths.max() == limit
    with pytest.raises(
        InputError, match=f"max_length {limit + 1} is more than the {limit} tokens that .* can take"
    ):
        ours.with_options(max_length=limit + 1)
    assert Reader(ours.model, ours.tokenizer).max_length == limit


@pytest.mark.parametrize(
    "architecture", ["bert-uncased", "distilbert", "electra", "albert", "roberta", "mpnet"]
)
def test_the_model_itself_fails_beyond_the_limit(architecture):
    qa = QAModel(model(architecture))
    ids = np.full((1, LIMITS[architecture] + 1), 5)
    qa.forward({"input_ids": ids[:, 1:]})
    with pytest.raises(ModelError, match=r"failed on this text: (IndexError|RuntimeError): "):
        qa.forward({"input_ids": ids})


def test_a_model_without_positions_has_no_limit_but_the_tokenizers(reader):
    ours = reader("xlnet")
    assert ours.with_options(max_length=600).max_length == 600
    tokenizer = TOKENIZERS["xlnet"]()
    tokenizer.model_max_length = 50
    assert Reader(ours.model, tokenizer).max_length == 50


@EVERY_ARCHITECTURE
def test_padding_beside_longer_texts_changes_nothing(reader, architecture):
    ours = reader(architecture)
    short = ("Who?", "Ada kept the lamp.")
    alone = ours.read(*short)
    beside, _ = ours.read_many([short, (QUESTION, STORY)])
    np.testing.assert_allclose(beside.spans.probabilities(), alone.spans.probabilities(), rtol=0, atol=1e-6)
    assert abs(beside.no_answer_probability - alone.no_answer_probability) < 1e-6
