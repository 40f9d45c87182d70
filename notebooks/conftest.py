"""When the tests run several notebooks at a time, each keeps to one core: more threads than cores wait for each other."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
