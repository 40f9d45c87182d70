"""The page that reads, beside Python: the same answers, how far null margins move, and how long it takes.

    python benchmarks/page.py SQUAD2.json --out FOLDER [--questions 500] [--weights int8 float16]

Opens the page in Chromium without a network and asks it the same questions as a reader on one thread. Every question is a row
in a file of the folder as soon as it is answered, and a run that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from playwright.sync_api import Browser, Page, sync_playwright

import qalens
from qalens.text.examples import Example
from qalens.text.squad_files import read_squad
from qalens.widgets.explorers.span_explorer import span_arrays

ASK = """([question, context]) => new Promise((resolve, reject) => {
  const { playground } = window;
  const number = ++playground.number;
  const hear = event => {
    if (event.data.number !== number || event.data.type === "window") return;
    playground.worker.removeEventListener("message", hear);
    if (event.data.type === "failed") return reject(new Error(event.data.reason));
    const { margin, best, arrays } = event.data.reading;
    resolve({ margin, best, places: btoa(Array.from(new Uint8Array(arrays.places.buffer), c => String.fromCharCode(c)).join("")) });
  };
  playground.worker.addEventListener("message", hear);
  playground.worker.postMessage({ type: "read", number, question, context });
})"""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
SENTENCE = "Ada Marlow kept the lamp of the lighthouse for thirty years. "


def compared(page: Page, reader: qalens.Reader, example: Example) -> dict[str, Any]:
    """One question in the page and in Python."""
    began = time.perf_counter()
    told = page.evaluate(ASK, [example.question, example.context])
    middle = time.perf_counter()
    known = reader.read(example.question, example.context)
    ended = time.perf_counter()
    answered = told["best"] is not None and told["margin"] <= reader.threshold
    found = (told["best"]["start"], told["best"]["end"]) if answered else None
    wanted = None if known.answer is None else (known.answer.span.start, known.answer.span.end)
    return {
        "same": found == wanted,
        "margin": known.margin,
        "moved": abs(told["margin"] - known.margin),
        "offsets": base64.b64decode(told["places"]) == span_arrays(known)["places"],
        "page_ms": 1000 * (middle - began),
        "python_ms": 1000 * (ended - middle),
    }


def opened(browser: Browser, file: Path) -> tuple[Page, list[str], float]:
    """The page, what it asks for, and the seconds to its first answer."""
    page, asked = browser.new_page(), []
    page.set_default_timeout(600_000)
    page.on("request", lambda request: asked.append(request.url))
    began = time.perf_counter()
    page.goto(file.as_uri())
    page.wait_for_selector("#spans .ql-verdict strong")
    return page, asked, time.perf_counter() - began


def short_text(reader: qalens.Reader) -> Example:
    """A question and a text of some 150 tokens together."""
    example = Example("Who kept the lamp?", SENTENCE)
    while reader.read(example.question, example.context).windows.lengths[0] < 140:
        example = Example(example.question, example.context + SENTENCE)
    return example


def measured(
    browser: Browser, reader: qalens.Reader, examples: Sequence[Example], weights: Any, folder: Path
) -> None:
    """Ask what is not in the rows yet, and print what all rows say."""
    file, rows_file = folder / f"{weights}.html", folder / f"{weights}.jsonl"
    if not file.exists():
        qalens.page(reader, file, weights=weights)
    page, asked, first = opened(browser, file)
    print(f"{weights}: {file.stat().st_size / 1e6:.1f} MB, first answer {first:.1f} s after opening")
    short = [compared(page, reader, short_text(reader)) for _ in range(12)][2:]
    times = [np.median([row[name] for row in short]) for name in ("page_ms", "python_ms")]
    print(f"  150 tokens: {times[0]:.0f} ms, {times[0] / times[1]:.1f} x native torch on one thread")
    done = len(rows_file.read_text().splitlines()) if rows_file.exists() else 0
    with rows_file.open("a") as rows:
        for example in examples[done:]:
            rows.write(json.dumps(compared(page, reader, example)) + "\n")
            rows.flush()
    outside = [url for url in asked if not url.startswith(("file:", "blob:"))]
    print(f"  requests to elsewhere: {len(outside)}")
    page.close()
    report([json.loads(line) for line in rows_file.read_text().splitlines()])


def report(rows: Sequence[dict[str, Any]]) -> None:
    """Print what the rows say together."""
    n, same, offsets = len(rows), sum(row["same"] for row in rows), sum(row["offsets"] for row in rows)
    moved = [row["moved"] for row in rows]
    print(
        f"  the same span or none in {same} of {n} ({same / n:.1%}), the same offsets in {offsets}; null margins move by "
        f"{np.median(moved):.3f} logits (median), {np.percentile(moved, 95):.3f} (95 %), {max(moved):.3f} (most)"
    )
    close = [f"{abs(row['margin']):.2f}" for row in rows if not row["same"]]
    print(f"  where they differ, the margin is {', '.join(close) or '–'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--weights", nargs="+", default=["int8", "float16"])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    everything = list(read_squad(args.data))
    examples = random.Random(0).sample(everything, min(args.questions, len(everything)))
    reader = qalens.load(dtype="float32")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for weights in args.weights:
            measured(browser, reader, examples, weights, args.out)
        browser.close()


if __name__ == "__main__":
    main()
