"""The layers hold: nobody imports from above, and nothing imports in a circle."""

import subprocess
import sys

import pytest

from boxship.cli.commands import COMMANDS
from tests.arch import sources, table


def _floor(module: str) -> int | None:
    """The number of the module's floor; the longest matching prefix decides."""
    matches = [
        (len(prefix), number)
        for number, prefixes in enumerate(table.FLOORS)
        for prefix in prefixes
        if _below(module, prefix)
    ]
    return max(matches)[1] if matches else None


def _below(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(f"{prefix}.")


def _below_any(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(_below(module, prefix) for prefix in prefixes)


def _may_import(importer: str, imported: str) -> bool:
    if imported == "boxship" or _below_any(importer, table.ROOTS):
        return True
    for package, allowed in table.ELSEWHERE.items():
        if _below(importer, package):
            return _below(imported, package) or _below_any(imported, allowed)
    if importer == "boxship":
        return True
    mine, other = _floor(importer), _floor(imported)
    return mine is not None and other is not None and other <= mine


def test_every_package_has_a_place_in_the_table() -> None:
    places = (*table.ELSEWHERE, *table.ROOTS, "boxship.__main__")
    homeless = [
        name
        for name in sources.modules()
        if name != "boxship" and _floor(name) is None and not _below_any(name, places)
    ]
    assert homeless == []


def test_nobody_imports_from_above() -> None:
    wrong = [
        f"{path.relative_to(sources.ROOT)}:{line} imports {imported}"
        for name, path in sources.modules().items()
        for line, imported in sources.imports(path)
        if not _may_import(name, imported)
    ]
    assert wrong == []


def test_nothing_imports_in_a_circle() -> None:
    graph = {
        name: {imported for _, imported in sources.imports(path, top_level=True)} - {name}
        for name, path in sources.modules().items()
    }
    done: set[str] = set()
    for name in graph:
        circle = _circle(graph, name, [], done)
        assert circle is None, " -> ".join(circle or [])


def _circle(
    graph: dict[str, set[str]], name: str, path: list[str], done: set[str]
) -> list[str] | None:
    if name in path:
        return [*path[path.index(name) :], name]
    if name in done:
        return None
    for imported in sorted(graph.get(name, ())):
        circle = _circle(graph, imported, [*path, name], done)
        if circle:
            return circle
    done.add(name)
    return None


def _module_of(command: str) -> str:
    for words, (module, _, others) in COMMANDS.items():
        if command in (words, *others):
            return f"boxship.cli.{module}"
    raise LookupError(command)


@pytest.mark.parametrize("command", table.HOT_COMMANDS)
def test_a_hot_command_imports_little(command: str) -> None:
    code = (
        f"import sys; sys.path.append({str(sources.ROOT)!r}); import boxship.entrypoints.cli, "
        f"boxship.cli.main, {_module_of(command)}; print(*sys.modules)"
    )
    interpreter = [sys.executable, "-I", "-S", "-c", code]
    loaded = subprocess.run(interpreter, capture_output=True, text=True, check=True).stdout.split()
    assert sorted(set(loaded) & set(table.HEAVY_MODULES)) == []
    assert len(loaded) <= table.MAX_MODULES
