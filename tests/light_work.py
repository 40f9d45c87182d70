"""Work for other processes that needs no model: what `engines` does with processes is tested with it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qalens.errors import InputError
from qalens.evaluation.data.shards import Shard


@dataclass(frozen=True)
class LightTask:
    """In the place of a `Task`: a shard's rows are its number, and who computed it is noted in a folder.

    - `deadly`: the number of a shard that ends the process, `deaths`: how often it does; None: always
    - `broken`: where it fails with an error instead: "open", "work", "bug" or ""
    """

    notes: str
    deadly: int | None = None
    deaths: int | None = None
    broken: str = ""
    threads: int = 1

    def open(self) -> Callable[[Shard], bytes]:
        if self.broken == "open":
            raise InputError("the checkpoint is gone")
        if self.broken == "dies":
            os._exit(7)
        sys.stdout.write("what a library says while it loads\n")
        return self._work

    def _work(self, shard: Shard) -> bytes:
        died = len(list(Path(self.notes).glob("died-*")))
        if shard.number == self.deadly and (self.deaths is None or died < self.deaths):
            (Path(self.notes) / f"died-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.broken == "work":
            raise InputError("no such file on this node")
        if self.broken == "bug":
            raise ZeroDivisionError("a bug")
        (Path(self.notes) / f"pid-{os.getpid()}").touch()
        return f"{shard.number} with {os.environ['OMP_NUM_THREADS']} threads\n".encode()
