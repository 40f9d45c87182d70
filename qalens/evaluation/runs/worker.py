"""Processes of the engine "processes", as the one who starts them sees them; `worker_process` is the other end."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Pipe
from typing import IO, Any

from qalens.evaluation.data.shards import Shard
from qalens.evaluation.runs.jobs import Task
from qalens.evaluation.runs.worker_process import KEY, SAID

# -c leaves the caller's own script alone, which the start methods of multiprocessing would run again.
_PROGRAM = "from qalens.evaluation.runs.worker_process import main; main()"


class Worker:
    """A process that was started for a task, and its current shard.

    It sends ("ready", None) once, then ("done", bytes) for each shard, or ("failed", error) and ends. It also ends
    with the process that started it.
    """

    def __init__(self, task: Task):
        self.shard: Shard | None = None
        threads, key = str(task.threads), secrets.token_hex(32)
        # Before anything of ours is imported there has to be the same path.
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        own = {"PYTHONPATH": path, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, KEY: key}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.connection = _connected(self._process.stdout, key.encode())
        with suppress(OSError):  # it may have ended at once; whoever waits for it will see that
            self.connection.send(task)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def give(self, shard: Shard) -> None:
        """Let it compute a shard.

        Parameters
        ----------
        shard : Shard
            The shard.
        """
        self.shard = shard
        with suppress(OSError):  # where it is dead, the one who waits for its answer finds out
            self.connection.send(shard)

    def stop(self) -> int:
        """End the process, whatever it is doing.

        Returns
        -------
        int
            Its exit status.
        """
        self.connection.close()
        if self._process.poll() is None:
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return self._process.wait()


def receive(worker: Worker) -> tuple[str, Any]:
    """Receive what a worker sent.

    Parameters
    ----------
    worker : Worker
        The worker.

    Returns
    -------
    tuple of (str, object)
        ("died", None) if it ended without a message.
    """
    try:
        return worker.connection.recv()
    except (EOFError, OSError):
        return "died", None


def _connected(output: IO[bytes] | None, key: bytes) -> Any:
    """The connection to a process that says in its output where it waits; a closed one where it ended before."""
    with output or open(os.devnull, "rb") as lines:
        for line in lines:
            if line.startswith(SAID):
                with suppress(OSError, EOFError, AuthenticationError):
                    return Client(json.loads(line.removeprefix(SAID)), authkey=key)
    ours, theirs = Pipe()
    theirs.close()
    return ours
