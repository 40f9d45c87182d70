"""Every public name with its signature, read from the code without running it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

ROOT = Path(__file__).parents[1]
# Modules whose `__all__` is public; the root's own names come first.
MODULES = (
    "qalens",
    "qalens.explain",
    "qalens.behavior",
    "qalens.widgets",
    "qalens.display.plots",
    "qalens.datasets",
    "qalens.testing",
)
STARS = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}
INTEGRATIONS = ("qalens.integrations.transformers",)


def public_api() -> list[str]:
    """One line for each function, class, method and field, in the order of their names."""
    return [line_of(path, member) for path, member in public_members()]


def public_members() -> Iterator[tuple[str, Any]]:
    """Every public function, class, method and field, with the path under which it is reached."""
    package = griffe.load("qalens", search_paths=[ROOT], resolve_aliases=True)
    for path in (*MODULES, *INTEGRATIONS):
        module = package if path == "qalens" else package[path.removeprefix("qalens.")]
        for name in sorted(names_of(module)):
            yield from members_of(f"{path}.{name}", module[name])


def names_of(module: Any) -> list[str]:
    if module.exports is not None:
        return [str(name) for name in module.exports]
    return [
        name for name, member in module.members.items() if not name.startswith("_") and not member.is_alias
    ]


def members_of(path: str, member: Any) -> Iterator[tuple[str, Any]]:
    if member.is_alias:
        member = member.final_target
    if not member.is_module:
        yield path, member
    if member.is_class:
        for name, inner in sorted(member.members.items()):
            if not name.startswith("_") and not inner.is_alias:
                yield from members_of(f"{path}.{name}", inner)


def line_of(path: str, member: Any) -> str:
    if member.is_function:
        return f"{path}({arguments(member)}) -> {member.returns}"
    if member.is_class:
        return f"class {path}({', '.join(map(str, member.bases))})"
    return f"{path}: {member.annotation}"


def arguments(function: griffe.Function) -> str:
    shown, starred = [], False
    for each in function.parameters:
        if each.name == "self":
            continue
        if each.kind is griffe.ParameterKind.keyword_only and not starred:
            shown.append("*")
        starred = starred or each.kind in (
            griffe.ParameterKind.keyword_only,
            griffe.ParameterKind.var_positional,
        )
        stars = "" if each.kind is None else STARS.get(each.kind, "")
        default = "" if stars or each.default is None else f" = {each.default}"
        shown.append(f"{stars}{each.name}: {each.annotation}{default}")
    return ", ".join(shown)
