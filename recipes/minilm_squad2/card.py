"""Write the measured parts of a checkpoint's card: official figures, types of answers, calibration, speed, plain questions.

python recipes/minilm_squad2/card.py --dev FILE [FILE ...] --held-out FILE [--model DIR] [--card FILE]

The files of `--dev` are SQuAD 2.0 files for reporting alone; the temperature is fitted on `--held-out`, articles of the
training set that were not trained on. What it writes stands between two comments of the card; the rest of the card stays.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from evaluate import plain_figures

import qalens
from qalens.evaluation.confidence.temperature import Temperature
from qalens.evaluation.intervals import Estimate
from qalens.evaluation.report import Report
from qalens.text.squad_files import read_squad

BUNDLED = Path(qalens.__file__).parent / "checkpoints" / "minilm-squad2"
BEGIN, END = "<!-- figures: written by recipes/minilm_squad2/card.py -->", "<!-- /figures -->"
SECTION = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def cell(estimate: Estimate | Temperature, factor: float = 1, digits: int = 2) -> str:
    value, low, high = (f"{factor * x:.{digits}f}" for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def figures(dev: Report, held_out: Report) -> Iterator[str]:
    yield "| questions | n | exact | F1 |\n|---|---|---|---|"
    for name, report in (("SQuAD 2.0 dev", dev), ("held-out training articles", held_out)):
        found = report.figures()
        kinds = (
            (f"{name}, {found.groups} articles", found.exact, found.f1),
            ("… answerable", found.has_answer_exact, found.has_answer_f1),
            ("… unanswerable", found.no_answer_exact, found.no_answer_exact),
        )
        for kind, exact, f1 in kinds:
            yield f"| {kind} | {exact.count:,} | {cell(exact)} | {cell(f1)} |"


def types(dev: Report) -> Iterator[str]:
    yield "| the gold answer is | n | exact | F1 | abstained, % |\n|---|---|---|---|---|"
    for one in dev.slices("answer type").slices:
        abstained = f"{one.abstained.value:.1f}"
        yield f"| {one.name} | {one.count:,} | {cell(one.exact)} | {cell(one.f1)} | {abstained} |"


def calibration(dev: Report, held_out: Report) -> Iterator[str]:
    temperature = held_out.temperature()
    before = dev.calibration(temperature=None)["probability"]
    after = dev.calibration(temperature=temperature.value)["probability, T"]
    yield (
        f"The temperature fitted on the held-out training articles is {cell(temperature)}. On the dev articles the "
        f"probability of what is said has an expected calibration error of {cell(before.ece, 100, 1)} % as it is, and of "
        f"{cell(after.ece, 100, 1)} % with that temperature; its AUROC for right against wrong is {cell(before.auroc, 1, 3)}."
    )


def speed(reader: qalens.Reader, examples: list[qalens.Example]) -> str:
    list(reader.read_many(examples[:32], progress=False))
    began = time.perf_counter()
    list(reader.read_many(examples, progress=False))
    rate = len(examples) / (time.perf_counter() - began)
    return (
        f"{len(examples)} of the dev questions are read at {rate:.0f} a second in float32 on {torch.get_num_threads()} threads "
        f"of {processor()}."
    )


def processor() -> str:
    try:
        names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    except OSError:
        names = []
    return names[0] if names else "an unnamed processor"


def report_on(reader: qalens.Reader, files: list[Path], folder: Path | None) -> Report:
    """All files in one report; those whose reports are kept are not read again."""
    found = []
    for file in files:
        kept = folder and folder / f"{file.stem}-all.jsonl.gz"
        if kept and kept.exists():
            found.append(Report.load(kept))
            continue
        found.append(qalens.evaluate(reader, file))
        if kept:
            found[-1].save(kept)
    return replace(found[0], rows=tuple(row for report in found for row in report.rows))


def section(reader: qalens.Reader, dev_files: list[Path], held_out_file: Path, folder: Path | None) -> str:
    dev, held_out = report_on(reader, dev_files, folder), report_on(reader, [held_out_file], folder)
    examples = [example for file in dev_files for example in read_squad(file)][:: max(1, len(dev) // 500)]
    plain = plain_figures(reader, show=False)
    return "\n".join(
        [
            BEGIN,
            "",
            *figures(dev, held_out),
            "",
            *types(dev),
            "",
            f"Plain questions over short texts of our own (`recipes/minilm_squad2/plain-questions.json`): {plain['answered']} answered "
            f"rightly (F1 of half or more), {plain['abstained']} rightly left without an answer.",
            "",
            *calibration(dev, held_out),
            "",
            speed(reader, examples),
            "",
            END,
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--dev", type=Path, nargs="+", required=True, help="SQuAD 2.0 files for reporting")
    add("--held-out", type=Path, required=True, help="the file that train.py wrote")
    add("--rows", type=Path, help="folder where reports are kept and used again")
    add("--model", help="folder of the checkpoint (default: the bundled one)")
    add("--card", type=Path, default=BUNDLED / "README.md")
    args = parser.parse_args()
    written = section(qalens.load(args.model, dtype="float32"), args.dev, args.held_out, args.rows)
    card = args.card.read_text("utf-8")
    if not SECTION.search(card):
        raise SystemExit(f"{args.card} has no place for the figures: a line {BEGIN} and a line {END}.")
    args.card.write_text(SECTION.sub(lambda _: written, card), "utf-8")


if __name__ == "__main__":
    main()
