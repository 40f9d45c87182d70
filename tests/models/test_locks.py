"""Threads and forks do not disturb each other's passes, and a module in training comes back to it."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time

import pytest
import torch

from qalens.display.plots import savefig
from qalens.models import loading
from qalens.models.locks import alone, evaluating
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer


def test_the_last_reader_brings_the_training_back():
    module = torch.nn.Sequential(torch.nn.Dropout()).train()
    first, second = evaluating(module), evaluating(module)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not module.training
    assert not module[0].training
    second.__exit__(None, None, None)
    assert module.training
    assert module[0].training


def test_many_threads_read_without_dropout_and_leave_the_training_on():
    module = toy_model().train()
    module.config.hidden_dropout_prob = 0.5
    reader = Reader(module, toy_tokenizer())
    expected = reader.read("Who?", "Ada kept the lamp.").margin
    found: list[float] = []

    def read() -> None:
        found.extend(reader.read("Who?", "Ada kept the lamp.").margin for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(6)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(found) == 120
    assert max(abs(margin - expected) for margin in found) < 1e-5
    assert all(part.training for part in module.modules())


def exit_code_of(pid: int, seconds: float = 60.0) -> int:
    """What a child ended with; one that hangs is ended and counts as hung."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the child hangs")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_waits_for_a_pass_and_its_child_can_read():
    module = torch.nn.Linear(1, 1)
    inside, leave = threading.Event(), threading.Event()

    def explain() -> None:
        with alone(module):
            handle = module.register_forward_hook(lambda *_: None)
            inside.set()
            leave.wait(60)
            handle.remove()

    thread = threading.Thread(target=explain)
    thread.start()
    inside.wait(60)
    threading.Timer(0.3, leave.set).start()
    gc.disable()
    pid = os.fork()
    if pid == 0:
        # The lock of a thread that is not here would be waited for without end, and its hook would stay.
        with alone(module), evaluating(module):
            os._exit(3 if module._forward_hooks else 0)
    gc.enable()
    thread.join()
    assert exit_code_of(pid) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_gets_a_module_that_is_in_training_back_in_training():
    module = torch.nn.Dropout().train()
    with evaluating(module):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if module.training else 4)
        assert not module.training
    assert exit_code_of(pid) == 0
    assert module.training


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("lock", [loading._QUIET, savefig._ONE_AT_A_TIME], ids=["loading", "drawing"])
def test_a_child_never_waits_for_a_thread_that_loads_or_draws(lock):
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(60)
    threading.Timer(0.3, leave.set).start()
    pid = os.fork()
    if pid == 0:
        with lock:
            os._exit(0)
    thread.join()
    assert exit_code_of(pid) == 0


def test_one_reader_does_all_it_can_in_many_threads_at_once():
    module = toy_model().train()
    reader = Reader(module, toy_tokenizer(), max_length=64)
    pairs = [("Who?", f"Ada kept the lamp of room {k}. " * (1 + k % 4)) for k in range(6)]
    first = reader.read(*pairs[0])
    work = {
        "read": lambda: [reader.read(*pair).margin for pair in pairs],
        "read_many": lambda: [one.margin for one in reader.read_many(pairs, progress=False)],
        "read_documents": lambda: [reader.read_documents("Who?", [text for _, text in pairs]).margin],
        "attribute": lambda: reader.attribute(first, method="input_x_gradient").values.tolist(),
        "occlusion": lambda: reader.attribute(first, method="occlusion").values.tolist(),
        "lens": lambda: reader.logit_lens(first).start[0].ravel().tolist(),
        "heads": lambda: reader.ablate_heads(first).values.ravel().tolist(),
        "another temperature": lambda: [reader.with_temperature(2.0).read(*pairs[0]).margin],
    }
    expected = {name: one() for name, one in work.items()}
    found: dict[str, list] = {name: [] for name in work}

    def go(name: str) -> None:
        for _ in range(2):
            found[name].append(work[name]())

    threads = [threading.Thread(target=go, args=(name,)) for name in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, all_found in found.items():
        assert len(all_found) == 2, name
        for one in all_found:
            assert one == pytest.approx(expected[name], abs=1e-4), name
    assert all(part.training for part in module.modules())
