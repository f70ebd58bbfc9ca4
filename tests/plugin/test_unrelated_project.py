"""A project that merely has the plugin installed must not notice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_HEAVY = {"asyncio", "multiprocessing", "ssl", "subprocess"}  # of Python's own; of others there are none
_LIGHT = {
    "__init__",
    "collection",
    "errors",
    "fixtures",
    "hookspecs",
    "markers",
    "options",
    "outcomes",
    "plugin",
    "settings",
}
_QUIET = ["-p", "no:benchmark", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:deepeval"]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Give a project with tests of its own, and fixtures that are called like ours."""
    (tmp_path / "conftest.py").write_text(
        "import json, sys, pytest\n"
        "@pytest.fixture\ndef llm_server(): return 'mine'\n"
        "@pytest.fixture\ndef workload(): return 'mine'\n"
        "def pytest_unconfigure(config):\n"
        "    with open('modules.json', 'w') as file: json.dump(sorted(sys.modules), file)\n"
    )
    (tmp_path / "test_it.py").write_text(
        "def test_it(llm_server, workload): assert llm_server == workload == 'mine'\ndef test_other(): pass\n"
    )
    return tmp_path


def run(folder: Path, *args: str) -> str:
    """Run pytest there and return what it said."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *_QUIET, *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def modules(folder: Path, *args: str) -> set[str]:
    """Run pytest there and list what it had imported in the end."""
    run(folder, *args)
    found = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").unlink()
    return set(found)


@pytest.mark.parametrize("args", [["-p", "no:xdist"], ["-m", "not bench"]], ids=["plain", "not bench"])
def test_imports_nothing_heavy(other: Path, args: list[str]) -> None:
    """Of ours only what declares options and fixtures; of others only what is small and Python's own."""
    with_us, without = modules(other, *args), modules(other, *args, "-p", "no:llmbench")
    added = with_us - without
    ours = {name for name in added if name.startswith("pytest_llmbench")}
    assert ours <= {"pytest_llmbench", *(f"pytest_llmbench.{name}" for name in _LIGHT)}
    roots = {name.partition(".")[0] for name in added - ours}
    assert roots <= set(sys.stdlib_module_names) - _HEAVY


@pytest.mark.parametrize("args", [[], ["-n2"], ["-n2", "--dist=loadfile"]], ids=["plain", "n2", "loadfile"])
def test_writes_nothing_and_replaces_nothing(other: Path, args: list[str]) -> None:
    """Its tests run with its own fixtures and its own scheduler, and no file appears."""
    (other / "conftest.py").write_text(
        (other / "conftest.py").read_text()
        + "\n@pytest.hookimpl(optionalhook=True)"
        + "\ndef pytest_xdist_node_collection_finished(node):"
        + "\n    print('SCHEDULER', type(node.config.pluginmanager.getplugin('dsession').sched).__module__)\n"
    )
    before = {path for path in other.rglob("*") if "__pycache__" not in path.parts}
    out = run(other, "-s", *args)
    assert "2 passed" in out
    assert "llmbench" not in out.replace("llmbench-", "")
    if args:
        assert set(re.findall(r"SCHEDULER (\S+)", out)) == {
            "xdist.scheduler.loadfile" if "--dist=loadfile" in args else "xdist.scheduler.load"
        }
    after = {path for path in other.rglob("*") if "__pycache__" not in path.parts}
    assert after - before == {other / "modules.json"}


def test_costs_little_beside_pytest(other: Path) -> None:
    """Importing and configuring us: a fraction of the CPU time that importing pytest takes, best of three.

    Of both, for a slow machine is slow in either, and CPU time is not that of others on it.
    """
    timer = (
        "import sys, time\n"
        "now = time.process_time\n"
        "before = now()\n"
        "import pytest, _pytest.config\n"
        "theirs = now() - before\n"
        "spent = 0.0\n"
        "before = now()\n"
        "import pytest_llmbench.plugin as plugin\n"
        "spent += now() - before\n"
        "def timed(function):\n"
        "    def wrapper(*args):\n"
        "        global spent\n"
        "        before = now()\n"
        "        try: return function(*args)\n"
        "        finally: spent += now() - before\n"
        "    return wrapper\n"
        "class Ours:\n"
        "    @staticmethod\n"
        "    def pytest_addoption(parser): timed(plugin.pytest_addoption)(parser)\n"
        "    @staticmethod\n"
        "    def pytest_configure(config): timed(plugin.pytest_configure)(config)\n"
        "    @staticmethod\n"
        "    def pytest_cmdline_main(config): return timed(plugin.pytest_cmdline_main)(config)\n"
        "    @staticmethod\n"
        "    def pytest_collection_modifyitems(config, items):\n"
        "        timed(plugin.pytest_collection_modifyitems)(config, items)\n"
        f"code = pytest.main({[*_QUIET, '-p', 'no:llmbench', '-q']!r}, plugins=[Ours()])\n"
        "print('SPENT', int(code), spent, theirs)\n"
    )
    ours, theirs = [], []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", timer], cwd=other, capture_output=True, text=True, check=False
        )
        found = re.search(r"SPENT 0 (\S+) (\S+)", done.stdout)
        assert found, done.stdout + done.stderr
        ours.append(float(found[1]))
        theirs.append(float(found[2]))
    assert min(ours) < min(theirs) / 4
