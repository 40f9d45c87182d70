"""One explorer in a real marimo: it renders, a click is seen by Python, and no request leaves the machine."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

pytestmark = pytest.mark.slow

NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    from qalens.testing import planted_reading
    from qalens.widgets import SpanExplorer

    reading = planted_reading("Who kept the lamp?", "Ada kept the lamp of the room.", answer="Ada", strength=8.0)
    explorer = mo.ui.anywidget(SpanExplorer(reading))
    explorer
    return explorer, mo


@app.cell
def _(explorer, mo):
    mo.md(f"selected: {explorer.value['selected']}, {explorer.widget.selected_text}.")
    return


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def marimo(tmp_path):
    """The address of a marimo that serves the notebook above as an application."""
    file = tmp_path / "reading.py"
    file.write_text(NOTEBOOK, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "marimo", "-q", "run", "--headless", "--no-token", "--host", "127.0.0.1"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), str(file)], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and server.poll() is None:
                try:
                    urllib.request.urlopen(address, timeout=2).close()
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.1)
            else:
                pytest.fail(f"marimo did not start:\n{(tmp_path / 'log').read_text()}")
            yield address
        finally:
            server.terminate()
            server.wait(120)


def test_a_click_in_marimo_is_seen_by_python(marimo, own_page):
    page = own_page
    asked = []
    inside = (marimo, marimo.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(inside) else asked.append(request.url))
    page.set_default_timeout(300_000)
    page.goto(marimo)
    page.locator(".ql-x .ql-tok", has_text="lamp").wait_for()
    page.get_by_text("selected: None, None.").wait_for()
    page.locator(".ql-x .ql-tok", has_text="Ada").click()
    page.get_by_text("(0, 8), Ada kept.").or_(page.get_by_text("(0, 3), Ada.")).or_(
        page.get_by_text("Ada.")
    ).wait_for()
    assert asked == []
