"""The other end of the engine "processes": a process that computes shards until nobody asks for more."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any

from qalens.errors import QalensError
from qalens.evaluation.jobs import Task
from qalens.evaluation.shards import Shard

# Before anything of ours is imported there has to be the same path; -c leaves the caller's own script alone, which the
# start methods of multiprocessing would run again.
_PROGRAM = "import sys; from qalens.evaluation.worker import main; main(int(sys.argv[1]))"


class Worker:
    """A process that was started for a task, and the shard that it is at.

    It sends ("ready", None) once, then ("done", bytes) for each shard, or ("failed", error) and ends.
    """

    def __init__(self, task: Task):
        self.shard: Shard | None = None
        self.connection, theirs = Pipe()
        threads = str(task.threads)
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        own = {"PYTHONPATH": path, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
                env={**os.environ, **own},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what is printed by accident must not mix with what the caller prints
            )
        with suppress(OSError):  # it may have ended at once; whoever waits for it will see that
            self.connection.send_bytes(pickle.dumps(task))

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def give(self, shard: Shard) -> None:
        """Let it compute a shard."""
        self.shard = shard
        with suppress(OSError):  # where it is dead, the one who waits for its answer finds out
            self.connection.send(shard)

    def stop(self) -> int:
        """End the process, whatever it is at; gives its exit status."""
        self.connection.close()
        if self._process.poll() is None:
            self._process.kill()
        return self._process.wait()


def main(handle: int) -> None:
    """Compute what comes through a connection until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    with Connection(handle) as connection:
        try:
            work = pickle.loads(connection.recv_bytes()).open()
            connection.send(("ready", None))
            while True:
                connection.send(("done", work(connection.recv())))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # whatever it is, the parent has to hear of it
            connection.send(("failed", told(error)))


def told(error: Exception) -> QalensError:
    """An error as it can travel to another process: of ours as it is, of others with where it happened."""
    if isinstance(error, QalensError) and type(error) in (QalensError, *QalensError.__subclasses__()):
        return error
    return QalensError(f"A worker failed: {type(error).__name__}: {error}\n{traceback.format_exc()}")


def receive(worker: Worker) -> tuple[str, Any]:
    """What a worker sent; ("died", None) where it ended without a word."""
    try:
        return worker.connection.recv()
    except (EOFError, OSError):
        return "died", None
