"""The architecture holds: the layers of the import contracts, a light root, and names that are a promise."""

from __future__ import annotations

import ast
import builtins
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import qalens
from qalens import errors

PACKAGE = Path(qalens.__file__).parent
ROOT = PACKAGE.parent


# --- layers -----------------------------------------------------------------------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_import_contracts_hold():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


PLANTED = {
    "a layer above": ("spans/candidates.py", "from qalens.readings.reading import Reading"),
    "inside a function": ("text/examples.py", "def f():\n    from qalens.spans.logits import SpanLogits"),
    "a view and the reader": ("display/plain.py", "from qalens.reader import Reader"),
    "for the type checker alone": (
        "display/plain.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from qalens.models.model import QAModel",
    ),
    "a heavy package": ("spans/candidates.py", "def f():\n    import torch.nn"),
    "drawing in a record": ("readings/reading.py", "from matplotlib import pyplot"),
}


def test_the_contracts_find_what_is_planted(tmp_path):
    shutil.copytree(
        PACKAGE, tmp_path / "qalens", ignore=shutil.ignore_patterns("*.safetensors", "__pycache__")
    )
    for file, code in PLANTED.values():
        path = tmp_path / "qalens" / file
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{code}\n", encoding="utf-8")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    broken = done.stdout.partition("Broken contracts")[2]
    for file, code in PLANTED.values():
        module = "qalens." + file.removesuffix(".py").replace("/", ".")
        (target,) = re.findall(r"(?:from|import) (qalens[\w.]+|torch|matplotlib)", code)
        assert f"{module} -> {target}" in broken, (file, code)


def test_no_file_is_a_drawer_for_everything():
    drawers = {"utils", "util", "core", "base", "common", "helpers", "misc"}
    assert [file.name for file in PACKAGE.rglob("*") if file.stem in drawers] == []


def test_no_folder_is_longer_than_a_glance():
    folders = [PACKAGE, *(folder for folder in PACKAGE.rglob("*") if folder.is_dir())]
    crowded = {
        str(folder.relative_to(PACKAGE)): count
        for folder in folders
        if folder.name != "__pycache__"
        and (count := sum(file.is_file() and file.suffix != ".pyc" for file in folder.iterdir())) > 15
    }
    assert crowded == {}


def test_the_root_is_short():
    assert len(list(PACKAGE.glob("*.py"))) <= 10


def body_lines(package: Path) -> dict[str, int]:
    """The lines of every function's body, without its docstring."""
    found = {}
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                found[f"{file.relative_to(package)}:{node.lineno} {node.name}"] = lines
    return found


def test_functions_are_short():
    found = body_lines(PACKAGE)
    assert {name: lines for name, lines in found.items() if lines > 50} == {}
    assert sum(lines > 16 for lines in found.values()) <= 0.1 * len(found)


def test_the_lines_of_functions_are_counted_without_docstrings(tmp_path):
    code = 'def f(x):\n    """Two\n    lines."""\n    if x:\n        return 1\n    return 2\n\ndef g():\n    "Nothing."\n'
    (tmp_path / "a.py").write_text(code, encoding="utf-8")
    assert body_lines(tmp_path) == {"a.py:1 f": 3, "a.py:8 g": 0}


# --- the root ---------------------------------------------------------------------------------------------------------

PUBLIC = [
    "load",
    "page",
    "evaluate",
    "compare_models",
    "explore",
    "Reader",
    "Reading",
    "FailedReading",
    "Example",
    "CharSpan",
    "Answer",
    "SpanDistribution",
    "SpanLogits",
    "Decision",
    "Attribution",
    "FailedAttribution",
    "Contrast",
    "Report",
    "QalensError",
    "InputError",
    "ModelError",
    "MissingExtraError",
    "behavior",
    "datasets",
    "errors",
    "evaluation",
    "explain",
    "models",
    "per_window",
    "plots",
    "reader",
    "readings",
    "retrieval",
    "spans",
    "testing",
    "text",
    "display",
    "widgets",
]


def test_the_public_names_are_these():
    assert sorted(qalens.__all__) == sorted(PUBLIC)
    assert len(set(qalens.__all__)) == len(qalens.__all__)
    assert set(PUBLIC) < set(dir(qalens))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_explains_itself(name):
    value = getattr(qalens, name)
    assert inspect.getdoc(value)
    if not inspect.ismodule(value):
        assert value.__name__ == name
        assert value.__module__.startswith("qalens.")


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'qalens' has no attribute 'lode'"):
        _ = qalens.lode
    assert not hasattr(qalens, "pipeline")


HEAVY = {
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "captum",
    "matplotlib",
    "IPython",
    "ipywidgets",
    "anywidget",
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "pyarrow",
    "ray",
    "haystack",
    "bm25s",
    "tqdm",
}


def heavy_modules_after(code: str) -> set[str]:
    """The heavy packages that a fresh Python holds after running `code`."""
    program = f"{code}\nimport json, sys\nprint(json.dumps([m.split('.')[0] for m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=900
    )
    return HEAVY & set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "code", ["import qalens", "import qalens; dir(qalens); qalens.__all__, qalens.__version__"]
)
def test_importing_qalens_is_light(code):
    assert heavy_modules_after(code) == set()


def test_the_guard_against_heavy_imports_can_fail():
    assert heavy_modules_after("import qalens; qalens.SpanLogits") == {"numpy"}
    assert {"torch", "transformers", "numpy"} <= heavy_modules_after("import qalens; qalens.load")


def test_records_and_decisions_need_neither_torch_nor_transformers():
    code = (
        "from qalens import CharSpan, Decision, Example, Reading, FailedReading, SpanDistribution, per_window"
    )
    assert heavy_modules_after(code) == {"numpy"}


HTML_VIEWS = ("reading", "attribution", "layers", "difference", "sentences", "faithfulness")


def test_pictures_of_records_need_no_model():
    # Records of explanations are named in display for the type checker alone, since some of their modules need torch.
    html = "".join(f"import qalens.display.content.{name}\n" for name in HTML_VIEWS)
    assert heavy_modules_after(html) == {"numpy"}
    assert heavy_modules_after("import qalens.display.plots") == {"numpy", "matplotlib"}


def test_explorers_need_neither_torch_nor_matplotlib_until_they_draw():
    assert heavy_modules_after("import qalens; qalens.widgets.__all__") == set()
    found = heavy_modules_after("from qalens.widgets import SpanExplorer")
    assert found <= {"numpy", "IPython", "ipywidgets", "anywidget"}
    assert "anywidget" in found


# --- errors -----------------------------------------------------------------------------------------------------------


def exception_classes(package: Path) -> set[str]:
    """Names of all classes of the package that are exceptions, by their bases."""
    known = {
        name
        for name, value in vars(builtins).items()
        if inspect.isclass(value) and issubclass(value, BaseException)
    }
    classes = [
        node
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    found: set[str] = set()
    while (
        new := {
            c.name for c in classes for base in c.bases if ast.unparse(base).split(".")[-1] in known | found
        }
        - found
    ):
        found |= new
    return found


def test_there_are_four_exception_classes():
    assert exception_classes(PACKAGE) == {"QalensError", "InputError", "ModelError", "MissingExtraError"}


def test_the_count_of_exception_classes_can_fail(tmp_path):
    (tmp_path / "errors.py").write_text("class QalensError(Exception): ...")
    (tmp_path / "spans.py").write_text("from qalens import errors\nclass SpanError(errors.QalensError): ...")
    assert exception_classes(tmp_path) == {"QalensError", "SpanError"}


@pytest.mark.parametrize(
    ("error", "also"),
    [("InputError", ValueError), ("MissingExtraError", ImportError), ("ModelError", errors.QalensError)],
)
def test_one_except_catches_every_error_and_pythons_own_catches_its_kin(error, also):
    kind = getattr(errors, error)
    assert issubclass(kind, qalens.QalensError)
    assert issubclass(kind, also)
    assert error in errors.__doc__
