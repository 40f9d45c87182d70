"""Records of explanations with planted values: real windows and real words, and numbers that a test chose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qalens.errors import InputError, QalensError
from qalens.explain.attribution.record import Attribution, Diagnostics
from qalens.explain.counterfactual.difference import compare
from qalens.explain.counterfactual.effects import sentence_effects
from qalens.explain.counterfactual.fewest_sentences import SmallestSentences
from qalens.explain.counterfactual.fewest_words import SmallestFlip
from qalens.explain.faithfulness.masking_test import Faithfulness, Score
from qalens.explain.faithfulness.method_comparison import FaithfulnessTable, Mean, MethodRow
from qalens.explain.layers.heads import HeadAblation
from qalens.explain.layers.logit_lens import LayerTrace
from qalens.explain.targets import Contrast, TargetName, resolve
from qalens.explain.words import window_words
from qalens.readings.reading import FailedReading, Source
from qalens.spans.decision import decide
from qalens.spans.distribution import SpanLogits, span_distribution
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan
from qalens.text.windows import Role


def diagnostics(**changes):
    """What a well-behaved attribution says of itself, with some of it changed."""
    plain = {
        "value": 8.0,
        "baseline_value": 1.0,
        "completeness_error": 0.02,
        "tolerance": 0.05,
        "converged": True,
        "passes": 65,
        "other_span_share": 0.25,
        "agreement": {"mask": 0.91, "mean": 0.8, "zero": -0.3},
        "answer_share": 0.4,
    }
    return Diagnostics(**{**plain, **changes})


def random_values(reading, window=0, seed=0):
    """(T,): a value for each token of a window that is no special one."""
    T = int(reading.windows.lengths[window])
    values = np.random.default_rng(seed).normal(0, 1, T)
    return np.where(reading.windows.role[window, :T] == Role.SPECIAL, 0.0, values)


def attribution_of(reading, target: TargetName | Contrast = "answer", *, values=None, split=False, **changes):
    """An attribution of a reading that no model made; `values` (T,) are random where none are given."""
    settled = resolve(reading, target)
    w = settled.window
    T = int(reading.windows.lengths[w])
    values = random_values(reading, w) if values is None else np.array(values, float)
    shares = {"start_values": 0.75 * values, "end_values": 0.25 * values} if split else {}
    plain = {
        "question": reading.question,
        "context": reading.context,
        "target": settled,
        "method": "integrated_gradients",
        "baseline": "pad",
        "over": "all",
        "tokens": reading.windows.tokens[w, :T].copy(),
        "roles": reading.windows.role[w, :T].copy(),
        "offsets": reading.windows.offsets[w, :T].copy(),
        "values": values,
        "magnitudes": np.abs(values),
        "parts": {"word": values.copy()},
        "words": window_words(reading.windows, w),
        "diagnostics": diagnostics(),
        "source": Source("toy", "planted"),
    }
    return Attribution(**{**plain, **shares, **changes})


def planted_attribution(
    context="Ada kept the lamp.", answer="Ada", target: TargetName | Contrast = "answer", **options
):
    """An attribution of `planted_reading`; options of the reading are taken out of those of the attribution."""
    for_reading = {
        name: options.pop(name) for name in ("max_length", "stride", "strength") if name in options
    }
    question = options.pop("asked", "Who kept it?")
    return attribution_of(planted_reading(question, context, answer=answer, **for_reading), target, **options)


def planted_contrast(context="Ada kept the lamp.", a="Ada", b="the lamp", **options):
    """An attribution of one span over another, with what comes through starts and through ends apart."""
    sides = [(context.index(side), context.index(side) + len(side)) for side in (a, b)]
    return planted_attribution(context, a, Contrast(*sides), split=True, **options)


def random_reading(context, *, seed=0, question="Who kept it?", **options):
    """A reading of random logits, so that many spans have some probability."""
    reading = planted_reading(question, context, answer=None, **options)
    start, end = np.random.default_rng(seed).normal(0, 3, (2, *reading.logits.start.shape)).astype(np.float32)
    logits = SpanLogits(reading.windows, start, end)
    spans = span_distribution(logits)
    return replace(reading, logits=logits, spans=spans, decision=decide(spans))


def planted_trace(reading, seeds=(3, 1, 2)):
    """A logit lens whose layers read at random, and whose last layer is the reading itself."""
    layers = [random_reading(reading.context, seed=s, question=reading.question) for s in seeds]
    layers.append(reading)
    best = reading.decision.best
    followed = [None if best is None else r.spans.find(best.span.start, best.span.end) for r in layers]
    return LayerTrace(
        reading=reading,
        start=np.stack([r.logits.start for r in layers]),
        end=np.stack([r.logits.end for r in layers]),
        decisions=tuple(r.decision for r in layers),
        null_score=np.array([r.spans.null_score for r in layers]),
        no_answer_probability=np.array([r.no_answer_probability for r in layers]),
        answer_score=np.array([np.nan if a is None else a.score for a in followed]),
        answer_probability=np.array([np.nan if a is None else a.probability for a in followed]),
    )


def planted_heads(
    reading, change=((0.0, -2.0, 0.5), (0.1, 1.0, -0.25)), target: TargetName | Contrast = "answer"
):
    """A map of heads with chosen changes, at a target of 5 logits."""
    return HeadAblation(reading, resolve(reading, target), "zero", 5.0, 5.0 + np.array(change))


def planted_effects(reading, after=None):
    """Effects of sentences where the text after each edit is read by `after`, at random unless it is given."""
    after = after or (lambda text: random_reading(text, question=reading.question))

    def read(edits):
        for edit in edits:
            try:
                yield after(edit.apply(reading.question, reading.context).context)
            except QalensError as error:
                yield FailedReading((reading.question, ""), error)

    return sentence_effects(reading, read)


def planted_sentences(reading, **changes):
    """The fewest sentences of a text, as it were: its first 18 characters."""
    size = len(reading.context)
    plain = {
        "reading": reading,
        "sentences": (0,),
        "spans": (CharSpan(0, min(size, 18)),),
        "diff": compare(reading, reading),
        "readings": 7,
        "proven": True,
    }
    return SmallestSentences(**{**plain, **changes})


def planted_flip(reading, **changes):
    """The fewest words that flip a decision, as it were: its first three characters."""
    plain = {
        "reading": reading,
        "where": "context",
        "to": "opposite",
        "words": (CharSpan(0, 3),),
        "diff": compare(reading, random_reading(reading.context, seed=5)),
        "candidates": (CharSpan(0, 3),),
        "margins": np.array([1.0]),
        "readings": 9,
        "proven": False,
    }
    return SmallestFlip(**{**plain, **changes})


def planted_faithfulness(reading, target: TargetName | Contrast = "answer", **changes):
    """A test of an attribution with chosen curves and scores."""
    plain = {
        "target": resolve(reading, target),
        "method": "integrated_gradients",
        "words": 12,
        "shares": np.array([0.1, 0.5]),
        "comprehensiveness": np.array([1.0, 3.0]),
        "sufficiency": np.array([0.5, 0.25]),
        "comprehensive": Score(2.0, 0.5, 0.5, 3.0, 0.9, 0.005, 0.25, 2.2, 200),
        "sufficient": Score(0.375, 1.0, 0.25, 2.5, 0.8, 0.01, 1.5, 0.125, 200),
        "steps": np.linspace(0, 1, 5),
        "deletion": np.array([5.0, 2.0, 1.0, 0.5, -1.0]),
        "insertion": np.array([-1.0, 3.0, 4.0, 4.5, 5.0]),
        "value": 5.0,
        "passes": 100,
    }
    return Faithfulness(**{**plain, **changes})


def planted_table():
    """Two methods, of which the second is no better than chance, over five readings; one was left out."""
    mean = Mean(2.0, 1.0, 3.0)
    others = (
        "comprehensiveness_normalised",
        "sufficiency",
        "sufficiency_normalised",
        "deletion_area",
        "insertion_area",
    )
    rows = [
        MethodRow(
            method=method,
            comprehensiveness=mean,
            comprehensiveness_z=z,
            sufficiency_z=Mean(1.5, 0.5, 2.5),
            random_p=p,
            **dict.fromkeys(others, mean),
        )
        for method, z, p in (
            ("integrated_gradients", Mean(4.0, 2.0, 5.0), 0.01),
            ("occlusion", Mean(0.5, -0.5, 1.5), 0.2),
        )
    ]
    return FaithfulnessTable(tuple(rows), 5, ((3, InputError("<b>There</b> is no span.")),))
