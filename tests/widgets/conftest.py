"""Explorers in a browser: as exported pages, and live in a real JupyterLab and a real Notebook 7."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest

_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
_IDLE = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"
_HOSTS = {"lab": "lab/tree/{}?reset", "notebook": "notebooks/{}"}


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
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda message: self.errors.append(message.text) if message.type == "error" else None,
        )

    def until(self, expression, seconds=20):
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


@pytest.fixture
def open_page(page, tmp_path):
    """open_page(explorer, width=900, dark=False): the exported page, opened from disk; returns its `Visit`."""

    def go(explorer, *, width=900, height=900, dark=False, reduced=False):
        file = tmp_path / "page.html"
        explorer.to_html(file)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(
            color_scheme="dark" if dark else "light", reduced_motion="reduce" if reduced else "no-preference"
        )
        visit = Visit(page, inside=(file.as_uri(),))
        page.goto(file.as_uri())
        page.wait_for_selector(".ql-x")
        return visit

    return go


@pytest.fixture(scope="session")
def jupyter(chromium, tmp_path_factory):
    """(base URL, folder) of a Jupyter server that serves Lab and Notebook 7, with settings of its own."""
    tmp = tmp_path_factory.mktemp("jupyter")
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
            server.wait(20)


def _wait_for(url, server, log):
    until = time.monotonic() + 60
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
        self.page.wait_for_function(_IDLE)

    def text(self, cell):
        """The text that a cell printed."""
        return self.page.locator(".jp-Cell").nth(cell).locator(".jp-OutputArea-output").inner_text()

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

    def said(self, cell, text, seconds=60):
        """Run a cell until it prints this: what is done on the page reaches the kernel a moment later."""
        place = f"document.querySelectorAll('.jp-Cell')[{cell}].querySelector('.jp-OutputArea-output')"
        end = time.monotonic() + seconds
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


@pytest.fixture(params=list(_HOSTS))
def open_notebook(request, jupyter, page):
    """open_notebook(*cells): a `Notebook` in Lab and then in Notebook 7, run to its end.

    Afterwards nothing outside of the server may have been asked for, and no dialog opened.
    """
    base, root = jupyter
    visit = Visit(page, inside=(base, base.replace("http", "ws")))
    page.set_default_timeout(60_000)
    page.set_viewport_size({"width": 1280, "height": 1000})

    def go(*cells):
        made = [nbformat.v4.new_code_cell(cell) for cell in cells]
        file = root / f"{request.param}-{time.time_ns()}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": _KERNEL}), file)
        page.goto(base + _HOSTS[request.param].format(file.name))
        page.wait_for_function(_IDLE)
        notebook = Notebook(page, visit)
        notebook.run_all()
        return notebook

    yield go
    page.evaluate("() => window.jupyterapp?.serviceManager?.sessions?.shutdownAll()")
    assert (visit.requests, visit.dialogs) == ([], [])
    # Both hosts have page errors of their own, so those are no test.
    assert page.evaluate("window.ran") is None
