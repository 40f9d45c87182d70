"""How much memory is free: of the machine, of control groups of both versions, of the address space."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qalens.errors import InputError
from qalens.models import memory
from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer

MB = 2**20


def system(root: Path, cgroup: str, files: dict[str, str]) -> str:
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


V1 = "sys/fs/cgroup/memory/"
SYSTEMS = {
    "version 2": (
        "0::/user/notebook\n",
        {
            "sys/fs/cgroup/user/notebook/memory.max": f"{900 * MB}\n",
            "sys/fs/cgroup/user/notebook/memory.current": f"{500 * MB}\n",
            "sys/fs/cgroup/user/notebook/memory.stat": f"anon 3\ninactive_file {100 * MB}\nfile 9\n",
        },
        [500 * MB],
    ),
    "version 2, a limit further up": (
        "0::/user/notebook\n",
        {
            "sys/fs/cgroup/user/notebook/memory.max": "max\n",
            "sys/fs/cgroup/user/notebook/memory.current": "5\n",
            "sys/fs/cgroup/user/memory.max": f"{900 * MB}\n",
            "sys/fs/cgroup/user/memory.current": f"{300 * MB}\n",
        },
        [600 * MB],
    ),
    "version 2, inside of a container": (
        "0::/\n",
        {"sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "400\n"},
        [600],
    ),
    "version 1": (
        "5:cpu,cpuacct:/a\n4:memory:/docker/ab12\n0::/\n",
        {
            V1 + "docker/ab12/memory.limit_in_bytes": "1000\n",
            V1 + "docker/ab12/memory.usage_in_bytes": "700\n",
            V1 + "docker/ab12/memory.stat": "inactive_file 1\ntotal_inactive_file 200\n",
        },
        [500],
    ),
    "version 1, seen from inside": (
        "4:memory:/docker/ab12\n",
        {V1 + "memory.limit_in_bytes": "1000\n", V1 + "memory.usage_in_bytes": "700\n"},
        [300],
    ),
    "no limit": ("0::/a\n", {"sys/fs/cgroup/a/memory.max": "max\n"}, []),
    "nothing readable": ("rubbish\n0::\n", {"sys/fs/cgroup/memory.max": "many\n"}, []),
}


@pytest.mark.parametrize(("cgroup", "files", "left"), SYSTEMS.values(), ids=list(SYSTEMS))
def test_what_a_control_group_has_left(tmp_path, cgroup, files, left):
    assert list(memory._of_groups(system(tmp_path, cgroup, files))) == left


def test_a_system_without_control_groups_has_no_such_limit(tmp_path):
    assert list(memory._of_groups(str(tmp_path))) == []


def test_the_least_of_all_limits_counts(monkeypatch):
    monkeypatch.setattr(memory, "_of_machine", lambda: 9 * MB)
    monkeypatch.setattr(memory, "_of_groups", lambda: iter([7 * MB]))
    monkeypatch.setattr(memory, "_of_address_space", lambda: None)
    assert memory.free_memory() == 7 * MB
    monkeypatch.setattr(memory, "_of_groups", lambda: iter([-5]))
    assert memory.free_memory() == 0
    monkeypatch.setattr(memory, "_of_groups", lambda: iter([]))
    monkeypatch.setattr(memory, "_of_machine", lambda: None)
    assert memory.free_memory() is None


def test_the_limit_of_an_address_space_counts():
    code = (
        "import psutil, resource\n"
        "used = psutil.Process().memory_info().vms\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (used + {300 * MB}, resource.RLIM_INFINITY))\n"
        "from qalens.models.memory import free_memory\n"
        "print(free_memory())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert 0 <= int(done.stdout) <= 300 * MB


def test_the_machine_is_asked_by_a_library_that_knows_every_system():
    assert memory._of_machine() > MB


def test_a_text_that_does_not_fit_into_what_is_free_is_refused(monkeypatch):
    monkeypatch.setattr("qalens.models.batches.free_memory", lambda: 80 * MB)
    reader = Reader(toy_model(), toy_tokenizer())
    with pytest.raises(InputError, match=r"may take .* and only 0\.1 GiB may be used"):
        reader.read("Who?", "Ada kept the lamp. " * 9000)
    assert reader.read("Who?", "Ada kept the lamp.").error is None


@pytest.mark.parametrize("given", ["x", float("nan"), -1, 0, True, [1], 10**400])
def test_what_is_no_number_of_bytes_is_refused(given):
    with pytest.raises(InputError, match="max_memory has to be a number of bytes above 0"):
        Reader(toy_model(), toy_tokenizer(), max_memory=given)
