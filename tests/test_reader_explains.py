"""The facade of explanations: what it passes on, what it refuses before the model runs, and many at once."""

from __future__ import annotations

import gc
import itertools
import pickle
import weakref
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpoints import QUESTION, SENTENCES, STORY
from linear import Linear, linear_reader
from torch import nn

from qalens.errors import InputError, ModelError, QalensError
from qalens.explain.attribution.methods import attribute
from qalens.explain.attribution.options import Options
from qalens.explain.attribution.record import Attribution, FailedAttribution
from qalens.explain.faithfulness.masking_test import faithfulness
from qalens.explain.faithfulness.method_comparison import FaithfulnessTable
from qalens.explain.targets import Contrast, resolve
from qalens.models.model import QAModel
from qalens.reader import Reader
from qalens.readings.documents import join_readings
from qalens.readings.provenance import Document
from qalens.readings.reading import FailedReading, Reading
from qalens.testing import planted_reading, toy_model, toy_tokenizer

ADA = "Ada kept the lamp in the room."
PAIRS = [(QUESTION, sentence) for sentence in SENTENCES[:3]]
# Few points and no agreement: what is passed on is in question here, not the numbers.
QUICK = {"tolerance": 10.0, "max_points": 17, "agreement": False}


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=96, stride=24, max_answer_length=8)


@pytest.fixture(scope="module")
def reading(reader):
    return reader.read(QUESTION, ADA)


@pytest.fixture
def runs(reader):
    """How often the model has run since the test began."""
    counted: list[int] = []
    handle = reader.model.module.register_forward_pre_hook(lambda *_: counted.append(1))
    yield counted
    handle.remove()


def same(ours: Attribution, theirs: Attribution) -> bool:
    return (
        (ours.target, ours.method, ours.baseline) == (theirs.target, theirs.method, theirs.baseline)
        and np.allclose(ours.values, theirs.values, rtol=0, atol=1e-5)
        and ours.by_word()[0].text == theirs.by_word()[0].text
    )


# --- one explanation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "method", "options"),
    [
        ("answer", "integrated_gradients", {}),
        ("no_answer", "integrated_gradients", {"baseline": "mask", "over": "question", "agreement": False}),
        ("start", "input_x_gradient", {"parts": ("word", "segment"), "split": True}),
        (Contrast((0, 3), (13, 17)), "integrated_gradients", {"tolerance": 0.01, "max_points": 100}),
        ("end", "occlusion", {"baseline": "zero"}),
        ("answer", "shapley", {"samples": 2, "seed": 3}),
        ("answer", "layer_conductance", {"layer": 1, "max_points": 20}),
    ],
)
def test_the_reader_passes_on_what_it_is_asked(reader, reading, target, method, options):
    ours = reader.attribute(reading, target, method, **options)
    settled = resolve(reading, target)
    expected = attribute(reader.model, reading, settled, Options(method, **options), pad_id=0, mask_id=4)
    assert same(ours, expected)
    assert ours.diagnostics.agreement == expected.diagnostics.agreement


def test_the_answer_and_integrated_gradients_are_what_is_meant_where_nothing_is_said(reader, reading):
    assert same(reader.attribute(reading), reader.attribute(reading, "answer", "integrated_gradients"))


def test_another_span_can_be_asked_for(reader, reading):
    ours = reader.attribute(reading, "start", span=(13, 17), **QUICK)
    assert ours.target == resolve(reading, "start", span=(13, 17))
    assert ours.target.words == "start logit of “lamp”"


def test_a_reading_can_be_explained_in_another_process(reader, reading):
    again = pickle.loads(pickle.dumps(reading))
    other = Reader(toy_model(), toy_tokenizer())
    assert same(other.attribute(again, **QUICK), reader.attribute(reading, **QUICK))


def test_a_reading_knows_who_made_it(reader, reading):
    assert reading.source.name == "BertForQuestionAnswering"
    assert reading.source.fingerprint == reader.model.fingerprint
    (many,) = reader.read_many([(QUESTION, ADA)])
    assert many.source == reading.source


def test_an_attribution_knows_what_it_explains(reader, reading):
    assert reader.attribute(reading, **QUICK).source == reading.source


def test_an_attribution_by_other_weights_is_not_tested(reader, reading, runs):
    other = Reader(toy_model(1), toy_tokenizer(), max_length=96, stride=24, max_answer_length=8)
    foreign = other.attribute(other.read(QUESTION, ADA), span=(0, 3), **QUICK)
    for attribution, maker in (
        (foreign, "BertForQuestionAnswering"),
        (replace(foreign, source=None), "no model that is known"),
    ):
        with pytest.raises(
            InputError, match=f"The attribution explains {maker}, whose weights are not those that made the"
        ):
            reader.faithfulness(reading, attribution)
    assert len(runs) == 0


def test_an_attribution_of_the_same_weights_under_another_name_is_tested(reader, reading):
    named = Reader(QAModel(toy_model(), name="again"), toy_tokenizer())
    attribution = named.attribute(named.read(QUESTION, ADA), span=(0, 3), **QUICK)
    assert reader.faithfulness(reading, attribution, random_rankings=2).words > 0


def test_the_threshold_changes_what_is_noted_and_not_what_is_explained(reader, reading):
    abstaining = reading.with_threshold(-1e6)
    ours = reader.attribute(abstaining, **QUICK)
    assert ours.target.note == "the reading abstains; this is its best span"
    np.testing.assert_allclose(ours.values, reader.attribute(reading, **QUICK).values, rtol=0, atol=1e-6)


# --- what is refused before the model runs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        (("anser",), {}, "Unknown target 'anser'"),
        ((7,), {}, "Unknown target 7"),
        (("answer", "gradients"), {}, "method has to be one of .* but is 'gradients'"),
        (
            ("answer", "integrated_gradients"),
            {"baseline": "noise"},
            "baseline has to be one of .* but is 'noise'",
        ),
        (
            (),
            {"steps": 50},
            "There is no option steps of an attribution; it has baseline, over, parts, split, tolerance",
        ),
        ((), {"mask_id": 3}, "There is no option mask_id of an attribution"),
        ((), {"span": (0, 99)}, r"The span \[0, 99\) is outside the text, whose 30 characters are \[0, 30\)"),
        ((), {"span": (1, 3)}, "No window holds tokens that start at character 1"),
        (("no_answer",), {"span": (0, 3)}, "is about no span; leave span out"),
        ((Contrast((0, 3), (0, 3)),), {}, "A contrast needs two different sides, but both are “Ada”"),
        ((Contrast((0, 3), (0, 99)),), {}, "is outside the text"),
        (("answer", "layer_conductance"), {}, "layer belongs to"),
    ],
)
def test_what_cannot_be_explained_is_refused_before_the_model_runs(
    reader, reading, runs, args, options, message
):
    with pytest.raises(InputError, match=message):
        reader.attribute(reading, *args, **options)
    assert runs == []


def use_sgd(module):
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)
    out = module(torch.tensor([[2, 5, 6, 3]]))
    (out.start_logits.sum() + out.end_logits.square().sum()).backward()
    optimizer.step()
    optimizer.zero_grad()


def through_data(module):
    for weight in module.parameters():
        weight.data.mul_(0.999)


@torch.no_grad()
def one_number(module):
    module.bert.encoder.layer[1].attention.self.query.weight[3, 5] += 1e-3


@torch.no_grad()
def two_numbers_swapped(module):
    weight = module.qa_outputs.weight
    weight.copy_(weight.flip(1))


def other_weights(module):
    module.load_state_dict(toy_model(1).state_dict())


def another_head(module):
    module.qa_outputs = nn.Linear(32, 2)


CHANGES = {
    "a training step": use_sgd,
    "a step through .data": through_data,
    "one number": one_number,
    "numbers in another order": two_numbers_swapped,
    "other weights": other_weights,
    "another head": another_head,
    "another dtype": lambda module: module.double(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_reading_of_other_weights_is_refused_before_the_model_runs(change):
    module = toy_model()
    reader = Reader(module, toy_tokenizer())
    before = reader.read(QUESTION, ADA)
    reader.attribute(before, **QUICK)
    change(module)
    counted = []
    module.register_forward_pre_hook(lambda *_: counted.append(1))
    with pytest.raises(
        InputError, match=r"This reading was made by .* with other weights than those of .* Read the text"
    ):
        reader.attribute(before)
    assert counted == []
    (failed,) = reader.attribute_many([before])
    assert "with other weights" in str(failed.error)
    assert np.isfinite(reader.attribute(reader.read(QUESTION, ADA), **QUICK).values).all()


@pytest.mark.parametrize(
    ("junk", "message"),
    [
        (
            FailedReading(("Who?", ""), InputError("The context is empty.")),
            "This text could not be read, .* is empty",
        ),
        (planted_reading("Who?", "Ada kept it.", answer="Ada"), "made by no model with other weights"),
        (None, "Expected a Reading, as reader.read gives it, but got NoneType"),
        ((QUESTION, ADA), "Expected a Reading, .* but got tuple"),
        (
            join_readings("Who?", [Document(ADA)], [planted_reading("Who?", ADA, answer="Ada")]),
            r"Expected a Reading, .* but got DocumentsReading; its joined\(\) is a Reading",
        ),
    ],
)
def test_what_is_no_reading_of_this_model_is_refused(reader, runs, junk, message):
    for ask in (
        reader.attribute,
        lambda r: reader.faithfulness(r, None),
        reader.logit_lens,
        reader.ablate_heads,
    ):
        with pytest.raises(InputError, match=message):
            ask(junk)
    (failed,) = reader.attribute_many([junk])
    with pytest.raises(InputError, match=message):
        raise failed.error
    assert runs == []


def test_a_tokenizer_without_a_mask_token_explains_by_other_baselines():
    tokenizer = toy_tokenizer()
    tokenizer.mask_token = None
    reader = Reader(toy_model(), tokenizer)
    reading = reader.read(QUESTION, ADA)
    attribution = reader.attribute(reading, tolerance=10.0)
    assert list(attribution.diagnostics.agreement) == ["mean", "zero"]
    with pytest.raises(InputError, match="The tokenizer has no mask token; take baseline="):
        reader.attribute(reading, baseline="mask")
    with pytest.raises(
        InputError, match="The tokenizer has no mask token, so words cannot be masked in place"
    ):
        reader.faithfulness(reading, attribution)
    with pytest.raises(
        InputError, match="The tokenizer has no mask token, so words cannot be masked in place"
    ):
        reader.rank_methods([reading])


LEFT = {  # the tokens that a tokenizer lacks: the usual baseline, and those that it is compared with
    (): ("pad", ["mask", "mean", "zero"]),
    ("pad_token",): ("mean", ["mask", "zero"]),
    ("mask_token",): ("pad", ["mean", "zero"]),
    ("pad_token", "mask_token"): ("mean", ["zero"]),
}


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
@pytest.mark.parametrize(("lacking", "left"), LEFT.items(), ids=["-".join(k) or "none" for k in LEFT])
def test_the_usual_baseline_is_padding_else_the_mean_and_that_is_told(reader, lacking, left, method):
    tokenizer = toy_tokenizer()
    for name in lacking:
        setattr(tokenizer, name, None)
    other = Reader(toy_model(), tokenizer)
    ours = other.attribute(other.read(QUESTION, ADA), method=method, tolerance=10.0)
    assert (ours.baseline, list(ours.diagnostics.agreement)) == left
    theirs = reader.attribute(reader.read(QUESTION, ADA), method=method, tolerance=10.0, baseline=left[0])
    assert same(ours, theirs)


def test_without_a_padding_token_there_is_no_such_baseline():
    tokenizer = toy_tokenizer()
    tokenizer.pad_token = None
    reader = Reader(toy_model(), tokenizer)
    reading = reader.read(QUESTION, ADA)
    with pytest.raises(
        InputError,
        match='The tokenizer has no padding token; take baseline="mask", "mean" or "zero" instead of "pad"',
    ):
        reader.attribute(reading, baseline="pad")


@contextmanager
def batches(reader):
    """The rows of every pass of the model."""
    rows: list[int] = []
    handle = reader.model.module.register_forward_pre_hook(
        lambda _, args, named: rows.append(len(named["input_ids"])), with_kwargs=True
    )
    yield rows
    handle.remove()


@pytest.mark.parametrize(
    ("method", "options", "most"),
    [
        ("integrated_gradients", {}, 3),
        ("layer_conductance", {"layer": 0}, 3),
        ("occlusion", {}, 6),
        ("shapley", {"samples": 2}, 6),
    ],
)
def test_explanations_run_in_batches_of_as_many_tokens_as_asked_for(reader, reading, method, options, most):
    small = reader.with_options(batch_tokens=6 * int(reading.windows.lengths[0]))
    with batches(reader) as rows:
        ours = small.attribute(reading, method=method, **QUICK, **options)
    assert max(rows) == most
    assert same(ours, reader.attribute(reading, method=method, **QUICK, **options))


def test_words_are_masked_in_batches_of_as_many_tokens_as_asked_for(reader, reading):
    attribution = reader.attribute(reading, method="input_x_gradient")
    small = reader.with_options(batch_tokens=6 * int(reading.windows.lengths[0]))
    with batches(reader) as rows:
        ours = small.faithfulness(reading, attribution, random_rankings=4)
    assert max(rows) == 6
    theirs = reader.faithfulness(reading, attribution, random_rankings=4)
    np.testing.assert_allclose(ours.comprehensiveness, theirs.comprehensiveness, rtol=0, atol=1e-5)


class Hidden(Linear):
    get_input_embeddings = None


def test_a_model_whose_embeddings_cannot_be_found_is_refused_before_it_runs():
    module = Hidden()
    reader = linear_reader(module)
    reading = reader.read(QUESTION, ADA)
    counted = []
    module.register_forward_pre_hook(lambda *_: counted.append(1))
    with pytest.raises(ModelError, match="Hidden does not tell where its word embeddings are"):
        reader.attribute(reading)
    assert counted == []


# --- many explanations ------------------------------------------------------------------------------------------------


def test_many_are_explained_as_each_alone_and_in_order(reader):
    readings = [*reader.read_many(PAIRS), reader.read(QUESTION, STORY)]
    found = list(reader.attribute_many(iter(readings), "no_answer", "input_x_gradient", baseline="zero"))
    assert len(found) == len(readings)
    for one, reading in zip(found, readings, strict=True):
        assert same(one, reader.attribute(reading, "no_answer", "input_x_gradient"))
        assert (one.question, one.context) == (reading.question, reading.context)


def test_one_that_fails_takes_no_other_down(reader, reading):
    failed = FailedReading(("Who?", ""), InputError("The context is empty."))
    foreign = planted_reading(QUESTION, ADA, answer="Ada")
    items = [reading, failed, None, foreign, reading]
    found = list(reader.attribute_many(items, "no_answer", "input_x_gradient"))
    assert [type(one).__name__ for one in found] == ["Attribution", *["FailedAttribution"] * 3, "Attribution"]
    assert same(found[0], found[4])
    for one, item in zip(found, items, strict=True):
        if isinstance(one, FailedAttribution):
            assert one.reading is item
            assert isinstance(one.error, InputError)
            assert repr(one) == f"FailedAttribution({one.error})"


class Sometimes(Linear):
    """Fails on long texts, as a model does that runs out of memory."""

    def forward(self, input_ids, **named):
        if input_ids.shape[1] > 18 and getattr(self, "full", False):
            self.latest = torch.zeros(3)
            ballast = self.latest
            raise RuntimeError(f"out of memory {len(ballast)}")
        return super().forward(input_ids, **named)


def test_a_model_that_fails_on_one_text_takes_no_other_down_and_frees_what_it_held():
    module = Sometimes()
    reader = linear_reader(module)
    readings = [reader.read(QUESTION, text) for text in ("Ada kept it.", ADA * 4, "Ada kept the lamp.")]
    module.full = True
    found = list(reader.attribute_many(readings, **QUICK))
    assert [type(one).__name__ for one in found] == ["Attribution", "FailedAttribution", "Attribution"]
    with pytest.raises(ModelError, match="Sometimes failed on this text: RuntimeError: out of memory 3"):
        raise found[1].error
    held = weakref.ref(module.latest)
    del module.latest
    gc.collect()
    assert held() is None


def test_nothing_is_explained_before_it_is_asked_for(reader, reading, runs):
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield reading

    found = reader.attribute_many(endless(), method="input_x_gradient")
    assert (taken, runs) == ([], [])
    next(found)
    assert taken == [0]
    next(found)
    assert taken == [0, 1]
    found.close()


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        (("anser",), {}, "Unknown target 'anser'"),
        (("answer", "gradients"), {}, "method has to be one of"),
        ((), {"steps": 50}, "There is no option steps of an attribution"),
        ((), {"span": (0, 3)}, "There is no option span of an attribution"),
        ((), {"tolerance": -1}, "tolerance has to be a share above 0"),
    ],
)
def test_what_no_reading_can_be_asked_is_refused_at_once(reader, args, options, message):
    with pytest.raises(InputError, match=message):
        reader.attribute_many([], *args, **options)


def test_an_error_of_the_users_own_generator_comes_through(reader):
    def items():
        raise QalensError("from outside")
        yield

    with pytest.raises(QalensError, match="from outside"):
        list(reader.attribute_many(items()))


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False), (None, False)])
def test_the_bar_shows_when_asked_for(reader, reading, capsys, progress, shown):
    list(reader.attribute_many([reading] * 2, method="input_x_gradient", progress=progress))
    captured = capsys.readouterr()
    assert ("2/2" in captured.err) == shown
    assert ("explanations" in captured.err) == shown
    assert captured.out == ""


# --- faithfulness and ranks -------------------------------------------------------------------------------------------


def test_faithfulness_is_passed_on(reader, reading):
    attribution = reader.attribute(reading, method="input_x_gradient")
    ours = reader.faithfulness(reading, attribution, random_rankings=4, seed=2)
    (expected,) = faithfulness(reader.model, reading, [attribution], mask_id=4, random_rankings=4, seed=2)
    np.testing.assert_allclose(ours.comprehensiveness, expected.comprehensiveness, rtol=0, atol=1e-5)
    assert ours.comprehensive.random_mean == pytest.approx(expected.comprehensive.random_mean, abs=1e-5)


def test_methods_are_ranked_on_the_same_readings(reader):
    readings = list(reader.read_many([*PAIRS[:2], ("Who?", "")]))
    table = reader.rank_methods(
        readings,
        "no_answer",
        ("input_x_gradient", "occlusion", Options("occlusion", baseline="mask", agreement=False)),
        random_rankings=5,
        seed=1,
    )
    assert isinstance(table, FaithfulnessTable)
    assert table.readings == 2
    assert [(number, str(error)) for number, error in table.failed] == [
        (2, f"This text could not be read, so there is nothing to explain: {readings[2].error}")
    ]
    assert {row.method for row in table.rows} == {
        "input_x_gradient",
        "occlusion",
        "occlusion(baseline='mask')",
    }
    zs = [row.comprehensiveness_z.value for row in table.rows]
    assert zs == sorted(zs, reverse=True)
    for row in table.rows:
        method, options = row.method.split("(")[0], {"agreement": False}
        if "mask" in row.method:
            options["baseline"] = "mask"
        alone = [
            reader.faithfulness(
                reading, reader.attribute(reading, "no_answer", method, **options), random_rankings=5, seed=1
            )
            for reading in readings[:2]
        ]
        expected = np.mean([one.comprehensive.value for one in alone])
        assert row.comprehensiveness.value == pytest.approx(expected, abs=1e-4)


def test_a_reading_that_one_method_cannot_explain_is_left_out_for_all(reader):
    readings = list(reader.read_many(PAIRS[:2]))
    with pytest.raises(
        InputError, match=r"No reading could be tested\. The first was: layer has to be from 0 to 1"
    ):
        reader.rank_methods(readings, methods=("input_x_gradient", Options("layer_conductance", layer=9)))


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("anser", {}, "Unknown target 'anser'"),
        ("answer", {"methods": ()}, r"methods has to be a list of methods, but is \(\)"),
        ("answer", {"methods": "occlusion"}, "methods has to be a list of methods, but is 'occlusion'"),
        ("answer", {"methods": ("gradients",)}, "method has to be one of .* but is 'gradients'"),
        ("answer", {"random_rankings": 1}, "random_rankings has to be a whole number from 2 on"),
        ("answer", {"seed": 0.5}, "seed has to be a whole number from 0 on"),
    ],
)
def test_a_ranking_that_cannot_work_is_refused_before_the_model_runs(
    reader, reading, runs, target, options, message
):
    with pytest.raises(InputError, match=message):
        reader.rank_methods([reading], target, **options)
    assert runs == []


# --- the lens and the heads -------------------------------------------------------------------------------------------


def test_the_lens_and_the_heads_are_those_of_this_model(reader, reading):
    trace = reader.logit_lens(reading)
    assert len(trace) == 3
    assert trace.decisions[-1].best.span == reading.decision.best.span
    ablation = reader.ablate_heads(reading, "no_answer", by="mean")
    assert ablation.values.shape == (2, 4)
    assert isinstance(reading, Reading)


def test_an_explanation_goes_by_the_model_and_not_by_its_wrapper(reader, reading):
    wrapped = Reader(QAModel(reader.model.module, name="mine"), toy_tokenizer())
    attribution = wrapped.attribute(reading, **QUICK)
    assert attribution.model == "mine"
