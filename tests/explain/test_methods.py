"""Every method of attribution: against Captum, against plain loops, against closed forms, and for every family of models."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, LayerConductance, LayerIntegratedGradients
from checkpoints import CONFIGS, QUESTION, STORY, TOKENIZERS, model
from linear import D, Linear, contributions, linear_reader
from torch import nn

import qalens
from qalens.errors import InputError, ModelError
from qalens.explain.attribution.methods import attribute
from qalens.explain.attribution.options import Options
from qalens.explain.attribution.record import Attribution, rank_correlation
from qalens.explain.targets import Contrast, resolve
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.windows import Role

METHODS = ("integrated_gradients", "input_x_gradient", "occlusion", "shapley", "layer_conductance")
EVERY_ARCHITECTURE = pytest.mark.parametrize("architecture", CONFIGS)
ADA = "Ada kept the lamp in the hut."
MASK = toy_tokenizer().mask_token_id


def explain(
    reader, reading, target="answer", method="integrated_gradients", *, span=None, **options
) -> Attribution:
    """An attribution by the function underneath `Reader.attribute`, without the agreement unless it is asked for."""
    options = {"agreement": False} | options
    settled = resolve(reading, target, span=span)
    ids = {"pad_id": reader.tokenizer.pad_token_id, "mask_id": reader.tokenizer.mask_token_id}
    return attribute(reader.model, reading, settled, Options(method, **options), **ids)


def own_options(method: str) -> dict:
    return {"layer_conductance": {"layer": 0, "tolerance": 0.5}, "shapley": {"samples": 2}}.get(method, {})


@pytest.fixture(scope="module")
def toy():
    reader = Reader(toy_model(), toy_tokenizer(), max_length=64, stride=24, max_answer_length=8)
    return reader, reader.read(QUESTION, ADA)


@pytest.fixture(scope="module")
def exact():
    """The toy model in float64."""
    reader = Reader(toy_model().double(), toy_tokenizer(), max_length=64, stride=24, max_answer_length=8)
    return reader, reader.read(QUESTION, ADA)


@pytest.fixture(scope="module")
def linear():
    reader = linear_reader(Linear().double())
    return reader, reader.read(QUESTION, ADA)


def inputs_of(reading, w=0):
    n = int(reading.windows.lengths[w])
    return {name: torch.tensor(rows[w : w + 1, :n]) for name, rows in reading.windows.model_inputs.items()}


def distance(found, expected) -> float:
    """The sum of the differences' sizes over the sum of the sizes."""
    return float(np.abs(found - expected).sum() / np.abs(expected).sum())


def value_by_hand(reading, target, span=None):
    """A target as a function of a model's output, written once more."""
    settled = resolve(reading, target, span=span)
    null = int(reading.windows.null_index[0])

    def value(output):
        s, e = output.start_logits.double(), output.end_logits.double()
        if target == "no_answer":
            places = zip(reading.spans.token_start, reading.spans.token_end, strict=True)
            z = torch.stack([s[:, i] + e[:, j] for i, j in places], 1)
            return s[:, null] + e[:, null] - z.logsumexp(1)
        i, j = settled.tokens
        return {"start": s[:, i], "end": e[:, j], "answer": s[:, i] + e[:, j]}[target]

    return value


def baseline_ids(reading, id):
    ids = inputs_of(reading)["input_ids"].clone()
    n = ids.shape[1]
    ids[0, np.isin(reading.windows.role[0, :n], (Role.QUESTION, Role.CONTEXT))] = id
    return ids


# --- integrated gradients, against Captum -----------------------------------------------------------------------------


def captums_own(reader, reading, target, id, steps):
    module, inputs = reader.model.module, inputs_of(reading)
    value, names = value_by_hand(reading, target), [name for name in inputs if name != "input_ids"]

    def forward(ids, *rest):
        return value(module(input_ids=ids, **dict(zip(names, rest, strict=True))))

    found = LayerIntegratedGradients(forward, module.get_input_embeddings()).attribute(
        inputs["input_ids"],
        baselines=baseline_ids(reading, id),
        additional_forward_args=tuple(inputs[name] for name in names),
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=32,
    )
    return found.sum(-1)[0].detach().numpy()


@pytest.mark.parametrize("baseline", ["pad", "mask"])
@pytest.mark.parametrize("target", ["answer", "start", "end", "no_answer"])
def test_integrated_gradients_equal_captums_own(exact, target, baseline):
    reader, reading = exact
    ours = explain(reader, reading, target, baseline=baseline, tolerance=1e-4, max_points=4097)
    id = {"pad": reader.tokenizer.pad_token_id, "mask": MASK}[baseline]
    assert ours.converged
    assert distance(ours.values, captums_own(reader, reading, target, id, steps=300)) < 1e-3


@pytest.mark.parametrize("architecture", ["roberta", "electra", "albert"])
def test_integrated_gradients_equal_captums_own_for_other_families(architecture):
    reader = Reader(model(architecture), TOKENIZERS[architecture](), max_length=48)
    reading = reader.read(QUESTION, "Ada Marlow kept it.")
    ours = explain(reader, reading, "no_answer", tolerance=1e-4, max_points=4097)
    theirs = captums_own(reader, reading, "no_answer", reader.tokenizer.pad_token_id, steps=300)
    assert distance(ours.values, theirs) < 1e-3


def test_integrated_gradients_of_the_bundled_checkpoint_equal_captums_own():
    reader = qalens.load(device="cpu")
    reading = reader.read("Who kept it?", "Ada kept the lamp.")
    ours = explain(reader, reading, "no_answer", tolerance=1e-3, max_points=1025)
    assert ours.converged
    theirs = captums_own(reader, reading, "no_answer", reader.tokenizer.pad_token_id, steps=1000)
    assert distance(ours.values, theirs) < 1e-3


# --- the other methods, against loops and Captum ----------------------------------------------------------------------


@pytest.mark.parametrize("target", ["answer", "no_answer"])
def test_input_x_gradient_equals_captums_own(toy, target):
    reader, reading = toy
    value, inputs = value_by_hand(reading, target), inputs_of(reading)
    words = reader.model.module.get_input_embeddings()(inputs.pop("input_ids")).detach()
    forward = InputXGradient(lambda x: value(reader.model.module(inputs_embeds=x, **inputs)))
    expected = forward.attribute(words.requires_grad_()).sum(-1)[0].detach().numpy()
    special = reading.windows.role[0, : words.shape[1]] == Role.SPECIAL
    assert np.abs(expected[special]).max() > 0.01  # the special tokens are not varied by ours
    ours = explain(reader, reading, target, "input_x_gradient")
    np.testing.assert_allclose(ours.values, np.where(special, 0, expected), rtol=0, atol=1e-5)
    assert ours.baseline is None
    assert ours.converged is None


def values_without(reader, reading, target, away, id) -> float:
    """The target when the words `away` have other ids, one pass for each."""
    inputs = inputs_of(reading)
    ids = inputs["input_ids"].clone()
    for word in away:
        ids[0, list(word.tokens)] = id
    with torch.no_grad():
        return float(value_by_hand(reading, target)(reader.model.module(**inputs | {"input_ids": ids}))[0])


@pytest.mark.parametrize("baseline", ["pad", "mask"])
@pytest.mark.parametrize("target", ["answer", "no_answer"])
def test_occlusion_is_what_each_word_changes_alone(toy, target, baseline):
    reader, reading = toy
    id = {"pad": reader.tokenizer.pad_token_id, "mask": MASK}[baseline]
    ours = explain(reader, reading, target, "occlusion", baseline=baseline)
    whole = values_without(reader, reading, target, [], id)
    for word, found in zip(ours.words, ours.by_word(), strict=True):
        expected = whole - values_without(reader, reading, target, [word], id)
        assert found.value == pytest.approx(expected, abs=1e-4)
        # The tokens of a word share its value evenly.
        assert np.ptp(ours.values[list(word.tokens)]) < 1e-9
    assert np.abs([w.value for w in ours.by_word()]).max() > 0.1
    assert ours.diagnostics.value == pytest.approx(whole, abs=1e-4)
    assert ours.diagnostics.baseline_value == pytest.approx(
        values_without(reader, reading, target, ours.words, id), abs=1e-4
    )


def test_shapley_values_near_those_of_all_orders(toy):
    reader, _ = toy
    reading = reader.read("Who?", "Ada kept it.")
    ours = explain(reader, reading, "no_answer", "shapley", over="context", samples=150)
    words = [w for w in ours.words if w.role == Role.CONTEXT]
    assert len(words) == 4
    pad = reader.tokenizer.pad_token_id
    value = {
        kept: values_without(
            reader, reading, "no_answer", [w for k, w in enumerate(words) if k not in kept], pad
        )
        for size in range(5)
        for kept in map(frozenset, itertools.combinations(range(4), size))
    }
    orders = list(itertools.permutations(range(4)))
    gains = np.zeros((len(orders), 4))
    for row, order in zip(gains, orders, strict=True):
        for place, k in enumerate(order):
            row[k] = value[frozenset(order[: place + 1])] - value[frozenset(order[:place])]
    found = np.array([w.value for w in ours.by_word() if w.role == Role.CONTEXT])
    assert (gains.std(0) > 0.02).all()
    assert (np.abs(found - gains.mean(0)) < 4 * gains.std(0) / math.sqrt(150)).all()
    # Their standard errors are those of the orders drawn: exact values are about as far away as they say.
    errors = np.array([w.error for w in ours.by_word() if w.role == Role.CONTEXT])
    assert errors == pytest.approx(gains.std(0) / math.sqrt(150), rel=0.25)
    assert (np.abs(found - gains.mean(0)) < 4 * errors).all()
    assert "completeness holds for any number of orders, standard error of a word at most" in repr(ours)
    # Whatever the orders, they all sum to the change.
    assert ours.values.sum() == pytest.approx(value[frozenset(range(4))] - value[frozenset()], abs=1e-4)
    assert ours.completeness_error < 1e-4
    assert ours.by_segment()["question"] == 0


def test_one_order_has_no_standard_error(toy):
    reader, reading = toy
    one = explain(reader, reading, method="shapley", samples=1)
    assert one.errors is None
    assert {w.error for w in one.by_word()} == {None}
    assert repr(one).endswith("completeness holds for any number of orders)")


def test_shapley_values_are_those_of_their_seed(toy):
    reader, reading = toy
    first, again, other = (
        explain(reader, reading, method="shapley", samples=2, seed=seed).values for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize("layer", [0, 1])
def test_conductance_sums_to_the_change_and_is_captums_own(toy, layer):
    reader, reading = toy
    rough = explain(reader, reading, "no_answer", "layer_conductance", layer=layer, tolerance=0.2)
    assert rough.converged
    change = rough.diagnostics.value - rough.diagnostics.baseline_value
    assert abs(rough.values.sum() - change) <= 0.2 * max(abs(change), 0.1)
    ours = explain(
        reader, reading, "no_answer", "layer_conductance", layer=layer, tolerance=1e-9, max_points=256
    )
    assert ours.converged is False
    assert ours.layer == layer
    value, inputs = value_by_hand(reading, "no_answer"), inputs_of(reading)
    table, module = reader.model.module.get_input_embeddings(), reader.model.module
    words, away = (table(ids).detach() for ids in (inputs.pop("input_ids"), baseline_ids(reading, 0)))

    def forward(x):
        return value(module(inputs_embeds=x, **{k: v.expand(len(x), -1) for k, v in inputs.items()}))

    part = module.bert.encoder.layer[layer].output.LayerNorm
    found = LayerConductance(forward, part).attribute(
        words.requires_grad_(), baselines=away, n_steps=256, method="gausslegendre", internal_batch_size=64
    )
    assert distance(ours.values, found.sum(-1)[0].detach().numpy()) < 1e-3
    assert distance(ours.magnitudes, found.norm(dim=-1)[0].detach().numpy()) < 1e-3


# --- a linear model, in closed form -----------------------------------------------------------------------------------


def moved(reader, reading, baseline, part="word", roles=(Role.QUESTION, Role.CONTEXT)):
    """(T, D): the way of each embedding from the baseline to the input."""
    inputs, tables = inputs_of(reading), reader.model.module.embeddings
    T = inputs["input_ids"].shape[1]
    table, own = {
        "word": (tables.word_embeddings.weight, inputs["input_ids"][0]),
        "position": (tables.position_embeddings.weight, torch.arange(T)),
        "segment": (tables.token_type_embeddings.weight, inputs["token_type_ids"][0]),
    }[part]
    table = table.detach().numpy()
    if baseline == "zero":
        plain = np.zeros(D)
    elif baseline == "mean" or part != "word":
        plain = table.mean(0)
    else:
        plain = table[{"pad": reader.tokenizer.pad_token_id, "mask": MASK}[baseline]]
    return np.where(np.isin(reading.windows.role[0, :T], roles)[:, None], table[own.numpy()] - plain, 0)


CLOSED = {
    "integrated_gradients": {"tolerance": 1e-9},
    "input_x_gradient": {},
    "occlusion": {},
    "shapley": {"samples": 3},
}


@pytest.mark.parametrize("baseline", ["pad", "mask", "mean", "zero"])
@pytest.mark.parametrize("method", CLOSED)
def test_every_method_gives_the_closed_form_of_a_linear_model(linear, method, baseline):
    reader, reading = linear
    kind = "zero" if method == "input_x_gradient" else baseline
    expected = contributions(reader.model.module, moved(reader, reading, kind), reading.decision.best.tokens)
    ours = explain(reader, reading, method=method, baseline=baseline, **CLOSED[method])
    # Captum adds Shapley values up in float32.
    close = {"abs": 1e-5 if method == "shapley" else 1e-9}
    if method in ("occlusion", "shapley"):
        for word, found in zip(ours.words, ours.by_word(), strict=True):
            assert found.value == pytest.approx(expected[list(word.tokens)].sum(), **close)
    else:
        np.testing.assert_allclose(ours.values, expected, rtol=0, atol=1e-9)
    assert ours.diagnostics.value - ours.diagnostics.baseline_value == pytest.approx(expected.sum(), abs=1e-9)
    assert ours.completeness_error < close["abs"]
    assert ours.diagnostics.other_span_share is None or method == "integrated_gradients"


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient"])
def test_start_end_and_parts_of_a_linear_model_are_told_apart(linear, method):
    reader, reading = linear
    tokens, module = reading.decision.best.tokens, reader.model.module
    kind = "pad" if method == "integrated_gradients" else "zero"
    ways = {part: moved(reader, reading, kind, part) for part in ("word", "position", "segment")}
    ours = explain(reader, reading, method=method, split=True, parts=tuple(ways))
    for part, way in ways.items():
        np.testing.assert_allclose(ours.parts[part], contributions(module, way, tokens), rtol=0, atol=1e-9)
    whole = sum(ways.values())
    np.testing.assert_allclose(
        ours.start_values, contributions(module, whole, tokens, (0,)), rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(ours.end_values, contributions(module, whole, tokens, (1,)), rtol=0, atol=1e-9)
    assert list(ours.parts) == list(ways)


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient"])
def test_the_size_of_a_token_is_the_length_of_its_contribution(linear, method, split):
    reader, reading = linear
    module, (i, j) = reader.model.module, reading.decision.best.tokens
    kind = "pad" if method == "integrated_gradients" else "zero"
    ways = [moved(reader, reading, kind, part) for part in ("word", "segment")]
    pulls = module.pulls(len(ways[0])).detach().numpy()
    directions = module.directions.detach().numpy()
    gradients = pulls[0, i, :, None] * directions[0] + pulls[1, j, :, None] * directions[1]
    expected = np.linalg.norm(np.concatenate([way * gradients for way in ways], 1), axis=1)
    ours = explain(reader, reading, method=method, parts=("word", "segment"), split=split)
    np.testing.assert_allclose(ours.magnitudes, expected, rtol=0, atol=1e-9)


def test_the_size_is_a_mean_along_the_path(exact):
    reader, reading = exact
    ours = explain(reader, reading, "no_answer", tolerance=1e-4, max_points=4097)
    value, inputs = value_by_hand(reading, "no_answer"), inputs_of(reading)
    table, module = reader.model.module.get_input_embeddings(), reader.model.module
    words, away = (table(ids).detach() for ids in (inputs.pop("input_ids"), baseline_ids(reading, 0)))
    places, weights = np.polynomial.legendre.leggauss(100)
    total = np.zeros(words.shape[1])
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        here = (away + place * (words - away)).requires_grad_()
        (gradient,) = torch.autograd.grad(value(module(inputs_embeds=here, **inputs)).sum(), here)
        total += weight * (gradient * (words - away)).norm(dim=-1)[0].numpy()
    assert distance(ours.magnitudes, total) < 1e-3


@pytest.mark.parametrize("method", ["occlusion", "shapley"])
def test_where_there_are_no_coordinates_the_size_is_that_of_the_value(toy, method):
    ours = explain(*toy, "no_answer", method, **own_options(method))
    np.testing.assert_array_equal(ours.magnitudes, np.abs(ours.values))


@pytest.mark.parametrize("over", ["question", "context"])
@pytest.mark.parametrize("method", CLOSED)
def test_what_is_not_varied_has_nothing(linear, method, over):
    reader, reading = linear
    role = {"question": Role.QUESTION, "context": Role.CONTEXT}[over]
    kind = "zero" if method == "input_x_gradient" else "pad"
    expected = contributions(
        reader.model.module, moved(reader, reading, kind, roles=(role,)), reading.decision.best.tokens
    )
    ours = explain(reader, reading, method=method, over=over, **CLOSED[method])
    assert (ours.values[ours.roles != role] == 0).all()
    assert (ours.magnitudes[ours.roles != role] == 0).all()
    close = 1e-5 if method == "shapley" else 1e-9
    assert ours.values.sum() == pytest.approx(expected.sum(), abs=close)
    assert ours.completeness_error < close


def test_a_contrast_of_a_linear_model_is_the_difference_of_both_sides(linear):
    reader, reading = linear
    a, b = reading.spans.top(2)
    way, module = moved(reader, reading, "pad"), reader.model.module
    null = (int(reading.windows.null_index[0]),) * 2
    for sides, tokens in (((a, b), (a.tokens, b.tokens)), ((a, None), (a.tokens, null))):
        ours = explain(reader, reading, Contrast(*sides))
        first, second = (contributions(module, way, pair) for pair in tokens)
        np.testing.assert_allclose(ours.values, first - second, rtol=0, atol=1e-9)
        starts = [contributions(module, way, pair, (0,)) for pair in tokens]
        np.testing.assert_allclose(ours.start_values, starts[0] - starts[1], rtol=0, atol=1e-9)


# --- invariants of a real model ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["answer", "start", "no_answer", Contrast((0, 3), (13, 17))])
def test_integrated_gradients_are_complete_to_a_millionth_in_float64(exact, target):
    reader, reading = exact
    ours = explain(reader, reading, target, tolerance=1e-6, max_points=8193)
    assert ours.converged
    change = ours.diagnostics.value - ours.diagnostics.baseline_value
    assert abs(ours.values.sum() - change) <= 1e-6 * max(abs(change), 0.1)


def test_a_contrast_is_the_difference_of_two_attributions(exact):
    reader, reading = exact
    a, b = (0, 3), (13, 17)
    options = {"tolerance": 1e-6, "max_points": 8193, "split": True}
    first, second = (explain(reader, reading, span=span, **options) for span in (a, b))
    contrast = explain(reader, reading, Contrast(a, b), **options)
    for name in ("values", "start_values", "end_values"):
        expected = getattr(first, name) - getattr(second, name)
        np.testing.assert_allclose(getattr(contrast, name), expected, rtol=0, atol=1e-5)
    back = explain(reader, reading, Contrast(b, a), **options)
    np.testing.assert_allclose(back.values, -contrast.values, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient"])
def test_the_answer_is_its_start_and_its_end(exact, method):
    reader, reading = exact
    options = {"method": method, "tolerance": 1e-6, "max_points": 8193}
    answer, start, end = (
        explain(reader, reading, target, split=True, **options) for target in ("answer", "start", "end")
    )
    np.testing.assert_allclose(answer.values, start.values + end.values, rtol=0, atol=1e-5)
    np.testing.assert_allclose(answer.start_values, start.values, rtol=0, atol=1e-5)
    np.testing.assert_allclose(answer.end_values, end.values, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(start.end_values, 0)
    np.testing.assert_array_equal(end.start_values, 0)


@pytest.mark.parametrize("target", ["answer", "no_answer", Contrast((0, 3), None)])
@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient"])
def test_shares_and_parts_sum_to_the_values(toy, target, method):
    reader, reading = toy
    whole = explain(reader, reading, target, method, split=False, parts=("word", "position", "segment"))
    split = explain(reader, reading, target, method, split=True, parts=("word", "position", "segment"))
    assert (whole.start_values, whole.end_values) == (None, None)
    np.testing.assert_allclose(split.start_values + split.end_values, split.values, rtol=0, atol=1e-9)
    np.testing.assert_allclose(sum(split.parts.values()), split.values, rtol=0, atol=1e-9)
    np.testing.assert_allclose(sum(whole.parts.values()), whole.values, rtol=0, atol=1e-9)
    np.testing.assert_allclose(split.values, whole.values, rtol=0, atol=1e-4)
    assert all(np.abs(part).max() > 1e-3 for part in whole.parts.values())


@pytest.mark.parametrize(
    ("target", "method", "options", "expected"),
    [
        ("answer", "integrated_gradients", {}, False),
        (Contrast((0, 3)), "integrated_gradients", {}, True),
        (Contrast((0, 3)), "integrated_gradients", {"split": False}, False),
        (Contrast((0, 3)), "occlusion", {}, False),
        ("no_answer", "input_x_gradient", {"split": True}, True),
    ],
)
def test_values_are_split_for_a_contrast_or_when_asked_for(toy, target, method, options, expected):
    ours = explain(*toy, target, method, **options)
    assert (ours.start_values is not None) == (ours.end_values is not None) == expected


def test_more_than_the_asked_tolerance_is_not_converged(toy):
    ours = explain(*toy, "no_answer", tolerance=1e-12, max_points=33)
    assert ours.converged is False
    assert ours.diagnostics.passes <= 33
    assert ours.diagnostics.tolerance == 1e-12


@pytest.mark.parametrize("over", ["all", "question", "context"])
def test_completeness_holds_for_the_baseline_that_was_taken(toy, over):
    reader, reading = toy
    ours = explain(reader, reading, "no_answer", over=over, tolerance=0.01, max_points=2049)
    roles = {"all": (Role.QUESTION, Role.CONTEXT), "question": (Role.QUESTION,), "context": (Role.CONTEXT,)}[
        over
    ]
    away = [w for w in ours.words if w.role in roles]
    low = values_without(reader, reading, "no_answer", away, reader.tokenizer.pad_token_id)
    assert ours.diagnostics.baseline_value == pytest.approx(low, abs=1e-4)
    assert ours.diagnostics.value == pytest.approx(
        values_without(reader, reading, "no_answer", [], 0), abs=1e-4
    )
    assert ours.converged
    assert not ours.values[~np.isin(ours.roles, roles)].any()


def test_the_record_tells_what_was_explained_and_how(toy):
    reader, reading = toy
    ours = explain(reader, reading, "no_answer", baseline="mean", over="context")
    T = int(reading.windows.lengths[0])
    assert (ours.question, ours.context) == (QUESTION, ADA)
    assert (ours.method, ours.baseline, ours.over, ours.layer) == (
        "integrated_gradients",
        "mean",
        "context",
        None,
    )
    assert ours.target == resolve(reading, "no_answer")
    assert ours.tokens.tolist() == reading.windows.tokens[0, :T].tolist()
    assert ours.roles.tolist() == reading.windows.role[0, :T].tolist()
    assert ours.offsets.tolist() == reading.windows.offsets[0, :T].tolist()
    assert ours.model == "BertForQuestionAnswering"
    assert ours.values.dtype == np.float64


# --- several windows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("null", ["min", "mean", "max"])
def test_in_a_long_text_the_value_is_that_of_the_whole_reading(toy, null):
    reader = toy[0].with_options(null=null)
    reading = reader.read(QUESTION, STORY)
    p = reading.no_answer_probability
    ours = explain(reader, reading, "no_answer")
    assert ours.diagnostics.value == pytest.approx(math.log(p) - math.log1p(-p), abs=1e-4)
    assert len(ours.tokens) == reading.windows.lengths[ours.target.window]
    best = reading.decision.best
    ours = explain(reader, reading, "answer")
    assert ours.diagnostics.value == pytest.approx(best.score, abs=1e-4)
    assert ours.target.window == best.window
    seen = reading.windows.char_ranges[best.window]
    assert all(w.span.end > seen[0] and w.span.start < seen[1] for w in ours.words if w.role == Role.CONTEXT)


def test_an_explanation_in_a_long_text_runs_its_own_window_alone(toy):
    reader, _ = toy
    reading = reader.read(QUESTION, STORY * 3)
    shapes = set()
    handle = reader.model.module.register_forward_pre_hook(
        lambda _, args, named: shapes.add(named["input_ids"].shape[1]), with_kwargs=True
    )
    ours = explain(reader, reading, "no_answer", agreement=True)
    handle.remove()
    assert shapes == {len(ours.tokens)}


# --- diagnostics ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_passes_count_every_row_that_the_model_ran(toy, method):
    reader, reading = toy
    rows = []
    handle = reader.model.module.register_forward_pre_hook(
        lambda _, args, named: rows.append(len(named["input_ids"])), with_kwargs=True
    )
    ours = explain(reader, reading, "no_answer", method, agreement=True, **own_options(method))
    handle.remove()
    assert ours.diagnostics.passes == sum(rows) - 1  # the first looks the embeddings up


@pytest.mark.parametrize(
    ("method", "agreement", "others"),
    [
        ("integrated_gradients", None, ["mask", "mean", "zero"]),
        ("occlusion", None, ["mask", "mean", "zero"]),
        ("shapley", None, []),
        ("shapley", True, ["mask", "mean", "zero"]),
        ("integrated_gradients", False, []),
        ("input_x_gradient", None, []),
        ("input_x_gradient", True, []),
        ("layer_conductance", None, []),
    ],
)
def test_agreement_is_told_for_the_other_baselines(toy, method, agreement, others):
    ours = explain(*toy, "no_answer", method, agreement=agreement, **own_options(method))
    assert list(ours.diagnostics.agreement) == others
    assert all(-1 <= r <= 1 for r in ours.diagnostics.agreement.values())


def test_agreement_is_the_rank_correlation_by_word(toy):
    reader, reading = toy
    for method in ("integrated_gradients", "occlusion"):
        options = {"method": method, "tolerance": 1e-3, "max_points": 4097}
        ours = explain(reader, reading, "no_answer", agreement=True, **options)
        for baseline, found in ours.diagnostics.agreement.items():
            other = explain(reader, reading, "no_answer", baseline=baseline, **options)
            a, b = ([w.value for w in one.by_word()] for one in (ours, other))
            assert found == pytest.approx(rank_correlation(a, b), abs=0.15 if method != "occlusion" else 1e-9)


def test_what_is_elsewhere_is_the_share_of_the_path_with_another_best_span(toy):
    reader, _ = toy
    reading = reader.read(QUESTION, "Ada kept the lamp in the room.")
    ours = explain(reader, reading, "answer", tolerance=0.01, max_points=2049)
    inputs, table = inputs_of(reading), reader.model.module.get_input_embeddings()
    words, away = (table(ids).detach() for ids in (inputs.pop("input_ids"), baseline_ids(reading, 0)))
    steps = np.linspace(0, 1, 401)
    elsewhere = []
    inside = np.flatnonzero(reading.windows.answerable[0])
    legal = [(i, j) for i in inside for j in inside if i <= j < i + reading.max_answer_length]
    rows = {name: x.expand(len(steps), -1) for name, x in inputs.items()}
    with torch.no_grad():
        path = away + torch.tensor(steps, dtype=torch.float32)[:, None, None] * (words - away)
        output = reader.model.module(inputs_embeds=path, **rows)
    for s, e in zip(output.start_logits.numpy(), output.end_logits.numpy(), strict=True):
        elsewhere.append(max(legal, key=lambda ij: s[ij[0]] + e[ij[1]]) != reading.decision.best.tokens)
    assert 0.05 < np.mean(elsewhere) < 0.95
    assert ours.diagnostics.other_span_share == pytest.approx(np.mean(elsewhere), abs=0.06)


def test_the_share_on_the_answer_is_by_size(toy):
    ours = explain(*toy, "answer")
    i, j = ours.target.tokens
    sizes = np.abs(ours.values)
    assert ours.diagnostics.answer_share == pytest.approx(sizes[i : j + 1].sum() / sizes.sum())


# --- every family of models -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def family():
    """A reader and a reading of each architecture, made when first asked for."""
    made = {}

    def get(architecture):
        if architecture not in made:
            reader = Reader(model(architecture), TOKENIZERS[architecture](), max_length=48)
            made[architecture] = reader, reader.read(QUESTION, "Ada Marlow kept it.")
        return made[architecture]

    return get


@EVERY_ARCHITECTURE
@pytest.mark.parametrize("method", METHODS)
def test_every_family_can_be_explained_by_every_method(family, architecture, method):
    reader, reading = family(architecture)
    if (architecture, method) == ("albert", "layer_conductance"):
        with pytest.raises(
            ModelError, match="runs 1 block 2 times, and the conductance of one of these runs cannot"
        ):
            explain(reader, reading, "no_answer", method, layer=0)
        return
    ours = explain(reader, reading, "no_answer", method, **own_options(method))
    p = reading.no_answer_probability
    assert ours.diagnostics.value == pytest.approx(math.log(p) - math.log1p(-p), abs=1e-4)
    assert np.isfinite(ours.values).all()
    # DeBERTa normalises the word embedding alone, so its length changes nothing.
    lengthless = (architecture, method) == ("deberta-v2", "input_x_gradient")
    assert (np.abs(ours.values).max() > 1e-4) != lengthless
    assert ours.converged in (
        (True, False) if method in ("integrated_gradients", "layer_conductance") else (None,)
    )
    assert not ours.converged or ours.completeness_error <= ours.diagnostics.tolerance


@EVERY_ARCHITECTURE
def test_no_family_converges_without_having_done_so(family, architecture):
    reader, reading = family(architecture)
    ours = explain(reader, reading, "answer", tolerance=1e-3, max_points=257)
    change = ours.diagnostics.value - ours.diagnostics.baseline_value
    error = abs(ours.values.sum() - change) / max(abs(change), 0.1)
    assert ours.completeness_error == pytest.approx(error, abs=1e-6)
    if ours.converged:
        assert error <= 1e-3 + 1e-6


def test_a_norm_that_is_singular_at_the_baseline_does_not_converge_and_says_so():
    # A DeBERTa without positions normalises the word embedding alone, and the padding's is zero: the direction of its
    # path never changes, and its length matters only where it is nearly nothing.
    module = model("deberta-v2")
    with torch.no_grad():
        module.deberta.embeddings.word_embeddings.weight.mul_(1e4)
    reader = Reader(module, TOKENIZERS["deberta-v2"](), max_length=48)
    reading = reader.read(QUESTION, "Ada Marlow kept it.")
    ours = explain(reader, reading, "no_answer", tolerance=0.05)
    assert ours.converged is False
    assert np.isfinite(ours.values).all()
    assert "NOT converged" in repr(ours)


def test_words_that_the_tokens_of_a_batch_second_model_hold_keep_their_places(family):
    """XLNet hands its states on with the tokens first; its conductance has them in their places all the same."""
    reader, reading = family("xlnet")
    ours = explain(reader, reading, "answer", "layer_conductance", layer=1, tolerance=0.1)
    last = ours.target.tokens
    # Behind the last layer only what the head looks at can matter.
    assert set(np.flatnonzero(np.abs(ours.values) > 1e-9)) == set(last)


@pytest.mark.parametrize("method", METHODS)
def test_half_precision_gives_about_the_same_numbers(toy, method):
    reader = Reader(toy_model().bfloat16(), toy_tokenizer(), max_length=64, max_answer_length=8)
    reading = reader.read(QUESTION, ADA)
    half = explain(reader, reading, "no_answer", method, **own_options(method) | {"tolerance": 0.5})
    full = explain(*toy, "no_answer", method, **own_options(method) | {"tolerance": 0.5})
    assert half.values.dtype == np.float64
    assert np.isfinite(half.values).all()
    assert np.corrcoef(half.values, full.values)[0, 1] > 0.9
    assert half.diagnostics.value == pytest.approx(full.diagnostics.value, abs=0.5)


# --- the model is left as it was --------------------------------------------------------------------------------------


def state_of(module):
    """All that an explanation could leave behind in a model and in torch."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return (
        [len(getattr(part, kind)) for part in module.modules() for kind in kinds],
        [part.training for part in module.modules()],
        [(w.requires_grad, w.grad is None, w._version) for w in module.parameters()],
        torch.random.get_rng_state().tolist(),
        torch.is_grad_enabled(),
        sorted(vars(module)),
    )


@pytest.mark.parametrize("method", METHODS)
def test_an_explanation_leaves_the_model_and_torch_as_they_were(method):
    module = toy_model().train()
    module.bert.pooler = None
    module.qa_outputs.bias.requires_grad_(False)
    module.bert.embeddings.dropout.eval()
    reader = Reader(module, toy_tokenizer())
    reading = reader.read(QUESTION, ADA)
    before = state_of(module)
    ours = explain(reader, reading, "no_answer", method, agreement=True, **own_options(method))
    assert state_of(module) == before
    again = explain(reader, reading, "no_answer", method, agreement=True, **own_options(method))
    np.testing.assert_array_equal(ours.values, again.values)


class Breaking(nn.Module):
    """A toy model that fails at its run number `at`."""

    def __init__(self):
        super().__init__()
        self.inner, self.at = toy_model(), 10**9

    def get_input_embeddings(self):
        return self.inner.get_input_embeddings()

    def forward(self, **inputs):
        self.at -= 1
        if self.at < 0:
            raise RuntimeError("out of memory")
        return self.inner(**inputs)


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("method", METHODS)
def test_an_explanation_that_fails_leaves_them_so_too(method, at):
    module = Breaking().train()
    reader = Reader(module, toy_tokenizer())
    reading = reader.read(QUESTION, ADA)
    before, module.at = state_of(module), at
    if (method, at) == ("integrated_gradients", 2):  # which needs two passes here
        explain(reader, reading, "no_answer", method)
        return
    with pytest.raises(ModelError, match="Breaking failed on this text: RuntimeError: out of memory"):
        explain(reader, reading, "no_answer", method, **own_options(method))
    module.at = 0
    assert state_of(module) == before


def test_an_explanation_works_where_gradients_are_off(toy):
    expected = explain(*toy, "no_answer").values
    for off in (torch.no_grad, torch.inference_mode):
        with off():
            np.testing.assert_array_equal(explain(*toy, "no_answer").values, expected)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gradients"}, "method has to be one of 'integrated_gradients', .* but is 'gradients'"),
        ({"method": None}, "method has to be one of .* but is None"),
        ({"baseline": "noise"}, "baseline has to be one of 'pad', 'mask', 'mean', 'zero', but is 'noise'"),
        ({"over": "answer"}, "over has to be one of 'all', 'question', 'context', but is 'answer'"),
        ({"parts": ("position",)}, "parts has to be a tuple that holds \"word\", but is \\('position',\\)"),
        ({"parts": "word"}, "parts has to be a tuple that holds \"word\", but is 'word'"),
        ({"parts": ("word", "type")}, "parts has to be one of 'word', 'position', 'segment', but is 'type'"),
        ({"tolerance": 0}, "tolerance has to be a share above 0, for example 0.05, but is 0"),
        ({"tolerance": math.nan}, "tolerance has to be a share above 0, .* but is nan"),
        ({"tolerance": math.inf}, "tolerance has to be a share above 0, .* but is inf"),
        ({"tolerance": "5%"}, "tolerance has to be a share above 0, .* but is '5%'"),
        ({"max_points": 16}, "max_points has to be a whole number from 17 on, but is 16"),
        ({"max_points": 100.0}, "max_points has to be a whole number from 17 on, but is 100.0"),
        ({"method": "shapley", "samples": 0}, "samples has to be a whole number from 1 on, but is 0"),
        ({"method": "shapley", "samples": True}, "samples has to be a whole number from 1 on, but is True"),
        ({"seed": -1}, "seed has to be a whole number from 0 on, but is -1"),
        ({"seed": None}, "seed has to be a whole number from 0 on, but is None"),
        (
            {"method": "occlusion", "split": True},
            "split needs one of the methods integrated_gradients, input_x_gradient",
        ),
        (
            {"method": "shapley", "parts": ("word", "position")},
            'shapley varies whole words; parts has to be \\("word",\\)',
        ),
        (
            {"layer": 1},
            'layer belongs to method="layer_conductance" and is needed there; method is .* and layer is 1',
        ),
        ({"method": "layer_conductance"}, "layer belongs to .* and layer is None"),
        (
            {"method": "layer_conductance", "layer": "1"},
            "layer has to be a whole number from 0 on, but is '1'",
        ),
        ({"method": "layer_conductance", "layer": -1}, "layer has to be a whole number from 0 on, but is -1"),
        (
            {"method": "layer_conductance", "layer": True},
            "layer has to be a whole number from 0 on, but is True",
        ),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Options(**options)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "integrated_gradients"),
        ({"agreement": False}, "integrated_gradients"),
        ({"method": "occlusion", "baseline": "mask"}, "occlusion(baseline='mask')"),
        ({"over": "question", "tolerance": 0.01}, "integrated_gradients(over='question', tolerance=0.01)"),
        ({"method": "layer_conductance", "layer": 3}, "layer_conductance(layer=3)"),
    ],
)
def test_options_have_a_name_that_tells_them_apart(options, name):
    assert Options(**options).name == name


def test_options_are_all_told_of():
    assert all(f"\n    {f.name} : " in Options.__doc__ for f in fields(Options))


def counted(module):
    runs = []
    module.register_forward_pre_hook(lambda *_: runs.append(1))
    return runs


def test_a_mask_baseline_needs_a_mask_token_and_says_so_before_the_model_runs():
    tokenizer = toy_tokenizer()
    tokenizer.mask_token = None
    reader = Reader(toy_model(), tokenizer)
    reading = reader.read(QUESTION, ADA)
    runs = counted(reader.model.module)
    with pytest.raises(
        InputError, match='The tokenizer has no mask token; take baseline="pad", "mean" or "zero"'
    ):
        explain(reader, reading, baseline="mask")
    assert runs == []
    ours = explain(reader, reading, agreement=True)
    assert list(ours.diagnostics.agreement) == ["mean", "zero"]


@pytest.mark.parametrize(
    ("architecture", "parts"), [("deberta-v2", ("word", "position")), ("xlnet", ("word", "segment"))]
)
def test_a_part_that_a_model_does_not_have_is_refused(family, architecture, parts):
    reader, reading = family(architecture)
    with pytest.raises(InputError, match=f"has no {parts[1]} embeddings that can be exchanged; it has word."):
        explain(reader, reading, parts=parts)


def test_a_layer_that_a_model_does_not_have_is_refused(toy):
    with pytest.raises(
        InputError, match="layer has to be from 0 to 1 for BertForQuestionAnswering, but is 2"
    ):
        explain(*toy, method="layer_conductance", layer=2)


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_a_question_without_tokens_cannot_be_varied(toy, method):
    reader, _ = toy
    reading = reader.read("\u200b", ADA)
    assert Role.QUESTION not in reading.windows.role
    with pytest.raises(
        InputError, match="This window has no tokens of the question; there is nothing to vary"
    ):
        explain(reader, reading, method=method, over="question")
    assert explain(reader, reading, method=method).values.any()


# --- numbers that are none --------------------------------------------------------------------------------------------


class Unit(Linear):
    """Every embedding at length 1; there is no such thing for zeros."""

    def __init__(self):
        super().__init__()
        with torch.no_grad():
            self.embeddings.position_embeddings.weight.zero_()
            self.embeddings.token_type_embeddings.weight.zero_()

    def shape(self, x):
        return x / x.square().sum(-1, keepdim=True).sqrt()


class Root(Unit):
    """A root has a value at zero, and no slope."""

    def shape(self, x):
        return x.abs().sqrt()


@pytest.mark.parametrize(
    ("kind", "method", "message"),
    [
        (Unit, "integrated_gradients", "Unit gives nan for the score of “.*” on the way to the baseline"),
        (Unit, "occlusion", "Unit gives nan for the score of"),
        (Unit, "shapley", "Unit gives nan for the score of"),
        (Unit, "input_x_gradient", "Unit gives nan for the score of"),
        (
            Root,
            "integrated_gradients",
            "Root gives (nan|-?inf) for the gradient of the score of “.*” on the way to",
        ),
    ],
)
def test_nan_on_the_way_is_reported_and_never_a_value(kind, method, message):
    reader = linear_reader(kind())
    reading = reader.read(QUESTION, ADA)
    with pytest.raises(ModelError, match=message):
        explain(reader, reading, method=method, baseline="zero", agreement=False)


def test_nan_under_another_baseline_harms_the_agreement_alone():
    reader = linear_reader(Unit())
    reading = reader.read(QUESTION, ADA)
    ours = explain(reader, reading, method="occlusion", agreement=True)
    assert np.isfinite(ours.values).all()
    assert math.isnan(ours.diagnostics.agreement["zero"])
    assert all(-1 <= ours.diagnostics.agreement[b] <= 1 for b in ("mask", "mean"))


class Frozen(Linear):
    @torch.no_grad()
    def forward(self, **inputs):
        return super().forward(**inputs)


def test_a_model_that_cuts_its_gradients_is_refused_by_the_methods_that_need_them():
    reader = linear_reader(Frozen())
    reading = reader.read(QUESTION, ADA)
    for method in ("integrated_gradients", "input_x_gradient"):
        with pytest.raises(
            ModelError, match=f"Frozen computes its logits without gradients, which {method} needs"
        ):
            explain(reader, reading, method=method)
    assert explain(reader, reading, method="occlusion").values.any()


class OneSided(Linear):
    """Only its start logits depend on the segments, and each only on its own token."""

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        words = self.embeddings.word_embeddings(input_ids).sum(-1)
        segments = self.embeddings.token_type_embeddings(token_type_ids).sum(-1)
        return SimpleNamespace(start_logits=words + segments, end_logits=words)


def test_what_hangs_on_nothing_has_nothing():
    reader = linear_reader(OneSided())
    reading = reader.read(QUESTION, ADA)
    start, end = (
        explain(reader, reading, name, split=True, parts=("word", "segment")) for name in ("start", "end")
    )
    assert start.parts["segment"].any()
    assert not end.parts["segment"].any()
    assert end.parts["word"].any()
    assert np.flatnonzero(end.values).tolist() == [end.target.tokens[1]]


class Jump(Linear):
    """A step where the first embedding passes its middle; its slope does not show it."""

    def shape(self, x):
        return x + 100 * (x.detach()[..., :1] > 0)


def test_a_jump_on_the_way_is_not_converged():
    reader = linear_reader(Jump())
    ours = explain(reader, reader.read(QUESTION, ADA), baseline="zero")
    assert ours.converged is False
    assert ours.completeness_error > 0.05
