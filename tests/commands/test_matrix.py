"""`llmbench matrix`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.cli import USAGE, main

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
defaults: {backends: {vllm: {version: v1, env: {HF_TOKEN: hunter2}}}}
rules: [{when: {tp: 4}, reason: "broken"}, {when: {backend: vllm, gpu: RTX 4090}, reason: "no fp8"}]
models:
  - {id: glm, source: MODEL, run: [vllm], tp: [1, 2, 3, 4]}
  - {id: tiny, source: "builtin:tiny-glm", skip: "later"}
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a project with a model whose sizes are known."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("LLMBENCH_"):
            monkeypatch.delenv(name)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"num_attention_heads": 32, "hidden_size": 64}')
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "models.yaml").write_text(CONFIG.replace("MODEL", "./model"))


TABLE = """\
glm.vllm.tp01.gpux01    docker    v1
glm.vllm.tp02.gpux02    docker    v1
tiny.llama.tp01.gpux00  embedded  skipped: later

dropped:
glm.vllm.tp03.gpux03    tp 3 does not divide the 32 attention heads
glm.vllm.tp04.gpux04    broken (config/models.yaml:2)

3 deployments, 2 dropped
"""


def test_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """What would be run, in order, and what would not, with the reason and its place."""
    assert main(["matrix"]) == 0
    assert capsys.readouterr().out == TABLE


def test_some_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments select as pytest's options of the same names do."""
    selected = ["--model", "glm", "--backend-version", "vllm=v7,vllm=v8", "--tp", "auto"]
    assert main(["matrix", *selected, "--gpus", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "glm.vllm.v7.tp02.gpux02  docker    v7",
        "glm.vllm.v8.tp02.gpux02  docker    v8",
    ]


def test_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    """All reasons are shown, where pytest would tell the first and refuse."""
    assert main(["matrix", "--model", "glm", "--tp", "3,4"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "dropped:",
        "glm.vllm.tp03.gpux03  tp 3 does not divide the 32 attention heads",
        "glm.vllm.tp04.gpux04  broken (config/models.yaml:2)",
        "",
        "0 deployments, 2 dropped",
        "nothing is left to run: pytest refuses this selection",
    ]


def test_options_from_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What pytest takes from files, ini files and the environment holds here too, the nearest first."""

    def ids(*arguments: str) -> list[str]:
        assert main(["matrix", "--json", *arguments]) == 0
        return [one["id"] for one in json.loads(capsys.readouterr().out)["deployments"]]

    config = tmp_path / "config" / "models.yaml"
    config.write_text(config.read_text() + "options: {model: glm, tp: 1}\n")
    assert ids() == ["glm.vllm.tp01.gpux01"]
    (tmp_path / "pytest.ini").write_text("[pytest]\nbench_tp = 2\n")
    assert ids() == ["glm.vllm.tp02.gpux02"]
    monkeypatch.setenv("LLMBENCH_TP", "1,2")
    assert ids() == ["glm.vllm.tp01.gpux01", "glm.vllm.tp02.gpux02"]
    assert ids("--tp", "1") == ["glm.vllm.tp01.gpux01"]
    monkeypatch.setenv("LLMBENCH_REQUESTS", "many")
    assert main(["matrix"]) == USAGE
    assert "LLMBENCH_REQUESTS: expected a whole number" in capsys.readouterr().err


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With all values of a deployment, secrets named and not told."""
    assert main(["matrix", "--json"]) == 0
    out = capsys.readouterr().out
    assert "hunter2" not in out
    document = json.loads(out)
    assert [one["id"] for one in document["deployments"]][2] == "tiny.llama.tp01.gpux00"
    assert document["deployments"][0]["env"]["HF_TOKEN"] == "***"
    assert [(one["tp"], one["reason"], one["origin"]) for one in document["dropped"]] == [
        (3, "tp 3 does not divide the 32 attention heads", None),
        (4, "broken", "config/models.yaml:2"),
    ]


def test_why(capsys: pytest.CaptureFixture[str]) -> None:
    """Where each value is from, after why it is not run, or not everywhere."""
    assert main(["matrix", "--why", "glm.vllm.tp04.gpux04"]) == 0
    dropped, rule, name, *rows = capsys.readouterr().out.splitlines()
    assert dropped == "dropped: broken (config/models.yaml:2)"
    assert rule == "not on RTX 4090: no fp8"
    assert name == "glm.vllm.tp04.gpux04"
    assert any(row.split() == ["tp", "4", "config/models.yaml:4"] for row in rows)
    assert main(["matrix", "--why", "glm.vllm.tp05.gpux05"]) == USAGE
    assert "no combination is called 'glm.vllm.tp05.gpux05': did you mean" in capsys.readouterr().err
