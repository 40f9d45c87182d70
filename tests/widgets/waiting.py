"""Waiting for what a thread does, in tests without a browser."""

import time


def until(true, seconds=120.0):
    """Wait until a function gives something true; fail where it does not."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
