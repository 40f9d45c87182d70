"""No reading changes with what shares its batch, whatever the architecture does with padding; nor does one text fail others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from checkpoints import CONFIGS, QUESTION, SENTENCES, STORY, bert_uncased, roberta

from qalens.errors import InputError, ModelError
from qalens.models.model import QAModel
from qalens.models.sharing import Sharing, same_logits
from qalens.reader import Reader
from qalens.readings.reading import FailedReading
from qalens.testing import toy_model, toy_tokenizer

PAIRS = [(QUESTION, sentence) for sentence in SENTENCES[:6]] + [("Who?", STORY)]
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.3,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
FUNNEL = {
    "d_model": 32,
    "n_head": 4,
    "d_head": 8,
    "d_inner": 64,
    "block_sizes": [1, 1, 1],
    "initializer_range": 0.3,
}
SPARSE = {"attention_type": "block_sparse", "block_size": 4, "num_random_blocks": 1}
# Architectures that mix padding in, each in its way: convolutions, a Fourier transform, pooling, sampled attention.
MIXING = {
    "convbert": {**SMALL, "embedding_size": 16},
    "fnet": SMALL,
    "funnel": FUNNEL,
    "big_bird": {**SMALL, **SPARSE},
    "yoso": {**SMALL, "max_position_embeddings": 130},
}


def small(architecture: str, **options):
    config = transformers.AutoConfig.for_model(architecture, vocab_size=len(bert_uncased()), **options)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return transformers.AutoModelForQuestionAnswering.from_config(config).eval()


def assert_alone_and_together_agree(module, tokenizer):
    options = {"max_length": 96, "stride": 24}
    alone = [Reader(module, tokenizer, **options).read(*pair) for pair in PAIRS[:-1]]
    one_by_one = Reader(module, tokenizer, batch_tokens=1, **options).read(*PAIRS[-1])
    for one, beside in zip(
        [*alone, one_by_one], Reader(module, tokenizer, **options).read_many(PAIRS), strict=True
    ):
        np.testing.assert_allclose(beside.logits.start, one.logits.start, rtol=0, atol=1e-4)
        np.testing.assert_allclose(beside.logits.end, one.logits.end, rtol=0, atol=1e-4)


@pytest.mark.parametrize("architecture", MIXING)
def test_a_model_that_mixes_padding_in_reads_as_if_alone(architecture):
    module = small(architecture, **MIXING[architecture])
    reader = Reader(module, bert_uncased(), max_length=96)
    list(reader.read_many(PAIRS))
    assert reader.model._sharing.words == "of equal lengths"
    assert_alone_and_together_agree(module, bert_uncased())


def test_a_model_in_whole_numbers_reads_as_if_alone_and_stays_itself():
    module = small("ibert", **{**SMALL, "pad_token_id": 1, "quant_mode": True}).train()
    module(input_ids=torch.randint(5, len(bert_uncased()), (4, 40)))  # its ranges are learnt in training
    reader = Reader(module.eval(), bert_uncased(), max_length=96)
    before = reader.model.fingerprint
    assert_alone_and_together_agree(module, bert_uncased())
    assert np.abs(reader.read(*PAIRS[0]).logits.start).max() > 0.1
    assert reader.model.fingerprint == before


@pytest.mark.parametrize("architecture", ["convbert", "fnet"])
def test_the_lens_of_a_model_that_mixes_padding_in_ends_where_its_reading_does(architecture):
    reader = Reader(small(architecture, **MIXING[architecture]), bert_uncased(), max_length=64)
    reading = reader.read(QUESTION, STORY)
    assert len(set(reading.windows.lengths.tolist())) > 1
    here = reading.windows.role != 3
    np.testing.assert_allclose(
        reader.logit_lens(reading).start[-1][here], reading.logits.start[here], rtol=0, atol=1e-4
    )


class OneForAll(torch.nn.Module):
    """Lets all windows of a batch see each other, as scales that are fitted to a whole batch do."""

    def __init__(self):
        super().__init__()
        self.inner = toy_model()

    def forward(self, **inputs):
        out = self.inner(**inputs)
        out.start_logits = out.start_logits + out.start_logits[:, 0].mean()
        return out


def test_windows_that_see_each_other_go_alone():
    reader = Reader(OneForAll(), toy_tokenizer(), max_length=96)
    pairs = [
        ("Who?", "Ada kept the lamp."),
        ("Why?", "Ada kept the room."),
        ("Who?", "Ada kept it in the room."),
    ]
    alone = [Reader(OneForAll(), toy_tokenizer(), max_length=96).read(*pair) for pair in pairs]
    for one, beside in zip(alone, reader.read_many(pairs), strict=True):
        np.testing.assert_allclose(beside.logits.start, one.logits.start, rtol=0, atol=1e-5)
    assert reader.model._sharing.words == "none"


def test_most_models_share_batches_of_any_lengths_and_are_compared_once_for_each_length():
    model = QAModel(toy_model())
    reader = Reader(model, toy_tokenizer(), max_length=96)
    passes = []
    model.plain.register_forward_hook(lambda _, args, out: passes.append(out.start_logits.shape[0]))
    list(reader.read_many(PAIRS))
    first = len(passes)
    list(reader.read_many(PAIRS))
    assert model._sharing.words == "any"
    assert len(passes) - first < first
    reader.read(*PAIRS[0])
    assert passes[-1] == 1


def test_a_comparison_leaves_no_trace_in_the_reading():
    first, second = Reader(toy_model(), toy_tokenizer(), max_length=64), []
    for _ in range(2):
        second.append(first.read("Who?", "Ada kept the lamp of the room. " * 9))
    assert np.array_equal(second[0].logits.start, second[1].logits.start)


@pytest.mark.parametrize(
    ("change", "precision", "same"),
    [(1e-6, 1.2e-7, True), (1e-2, 1.2e-7, False), (0.05, 0.0078, True), (0.5, 0.0078, False)],
)
def test_rounding_is_told_from_mixing(change, precision, same):
    logits = np.array([8.0, -2.0, -3e38], np.float32)
    assert same_logits(logits, logits + np.float32(change), precision) is same


def test_a_batch_takes_what_is_known_to_fit():
    places, sharing = [(0, 0, 9), (1, 0, 9), (2, 0, 4)], Sharing()
    assert sharing.size(places, 0, 1000) == 3
    assert sharing.size(places, 0, 1) == 1
    sharing.learn(places, equal=False)
    assert [sharing.size(places, at, 1000) for at in (0, 2)] == [2, 1]
    sharing.learn(places[:2], equal=False)
    assert sharing.size(places, 0, 1000) == 1


# --- what a model does not take -----------------------------------------------------------------------------------------


def test_segments_are_left_out_where_the_model_has_one():
    config = CONFIGS["roberta"]()
    config.vocab_size = len(bert_uncased())
    module = transformers.AutoModelForQuestionAnswering.from_config(config).eval()
    assert config.type_vocab_size == 1
    reading = Reader(module, bert_uncased(), max_length=64).read(QUESTION, SENTENCES[0])
    assert "token_type_ids" in reading.windows.model_inputs
    ids = torch.tensor(np.array(reading.windows.model_inputs["input_ids"]))
    np.testing.assert_allclose(
        reading.logits.start, module(input_ids=ids).start_logits.detach().numpy(), atol=1e-5
    )


def test_a_segment_that_the_model_does_not_know_is_named_before_it_reaches_the_model(monkeypatch):
    tokenizer, model = toy_tokenizer(), QAModel(toy_model())
    reader = Reader(model, tokenizer)
    reader.pair.context_type = 2  # as those of Funnel and XLNet count
    monkeypatch.setattr(QAModel, "_pass", lambda *_: pytest.fail("reached"))
    with pytest.raises(ModelError, match="the tokenizer gives segment 2 and the model knows 2"):
        reader.read(QUESTION, SENTENCES[0])


ERRORS = [
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    AssertionError,
    MemoryError,
    ZeroDivisionError,
    RuntimeError,
]


@pytest.mark.parametrize("error", ERRORS)
def test_whatever_a_module_raises_for_one_text_stays_with_it(error):
    class Raising(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = toy_model()

        def forward(self, **inputs):
            if inputs["input_ids"].shape[1] > 20:
                raise error("too much")
            return self.inner(**inputs)

    pairs = [("Who?", "Ada kept it."), ("Who?", "Ada kept the lamp of it " * 4), ("Why?", "It was on it.")]
    reader = Reader(Raising(), toy_tokenizer())
    first, broken, last = reader.read_many(pairs)
    assert first.error is None
    assert last.error is None
    assert isinstance(broken, FailedReading)
    with pytest.raises(ModelError, match=rf"Raising failed on this text: {error.__name__}: .*too much"):
        reader.read(*pairs[1])


@pytest.mark.parametrize(
    ("cut", "shape"),
    [
        (lambda x: x.T, "(9, 1)"),
        (lambda x: x[:, :-1], "(1, 8)"),
        (lambda x: torch.cat([x, x], 1), "(1, 18)"),
        (lambda x: x[0], "(9,)"),
        (lambda x: x[..., None], "(1, 9, 1)"),
    ],
)
def test_logits_of_another_shape_are_refused(cut, shape):
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = toy_model()

        def forward(self, **inputs):
            out = self.inner(**inputs)
            out.start_logits = cut(out.start_logits)
            return out

    reader = Reader(Odd(), toy_tokenizer())
    with pytest.raises(ModelError) as caught:
        reader.read("Who?", "Ada kept it.")
    assert f"start logits of shape {shape}" in str(caught.value)
    assert "One of each is needed for every token" in str(caught.value)


@pytest.mark.parametrize("value", [3.4e38, 1e13, torch.inf])
def test_logits_too_large_for_probabilities_are_refused(value):
    module = toy_model()
    with torch.no_grad():
        module.qa_outputs.bias.fill_(value)
    with pytest.raises(ModelError, match="no probability can be told from that"):
        Reader(module, toy_tokenizer()).read("Who?", "Ada kept it.")


def test_a_text_too_large_for_memory_fails_alone(monkeypatch):
    import qalens.models.batches as batches

    def make(pair, cuts):
        if any(cut.context.startswith("Tobias") for cut in cuts):
            raise MemoryError("Unable to allocate 9 GiB")
        return original(pair, cuts)

    original = batches.lay_out
    monkeypatch.setattr(batches, "lay_out", make)
    reader = Reader(toy_model(), toy_tokenizer())
    first, broken, last = reader.read_many([("Who?", "Ada"), ("Who?", "Tobias"), ("Who?", "Ada")])
    assert (first.error, last.error) == (None, None)
    assert isinstance(broken.error, InputError)
    assert "not enough memory to read this text at once (Unable to allocate 9 GiB)" in str(broken.error)


@pytest.mark.parametrize("place", ["plain_decisions", "span_distribution", "SpanLogits"])
def test_wherever_memory_ends_behind_the_windows_one_text_fails(monkeypatch, place):
    from qalens.models import batches, model

    def scarce(given, *more, **options):
        windows = given if isinstance(given, list) else [getattr(given, "windows", given)]
        texts = [getattr(one, "windows", one).context for one in windows]
        if any(text.startswith("Tobias") for text in texts):
            raise MemoryError("Unable to allocate 9 GiB")
        return original(given, *more, **options)

    module = model if place == "SpanLogits" else batches
    original = getattr(module, place)
    monkeypatch.setattr(module, place, scarce)
    if place == "span_distribution":  # which plain texts do without
        monkeypatch.setattr(batches, "plain_decisions", lambda logits, **_: [None] * len(logits))
    reader = Reader(toy_model(), toy_tokenizer())
    first, middle, last = reader.read_many([("Who?", "Ada"), ("Who?", "Tobias"), ("Who?", "Ada")])
    assert (first.error, last.error) == (None, None)
    # Decided together they were too large; alone it is not.
    assert (middle.error is None) == (place == "plain_decisions")
    assert middle.error is None or "not enough memory to read this text at once" in str(middle.error)


# --- limits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("ibert", {**SMALL, "pad_token_id": 1}),
        ("mra", SMALL),
        ("yoso", SMALL),
        ("roberta-prelayernorm", {**SMALL, "pad_token_id": 1}),
        ("data2vec-text", {**SMALL, "pad_token_id": 1}),
        ("convbert", {**SMALL, "embedding_size": 16}),
    ],
)
def test_the_limit_can_be_used_whole(architecture, options):
    qa = QAModel(small(architecture, **options))
    ids = np.full((1, qa.max_length + 1), 5)
    qa.forward({"input_ids": ids[:, 1:], "attention_mask": np.ones_like(ids[:, 1:])})
    with pytest.raises(ModelError):
        qa.forward({"input_ids": ids, "attention_mask": np.ones_like(ids)})


@pytest.mark.parametrize("given", ["abc", True, float("nan"), 0, [512]])
def test_a_limit_of_the_tokenizer_that_is_no_number_is_refused(given):
    tokenizer = roberta()
    tokenizer.model_max_length = given
    with pytest.raises(ModelError, match="model_max_length has to be a number of tokens, but is"):
        Reader(toy_model(), tokenizer)
