"""The pictures of the site, made by qalens from the bundled checkpoint: `python docs/figures.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import qalens
from qalens import datasets, per_window, plots
from qalens.evaluation.scores.squad import squad_scores
from qalens.explain import DropSentence
from qalens.reader import Reader
from qalens.readings.reading import Reading

HERE = Path(__file__).parent
TEXT = (
    "The lighthouse on Skerry Head was built in 1843 by the Marlow brothers, two engineers who had never seen the "
    "sea. In the winter of 1902 a storm tore away its upper gallery, and the keeper, John Harper, rebuilt it himself "
    "with oak from a wrecked ship. The county sent Ellen Reed to inspect the work the following spring. She found it "
    "sounder than the original and recommended that nothing be changed."
)
QUESTION = "Who did the county send to inspect the work?"
LOGBOOK = "On day {} the keeper trimmed the wick, counted the ships in the sound and wrote down the wind. "
STYLE = {"savefig.bbox": "tight", "savefig.dpi": 144}


def pictures(reader: Reader) -> Iterator[tuple[str, Figure]]:
    """Each picture by its place under docs/."""
    reading = reader.read(QUESTION, TEXT)
    none = reader.read("How much did the lighthouse cost?", TEXT)
    why = reader.attribute(reading)
    yield "pictures/overview", plots.overview(reading)
    yield "pictures/ranked", plots.ranked_spans(reading, k=5).figure
    yield "pictures/no-answer", plots.no_answer(none).figure
    yield "pictures/attribution", plots.attribution_words(why, k=8).figure
    yield "pictures/faithfulness", plots.faithfulness(reader.faithfulness(reading, why)).figure
    yield "pictures/lens", plots.logit_lens(reader.logit_lens(reading)).figure
    yield "pictures/windows", plots.windows(long_reading(reader)).figure
    yield "concepts/pictures/span-map", plots.span_map(reading).figure
    yield "concepts/pictures/heads", plots.heads(reader.ablate_heads(reading, "margin")).figure
    yield "concepts/pictures/difference", plots.difference(reader.edit(reading, DropSentence(2))).figure
    sample = list(reader.read_many(datasets.sample(), progress=False))
    yield "concepts/pictures/leakage", leakage(sample)
    yield (
        "concepts/pictures/clusters",
        plots.ranked_spans(unsure_of_edges(sample), k=4, group="overlap").figure,
    )
    yield "concepts/pictures/threshold", threshold(sample)
    yield "concepts/pictures/calibration", calibration(reader)
    yield "concepts/pictures/behavior", plots.behavior(qalens.behavior.run(reader)).figure


def long_reading(reader: Reader) -> Reading:
    """The same story within a long logbook, read through small windows."""
    pages = [LOGBOOK.format(day) for day in range(1, 31)]
    logbook = "".join([*pages[:15], TEXT, " ", *pages[15:]])
    return reader.with_options(max_length=192, stride=48).read(QUESTION, logbook)


def leakage(sample: list[Reading]) -> Figure:
    """What the classic product loses on the question where it loses most."""
    losses = [per_window.leakage(reading.logits) for reading in sample]
    worst = max(range(len(sample)), key=lambda k: losses[k].total[0])
    parts = {
        "end before start": losses[worst].reversed[0],
        "too long": losses[worst].too_long[0],
        "one end at no answer": losses[worst].mixed[0],
        "outside of the text": losses[worst].outside[0],
    }
    figure, ax = plt.subplots(figsize=(6.4, 1.8))
    ax.barh(list(parts), list(parts.values()), color="#c65d07")
    ax.invert_yaxis()
    ax.set(xlabel="share of the product", xlim=(0, 1))
    ax.set_title(sample[worst].question, loc="left", size="small")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def unsure_of_edges(sample: list[Reading]) -> Reading:
    """The answered question whose edges are the least sure."""
    answered = [reading for reading in sample if reading.answer is not None]
    return max(answered, key=lambda reading: reading.spans.uncertainty().boundaries)


def threshold(sample: list[Reading]) -> Figure:
    """Exact match by threshold, for all questions and for each kind."""
    thresholds = np.linspace(-15, 15, 121)
    curves = [squad_scores([reading.with_threshold(t) for reading in sample]) for t in thresholds]
    figure, ax = plt.subplots(figsize=(6.4, 2.8))
    ax.step(thresholds, [c.exact for c in curves], color="black", label="all questions")
    ax.step(thresholds, [c.has_answer_exact for c in curves], "--", color="#1f5fa8", label="with an answer")
    ax.step(thresholds, [c.no_answer_exact for c in curves], ":", color="#c65d07", label="without one")
    ax.set(xlabel="threshold, logits", ylabel="exact match, %", ylim=(0, 102))
    ax.legend(frameon=False, loc="lower center", ncols=3, bbox_to_anchor=(0.5, 1.0), fontsize="small")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def calibration(reader: Reader) -> Figure:
    """How often answers are right by how sure they are, and the errors among the surest share."""
    confidences = qalens.evaluate(reader, datasets.sample(), progress=False).calibration()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    plots.reliability(confidences, ["probability", "cluster"], ax=left)
    plots.risk_coverage(confidences, ["probability", "cluster"], ax=right)
    return figure


def main() -> None:
    with plt.rc_context(STYLE):
        for place, figure in pictures(qalens.load()):
            path = HERE / f"{place}.png"
            path.parent.mkdir(exist_ok=True)
            # Without the version of matplotlib inside, a new one does not change every file.
            figure.savefig(path, metadata={"Software": None})
            plt.close(figure)


if __name__ == "__main__":
    main()
