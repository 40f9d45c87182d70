"""The script and the style sheet of an explorer, put together by following the imports of its module in `js/`.

Modules are written for editors, type checkers and tests as ES modules that import each other; a widget needs one module
without any import. So the modules stand one after the other, each after those it imports, in one scope: their top-level
names have to differ, which a test checks, and so do the names of the files.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from importlib.resources.abc import Traversable

from qalens.display.html.page import sheet

_IMPORT = re.compile(r'^import \{[^}]*\} from "\.[./a-z]*/([a-z_]+)\.js";$', re.M)
_EXPORT = re.compile(r"^export ", re.M)
_REM = re.compile(r"(?<![\w.])(-?[\d.]+)rem\b")
# Drawn in a notebook (`export default`) and in a page of its own (see page.py).
_DRAW = "const draw = given => render(explore, given, {scope!r});"


@functools.cache
def modules(name: str) -> tuple[str, ...]:
    """The modules that a module needs, each after all that it imports itself; its own name comes last.

    >>> modules("words")
    ('numbers', 'words')
    """
    found: dict[str, None] = {}
    for other in _IMPORT.findall(_text(f"{name}.js")):
        found |= dict.fromkeys(modules(other))
    return (*found, name)


@functools.cache
def script_text(name: str) -> str:
    """An explorer's module as one text without imports: it defines `draw({model, el})`, `stillModel(traits)` and `fitFrame`.

    >>> "function render(" in script_text("span_explorer"), "import " in script_text("span_explorer")
    (True, False)
    """
    needed = dict.fromkeys((*modules("explorer"), "still_model", "frame", *modules(name)))
    texts = [_EXPORT.sub("", _bare(_IMPORT.sub("", _text(f"{one}.js")))) for one in needed]
    return "\n".join([*texts, _DRAW.format(scope=_scope(name))])


@functools.cache
def style_text(name: str) -> str:
    """The sheets that all explorers have in common, and those with the names of one's modules, which reach only its own root.

    Those in common are the palette and the parts as in still views, and what is live around them. Jupyter keeps the sheets
    of all explorers in one page, in any order. So those in common are the same in each of them, and every other stands
    under a class of its explorer's root, one class heavier.

    >>> ".ql-of-span-explorer {" in style_text("span_explorer")
    True
    """
    own = [_sized(_text(f"{one}.css")) for one in modules(name) if f"{one}.css" in _files()]
    common = _sized(sheet("ql-x", "parts", "pictures")), _sized(_text("explorer.css"))
    return "\n".join([*common, f".ql-x.ql-x.{_scope(name)} {{", *own, "}"])


def _sized(sheet: str) -> str:
    """A sheet whose lengths go with the content font of the host; conditions of containers know no variables."""
    lines = _bare(sheet).splitlines()
    return "\n".join(
        line if line.startswith("@") else _REM.sub(r"calc(\1 * var(--ql-rem))", line) for line in lines
    )


def _scope(name: str) -> str:
    return f"ql-of-{name.replace('_', '-')}"


def _text(name: str) -> str:
    return _files()[name].read_text("utf-8")


@functools.cache
def _files() -> dict[str, Traversable]:
    """Scripts and sheets by name, which differs whatever their folder."""
    root = importlib.resources.files("qalens.widgets") / "js"
    places = [root, *(place for place in root.iterdir() if place.is_dir())]
    return {file.name: file for place in places for file in place.iterdir() if file.is_file()}


def _bare(text: str) -> str:
    """A script or sheet without comments and indents, since it goes along with every explorer.

    Comments of ours stand on lines of their own, and no text of ours runs over several lines.
    """
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(("// ", "/*", "*")))
