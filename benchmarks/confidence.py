"""Figures, confidences and thresholds of the bundled checkpoint with their intervals: python benchmarks/confidence.py FILE [FILE ...].

Each FILE is a SQuAD 2.0 file, or a report that `Report.save` wrote; all are taken together. What it prints is the section of
docs/measured.md, which `benchmarks/measured.py` writes there from `--json`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from measured import table

import qalens
from qalens.evaluation.confidence.calibration import ConfidenceReport
from qalens.evaluation.confidence.temperature import tempered
from qalens.evaluation.intervals import Estimate
from qalens.evaluation.report import Report


def section(report: Report, sample: Report) -> Iterator[str]:
    """One paragraph or table after the other."""
    figures = {by or "article": report.figures(by=by) for by in ("question", "text", None)}
    whole = figures["article"]
    yield (
        f"The {len(report):,} questions of {whole.groups} articles of the SQuAD 2.0 dev set ({figures['text'].groups:,} texts) with the bundled "
        "checkpoint. What the intervals are: [statistics](concepts/statistics.md)."
    )
    rows = [
        [
            name,
            f"{getattr(whole, key).value:.2f}",
            *(_interval(getattr(one, key)) for one in figures.values()),
        ]
        for name, key in (("exact match", "exact"), ("F1", "f1"))
    ]
    yield table(["", "value", *(f"by {by}" for by in figures)], rows)
    yield from _confidences(report)
    sides = ", ".join(_sides(report))
    yield f"Mean probability and share right {sides}."
    yield from _temperatures(report, sample)
    yield from _thresholds(report)


def _interval(estimate: Estimate) -> str:
    return f"[{estimate.low:.2f}, {estimate.high:.2f}]"


def _confidences(report: Report) -> Iterator[str]:
    decision = report.calibration(by="text", temperature=report.temperature().value)
    place = report.calibration(event="place", by="text", temperature=report.temperature().value)
    # A temperature changes no order by margin, and the entropy is no probability.
    chosen = [row for row in decision.rows if row.temperature is None or row.by_width is not None]
    yield f"Confidences, by text. By the decision {decision.accuracy:.1%} are right."
    rows = [[row.label.replace(" (place)", ""), row.event, *_measures(row)] for row in chosen]
    yield table(["confidence", "judged by", "ECE", "Brier", "AURC", "AUROC"], rows)
    pairs = {
        "by the decision, by text": decision,
        "by the place, by text": place,
        "by the decision, by article": report.calibration(temperature=None),
    }
    said = []
    for name, found in pairs.items():
        difference = found.compare("cluster", "probability")
        said.append(f"{name} AUROC {difference.auroc:+.3f} and Brier score {difference.brier:+.3f}")
    yield f"Cluster less probability, paired: {'; '.join(said)}."


def _measures(row: ConfidenceReport) -> list[str]:
    return ["–" if one is None else f"{one:.3f}" for one in (row.ece, row.brier, row.aurc, row.auroc)]


def _sides(report: Report) -> Iterator[str]:
    """Mean probability and share right, where it answers and where it abstains."""
    sure = report.calibration(temperature=None)["probability"]
    rows = [row for row in report.rows if row.exact is not None and not row.failed]
    answered = np.array([row.answer is not None for row in rows])
    for name, some in (("answers", answered), ("abstains", ~answered)):
        yield f"where it {name} {sure.values[some].mean():.3f} and {sure.right[some].mean():.3f}"


def _temperatures(report: Report, sample: Report) -> Iterator[str]:
    found = report.temperature()
    moved = sample.calibration(temperature=found.value)
    change = moved.compare("probability, T", "probability").brier
    losses = [f"{_loss(sample, value):.3f}" for value in (1.0, found.value)]
    yield (
        f"The temperature of the logits is {found.value:.2f} [{found.low:.2f}, {found.high:.2f}] and takes the loss from "
        f"{found.loss_at_one:.3f} to {found.loss:.3f} nats. On the {len(sample)} questions of the bundled sample, which are of other kinds of text, the "
        f"same temperature takes the loss from {losses[0]} to {losses[1]}, the ECE of the probability from {moved['probability'].ece:.2f} to "
        f"{moved['probability, T'].ece:.2f}, and changes the Brier score by {change:+.3f}."
    )


def _loss(report: Report, temperature: float) -> float:
    loss = -tempered(report.rows, temperature).log_gold
    return float(loss[np.isfinite(loss)].mean())


def _thresholds(report: Report) -> Iterator[str]:
    best, cheap = report.cross_fit(by="text"), report.cheapest_threshold(false_answer=5)
    yield (
        f"The best threshold for F1 is {best.threshold:.2f}, with an interval from {best.low:.2f} to {best.high:.2f} by text. It promises {best.best:.2f}; "
        f"cross-fitted it gives {best.honest:.2f}, which is {best.gain:+.2f} points from the {best.before.value:.2f} of threshold 0. Where a false "
        f"answer costs five times a missed one the cheapest threshold promises {cheap.cost:.3f} a question and gives {cheap.honest:.3f} on questions not "
        f"seen; never answering costs {cheap.never:.3f}."
    )
    slices = report.slices()
    marked = ", ".join(one.name for one in slices.marked) or "none"
    yield f"Of {len(slices)} slices by question word, marked as different from the others by article: {marked}."


def main() -> None:
    """Print the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--json", type=Path, help="for benchmarks/measured.py")
    args = parser.parse_args()
    reader = qalens.load()
    found = [Report.load(f) if ".jsonl" in f.name else qalens.evaluate(reader, f) for f in args.files]
    report = replace(found[0], rows=tuple(row for one in found for row in one.rows))
    text = "\n\n".join(section(report, qalens.evaluate(reader, qalens.datasets.sample())))
    text = re.sub(r"(?<!\w)-(?=\d)", "−", text)
    print(text)
    if args.json:
        args.json.write_text(json.dumps({"confidence": text}), encoding="utf-8")


if __name__ == "__main__":
    main()
