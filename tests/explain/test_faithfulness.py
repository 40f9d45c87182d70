"""Faithfulness: against passes with ids written out by hand, and on a linear model whose true order is known."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, pairwise, permutations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from checkpoints import QUESTION, STORY
from linear import Linear, contributions, linear_reader

from qalens.errors import InputError, ModelError
from qalens.explain.attribution.embeddings import TargetFunction
from qalens.explain.attribution.methods import attribute
from qalens.explain.attribution.options import Options
from qalens.explain.attribution.record import FailedAttribution
from qalens.explain.faithfulness.masking_test import SHARES, Faithfulness, faithfulness
from qalens.explain.faithfulness.replacements import replacement_ids
from qalens.explain.targets import Contrast, resolve
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.windows import Role

ADA = "Ada kept the lamp in the hut for a year, and why was it on?"
MASK = toy_tokenizer().mask_token_id
SHARE_COUNTS = (0.01, 0.05, 0.1, 0.2, 0.5)


@pytest.fixture(scope="module")
def toy():
    reader = Reader(toy_model(), toy_tokenizer(), max_length=96, stride=24, max_answer_length=8)
    return reader, reader.read(QUESTION, ADA)


@pytest.fixture(scope="module")
def linear():
    reader = linear_reader(Linear().double())
    return reader, reader.read(QUESTION, ADA)


def explain(reader, reading, target="answer", method="input_x_gradient", **options):
    settled = resolve(reading, target)
    return attribute(
        reader.model, reading, settled, Options(method, agreement=False, **options), pad_id=0, mask_id=MASK
    )


def measured(reader, reading, *attributions, **options):
    return faithfulness(reader.model, reading, attributions, mask_id=MASK, **options)


def inputs_of(reading, w=0):
    n = int(reading.windows.lengths[w])
    return {name: torch.tensor(rows[w : w + 1, :n]) for name, rows in reading.windows.model_inputs.items()}


def masked_value(reader, reading, target, words) -> float:
    """The target with the tokens of some words masked, in a pass of its own."""
    inputs = inputs_of(reading, target.window)
    ids = inputs["input_ids"].clone()
    for word in words:
        ids[0, list(word.tokens)] = MASK
    with torch.no_grad():
        output = reader.model.module(**inputs | {"input_ids": ids})
    return float(TargetFunction(reading, target)(output.start_logits, output.end_logits))


def free_words(attribution):
    """The words that may be masked, in the order of an attribution, largest value first."""
    target = attribution.target
    own = set()
    for pair in (target.tokens, target.rival_tokens):
        if pair is not None:
            own |= set(range(pair[0], pair[1] + 1))
    words = [w for w in attribution.words if not own & set(w.tokens)]
    if attribution.over != "all":
        words = [w for w in words if w.role.name.lower() == attribution.over]
    return sorted(words, key=lambda w: -attribution.values[list(w.tokens)].sum())


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "over"),
    [
        ("answer", "all"),
        ("start", "context"),
        ("no_answer", "all"),
        ("no_answer", "question"),
        (Contrast((0, 3), (13, 17)), "all"),
        (Contrast((0, 3), None), "all"),
    ],
)
def test_every_number_is_that_of_ids_masked_by_hand(toy, target, over):
    reader, reading = toy
    attribution = explain(reader, reading, target, over=over)
    (found,) = measured(reader, reading, attribution)
    words = free_words(attribution)
    n, settled = len(words), attribution.target

    def value(masked) -> float:
        return masked_value(reader, reading, settled, masked)

    whole = value([])
    assert found.words == n
    assert found.value == pytest.approx(whole, abs=1e-4)
    assert tuple(found.shares) == SHARES == SHARE_COUNTS
    for k, share in enumerate(SHARE_COUNTS):
        many = math.ceil(round(share * n, 9))
        assert found.comprehensiveness[k] == pytest.approx(whole - value(words[:many]), abs=1e-4)
        assert found.sufficiency[k] == pytest.approx(whole - value(words[many:]), abs=1e-4)
    assert found.steps.tolist() == pytest.approx([k / 20 for k in range(21)])
    for k, step in enumerate(found.steps):
        many = math.ceil(round(step * n, 9))
        assert found.deletion[k] == pytest.approx(value(words[:many]), abs=1e-4)
        assert found.insertion[k] == pytest.approx(value(words[many:]), abs=1e-4)
    assert found.deletion[0] == found.value == found.insertion[-1]
    assert found.deletion[-1] == found.insertion[0]
    assert np.ptp(found.deletion) > 0.1


def test_a_score_is_the_mean_over_the_shares(toy):
    reader, reading = toy
    (found,) = measured(reader, reading, explain(reader, reading))
    assert found.comprehensive.value == pytest.approx(found.comprehensiveness.mean())
    assert found.sufficient.value == pytest.approx(found.sufficiency.mean())


def test_the_areas_are_those_of_trapezoids(toy):
    reader, reading = toy
    (found,) = measured(reader, reading, explain(reader, reading))
    for curve, area in ((found.deletion, found.deletion_area), (found.insertion, found.insertion_area)):
        assert area == pytest.approx(sum((a + b) / 2 / 20 for a, b in pairwise(curve)))


def test_z_and_the_normalised_score_follow_from_the_rankings(toy):
    reader, reading = toy
    attribution = explain(reader, reading, "no_answer")
    (found,) = measured(reader, reading, attribution, random_rankings=5, beam=0, seed=3)
    ranked, target = free_words(attribution), attribution.target
    in_text = [w for w in attribution.words if w in ranked]
    n = len(in_text)

    def scores(order) -> tuple[float, float]:
        whole = masked_value(reader, reading, target, [])
        counts = [math.ceil(round(share * n, 9)) for share in SHARE_COUNTS]
        out, left = (
            [masked_value(reader, reading, target, part) for part in parts]
            for parts in ([order[:many] for many in counts], [order[many:] for many in counts])
        )
        return whole - np.mean(out), whole - np.mean(left)

    rng = np.random.default_rng(3)
    random = np.array([scores([in_text[k] for k in rng.permutation(n)]) for _ in range(5)])
    alone = sorted(in_text, key=lambda w: masked_value(reader, reading, target, [w]))
    own = scores(ranked)
    others = np.array([scores(alone), scores(alone[::-1]), own, scores(ranked[::-1])])
    for k, (score, sign) in enumerate(((found.comprehensive, 1), (found.sufficient, -1))):
        mean, sd = random[:, k].mean(), random[:, k].std(ddof=1)
        assert (score.random_mean, score.random_sd, score.rankings) == (
            pytest.approx(mean, abs=1e-4),
            pytest.approx(sd, abs=1e-4),
            5,
        )
        assert score.z == pytest.approx(sign * (own[k] - mean) / sd, abs=1e-2)
        assert score.p == pytest.approx((1 + (sign * random[:, k] > sign * own[k] - 1e-6).sum()) / 6)
        every = sign * np.concatenate([random[:, k], others[:, k]])
        assert sign * score.worst == pytest.approx(every.min(), abs=1e-4)
        assert sign * score.best == pytest.approx(every.max(), abs=1e-4)
        assert score.normalised == pytest.approx(
            (sign * own[k] - every.min()) / (every.max() - every.min()), abs=1e-3
        )


def test_attributions_tested_together_are_normalised_on_one_scale(toy):
    reader, reading = toy
    several = [
        explain(reader, reading, method=method) for method in ("input_x_gradient", "occlusion", "shapley")
    ]
    together = measured(reader, reading, *several, beam=0, random_rankings=3)
    for number in ("comprehensive", "sufficient"):
        scores = [getattr(one, number) for one in together]
        assert len({(s.worst, s.best) for s in scores}) == 1
        for s in scores:
            assert s.normalised == pytest.approx((s.value - s.worst) / (s.best - s.worst))
            assert 0 <= s.normalised <= 1
    # What is best must not be so by having been compared with itself alone.
    at_the_top = {one.comprehensive.value for one in together if one.comprehensive.normalised == 1}
    assert len(at_the_top) <= 1


@pytest.mark.parametrize("target", ["answer", "no_answer"])
def test_a_beam_search_finds_bounds_that_no_order_at_hand_reaches(toy, target):
    reader, reading = toy
    attribution = explain(reader, reading, target)
    bounds = [measured(reader, reading, attribution, beam=width, random_rankings=20)[0] for width in (0, 1)]
    (zero, one) = ([(s.worst, s.best) for s in (b.comprehensive, b.sufficient)] for b in bounds)
    assert one[0][0] <= zero[0][0] < zero[0][1] < one[0][1]
    assert one[1][1] < zero[1][1] < zero[1][0] <= one[1][0]


def test_a_wide_beam_finds_the_best_of_all_orders(toy):
    reader, _ = toy
    reading = reader.read("Who?", "Ada kept the lamp.")
    attribution = explain(reader, reading)
    (found,) = measured(reader, reading, attribution, beam=200, random_rankings=2)
    words = free_words(attribution)
    counts = [math.ceil(round(share * len(words), 9)) for share in SHARE_COUNTS]
    whole = masked_value(reader, reading, attribution.target, [])
    values = {
        frozenset(some): whole - masked_value(reader, reading, attribution.target, [words[k] for k in some])
        for many in range(len(words) + 1)
        for some in combinations(range(len(words)), many)
    }
    every = [
        np.mean([values[frozenset(order[:k])] for k in counts]) for order in permutations(range(len(words)))
    ]
    assert found.comprehensive.best == pytest.approx(max(every), abs=1e-4)
    assert found.comprehensive.worst == pytest.approx(min(every), abs=1e-4)


def test_the_error_of_z_is_that_of_other_random_orders(toy):
    reader, reading = toy
    attribution = explain(reader, reading, "no_answer")
    found = [
        measured(reader, reading, attribution, random_rankings=20, beam=0, seed=k)[0].comprehensive
        for k in range(40)
    ]
    spread = np.std([score.z for score in found], ddof=1)
    assert 0.6 < spread / np.mean([score.z_error for score in found]) < 1.7


# --- what takes the place of a word -----------------------------------------------------------------------------------


def test_words_can_be_replaced_by_padding_tokens(toy):
    reader, reading = toy
    attribution = explain(reader, reading)
    (found,) = measured(reader, reading, attribution, by="pad", pad_id=0, random_rankings=2, beam=0)
    inputs = inputs_of(reading)
    for word in free_words(attribution):
        inputs["input_ids"][0, list(word.tokens)] = 0
    with torch.no_grad():
        output = reader.model.module(**inputs)
    empty = float(TargetFunction(reading, attribution.target)(output.start_logits, output.end_logits))
    assert found.insertion[0] == pytest.approx(empty, abs=1e-4)
    assert found.by == "pad"
    assert (
        found.insertion[0]
        != measured(reader, reading, attribution, random_rankings=2, beam=0)[0].insertion[0]
    )


def test_words_can_be_replaced_by_words_of_the_text(toy):
    reader, reading = toy
    attribution = explain(reader, reading)
    words, target = sorted(free_words(attribution), key=lambda w: w.tokens), attribution.target
    ids = replacement_ids(reading, target, words, "text", {}, seed=1)
    own = reading.windows.model_inputs["input_ids"][0]
    roles = reading.windows.role[0]
    changed = np.isin(np.arange(len(own)), [t for w in words for t in w.tokens])
    hidden = range(target.tokens[0], target.tokens[1] + 1)
    allowed = {int(own[t]) for t in np.flatnonzero(roles == Role.CONTEXT) if t not in hidden}
    assert len(ids) == 4
    assert (ids[:, ~changed] == own[~changed]).all()
    assert set(ids[:, changed].ravel().tolist()) <= allowed
    assert len({row.tobytes() for row in ids}) == 4
    assert (replacement_ids(reading, target, words, "text", {}, seed=1) == ids).all()
    (found,) = measured(reader, reading, attribution, by="text", random_rankings=2, beam=0, seed=1)
    values = []
    for row in ids:
        inputs = inputs_of(reading) | {"input_ids": torch.tensor(row[None])}
        with torch.no_grad():
            output = reader.model.module(**inputs)
        values.append(float(TargetFunction(reading, target)(output.start_logits, output.end_logits)))
    assert found.insertion[0] == pytest.approx(np.mean(values), abs=1e-4)


class Guesser(torch.nn.Module):
    """A masked language model that is sure of one token after the other, and surest of the one that was there."""

    def __init__(self, own):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.own, self.masked = own, []

    def forward(self, input_ids, attention_mask, token_type_ids):
        self.masked += [tuple(np.flatnonzero(row == MASK)) for row in input_ids.numpy()]
        logits = torch.full((*input_ids.shape, len(toy_tokenizer())), -50.0)
        logits[..., 7] = 0
        logits.scatter_(2, self.own.expand(len(input_ids), -1)[..., None], 9.0)
        return SimpleNamespace(logits=logits)


def test_words_can_be_replaced_by_what_a_masked_language_model_draws(toy):
    reader, reading = toy
    attribution = explain(reader, reading)
    own = torch.tensor(reading.windows.model_inputs["input_ids"])
    guesser = Guesser(own).train()
    words = free_words(attribution)
    ids = replacement_ids(reading, attribution.target, words, guesser, {"mask": MASK}, seed=0)
    changed = [t for w in words for t in w.tokens if own[0, t] != 7]
    assert (ids[:, changed] == 7).all()  # never the token that was there, and otherwise the likeliest
    assert guesser.masked == [w.tokens for w in words]
    assert guesser.training
    (found,) = measured(reader, reading, attribution, by=guesser, random_rankings=2, beam=0)
    assert found.by == "Guesser"


def test_what_is_no_masked_language_model_is_refused(toy):
    reader, reading = toy
    with pytest.raises(InputError, match="BertForQuestionAnswering is no masked language model over the ids"):
        measured(reader, reading, explain(reader, reading), by=reader.model.module)


def test_equal_values_keep_their_order_in_the_text(toy):
    reader, reading = toy
    flat = explain(reader, reading)
    flat = replace(flat, values=np.zeros_like(flat.values), parts={})
    (found,) = measured(reader, reading, flat)
    words = [w for w in flat.words if w in free_words(flat)]
    half = words[: math.ceil(len(words) / 2)]
    whole = masked_value(reader, reading, flat.target, [])
    assert found.comprehensiveness[-1] == pytest.approx(
        whole - masked_value(reader, reading, flat.target, half), abs=1e-4
    )


# --- what is never masked ---------------------------------------------------------------------------------------------


class Watched(Linear):
    """Remembers the ids that it was given."""

    def forward(self, input_ids, **named):
        if hasattr(self, "seen"):
            self.seen.append(input_ids.clone())
        return super().forward(input_ids, **named)


@pytest.mark.parametrize(
    "target", ["answer", "start", "no_answer", Contrast((0, 3), (13, 17)), Contrast((0, 3))]
)
def test_special_tokens_and_the_spans_of_the_target_are_never_masked(target):
    module = Watched()
    reader = linear_reader(module)
    reading = reader.read(QUESTION, ADA)
    attribution = explain(reader, reading, target)
    module.seen = []
    measured(reader, reading, attribution, random_rankings=10)
    ids = torch.cat(module.seen)
    own = torch.tensor(reading.windows.model_inputs["input_ids"][0])
    assert ids.shape[1] == len(own)  # nothing is deleted, so every offset holds
    changed = (ids != own).any(0).numpy()
    settled = attribution.target
    kept = np.isin(reading.windows.role[0], (Role.SPECIAL,))
    for pair in (settled.tokens, settled.rival_tokens):
        if pair is not None:
            kept[pair[0] : pair[1] + 1] = True
    assert (changed == ~kept).all()
    assert (ids[ids != own.expand_as(ids)] == MASK).all()


def test_words_that_were_not_varied_are_never_masked():
    module = Watched()
    reader = linear_reader(module)
    reading = reader.read(QUESTION, ADA)
    attribution = explain(reader, reading, "no_answer", over="question")
    module.seen = []
    (found,) = measured(reader, reading, attribution)
    changed = (
        (torch.cat(module.seen) != torch.tensor(reading.windows.model_inputs["input_ids"][0])).any(0).numpy()
    )
    assert (changed == (reading.windows.role[0] == Role.QUESTION)).all()
    assert found.words == 5


# --- planted ----------------------------------------------------------------------------------------------------------


def true_attribution(reader, reading):
    """What masking each token of a linear model takes away, in closed form, as an attribution."""
    one = explain(reader, reading)
    ids = reading.windows.model_inputs["input_ids"][0]
    table = reader.model.module.embeddings.word_embeddings.weight.detach().numpy()
    values = contributions(reader.model.module, table[ids] - table[MASK], one.target.tokens)
    return replace(one, values=values, parts={})


def test_the_true_order_of_a_linear_model_is_the_best_and_its_reverse_the_worst(linear):
    reader, reading = linear
    true = true_attribution(reader, reading)
    reverse = replace(true, values=-true.values, parts={})
    best, worst = measured(reader, reading, true, reverse, random_rankings=50)
    for score in (best.comprehensive, best.sufficient):
        assert score.normalised == pytest.approx(1, abs=1e-9)
        assert score.z > 2
    for score in (worst.comprehensive, worst.sufficient):
        assert score.normalised == pytest.approx(0, abs=1e-9)
        assert score.z < -2
    assert best.deletion_area < worst.deletion_area
    assert best.insertion_area > worst.insertion_area


def test_comprehensiveness_of_a_linear_model_is_the_sum_of_what_is_masked(linear):
    reader, reading = linear
    true = true_attribution(reader, reading)
    (found,) = measured(reader, reading, true)
    sums = [true.values[list(w.tokens)].sum() for w in free_words(true)]
    for k, share in enumerate(SHARE_COUNTS):
        many = math.ceil(round(share * len(sums), 9))
        assert found.comprehensiveness[k] == pytest.approx(sum(sums[:many]), abs=1e-9)
        assert found.sufficiency[k] == pytest.approx(sum(sums[many:]), abs=1e-9)


def test_a_random_order_is_no_better_than_random(linear):
    reader, reading = linear
    true = true_attribution(reader, reading)
    rng = np.random.default_rng(0)
    shuffled = [replace(true, values=rng.normal(size=len(true.values)), parts={}) for _ in range(60)]
    z = np.array(
        [found.comprehensive.z for found in measured(reader, reading, *shuffled, random_rankings=60)]
    )
    assert abs(z.mean()) < 0.5
    assert 0.6 < z.std() < 1.5


def test_where_all_orders_are_alike_there_is_no_score(linear):
    reader, _ = linear
    reading = reader.read("Ada", "Ada")
    attribution = explain(reader, reading)
    (found,) = measured(reader, reading, attribution)
    assert found.words == 1
    for score in (found.comprehensive, found.sufficient):
        assert math.isnan(score.z)
        assert math.isnan(score.normalised)
        assert score.random_sd == 0


# --- one ground for many ----------------------------------------------------------------------------------------------


def test_attributions_that_are_tested_together_fare_as_alone(toy):
    reader, reading = toy
    some = [explain(reader, reading, method=method) for method in ("input_x_gradient", "occlusion")]
    together = measured(reader, reading, *some)
    for one, attribution in zip(together, some, strict=True):
        (alone,) = measured(reader, reading, attribution)
        assert one.method == attribution.method
        np.testing.assert_allclose(one.comprehensiveness, alone.comprehensiveness, rtol=0, atol=1e-4)
        np.testing.assert_allclose(one.insertion, alone.insertion, rtol=0, atol=1e-4)
        assert one.comprehensive.z == pytest.approx(alone.comprehensive.z, abs=1e-2)


def test_the_same_words_are_never_masked_twice():
    module = Watched()
    reader = linear_reader(module)
    reading = reader.read(QUESTION, ADA)
    attribution = explain(reader, reading)
    module.seen = []
    first, second = measured(reader, reading, attribution, attribution)
    rows = [
        tuple(row) for batch in module.seen[1:] for row in batch.tolist()
    ]  # the first looks the embeddings up
    assert len(set(rows)) == len(rows) == second.passes
    assert first.passes == second.passes
    np.testing.assert_array_equal(first.deletion, second.deletion)


def test_the_seed_settles_the_random_rankings(toy):
    reader, reading = toy
    attribution = explain(reader, reading)
    a, b, c = (measured(reader, reading, attribution, seed=seed)[0] for seed in (1, 1, 2))
    assert a.comprehensive == b.comprehensive
    assert a.comprehensive.random_mean != c.comprehensive.random_mean
    assert a.comprehensive.value == pytest.approx(c.comprehensive.value, abs=1e-6)


def test_a_window_in_the_middle_of_a_long_text_is_tested_there(toy):
    reader, _ = toy
    reading = reader.read(QUESTION, STORY)
    attribution = explain(reader, reading, "no_answer")
    assert attribution.target.window > 0 or len(reading.windows) > 3
    (found,) = measured(reader, reading, attribution, random_rankings=2)
    p = reading.no_answer_probability
    assert found.value == pytest.approx(math.log(p) - math.log1p(-p), abs=1e-4)


# --- the model and the record -----------------------------------------------------------------------------------------


def test_the_model_is_left_as_it_was():
    module = toy_model().train()
    reader = Reader(module, toy_tokenizer())
    reading = reader.read(QUESTION, ADA)
    attribution = explain(reader, reading)
    state = torch.random.get_rng_state()
    measured(reader, reading, attribution)
    assert all(part.training for part in module.modules())
    assert not any(part._forward_hooks for part in module.modules())
    assert all(w.grad is None and w.requires_grad for w in module.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_record_is_read_only_and_says_how_it_went(toy):
    reader, reading = toy
    (found,) = measured(reader, reading, explain(reader, reading))
    for name in ("shares", "comprehensiveness", "sufficiency", "steps", "deletion", "insertion"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(found, name)[0] = 0
    c, s = found.comprehensive, found.sufficient
    assert repr(found) == (
        f"Faithfulness(input_x_gradient, {found.target.words}: comprehensiveness {c.value:.2f} "
        f"(z {c.z:+.1f} ± {c.z_error:.1f}, p {c.p:.3f}), sufficiency {s.value:.2f} (z {s.z:+.1f} ± {s.z_error:.1f}, "
        f"p {s.p:.3f}))"
    )


@pytest.mark.parametrize("name", ["comprehensiveness", "sufficiency", "deletion", "insertion"])
def test_a_record_whose_arrays_do_not_fit_is_refused(toy, name):
    reader, reading = toy
    (found,) = measured(reader, reading, explain(reader, reading))
    with pytest.raises(InputError, match=f"{name} has to have the shape \\(\\d+,\\), but has \\(3,\\)"):
        replace(found, **{name: np.zeros(3)})
    assert isinstance(found, Faithfulness)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"random_rankings": 1}, "random_rankings has to be a whole number from 2 on, but is 1"),
        ({"random_rankings": 5.0}, "random_rankings has to be a whole number from 2 on, but is 5.0"),
        ({"random_rankings": True}, "random_rankings has to be a whole number from 2 on, but is True"),
        ({"seed": -1}, "seed has to be a whole number from 0 on, but is -1"),
        ({"seed": "x"}, "seed has to be a whole number from 0 on, but is 'x'"),
        ({"beam": -1}, "beam has to be a whole number from 0 on, but is -1"),
        ({"mask_id": None}, "The tokenizer has no mask token, so words cannot be masked in place"),
        ({"by": "pad"}, "The tokenizer has no pad token, so words cannot be masked in place"),
        ({"by": "blank"}, 'by has to be "mask", "pad", "text" or a masked language model, but is \'blank\''),
    ],
)
def test_options_that_cannot_work_are_refused(toy, options, message):
    reader, reading = toy
    attribution = explain(reader, reading)
    with pytest.raises(InputError, match=message):
        faithfulness(reader.model, reading, [attribution], **{"mask_id": MASK} | options)


def test_what_belongs_to_another_reading_is_refused_before_the_model_runs(toy):
    reader, reading = toy
    other = reader.read(QUESTION, "Tobias slept all day.")
    asked = reader.read("Why?", ADA)
    windows = reader.read(QUESTION, STORY)
    attribution = explain(reader, reading)
    far = explain(reader, windows)
    cut = reader.with_options(max_length=48).read(QUESTION, STORY)
    assert far.target.window >= 0
    runs = []
    handle = reader.model.module.register_forward_pre_hook(lambda *_: runs.append(1))
    for one, wrong in ((attribution, other), (attribution, asked), (far, cut), (far, reading)):
        with pytest.raises(
            InputError, match="The attribution is of another reading than the one it is to be tested on"
        ):
            measured(reader, wrong, one)
    for junk, message in (
        ((), "There is no attribution to test"),
        (
            (FailedAttribution(reading, InputError("x")),),
            "Expected an Attribution, .* but got FailedAttribution",
        ),
        ((None,), "Expected an Attribution, .* but got NoneType"),
        (
            (attribution, explain_over(attribution)),
            "All attributions have to explain the same target over the same words",
        ),
        ((attribution, explain_other(attribution)), "All attributions have to explain the same target"),
    ):
        with pytest.raises(InputError, match=message):
            measured(reader, reading, *junk)
    handle.remove()
    assert runs == []


def explain_over(attribution):
    return replace(attribution, over="context")


def explain_other(attribution):
    return replace(attribution, target=replace(attribution.target, name="start"))


def test_where_no_word_can_be_masked_that_is_said(linear):
    reader, _ = linear
    reading = reader.read("Ada", "Ada")
    attribution = explain(reader, reading, over="context")
    with pytest.raises(InputError, match="Every word of this window belongs to the target itself"):
        measured(reader, reading, attribution)


class Fragile(Linear):
    """Gives nan where a mask token is read."""

    def forward(self, input_ids, **named):
        found = super().forward(input_ids, **named)
        bad = (input_ids == MASK).any(1)
        found.start_logits[bad] = math.nan
        return found


def test_nan_of_a_masked_text_is_reported():
    reader = linear_reader(Fragile())
    reading = reader.read(QUESTION, ADA)
    attribution = explain(reader, reading, method="occlusion")
    with pytest.raises(
        ModelError, match=r"Fragile gives nan for the score of .* of a text with masked words"
    ):
        measured(reader, reading, attribution)
