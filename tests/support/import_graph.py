"""The import graph of the project, read from the source with `ast`; nothing is imported."""

from __future__ import annotations

import ast
import functools
import graphlib
from collections.abc import Iterable, Mapping
from pathlib import Path

Graph = Mapping[str, set[str]]


def find_modules(root: Path, folders: Iterable[str]) -> dict[str, Path]:
    """Return the file of every module below some folders of `root`, by its dotted name."""
    return {
        module_name(path.relative_to(root)): path
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
    }


def module_name(path: Path) -> str:
    """Return the dotted name of a module from its path relative to the root."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imported_names(path: Path) -> frozenset[str]:
    """Return everything that a file imports, at any depth: in functions and behind `TYPE_CHECKING` too.

    `from a import b` counts as both `a` and `a.b`, because `b` may be a module.

    Raises:
        ValueError: If the file has a relative import.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ValueError(f"{path}:{node.lineno}: relative import")
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def import_graph(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return which of the modules each of them imports.

    `from package import module` is an import of `package.module`, not of `package`; `from package import name`, where
    the package defines the name, is an import of `package`.
    """
    graph = {}
    for module, path in modules.items():
        names = imported_names(path) & modules.keys()
        packages = {name.rpartition(".")[0] for name in names}
        graph[module] = {name for name in names if name not in packages or not _is_package(modules[name])}
    return graph


def find_cycle(graph: Graph) -> list[str]:
    """Return one import cycle, from a module back to itself; empty if there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle[::-1]  # graphlib lists predecessors; read this way, each module imports the next
    return []


def reachable_names(start: str, modules: Mapping[str, Path], *, skip: Iterable[str] = ()) -> set[str]:
    """Return every name that importing a module leads to, in the project and outside of it.

    Args:
        start: The module to start from.
        modules: The modules of the project.
        skip: Modules that are not followed, and packages whose modules are not.
    """
    skip = tuple(skip)
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen or any(is_within(name, one) for one in skip):
            continue
        seen.add(name)
        if name in modules:
            waiting += imported_names(modules[name])
    return seen


def is_within(module: str, package: str) -> bool:
    """Return whether a module is a package or is inside it."""
    return f"{module}.".startswith(f"{package}.")


def _is_package(path: Path) -> bool:
    return path.name == "__init__.py"
