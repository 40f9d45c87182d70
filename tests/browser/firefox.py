"""Firefox as its package comes, driven by WebDriver BiDi, which it speaks itself: no driver beside it is needed."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PATIENCE = 300  # seconds for one answer of the browser


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """A Firefox with a new profile in this folder, which ends with the block."""
    # Nothing leaves the machine: whatever is no file goes to a proxy that is not there.
    settings = {"network.proxy.type": 1, "network.proxy.http": "127.0.0.1", "network.proxy.http_port": 9}
    settings |= {"network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": 9}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
    (profile / "user.js").write_text("\n".join(lines))
    command = ["firefox-esr", "--headless", "--no-remote", "--profile", str(profile)]
    with subprocess.Popen(
        [*command, "--remote-debugging-port", "0", "about:blank"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            found = (re.search(r"ws://\S+", line) for line in process.stdout)
            address = next((match[0] for match in found if match), None)
            assert address is not None, "Firefox opened no session"
            with connect(f"{address}/session", max_size=None, open_timeout=PATIENCE) as socket:
                yield Firefox(socket)
        finally:
            process.terminate()


class Firefox:
    """One window of 390 pixels without a network; notes what is asked for, and what goes wrong."""

    def __init__(self, socket: ClientConnection):
        self.requests: list[str] = []
        self.problems: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._call("session.new", capabilities={})
        self._window = self._call("browsingContext.getTree")["contexts"][0]["context"]
        self._call(
            "browsingContext.setViewport", context=self._window, viewport={"width": 390, "height": 800}
        )
        events = ["log.entryAdded", "network.beforeRequestSent", "browsingContext.userPromptOpened"]
        self._call("session.subscribe", events=events)

    def _call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=PATIENCE))
            if told.get("id") == number:
                assert told["type"] == "success", told
                return told["result"]
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        params = told["params"]
        if told["method"] == "network.beforeRequestSent" and params["context"] == self._window:
            self.requests.append(params["request"]["url"])
        elif told["method"] == "browsingContext.userPromptOpened":
            self.problems.append(params["message"])
        elif told["method"] == "log.entryAdded" and params["level"] == "error":
            self.problems.append(params["text"])

    def open(self, file: Path) -> None:
        """Go to a file."""
        self._call("browsingContext.navigate", context=self._window, url=file.as_uri(), wait="complete")

    def value(self, expression: str) -> Any:
        """What an expression is in the page, as JSON."""
        told = self._call(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._window},
            awaitPromise=True,
        )
        assert told["type"] == "success", told["exceptionDetails"]["text"]
        return json.loads(told["result"].get("value", "null"))

    def until(self, expression: str, seconds: float = PATIENCE) -> None:
        """Wait until an expression holds."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"after {seconds} s still not: {expression}; {self.problems}"
            time.sleep(0.1)
