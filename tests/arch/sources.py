"""The package's source files and what they import, read from their syntax trees."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def files() -> list[Path]:
    """Every module of the package."""
    return sorted((ROOT / "boxship").rglob("*.py"))


def module_name(path: Path) -> str:
    """``boxship/a/__init__.py`` -> ``boxship.a``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(), str(path))


@functools.cache
def modules() -> dict[str, Path]:
    """All modules by name."""
    return {module_name(path): path for path in files()}


def imports(path: Path, *, top_level: bool = False) -> Iterator[tuple[int, str]]:
    """(line, module) for each import of a module of the package.

    ``from boxship.a import b`` names ``boxship.a.b`` where that is a module. top_level: only what
    importing the file runs.
    """
    for node in _statements(tree(path)) if top_level else ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if _ours(name.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _ours(node.module):
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield node.lineno, whole if whole in modules() else node.module


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every node outside of functions and of ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _statements(child)


def _ours(name: str) -> bool:
    return name == "boxship" or name.startswith("boxship.")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(place, length in lines) of each function; the docstring does not count."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            end = node.end_lineno or node.lineno
            first = node.body[0]
            doc = ast.get_docstring(node) is not None
            words = (first.end_lineno or 0) - first.lineno + 1 if doc else 0
            place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            yield place, end - node.lineno + 1 - words
