"""The house stands as it is drawn: rooms import downwards, the root is light, and its names are a promise."""

from __future__ import annotations

import ast
import builtins
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import qalens
from qalens import errors

PACKAGE = Path(qalens.__file__).parent


class Room(NamedTuple):
    """Where a room stands, the highest floor that it may import from, and rooms beyond that floor."""

    floor: int
    reach: int
    also: tuple[str, ...] = ()


HOUSE = {
    "errors": Room(0, -1),
    "memory": Room(0, -1),
    "progress": Room(0, -1),
    "records": Room(0, -1),
    "text": Room(0, 0),
    "datasets": Room(1, 0),
    "pair_tokenizer": Room(1, 0),
    "windows": Room(1, 1),
    "clusters": Room(1, -1),
    "logits": Room(2, 1),
    "legal_spans": Room(2, 2),
    "spans": Room(2, 2),
    "by_window": Room(3, 2),
    "decision": Room(3, 2),
    "reading": Room(3, 3),
    "provenance": Room(3, 2),
    "joined": Room(3, 3),
    "documents": Room(3, 3),
    "retrieval": Room(3, 3),
    "stability": Room(3, 3),
    "devices": Room(4, 0),
    "hub": Room(4, 0),
    "model": Room(4, 4),
    "explain": Room(5, 4),
    "evaluation": Room(5, 3),
    "tempered": Room(5, 4),
    "batches": Room(6, 5),
    "reader": Room(6, 6),
    # Beside the house: views and widgets know records, never the model that made them.
    "testing": Room(7, 4),
    "views": Room(7, 3, ("explain", "evaluation")),
    "widgets": Room(8, 3, ("views", "explain", "evaluation")),
    "integrations": Room(9, 8),
    "__main__": Room(10, 9),
}
# The root gives names of every room away, so importing from it reaches as high as what is asked for.
ROOT = Room(9, 9)
ALLOWED = {
    (
        "reading",
        "views",
        "_repr_html_",
    ): "a notebook asks a reading for its picture; nothing is drawn before it does",
    ("documents", "views", "_repr_html_"): "the same for a reading of many documents",
    ("explain", "views", "_repr_html_"): "the same for the records of explanations",
    ("evaluation", "integrations", "engine_named"): "the engine of a run that is asked for by its name",
    ("evaluation", "reader", "main"): "a command line has to load its reader",
    ("evaluation", "views", "_repr_html_"): "the same for the records of evaluations",
}
# Packages that take long to import or are not always there, and the rooms that may name them.
AT_HOME = {
    "torch": {"devices", "model", "reader", "explain", "testing", "integrations"},
    "transformers": {"model", "testing", "integrations"},
    "tokenizers": {"pair_tokenizer", "testing"},
    "captum": {"explain"},
    "matplotlib": {"views", "widgets"},
    "IPython": {"widgets"},
    "ipywidgets": {"widgets"},
    "anywidget": {"widgets"},
    "bm25s": {"retrieval"},
    "pandas": {"evaluation"},
    "haystack": {"integrations"},
    "ray": {"integrations"},
    "pyarrow": {"integrations"},
}


class Import(NamedTuple):
    """One imported module: where it stands in the code, and in which function, "" at the top of a file."""

    file: Path
    line: int
    function: str
    module: str


def imports_of(file: Path, package: Path) -> Iterator[Import]:
    """Every import of a file, those inside functions and behind `if` too; relative ones by their full name."""
    parents = ["qalens", *file.relative_to(package).parent.parts]

    def walk(node: ast.AST, function: str) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for name in child.names:
                    yield Import(file, child.lineno, function, name.name)
            elif isinstance(child, ast.ImportFrom):
                above = parents[: len(parents) - child.level + 1] if child.level else []
                origin = ".".join([*above, *([child.module] if child.module else [])])
                # `from qalens import model` imports the room, `from qalens.model import QAModel` does as well.
                for name in child.names:
                    yield Import(file, child.lineno, function, f"{origin}.{name.name}")
            inside = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            yield from walk(child, inside)

    yield from walk(ast.parse(file.read_text(encoding="utf-8")), "")


def room_of(file: Path, package: Path) -> str:
    return file.relative_to(package).parts[0].removesuffix(".py")


def target_of(module: str) -> str:
    """The room that an import of `qalens…` reaches; "" for the root itself."""
    first = [*module.split("."), ""][1]
    home = qalens._HOME.get(first) or qalens._MODULES.get(first) or first
    return home.split(".")[0]


def faults(package: Path) -> list[str]:
    """What in the code disagrees with the picture, one line each."""
    found = []
    for file in sorted(package.rglob("*.py")):
        room = room_of(file, package)
        if room == "__init__":
            continue
        if room not in HOUSE:
            found.append(f"{room}: a room without a floor")
            continue
        for one in imports_of(file, package):
            where = f"{file.relative_to(package)}:{one.line}"
            top = one.module.split(".")[0]
            if top == "qalens":
                found += wrong_floor(room, target_of(one.module), one.function, where)
            elif room != "__main__" and room not in AT_HOME.get(top, {room}):
                found.append(f"{where}: {room} imports {top}")
    return found


def wrong_floor(room: str, target: str, function: str, where: str) -> list[str]:
    if target == room or target in HOUSE[room].also or (room, target, function) in ALLOWED:
        return []
    floor = HOUSE.get(target, ROOT).floor
    return [] if floor <= HOUSE[room].reach else [f"{where}: {room} imports {target or 'qalens'}"]


# --- rooms and floors -------------------------------------------------------------------------------------------------


def test_every_room_imports_only_from_below():
    assert faults(PACKAGE) == []


PLANTED = {
    "a room above": ("spans.py", "from qalens.decision import decide", "spans imports decision"),
    "a whole module": ("spans.py", "import qalens.reader", "spans imports reader"),
    "inside a function": ("text.py", "def f():\n    from qalens import windows", "text imports windows"),
    "for the type checker alone": (
        "views/html.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from qalens.model import QAModel",
        "views imports model",
    ),
    "a view and the reader": ("views/html.py", "from ..reader import Reader", "views imports reader"),
    "a name of the root": ("views/html.py", "from qalens import Reader", "views imports reader"),
    "the root": ("views/html.py", "import qalens", "views imports qalens"),
    "another function of an exception": (
        "reading.py",
        "def to_dict():\n    from qalens.views.html import reading_html",
        "reading imports views",
    ),
    "an exception at the top": ("reading.py", "from qalens.views import html", "reading imports views"),
    "a fake in the library": ("reader.py", "from qalens.testing import toy_model", "reader imports testing"),
    "a heavy package": ("spans.py", "def f():\n    import torch.nn", "spans imports torch"),
    "drawing in a record": ("reading.py", "from matplotlib import pyplot", "reading imports matplotlib"),
    "a new room": ("attic.py", "", "attic: a room without a floor"),
}


@pytest.mark.parametrize(("file", "code", "fault"), PLANTED.values(), ids=list(PLANTED))
def test_the_guard_finds_what_is_planted(tmp_path, file, code, fault):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(code)
    (found,) = faults(tmp_path)
    assert found.endswith(fault)


SOUND = {
    "down": ("spans.py", "from qalens.windows import Windows"),
    "beside": (
        "views/html.py",
        "from .axis import Scale\nfrom . import strips\nfrom qalens.views import text",
    ),
    "a record of an explanation": ("views/layers.py", "from qalens.explain.layers import LayerTrace"),
    "the picture of one": (
        "explain/layers.py",
        "def _repr_html_(self):\n    from qalens.views import layers",
    ),
    "the exception": ("reading.py", "def _repr_html_(self):\n    from qalens.views.html import reading_html"),
    "light packages": ("spans.py", "import numpy as np\nimport json"),
    "a name of the root from below": ("views/html.py", "from qalens import Reading"),
    "everything": ("__main__.py", "import qalens, torch\nfrom qalens.reader import load"),
}


@pytest.mark.parametrize(("file", "code"), SOUND.values(), ids=list(SOUND))
def test_the_guard_lets_pass_what_is_sound(tmp_path, file, code):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(code)
    assert faults(tmp_path) == []


def test_every_exception_to_the_floors_is_still_used():
    used = {
        (room_of(one.file, PACKAGE), target_of(one.module), one.function)
        for file in PACKAGE.rglob("*.py")
        for one in imports_of(file, PACKAGE)
    }
    assert set(ALLOWED) <= used


def test_no_file_is_a_drawer_for_everything():
    drawers = {"utils", "util", "core", "base", "common", "helpers", "misc"}
    assert [file.name for file in PACKAGE.rglob("*") if file.stem in drawers] == []


# --- the root ---------------------------------------------------------------------------------------------------------

PUBLIC = [
    "load",
    "evaluate",
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
    "by_window",
    "datasets",
    "decision",
    "documents",
    "errors",
    "evaluation",
    "explain",
    "model",
    "plots",
    "reader",
    "reading",
    "retrieval",
    "spans",
    "testing",
    "text",
    "views",
    "widgets",
    "windows",
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
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
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
    code = "from qalens import CharSpan, Decision, Example, Reading, FailedReading, SpanDistribution, windows"
    assert heavy_modules_after(code) == {"numpy"}


HTML_VIEWS = ("html", "attribution", "layers", "difference", "sentences", "faithfulness")


def test_pictures_of_records_need_no_model():
    # Records of explanations are named in views for the type checker alone, since some of their modules need torch.
    html = "".join(f"import qalens.views.{name}\n" for name in HTML_VIEWS)
    assert heavy_modules_after(html) == {"numpy"}
    assert heavy_modules_after("import qalens.views.plots") == {"numpy", "matplotlib"}


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
