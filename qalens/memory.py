"""How much memory there is for a text."""

from __future__ import annotations

import os
import re
from pathlib import Path


def free_memory() -> int | None:
    """Bytes that the system can still give, None where it does not tell.

    >>> free = free_memory()
    >>> free is None or free > 0
    True
    """
    # Linux counts as free only what nothing at all uses; what its file cache would give back is in MemAvailable.
    try:
        available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        if available:
            return int(available[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
