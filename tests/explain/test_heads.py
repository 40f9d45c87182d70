"""Taking out a head equals setting its columns of the output projection to zero, for every head of every family."""

from __future__ import annotations

import copy
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from checkpoints import QUESTION, SENTENCES, STORY, TOKENIZERS, model
from reference import log_sum_exp
from torch import nn

from qalens.errors import InputError, ModelError
from qalens.explain.layers.heads import Head, HeadAblation, ablate_heads
from qalens.explain.targets import Contrast
from qalens.models.model import QAModel
from qalens.reader import Reader
from qalens.spans.distribution import SpanLogits
from qalens.testing import planted_reading, toy_model, toy_tokenizer

HEADS, LAYERS = 4, 3
LAYER_OPTION = {"distilbert": "n_layers", "xlnet": "n_layer"}
# Where the output projection of a layer stands, written down by hand.
PROJECTION = {
    "bert-uncased": lambda m, at: m.bert.encoder.layer[at].attention.output.dense,
    "distilbert": lambda m, at: m.distilbert.transformer.layer[at].attention.out_lin,
    "electra": lambda m, at: m.electra.encoder.layer[at].attention.output.dense,
    "mpnet": lambda m, at: m.mpnet.encoder.layer[at].attention.attn.o,
    "roberta": lambda m, at: m.roberta.encoder.layer[at].attention.output.dense,
    "xlm-roberta": lambda m, at: m.roberta.encoder.layer[at].attention.output.dense,
    "albert": lambda m, at: m.albert.encoder.albert_layer_groups[at].albert_layers[0].attention.dense,
    "deberta-v2": lambda m, at: m.deberta.encoder.layer[at].attention.output.dense,
}
EVERY_ARCHITECTURE = pytest.mark.parametrize("architecture", PROJECTION)
SENTENCE = SENTENCES[0]


def reader_of(architecture: str, **changes) -> Reader:
    layers = {LAYER_OPTION.get(architecture, "num_hidden_layers"): LAYERS}
    return Reader(
        model(architecture, **layers, **changes), TOKENIZERS[architecture](), max_length=64, stride=16
    )


def copied(architecture: str, module):
    """A copy whose weights can be changed in one layer alone."""
    ours = copy.deepcopy(module)
    if architecture == "albert":
        # One block for all layers becomes a block for each.
        groups = ours.albert.encoder.albert_layer_groups
        ours.albert.encoder.albert_layer_groups = nn.ModuleList(
            copy.deepcopy(groups[0]) for _ in range(LAYERS)
        )
        ours.albert.encoder.config.num_hidden_groups = LAYERS
    return ours


def logits_of(module, reading, window=0) -> SpanLogits:
    """The reading's logits with those of one window as a module gives them now."""
    n = int(reading.windows.lengths[window])
    inputs = {k: torch.tensor(a[window : window + 1, :n]) for k, a in reading.windows.model_inputs.items()}
    with torch.no_grad():
        out = module(**inputs)
    start, end = reading.logits.start.copy(), reading.logits.end.copy()
    start[window, :n], end[window, :n] = (
        out.start_logits[0].float().numpy(),
        out.end_logits[0].float().numpy(),
    )
    return SpanLogits(reading.windows, start, end)


def without_head(architecture: str, module, layer: int, head: int, states=None):
    """A copy with a head's columns set to zero; the mean of its output goes into the bias where `states` are given."""
    ours = copied(architecture, module)
    projection = PROJECTION[architecture](ours, layer)
    width = projection.in_features // HEADS
    columns = slice(head * width, (head + 1) * width)
    with torch.no_grad():
        if states is not None:
            projection.bias += projection.weight[:, columns] @ states[layer][0, :, columns].mean(0)
        projection.weight[:, columns] = 0
    return ours


def every_head():
    return [(layer, head) for layer in range(LAYERS) for head in range(HEADS)]


# --- the numbers, by hand -----------------------------------------------------------------------------------------------


def null_score(logits: SpanLogits, w: int = 0) -> float:
    null = logits.windows.null_index[w]
    return float(logits.start[w, null]) + float(logits.end[w, null])


def span_scores(logits: SpanLogits, reading) -> list[float]:
    """The scores of all spans, each by its copy that was the best in the reading."""
    spans = reading.spans
    copies = zip(spans.window, spans.token_start, spans.token_end, strict=True)
    return [float(logits.start[w, i]) + float(logits.end[w, j]) for w, i, j in copies]


def no_answer(logits: SpanLogits, reading) -> float:
    return null_score(logits) - log_sum_exp(span_scores(logits, reading))


def answer(logits: SpanLogits, reading) -> float:
    i, j = reading.decision.best.tokens
    w = reading.decision.best.window
    return float(logits.start[w, i]) + float(logits.end[w, j])


def margin(logits: SpanLogits, reading) -> float:
    return null_score(logits, reading.decision.best.window) - answer(logits, reading)


def start(logits: SpanLogits, reading) -> float:
    return float(logits.start[reading.decision.best.window, reading.decision.best.tokens[0]])


TARGETS = {"no_answer": no_answer, "answer": answer, "margin": margin, "start": start}


@EVERY_ARCHITECTURE
def test_every_head_set_to_zero_by_hand(architecture):
    reader = reader_of(architecture)
    module = reader.model.module
    reading = reader.read(QUESTION, SENTENCE)
    assert len(reading.windows) == 1
    ours = {name: ablate_heads(reader.model, reading, target=name) for name in TARGETS}
    by_hand = {
        place: logits_of(without_head(architecture, module, *place), reading) for place in every_head()
    }
    for name, number in TARGETS.items():
        assert ours[name].values.shape == (LAYERS, HEADS)
        assert ours[name].value == pytest.approx(number(reading.logits, reading), abs=1e-5)
        for place, logits in by_hand.items():
            assert ours[name].values[place] == pytest.approx(number(logits, reading), abs=1e-5)
    # The heads do different things, so that none could stand for another.
    assert np.median(np.diff(np.sort(ours["answer"].values, axis=None))) > 1e-3
    assert np.median(np.abs(ours["answer"].change)) > 1e-2


@EVERY_ARCHITECTURE
def test_every_head_set_to_its_mean_by_hand(architecture):
    reader = reader_of(architecture)
    module = reader.model.module
    reading = reader.read(QUESTION, SENTENCE)
    ours = ablate_heads(reader.model, reading, by="mean")
    states = {}
    watched = copied(architecture, module)
    for layer in range(LAYERS):
        PROJECTION[architecture](watched, layer).register_forward_pre_hook(
            lambda _, args, layer=layer: states.update({layer: args[0]})
        )
    logits_of(watched, reading)
    for place in every_head():
        logits = logits_of(without_head(architecture, module, *place, states), reading)
        assert ours.values[place] == pytest.approx(answer(logits, reading), abs=1e-5)
    assert np.abs(ours.values - ablate_heads(reader.model, reading).values).max() > 0.01


def test_a_convolution_between_the_first_two_blocks_is_run_once():
    reader = reader_of("deberta-v2", conv_kernel_size=3, conv_act="gelu")
    module = reader.model.module
    assert module.deberta.encoder.conv is not None
    reading = reader.read(QUESTION, SENTENCE)
    ours = ablate_heads(reader.model, reading)
    for place in every_head():
        logits = logits_of(without_head("deberta-v2", module, *place), reading)
        assert ours.values[place] == pytest.approx(answer(logits, reading), abs=1e-5)


def test_query_key_and_value_may_be_one_map():
    torch.manual_seed(0)
    config = transformers.ModernBertConfig(
        vocab_size=400,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        cls_token_id=0,
        sep_token_id=2,
        hidden_size=32,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=64,
        initializer_range=0.3,
    )
    module = transformers.ModernBertForQuestionAnswering(config).eval()
    reader = Reader(module, TOKENIZERS["roberta"]())
    reading = reader.read(QUESTION, SENTENCE)
    ours = ablate_heads(reader.model, reading)
    for layer, head in every_head():
        changed = copy.deepcopy(module)
        with torch.no_grad():
            changed.model.layers[layer].attn.Wo.weight[:, head * 8 : head * 8 + 8] = 0
        assert ours.values[layer, head] == pytest.approx(
            answer(logits_of(changed, reading), reading), abs=1e-5
        )


# --- long texts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("null", ["min", "mean", "max"])
def test_other_windows_are_held_as_they_are(null):
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64, null=null)
    reading = reader.read(QUESTION, STORY)
    spans, nulls = reading.spans, reading.spans.null_scores
    ours = ablate_heads(reader.model, reading, target="no_answer")
    w = ours.target.window
    assert len(nulls) > 3
    assert ours.value == pytest.approx(spans.null_score - log_sum_exp(spans.score.tolist()), abs=1e-4)
    for layer, head in ((0, 0), (0, 3), (1, 2)):
        changed = copy.deepcopy(reader.model.module)
        with torch.no_grad():
            changed.bert.encoder.layer[layer].attention.output.dense.weight[:, head * 8 : head * 8 + 8] = 0
        logits = logits_of(changed, reading, w)
        held = {"min": [], "max": [], "mean": np.delete(nulls, w).tolist()}[null]
        counted = [null_score(logits, w), *held]
        expected = sum(counted) / len(counted) - log_sum_exp(span_scores(logits, reading))
        assert ours.values[layer, head] == pytest.approx(expected, abs=1e-4)


def test_an_answer_is_ablated_in_the_window_that_holds_it():
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    reading = reader.read(QUESTION, STORY)
    spans = [reading.decision.best, reading.spans.at(0)]
    assert spans[0].window != spans[1].window
    for span in spans:
        ours = ablate_heads(reader.model, reading, span=span)
        assert ours.target.window == span.window
        assert ours.value == pytest.approx(span.score, abs=1e-5)
    for target in ("answer", "margin"):
        ours = ablate_heads(reader.model, reading, target=target)
        assert ours.target.window == spans[0].window
        assert ours.value == pytest.approx(TARGETS[target](reading.logits, reading), abs=1e-5)


def test_a_contrast_is_ablated_as_the_difference_of_its_sides():
    reader = Reader(toy_model(), toy_tokenizer())
    reading = reader.read(QUESTION, SENTENCE)
    first, second = reading.spans.top(2)
    contrast = ablate_heads(reader.model, reading, target=Contrast(first, second))
    sides = [ablate_heads(reader.model, reading, span=side).values for side in (first, second)]
    np.testing.assert_allclose(contrast.values, sides[0] - sides[1], rtol=0, atol=1e-5)


# --- how it is computed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["bert-uncased", "albert"])
@pytest.mark.parametrize("batch_tokens", [1, 90, 200, 10**6])
def test_the_size_of_a_batch_changes_nothing(architecture, batch_tokens):
    reader = reader_of(architecture)
    reading = reader.read(QUESTION, SENTENCE)
    whole = ablate_heads(reader.model, reading)
    ours = ablate_heads(reader.model, reading, batch_tokens=batch_tokens)
    np.testing.assert_allclose(ours.values, whole.values, rtol=0, atol=1e-5)


def test_layers_before_an_ablated_head_are_not_run_again():
    reader = reader_of("bert-uncased")
    reading = reader.read(QUESTION, SENTENCE)
    ran = [0] * LAYERS
    for at, block in enumerate(reader.model.module.bert.encoder.layer):
        block.intermediate.register_forward_hook(lambda *_, at=at: ran.__setitem__(at, ran[at] + 1))
    ablate_heads(reader.model, reading, batch_tokens=1)
    assert ran == [1 + HEADS, 1 + 2 * HEADS, 1 + 3 * HEADS]


def test_what_a_hook_of_somebody_else_keeps_is_not_written_over():
    reader = reader_of("bert-uncased")
    reading = reader.read(QUESTION, SENTENCE)
    kept = []
    attention = reader.model.module.bert.encoder.layer[0].attention.self
    attention.register_forward_hook(lambda _, args, out: kept.append(out[0]))
    ablate_heads(reader.model, reading, batch_tokens=10**6)
    assert [len(one) for one in kept] == [1, LAYERS * HEADS]
    assert all(torch.allclose(one, kept[0], atol=1e-5) for one in kept[1])


@pytest.mark.parametrize("architecture", ["bert-uncased", "albert"])
def test_the_model_is_left_as_it_was(architecture):
    reader = reader_of(architecture)
    module = reader.model.module.train()
    reading = reader.read(QUESTION, SENTENCE)
    before = copy.deepcopy(module.state_dict())
    first = ablate_heads(reader.model, reading, by="mean")
    assert all(part.training for part in module.modules())
    assert not any("forward" in vars(part) for part in module.modules())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert all(torch.equal(before[name], weight) for name, weight in module.state_dict().items())
    np.testing.assert_array_equal(ablate_heads(reader.model, reading, by="mean").values, first.values)


def test_a_bfloat16_model_gives_nearly_the_same_map():
    exact = Reader(toy_model(), toy_tokenizer())
    rough = Reader(toy_model().bfloat16(), toy_tokenizer())
    maps = [ablate_heads(r.model, r.read(QUESTION, SENTENCE), span=(0, 3)) for r in (exact, rough)]
    np.testing.assert_allclose(maps[1].change, maps[0].change, rtol=0, atol=0.15)
    assert np.abs(maps[0].change).max() > 0.5


# --- the record ---------------------------------------------------------------------------------------------------------


def planted_map(values) -> HeadAblation:
    reader = Reader(toy_model(), toy_tokenizer())
    real = ablate_heads(reader.model, reader.read(QUESTION, SENTENCE), target="no_answer")
    return HeadAblation(real.reading, real.target, "zero", 2.0, np.array(values))


def test_the_strongest_heads_are_counted_from_one():
    ours = planted_map([[2.5, 2.0, 1.0], [2.0, -3.0, 4.0]])
    np.testing.assert_array_equal(ours.change, [[0.5, 0, -1], [0, -5, 2]])
    assert ours.strongest(3) == (Head(2, 2, -3.0, -5.0), Head(2, 3, 4.0, 2.0), Head(1, 3, 1.0, -1.0))
    assert len(ours.strongest(99)) == 6
    assert ours.strongest(0) == ()
    with pytest.raises(InputError, match="a number of heads from 0 on, but got -1"):
        ours.strongest(-1)


def test_a_map_shows_itself_in_one_line():
    assert repr(planted_map([[2.5, 2.0], [2.0, -3.0]])) == (
        "HeadAblation(2 × 2 heads by zero, logit of P(no answer) = 2.000: head 2-2 changes it most, by -5.000)"
    )


def test_a_map_is_read_only_and_can_be_pickled():
    ours = planted_map([[2.5, 2.0]])
    with pytest.raises(ValueError, match="read-only"):
        ours.values[0, 0] = 1
    again = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(again.values, ours.values)
    assert (again.target, again.by) == (ours.target, "zero")


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 4))])
def test_a_map_has_layers_and_heads(values):
    with pytest.raises(InputError, match=r"needs values of shape \(layers, heads\), not \("):
        planted_map(values)


# --- what cannot be ablated ---------------------------------------------------------------------------------------------


class Tiny(nn.Module):
    """A transformer of one's own: a block with one attention, made as `kind` says."""

    def __init__(self, kind: str = "plain", **config):
        super().__init__()
        self.config = SimpleNamespace(**({"num_attention_heads": 2} | config))
        self.words = nn.Embedding(300, 8)
        kinds = ["plain", "torch"] if kind == "late" else [kind]
        self.layers = nn.ModuleList(TinyBlock(one) for one in kinds)
        self.head = nn.Linear(8, 2)
        self.passes = 0

    def forward(self, input_ids, attention_mask, token_type_ids):
        self.passes += 1
        h = self.words(input_ids)
        for layer in self.layers:
            h = layer(h)
        logits = self.head(h)
        return SimpleNamespace(start_logits=logits[..., 0], end_logits=logits[..., 1])


class TinyBlock(nn.Module):
    def __init__(self, kind: str):
        super().__init__()
        self.kind, self.called = kind, "mixer" if kind == "nameless" else "attention"
        attention = nn.MultiheadAttention(8, 2, batch_first=True) if kind == "torch" else TinyAttention(kind)
        self.add_module(self.called, attention)

    def forward(self, h):
        attention = getattr(self, self.called)
        if self.kind == "unused":
            return h
        return attention(h, h, h)[0] if self.kind == "torch" else attention(h)


class TinyAttention(nn.Module):
    """Values alone stand for an attention: the output projection is what matters here."""

    def __init__(self, kind: str):
        super().__init__()
        self.value = nn.Linear(8, 8)
        self.out = nn.Linear(8, 8)
        self.down, self.up = nn.Linear(8, 2), nn.Linear(2, 8)
        self.kind = kind

    def forward(self, h):
        heads = self.value(h)
        if self.kind == "turned":
            return self.out(heads.transpose(0, 1)).transpose(0, 1)
        out = self.out(heads)
        return out + self.up(self.down(heads)) if self.kind == "adapter" else out


def tiny_reading(*args, **options):
    reader = Reader(QAModel(Tiny(*args, **options), name="tiny"), toy_tokenizer())
    return reader.model, reader.read("Who?", "ada kept the lamp")


def test_a_transformer_of_ones_own_is_ablated():
    ours, reading = tiny_reading()
    assert ablate_heads(ours, reading).values.shape == (1, 2)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("nameless", {}, "no part of TinyBlock that is called attention or attn has run"),
        ("unused", {}, "no part of TinyBlock that is called attention or attn has run"),
        (
            "torch",
            {},
            "looks in MultiheadAttention for a torch.nn.Linear that runs last, over .* 2 .* found none",
        ),
        ("late", {}, "looks in MultiheadAttention for a torch.nn.Linear that runs last, over .* found none"),
        ("adapter", {}, "The heads of tiny cannot be taken out: .* found one over 2 numbers.*Adapters"),
        ("turned", {}, "looks in TinyAttention for a torch.nn.Linear"),
        (
            "plain",
            {"num_attention_heads": 3},
            "over the outputs of all 3 heads side by side, and found one over 8",
        ),
        (
            "plain",
            {"num_attention_heads": None},
            "tiny does not tell how many attention heads it has: Tiny needs a",
        ),
    ],
)
def test_a_model_whose_heads_cannot_be_told_apart_is_refused(kind, options, message):
    ours, reading = tiny_reading(kind, **options)
    with pytest.raises(ModelError, match=message):
        ablate_heads(ours, reading)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in ours.module.modules())


def test_xlnet_has_no_module_where_its_heads_come_together():
    reader = reader_of("xlnet")
    with pytest.raises(
        ModelError, match=r"looks in XLNetRelativeAttention for a torch.nn.Linear .* found none"
    ):
        ablate_heads(reader.model, reader.read(QUESTION, SENTENCE))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "noise"}, 'by has to be "zero" or "mean", but is \'noise\''),
        ({"target": "weather"}, "Unknown target 'weather'"),
        ({"target": "margin", "span": (0, 3)}, 'The target "margin" is about the best span; leave span out'),
        ({"span": (0, 99)}, "The span \\[0, 99\\) is outside the text"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_pass(options, message):
    ours, reading = tiny_reading()
    before = ours.module.passes
    with pytest.raises(InputError, match=message):
        ablate_heads(ours, reading, **options)
    assert ours.module.passes == before


def test_readings_that_cannot_be_explained_are_refused_before_any_pass():
    ours, _ = tiny_reading()
    before = ours.module.passes
    _, other = tiny_reading()
    with pytest.raises(InputError, match="was made by tiny with other weights than those of tiny here"):
        ablate_heads(ours, other)
    with pytest.raises(InputError, match="was made by no model"):
        ablate_heads(ours, planted_reading("Who?", "ada kept it", answer="ada"))
    empty = Reader(ours, toy_tokenizer()).read("Who?", "\x01\x02")
    before += 1
    for target in ("answer", "margin", "no_answer"):
        with pytest.raises(InputError, match="The text has no span that could be an answer"):
            ablate_heads(ours, empty, target=target)
    assert ours.module.passes == before


class Overflowing(Tiny):
    """A model that gives no numbers where a head is silent."""

    def forward(self, input_ids, attention_mask, token_type_ids):
        out = super().forward(input_ids, attention_mask, token_type_ids)
        silent = (self.layers[0].attention.seen == 0).all(1).any(1)
        out.start_logits[silent] = math.nan
        return out


def test_a_target_that_is_no_number_is_reported():
    reader = Reader(Overflowing(), toy_tokenizer())
    attention = reader.model.module.layers[0].attention
    attention.out.register_forward_hook(lambda _, args, out: setattr(attention, "seen", args[0]))
    reading = reader.read("Who?", "ada kept the lamp")
    with pytest.raises(ModelError, match=r"Without head 1-1 the target is nan \(2 such heads\)"):
        ablate_heads(reader.model, reading)
    assert np.isfinite(ablate_heads(reader.model, reading, by="mean").values).all()
