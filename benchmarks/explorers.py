"""How fast do explorers open and follow the pointer in a browser, and how much do they send?

    python benchmarks/explorers.py [--characters 900 100000] [--rounds 20]

For each text it prints what the SpanExplorer sends (the record's bytes, the code that goes along, and the page for saved
notebooks), how long Python takes to prepare it, how long the page takes from its opening until its text is painted, and the
median and the slowest of hovers, choices and selections, from the event to the next painted frame. Needs playwright and a
Chromium. A browser without a screen paints at most every 16 ms, so no repaint can read less than that.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from qalens.testing import planted_reading
from qalens.widgets import SpanExplorer

SENTENCE = "Ada kept the lamp of the room by day, and who kept it in when Tom was there to answer for it? "
# The time from an action to the frame after the one that shows it.
TIMED = """async ([action, rounds]) => {
  const words = [...document.querySelectorAll('.ql-tok')], times = [];
  const act = {
    hover: k => words[(7 * k) % words.length].dispatchEvent(new PointerEvent('pointermove', { bubbles: true })),
    choose: k => qalens.model.set('given_answer', k % 2 === 0),
    select: k => qalens.model.set('selected', [0, k + 3]),
  }[action];
  for (let k = 0; k < rounds; k++) {
    const begin = performance.now();
    act(k);
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
    times.push(performance.now() - begin);
  }
  return times;
}"""


def explorer_of(characters: int) -> tuple[SpanExplorer, float]:
    """An explorer of a planted reading, and the seconds that Python took for it alone."""
    text = (SENTENCE * (characters // len(SENTENCE) + 1))[: characters - 9] + " the room"
    reading = planted_reading("What did Ada keep?", text, answer="the room", strength=9.0)
    begin = time.perf_counter()
    return SpanExplorer(reading), time.perf_counter() - begin


def sizes(explorer: Any) -> dict[str, int]:
    """Bytes that travel: the record, the code, and the page inside of a saved notebook."""
    state = explorer.get_state(["view", "places", "logits", "chances"])
    view = len(json.dumps(state.pop("view")).encode())
    code = len(explorer._esm.encode()) + len(explorer._css.encode())
    return {
        "record": view + sum(len(part) for part in state.values()),
        "code": code,
        "page": len(explorer.to_html().encode()),
    }


def measure(page: Page, file: Path, rounds: int) -> None:
    """Open a page and act on it, and print the milliseconds."""
    page.goto(file.as_uri())
    page.wait_for_selector(".ql-tok")
    opened = page.evaluate(
        "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))"
    )
    print(f"  open           {opened:8.0f} ms")
    for action in ("hover", "choose", "select"):
        times = page.evaluate(TIMED, [action, rounds])
        print(f"  {action:14s} {statistics.median(times):8.1f} ms, slowest {max(times):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--characters", type=int, nargs="+", default=[900, 100_000])
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for characters in given.characters:
            explorer, seconds = explorer_of(characters)
            file = Path(folder) / f"{characters}.html"
            explorer.to_html(file)
            sent = ", ".join(f"{name} {size / 1000:,.0f} kB" for name, size in sizes(explorer).items())
            print(f"{characters:,} characters: {sent}\n  Python         {1000 * seconds:8.0f} ms")
            page = browser.new_page(viewport={"width": 1000, "height": 900})
            measure(page, file, given.rounds)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
