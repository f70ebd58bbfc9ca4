"""The configuration that comes with the package."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.arguments import load_table
from pytest_llmbench.spec.load import FILE_NAMES, load_configuration, shipped_folder
from pytest_llmbench.spec.plan import Selection
from pytest_llmbench.spec.resolve import resolve
from tests.spec.conftest import FakeEngine

if TYPE_CHECKING:
    from pathlib import Path

FIVE = ("vllm", "sglang", "trtllm", "llama", "ik_llama")
ENGINES = {name: FakeEngine(name) for name in (*FIVE, "openai")}
FILES = [shipped_folder() / name for name in FILE_NAMES]


def test_models() -> None:
    """It needs no environment, covers all engines, pins every image, begins with what runs anywhere."""
    plan = resolve(load_configuration(FILES, {}), Selection(), ENGINES)
    assert {deployment.backend for deployment in plan.deployments} == set(FIVE)
    assert [deployment.id for deployment in plan.deployments[:2]] == [
        "tiny-glm.llama.tp01.gpux00",
        "tiny-llama.llama.tp01.gpux00",
    ]
    assert {deployment.runtime for deployment in plan.deployments[:2]} == {"embedded"}
    for deployment in plan.deployments[2:]:
        assert (deployment.runtime, bool(deployment.version)) == ("docker", True)
        assert not deployment.skip
        assert deployment.gpus > 0


def test_the_example_in_the_comment_works(tmp_path: Path) -> None:
    """The entry for a server that runs can be used by taking the comment signs away."""
    comment = FILES[0].read_text(encoding="utf-8").partition("  # - id: my-server")
    example = "models:\n" + re.sub(r"^  # ", "  ", "".join(comment[1:]), flags=re.MULTILINE)
    (tmp_path / "a.yaml").write_text(example, encoding="utf-8")
    [deployment] = resolve(load_configuration([tmp_path / "a.yaml"], {}), Selection(), ENGINES).deployments
    assert deployment.id == "my-server.openai.tp02.gpux02"
    assert (deployment.version, deployment.api_key_env) == ("0.32.0", "MY_SERVER_KEY")


def test_workloads() -> None:
    """Three of real prompts, growing in both directions, and exact lengths that say theirs in their id."""
    workloads = load_configuration(FILES, {}).workloads
    real = [workloads[name] for name in ("short", "medium", "long")]
    assert [workload.output_tokens for workload in real] == [100, 300, 500]
    for shorter, longer in pairwise(real):
        longest = max(len(prompt) for prompt in shorter.prompts)
        assert longest * 1.5 < min(len(prompt) for prompt in longer.prompts)
    for name, workload in workloads.items():
        assert workload.description
        if workload.input_tokens:
            assert name == f"in{workload.input_tokens:04d}-out{workload.output_tokens:04d}"


def test_arguments_and_versions_are_those_the_tables_know() -> None:
    """Every engine's own check accepts what is shipped for the version that the table was made from.

    llama.cpp numbers its builds and tells another version.
    """
    plan = resolve(load_configuration(FILES, {}), Selection(), BACKENDS)
    versions = {one.backend: one.version for one in plan.deployments if one.runtime == "docker"}
    for name in ("vllm", "sglang", "trtllm", "ik_llama"):
        assert str(versions[name]).removeprefix("v").startswith(load_table(name).version.split()[0])
