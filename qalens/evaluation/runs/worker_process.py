"""The process behind a `Worker`: it computes shards until nobody asks for more.

Only what Python itself has is imported before the one who started it is connected, so that this takes no time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from multiprocessing.connection import Listener
from typing import Any

from qalens.errors import QalensError

KEY = "QALENS_WORKER_KEY"
# What comes before the address in the output, since a library may print something before it.
SAID = b"qalens worker at "


def main() -> None:
    """Connect to the process that started this one, and compute the shards that it sends until it closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with _accepted(os.environ.pop(KEY).encode()) as connection:
        try:
            work = connection.recv().open()
            connection.send(("ready", None))
            while True:
                connection.send(("done", work(connection.recv())))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # whatever it is, the parent has to hear of it
            connection.send(("failed", told(error)))


def told(error: Exception) -> QalensError:
    """An error in a form that can be sent to another process: ours unchanged, others with their traceback.

    Parameters
    ----------
    error : Exception
        What was raised.

    Returns
    -------
    QalensError
    """
    if isinstance(error, QalensError) and type(error) in (QalensError, *QalensError.__subclasses__()):
        return error
    return QalensError(f"A worker failed: {type(error).__name__}: {error}\n{traceback.format_exc()}")


def _accepted(key: bytes) -> Any:
    """The connection of the parent; a named pipe on Windows, a socket in a folder of our own elsewhere."""
    with tempfile.TemporaryDirectory(prefix="qalens-") as place:
        address = None if os.name == "nt" else os.path.join(place, "worker")
        with Listener(address, authkey=key) as listener:
            os.write(1, SAID + json.dumps(listener.address).encode() + b"\n")
            # What is printed by accident must not mix with what the caller prints.
            os.dup2(2, 1)
            return listener.accept()


def _end_with_parent() -> None:
    """End where nobody is left to ask for anything: the input closes with the parent."""
    while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 1):
        pass
    os._exit(0)
