"""Model wrappers × public calls: each works as the plain model does, or is refused with the reason; a new wrapper is one row."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from qalens.errors import InputError, ModelError
from qalens.models.model import QAModel
from qalens.models.wrappers import unwrapped
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer

QUESTION, TEXT = "Who kept the lamp?", "Ada kept the lamp. Tom slept by the door."
PAIRS = [
    (QUESTION, TEXT),
    ("Who?", "Ada kept it in the room."),
    (QUESTION, TEXT + " Why was it in the room?"),
]
EXACT, HALF, OTHER = 1e-5, 0.2, None


class DictOutput(torch.nn.Module):
    """A module of somebody's own that returns a plain dict and takes what it needs, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = toy_model()

    def forward(self, input_ids, attention_mask, token_type_ids):
        out = self.inner(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return {"start_logits": out.start_logits, "end_logits": out.end_logits}


class OneArgument(torch.nn.Module):
    """A module that takes ids alone: neither mask nor segments."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = toy_model()

    def get_input_embeddings(self):
        return self.inner.get_input_embeddings()

    def forward(self, input_ids):
        return self.inner(input_ids=input_ids)


def compiled_in_place() -> Any:
    module = toy_model()
    module.compile(backend="eager")
    return module


def compiled_by_layer() -> Any:
    module = toy_model()
    for layer in module.bert.encoder.layer:
        layer.compile(backend="eager")
    return module


def quantized() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells of its successor
        return torch.ao.quantization.quantize_dynamic(toy_model(), {torch.nn.Linear}, dtype=torch.qint8)


def with_adapters() -> Any:
    from peft import LoraConfig, TaskType, get_peft_model

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        how = LoraConfig(
            task_type=TaskType.QUESTION_ANS, r=2, target_modules=["query", "value"], init_lora_weights=False
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PEFT asks transformers by an old name
            return get_peft_model(toy_model(), how).eval()


def with_learned_prompt() -> Any:
    from peft import PromptTuningConfig, TaskType, get_peft_model

    how = PromptTuningConfig(task_type=TaskType.QUESTION_ANS, num_virtual_tokens=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_peft_model(toy_model(), how).eval()


def quantization_aware(*, watching: bool) -> Any:
    """A model that is trained for whole numbers: while its observers watch, each pass moves its scales."""
    module = toy_model().train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells of its successor
        module.qconfig = torch.ao.quantization.get_default_qat_qconfig("x86")
        module.bert.embeddings.qconfig = None
        torch.ao.quantization.prepare_qat(module, inplace=True)
        ids = torch.tensor([toy_tokenizer()(QUESTION, TEXT)["input_ids"]])
        module(input_ids=ids)
    for part in module.modules():
        vars(part).pop("qconfig", None)  # made of functions that torch itself cannot pickle
    return module.eval() if watching else module.eval().apply(torch.ao.quantization.disable_observer)


class Row(NamedTuple):
    """A wrapper: how it is made, how near its logits are to the plain model's, and what it cannot do with the reason."""

    make: Callable[[], Any]
    near: float | None = EXACT
    refused: dict[str, str] = {}  # noqa: RUF012


QUANTIZED = {
    "gradients": "lets no gradients through: all of them are exactly 0",
    "heads": "quantized layers are none",
}
NO_TABLE = "does not tell where its word embeddings are"
NO_PROMPT = r"returned start logits of shape \(1, \d+\) .* One of each is needed for every token"
ROWS: dict[str, Row] = {
    "plain": Row(toy_model),
    "in training": Row(lambda: toy_model().train()),
    "frozen": Row(lambda: toy_model().requires_grad_(False)),
    "copied": Row(lambda: copy.deepcopy(toy_model())),
    "pickled": Row(lambda: pickle.loads(pickle.dumps(toy_model()))),
    "compiled": Row(lambda: torch.compile(toy_model(), backend="eager")),
    "compiled in place": Row(compiled_in_place),
    "compiled by layer": Row(compiled_by_layer),
    "DataParallel": Row(lambda: torch.nn.DataParallel(toy_model())),
    "compiled in DataParallel": Row(
        lambda: torch.nn.DataParallel(torch.compile(toy_model(), backend="eager"))
    ),
    "double": Row(lambda: toy_model().double()),
    "bfloat16": Row(lambda: toy_model().to(torch.bfloat16), HALF),
    "float16": Row(lambda: toy_model().to(torch.float16), HALF),
    "bfloat16 in DataParallel": Row(lambda: torch.nn.DataParallel(toy_model().to(torch.bfloat16)), HALF),
    "compiled bfloat16": Row(lambda: torch.compile(toy_model().to(torch.bfloat16), backend="eager"), HALF),
    "quantized": Row(quantized, OTHER, QUANTIZED),
    "quantized in DataParallel": Row(lambda: torch.nn.DataParallel(quantized()), OTHER, QUANTIZED),
    "quantization-aware": Row(lambda: quantization_aware(watching=False), OTHER),
    "adapters": Row(with_adapters, OTHER),
    "adapters in DataParallel": Row(lambda: torch.nn.DataParallel(with_adapters()), OTHER),
    "adapters, compiled": Row(lambda: torch.compile(with_adapters(), backend="eager"), OTHER),
    "learned prompt": Row(with_learned_prompt, OTHER, {"read": NO_PROMPT}),
    "own, with a dict": Row(
        DictOutput, EXACT, {"gradients": NO_TABLE, "occlusion": NO_TABLE, "heads": "num_attention_heads"}
    ),
    "own, ids alone": Row(OneArgument, OTHER, {"heads": "num_attention_heads"}),
}
WRAPPERS = pytest.mark.parametrize("name", ROWS)


@cache
def reader_of(name: str) -> Reader:
    return Reader(ROWS[name].make(), toy_tokenizer())


@cache
def reading_of(name: str) -> Any:
    return reader_of(name).read(QUESTION, TEXT)


def check_gradients(reader, reading):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "quantized::linear_dynamic: an autograd kernel was not registered")
        found = reader.attribute(reading, tolerance=0.3)
    assert found.diagnostics.value == pytest.approx(reading.decision.best.score, abs=0.1)
    assert np.abs(found.values).sum() > 0


def check_occlusion(reader, reading):
    found = reader.attribute(reading, "answer", "occlusion")
    assert found.diagnostics.value == pytest.approx(reading.decision.best.score, abs=0.1)
    assert np.abs(found.values).sum() > 0


def check_lens(reader, reading):
    trace = reader.logit_lens(reading)
    assert trace.start[-1] == pytest.approx(reading.logits.start, abs=0.1)
    assert np.abs(trace.start[0] - trace.start[-1]).max() > 0.05


def check_heads(reader, reading):
    found = reader.ablate_heads(reading)
    assert found.values.shape == (2, 4)
    assert (found.change != 0).all()


def check_temperature(reader, reading):
    cooled = reader.with_temperature(2.0)
    again = cooled.read(QUESTION, TEXT)
    assert again.margin == pytest.approx(reading.margin / 2, abs=1e-3)
    assert cooled.model.fingerprint != reader.model.fingerprint
    with pytest.raises(InputError):
        cooled.logit_lens(reading)


def check_many(reader, reading):
    alone = [reader.read(*pair) for pair in PAIRS]
    exact = reader.model.dtype in (torch.float32, torch.float64)
    for one, beside in zip(alone, reader.read_many(PAIRS, progress=False), strict=True):
        assert beside.error is None
        assert beside.logits.start == pytest.approx(one.logits.start, abs=2e-5 if exact else 0.2)


def check_pickle(reader, reading):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own way of pickling packed weights
        again = pickle.loads(pickle.dumps(reader)).read(QUESTION, TEXT)
    assert again.logits.start == pytest.approx(reading.logits.start, abs=1e-6)
    assert again.source.fingerprint == reading.source.fingerprint


def check_faithfulness(reader, reading):
    found = reader.attribute(reading, "answer", "occlusion")
    assert reader.faithfulness(reading, found, random_rankings=2).comprehensiveness.shape == (5,)


CALLS: dict[str, Callable[[Any, Any], None]] = {
    "read_many": check_many,
    "gradients": check_gradients,
    "occlusion": check_occlusion,
    "faithfulness": check_faithfulness,
    "lens": check_lens,
    "heads": check_heads,
    "temperature": check_temperature,
    "pickle": check_pickle,
}
# What needs another call fails where that one does.
NEEDS = {"faithfulness": "occlusion"}


@WRAPPERS
def test_a_wrapped_model_reads_as_the_plain_one_does(name):
    row = ROWS[name]
    if "read" in row.refused:
        with pytest.raises(ModelError, match=row.refused["read"]):
            reading_of(name)
        return
    found, plain = reading_of(name), reading_of("plain")
    if row.near is not None:
        assert found.logits.start == pytest.approx(plain.logits.start, abs=row.near)
        assert found.margin == pytest.approx(plain.margin, abs=2 * row.near)
    else:
        assert np.abs(found.logits.start - plain.logits.start).max() > 1e-3


@WRAPPERS
@pytest.mark.parametrize("call", CALLS)
def test_a_wrapped_model_does_what_the_plain_one_does_or_says_why_not(name, call):
    row = ROWS[name]
    if "read" in row.refused:
        return  # there is no reading to ask about
    refused = row.refused.get(call, row.refused.get(NEEDS.get(call, "")))
    if refused is None:
        CALLS[call](reader_of(name), reading_of(name))
    else:
        with pytest.raises(ModelError, match=refused):
            CALLS[call](reader_of(name), reading_of(name))


def state_of(module: torch.nn.Module) -> list[Any]:
    """What a user's module is beside its code: parts in training, hooks, what stands in place of forward, and numbers."""
    parts = [
        (
            name,
            part.training,
            list(part._forward_hooks),
            list(part._forward_pre_hooks),
            vars(part).get("forward"),
        )
        for name, part in module.named_modules()
    ]
    return [
        parts,
        [
            (n, w.dtype, w.requires_grad, w.grad, w.detach().sum().item())
            for n, w in module.named_parameters()
        ],
    ]


@WRAPPERS
def test_the_module_of_a_user_is_left_as_it_was(name):
    module = ROWS[name].make()
    before = state_of(module)
    reader = Reader(module, toy_tokenizer())
    for call in CALLS.values():
        try:
            call(reader, reader.read(QUESTION, TEXT))
        except ModelError:
            continue
    assert state_of(module) == before


@pytest.mark.parametrize(
    "wrap",
    [
        torch.nn.DataParallel,
        lambda m: torch.compile(m, backend="eager"),
        lambda m: torch.nn.DataParallel(torch.compile(m, backend="eager")),
    ],
)
def test_wrappers_are_seen_through(wrap):
    module = toy_model()
    assert unwrapped(wrap(module)) is module
    assert QAModel(wrap(module)).fingerprint == QAModel(module).fingerprint
    assert QAModel(wrap(module)).name == QAModel(module).name
    assert QAModel(wrap(module)).max_length == 512


def test_a_wrapped_model_without_a_head_is_refused_at_once():
    module = torch.nn.DataParallel(toy_model().bert)
    with pytest.raises(ModelError, match="BertModel has no question-answering head"):
        QAModel(module)


@pytest.mark.parametrize("wrap", [lambda m: m, torch.nn.DataParallel])
def test_a_model_that_every_reading_would_change_is_refused_with_what_to_do(wrap):
    with pytest.raises(ModelError, match=r"each reading would change the model .*disable_observer"):
        QAModel(wrap(quantization_aware(watching=True)))
