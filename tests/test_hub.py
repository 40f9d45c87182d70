"""Names of the model hub: loaded from a server that stands in for it, from the cache, and in words where there is neither."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from checkpoints import save
from huggingface_hub import constants

from qalens.models.hub import hub_fault, loading_error

COMMIT = "c0ffee" + 34 * "0"


def hub_of(folder: Path) -> type[BaseHTTPRequestHandler]:
    """Answers requests as the hub does whose one model is ada/lamp, with the files of a folder."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file = folder / Path(self.path).name
            known = self.path.startswith(("/ada/lamp/", "/api/models/ada/lamp/"))
            found = known and "/resolve/" in self.path and file.is_file()
            content = file.read_bytes() if found else b""
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content)))
            if known:
                self.send_header("X-Repo-Commit", COMMIT)
            if found:
                self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            else:
                self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    return Hub


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a hub with one model, for as long as the block lasts."""
    with ThreadingHTTPServer(("127.0.0.1", 0), hub_of(folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def nobody() -> Iterator[str]:
    """An address at which connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def silence() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


PROGRAM = """
import json, sys, time
import qalens
for name in sys.argv[1:]:
    began = time.perf_counter()
    try:
        said = repr(qalens.load(name, device="cpu"))
    except qalens.ModelError as error:
        said = str(error)
    print(json.dumps([said, time.perf_counter() - began]))
"""


def load(home: Path, *names: str, **settings: str) -> list[tuple[str, float]]:
    """What a fresh process says of some names, each with the seconds that it took."""
    env = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names],
        env={**env, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", **settings},
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_name_comes_from_the_hub_and_later_from_the_cache(tmp_path):
    with serving(save(tmp_path / "checkpoint", "bert-uncased")) as address:
        (said, _), (unknown, _) = load(tmp_path / "home", "ada/lamp", "tobias/lamp", HF_ENDPOINT=address)
    assert said.startswith("Reader(QAModel('ada/lamp', BertForQuestionAnswering, cpu, float32)")
    assert unknown.startswith("tobias/lamp cannot be loaded: ")
    with nobody() as address:
        cached, (unknown, seconds) = load(tmp_path / "home", "ada/lamp", "tobias/lamp", HF_ENDPOINT=address)
    assert cached[0] == said
    assert unknown.startswith(
        "tobias/lamp is not in the local cache and the model hub cannot be reached. What works offline: "
        "qalens.load() with the bundled checkpoint, qalens.load(folder) with a checkpoint on disk, and hub names that were "
        f"loaded before on this machine. ({address}: ConnectError: "
    )
    # The hub's own client would try for 46 on an idle machine.
    assert seconds < 40


def test_a_name_that_is_half_in_the_cache_says_that_the_hub_could_not_be_asked():
    error = loading_error("ada/lamp", "ada/lamp", "safetensors", ValueError("no vocabulary."), "no network")
    assert str(error).endswith(
        "cannot be loaded: ValueError: no vocabulary. The model hub could not be asked (no network)."
    )


def test_whoever_asked_to_stay_offline_is_reminded(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub_fault() == "HF_HUB_OFFLINE is set"


@pytest.fixture
def no_proxy(monkeypatch):
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_proxy")
def test_a_hub_that_refuses_is_told_with_the_reason(monkeypatch):
    with nobody() as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert hub_fault().startswith(f"{address}: ConnectError: ")


@pytest.mark.usefixtures("no_proxy")
def test_a_hub_that_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("qalens.models.hub._PATIENCE", 0.2)
    with silence() as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert re.search(r"gave no answer within 0.2 seconds|Timeout", hub_fault())


@pytest.mark.usefixtures("no_proxy")
def test_any_answer_of_the_hub_will_do(monkeypatch, tmp_path):
    with serving(tmp_path) as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert hub_fault() is None
