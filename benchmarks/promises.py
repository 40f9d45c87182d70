"""Do promises hold: coverage of prediction sets, broken risks, and alarms of the exchangeability check, on many splits.

    python benchmarks/promises.py SQUAD2.json [--other OTHER.json ...] [--splits 200] [--rows FOLDER] [--json FILE]

Reads the file once (rows are kept in FOLDER and used again), then splits questions, texts or articles in halves many times:
one half to learn from, one to test on. What it prints is the section of docs/measured.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from measured import table
from scipy.stats import binomtest

import qalens
from qalens.evaluation.columns import By, groups
from qalens.evaluation.promises.curve import set_outcomes
from qalens.evaluation.promises.risk import risk_control
from qalens.evaluation.promises.sets import prediction_sets
from qalens.evaluation.promises.shift import compare_evidence, evidence_of
from qalens.evaluation.report import Report
from qalens.evaluation.rows import ExampleRow
from qalens.evaluation.scores.several import score_several
from qalens.text.examples import CharSpan, Example


def read(path: Path, folder: Path | None, limit: int | None = None) -> tuple[ExampleRow, ...]:
    kept = None if folder is None else folder / f"{path.stem}-{limit or 'all'}.jsonl.gz"
    if kept is not None and kept.exists():
        return Report.load(kept).rows
    report = qalens.evaluate(qalens.load(), path, limit=limit)
    if kept is not None:
        report.save(kept)
    return report.rows


def halves(
    rows: Sequence[ExampleRow], by: By, rng: np.random.Generator
) -> tuple[list[ExampleRow], list[ExampleRow]]:
    group = groups(rows, by)
    taken = rng.permutation(int(group.max()) + 1) < (group.max() + 1) / 2
    return [r for r, g in zip(rows, group, strict=True) if taken[g]], [
        r for r, g in zip(rows, group, strict=True) if not taken[g]
    ]


def coverage(rows: Sequence[ExampleRow], by: By, split: By, splits: int) -> Iterator[list[str]]:
    for stated in (0.8, 0.9, 0.95):
        rng, found, sizes = np.random.default_rng(0), [], []
        for _ in range(splits):
            learn, test = halves(rows, split, rng)
            cut = prediction_sets(learn, coverage=stated, by=by).cut
            covered, size = set_outcomes(test, cut)
            found.append(covered.mean())
            sizes.append(size.mean())
        low, high = np.percentile(found, [5, 95])
        yield [
            f"{stated:.0%}",
            by,
            split,
            f"{np.mean(found):.1%}",
            f"{low:.1%} to {high:.1%}",
            f"{np.mean(sizes):.2f}",
        ]


def kept_by(rows: Sequence[ExampleRow], threshold: float) -> list[ExampleRow]:
    return [row for row in rows if row.margin is not None and row.margin <= threshold]


def broken_by(rows: Sequence[ExampleRow], threshold: float, risk: float) -> bool:
    """Whether more of the answers are wrong than stated."""
    kept = kept_by(rows, threshold)
    return bool(kept) and float(np.mean([not row.best_exact for row in kept])) > risk


def share(count: int, of: int) -> str:
    """A share of independent trials with its Clopper–Pearson interval."""
    low, high = binomtest(count, of).proportion_ci()
    return f"{count / of:.1%} [{low:.1%}, {high:.1%}]"


def risks(rows: Sequence[ExampleRow], splits: int) -> Iterator[list[str]]:
    """Learnt from half as many questions drawn with replacement, so that all of them are what the promise is about."""
    for risk in (0.1, 0.2, 0.3, 0.4):
        rng, broken, cannot, answered = np.random.default_rng(0), 0, 0, []
        for _ in range(splits):
            learn = [rows[k] for k in rng.integers(0, len(rows), len(rows) // 2)]
            threshold = risk_control(learn, risk=risk, confidence=0.9).threshold
            if threshold is None:
                cannot += 1
                continue
            answered.append(len(kept_by(rows, threshold)) / len(rows))
            broken += broken_by(rows, threshold, risk)
        part = f"{np.mean(answered):.1%}" if answered else "–"
        yield [f"{risk:.0%}", share(broken, splits), f"{cannot / splits:.1%}", part]


def alarms(
    rows: Sequence[ExampleRow], others: dict[str, tuple[ExampleRow, ...]], splits: int
) -> Iterator[str]:
    rng, false = np.random.default_rng(0), 0
    for k in range(splits):
        learn, test = halves(rows, "text", rng)
        false += compare_evidence(evidence_of(learn), evidence_of(test), seed=k).fires
    yield f"Of {splits} splits by text the check of exchangeability, at a level of 5 %, is wrongly set off by {share(false, splits)}."
    for name, other in others.items():
        found = {n: compare_evidence(evidence_of(rows), evidence_of(other[:n])) for n in (50, 100, 200, 300)}
        said = ", ".join(
            f"{'fires' if one.fires else 'is silent'} on {n} (p = {one.p:.3g})" for n, one in found.items()
        )
        yield f"Questions of {name}: it {said}."


NAMES = (
    "Ada Marlow Tobias Lind Mira Okafor John Harper Lena Brandt Pavel Novak Ines Duarte Olaf Berg Rosa Quint Emil Castell Nora "
    "Feldt Hugo Sand Clara Weiss Milan Petrov Greta Holm"
).split()
LISTS = (
    (
        "Who are the parties?",
        "This agreement is made in May between {0}, {1} and {2}, who share the cost of the harbour wall.",
    ),
    (
        "Who repaired the bell?",
        "The bell was repaired in autumn by {0}, {1} and {2}. Nobody else was let into the tower.",
    ),
    (
        "Who sat on the council?",
        "In that year the council had three members: {0}, {1} and {2}. It met on Mondays.",
    ),
    (
        "Which people signed the letter?",
        "The letter, which asked for a new road, was signed by {0}, {1} and by {2}.",
    ),
    (
        "Who came to the meeting?",
        "{0} came to the meeting early. {1} came by boat, and {2} came last, in the rain.",
    ),
)


def lists(reader: qalens.Reader) -> Iterator[str]:
    """Thirty made-up lists of three names: are all in some place, and how precise are cuts."""
    people = [f"{NAMES[k]} {NAMES[k + 1]}" for k in range(0, len(NAMES) - 1, 2)]
    rng, examples = np.random.default_rng(0), []
    for k in range(30):
        question, form = LISTS[k % len(LISTS)]
        chosen = [people[i] for i in rng.permutation(len(people))[:3]]
        text = form.format(*chosen)
        required = tuple((CharSpan(text.index(name), text.index(name) + len(name)),) for name in chosen)
        examples.append(Example(question, text, gold=tuple(one[0] for one in required), required=required))
    readings = list(reader.read_many(examples, progress=False))
    held = sum(
        any(place.best.span.overlaps(one[0]) for place in reading.answers(0.0))
        for reading, example in zip(readings, examples, strict=True)
        for one in example.required
    )
    yield f"Thirty made-up lists of three names: {held} of 90 names are in some place."
    for cut in (0.02, 0.05, 0.1, 0.2):
        pairs = [
            any(place.best.span.overlaps(one[0]) for one in example.required)
            for reading, example in zip(readings, examples, strict=True)
            for place in reading.answers(cut)
            if place.taken
        ]
        exact = score_several(readings, cut=cut).exact
        right = f"{sum(pairs)} of {len(pairs)} taken places on a name" if pairs else "nothing taken"
        yield f"Cut {cut}: {right}; exact precision {exact.precision:.1f}, recall {exact.recall:.1f}."
    single = list(reader.read_many(qalens.datasets.sample(), progress=False))
    f1 = {cut: score_several(single, cut=cut).partial.f1 for cut in (0.05, 0.1, 0.2, 1.0)}
    said = ", ".join(f"{value:.1f} with a cut of {cut}" for cut, value in f1.items() if cut < 1)
    yield f"On the sample, whose questions have one answer, F1 of lists is {said}, and {f1[1.0]:.1f} for single answers."


def section(
    rows: Sequence[ExampleRow], others: dict[str, tuple[ExampleRow, ...]], splits: int
) -> Iterator[str]:
    yield f"{len(rows):,} questions, {splits} splits in halves: one to learn from, one to test on. Coverage of prediction sets:"
    ways = (("question", "question"), ("text", "text"), ("question", "title"), ("title", "title"))
    yield table(
        ["stated", "cut by", "split by", "covered", "5 to 95 % of splits", "places"],
        [row for by, split in ways for row in coverage(rows, by, split, splits)],
    )
    yield (
        f"Risk control with a certainty of 90 %, by question, learnt {splits} times from half as many questions drawn with replacement. It "
        "counts as broken where more of the answers to all questions, of which they were drawn, are wrong than stated:"
    )
    head = ["risk", "broken, of draws", "no promise, of draws", "answered, of questions"]
    yield table(head, list(risks(rows, splits)))
    yield "\n".join(f"- {line}" for line in lists(qalens.load()))
    yield "\n".join(f"- {line}" for line in alarms(rows, others, 5 * splits))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="SQuAD 2.0 file with titles")
    parser.add_argument("--other", type=Path, nargs="*", default=[], help="files of another kind of text")
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--rows", type=Path, help="where rows are kept")
    parser.add_argument("--json", type=Path, help="for benchmarks/measured.py")
    args = parser.parse_args()
    others = {path.stem: read(path, args.rows, 300) for path in args.other}
    text = "\n\n".join(section(read(args.data, args.rows), others, args.splits))
    print(text)
    if args.json:
        args.json.write_text(json.dumps({"promises": text}), encoding="utf-8")


if __name__ == "__main__":
    main()
