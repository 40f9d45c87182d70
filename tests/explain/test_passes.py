"""Embeddings can be exchanged and nothing else changes; a target as a function of logits says what the reading says."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from checkpoints import CONFIGS, QUESTION, STORY, TOKENIZERS, model
from linear import Linear, linear_reader
from torch import nn

from qalens.errors import ModelError
from qalens.explain.attribution.embeddings import TargetFunction, WindowInput, explaining, hooked
from qalens.explain.targets import Contrast, resolve
from qalens.models.model import QAModel
from qalens.reader import Reader
from qalens.spans.distribution import SpanLogits, span_distribution
from qalens.testing import toy_model, toy_tokenizer

EVERY_ARCHITECTURE = pytest.mark.parametrize("architecture", CONFIGS)
ADA = "Ada Marlow kept the lamp of the lighthouse."


def hooks(module: nn.Module) -> int:
    """How many hooks there are in a module and its parts."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(part, kind)) for part in module.modules() for kind in kinds)


def read(architecture: str, **changes):
    reader = Reader(model(architecture, **changes), TOKENIZERS[architecture](), max_length=48, stride=12)
    return reader, reader.read(QUESTION, ADA)


def inputs_of(reading, w=0):
    n = int(reading.windows.lengths[w])
    return {name: torch.tensor(rows[w : w + 1, :n]) for name, rows in reading.windows.model_inputs.items()}


# --- one window as embeddings -----------------------------------------------------------------------------------------


@EVERY_ARCHITECTURE
def test_the_own_embeddings_give_the_logits_of_the_reading(architecture):
    reader, reading = read(architecture)
    window = WindowInput(reader.model, reading, 0)
    T = int(reading.windows.lengths[0])
    assert window.ids.tolist() == [reading.windows.model_inputs["input_ids"][0, :T].tolist()]
    assert window.shape[0] == T
    own = {name: part[None] for name, part in window.parts.items()}
    with torch.no_grad():
        for parts in (own, {"word": own["word"]}):
            for found, expected in zip(
                window.scores(parts), (reading.logits.start, reading.logits.end), strict=True
            ):
                np.testing.assert_allclose(found[0].numpy(), expected[0, :T], rtol=0, atol=1e-5)
    assert hooks(reader.model.module) == 0


@EVERY_ARCHITECTURE
def test_other_word_embeddings_do_what_transformers_does_with_them(architecture):
    reader, reading = read(architecture)
    window = WindowInput(reader.model, reading, 0)
    generator = torch.Generator().manual_seed(3)
    words = torch.randn(3, *window.shape, generator=generator)
    inputs = inputs_of(reading)
    del inputs["input_ids"]
    with torch.no_grad():
        start, end = window.scores({"word": words})
        for k in range(3):
            expected = reader.model.module(inputs_embeds=words[k : k + 1], **inputs)
            np.testing.assert_allclose(start[k], expected.start_logits[0], rtol=0, atol=1e-4)
            np.testing.assert_allclose(end[k], expected.end_logits[0], rtol=0, atol=1e-4)
    assert start.std(0).max() > 0.01


PARTS = {
    "bert-uncased": {"word", "position", "segment"},
    "distilbert": {"word", "position"},
    "electra": {"word", "position", "segment"},
    "mpnet": {"word", "position"},
    "roberta": {"word", "position", "segment"},
    "xlm-roberta": {"word", "position", "segment"},
    "albert": {"word", "position", "segment"},
    "deberta-v2": {"word"},
    "xlnet": {"word"},
}


@EVERY_ARCHITECTURE
def test_the_parts_of_the_embedding_are_found(architecture):
    reader, reading = read(architecture)
    window = WindowInput(reader.model, reading, 0)
    assert set(window.parts) == PARTS[architecture]
    assert {part.shape for part in window.parts.values()} == {window.shape}
    word = reader.model.module.get_input_embeddings()
    assert torch.equal(window.parts["word"], word.weight[window.ids[0]])


def test_the_parts_are_those_of_the_tables():
    reader = linear_reader()
    reading = reader.read(QUESTION, ADA)
    window = WindowInput(reader.model, reading, 0)
    tables, inputs = reader.model.module.embeddings, inputs_of(reading)
    T = window.shape[0]
    assert torch.equal(window.parts["position"], tables.position_embeddings.weight[:T])
    assert torch.equal(
        window.parts["segment"], tables.token_type_embeddings.weight[inputs["token_type_ids"][0]]
    )
    with torch.no_grad():
        moved = {name: torch.stack([part, part + 1]) for name, part in window.parts.items()}
        start, _ = window.scores(moved)
        # Every part moved every embedding by 1, so the sum moved by 3.
        module = reader.model.module
        shift = module.pulls(T)[0].sum(1) * (3 * module.directions[0].sum())
        np.testing.assert_allclose(start[1] - start[0], shift, rtol=0, atol=1e-3)


def test_only_the_asked_window_is_run_and_without_its_padding():
    reader = linear_reader(max_length=32, stride=8)
    reading = reader.read(QUESTION, STORY)
    last = len(reading.windows) - 1
    assert reading.windows.lengths[last] < reading.windows.lengths[0]
    shapes = []
    handle = reader.model.module.register_forward_pre_hook(
        lambda _, args, named: shapes.append(tuple(named["input_ids"].shape)), with_kwargs=True
    )
    WindowInput(reader.model, reading, last)
    handle.remove()
    assert shapes == [(1, int(reading.windows.lengths[last]))]


def test_other_ids_keep_their_places_and_everything_else():
    reader, reading = read("bert-uncased")
    window = WindowInput(reader.model, reading, 0)
    ids = window.ids.repeat(4, 1)
    ids[1, 3], ids[2, 5:9], ids[3, -2] = 7, 4, 9
    inputs = inputs_of(reading)
    with torch.no_grad():
        start, end = window.scores_of_ids(ids)
        for k in range(4):
            expected = reader.model.module(**inputs | {"input_ids": ids[k : k + 1]})
            np.testing.assert_allclose(start[k], expected.start_logits[0], rtol=0, atol=1e-5)
            np.testing.assert_allclose(end[k], expected.end_logits[0], rtol=0, atol=1e-5)


def test_a_model_that_pads_inside_of_itself_is_explained_too():
    tokenizer = TOKENIZERS["roberta"]()
    config = transformers.LongformerConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=130,
        attention_window=[16, 16],
        pad_token_id=1,
        sep_token_id=2,
        type_vocab_size=1,
        initializer_range=0.3,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = transformers.LongformerForQuestionAnswering(config).eval()
    reader = Reader(module, tokenizer, max_length=64)
    reading = reader.read(QUESTION, ADA)
    window = WindowInput(reader.model, reading, 0)
    T = int(reading.windows.lengths[0])
    assert T % 16
    assert window.shape == (T, 32)
    words = torch.stack(
        [window.parts["word"], torch.randn(T, 32, generator=torch.Generator().manual_seed(1))]
    )
    with torch.no_grad():
        start, _ = window.scores({"word": words})
    np.testing.assert_allclose(start[0], reading.logits.start[0, :T], rtol=0, atol=1e-5)
    assert (start[1] - start[0]).abs().max() > 0.01


# --- models whose embeddings cannot be exchanged ----------------------------------------------------------------------


def bart() -> nn.Module:
    config = transformers.BartConfig(
        vocab_size=len(TOKENIZERS["bert-uncased"]()),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        decoder_start_token_id=3,
        forced_eos_token_id=None,
    )
    return transformers.AutoModelForQuestionAnswering.from_config(config).eval()


def t5() -> nn.Module:
    config = transformers.T5Config(
        vocab_size=len(TOKENIZERS["bert-uncased"]()),
        d_model=16,
        d_kv=8,
        d_ff=16,
        num_layers=1,
        num_heads=2,
        pad_token_id=0,
        decoder_start_token_id=0,
    )
    return transformers.AutoModelForQuestionAnswering.from_config(config).eval()


class Twice(Linear):
    """Looks its words up once more, as a decoder would."""

    def shape(self, x):
        return x + 0 * self.embeddings.word_embeddings(torch.zeros(x.shape[:2], dtype=torch.int64))


class Squeezed(Linear):
    """Looks fewer words up than there are tokens."""

    def forward(self, input_ids, **named):
        found = super().forward(input_ids[:, :5])
        pad = (0, input_ids.shape[1] - 5)
        return SimpleNamespace(
            start_logits=nn.functional.pad(found.start_logits, pad),
            end_logits=nn.functional.pad(found.end_logits, pad),
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            bart,
            "BartForQuestionAnswering looks words up [02] times in one pass .*An encoder and a decoder do it twice",
        ),
        (t5, "T5ForQuestionAnswering looks words up [02] times in one pass"),
        (Twice, "Twice looks words up 2 times in one pass"),
        (Squeezed, "Squeezed looks up 5 words where there are [0-9]+ tokens"),
    ],
)
def test_a_model_that_does_not_look_each_word_up_once_is_refused(make, message):
    module = make()
    tokenizer = toy_tokenizer() if isinstance(module, Linear) else TOKENIZERS["bert-uncased"]()
    reader = Reader(module, tokenizer, max_length=48)
    reading = reader.read(QUESTION, ADA)
    with pytest.raises(ModelError, match=message):
        WindowInput(reader.model, reading, 0)
    assert hooks(module) == 0


class Silent(Linear):
    """Does not tell where its embeddings are."""

    get_input_embeddings = None


class Refusing(Linear):
    def get_input_embeddings(self):
        raise NotImplementedError


class Elsewhere(Linear):
    """Its words are no table."""

    def get_input_embeddings(self):
        return nn.Linear(3, 3)


@pytest.mark.parametrize("kind", [Silent, Refusing, Elsewhere])
def test_a_model_that_does_not_tell_its_embeddings_is_refused_before_it_runs(kind):
    module = kind()
    reader = Reader(module, toy_tokenizer())
    reading = reader.read(QUESTION, ADA)
    runs = []
    module.register_forward_pre_hook(lambda *_: runs.append(1))
    with pytest.raises(ModelError, match=f"{kind.__name__} does not tell where its word embeddings are"):
        WindowInput(reader.model, reading, 0)
    assert runs == []


# --- hooks and errors -------------------------------------------------------------------------------------------------


class Breaking(Linear):
    """Fails from a given run on."""

    left = 10**9

    def forward(self, *args, **named):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("out of memory")
        return super().forward(*args, **named)


def test_hooks_are_gone_after_an_error():
    module = Breaking().train()
    reader = Reader(module, toy_tokenizer())
    reading = reader.read(QUESTION, ADA)
    window = WindowInput(reader.model, reading, 0)
    module.left = 0
    for broken in (
        lambda: WindowInput(reader.model, reading, 0),
        lambda: window.scores({name: part[None] for name, part in window.parts.items()}),
    ):
        with pytest.raises(ModelError, match="Breaking failed on this text: RuntimeError: out of memory"):
            broken()
        assert hooks(module) == 0
        assert all(part.training for part in module.modules())


def test_a_hook_is_there_within_and_gone_without():
    layer = nn.Linear(1, 1)
    with hooked(layer, lambda module, given, output: output + 100):
        assert layer(torch.zeros(1)) > 50
        assert hooks(layer) == 1
    assert layer(torch.zeros(1)) < 50
    with pytest.raises(ZeroDivisionError), hooked(layer, lambda *_: None):
        raise ZeroDivisionError
    assert hooks(layer) == 0


@pytest.mark.parametrize("fault", [RuntimeError("out of memory"), IndexError("index out of range in self")])
def test_what_torch_cannot_do_is_a_model_error(fault):
    qa = QAModel(toy_model().train(), name="toy")

    def run() -> None:
        with explaining(qa, gradients=True):
            assert not qa.module.training
            raise fault

    with pytest.raises(ModelError, match=f"toy failed on this text: {type(fault).__name__}: {fault}"):
        run()
    assert qa.module.training


def test_other_faults_come_through_as_they_are():
    with pytest.raises(KeyError, match="left"), explaining(QAModel(toy_model()), gradients=True):
        raise KeyError("left")


def test_gradients_flow_inside_of_somebodys_inference_mode():
    with torch.inference_mode(), explaining(QAModel(toy_model()), gradients=True):
        assert torch.ones(1, requires_grad=True).sum().requires_grad


# --- targets as functions of logits -----------------------------------------------------------------------------------


def logits_of(reading, w):
    n = int(reading.windows.lengths[w])
    return [torch.tensor(x[w : w + 1, :n]) for x in (reading.logits.start, reading.logits.end)]


def value(reading, target, *, span=None):
    settled = resolve(reading, target, span=span)
    found = TargetFunction(reading, settled)(*logits_of(reading, settled.window))
    assert found.shape == (1,)
    return float(found)


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=64, stride=24, max_answer_length=8)


def logit(p: float) -> float:
    return math.log(p) - math.log1p(-p)


@pytest.mark.parametrize("text", [ADA, STORY], ids=["one window", "several"])
@pytest.mark.parametrize("null", ["min", "mean", "max"])
def test_the_value_of_a_target_is_what_the_reading_says(reader, text, null):
    reading = reader.with_options(null=null).read(QUESTION, text)
    assert (len(reading.windows) > 3) == (text == STORY)
    best = reading.decision.best
    assert value(reading, "no_answer") == pytest.approx(logit(reading.no_answer_probability), abs=1e-9)
    nulls, w = reading.logits.null_scores, resolve(reading, "null_score").window
    assert value(reading, "null_score") == pytest.approx(nulls[w], abs=1e-6)
    assert null == "mean" or nulls[w] == reading.spans.null_score
    assert value(reading, "answer") == pytest.approx(best.score, abs=1e-9)
    assert value(reading, "start") == reading.logits.start[best.window, best.tokens[0]]
    assert value(reading, "end") == reading.logits.end[best.window, best.tokens[1]]
    for other in reading.spans.top(60)[1:]:
        assert value(reading, "answer", span=other) == pytest.approx(other.score, abs=1e-9)


def test_a_contrast_is_the_log_of_the_odds(reader):
    reading = reader.with_options(max_length=128).read(QUESTION, ADA)
    a, b = reading.spans.top(2)
    assert value(reading, Contrast(a, b)) == pytest.approx(math.log(a.probability / b.probability), abs=1e-9)
    assert value(reading, Contrast(b, a)) == pytest.approx(-value(reading, Contrast(a, b)), abs=1e-12)
    odds = math.log(a.probability / reading.no_answer_probability)
    assert value(reading, Contrast(a, None)) == pytest.approx(odds, abs=1e-9)
    assert value(reading, Contrast(None, a)) == pytest.approx(-odds, abs=1e-9)


@pytest.mark.parametrize("null", ["min", "mean", "max"])
def test_no_answer_follows_its_window_as_a_new_reading_would(reader, null):
    """Small changes, so that the best copies of all spans stay where they are."""
    reading = reader.with_options(null=null).read(QUESTION, STORY)
    target = resolve(reading, "no_answer")
    function, w = TargetFunction(reading, target), target.window
    n = int(reading.windows.lengths[w])
    rng = np.random.default_rng(0)
    start, end = reading.logits.start.copy(), reading.logits.end.copy()
    start[w, :n] += rng.normal(size=n).astype(np.float32) * 1e-4
    end[w, :n] += rng.normal(size=n).astype(np.float32) * 1e-4
    found = function(torch.tensor(start[w : w + 1, :n]), torch.tensor(end[w : w + 1, :n]))
    again = span_distribution(SpanLogits(reading.windows, start, end), max_answer_length=8, null=null)
    assert (again.window == reading.spans.window).all()
    expected = again.null_log_prob - math.log(-math.expm1(again.null_log_prob))
    assert float(found) == pytest.approx(expected, abs=1e-9)
    assert abs(expected - logit(reading.no_answer_probability)) > 1e-7


def test_rows_are_independent_of_each_other(reader):
    reading = reader.read(QUESTION, STORY)
    a, b = reading.spans.top(2)
    for target in ("answer", "start", "end", "no_answer", "null_score", Contrast(a, b)):
        settled = resolve(reading, target)
        function = TargetFunction(reading, settled)
        n = int(reading.windows.lengths[settled.window])
        start, end = torch.randn(2, 5, n, generator=torch.Generator().manual_seed(0))
        together = function(start, end)
        assert together.dtype == torch.float64
        alone = [float(function(s[None], e[None])) for s, e in zip(start, end, strict=True)]
        np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)


def test_a_target_has_gradients_where_it_hangs_and_nowhere_else(reader):
    reading = reader.read(QUESTION, ADA)
    best = reading.decision.best
    i, j = best.tokens
    start, end = (x.clone().requires_grad_() for x in logits_of(reading, 0))
    TargetFunction(reading, resolve(reading, "answer"))(start, end).sum().backward()
    assert start.grad.nonzero().tolist() == [[0, i]]
    assert end.grad.nonzero().tolist() == [[0, j]]
    start.grad = end.grad = None
    TargetFunction(reading, resolve(reading, "no_answer"))(start, end).sum().backward()
    # The null token at +1, the tokens of the text at minus their share of the spans.
    inside = reading.windows.answerable[0]
    first, _ = reading.spans.marginals(given_answer=True)
    expected = np.zeros(len(inside))
    expected[reading.windows.null_index[0]] = 1
    expected[inside] = [-first[k] for k in reading.windows.offsets[0, inside, 0]]
    np.testing.assert_allclose(start.grad[0], expected, rtol=0, atol=1e-6)
