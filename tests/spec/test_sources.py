"""Models named by what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.spec.sources import check_source, detected_backend, model_id

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("source", "backend", "name"),
    [
        ("builtin:tiny-glm", "llama", "tiny-glm"),
        ("Qwen/Qwen3-8B-GGUF:Q4_K_M", "llama", "qwen3-8b-gguf-q4_k_m"),
        ("unsloth/GLM-4.7-Flash-GGUF", "llama", "glm-4.7-flash-gguf"),
        ("/models/My Model.GGUF", "llama", "my-model"),
        ("models/x.gguf", "llama", "x"),
        ("QuantTrio/GLM-4.7-Flash-AWQ", "vllm", "glm-4.7-flash-awq"),
        ("./checkpoints/run-7/", "vllm", "run-7"),
    ],
)
def test_format_and_name(source: str, backend: str, name: str) -> None:
    """The name alone tells the engine, and gives the id."""
    assert detected_backend(source) == backend
    assert model_id(source) == name


def test_what_looks_like_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builtins, hub ids and what exists are taken."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    for name in ("builtin:any", "owner/name", "owner/name:Q4", "weights", str(tmp_path)):
        check_source(name, [])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "tiny-glmm",
            (
                "--bench-model: unknown model 'tiny-glmm' (a path or a hub id, "
                "owner/name or owner/name:QUANT, works too): did you mean 'tiny-glm'?"
            ),
        ),
        ("nothing.gguf", "--bench-model nothing.gguf: no such file or folder"),
        ("./nothing", "--bench-model ./nothing: no such file or folder"),
        ("/nowhere/x.gguf", "--bench-model /nowhere/x.gguf: no such file or folder"),
    ],
)
def test_what_does_not(name: str, message: str) -> None:
    """A word that is no model gets the nearest one, a path to nothing is called that."""
    with pytest.raises(UsageError) as caught:
        check_source(name, ["tiny-glm"])
    assert str(caught.value) == message
