"""The explorers of the first page and the page that reads, written as pages when the site is built: always those of the code that is documented.

What the bundled model gets wrong, and which word turns it, is looked for among the questions of the sample, so that the page
stays true whatever the model says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from figures import QUESTION, TEXT, long_reading

import qalens
from qalens import datasets
from qalens.readings.reading import Reading
from qalens.widgets import (
    AttributionExplorer,
    ChangeExplorer,
    CompareExplorer,
    DatasetExplorer,
    Explorer,
    LayerExplorer,
    NoAnswerExplorer,
    SpanExplorer,
)

NOT_TOLD = "How much did the lighthouse cost?"


def explorers(reader: qalens.Reader) -> Iterator[tuple[str, Explorer]]:
    """Each explorer by the name of its page: five questions, and one reading in each explorer."""
    reading, none = reader.read(QUESTION, TEXT), reader.read(NOT_TOLD, TEXT)
    sample = [one for one in reader.read_many(datasets.sample(), progress=False) if isinstance(one, Reading)]
    yield "answer", SpanExplorer(reading)
    yield "none", SpanExplorer(none)
    yield "misled", SpanExplorer(misled(sample))
    yield "flip", flipped(reader, [reading, *sample])
    yield "long", SpanExplorer(long_reading(reader))
    yield "no-answer", NoAnswerExplorer([none, *sample])
    yield "why", AttributionExplorer(reading, reader.attribute(reading))
    yield "layers", LayerExplorer(reading, reader.logit_lens(reading), reader.ablate_heads(reading))
    yield (
        "change",
        CompareExplorer(reading, reader.read(QUESTION, TEXT.replace("The county sent", "Nobody sent"))),
    )
    yield "dataset", DatasetExplorer(qalens.evaluate(reader, datasets.sample(), progress=False))


def misled(sample: list[Reading]) -> Reading:
    """The surest answer to a question that has none."""
    wrong = [one for one in sample if one.example.gold == () and one.answer is not None]
    return min(wrong or sample, key=lambda one: one.no_answer_probability)


def flipped(reader: qalens.Reader, readings: list[Reading]) -> Explorer:
    """The first answer that the fewest words turn into none, one word if there is such a one."""
    answered = [one for one in readings if one.answer is not None][:8]
    found = [reader.smallest_flip(one, budget=64, progress=False) for one in answered]
    flips = [flip for flip in found if flip.flipped] or found
    best = min(flips, key=lambda flip: len(flip.words))
    return ChangeExplorer(best.reading, best)


def write_explorers(folder: Path) -> None:
    """Write all of them, and the page that reads."""
    folder.mkdir(parents=True, exist_ok=True)
    reader = qalens.load()
    for name, explorer in explorers(reader):
        explorer.to_html(folder / f"{name}.html")
    examples = [(QUESTION, TEXT), (NOT_TOLD, TEXT), long_reading(reader).example]
    qalens.page(reader, folder / "ask.html", examples=examples)
