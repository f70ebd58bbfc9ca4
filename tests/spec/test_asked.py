"""What the command line says about the axes. Its mistakes are told in `test_expand`."""

from __future__ import annotations

from pytest_llmbench.spec.asked import Asked, read_asked
from pytest_llmbench.spec.files import GpuRequest
from pytest_llmbench.spec.plan import Selection


def test_reading() -> None:
    """Each value once, versions by backend."""
    selection = Selection(
        versions=("vllm=v1", "vllm=v2", "vllm=v1", "b7"), profiles=("a", "a"), tp=("2", "auto"),
        gpus=("2", "8xRTX 4090"),
    )  # fmt: skip
    assert read_asked(selection, ("vllm", "llama")) == Asked(
        {"vllm": ("v1", "v2"), None: ("b7",)},
        ("a",),
        (2, "auto"),
        (GpuRequest(count=2), GpuRequest(count=8, name="RTX 4090")),
    )
    assert read_asked(Selection(), ()) == Asked()
