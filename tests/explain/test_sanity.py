"""Sanity checks: against closed forms of a model whose every number is known, and against weights shuffled by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from checkpoints import QUESTION
from linear import Linear, linear_reader

from qalens.errors import InputError
from qalens.explain.attribution.record import rank_correlation
from qalens.explain.faithfulness.sanity import _layers, _randomised
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer

ADA = "Ada kept the lamp in the hut."
FEW = {"removals": 16, "draws": 3}


@pytest.fixture(scope="module")
def toy():
    reader = Reader(toy_model(), toy_tokenizer())
    return reader, reader.read(QUESTION, ADA)


@pytest.fixture(scope="module")
def linear():
    """A linear model, whose layers are told by a block that adds nothing."""

    class Blocked(Linear):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.ModuleList([Nothing(), Nothing()])

        def shape(self, x):
            for block in self.layer:
                x = block(x)
            return x

    class Nothing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(3))
            self.part = torch.nn.Identity()

        def forward(self, x):
            return x * self.scale.mean()

    reader = linear_reader(Blocked().double())
    return reader, reader.read(QUESTION, ADA)


# --- randomised weights -----------------------------------------------------------------------------------------------


def test_layers_are_randomised_from_the_head_down_and_keep_their_values(toy):
    model = toy[0].model
    own = {name: p.detach().clone() for name, p in model.module.named_parameters()}
    steps = []
    for layer, other in _randomised(model, seed=3):
        steps.append(layer)
        changed = {n for n, p in other.module.named_parameters() if not torch.equal(p, own[n])}
        for name, p in other.module.named_parameters():
            torch.testing.assert_close(p.flatten().sort().values, own[name].flatten().sort().values)
        parts = {
            "head": "qa_outputs",
            "layer 2": "layer.1.",
            "layer 1": "layer.0.",
            "embeddings": "embeddings.",
        }
        allowed = [parts[step] for step in steps]
        assert all(any(part in name for part in allowed) for name in changed)
        assert any(parts[layer] in name for name in changed)
    assert steps == ["head", "layer 2", "layer 1", "embeddings"]
    assert all(torch.equal(p, own[n]) for n, p in model.module.named_parameters())


def test_every_weight_belongs_to_one_layer(toy):
    model = toy[0].model
    found = [id(p) for _, weights in _layers(model) for p in weights]
    assert sorted(found) == sorted(id(p) for p in model.module.parameters())


def test_ranks_are_held_against_those_of_the_trained_model(toy):
    reader, reading = toy
    checks = reader.sanity_checks(reading, "null_score", "input_x_gradient", seed=5, **FEW)
    own = reader.attribute(reading, "null_score", "input_x_gradient")
    np.testing.assert_array_equal(checks.attribution.values, own.values)
    for one, (layer, other) in zip(checks.randomised, _randomised(reader.model, 5), strict=True):
        there = Reader(other, toy_tokenizer())
        # The null score is the same number of any reading of the same text, so it can be explained there as well.
        found = there.attribute(there.read(QUESTION, ADA), "null_score", "input_x_gradient")
        a, b = ([(w.value, w.magnitude) for w in f.by_word()] for f in (own, found))
        (va, sa), (vb, sb) = np.array(a).T, np.array(b).T
        assert one.layer == layer
        assert one.values == pytest.approx(rank_correlation(va, vb), abs=1e-9)
        assert one.absolute == pytest.approx(rank_correlation(abs(va), abs(vb)), abs=1e-9)
        assert one.magnitudes == pytest.approx(rank_correlation(sa, sb), abs=1e-9)


# --- infidelity and sensitivity -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", "input_x_gradient"])
def test_what_is_exact_has_no_infidelity(linear, method):
    """Where words add up, their values predict every removal."""
    reader, reading = linear
    checks = reader.sanity_checks(reading, "answer", method, **FEW)
    assert checks.infidelity == pytest.approx(0, abs=1e-12)
    assert checks.infidelity_share == pytest.approx(0, abs=1e-12)


def test_infidelity_is_the_squared_error_of_the_predicted_change(toy):
    """Against every set of words, with its probability under the way in which sets are drawn."""
    reader, _ = toy
    reading = reader.read("Who?", "Ada kept.")
    checks = reader.sanity_checks(reading, "answer", "occlusion", over="context", removals=4000, draws=1)
    own, pad = checks.attribution, toy_tokenizer().pad_token_id
    words = [w for w in own.words if w.role.name == "CONTEXT"]
    values = {w.span: w.value for w in own.by_word()}
    n = len(words)
    table = reader.model.embeddings["word"].weight
    ids = torch.tensor(reading.windows.model_inputs["input_ids"])
    errors, changes = [], []
    for k in range(2**n):
        gone = [w for j, w in enumerate(words) if k >> j & 1]
        other = ids.clone()
        for w in gone:
            other[0, list(w.tokens)] = pad
        with torch.no_grad():
            inputs = {name: torch.tensor(rows) for name, rows in reading.windows.model_inputs.items()}
            output = reader.model.module(**inputs | {"input_ids": other})
        i, j = own.target.tokens
        change = own.diagnostics.value - float(output.start_logits[0, i] + output.end_logits[0, j])
        # A probability that is uniform makes every number of removed words as likely.
        chance = 1 / ((n + 1) * math.comb(n, len(gone)))
        errors.append(chance * (sum(values[w.span] for w in gone) - change) ** 2)
        changes.append(chance * change**2)
    assert table.shape[0] == len(toy_tokenizer())
    assert checks.infidelity == pytest.approx(sum(errors), abs=4 * checks.infidelity_error)
    assert checks.infidelity_error < 0.1 * sum(errors)
    assert checks.infidelity_share == pytest.approx(sum(errors) / sum(changes), rel=0.2)


def test_sensitivity_of_a_linear_model_is_that_of_the_noise(linear):
    """Input × gradient changes by gradient times noise; the largest of the draws counts."""
    reader, reading = linear
    checks = reader.sanity_checks(
        reading, "answer", "input_x_gradient", radius=0.3, removals=8, draws=4, seed=2
    )
    own = checks.attribution
    ids = reading.windows.model_inputs["input_ids"][0]
    words = reader.model.embeddings["word"].weight.detach()[torch.tensor(ids)]
    module = reader.model.module
    pulls, (i, j) = module.pulls(len(ids)).double(), own.target.tokens
    gradient = sum(pulls[k, t][:, None] * module.directions[k].detach() for k, t in enumerate((i, j)))
    varied = torch.tensor(own.roles >= 0) & torch.tensor(own.values != 0)
    generator = torch.Generator().manual_seed(2)
    reach = 0.3 * words.square().mean().sqrt()
    most = 0.0
    for _ in range(4):
        noise = reach * (2 * torch.rand((1, *words.shape), generator=generator) - 1)[0]
        change = (gradient * noise).sum(-1)[varied]
        most = max(most, float(change.norm() / np.linalg.norm(own.values)))
    assert checks.sensitivity == pytest.approx(most, rel=1e-4)


def test_more_draws_find_no_less(toy):
    reader, reading = toy
    found = [
        reader.sanity_checks(reading, "answer", "input_x_gradient", removals=8, draws=n).sensitivity
        for n in (1, 6)
    ]
    assert found[0] <= found[1]


@pytest.mark.parametrize(
    ("method", "options"),
    [("shapley", {"samples": 2}), ("layer_conductance", {"layer": 0, "tolerance": 0.5})],
)
def test_every_method_can_be_checked_and_leaves_the_model_as_it_was(toy, method, options):
    reader, reading = toy
    print_before = reader.model.fingerprint
    checks = reader.sanity_checks(reading, "no_answer", method, removals=8, draws=1, **options)
    assert reader.model.fingerprint == print_before
    assert checks.infidelity > 0
    assert 0 <= checks.sensitivity < 50
    text = str(checks)
    assert text.startswith(f"SanityChecks({method}, logit of P(no answer): infidelity ")
    assert text.splitlines()[1].split() == ["randomised", "down", "to", "values", "|values|", "magnitudes"]
    assert len(text.splitlines()) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"removals": 7}, "removals has to be a whole number from 8 on, but is 7"),
        ({"draws": 0}, "draws has to be a whole number from 1 on, but is 0"),
        ({"radius": 0}, "radius has to be a number above 0, for example 0.05, but is 0"),
        ({"radius": math.nan}, "radius has to be a number above 0"),
        ({"seed": -1}, "seed has to be a whole number from 0 on"),
        ({"blank": 1}, "There is no option blank of an attribution"),
    ],
)
def test_options_that_cannot_work_are_refused(toy, options, message):
    reader, reading = toy
    with pytest.raises(InputError, match=message):
        reader.sanity_checks(reading, **options)
