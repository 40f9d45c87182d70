"""A real JupyterLab and a real Notebook 7: their server, and notebooks that are open in them."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import nbformat
import pytest

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
IDLE = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"
HOSTS = {"lab": "lab/tree/{}?reset", "notebook": "notebooks/{}"}


class Visit:
    """A page that watches itself: what it asked for outside, what dialogs opened, what its scripts complained about."""

    def __init__(self, page, inside=()):
        self.page = page
        self.requests, self.dialogs, self.errors = [], [], []
        harmless = ("data:", "blob:", "about:", *inside)
        page.on(
            "request",
            lambda request: None if request.url.startswith(harmless) else self.requests.append(request.url),
        )
        page.on("dialog", self._answer)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda message: self.errors.append(message.text) if message.type == "error" else None,
        )

    def _answer(self, dialog):
        # Jupyter asks before a notebook that was not saved is left.
        if dialog.type == "beforeunload":
            dialog.accept()
            return
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def until(self, expression, seconds=120):
        """Wait until a JavaScript expression holds; the page's own policy would stop one that waits inside it."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"after {seconds} s still not: {expression}"
            time.sleep(0.05)

    def is_quiet(self):
        """Nothing was asked for, nothing opened, nothing went wrong, and no text became a script."""
        assert (self.requests, self.dialogs, self.errors) == ([], [], [])
        assert self.page.evaluate("window.ran") is None
        return True


@contextmanager
def served(tmp):
    """(base URL, folder) of a Jupyter server that serves Lab and Notebook 7, with all its settings in a folder."""
    root = tmp / "root"
    root.mkdir()
    settings = tmp / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    environment = os.environ | {name: str(tmp / folder) for name, folder in places.items()}
    environment |= {"OMP_NUM_THREADS": "1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}/"
    with (tmp / "server.log").open("w") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "notebook",
                "--no-browser",
                "--allow-root",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                "--IdentityProvider.token=",
                "--ServerApp.password=",
                f"--ServerApp.root_dir={root}",
                "--LabApp.expose_app_in_browser=True",
                "--JupyterNotebookApp.expose_app_in_browser=True",
                "--LabApp.extension_manager=readonly",
            ],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(f"{base}api/status", server, tmp / "server.log")
            yield base, root
        finally:
            server.terminate()
            server.wait(120)


def _wait_for(url, server, log):
    until = time.monotonic() + 300
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"Jupyter did not start:\n{log.read_text()}")


class Notebook:
    """An open notebook with a live kernel."""

    def __init__(self, page, visit):
        self.page = page
        self.visit = visit

    def run_all(self):
        """Run every cell, and wait until the kernel is idle again."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(IDLE)

    def text(self, cell):
        """The text that a cell printed."""
        return self.page.locator(".jp-Cell").nth(cell).locator(".jp-OutputArea-output").text_content().strip()

    def run(self, cell):
        """Run one cell again and wait for its text."""
        self.page.evaluate(
            f"""async () => {{
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = {cell};
                notebook.deselectAll();
                await window.jupyterapp.commands.execute('notebook:run-cell');
            }}"""
        )

    def said(self, cell, text, seconds=300):
        """Run a cell until it prints this: what is done on the page reaches the kernel a moment later."""
        place = f"document.querySelectorAll('.jp-Cell')[{cell}].querySelector('.jp-OutputArea-output')"
        end, shown = time.monotonic() + seconds, None
        while True:
            self.run(cell)
            for _ in range(20):
                self.page.wait_for_timeout(100)
                shown = self.page.evaluate(f"{place}?.textContent.trim()")
                if shown == text:
                    return True
            assert time.monotonic() < end, f"cell {cell} prints {shown!r}, not {text!r}"

    @property
    def cells(self):
        """How many cells there are: a key that went to Jupyter changes that."""
        return self.page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets.length")


def write_notebook(root, name, cells):
    """A notebook of code cells in the folder of the server; returns its file."""
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    file = root / f"{name}-{time.time_ns()}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": KERNEL}), file)
    return file


def visit_of(page, base):
    """A page that waits long enough for a slow machine, and watches what it asks for outside of the server."""
    page.set_default_timeout(300_000)
    return Visit(page, inside=(base, base.replace("http", "ws")))


def open_in(host, jupyter, visit, *cells):
    """A `Notebook` of these cells in a host, run to its end."""
    base, root = jupyter
    visit.page.goto(base + HOSTS[host].format(write_notebook(root, host, cells).name))
    visit.page.wait_for_function(IDLE)
    notebook = Notebook(visit.page, visit)
    notebook.run_all()
    return notebook


def leave(visit):
    """End all kernels; nothing outside of the server may have been asked for, and no text may have become a script."""
    visit.page.evaluate("() => window.jupyterapp?.serviceManager?.sessions?.shutdownAll()")
    assert (visit.requests, visit.dialogs) == ([], [])
    # Both hosts have page errors of their own, so those are no test.
    assert visit.page.evaluate("window.ran") is None
