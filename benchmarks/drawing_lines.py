"""How many lines of code draw pictures: those of `qalens/display` and `qalens/widgets`, in Python and in JavaScript.

    python benchmarks/drawing_lines.py [FOLDER]

Counted are lines that hold code: no blank ones, no comments, no docstrings. Style sheets are told beside them and not summed
up. FOLDER is a checkout, by default this one.
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

FOLDERS = ("display", "widgets")
_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def python_lines(text: str) -> int:
    """Lines of Python that hold code.

    >>> python_lines('"About."\\n\\nx = 1  # one\\n# nothing\\ny = (\\n    2\\n)\\n')
    4
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - _docstrings(text))


def _docstrings(text: str) -> set[int]:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, holders) and ast.get_docstring(node, clean=False) is not None:
            said = node.body[0]
            found.update(range(said.lineno, (said.end_lineno or said.lineno) + 1))
    return found


def script_lines(text: str) -> int:
    """Lines of JavaScript, or of a style sheet, that hold code; comments stand on lines of their own.

    >>> script_lines("// about\\n/**\\n * more\\n */\\nlet x = 1; // one\\n\\n")
    1
    """
    code, inside = 0, False
    for line in map(str.strip, text.splitlines()):
        begins = line.startswith("/*")
        code += bool(line) and not (inside or begins or line.startswith("//"))
        inside = (inside or begins) and not line.endswith("*/")
    return code


def counted(root: Path) -> dict[str, Counter[str]]:
    """For each folder with those inside of it: its files, and its lines of Python, JavaScript and CSS."""
    counts = {"py": python_lines, "js": script_lines, "ts": script_lines, "css": script_lines}
    found = {}
    for folder in FOLDERS:
        lines: Counter[str] = Counter()
        for path in sorted((root / "qalens" / folder).rglob("*")):
            kind = path.suffix[1:]
            if kind in counts:
                lines[kind] += counts[kind](path.read_text("utf-8"))
                lines["files"] += 1
        found[folder] = lines
    return found


def main() -> None:
    """Print a line for each folder, and the sum of Python and JavaScript."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1])
    found = counted(parser.parse_args().folder)
    print(f"{'':<16}{'files':>7}{'Python':>8}{'JS':>8}{'CSS':>8}")
    for folder, lines in found.items():
        print(
            f"{folder:<16}{lines['files']:>7}{lines['py']:>8,}{lines['js'] + lines['ts']:>8,}{lines['css']:>8,}"
        )
    whole = sum(lines[kind] for lines in found.values() for kind in ("py", "js", "ts"))
    print(f"Python and JavaScript: {whole:,} lines")


if __name__ == "__main__":
    main()
