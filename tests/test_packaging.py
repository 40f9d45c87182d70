"""What the package declares is what it imports, and an sdist holds what its own tests need."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOLD = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def distributions(requirements: list[str]) -> set[str]:
    names = (re.match(r"[A-Za-z0-9._-]+", one) for one in requirements)
    return {re.sub(r"[-_.]+", "-", name[0]).lower() for name in names if name}


def imported() -> set[str]:
    """The packages of others that a module of ours names, wherever in it."""
    found = set()
    for file in (ROOT / "qalens").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {one.name.split(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"qalens", "haystack_integrations"}


def test_every_package_that_is_imported_is_declared():
    extras = [one for group in TOLD["project"]["optional-dependencies"].values() for one in group]
    declared = distributions([*TOLD["project"]["dependencies"], *extras])
    of = importlib.metadata.packages_distributions()
    for package in sorted(imported()):
        known = {re.sub(r"[-_.]+", "-", name).lower() for name in of.get(package, [package])}
        assert known & declared, f"{package} is imported and not declared"


def test_the_wheel_says_that_it_is_typed():
    assert (ROOT / "qalens" / "py.typed").exists()


def test_an_sdist_holds_what_its_tests_read():
    held = TOLD["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for name in (
        "notebooks",
        "benchmarks",
        "docs",
        "tests",
        "CONTRIBUTING.md",
        "CITATION.cff",
        "constraints.txt",
    ):
        assert name in held
        assert (ROOT / name).exists()
