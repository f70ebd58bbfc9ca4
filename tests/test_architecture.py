"""How the package is put together: who may import whom, how much a hook may do, where tests lie."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[1]
_PACKAGE = "pytest_llmbench"
_MODULES = {
    ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((_ROOT / _PACKAGE).rglob("*.py"))
}

_LAYERS = (
    {"errors", "counting"},
    {"records", "files", "shared_files", "termination"},
    {"slots"},
    {"spec", "client", "models", "backends", "metrics", "search"},
    {"workloads", "baselines", "telemetry"},
    {"runtimes", "reports", "result"},
    {"evals", "asking"},
    {"capacity", "recording", "judging", "measuring", "calibration"},
    # From here on they know pytest.
    {"options", "hookspecs"},
    {"settings"},
    {"markers"},
    {"collection", "progress", "load_settings", "planning"},
    {"servers"},
    {"measurements", "evaluations"},
    {"session"},
    {"outcomes"},
    {"fixtures", "reporting", "distribution", "commands"},
    {"activation", "cli"},
    {"plugin"},
)
"""Parts of the package; each may import what stands above it here, and itself."""
_LEVEL = {part: level for level, parts in enumerate(_LAYERS) for part in parts}
_KNOWS_PYTEST = _LEVEL["options"]

_TESTED_ELSEWHERE = {
    # Every integration test goes through these.
    "activation": "plugin",
    "evaluations": "plugin",
    "fixtures": "plugin",
    "hookspecs": "plugin",
    "measurements": "plugin",
    "outcomes": "plugin",
    "planning": "plugin",
    "plugin": "plugin",
    "servers": "plugin",
    "session": "plugin",
    # By whole measurements.
    "asking": "test_measure.py",
    # Worth something only with xdist's workers.
    "distribution": "plugin/test_distribution.py",
    # Engines are held to one table, and asked as servers are.
    "backends": "backends/test_engines.py",
    # Its parts are tested by what they do to requests.
    "client": "client",
    "commands": "test_cli.py",
    # Only worth something with the hub at its other end.
    "models.download": "models/test_hub.py",
    # Fields and no more, which are held to the published schema.
    "records": "reports/test_document.py",
    "reports.results_table": "reports/test_terminal.py",
    # Worth something only with a daemon.
    "runtimes.containers": "docker",
    # Runs in the server's process.
    "runtimes.embedded_child": "runtimes/test_embedded.py",
    "runtimes.gpus": "telemetry/test_inventory.py",
    "runtimes.server": "runtimes/test_external.py",
    "spec.base": "spec/test_load.py",
    "telemetry.gpu": "telemetry/test_nvml.py",
    "telemetry.listed": "telemetry/test_inventory.py",
    "spec.choices": "spec/test_resolve.py",
    "spec.said": "spec/test_resolve.py",
}
"""Modules, or folders of them, whose tests are in a file of another name, or in any of a folder."""


@cache
def _imports(module: str) -> frozenset[str]:
    """List the modules of ours, and pytest, that a module imports when it runs, in functions too.

    What stands under TYPE_CHECKING is left out: an annotation names what is handed in, and handing in is how
    a lower part gets to work with a higher one without knowing it.
    """
    return frozenset(_imported(ast.parse(_MODULES[module].read_text(encoding="utf-8"))))


def _imported(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        if isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            for alias in child.names:
                name = f"{child.module}.{alias.name}"
                yield name if name in _MODULES else str(child.module)
        yield from _imported(child)


def _part(module: str) -> str:
    return module.removeprefix(f"{_PACKAGE}.").partition(".")[0]


@pytest.mark.parametrize("module", [name for name in _MODULES if name != _PACKAGE])
def test_imports_point_one_way(module: str) -> None:
    """A module imports its own part and parts above it in the list; a new part is given its place first."""
    assert _part(module) in _LEVEL, "give this part its place in _LAYERS"
    level = _LEVEL[_part(module)]
    upward = [
        name
        for name in _imports(module)
        if name in _MODULES
        and name != _PACKAGE
        and _part(name) != _part(module)
        and _LEVEL[_part(name)] >= level
    ]
    assert upward == []


def test_the_library_does_not_know_pytest() -> None:
    """What lies below the settings can be used by a script: it imports no pytest, not even for a type."""
    for module, path in _MODULES.items():
        if module != _PACKAGE and _LEVEL[_part(module)] < _KNOWS_PYTEST:
            names = {alias for node in ast.walk(ast.parse(path.read_text())) for alias in _named(node)}
            assert not {name.partition(".")[0] for name in names} & {"pytest", "_pytest", "xdist"}, module


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [str(node.module)] if isinstance(node, ast.ImportFrom) else []


def test_there_are_no_import_cycles() -> None:
    """Whatever module is imported first."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for name in sorted(_imports(module) & _MODULES.keys()):
                visit(name, (*path, module))
            done.add(module)

    for module in _MODULES:
        visit(module, ())


def test_the_plugin_only_delegates() -> None:
    """At most 150 lines, and at most ten in a hook."""
    tree = ast.parse(_MODULES[f"{_PACKAGE}.plugin"].read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    hooks = [function for function in functions if function.name.startswith("pytest_")]
    assert hooks
    for hook in functions:
        first, last = hook.body[1 if ast.get_docstring(hook) else 0], hook.body[-1]
        assert (last.end_lineno or 0) - first.lineno < 10, hook.name
    code = [line for line in ast.unparse(tree).splitlines() if line.strip()]
    assert len(code) <= 150


@pytest.mark.parametrize("module", _MODULES)
def test_every_module_says_what_it_is(module: str) -> None:
    """In a docstring; __init__ of a part may be empty but for that."""
    assert ast.get_docstring(ast.parse(_MODULES[module].read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "module", [name for name, path in _MODULES.items() if path.stem not in {"__init__", "__main__"}]
)
def test_tests_mirror_the_package(module: str) -> None:
    """A module's tests lie in the folder of the same name, in a file that names or imports it."""
    tests = _ROOT / "tests"
    inside = module.removeprefix(f"{_PACKAGE}.")
    *folders, name = inside.split(".")
    files = [path for folder in (folders, folders[:1]) for path in tests.joinpath(*folder).glob("*.py")]
    named = any(path.stem == f"test_{name}" for path in files)
    known = (f"from {module} import", f"from {module.rpartition('.')[0]} import {name}\n")
    if named or any(text in path.read_text(encoding="utf-8") for path in files for text in known):
        return
    places = [place for part, place in _TESTED_ELSEWHERE.items() if f"{inside}.".startswith(f"{part}.")]
    assert places, f"{module} has no tests: write tests/{'/'.join((*folders, f'test_{name}.py'))}"
    assert all((tests / place).is_file() or list((tests / place).rglob("test_*.py")) for place in places)
