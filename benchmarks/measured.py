"""Writes tables of docs/measured.md and docs/concepts/ from the JSON that benchmarks leave.

    python benchmarks/own_work.py --json own_work.json
    python benchmarks/first_answer.py --json first_answer.json
    python benchmarks/reading.py FILE --json reading.json
    python benchmarks/pipelines.py FILE --old-python PYTHON --json pipelines.json
    python benchmarks/device.py --json device.json
    python benchmarks/coverage.py --json coverage.json
    python benchmarks/explaining.py sanity qalens/datasets/sample.json --tested 20 --json sanity.json
    python benchmarks/confidence.py FILE [FILE ...] --json confidence.json
    python benchmarks/promises.py FILE --json promises.json
    python benchmarks/measured.py own_work.json first_answer.json reading.json …

A table stands in its page between `<!-- NAME -->` and `<!-- end of NAME -->`, where NAME is that of the numbers in the JSON; what
is not given stays as it is. The names of what depends on the processor end with its kind, as `machine.kind()` tells it.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "measured.md"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "|" + "|".join(line) + "|" if line[0] == "---" else f"| {' | '.join(line)} |" for line in lines
    )


def own_work(each: Mapping[str, float]) -> str:
    """Milliseconds a question, and their ratio to the call of the tokenizer for the same texts."""
    rows = []
    for name in ("shared texts", "single texts", "evaluate", "pipeline"):
        plain = each[f"{name if name == 'single texts' else 'shared texts'}, tokenizer"]
        rows.append([name, f"{plain:.2f}", f"{each[name]:.2f}", f"{each[name] / plain:.2f}"])
    return table(["", "tokenizer, ms a question", "own work, ms a question", "ratio"], rows)


def first_answer(seconds: Mapping[str, float]) -> str:
    """CPU seconds of each way to the first answer."""
    return table(["", "CPU seconds"], [[name, f"{value:.2f}"] for name, value in seconds.items()])


def questions_a_second(found: Mapping[str, Mapping[str, float]]) -> str:
    """For each model and precision the questions a second of each kind of work."""
    head = ["", *next(iter(found.values()))]
    return table(head, [[name, *(f"{rate:.1f}" for rate in rates.values())] for name, rates in found.items()])


def reading(found: Mapping[str, Mapping[str, float]]) -> str:
    """The ratios of reading, a column for each model."""
    names = next(iter(found.values()))
    return table(["", *found], [[name, *(f"{one[name]:.2f}" for one in found.values())] for name in names])


def pipelines(found: Mapping[str, Mapping[str, list[float]]]) -> str:
    """Questions a second and the ratio to the fastest old pipeline, two columns for each model."""
    head = [
        "",
        *(f"{name}, {what}" for name in found for what in ("questions a second", "× the fastest old")),
    ]
    names = next(iter(found.values()))
    rows = [
        [
            name,
            *(
                f"{value:.{digits}f}"
                for one in found.values()
                for value, digits in zip(one[name], (1, 2), strict=True)
            ),
        ]
        for name in names
    ]
    return table(head, rows)


def coverage(found: Mapping[str, Mapping[str, float]]) -> str:
    """In what per cent of simulated samples an interval held the truth: a row for each figure, a column for each sample."""
    figures = max(found.values(), key=len)
    rows = [
        [name, *(f"{held[name]:.1f}" if name in held else "–" for held in found.values())] for name in figures
    ]
    return table(["", *found], rows)


def sanity(found: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """A table for each target: rank correlations by how far down the layers are randomised, infidelity and sensitivity."""
    stages = ["head", "half of the layers", "all layers", "embeddings"]
    head = ["method", "by", *stages, "infidelity", "max-sensitivity"]
    return "\n\n".join(
        f"Target {name}:\n\n{table(head, [list(row) for row in rows])}" for name, rows in found.items()
    )


# By what the name of the numbers begins with; those of reading and of pipelines end with the kind of the machine.
TABLES: dict[str, Callable[..., str]] = {
    "own_work_ms": own_work,
    "first_answer_s": first_answer,
    "questions_a_second": questions_a_second,
    "reading_": reading,
    "pipelines_": pipelines,
    "coverage_percent": coverage,
    "sanity_checks": sanity,
    "confidence": str,
    "promises": str,
}
ELSEWHERE = {
    "coverage_percent": DOCS / "concepts" / "statistics.md",
    "sanity_checks": DOCS / "concepts" / "faithfulness.md",
}


def table_of(name: str) -> Callable[..., str] | None:
    """What makes the table of numbers of that name, if anything does.

    >>> table_of("reading_avx2").__name__, table_of("ratio")
    ('reading', None)
    """
    return next((make for start, make in TABLES.items() if name.startswith(start)), None)


def written(page: str, name: str, numbers: object) -> str:
    """The page with the table of that name made anew.

    >>> written("<!-- first_answer_s -->\\n<!-- end of first_answer_s -->", "first_answer_s", {"plain": 1.0}).splitlines()[3]
    '| plain | 1.00 |'
    """
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if place.search(page) is None:
        raise SystemExit(f"The page has no place for {name}: <!-- {name} --> and <!-- end of {name} -->.")
    make = table_of(name)
    assert make is not None
    return place.sub(lambda found: f"{found[1]}{make(numbers)}\n{found[2]}", page)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, help="JSON that benchmarks left")
    for file in parser.parse_args().files:
        for name, numbers in json.loads(file.read_text(encoding="utf-8")).items():
            if table_of(name):
                path = ELSEWHERE.get(name, PAGE)
                path.write_text(written(path.read_text(encoding="utf-8"), name, numbers), encoding="utf-8")


if __name__ == "__main__":
    main()
