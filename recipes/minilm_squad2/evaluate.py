"""Measure a checkpoint: SQuAD 2.0 figures at threshold 0, and the plain questions of this folder.

python recipes/minilm_squad2/evaluate.py --model DIR --validation FILE [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import qalens
from qalens.evaluation.scores.squad import f1, gold_texts, squad_scores
from qalens.text.squad_files import read_squad

PLAIN = Path(__file__).with_name("plain-questions.json")


def plain_figures(reader: qalens.Reader, show: bool = True) -> dict[str, str]:
    """Right answers (half of the words or more, as F1) and right abstentions on the plain questions."""
    right = {"answered": [], "abstained": []}
    for reading in reader.read_many(list(read_squad(PLAIN)), progress=False):
        golds, said = gold_texts(reading.example), reading.answer.text if reading.answer else ""
        ok = max(f1(gold, said) for gold in golds) >= 0.5
        right["abstained" if golds == [""] else "answered"].append(ok)
        if show and not ok:
            print(
                f"  wrong: {reading.question} gold {golds[0]!r}, said {said!r}, margin {reading.margin:.2f}"
            )
    return {name: f"{sum(found)}/{len(found)}" for name, found in right.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="folder of the checkpoint (default: the bundled one)")
    parser.add_argument("--validation", type=Path, required=True, help="SQuAD 2.0 file")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    reader = qalens.load(options.model, dtype=options.dtype)
    plain = plain_figures(reader)
    readings = list(reader.read_many(read_squad(options.validation)))
    figures = {"validation": asdict(squad_scores(readings)), "plain": plain}
    print(json.dumps(figures, indent=2))
    for shift in (-3, -2, -1, -0.5, 0.5, 1, 2):
        scores = squad_scores([r.with_threshold(shift) for r in readings])
        print(
            f"threshold {shift:5.1f}: F1 {scores.f1:.2f}, HasAns {scores.has_answer_f1:.2f}, "
            f"NoAns {scores.no_answer_exact:.2f}"
        )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
