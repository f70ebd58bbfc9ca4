from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


MODELS = """
    options: {requests: 3, label: [from=file]}
    models:
      - id: mine
        backends: {openai: {runtime: external, url: %s, version: 1.2.3}}
        tp: [2]
        gpus: [{count: 2}]
      - id: off
        skip: in repair
        backends: {openai: {runtime: external, url: %s}}
"""


@pytest.fixture
def models(project: Project, engine: FakeEngine) -> Path:
    """Write a file that names the fake engine."""
    path = project.root / "mine.yaml"
    path.write_text(textwrap.dedent(MODELS) % (engine.url, engine.url))
    return path


@pytest.mark.usefixtures("models")
def test_names_what_is_measured(project: Project) -> None:
    """Its models replace the shipped ones; stated facts count; a skipped entry says why."""
    left = project("--bench-config=mine.yaml", "-rs")
    assert left.code == 0, left.out
    deployment = left.result["deployment"]
    assert (deployment["id"], deployment["version"], deployment["gpus"]) == (
        "mine.openai.tp02.gpux02",
        "1.2.3",
        2,
    )
    metrics = left.result["metrics"]
    assert metrics["throughput_output_per_gpu"]["mean"] == pytest.approx(
        metrics["throughput_output"]["mean"] / 2
    )
    (skipped,) = left.unmeasured
    assert skipped["reason"] == "in repair"
    assert "SKIPPED [1] test_suite.py:4: in repair" in left.out


@pytest.mark.usefixtures("models")
def test_its_options_lose_to_all_others(
    project: Project, monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester
) -> None:
    """Command line over environment over ini over file."""
    run = ("--bench-config=mine.yaml", "--bench-requests=6")
    assert project(*run).result["load"]["requests"] == 6
    assert project(*run).report["environment"]["label"] == {"from": "file"}
    pytester.makeini("[pytest]\nbench_runs = 2\nbench_label = from=ini")
    monkeypatch.setenv("LLMBENCH_LABEL", "from=environment")
    left = project(*run)
    assert left.report["environment"]["label"] == {"from": "environment"}
    assert len(left.result["runs"]) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model: []", ["wrong.yaml:1", "model", "did you mean 'models'"]),
        ("options: {request: 3}", ["wrong.yaml:1", "unknown option 'request'", "did you mean 'requests'"]),
        ("options: {runs: none}", ["wrong.yaml", "expected a whole number", "'none'"]),
        ("models: [{id: a, source: b/c, run: [vlm]}]", ["wrong.yaml:1", "did you mean 'vllm'"]),
        (
            "models: [{id: a, source: 'builtin:tiny-gml', run: [llama]}]",
            ["wrong.yaml:1: source: no builtin model is named 'tiny-gml': did you mean 'tiny-glm'"],
        ),
        ("options: {runs: 2}", ["the configuration names no model"]),
        ("models: [", ["wrong.yaml", "not valid YAML"]),
    ],
)
def test_tells_what_is_wrong_and_where(project: Project, text: str, told: list[str]) -> None:
    """File, line, key and the nearest name."""
    (project.root / "wrong.yaml").write_text(text)
    project("--bench-config=wrong.yaml").usage_error(*told)


def test_must_exist(project: Project) -> None:
    """A file that is not there is named."""
    project("--bench-config=nowhere.yaml").usage_error("nowhere.yaml")
