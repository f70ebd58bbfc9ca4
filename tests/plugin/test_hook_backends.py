"""The hook `pytest_llmbench_backends`, through the example of the docs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

DOCS = Path(__file__).parents[2] / "docs" / "engines.md"
CONFIG = """\
models:
  - id: glm
    source: owner/glm
    run: [atom]
    tp: [2]
    backends: {{atom: {{version: v1, args: {{{args}}}}}}}
"""


@pytest.fixture
def atom(project: Project) -> Project:
    """A project that has the sixth engine."""
    example = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert example
    (project.root / "conftest.py").write_text(example[1])
    return project


def _configure(project: Project, args: str) -> None:
    (project.root / "atom.yaml").write_text(CONFIG.format(args=args))


def test_engine_is_as_good_as_the_built_in_ones(atom: Project) -> None:
    """Its name is known to the configuration, and its arguments are checked."""
    _configure(atom, "kv-cache-dtype: fp8, enforce-eager: true")
    left = atom("--bench-config=atom.yaml", "--bench-show-config")
    assert left.code == 0, left.out
    assert "glm.atom.tp02.gpux02" in left.out
    _configure(atom, "kv-cache-dtyp: fp8")
    atom("--bench-config=atom.yaml").usage_error("of backend atom: did you mean 'kv-cache-dtype'?")


def test_command_line_is_its_own(atom: Project) -> None:
    """It says in the engine's words what the deployment says."""
    (atom.root / "test_atom.py").write_text(
        "import pytest\n"
        "from pytest_llmbench.backends import BACKENDS\n"
        "from pytest_llmbench.backends.base import Launch\n"
        "from pytest_llmbench.spec.deployment import Deployment\n"
        "def test_command():\n"
        "    asked = Deployment(model='m', source='o/m', backend='atom', runtime='docker', tp=2,\n"
        "        args=(('enable-prefix-caching', True), ('kv-cache-dtype', 'fp8')))\n"
        "    launch = Launch(('atom',), '/models/m', 'm-1', '0.0.0.0', 8000)\n"
        "    assert ' '.join(BACKENDS['atom'].command(asked, launch)) == ('atom --model /models/m'\n"
        "        ' --served-model-name m-1 --host 0.0.0.0 --server-port 8000 --tensor-parallel-size 2'\n"
        "        ' --data-parallel-size 1 --enable_prefix_caching --kv_cache_dtype fp8')\n"
    )
    _configure(atom, "")
    left = atom("--bench-config=atom.yaml", "-mnot bench", "test_atom.py")
    assert "1 passed" in left.out, left.out


def test_name_that_is_taken(project: Project) -> None:
    """A built-in engine cannot be replaced behind somebody's back."""
    (project.root / "conftest.py").write_text(
        "from pytest_llmbench.backends.vllm import VLLM\n"
        "def pytest_llmbench_backends():\n"
        "    return [VLLM()]\n"
    )
    project("--bench-model=tiny-glm").usage_error("two engines are called 'vllm'")
