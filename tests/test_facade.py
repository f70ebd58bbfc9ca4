"""What `import pytest_llmbench` gives."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_llmbench


@pytest.mark.parametrize("name", pytest_llmbench.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Each can be imported, is made at its home, and is documented there."""
    thing = getattr(pytest_llmbench, name)
    home = sys.modules[f"pytest_llmbench.{pytest_llmbench._HOMES[name]}"]
    assert getattr(home, name) is thing
    assert name in home.__all__
    if callable(thing):
        assert thing.__doc__


def test_the_lists_agree() -> None:
    """`__all__`, the table of homes and what type checkers read are one list, in order."""
    assert list(pytest_llmbench._HOMES) == pytest_llmbench.__all__
    assert sorted(pytest_llmbench.__all__, key=lambda name: (name != name.upper(), name)) == list(
        pytest_llmbench.__all__
    )
    tree = ast.parse(Path(str(pytest_llmbench.__file__)).read_text(encoding="utf-8"))
    checked = {
        f"{node.module}.{alias.name}"
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert checked == {f"pytest_llmbench.{home}.{name}" for name, home in pytest_llmbench._HOMES.items()}


def test_no_module_hides_a_name() -> None:
    """Importing a submodule makes it an attribute of the package: `measure` must stay the function."""
    submodules = {path.stem for path in Path(str(pytest_llmbench.__file__)).parent.iterdir()}
    assert not submodules & set(pytest_llmbench.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="'pytest_llmbench' has no attribute 'nothing'"):
        _ = pytest_llmbench.nothing


def test_importing_it_imports_nothing_else() -> None:
    """Each name is imported when it is first used."""
    script = (
        "import sys, pytest_llmbench; print([n for n in sys.modules if n.startswith('pytest_llmbench.')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_script_needs_no_pytest() -> None:
    """The library measures without it."""
    of_fixtures = {"Bench", "Evaluate"}
    names = ", ".join(name for name in pytest_llmbench.__all__ if name not in of_fixtures)
    script = f"import sys; from pytest_llmbench import {names}; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
