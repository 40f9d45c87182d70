"""How fast are explorers in a browser, how much do they send, and how soon does the picture follow an edit?

    python benchmarks/exploring.py [--rounds 20] [--characters 800 100000]

It starts a JupyterLab of its own without network, with a Chromium, and prints for each length of a text: the bytes that an
explorer sends, the time from running its cell until its text is painted, the time from a hover and from a move of the
threshold to the frame after it, and how many messages went to the kernel meanwhile. Then it types into a CompareExplorer
and prints when the picture followed, beside the time that the model itself takes and the pause that typing waits for. A
browser without a screen paints at most every 16 ms. Needs jupyterlab, playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Page, sync_playwright

PAUSE = 250  # milliseconds that typing waits for, as in editor.js
IDLE = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"
READINGS = """
import json, time, qalens
from qalens.testing import planted_reading
from qalens.widgets import CompareExplorer, NoAnswerExplorer, SpanExplorer
SENTENCE = "Ada kept the lamp of the room by day, and who kept it in when Tom was there to answer for it? "
def reading_of(characters, answer="the room"):
    text = (SENTENCE * (characters // len(SENTENCE) + 1))[: characters - 9] + " the room"
    return planted_reading("What did Ada keep?", text, answer=answer, strength=9.0)
def sent(explorer):
    state = explorer.get_state()
    sizes = {k: len(v) if isinstance(v, bytes) else len(json.dumps(v).encode()) for k, v in state.items()}
    return sum(v for k, v in sizes.items() if k not in ("_esm", "_css")), sizes["_esm"] + sizes["_css"]
READINGS = {n: (reading_of(n), reading_of(n, None)) for n in CHARACTERS}
READER = qalens.load()
"""
MAKE = {
    "SpanExplorer": "SpanExplorer(READINGS[{n}][0])",
    "NoAnswerExplorer": "NoAnswerExplorer(READINGS[{n}][0])",
    "CompareExplorer": "CompareExplorer(*READINGS[{n}])",
}
EDIT = """
q, text = "What did Ada keep?", READINGS[min(READINGS)][0].context
explorer = CompareExplorer(reader=READER, question=q, context=text)
explorer
"""
MODEL = """
times = []
for k in range(7):
    begin = time.perf_counter()
    READER.read(q, text + " " + "x" * (k + 1))
    times.append(time.perf_counter() - begin)
print(sorted(times)[3] * 1000)
"""
# From an action to the frame after the one that shows it; messages to the kernel are counted meanwhile.
TIMED = """async ([action, rounds]) => {
  const kernel = window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
  let sent = 0;
  const count = (_, message) => { if (message.direction === "send") sent += 1; };
  kernel.anyMessage.connect(count);
  const words = [...document.querySelectorAll(".ql-tok")], thumb = document.querySelector(".ql-thumb"), times = [];
  if (action === "slide") thumb.focus();
  for (let k = 0; k < rounds; k++) {
    const begin = performance.now();
    if (action === "hover") words[(7 * k) % words.length].dispatchEvent(new PointerEvent("pointermove", { bubbles: true }));
    else thumb.dispatchEvent(new KeyboardEvent("keydown", { key: k % 2 ? "ArrowLeft" : "ArrowRight", bubbles: true }));
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
    times.push(performance.now() - begin);
  }
  const during = sent;
  await new Promise(done => setTimeout(done, 500));
  kernel.anyMessage.disconnect(count);
  return [times, during, sent - during];
}"""
# From running a cell to the frame after its first word is there.
OPENED = """async cell => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const begin = performance.now();
  notebook.activeCellIndex = cell;
  notebook.deselectAll();
  window.jupyterapp.commands.execute("notebook:run-cell");
  const there = () => document.querySelectorAll(".jp-Cell")[cell].querySelector(".ql-x .ql-tok, .ql-x .ql-thumb");
  while (there() === null) await new Promise(done => requestAnimationFrame(done));
  await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
  return performance.now() - begin;
}"""
# From a key in the field to the frame after the text shows the edit.
TYPED = """async rounds => {
  const field = document.querySelector(".ql-field-context"), times = [], start = field.value;
  for (let k = 0; k < rounds; k++) {
    const word = "y".repeat(k + 1);
    const begin = performance.now();
    field.value = `${start} ${word}`;
    // Watched, not asked for at every frame: that would take time from the model.
    await new Promise(done => {
      const watch = new MutationObserver(() => {
        if (!document.querySelector(".ql-flow .ql-text").textContent.endsWith(` ${word}`)) return;
        watch.disconnect();
        done();
      });
      watch.observe(document.querySelector(".ql-flow"), { childList: true, subtree: true, characterData: true });
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    });
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
    times.push(performance.now() - begin);
  }
  return times;
}"""


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """The address of a JupyterLab that serves a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR")
    environment = os.environ | {name: str(folder / name.lower()) for name in names}
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}", "--IdentityProvider.token="]
    options += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    command = [sys.executable, "-m", "jupyterlab", *options, "--LabApp.extension_manager=readonly"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, env=environment, **quiet)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}api/status", timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def write_notebook(file: Path, characters: list[int]) -> list[tuple[str, int]]:
    """A cell for each explorer and length, after those that make the readings; returns which they are."""
    made = [(name, n) for n in characters for name in MAKE]
    cells = [f"CHARACTERS = {characters}\n{READINGS}"]
    cells += [f"explorer = {MAKE[name].format(n=n)}\nexplorer" for name, n in made]
    cells += ["print(json.dumps(sent(explorer)))", EDIT, MODEL]
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel}), file)
    return made


def printed(page: Page, cell: int) -> Any:
    """Run a cell and read the JSON that it prints."""
    run = page.evaluate(
        """async cell => {
          const notebook = window.jupyterapp.shell.currentWidget.content;
          notebook.activeCellIndex = cell;
          notebook.deselectAll();
          await window.jupyterapp.commands.execute("notebook:run-cell");
          return notebook.widgets[cell].model.outputs.toJSON().map(one => one.text ?? "").join("");
        }""",
        cell,
    )
    return json.loads(run) if run.strip() else None


def clear(page: Page) -> None:
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")


def summary(times: list[float]) -> str:
    return f"{statistics.median(times):6.1f} ms, slowest {max(times):.1f} ms"


def measure_explorer(page: Page, cell: int, name: str, characters: int, rounds: int, sizes: int) -> None:
    """Open one explorer and act on it, and print what it took."""
    clear(page)
    opened = page.evaluate(OPENED, cell)
    data, code = printed(page, sizes)
    print(f"{name}, {characters:,} characters: sends {data / 1000:,.0f} kB and {code / 1000:,.0f} kB of code")
    print(f"  from running its cell to the picture   {opened:6.0f} ms")
    actions = ["slide"] if name == "NoAnswerExplorer" else ["hover"]
    for action in actions:
        times, during, after = page.evaluate(TIMED, [action, rounds])
        print(
            f"  {action:8s}{summary(times)}; messages to the kernel: {during} meanwhile, {after} when it came to rest"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--characters", type=int, nargs="+", default=[800, 100_000])
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made = write_notebook(folder / "exploring.ipynb", given.characters)
        with lab(folder) as address:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.set_default_timeout(300_000)
            page.goto(f"{address}lab/tree/exploring.ipynb?reset")
            page.wait_for_function(IDLE)
            printed(page, 0)
            for k, (name, n) in enumerate(made):
                measure_explorer(page, k + 1, name, n, given.rounds, len(made) + 1)
            clear(page)
            page.evaluate(OPENED, len(made) + 2)
            alone = printed(page, len(made) + 3)
            times = [one - PAUSE for one in page.evaluate(TYPED, min(given.rounds, 7))]
            print(
                f"CompareExplorer, {min(given.characters):,} characters: the model alone takes {alone:.0f} ms"
            )
            print(f"  from the pause after an edit to the picture {summary(times)}")
            browser.close()


if __name__ == "__main__":
    main()
