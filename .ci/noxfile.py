"""Sessions for other versions than the tested ones: nox -f .ci/noxfile.py -s "tests-3.12(newest)"."""

from __future__ import annotations

import re
import sys
import tempfile
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
FAST = ["-q", "-m", "not browser and not slow"]

nox.options.default_venv_backend = "venv"


def oldest() -> list[str]:
    """Every lower bound of the main dependencies and of the test extras as an exact version."""
    extras = PROJECT["optional-dependencies"]
    requirements = [*PROJECT["dependencies"], *extras["dev"], *extras["retrieval"]]
    bounds = (re.fullmatch(r"([\w.-]+)(?:\[[\w,-]+\])?>=([\w.]+)", each) for each in requirements)
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound]


@nox.session(python=PYTHONS)
@nox.parametrize("versions", ["oldest", "pinned", "newest"], ids=["oldest", "pinned", "newest"])
def tests(session: nox.Session, versions: str) -> None:
    """What needs no browser and no long run, with one set of versions."""
    session.chdir(ROOT)
    constraints = ROOT / "constraints.txt"
    with tempfile.TemporaryDirectory() as folder:
        if versions == "oldest":
            constraints = Path(folder) / "oldest.txt"
            constraints.write_text("\n".join(oldest()), encoding="utf-8")
        given = [] if versions == "newest" else ["-c", str(constraints)]
        session.install(*given, "-e", ".[dev,retrieval]")
    # What older and newer releases of others warn of is theirs.
    warnings = [] if versions == "pinned" else ["-W", "default"]
    session.run("python", "-m", "pytest", *FAST, *warnings, *session.posargs)


@nox.session(python="3.11")
def coverage(session: nox.Session) -> None:
    """Which lines the tests without a browser reach; a report, not a gate."""
    session.chdir(ROOT)
    session.install("-c", "constraints.txt", "-e", ".[tests]", "pytest-cov")
    session.run("python", "-m", "pytest", *FAST, "--cov=qalens", "--cov-report=term-missing:skip-covered")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """The site, in docs/_build/html."""
    session.chdir(ROOT)
    session.install("-c", "constraints.txt", "-e", ".[tests]")
    session.run("sphinx-build", "-W", "docs", "docs/_build/html")


@nox.session(python="3.11")
def build(session: nox.Session) -> None:
    """Wheel and source archive, whose version has to be the tag's if one is given."""
    session.chdir(ROOT)
    session.install("build", "twine")
    session.run("python", "-m", "build")
    session.run("twine", "check", "--strict", *map(str, (ROOT / "dist").iterdir()))
    version = re.search(r'__version__ = "(.+)"', (ROOT / "qalens/__init__.py").read_text(encoding="utf-8"))
    if session.posargs and version and session.posargs[0].removeprefix("v") != version[1]:
        sys.exit(f"The tag {session.posargs[0]} is not the version {version[1]} of the package.")
