"""Take the pictures of docs/how-to/dashboard.md anew, from a real Voila: `python docs/dashboard.py`.

Voila is no part of the tests' environment: pip install -c constraints.txt voila ipykernel playwright
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image, PngImagePlugin
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
PORT = 8866


def notebook(folder: Path) -> Path:
    """The notebook that the page writes, by its own code."""
    code, *_ = re.findall(
        r"```python\n(.*?)```", (DOCS / "how-to" / "dashboard.md").read_text("utf-8"), re.DOTALL
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    return folder / "explore.ipynb"


def answering(url: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


def take(theme: str, url: str, file: Path) -> None:
    """One picture of what a visitor sees, with its words in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": 1100, "height": 900}, color_scheme=theme, reduced_motion="reduce"
        )
        page.goto(f"{url}?theme={theme}", timeout=120_000)
        page.locator("canvas").first.wait_for(timeout=120_000)
        page.wait_for_timeout(1500)
        png, words = page.screenshot(animations="disabled"), page.locator("body").inner_text()
        browser.close()
    said = PngImagePlugin.PngInfo()
    said.add_itxt("Description", words)
    Image.open(io.BytesIO(png)).save(file, pnginfo=said, optimize=True)


def main() -> None:
    url = f"http://127.0.0.1:{PORT}/"
    with tempfile.TemporaryDirectory() as folder:
        voila = [
            sys.executable,
            "-m",
            "voila",
            str(notebook(Path(folder))),
            "--no-browser",
            "--port",
            str(PORT),
        ]
        served = subprocess.Popen(voila)
        try:
            answering(f"{url}voila/static/voila.js")
            for theme in ("light", "dark"):
                take(theme, url, DOCS / "pictures" / f"dashboard-{theme}.png")
        finally:
            served.terminate()
            served.wait(30)


if __name__ == "__main__":
    main()
