"""Kill every writer of files at random moments, and see whether what stands there is always whole.

    python benchmarks/kill_writers.py [--kills 50] [--writer NAME] [--seed 0]

A process that was forked for it writes two versions of the same thing in turn, until SIGKILL ends it at a moment that is
drawn. Then what is there has to be one of the two, to the last byte; an index is loaded and searched. The exit status is
1 where anything was lost, cut or mixed. `benchmarks/kill.py` does the same with whole runs.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import matplotlib as mpl

mpl.use("agg")

import qalens
from qalens.__main__ import main as command_line
from qalens.display.plots import savefig
from qalens.display.plots.savefig import png, svg
from qalens.evaluation.report import Report, report_of
from qalens.evaluation.rows import ExampleRow, example_row
from qalens.evaluation.scores.predictions import write_odds, write_predictions
from qalens.readings.reading import Reading
from qalens.retrieval import Index
from qalens.testing import planted_reading
from qalens.text.examples import Example
from qalens.widgets import SpanExplorer

Write = Callable[[Path], object]


class Case(NamedTuple):
    """A writer: what it writes in turn, and what tells one of those from anything else."""

    versions: tuple[Write, Write]
    look: Callable[[Path], object]


def rows(version: int) -> list[ExampleRow]:
    """Two thousand rows of one reading; of another answer in another version."""
    context = "Ada kept the lamp of the tower, and Tobias slept below the stairs. " * 4
    said = planted_reading("Who kept the lamp?", context, answer=("Ada", "Tobias")[version])
    row = example_row(Example("Who kept the lamp?", context, id="0", gold=()), said)
    return [replace(row, id=f"q{k}", margin=float(version)) for k in range(2000)]


def reading(version: int) -> Reading:
    context = "Ada kept the lamp, and Tobias slept. " * 40
    return planted_reading("Who kept it?", context, answer=("Ada", "Tobias")[version])


def explorer(version: int) -> SpanExplorer:
    """An explorer that was drawn before, since drawing takes long and the kills are meant for the writing."""
    made = SpanExplorer(reading(version))
    figure = made.figure()
    drawn = svg(figure), png(figure, 60)
    made.figure = lambda: drawn
    return made


def index(version: int) -> Index:
    """An index in which each document has a word of its own that tells its place and version."""
    return Index.build(f"In the log of {k} stands word{version}x{k} of the lamp." for k in range(1500))


def found_in(folder: Path) -> object:
    """The version of an index on disk, where every search finds the document that it should."""
    loaded = Index.load(folder)
    version = int("word1x0" in loaded.documents[0].text)
    for k in range(0, 1500, 97):
        (found,) = loaded.search(f"word{version}x{k}", 1)
        if f"word{version}x{k} " not in found.text:
            return f"word{version}x{k} finds {found.text!r}"
    return version, len(loaded)


def cases(work: Path) -> dict[str, Case]:
    reports = [report_of(rows(version)) for version in (0, 1)]
    explorers = [explorer(version) for version in (0, 1)]
    indices = [index(version) for version in (0, 1)]
    savefig.svg, savefig.png = (lambda drawn: drawn[0]), (lambda drawn, dpi: drawn[1])
    readings = [reading(version) for version in (0, 1)]
    qalens.load = lambda name, **_: SimpleNamespace(
        model=SimpleNamespace(name=name), read=lambda *_: readings[int(name)]
    )
    scored = []
    for version, report in enumerate(reports):
        # A file of questions that are scored, for the commands.
        scored.append(write_predictions(report.rows, work / f"predictions-{version}.json"))
    gold = work / "gold.json"
    qas = ", ".join(f'{{"id": "q{k}", "answers": [{{"text": "Ada"}}]}}' for k in range(2000))
    gold.write_text(f'{{"data": [{{"paragraphs": [{{"qas": [{qas}]}}]}}]}}')

    def pair(write: Callable[[int, Path], object]) -> tuple[Write, Write]:
        return partial(write, 0), partial(write, 1)

    content = Path.read_bytes
    return {
        "Index.save": Case(pair(lambda v, path: indices[v].save(path)), found_in),
        "Report.save": Case(pair(lambda v, path: reports[v].save(path)), content),
        "Report.save, compressed": Case(
            pair(lambda v, path: reports[v].save(path.with_suffix(".gz"))),
            lambda path: Report.load(path.with_suffix(".gz")).rows[5].best,
        ),
        "write_predictions": Case(pair(lambda v, path: write_predictions(reports[v].rows, path)), content),
        "write_odds": Case(pair(lambda v, path: write_odds(reports[v].rows, path, odds="margin")), content),
        "explorer.to_html": Case(pair(lambda v, path: explorers[v].to_html(path)), content),
        "explorer.to_svg": Case(pair(lambda v, path: explorers[v].to_svg(path)), content),
        "explorer.to_png": Case(pair(lambda v, path: explorers[v].to_png(path)), content),
        "page of the command line": Case(
            pair(lambda v, path: quiet(["--model", str(v), "--out", str(path)])), content
        ),
        "score --out": Case(
            pair(lambda v, path: quiet(["score", str(gold), str(scored[v]), "--out", str(path)])),
            content,
        ),
    }


def quiet(arguments: list[str]) -> int:
    """The command line, without what it prints."""
    with redirect_stdout(io.StringIO()):
        return command_line(arguments)


def forked(case: Case, path: Path) -> int:
    """A process that writes both versions in turn for ever; its number."""
    child = os.fork()
    if child:
        return child
    try:
        while True:
            for write in case.versions:
                write(path)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def torment(name: str, case: Case, work: Path, kills: int, draw: random.Random) -> Counter[str]:
    """What stood there after each kill."""
    path = work / "place" / name.replace(" ", "-").replace(",", "")
    path.parent.mkdir(exist_ok=True)
    known = {}
    for version, write in enumerate(case.versions):
        began = time.monotonic()
        write(path)
        usual = time.monotonic() - began
        known[str(case.look(path))] = f"version {version}"
    assert len(known) == 2, f"{name}: both versions look the same"
    tally: Counter[str] = Counter()
    for _ in range(kills):
        child = forked(case, path)
        time.sleep(usual * draw.uniform(0.05, 4))
        os.kill(child, signal.SIGKILL)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            tally["the writer failed"] += 1
        try:
            seen = known.get(str(case.look(path)), "mixed")
        except Exception as error:
            seen = f"lost ({type(error).__name__}: {error!s:.80})"
        tally[seen] += 1
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="of each writer")
    parser.add_argument("--writer", help="only this one")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, failed = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as place:
        for name, case in cases(Path(place)).items():
            if options.writer not in (None, name):
                continue
            tally = torment(name, case, Path(place), options.kills, draw)
            whole = tally["version 0"] + tally["version 1"]
            bad = {seen: count for seen, count in tally.items() if not seen.startswith("version")}
            failed += bool(bad)
            print(
                f"{name}: {options.kills} kills, {whole} times whole{f', {bad}' if bad else ''}", flush=True
            )
        left = sorted((Path(place) / "place").rglob("*.part"))
        print(f"{len(left)} hidden files of killed writers are left beside them")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
