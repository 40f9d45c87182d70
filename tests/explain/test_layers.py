"""The lens says at every layer what the head would say, by brute force, by hand-made layers, and for every family."""

from __future__ import annotations

import copy
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from checkpoints import CONFIGS, QUESTION, SENTENCES, STORY, TOKENIZERS, model
from reference import Reference
from torch import nn

from qalens.errors import InputError, ModelError
from qalens.explain.layers.blocks import find_blocks
from qalens.explain.layers.logit_lens import LayerTrace, layer_trace
from qalens.models.model import QAModel
from qalens.reader import Reader
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text.examples import CharSpan, Example

EVERY_ARCHITECTURE = pytest.mark.parametrize("architecture", CONFIGS)


def reader_of(architecture: str, **changes) -> Reader:
    module = model(architecture, **changes)
    return Reader(module, TOKENIZERS[architecture](), max_length=64, stride=16, max_answer_length=8)


def states_by_hand(module, windows):
    """For each window the hidden states that transformers gives, (layers + 1) of (1, n, D)."""
    for w, n in enumerate(windows.lengths):
        inputs = {name: torch.tensor(a[w : w + 1, :n]) for name, a in windows.model_inputs.items()}
        with torch.no_grad():
            yield module(**inputs, output_hidden_states=True).hidden_states


def assert_equal_by_hand(trace: LayerTrace, module, head) -> None:
    """Every logit of the trace equals `head` of the hidden states, and every number follows from these logits."""
    windows = trace.reading.windows
    for w, states in enumerate(states_by_hand(module, windows)):
        assert len(states) == len(trace)
        n = int(windows.lengths[w])
        for layer, state in enumerate(states):
            with torch.no_grad():
                logits = head(layer, state)[0].float().numpy()
            np.testing.assert_allclose(trace.start[layer, w, :n], logits[:, 0], rtol=0, atol=1e-4)
            np.testing.assert_allclose(trace.end[layer, w, :n], logits[:, 1], rtol=0, atol=1e-4)
        assert not trace.start[:, w, n:].any()
        assert not trace.end[:, w, n:].any()


# --- every family of models ---------------------------------------------------------------------------------------------


@EVERY_ARCHITECTURE
def test_every_layer_is_the_head_on_the_hidden_states_of_transformers(architecture):
    reader = reader_of(architecture)
    trace = layer_trace(reader.model, reader.read(QUESTION, STORY))
    assert len(trace) == 3
    assert len(trace.reading.windows) > 2
    module = reader.model.module
    assert_equal_by_hand(trace, module, lambda _, state: module.qa_outputs(state))


@EVERY_ARCHITECTURE
def test_the_last_layer_is_the_reading(architecture):
    reader = reader_of(architecture)
    reading = reader.read(QUESTION, STORY)
    trace = layer_trace(reader.model, reading)
    real = np.arange(trace.start.shape[2]) < reading.windows.lengths[:, None]
    np.testing.assert_allclose(trace.start[-1][real], reading.logits.start[real], rtol=0, atol=1e-5)
    np.testing.assert_allclose(trace.end[-1][real], reading.logits.end[real], rtol=0, atol=1e-5)
    assert trace.decisions[-1].best.span == reading.decision.best.span
    assert (trace.decisions[-1].answer is None) == (reading.answer is None)
    assert math.isclose(trace.margin[-1], reading.margin, abs_tol=1e-4)
    assert math.isclose(trace.no_answer_probability[-1], reading.no_answer_probability, abs_tol=1e-5)
    assert math.isclose(trace.answer_probability[-1], reading.decision.best.probability, abs_tol=1e-5)
    assert np.ptp(trace.margin) > 0.1


@EVERY_ARCHITECTURE
def test_more_layers_are_told_apart(architecture):
    name = {"distilbert": "n_layers", "xlnet": "n_layer"}.get(architecture, "num_hidden_layers")
    reader = reader_of(architecture, **{name: 4})
    trace = layer_trace(reader.model, reader.read(QUESTION, "Ada kept the lamp."))
    assert len(trace) == 5
    assert_equal_by_hand(trace, reader.model.module, lambda _, state: reader.model.module.qa_outputs(state))


def test_a_convolution_between_the_first_two_blocks_belongs_to_the_first_layer():
    reader = reader_of("deberta-v2", conv_kernel_size=3, conv_act="gelu", num_hidden_layers=3)
    assert reader.model.module.deberta.encoder.conv is not None
    trace = layer_trace(reader.model, reader.read(QUESTION, STORY))
    assert_equal_by_hand(trace, reader.model.module, lambda _, state: reader.model.module.qa_outputs(state))


SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}


def test_a_norm_behind_the_last_block_is_part_of_the_head():
    config = transformers.RobertaPreLayerNormConfig(
        vocab_size=400, pad_token_id=1, initializer_range=0.3, **SMALL
    )
    torch.manual_seed(0)
    module = transformers.RobertaPreLayerNormForQuestionAnswering(config).eval()
    reader = Reader(module, TOKENIZERS["roberta"](), max_length=64, stride=16)
    trace = layer_trace(reader.model, reader.read(QUESTION, STORY))
    norm = module.roberta_prelayernorm.LayerNorm
    # The last of transformers' hidden states has been through the norm already.
    assert_equal_by_hand(
        trace, module, lambda layer, h: module.qa_outputs(norm(h) if layer < len(trace) - 1 else h)
    )


def test_layers_between_the_last_block_and_the_logits_are_part_of_the_head():
    config = transformers.ModernBertConfig(
        vocab_size=400,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        cls_token_id=0,
        sep_token_id=2,
        initializer_range=0.3,
        **SMALL,
    )
    torch.manual_seed(0)
    module = transformers.ModernBertForQuestionAnswering(config).eval()
    reader = Reader(module, TOKENIZERS["roberta"](), max_length=64, stride=16)
    trace = layer_trace(reader.model, reader.read(QUESTION, STORY))

    def head(layer, state):
        normed = module.model.final_norm(state) if layer < len(trace) - 1 else state
        return module.classifier(module.head(normed))

    assert_equal_by_hand(trace, module, head)


# --- every number -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("null", ["min", "mean", "max"])
def test_every_number_of_every_layer_is_that_of_a_reading_of_its_logits(null):
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64, null=null, max_answer_length=4, threshold=-1)
    trace = layer_trace(reader.model, reader.read(QUESTION, STORY))
    followed = trace.reading.decision.best.span
    for layer in range(3):
        at = trace.at(layer)
        expected = Reference.of(at.logits, longest=4, null=null)
        best = expected.ranked()[0]
        assert trace.decisions[layer].best.span == CharSpan(*best)
        assert trace.null_score[layer] == pytest.approx(expected.null)
        assert trace.best_score[layer] == pytest.approx(expected.scores[best])
        assert trace.margin[layer] == pytest.approx(expected.null - expected.scores[best])
        assert trace.no_answer_probability[layer] == pytest.approx(expected.p_null)
        assert trace.answer_score[layer] == pytest.approx(expected.scores[followed.start, followed.end])
        assert trace.answer_probability[layer] == pytest.approx(expected.p[followed.start, followed.end])
        assert trace.decisions[layer].threshold == -1
        assert (trace.decisions[layer].answer is None) == (trace.margin[layer] > -1)


def test_a_layer_reads_as_a_reading_of_its_own():
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    reading = reader.read(QUESTION, STORY)
    trace = layer_trace(reader.model, reading)
    at = trace.at(1)
    assert (at.example, at.windows, at.max_answer_length) == (reading.example, reading.windows, 30)
    np.testing.assert_array_equal(at.logits.start, trace.start[1])
    np.testing.assert_array_equal(at.logits.end, trace.end[1])
    assert at.decision is trace.decisions[1]
    assert at.no_answer_probability == trace.no_answer_probability[1]
    assert trace.at(-1).spans.top(1)[0].span == reading.spans.top(1)[0].span
    with pytest.raises(InputError, match="This reading was made by no model"):
        layer_trace(reader.model, at)


def test_a_layer_or_window_that_there_is_not_is_refused():
    reader = Reader(toy_model(), toy_tokenizer())
    trace = layer_trace(reader.model, reader.read(QUESTION, STORY))
    for layer in (3, -4):
        with pytest.raises(InputError, match=f"no layer {layer}; there are 0 \\(the embeddings\\) to 2"):
            trace.at(layer)
    W = len(trace.reading.windows)
    for window in (W, -1):
        with pytest.raises(InputError, match=f"no window {window}; there are 0 to {W - 1}"):
            trace.marginals(window)


def test_edges_are_a_softmax_over_the_tokens_of_a_window():
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    trace = layer_trace(reader.model, reader.read(QUESTION, STORY))
    w = len(trace.reading.windows) - 1
    n = int(trace.reading.windows.lengths[w])
    assert n < 64
    for edge, logits in zip(trace.marginals(w), (trace.start, trace.end), strict=True):
        assert edge.shape == (3, n)
        for layer in range(3):
            z = [math.exp(x) for x in logits[layer, w, :n]]
            np.testing.assert_allclose(edge[layer], np.array(z) / math.fsum(z), rtol=1e-6)


@pytest.mark.parametrize("batch_tokens", [1, 130, 10**6])
def test_the_size_of_a_batch_changes_nothing(batch_tokens):
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    reading = reader.read(QUESTION, STORY)
    whole = layer_trace(reader.model, reading)
    ours = layer_trace(reader.model, reading, batch_tokens=batch_tokens)
    np.testing.assert_allclose(ours.start, whole.start, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.end, whole.end, rtol=0, atol=1e-5)


def test_a_bfloat16_model_is_traced_with_its_head_in_float32():
    reader = Reader(toy_model().bfloat16(), toy_tokenizer(), max_length=64)
    reading = reader.read(QUESTION, STORY)
    trace = layer_trace(reader.model, reading)
    assert trace.start.dtype == np.float32
    np.testing.assert_allclose(trace.start[-1], reading.logits.start, rtol=0, atol=0.05)
    whole = Reader(toy_model(), toy_tokenizer(), max_length=64)
    exact = layer_trace(whole.model, whole.read(QUESTION, STORY))
    np.testing.assert_allclose(trace.start, exact.start, rtol=0, atol=0.3)
    # Logits that a bfloat16 head had given would fit into bfloat16.
    as_bfloat16 = torch.tensor(trace.start).bfloat16().float().numpy()
    assert (as_bfloat16 != trace.start).mean() > 0.9


def test_a_text_without_a_token_has_no_span_to_follow():
    reader = Reader(toy_model(), toy_tokenizer())
    trace = layer_trace(reader.model, reader.read("Who?", "\x01\x02"))
    assert np.isnan(trace.answer_score).all()
    assert np.isnan(trace.answer_probability).all()
    assert trace.margin.tolist() == [math.inf] * 3
    assert trace.best_score.tolist() == [-math.inf] * 3
    assert trace.no_answer_probability.tolist() == [1.0] * 3
    assert (trace.answer_settles, trace.answerability_settles) == (0, 0)


# --- layers made by hand ------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """Adds to the start and to the end logit of a token what is planted for its word."""

    def __init__(self, size: int, planted: dict[int, float]):
        super().__init__()
        self.plant = nn.Linear(size, size, bias=False)
        with torch.no_grad():
            self.plant.weight.zero_()
            for token, logit in planted.items():
                self.plant.weight[-2:, token] = logit

    def forward(self, hidden_states):
        return hidden_states + self.plant(hidden_states)


class Stack(nn.Module):
    """A model without attention: words as unit vectors, and two places more that hold the start and end logit."""

    def __init__(self, *layers: dict[str, float]):
        super().__init__()
        known = toy_tokenizer().get_vocab()
        self.words = nn.Embedding.from_pretrained(torch.eye(len(known), len(known) + 2))
        planted = [{known[word]: logit for word, logit in layer.items()} for layer in layers]
        self.layers = nn.ModuleList(Block(len(known) + 2, one) for one in planted)
        self.passes = 0

    def forward(self, input_ids, attention_mask, token_type_ids):
        self.passes += 1
        h = self.words(input_ids)
        for layer in self.layers:
            h = layer(hidden_states=h)
        return SimpleNamespace(start_logits=h[..., -2], end_logits=h[..., -1])


def traced(*layers: dict[str, float], **options) -> LayerTrace:
    reader = Reader(Stack(*layers), toy_tokenizer(), **options)
    return layer_trace(reader.model, reader.read("Who?", "ada kept the lamp"))


LAMP, ADA, MORE_ADA, NULL, NOTHING = {"lamp": 3.0}, {"ada": 5.0}, {"ada": 10.0}, {"[CLS]": 8.0}, {}


def test_planted_layers_show_their_plan():
    trace = traced(LAMP, {**ADA, **NULL}, ADA, NOTHING)
    assert [d.best.text for d in trace.decisions] == ["ada", "lamp", "ada", "ada", "ada"]
    assert [d.answer and d.answer.text for d in trace.decisions] == ["ada", "lamp", None, "ada", "ada"]
    assert trace.null_score.tolist() == [0, 0, 16, 16, 16]
    assert trace.margin.tolist() == [0, -6, 6, -4, -4]
    assert trace.answer_score.tolist() == [0, 0, 10, 20, 20]
    assert trace.best_score.tolist() == [0, 6, 10, 20, 20]
    assert (trace.answer_settles, trace.answerability_settles) == (2, 3)
    assert repr(trace) == "LayerTrace(4 layers: the answer settles at layer 2, answerability at layer 3)"


@pytest.mark.parametrize(
    ("layers", "options", "answer", "answerability"),
    [
        ([NOTHING, NOTHING], {}, 0, 0),
        ([LAMP, NOTHING], {}, 1, 0),
        ([LAMP, ADA, LAMP], {}, 3, 0),
        ([ADA, LAMP, MORE_ADA], {}, 0, 0),
        ([LAMP, MORE_ADA, ADA], {}, 2, 0),
        ([NULL, NOTHING, MORE_ADA], {}, 0, 3),
        ([NULL, LAMP, MORE_ADA], {}, 3, 3),
        ([LAMP, NULL, NOTHING], {}, 1, 2),
        ([NULL, MORE_ADA, NULL], {}, 0, 3),
        ([LAMP, NULL, NOTHING], {"threshold": 10}, 1, 0),
        ([LAMP, NULL, NOTHING], {"threshold": 9.99}, 1, 2),
        ([LAMP, NULL, NOTHING], {"threshold": -6.5}, 1, 0),
        ([LAMP, NULL, NOTHING], {"threshold": -math.inf}, 1, 0),
        ([LAMP, NULL, NOTHING], {"threshold": math.inf}, 1, 0),
    ],
)
def test_where_a_plan_settles(layers, options, answer, answerability):
    trace = traced(*layers, **options)
    assert (trace.answer_settles, trace.answerability_settles) == (answer, answerability)


def test_a_trace_follows_the_best_span_where_the_reading_abstains():
    trace = traced(LAMP, NULL)
    assert trace.reading.answer is None
    assert trace.answer_score.tolist() == [0, 6, 6]


def test_every_block_runs_once_for_all_layers():
    reader = reader_of("bert-uncased")
    reading = reader.read(QUESTION, SENTENCES[0])
    ran = []
    for block in reader.model.module.bert.encoder.layer:
        block.intermediate.register_forward_hook(lambda *_: ran.append(1))
    layer_trace(reader.model, reading)
    assert len(ran) == 2


# --- the model is used without being changed ----------------------------------------------------------------------------


def hooks_of(module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


@pytest.mark.parametrize("architecture", ["bert-uncased", "albert"])
def test_the_model_is_left_as_it_was(architecture):
    reader = reader_of(architecture)
    module = reader.model.module.train()
    reading = reader.read(QUESTION, STORY)
    before = copy.deepcopy(module.state_dict())
    first = layer_trace(reader.model, reading)
    assert all(part.training for part in module.modules())
    assert not any("forward" in vars(part) for part in module.modules())
    assert hooks_of(module) == 0
    assert all(torch.equal(before[name], weight) for name, weight in module.state_dict().items())
    assert all(weight.grad is None for weight in module.parameters())
    assert torch.is_grad_enabled()
    np.testing.assert_array_equal(layer_trace(reader.model, reading).start, first.start)


def test_a_forward_that_somebody_put_on_a_block_is_used_and_kept():
    module = toy_model()
    block = module.bert.encoder.layer[1]
    own = block.forward
    block.forward = lambda *args, **named: 2 * own(*args, **named)
    put = block.forward
    reader = Reader(module, toy_tokenizer())
    reading = reader.read(QUESTION, "Ada kept the lamp.")
    trace = layer_trace(reader.model, reading)
    np.testing.assert_allclose(trace.start[-1], reading.logits.start, rtol=0, atol=1e-5)
    assert block.forward is put


def test_a_pass_that_fails_leaves_nothing_behind():
    reader = Reader(toy_model(), toy_tokenizer())
    reading = reader.read(QUESTION, STORY)
    module = reader.model.module

    def fails(*_):
        raise RuntimeError("out of memory")

    handle = module.bert.encoder.layer[1].output.register_forward_hook(fails)
    with pytest.raises(ModelError, match="failed on this text: RuntimeError: out of memory"):
        layer_trace(reader.model, reading)
    handle.remove()
    assert hooks_of(module) == 0
    assert not any("forward" in vars(part) for part in module.modules())
    layer_trace(reader.model, reading)


def test_the_arrays_are_read_only_and_a_trace_can_be_pickled():
    trace = traced(LAMP, NULL)
    for name in ("start", "end", "null_score", "no_answer_probability", "answer_score", "answer_probability"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(trace, name)[0] = 1
    again = pickle.loads(pickle.dumps(trace))
    assert again.decisions == trace.decisions
    np.testing.assert_array_equal(again.start, trace.start)


def test_a_trace_refuses_arrays_of_another_shape():
    trace = traced(LAMP, NULL)
    parts = {name: getattr(trace, name) for name in LayerTrace.__slots__}
    with pytest.raises(InputError, match=r"A trace of 3 layers needs end of shape \(3, 1, \d+\), not \(2,"):
        LayerTrace(**{**parts, "end": trace.end[1:]})
    with pytest.raises(InputError, match=r"needs null_score of shape \(3,\), not \(2,\)"):
        LayerTrace(**{**parts, "null_score": trace.null_score[1:]})


# --- what cannot be traced ----------------------------------------------------------------------------------------------


def test_another_models_reading_is_refused_before_any_pass():
    stack = Stack(LAMP)
    other = Reader(Stack(LAMP, ADA), toy_tokenizer()).read("Who?", "ada kept the lamp")
    with pytest.raises(InputError, match="was made by Stack with other weights than those of Stack here"):
        layer_trace(QAModel(stack), other)
    with pytest.raises(InputError, match="was made by no model"):
        layer_trace(QAModel(stack), planted_reading("Who?", "ada kept it", answer="ada"))
    (failed,) = Reader(stack, toy_tokenizer()).read_many([Example("Who?", "")])
    with pytest.raises(InputError, match="could not be read, so there is nothing to explain"):
        layer_trace(QAModel(stack), failed)
    assert stack.passes == 0


class Wired(Stack):
    """A model whose head reads the first layer as well as the last."""

    def forward(self, input_ids, attention_mask, token_type_ids):
        h = first = self.layers[0](hidden_states=self.words(input_ids))
        for layer in self.layers[1:]:
            h = layer(hidden_states=h)
        h = h + first
        return SimpleNamespace(start_logits=h[..., -2], end_logits=h[..., -1])


class Idle(Stack):
    """A model that has blocks and does not call them."""

    def forward(self, input_ids, attention_mask, token_type_ids):
        h = self.layers[0].plant(self.words(input_ids))
        return SimpleNamespace(start_logits=h[..., -2], end_logits=h[..., -1])


class Narrowing(Stack):
    """A model whose second block sees every other token."""

    def forward(self, input_ids, attention_mask, token_type_ids):
        h = self.layers[0](hidden_states=self.words(input_ids))
        h = torch.repeat_interleave(self.layers[1](hidden_states=h[:, ::2]), 2, 1)[:, : h.shape[1]]
        return SimpleNamespace(start_logits=h[..., -2], end_logits=h[..., -1])


class Twofold(Stack):
    """A model with two lists of blocks, as an encoder and a decoder have."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.others = copy.deepcopy(self.layers)


class Flat(Stack):
    """A model whose layers are bare linear maps."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.layers = nn.ModuleList(block.plant for block in self.layers)

    def forward(self, input_ids, attention_mask, token_type_ids):
        h = self.layers[0](self.words(input_ids))
        return SimpleNamespace(start_logits=h[..., -2], end_logits=h[..., -1])


class Mixed(Stack):
    """A model whose blocks are of different kinds."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.layers[1] = nn.Sequential(self.layers[1])

    def forward(self, input_ids, attention_mask, token_type_ids):
        h = self.layers[1][0](self.layers[0](self.words(input_ids)))
        return SimpleNamespace(start_logits=h[..., -2], end_logits=h[..., -1])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Wired, "Wired has no logit lens: its logits do not follow from what its last block gives"),
        (Idle, "does not hand hidden states of one shape from block to block: 0 calls of Block"),
        (Narrowing, "does not hand hidden states of one shape from block to block: 2 calls of Block"),
        (Twofold, "one torch.nn.ModuleList of equal blocks.* has 2 such lists \\(layers, others\\)"),
        (Flat, "Flat has no layers that can be told apart: .* and Flat has no such list"),
        (Mixed, "Mixed has no layers that can be told apart: .* and Mixed has no such list"),
    ],
)
def test_a_model_that_is_no_stack_of_blocks_is_refused(kind, message):
    reader = Reader(kind(LAMP, ADA), toy_tokenizer())
    reading = reader.read("Who?", "ada kept the lamp")
    with pytest.raises(ModelError, match=message):
        layer_trace(reader.model, reading)
    assert hooks_of(reader.model.module) == 0


def test_an_encoder_with_a_decoder_is_refused():
    config = transformers.BartConfig(
        vocab_size=400,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
    )
    with pytest.raises(ModelError, match=r"2 such lists \(model.encoder.layers, model.decoder.layers\)"):
        find_blocks(QAModel(transformers.BartForQuestionAnswering(config)))


class Mending(Block):
    """A block that makes numbers of what are none."""

    def forward(self, hidden_states):
        return super().forward(torch.nan_to_num(hidden_states))


def test_a_layer_whose_logits_are_no_numbers_is_named():
    stack = Stack(LAMP, LAMP, LAMP)
    stack.layers = nn.ModuleList(Mending(len(block.plant.weight), {}) for block in stack.layers)
    with torch.no_grad():
        stack.layers[1].plant.weight[-1] = math.nan
    reader = Reader(stack, toy_tokenizer())
    reading = reader.read("Who?", "ada kept the lamp")
    with pytest.raises(ModelError, match="Layer 2: The model gave nan as end logit of token 0 in window 0"):
        layer_trace(reader.model, reading)
