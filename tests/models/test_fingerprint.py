"""A fingerprint changes with every number that a model computes with, and with nothing else."""

from __future__ import annotations

import warnings

import pytest
import torch

from qalens.models.model import QAModel
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer


def quantized(seed: int = 0):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(toy_model(seed), {torch.nn.Linear}, dtype=torch.qint8)


class WithBuffer(torch.nn.Module):
    def __init__(self, values: torch.Tensor, *, persistent: bool = True):
        super().__init__()
        self.inner = toy_model()
        self.register_buffer("shift", values, persistent=persistent)

    def forward(self, **inputs):
        return self.inner(**inputs)


@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize(
    "values",
    [
        torch.zeros(3),
        torch.zeros(3, dtype=torch.bool),
        torch.zeros(3, dtype=torch.complex128),
        torch.tensor(0),
    ],
)
def test_buffers_count(values, persistent):
    module = WithBuffer(values.clone(), persistent=persistent)
    model = QAModel(module)
    before = model.fingerprint
    assert before == model.fingerprint
    module.shift.reshape(-1)[:1] = 1
    assert model.fingerprint != before


def test_packed_weights_count():
    same, other = quantized(), quantized()
    assert QAModel(same).fingerprint == QAModel(quantized()).fingerprint
    head = other.qa_outputs
    weight, bias = head._weight_bias()
    head.set_weight_bias(weight, bias + 1)
    assert QAModel(other).fingerprint != QAModel(same).fingerprint


def test_packed_weights_that_are_exchanged_are_seen_by_the_same_model():
    module = quantized()
    model = QAModel(module)
    before = model.fingerprint
    assert model.fingerprint == before
    weight, bias = module.qa_outputs._weight_bias()
    module.qa_outputs.set_weight_bias(
        torch.quantize_per_tensor(-weight.dequantize(), 0.1, 0, torch.qint8), bias
    )
    assert model.fingerprint != before


def test_scales_of_packed_weights_count():
    first, second = quantized(), quantized()
    for module, scale in ((first, 0.1), (second, 0.2)):
        whole = torch.zeros(2, 32)
        module.qa_outputs.set_weight_bias(torch.quantize_per_tensor(whole, scale, 0, torch.qint8), None)
    assert QAModel(first).fingerprint != QAModel(second).fingerprint


def test_temperatures_count():
    reader = Reader(toy_model(), toy_tokenizer())
    seen = {reader.with_temperature(t).model.fingerprint for t in (1, 2, 3)}
    assert len(seen) == 3
    assert reader.model.fingerprint in seen


def test_reading_changes_no_fingerprint():
    model = QAModel(quantized())
    before = model.fingerprint
    Reader(model, toy_tokenizer()).read("Who?", "Ada kept the lamp.")
    assert model.fingerprint == before


CONFIGS = {
    "fewer heads": {"num_attention_heads": 2},
    "another activation": {"hidden_act": "relu"},
    "another tolerance": {"layer_norm_eps": 1e-3},
}


@pytest.mark.parametrize("changed", CONFIGS.values(), ids=list(CONFIGS))
def test_the_same_weights_under_another_config_are_another_model(changed):
    module = toy_model()
    other = type(module)(type(module.config)(**{**module.config.to_dict(), **changed})).eval()
    other.load_state_dict(module.state_dict())
    assert QAModel(other).fingerprint != QAModel(module).fingerprint


def test_what_a_config_says_of_files_and_versions_does_not_count():
    module = toy_model()
    before = QAModel(module).fingerprint
    module.config._name_or_path, module.config.transformers_version = "elsewhere", "9"
    module.config.architectures, module.config.use_cache = ["Other"], False
    assert QAModel(module).fingerprint == before
