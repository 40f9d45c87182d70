"""Write the tables of modules in docs/architecture.md from the first sentences of the modules themselves.

python docs/modules.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "qalens"
PAGE = HERE / "architecture.md"
BEGIN, END = "<!-- modules -->", "<!-- end of modules -->"
# As a reader meets them, more or less from below; `pyproject.toml` has which may import which.
ORDER = (
    "text datasets spans readings retrieval models explain evaluation behavior display widgets browser integrations"
).split()


def tables() -> str:
    """All tables, one for each package, and one for the modules of the root."""
    parts = [f"### `qalens`\n\n{_table(_rows(PACKAGE, PACKAGE.glob('*.py')))}"]
    for name in ORDER:
        folder = PACKAGE / name
        parts.append(f"### `qalens.{name}`\n\n{_first_sentence(folder / '__init__.py')}.")
        if rows := list(_rows(folder, folder.rglob("*.py"))):
            parts.append(_table(rows))
    return "\n\n".join(parts)


def page_with(tables: str) -> str:
    """The page with these tables between its two marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def _rows(folder: Path, files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for file in sorted(files):
        if file.name != "__init__.py":
            yield f"`{file.relative_to(folder).as_posix()}`", _first_sentence(file)
        elif file.parent != folder:
            yield f"**`{file.parent.relative_to(folder).as_posix()}/`**", _first_sentence(file)


def _first_sentence(file: Path) -> str:
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).removesuffix(".")


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {name} | {purpose} |" for name, purpose in rows]
    return "\n".join(["| module | what it is for |", "|---|---|", *lines])


if __name__ == "__main__":
    PAGE.write_text(page_with(tables()), encoding="utf-8")
